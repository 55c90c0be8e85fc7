"""VNN-LIB 2.0 and 2.1: declared networks, then assertions over the elements of their tensors.

    (declare-network f (declare-input X real [1,3]) (declare-hidden H real [4] "relu_1") (declare-output Y real [1,2]))
    (declare-network g (isomorphic-to f) ...)
    (assert (or (>= (* X[0,0] Y[0,1]) 2.0) (!= Y[0,0] 1.0)))

An assertion's terms are of one element type, and a literal is of its variables' kind: a decimal number where they are
floating-point numbers, an integer where they are integers; `real` takes both. Products of variables are expanded into
monomials (`Query.products`).

Source: VNN-LIB 2.0 standard, chapters 2 and 3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import chain

import numpy as np

from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor
from ivan.vnnlib.expressions import Dialect, Expressions, collector_paused
from ivan.vnnlib.formula import (
    And,
    Apply,
    Atom,
    Compound,
    Formula,
    Linear,
    NonlinearError,
    Number,
    Or,
    Term,
    Variable,
    arithmetic,
    conjoin,
)
from ivan.vnnlib.query import Query
from ivan.vnnlib.syntax import Source, quoted

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_BLANKS = re.compile(r"\s*([][,])\s*")
"""Between tokens; two numbers with only blanks between them are two numbers, and no index."""
_ESCAPE = re.compile(r"\\([\s\S])|\"\"")
_ESCAPED: dict[str | None, str] = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", None: '"'}
_ELEMENT = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\[(.*)\]", re.DOTALL)

FLOATS = frozenset(
    ("float16", "float32", "float64", "bfloat16", "float8e4m3fn", "float8e5m2", "float8e4m3fnuz", "float8e5m2fnuz",
     "float4e2m1")
)  # fmt: skip
INTEGERS = frozenset(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"))
TYPES = FLOATS | INTEGERS | {"real", "bool", "string", "complex64", "complex128"}
"""Element types of the standard, in lower case."""

_COMPARISONS = frozenset(("<=", ">=", "<", ">", "==", "!="))
_ARITY: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("<=", ">=", "<", ">", "==", "!="), (2, 2)),
    **dict.fromkeys(("and", "or", "+", "-", "*"), (1, None)),
}
_FORM = "(declare-network f (declare-input X real [1,3]) (declare-output Y real [1,2]))"
_COMMANDS = "declare-network and assert"

MOST_ELEMENTS = 5_000_000
"""Scalars that may be declared."""

MOST_MONOMIALS, MOST_DEGREE = 10_000, 16
"""Products that a property may hold, and their factors."""


def parse(source: Source, start: int, minor: int) -> Query:
    """Reads a VNN-LIB 2 property from token `start` on, behind its version 2.`minor`.

    Raises:
        PropertyError: ill-formed, ill-typed, or beyond what is supported.
    """
    with collector_paused():
        return _Reader(source, minor).query(start)


class _Reader:
    def __init__(self, source: Source, minor: int) -> None:
        self._source, self._tokens, self._minor = source, source.tokens, minor
        for at, token in enumerate(self._tokens):
            if "[" in token and not token.startswith('"') and len(token.split()) > 1:
                self._tokens[at] = _BLANKS.sub(r"\1", token)
        self._networks: list[DeclaredNetwork] = []
        self._tensors: dict[str, DeclaredTensor] = {}
        self._types: list[str] = []  # of inputs, then of outputs backwards, so that keys index them
        self._terms: dict[str, Variable | Number] = {}
        self._monomials: dict[tuple[int, ...], int] = {}
        self._factors: dict[int, tuple[int, ...]] = {}  # of monomials, by their key
        self._inputs = self._outputs = 0

    def query(self, start: int) -> Query:
        at = start
        while self._tokens[at] == "(" and self._tokens[at + 1] == "declare-network":
            at = self._network(at)
        if not self._networks:
            raise self._source.error("no network is declared", at, hint=f"declare it first: {_FORM}")
        self._name_elements()
        dialect = Dialect(
            _ARITY,
            _COMPARISONS,
            _NUMBER,
            {},
            self._unknown,
            _COMMANDS,
            self._arithmetic,
            self._check_types,
            f"products of up to {MOST_DEGREE} factors can be verified, up to {MOST_MONOMIALS:,} of them",
        )
        expressions = Expressions(self._source, self._terms, dialect)
        assertions: list[Formula] = []
        while self._tokens[at]:
            formula, at = self._assertion(at, expressions)
            assertions.append(formula)
        return Query(
            2,
            self._inputs,
            self._outputs,
            self._source.path,
            conjoin(assertions),
            len(self._source.text),
            tuple(self._networks),
            tuple(self._monomials),
        )

    # Declarations

    def _network(self, start: int) -> int:
        name, at = self._name(start + 2, "a network"), start + 3
        names = [network.name for network in self._networks]
        if name in names:
            raise self._source.error(f"network {quoted(name)} is declared twice", start + 2, hint="rename one of them")
        relation: dict[str, str] = {}
        while self._tokens[at] == "(" and self._tokens[at + 1] in ("equal-to", "isomorphic-to"):
            word, other = self._tokens[at + 1], self._tokens[at + 2]
            if relation:
                raise self._source.error("a network stands in one relation", at, hint="leave the second one out")
            if other not in names:
                raise self._source.error(
                    f"network {quoted(other)} is not declared before", at + 2, hint="declare it first"
                )
            relation[word] = other
            at = self._closed(at, at + 3)
        parts: dict[str, list[DeclaredTensor]] = {"input": [], "hidden": [], "output": []}
        while self._tokens[at] == "(":
            kind = self._tokens[at + 1].removeprefix("declare-")
            if f"declare-{kind}" != self._tokens[at + 1] or kind not in parts:
                raise self._source.error(
                    f"{quoted(self._tokens[at + 1])} in a network", at + 1, hint=f"for example {_FORM}"
                )
            tensor, at = self._tensor(at, kind)
            parts[kind].append(tensor)
        at = self._closed(start, at)
        for kind in ("input", "output"):
            if not parts[kind]:
                raise self._source.error(f"network {quoted(name)} has no {kind}", start, at - 1, hint=_FORM)
        inputs, outputs, hidden = (tuple(parts[kind]) for kind in ("input", "output", "hidden"))
        network = DeclaredNetwork(
            name, inputs, outputs, hidden, relation.get("equal-to"), relation.get("isomorphic-to")
        )
        self._check_relation(network, start, at - 1)
        self._networks.append(network)
        return at

    def _tensor(self, start: int, kind: str) -> tuple[DeclaredTensor, int]:
        name = self._name(start + 2, f"a tensor (declare-{kind})")
        if name in self._tensors:
            raise self._source.error(f"{quoted(name)} is declared twice", start + 2, hint="rename one of them")
        element, bracket, rest = self._tokens[start + 3].partition("[")  # they may stand together
        if element.lower() not in TYPES:
            raise self._source.error(
                f"{quoted(element)} is no element type", start + 3, hint="real, float32, float64, int64, ..."
            )
        at = start + 3 if bracket else start + 4
        shape = self._shape(at, bracket + rest if bracket else self._tokens[at])
        at += 1
        if self._minor and kind == "input" and self._tokens[at] == "initialized":
            at += 1  # what has a default in the file is as free as any other input
        onnx_name = None
        if self._tokens[at].startswith('"'):
            onnx_name, at = self._string(at), at + 1
        elif kind == "hidden":
            raise self._source.error(
                "a hidden tensor bears its name in the ONNX file", at, hint='(declare-hidden H real [4] "name")'
            )
        tensor = self._tensors[name] = DeclaredTensor(name, element.lower(), shape, onnx_name)
        if sum(known.size for known in self._tensors.values()) > MOST_ELEMENTS:
            raise self._source.error(
                f"more than {MOST_ELEMENTS:,} elements are declared", start + 3, at - 1, hint="is this its shape?"
            )
        return tensor, self._closed(start, at)

    def _string(self, at: int) -> str:
        """What a quoted name says."""
        text = self._tokens[at][1:-1]
        if wrong := [found[0] for found in _ESCAPE.finditer(text) if found[1] not in _ESCAPED]:
            raise self._source.error(
                f"{quoted(wrong[0])} in a string",
                at,
                hint=r"a backslash is written \\, a quote \"; there are also \n and \t",
            )
        return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)

    def _shape(self, at: int, token: str) -> tuple[int, ...]:
        if not (token.startswith("[") and token.endswith("]")):
            raise self._source.error(f"{quoted(token)} is no shape", at, hint="for example [1,3]; [] for a scalar")
        parts = token[1:-1].split(",") if token != "[]" else []
        if not all(part.isascii() and part.isdecimal() and len(part) < 10 and int(part) for part in parts):
            raise self._source.error(f"{quoted(token)} is no shape", at, hint="for example [1,3]; [] for a scalar")
        return tuple(map(int, parts))

    def _check_relation(self, network: DeclaredNetwork, first: int, last: int) -> None:
        """A related network has the same inputs and outputs, whatever their names."""
        other = network.equal_to or network.isomorphic_to
        if other is None:
            return
        base = next(known for known in self._networks if known.name == other)
        pairs = (("inputs", network.inputs, base.inputs), ("outputs", network.outputs, base.outputs))
        for what, mine, theirs in pairs:
            if [(t.shape, t.element) for t in mine] != [(t.shape, t.element) for t in theirs]:
                raise self._source.error(
                    f"the {what} of {network.name} are not those of {other}",
                    first,
                    last,
                    hint="related networks have as many, of the same shapes and types",
                )

    def _name(self, at: int, what: str) -> str:
        name = self._tokens[at]
        if not _NAME.fullmatch(name):
            raise self._source.error(
                f"{quoted(name)} is no name of {what}", at, hint="letters, digits and _, a letter first"
            )
        return name

    def _closed(self, start: int, at: int) -> int:
        if self._tokens[at] == "":
            raise self._source.unclosed(start)
        if self._tokens[at] != ")":
            raise self._source.error(f"{quoted(self._tokens[at])}: ')' expected", at, hint="check the parentheses")
        return at + 1

    def _name_elements(self) -> None:
        """Gives every element its key and its type."""
        outputs: list[str] = []
        for network in self._networks:
            for tensor in network.inputs:
                self._add(tensor, self._inputs, 1)
                self._inputs += tensor.size
                self._types += [tensor.element] * tensor.size
            for tensor in (*network.outputs, *network.hidden):
                self._add(tensor, ~self._outputs, -1)
                self._outputs += tensor.size
                outputs += [tensor.element] * tensor.size
        self._types += outputs[::-1]

    def _add(self, tensor: DeclaredTensor, key: int, step: int) -> None:
        if not tensor.shape:
            self._terms[tensor.name] = Variable(key)
            return
        for place, index in enumerate(np.ndindex(*tensor.shape)):
            self._terms[f"{tensor.name}[{','.join(map(str, index))}]"] = Variable(key + step * place)

    # Assertions

    def _assertion(self, start: int, expressions: Expressions) -> tuple[Formula, int]:
        tokens = self._tokens
        if tokens[start] != "(" or tokens[start + 1] != "assert":
            what = tokens[start + 1] if tokens[start] == "(" else tokens[start]
            hint = f"statements are {_COMMANDS}"
            if what == "declare-network":
                hint = "all networks are declared before the first assertion"
            raise self._source.error(f"{quoted(what)} where an assertion is expected", start, hint=hint)
        if tokens[start + 6] == ")" == tokens[start + 7]:
            short = expressions.comparison_of_leaves(start + 2)
            if short:
                return short, start + 8
        if tokens[start + 2] == ")":
            raise self._source.error("'assert' takes one formula", start, start + 2, hint="for example (<= Y[0] 1.0)")
        formula, at = expressions.read(start + 2, start)
        if not isinstance(formula, Atom | And | Or):
            raise self._source.error(
                "'assert' takes a formula, not a term", start + 2, at - 1, hint="compare it: <=, >="
            )
        return formula, self._closed(start, at)

    def _unknown(self, token: str) -> tuple[str, str]:
        parts = _ELEMENT.fullmatch(token)
        tensor = self._tensors.get(parts[1] if parts else token)
        if tensor is None:
            declared = ", ".join(f"{t.name} {_shape_text(t)}" for t in self._tensors.values())
            return f"{quoted(token)} is not declared", f"declared are {declared}"
        if not tensor.shape:
            return f"{tensor.name} is a scalar", f"write {tensor.name}"
        count = len(tensor.shape)
        if parts is None or len(parts[2].split(",")) != count:
            indices = "one index" if count == 1 else f"{count} indices"
            example = f"{tensor.name}[{','.join('0' * count)}]"
            return f"{quoted(token)} is no element of {tensor.name} {_shape_text(tensor)}", f"{indices}: {example}"
        return f"{quoted(token)} is no element of {tensor.name} {_shape_text(tensor)}", "indices count from 0"

    def _check_types(self, first: int, last: int, left: Term, right: Term) -> None:
        """The variables of a comparison are of one type, and its literals of their kind."""
        steps = (*_steps(left), *_steps(right))
        types = sorted({self._types[step.key] for step in steps if isinstance(step, Variable)})
        if len(types) > 1:
            raise self._source.error(
                f"terms of different types: {', '.join(types)}", first, last, hint="compare numbers of one type"
            )
        if not types or types[0] == "real":
            return
        for step in steps:
            if isinstance(step, Number) and (_INTEGER.fullmatch(step.text) is not None) != (types[0] in INTEGERS):
                wanted = "an integer" if types[0] in INTEGERS else "a decimal number, such as 1.0"
                raise self._source.error(
                    f"{step.text} beside a term of type {types[0]}", first, last, hint=f"write {wanted}"
                )

    def _arithmetic(self, symbol: str, operands: Sequence[Term]) -> Term:
        """As `formula.arithmetic`, with products of variables.

        Raises:
            NonlinearError: a product of too many factors, or one too many.
        """
        try:
            return arithmetic(symbol, operands)
        except NonlinearError as error:
            product = Linear({}, Fraction(1))
            for operand in operands:
                product = self._times(product, operand.linear, error.operand)
        code = (*chain.from_iterable(map(_steps, operands)), Apply(symbol, len(operands)))
        return Compound(code, product, mentions_output=True)

    def _times(self, a: Linear, b: Linear, operand: int) -> Linear:
        total: dict[int, Fraction] = {}

        def gain(key: int, c: Fraction) -> None:
            total[key] = total.get(key, Fraction(0)) + c

        for key, c in a.coefficients.items():
            gain(key, c * b.constant)
            for other, d in b.coefficients.items():
                gain(self._monomial(key, other, operand), c * d)
        for key, d in b.coefficients.items():
            gain(key, a.constant * d)
        return Linear({key: c for key, c in total.items() if c}, a.constant * b.constant)

    def _monomial(self, key: int, other: int, operand: int) -> int:
        factors = tuple(sorted((*self._factors.get(key, (key,)), *self._factors.get(other, (other,)))))
        if factors not in self._monomials:
            if len(factors) > MOST_DEGREE or len(self._monomials) == MOST_MONOMIALS:
                raise NonlinearError(operand)
            fresh = ~(self._outputs + len(self._monomials))
            self._monomials[factors], self._factors[fresh] = fresh, factors
        return self._monomials[factors]


def _steps(term: Term) -> tuple[Variable | Number | Apply, ...]:
    return term.code if isinstance(term, Compound) else (term,)


def _shape_text(tensor: DeclaredTensor) -> str:
    return f"[{','.join(map(str, tensor.shape))}]"
