"""A query as versioned bytes: exactly what it asks, so that a stored proof's property can be compared with another.

    "IVANQUERY" | format u8 | NORMAL_FORM u8 | zlib of: declarations, a line break, formula

The declarations are JSON: version, numbers of inputs and outputs, networks, products. The formula is written as in
`normal_form`, but no operand is moved and no atom scaled: a proof numbers cases and rows in the order of the text, and
its weights belong to rows as they are scaled there. Coefficients and bounds are exact rationals. How a side of an atom
was spelled is lost, so a decoded query may round otherwise in floats.

Reading trusts nothing: what was decoded must have the digest that it is stored under.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from ivan.errors import StoreError
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor
from ivan.vnnlib.formula import (
    MAX_HEIGHT,
    And,
    Apply,
    Atom,
    Compound,
    Formula,
    Linear,
    Number,
    Variable,
    conjoin,
    disjoin,
    height,
    linear_text,
)
from ivan.vnnlib.query import NORMAL_FORM, Query

FORMAT = 2

LIMIT = 8 * 2**20
"""Bytes of text beyond which a query is not encoded: its bytes would outweigh many a proof."""

_MAGIC = b"IVANQUERY"
_HEAD = _MAGIC + bytes([FORMAT, NORMAL_FORM])


def outdated(data: bytes) -> bool:
    """Are these bytes of another format, or of a query whose digest was taken in another way? No damage, but no use."""
    return data.startswith(_MAGIC) and not data.startswith(_HEAD)


def encode(query: Query) -> bytes | None:
    """Bytes of the current format; None beyond the limit."""
    tokens: list[str] = []
    _write(query.formula, tokens)
    networks = [_network_as_list(network) for network in query.networks]
    declared = [query.version, query.inputs, query.outputs, networks, query.products]
    text = f"{json.dumps(declared, separators=(',', ':'))}\n{' '.join(tokens)}".encode()
    return None if len(text) > LIMIT else _HEAD + zlib.compress(text, 1)


def decode(data: bytes, digest: str) -> Query:
    """The query in the bytes.

    Args:
        data: made by `encode`.
        digest: of the query that is expected.

    Raises:
        StoreError: the bytes are no query, of another format, altered, or another query's.
    """
    try:
        if not data.startswith(_HEAD):
            raise ValueError("wrong first bytes")
        unpacker = zlib.decompressobj()
        # bounded: altered bytes must not be able to fill the memory
        text = unpacker.decompress(data[len(_HEAD) :], LIMIT + 1).decode()
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("wrong length")
        declared, _, formula_text = text.partition("\n")
        query = _declared(json.loads(declared), formula_text.split(" "))
        if query.digest != digest:
            raise ValueError("it is another property")
    except (zlib.error, ValueError, ArithmeticError, RecursionError) as error:
        raise StoreError(
            f"the text of stored property {digest[:12]} is damaged: {error}",
            hint="verify it again with --fresh; its text is then written anew",
        ) from error
    return query


def _network_as_list(network: DeclaredNetwork) -> list[Any]:
    tensors = [
        [[tensor.name, tensor.element, tensor.shape, tensor.onnx_name] for tensor in tensors]
        for tensors in (network.inputs, network.outputs, network.hidden)
    ]
    return [network.name, *tensors, network.equal_to, network.isomorphic_to]


def _declared(values: Any, tokens: Iterable[str]) -> Query:
    """The query of these declarations and the formula's tokens; raises `ValueError` where they are none."""
    match values:
        case [int(version), int(inputs), int(outputs), list(lists), list(products)]:
            networks = tuple(map(_network, lists))
            if len({network.name for network in networks}) != len(networks):
                raise ValueError("two networks of one name")
            for number, network in enumerate(networks):
                before = {other.name for other in networks[:number]}
                if not {network.equal_to, network.isomorphic_to} <= {None, *before}:
                    raise ValueError("a network related to none")
            monomials = tuple(_monomial(keys, inputs, outputs) for keys in products)
            formula = _read(tokens, inputs, outputs + len(monomials))
            return Query(version, inputs, outputs, "<stored>", formula, networks=networks, products=monomials)
    raise ValueError("these are no declarations")


def _network(values: Any) -> DeclaredNetwork:
    match values:
        case [str(name), list(inputs), list(outputs), list(hidden), str() | None as equal, str() | None as isomorphic]:
            groups = [tuple(map(_tensor, group)) for group in (inputs, outputs, hidden)]
            return DeclaredNetwork(name, groups[0], groups[1], groups[2], equal, isomorphic)
    raise ValueError("this is no network")


def _tensor(values: Any) -> DeclaredTensor:
    match values:
        case [str(name), str(element), list(shape), str() | None as onnx_name] if all(type(n) is int for n in shape):
            return DeclaredTensor(name, element, tuple(shape), onnx_name)
    raise ValueError("this is no tensor")


def _monomial(keys: Any, inputs: int, outputs: int) -> tuple[int, ...]:
    if not isinstance(keys, list) or not all(type(key) is int and -outputs <= key < inputs for key in keys):
        raise ValueError("this is no product of variables")
    return tuple(keys)


def _write(formula: Formula, tokens: list[str]) -> None:
    if isinstance(formula, Atom):
        tokens.append(linear_text(formula, scaled=False))
        return
    tokens.append("(and" if isinstance(formula, And) else "(or")
    for operand in formula.operands:
        _write(operand, tokens)
    tokens.append(")")


def _read(tokens: Iterable[str], inputs: int, outputs: int) -> Formula:
    """The formula; raises `ValueError` or `ArithmeticError` where the tokens are none."""
    open_: list[tuple[str, list[Formula]]] = [("", [])]
    for token in tokens:
        if token in ("(and", "(or"):
            open_.append((token, []))
        elif token == ")":
            word, operands = open_.pop()
            if not open_:
                raise ValueError("unbalanced parentheses")
            open_[-1][1].append(conjoin(operands) if word == "(and" else disjoin(operands))
        else:
            open_[-1][1].append(_atom(token, inputs, outputs))
    [(_, [formula])] = open_
    if height(formula) > MAX_HEIGHT:
        raise ValueError("its Boolean structure is too deep")
    return formula


def _atom(token: str, inputs: int, outputs: int) -> Atom:
    left, relation, right = token.partition("<")
    strict = not right.startswith("=")
    bound = Fraction(right if strict else right[1:])
    terms = (term.partition(":") for term in left.split(",")) if left else ()
    pairs = [(int(key), Fraction(c)) for key, _, c in terms]
    if not relation or not all(-outputs <= key < inputs for key, _ in pairs):
        raise ValueError("an atom that is none")
    match pairs:
        case []:
            return Atom(Number.rational(Fraction(0)), Number.rational(bound), strict)
        case [(key, 1)]:
            return Atom(Variable(key), Number.rational(bound), strict)
        case [(key, -1)]:
            return Atom(Number.rational(-bound), Variable(key), strict)
    return Atom(_sum(pairs), Number.rational(bound), strict)


def _sum(pairs: list[tuple[int, Fraction]]) -> Compound:
    """`(+ (* c v) ...)`."""
    products = [step for key, c in pairs for step in (Number.rational(c), Variable(key), Apply("*", 2))]
    mentions_output = any(key < 0 for key, _ in pairs)
    return Compound((*products, Apply("+", len(pairs))), Linear(dict(pairs), Fraction(0)), mentions_output)
