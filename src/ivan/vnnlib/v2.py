"""VNN-LIB 2.0: networks with typed tensors, and assertions that are polynomial in their elements.

The dialect's rules are those of its standard (https://www.vnnlib.org), chapter "Query Language"; where the text leaves
something open, it is read as the standard's own parser reads it. Expressions are reduced with an explicit stack, and
short assertions take a short cut, as in v1.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from ivan.errors import PropertyError
from ivan.vnnlib.elements import LITERALS, kind_of_number, misfit
from ivan.vnnlib.formula import (
    MAX_HEIGHT,
    And,
    Atom,
    Compound,
    Formula,
    Number,
    Or,
    Term,
    Variable,
    arithmetic,
    compare,
    conjoin,
    disjoin,
    height,
)
from ivan.vnnlib.monomials import Monomials, TooManyError
from ivan.vnnlib.networks import Interface, Place, bracketed, read_networks
from ivan.vnnlib.query import Query
from ivan.vnnlib.syntax import Source, collector_paused, quoted

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_LONGEST_TOKEN = 1000  # characters of a number or an element, as in v1.py
_INDEX = re.compile(r"0*([0-9]{1,9})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER_LIKE = re.compile(r"-?\.?[0-9]")

_COMPARISONS = frozenset(("<=", ">=", "<", ">", "==", "!="))
_CONNECTIVES = frozenset(("and", "or"))
_ARITHMETIC = frozenset("+-*")
_OPERATORS = (*sorted(_COMPARISONS), "and", "or", "+", "-", "*")
_FOREIGN = {
    "=": "equality is written ==",
    "not": "write the opposite comparisons: there is no 'not'",
    "/": "multiply instead: there is no division",
}


class _Leaf(NamedTuple):
    """A variable or a number, with its kind (`elements.misfit`)."""

    term: Variable | Number
    kind: str


@dataclass(slots=True)
class _Frame:
    """An operator whose operands are being read; all positions are token indices."""

    operator: str
    start: int
    operands: list[Formula | Term] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def parse(source: Source, start: int) -> Query:
    """Reads a VNN-LIB 2.0 query from the token behind its version on.

    Raises:
        PropertyError: ill-formed, against the typing rules of the standard, or too laborious to multiply out.
    """
    with collector_paused():
        interface, at = read_networks(source, start)
        monomials = Monomials(interface.outputs)
        formula, products = monomials.settled(_Reader(source, interface, monomials).assertions(at))
        return Query(
            version=2,
            inputs=interface.inputs,
            outputs=interface.outputs,
            path=source.path,
            formula=formula,
            size=len(source.text),
            networks=interface.networks,
            products=products,
        )


class _Reader:
    """Reads assertions."""

    def __init__(self, source: Source, interface: Interface, monomials: Monomials) -> None:
        self._source = source
        self._tokens = source.tokens
        self._places = interface.places
        self._monomials = monomials
        self._leaves: dict[str, _Leaf] = {}  # by the token
        self._fits: dict[tuple[str, str], bool] = {}  # whether leaves of two kinds may be compared
        self._seen: list[tuple[str, int, int]] = []  # in the present comparison: kind, first and last token of a leaf

    def assertions(self, start: int) -> Formula:
        """All assertions from token `start` to the end of the text, conjoined."""
        tokens = self._tokens
        found: list[Formula] = []
        at = start
        while opening := tokens[at]:
            if opening != "(" or tokens[at + 1] != "assert":
                raise self._no_assertion(at, first=not found)
            if tokens[at + 6] == ")" == tokens[at + 7] and (short := self._comparison_of_leaves(at + 2)):
                found.append(short)
                at += 8
            else:
                formula, at = self._assertion(at)
                found.append(formula)
        if not found:
            raise self._source.error("nothing is asserted", at, hint="for example (assert (<= X[0] 1.0))")
        return conjoin(found)

    def _assertion(self, start: int) -> tuple[Formula, int]:
        """The assertion from token `start` on, and the index past it."""
        if self._tokens[start + 2] == ")":
            raise self._source.error("'assert' takes one formula", start, start + 2, hint="for example (<= X[0] 1.0)")
        formula, at = self._expression(start + 2, start)
        if not isinstance(formula, Atom | And | Or):
            raise self._source.error(
                "'assert' takes a formula, not a term", start + 2, at - 1, hint="compare it: <=, >="
            )
        if self._tokens[at] == "":
            raise self._source.unclosed(start)
        if self._tokens[at] != ")":
            raise self._source.error("'assert' takes one formula; ')' expected", at, hint="check the parentheses")
        return formula, at + 1

    # Expressions

    def _expression(self, start: int, statement: int) -> tuple[Formula | Term, int]:
        """The expression from token `start` on, and the index past it; `statement` is where it would be unclosed."""
        tokens = self._tokens
        frames: list[_Frame] = []
        value: Formula | Term | None
        at = start
        while True:
            token, begin = tokens[at], at
            if token == "(":
                value = self._comparison_of_leaves(at) if tokens[at + 4] == ")" else None
                if value is None:
                    operator = self._operator(at + 1)
                    if operator in _COMPARISONS:
                        self._seen.clear()
                    frames.append(_Frame(operator, at))
                    at += 2
                    continue
                at += 5
            elif token == ")" and frames:
                frame = frames.pop()
                value, begin = self._reduce(frame, at), frame.start
                at += 1
            elif token == "":
                raise self._source.unclosed(statement)
            else:
                value, at = self._leaf(at)
            if not frames:
                return value, at
            frames[-1].operands.append(value)
            frames[-1].places.append(begin)

    def _comparison_of_leaves(self, start: int) -> Formula | None:
        """The formula of `(op leaf leaf)`, five tokens; None unless it is well-formed."""
        opening, symbol, first, second = self._tokens[start : start + 4]
        if opening != "(" or symbol not in _COMPARISONS:
            return None
        left = self._leaves.get(first) or self._known_leaf(first)
        right = self._leaves.get(second) or self._known_leaf(second)
        if left is None or right is None:
            return None
        kinds = (left.kind, right.kind)
        fits = self._fits.get(kinds)
        if fits is None:
            fits = self._fits[kinds] = misfit(kinds) is None
        return compare(symbol, left.term, right.term) if fits else None

    def _known_leaf(self, token: str) -> _Leaf | None:
        """The leaf that is one token, remembered; None unless it is well-formed."""
        if len(token) > _LONGEST_TOKEN:
            return None
        name, bracket, rest = token.partition("[")
        if place := self._places.get(name):
            indices = [int(text) for text in rest[:-1].split(",")] if bracket and rest else []
            shape = place.tensor.shape
            if len(indices) != len(shape) or not all(index < size for index, size in zip(indices, shape, strict=True)):
                return None
            leaf = _Leaf(Variable(place.key(indices)), place.tensor.element)
        else:
            number = _number(token)
            if number is None:
                return None
            leaf = _Leaf(number, kind_of_number(token))
        self._leaves[token] = leaf
        return leaf

    def _leaf(self, at: int) -> tuple[Variable | Number, int]:
        """The variable or number from a token on, and the index past it."""
        token = self._tokens[at]
        spaced = self._tokens[at + 1] == "["
        leaf = None if spaced else self._leaves.get(token) or self._known_leaf(token)
        if leaf:
            self._seen.append((leaf.kind, at, at))
            return leaf.term, at + 1
        name = token.partition("[")[0]
        if name not in self._places:
            raise self._no_leaf(at)
        place = self._places[name]
        places: list[int] = []
        if not spaced:
            texts, end = token[len(name) + 1 : -1].split(",") if token != name else [], at + 1
        elif token != name:
            raise self._source.error("indices behind indices", at + 1, hint=f"write {_example(place)}")
        else:
            places, end = bracketed(self._source, at + 1)
            texts = [self._tokens[index] for index in places]
            if not places:
                raise self._source.error("indices are missing", at, end - 1, hint=f"write {_example(place)}")
        key = place.key(self._indices(place, texts, places, at, end - 1))
        self._seen.append((place.tensor.element, at, end - 1))
        return Variable(key), end

    def _indices(self, place: Place, texts: list[str], places: list[int], first: int, last: int) -> list[int]:
        """The indices of an element that stands in tokens `first` to `last`, checked against the tensor's shape."""
        tensor, shape = place.tensor, place.tensor.shape
        hint = f"'{tensor.name}' is declared [{','.join(map(str, shape))}]: write {_example(place)}"
        if len(texts) != len(shape):
            raise self._source.error(
                f"'{tensor.name}' takes {_count(len(shape))}, not {len(texts)}", first, last, hint=hint
            )
        indices = []
        for position, (text, size) in enumerate(zip(texts, shape, strict=True)):
            index = _INDEX.fullmatch(text)
            if index is None or int(index[1]) >= size:
                token = places[position] if places else first
                raise self._source.error(
                    f"index {quoted(text)[1:-1]} is outside dimension {position} of '{tensor.name}',"
                    f" which goes from 0 to {size - 1}",
                    token,
                    hint=hint,
                )
            indices.append(int(index[1]))
        return indices

    def _operator(self, at: int) -> str:
        token = self._tokens[at]
        if token in _COMPARISONS or token in _CONNECTIVES or token in _ARITHMETIC:
            return token
        hint = f"one of {' '.join(_OPERATORS)}"
        if token in ("(", ")", ""):
            raise self._source.error("an operator is missing after '('", at - 1, hint=hint)
        if token == "assert" or token.startswith("declare-"):
            raise self._source.error(
                f"{quoted(token)} inside an expression", at, hint="a ')' is probably missing in the statement before"
            )
        raise self._source.error(f"unknown operator {quoted(token)}", at, hint=_FOREIGN.get(token, hint))

    def _reduce(self, frame: _Frame, end: int) -> Formula | Term:
        """The value of a closed expression, whose last token is `end`."""
        symbol, count = frame.operator, len(frame.operands)
        if not count or (symbol in _COMPARISONS and count != 2):
            number = "two operands" if symbol in _COMPARISONS else "one operand or more"
            raise self._source.error(
                f"'{symbol}' takes {number}, not {count}",
                frame.start,
                end,
                hint="write a chain as a conjunction" if symbol in _COMPARISONS else "check the parentheses",
            )
        if symbol not in _CONNECTIVES:
            return self._reduce_terms(frame, end)
        formulas: list[Formula] = []
        for operand, place in zip(frame.operands, frame.places, strict=True):
            if not isinstance(operand, Atom | And | Or):
                raise self._misplaced(f"'{symbol}' takes formulas, not terms", place, "compare it: <=, >=")
            formulas.append(operand)
        result = conjoin(formulas) if symbol == "and" else disjoin(formulas)
        if height(result) > MAX_HEIGHT:
            raise self._source.error(
                f"'and' and 'or' alternate more than {MAX_HEIGHT} deep", frame.start, hint="flatten the formula"
            )
        return result

    def _reduce_terms(self, frame: _Frame, end: int) -> Formula | Term:
        terms: list[Term] = []
        for operand, place in zip(frame.operands, frame.places, strict=True):
            if not isinstance(operand, Variable | Number | Compound):
                raise self._misplaced(f"'{frame.operator}' takes terms, not formulas", place, "connect it with and, or")
            terms.append(operand)
        if frame.operator in _COMPARISONS:
            self._check_kinds()
            return compare(frame.operator, terms[0], terms[1])
        try:
            return arithmetic(frame.operator, terms, self._monomials.times)
        except TooManyError as error:
            raise self._source.error(
                f"multiplied out, this has {error}", frame.start, end, hint="write polynomials of fewer terms"
            ) from None

    def _check_kinds(self) -> None:
        """Demands that all leaves of the present comparison are of one type."""
        found = misfit([kind for kind, _, _ in self._seen])
        if found is None:
            return
        (kind, first, last), (other, start, stop) = (self._seen[place] for place in found)
        here = quoted("".join(self._tokens[first : last + 1]))
        if (first, last) == (start, stop):
            raise self._source.error(
                f"{here} is of type {kind}, and such values cannot be compared",
                first,
                last,
                hint="compare numbers",
            )
        raise self._source.error(
            f"{here} is of type {kind}, but {quoted(''.join(self._tokens[start : stop + 1]))} of type {other}"
            if {kind, other}.isdisjoint(LITERALS)
            else f"{here} ({kind}) does not go with {quoted(''.join(self._tokens[start : stop + 1]))} ({other})",
            first,
            last,
            hint="write 1.0 among floating-point numbers and 1 among integers; nothing is converted",
        )

    # Errors

    def _misplaced(self, message: str, place: int, hint: str) -> PropertyError:
        """An error about the whole expression that starts at token `place`."""
        last = self._source.end(place) - 1 if self._tokens[place] == "(" else place
        return self._source.error(message, place, last, hint=hint)

    def _no_leaf(self, at: int) -> PropertyError:
        token = self._tokens[at]
        if token == ")":
            return self._source.error("')' without a '('", at, hint="remove it, or add the '('")
        if _NUMBER.fullmatch(token):
            return self._source.error("this number is out of range", at, hint="write a finite double")
        if _NUMBER_LIKE.match(token):
            return self._source.error(
                f"malformed number {quoted(token)}", at, hint="write -1.5 or 2: no exponent, digits around the point"
            )
        if token[0] == '"':
            return self._source.error("a string stands here", at, hint="compare elements like X[0] and numbers")
        if token in _OPERATORS:
            return self._source.error(f"'{token}' stands without its '('", at, hint="write (- X[0]), (+ X[0] 1.0)")
        name = token.partition("[")[0]
        if _NAME.fullmatch(name):
            return self._source.error(
                f"{quoted(name)} is not declared",
                at,
                hint=f"variables are {', '.join(list(self._places)[:8])}{', ...' if len(self._places) > 8 else ''}",
            )
        return self._source.error(f"{quoted(token)} is no term", at, hint="terms are numbers and elements like X[0]")

    def _no_assertion(self, at: int, *, first: bool) -> PropertyError:
        """The error for a statement that is no assertion."""
        token = self._tokens[at]
        if token == ")":
            return self._source.error("')' without a '('", at, hint="remove it, or add the '('")
        if token != "(":
            return self._source.error("a statement starts with '('", at, hint="behind the networks stand assertions")
        command = self._tokens[at + 1]
        if command == "":
            return self._source.unclosed(at)
        if command == "declare-network":
            return self._source.error(
                "a network is declared behind an assertion", at, at + 1, hint="declare all networks first"
            )
        if command in ("(", ")"):
            return self._source.error("a command is missing after '('", at, hint="behind the networks stand assertions")
        if command in _OPERATORS:
            return self._source.error(f"'{command}' outside an assertion", at + 1, hint="wrap it: (assert ...)")
        return self._source.error(
            f"unknown command {quoted(command)}", at + 1, hint="a query is declare-network, then assert"
        )


def _number(text: str) -> Number | None:
    """The number; None unless it is written by the rules and a finite double. Texts must not be too long."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Number(text)
    return number if isfinite(number.approximate) else None


def _count(indices: int) -> str:
    return {0: "no index", 1: "one index"}.get(indices, f"{indices} indices")


def _example(place: Place) -> str:
    """The tensor's first element, as it is written."""
    zeros = ",".join("0" for _ in place.tensor.shape)
    return f"{place.tensor.name}[{zeros}]" if zeros else place.tensor.name
