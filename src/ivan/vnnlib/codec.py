"""A query as versioned bytes: exactly what it asks, so that a stored proof's property can be compared with another.

    "IVANQUERY" | format u8 | NORMAL_FORM u8 | zlib of: version inputs outputs [declarations] formula

Format 1 is a query of VNN-LIB 1.0; format 2 has declarations besides, as JSON without blanks: networks and products.

The formula is written as in `normal_form`, but no operand is moved and no atom scaled: a proof numbers cases and rows
in the order of the text, and its weights belong to rows as they are scaled there. Coefficients and bounds are exact
rationals. How a side of an atom was spelled is lost, so a decoded query may round otherwise in floats.

Reading trusts nothing: what was decoded must have the digest that it is stored under.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict
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

FORMAT, DECLARED = 1, 2

LIMIT = 8 * 2**20
"""Bytes of text beyond which a query is not encoded: its bytes would outweigh many a proof."""

_MAGIC = b"IVANQUERY"
_HEADS = tuple(_MAGIC + bytes([form, NORMAL_FORM]) for form in (FORMAT, DECLARED))


def outdated(data: bytes) -> bool:
    """Are these bytes of another format, or of a query whose digest was taken in another way? No damage, but no use."""
    return data.startswith(_MAGIC) and not data.startswith(_HEADS)


def encode(query: Query) -> bytes | None:
    """Bytes of the current format; None beyond the limit."""
    tokens = [str(query.version), str(query.inputs), str(query.outputs)]
    if query.networks:
        tokens.append(_declarations(query))
    _write(query.formula, tokens)
    text = " ".join(tokens).encode()
    return None if len(text) > LIMIT else _HEADS[bool(query.networks)] + zlib.compress(text, 1)


def decode(data: bytes, digest: str) -> Query:
    """The query in the bytes.

    Args:
        data: made by `encode`.
        digest: of the query that is expected.

    Raises:
        StoreError: the bytes are no query, of another format, altered, or another query's.
    """
    try:
        if not data.startswith(_HEADS):
            raise ValueError("wrong first bytes")
        unpacker = zlib.decompressobj()
        # bounded: altered bytes must not be able to fill the memory
        text = unpacker.decompress(data[len(_HEADS[0]) :], LIMIT + 1).decode()
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("wrong length")
        version, inputs, outputs, *tokens = text.split(" ")
        networks: tuple[DeclaredNetwork, ...] = ()
        products: tuple[tuple[int, ...], ...] = ()
        if data.startswith(_HEADS[1]):
            networks, products = _declared(tokens.pop(0))
        formula = _read(tokens, int(inputs), int(outputs) + len(products))
        query = Query(
            int(version), int(inputs), int(outputs), "<stored>", formula, networks=networks, products=products
        )
        if query.digest != digest:
            raise ValueError("it is another property")
    except (zlib.error, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise StoreError(
            f"the text of stored property {digest[:12]} is damaged: {error}",
            hint="verify it again with --fresh; its text is then written anew",
        ) from error
    return query


def _declarations(query: Query) -> str:
    networks = [asdict(network) for network in query.networks]
    # blanks stand in strings alone
    return json.dumps([networks, query.products], separators=(",", ":")).replace(" ", "\\u0020")


def _declared(token: str) -> tuple[tuple[DeclaredNetwork, ...], tuple[tuple[int, ...], ...]]:
    networks, products = json.loads(token)

    def tensors(rows: list[dict[str, Any]]) -> tuple[DeclaredTensor, ...]:
        return tuple(DeclaredTensor(**{**row, "shape": tuple(map(int, row["shape"]))}) for row in rows)

    return (
        tuple(
            DeclaredNetwork(**{**network, **{part: tensors(network[part]) for part in ("inputs", "outputs", "hidden")}})
            for network in networks
        ),
        tuple(tuple(map(int, keys)) for keys in products),
    )


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
