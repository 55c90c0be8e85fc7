"""The first part of a VNN-LIB 2.0 query: `(declare-network ...)`, and the variables that the assertions may name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ivan.errors import PropertyError
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor
from ivan.vnnlib.elements import ELEMENTS, REAL
from ivan.vnnlib.syntax import Source, quoted

MOST_SCALARS = 10_000_000
"""Elements that all inputs, or all outputs and hidden tensors, may have."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = frozenset(("and", "or"))
_RELATIONS = ("equal-to", "isomorphic-to")
_KINDS = ("declare-input", "declare-hidden", "declare-output")
_DIMENSION = re.compile(r"0*([1-9][0-9]{0,17})")
_ESCAPE = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "t": "\t"}
_FORM = "(declare-input X float32 [1,2])"


@dataclass(frozen=True)
class Place:
    """Where the scalars of a tensor are among all inputs, or among all outputs.

    Attributes:
        tensor: the tensor.
        first: the number of its first scalar.
        is_input: whether that counts inputs.
    """

    tensor: DeclaredTensor
    first: int
    is_input: bool

    def key(self, indices: Sequence[int]) -> int:
        """The key (formula.py) of an element, given one index for each dimension and each within its dimension."""
        offset = 0
        for index, size in zip(indices, self.tensor.shape, strict=True):
            offset = offset * size + index
        return self.first + offset if self.is_input else ~(self.first + offset)


@dataclass(frozen=True)
class Interface:
    """All that a query declares.

    Attributes:
        networks: in the order of the text.
        places: of every tensor, by its name.
        inputs: number of input scalars.
        outputs: number of output and hidden scalars.
    """

    networks: tuple[DeclaredNetwork, ...]
    places: dict[str, Place]
    inputs: int
    outputs: int


def read_networks(source: Source, start: int) -> tuple[Interface, int]:
    """Reads the declarations from token `start` on.

    Returns:
        what they declare, and the index of the token behind them.

    Raises:
        PropertyError: ill-formed, or against the rules of the standard.
    """
    return _Reader(source).interface(start)


def bracketed(source: Source, start: int) -> tuple[list[int], int]:
    """Reads `[n, n, ...]`, its `[` at token `start`.

    Returns:
        the tokens in it that stand for numbers, unchecked, and the index behind the `]`.

    Raises:
        PropertyError: a comma or the bracket is missing.
    """
    tokens, at = source.tokens, start + 1
    places: list[int] = []
    if tokens[at] == "]":
        return places, at + 1
    while True:
        if tokens[at] in ("", ",", "]", "(", ")"):
            raise source.error("a number is missing in these brackets", start, at, hint="write [1,2]")
        places.append(at)
        at += 1
        if tokens[at] == "]":
            return places, at + 1
        if tokens[at] != ",":
            raise source.error("',' or ']' expected", at, hint="write [1,2]")
        at += 1


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = source.tokens
        self._networks: dict[str, DeclaredNetwork] = {}
        self._declared: dict[str, int] = {}  # tensor -> token of its name

    def interface(self, start: int) -> tuple[Interface, int]:
        at = start
        while self._tokens[at : at + 2] == ["(", "declare-network"]:
            at = self._network(at)
        networks = tuple(self._networks.values())
        if not networks:
            raise self._source.error(
                "a network must be declared first",
                at,
                hint="(declare-network N (declare-input X float32 [1]) (declare-output Y float32 [1]))",
            )
        inputs = list(chain.from_iterable(network.inputs for network in networks))
        outputs = [tensor for network in networks for tensor in (*network.outputs, *network.hidden)]
        places: dict[str, Place] = {}
        counts = []
        for tensors, is_input in ((inputs, True), (outputs, False)):
            first = 0
            for tensor in tensors:
                places[tensor.name] = Place(tensor, first, is_input)
                first += tensor.size
                if first > MOST_SCALARS:
                    raise self._source.error(
                        f"more than {MOST_SCALARS} elements are declared",
                        self._declared[tensor.name],
                        hint="declare smaller tensors",
                    )
            counts.append(first)
        return Interface(networks, places, *counts), at

    def _network(self, start: int) -> int:
        name = self._name(start + 2, "network")
        if name in self._networks:
            raise self._source.error(f"network '{name}' is declared twice", start + 2, hint="give it another name")
        relation, at = self._relation(start + 3)
        tensors: dict[str, list[tuple[DeclaredTensor, int]]] = {kind: [] for kind in _KINDS}
        latest = 0
        while self._tokens[at] == "(":
            kind = self._tokens[at + 1]
            if kind in _RELATIONS:
                raise self._source.error(
                    f"'{kind}' stands behind other declarations or another relation",
                    at,
                    at + 1,
                    hint="a network has at most one equal-to or isomorphic-to, right behind its name",
                )
            if kind not in _KINDS:
                raise self._unknown(at + 1)
            if _KINDS.index(kind) < latest:
                raise self._source.error(
                    f"'{kind}' comes too late", at, at + 1, hint="declare inputs, then hidden tensors, then outputs"
                )
            latest = _KINDS.index(kind)
            tensor, end = self._tensor(at, kind)
            tensors[kind].append((tensor, at))
            at = end
        self._close(start, at, "this is no declaration of a tensor")
        for kind, noun in (("declare-input", "input"), ("declare-output", "output")):
            if not tensors[kind]:
                raise self._source.error(
                    f"network '{name}' has no {noun}", start + 2, hint=f"declare it: ({kind} X float32 [1,2])"
                )
        inputs, hidden, outputs = (tuple(tensor for tensor, _ in tensors[kind]) for kind in _KINDS)
        equal_to = isomorphic_to = None
        if relation:
            word, other, place = relation
            equal_to, isomorphic_to = (other, None) if word == "equal-to" else (None, other)
        self._networks[name] = network = DeclaredNetwork(name, inputs, outputs, hidden, equal_to, isomorphic_to)
        if relation:
            where = {tensor.name: place for places in tensors.values() for tensor, place in places}
            self._check_relation(network, self._networks[other], place, where)
        return at + 1

    def _relation(self, start: int) -> tuple[tuple[str, str, int] | None, int]:
        """The relation at a token, if there is one: its word, the other network and the token that names it."""
        word = self._tokens[start + 1]
        if self._tokens[start] != "(" or word not in _RELATIONS:
            return None, start
        place = start + 2
        other = self._name(place, "network")
        if other not in self._networks:
            raise self._source.error(
                f"network '{other}' is not declared", place, hint=f"'{word}' names a network declared before this one"
            )
        known = self._networks[other]
        if known.equal_to or known.isomorphic_to:
            raise self._source.error(
                f"'{word}' names '{other}', which is itself related to '{known.equal_to or known.isomorphic_to}'",
                place,
                hint=f"name '{known.equal_to or known.isomorphic_to}' instead",
            )
        self._close(start, place + 1, f"'{word}' takes one name")
        return (word, other, place), place + 2

    def _tensor(self, start: int, kind: str) -> tuple[DeclaredTensor, int]:
        source, tokens = self._source, self._tokens
        name = self._name(start + 2, "tensor")
        if name in self._declared:
            raise source.error(
                f"'{name}' is declared twice", start + 2, hint="names are unique throughout the query: choose another"
            )
        self._declared[name] = start + 2
        element, shape, at = self._type(start + 3)
        onnx_name = None
        if tokens[at].startswith('"') and kind == "declare-hidden":
            onnx_name = _ESCAPE.sub(lambda match: _MEANING.get(match[1], match[1]), tokens[at][1:-1])
            at += 1
        elif kind == "declare-hidden":
            raise source.error(
                "a hidden tensor needs its name in the ONNX model",
                at,
                hint=f'write (declare-hidden {name} {element} [...] "name")',
            )
        elif tokens[at].startswith('"'):
            raise source.error(
                "only hidden tensors have an ONNX name",
                at,
                hint="inputs and outputs are matched in the order of the model",
            )
        elif tokens[at] == "initialized":
            raise source.error("initialized inputs are not supported", at, hint="give the input's values by assertions")
        self._close(start, at, "the declaration is too long")
        return DeclaredTensor(name, element, shape, onnx_name), at + 1

    def _type(self, at: int) -> tuple[str, tuple[int, ...], int]:
        """The element type and the shape from a token on, and the index behind them."""
        source, tokens = self._source, self._tokens
        token = tokens[at]
        # `float32[1,2]` without a space is one token.
        element, bracket, rest = token.partition("[") if not token.startswith('"') else (token, "", "")
        if element in ("", "(", ")", "[", "]"):
            raise source.error("an element type is missing", at, hint=f"write {_FORM}")
        if element == "Real":
            element = REAL  # as early drafts of the standard, and queries from that time, spell it
        if element not in ELEMENTS:
            raise source.error(
                f"unknown element type {quoted(element)}", at, hint=f"one of {' '.join(sorted(ELEMENTS))}"
            )
        places: list[int] = []
        if bracket:
            texts, end = rest[:-1].split(","), at + 1
        else:
            if tokens[at + 1] != "[":
                raise source.error("a shape is missing", at + 1, hint=f"write {_FORM}, and [] for a scalar")
            places, end = bracketed(source, at + 1)
            texts = [tokens[place] for place in places]
        shape = []
        for position, text in enumerate(texts):
            dimension = _DIMENSION.fullmatch(text)
            if dimension is None:
                place = places[position] if places else at
                raise source.error(f"{quoted(text)} is no dimension", place, hint="dimensions are 1, 2, 3, ...")
            shape.append(int(dimension[1]))
        return element, tuple(shape), end

    def _check_relation(
        self, network: DeclaredNetwork, other: DeclaredNetwork, place: int, where: dict[str, int]
    ) -> None:
        """Related networks have the same tensors, but for names and, when they are only isomorphic, element types."""
        equal = network.equal_to is not None
        word = "equal" if equal else "isomorphic"
        for noun, mine, theirs in (
            ("inputs", network.inputs, other.inputs),
            ("outputs", network.outputs, other.outputs),
        ):
            if len(mine) != len(theirs):
                raise self._source.error(
                    f"'{network.name}' has {len(mine)} {noun}, but '{other.name}' has {len(theirs)}",
                    place,
                    hint=f"{word} networks have the same inputs and outputs",
                )
        for tensor, model in _counterparts(network, other):
            if tensor.shape != model.shape or (equal and tensor.element != model.element):
                start = where[tensor.name]
                raise self._source.error(
                    f"'{tensor.name}' is {_type_text(tensor)}, but '{model.name}' of '{other.name}' is"
                    f" {_type_text(model)}",
                    start,
                    self._source.end(start) - 1,
                    hint=f"{word} networks have tensors of the same shape" + (" and type" if equal else ""),
                )

    def _name(self, at: int, noun: str) -> str:
        name = self._tokens[at]
        if name in ("", "(", ")"):
            raise self._source.error(f"the name of a {noun} is missing", at, hint="a name is letters, digits and _")
        if name in _RESERVED or not _NAME.fullmatch(name):
            raise self._source.error(
                f"{quoted(name)} is no name", at, hint="a name is letters, digits and _, and begins with a letter"
            )
        return name

    def _close(self, start: int, at: int, message: str) -> None:
        """Demands that the declaration from `start` ends at `at`."""
        if self._tokens[at] == "":
            raise self._source.unclosed(start)
        if self._tokens[at] != ")":
            raise self._source.error(f"{message}; ')' expected", at, hint="check the parentheses")

    def _unknown(self, at: int) -> PropertyError:
        token = self._tokens[at]
        if token == "":
            return self._source.unclosed(at - 1)
        hint = f"a network has {', '.join(_KINDS)}, or its ')' is missing"
        if token in ("(", ")"):
            return self._source.error("a declaration is missing after '('", at - 1, hint=hint)
        return self._source.error(f"unknown declaration {quoted(token)}", at, hint=hint)


def _counterparts(network: DeclaredNetwork, other: DeclaredNetwork) -> Iterator[tuple[DeclaredTensor, DeclaredTensor]]:
    """Tensors of related networks that must be alike: in the order of the text, hidden ones by their ONNX names."""
    yield from zip(network.inputs, other.inputs, strict=True)
    yield from zip(network.outputs, other.outputs, strict=True)
    for tensor in network.hidden:
        yield from ((tensor, model) for model in other.hidden if model.onnx_name == tensor.onnx_name)


def _type_text(tensor: DeclaredTensor) -> str:
    return f"{tensor.element} [{','.join(map(str, tensor.shape))}]"
