"""Expressions of any dialect: terms and formulas in parentheses, the operator first.

They are reduced with an explicit stack while the tokens go by, so neither depth nor size of the text meets the
recursion limit. Comparisons of two leaves are a large property's bulk and take a short cut; it declines whatever it
does not recognise, and the general path then finds the words for the error.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite

from ivan.errors import PropertyError
from ivan.vnnlib.formula import (
    MAX_HEIGHT,
    And,
    Atom,
    Compound,
    Formula,
    NonlinearError,
    Number,
    Or,
    Term,
    Variable,
    arithmetic,
    conjoin,
    disjoin,
    equality,
    height,
    negate,
)
from ivan.vnnlib.syntax import Source, quoted

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
"""A decimal number."""

_LONGEST_NUMBER = 1000  # characters; a double never needs more, and longer ones would be slow as rationals
_NUMBER_LIKE = re.compile(r"[+-]?\.?[0-9]")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity|oo)", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What expressions of a version of VNN-LIB are made of.

    Attributes:
        arity: least and most operands of every operator, None for any number.
        comparisons: the operators that compare two terms.
        number: how a literal is written.
        constants: formulas with a name.
        arithmetic: the term that an operator makes of terms; raises `NonlinearError` where that is none.
        unknown: message and hint for a symbol that is neither declared nor a number.
        statements: the commands, for hints.
        linear: the hint for a product that is none.
        check: called with the tokens first and last, and every comparison; raises what is wrong with its types.
    """

    arity: Mapping[str, tuple[int, int | None]]
    comparisons: frozenset[str]
    number: re.Pattern[str]
    constants: Mapping[str, Formula]
    unknown: Callable[[str], tuple[str, str]]
    statements: str
    arithmetic: Callable[[str, Sequence[Term]], Term] = arithmetic
    check: Callable[[int, int, Term, Term], None] | None = None
    linear: str = "only linear constraints can be verified"


@dataclass(slots=True)
class _Frame:
    """An operator whose operands are being read; all positions are token indices."""

    operator: str
    start: int
    operands: list[Formula | Term] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


class Expressions:
    """Reads expressions.

    Args:
        source: the text.
        terms: the declared symbols; numbers are added once they are met.
        dialect: what they are made of.
    """

    def __init__(self, source: Source, terms: dict[str, Variable | Number], dialect: Dialect) -> None:
        self._source, self._tokens, self._terms, self._dialect = source, source.tokens, terms, dialect

    def read(self, start: int, statement: int) -> tuple[Formula | Term, int]:
        """The expression from token `start` on, and the index past it; `statement` is where it would be unclosed."""
        tokens = self._tokens
        frames: list[_Frame] = []
        value: Formula | Term | None
        at = start
        while True:
            token, begin = tokens[at], at
            if token == "(":
                value = self.comparison_of_leaves(at) if tokens[at + 4] == ")" else None
                if value is None:
                    frames.append(_Frame(self._operator(at + 1), at))
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
                value = self._leaf(at)
                at += 1
            if not frames:
                return value, at
            frames[-1].operands.append(value)
            frames[-1].places.append(begin)

    def comparison_of_leaves(self, start: int) -> Formula | None:
        """The formula of `(op leaf leaf)`, five tokens; None unless it is well-formed."""
        opening, symbol, first, second = self._tokens[start : start + 4]
        if opening != "(" or symbol not in self._dialect.comparisons:
            return None
        terms = self._terms
        left = terms.get(first) or self._number(first)
        right = terms.get(second) or self._number(second)
        if not left or not right:
            return None
        if self._dialect.check is not None:
            self._dialect.check(start, start + 4, left, right)
        return _compare(symbol, left, right)

    def _operator(self, at: int) -> str:
        token = self._tokens[at]
        arity = self._dialect.arity
        if token in arity:
            return token
        if token in ("(", ")", ""):
            raise self._source.error("an operator is missing after '('", at - 1, hint=f"one of {' '.join(arity)}")
        if token == "assert" or token.startswith("declare-"):
            raise self._source.error(
                f"{quoted(token)} inside an expression", at, hint="a ')' is probably missing in the statement before"
            )
        raise self._source.error(f"unknown operator {quoted(token)}", at, hint=f"one of {' '.join(arity)}")

    def _leaf(self, at: int) -> Formula | Term:
        token = self._tokens[at]
        if leaf := self._terms.get(token) or self._number(token) or self._dialect.constants.get(token):
            return leaf
        if token == ")":
            raise self.stray(at)
        if self._dialect.number.fullmatch(token):
            raise self._source.error("this number is out of range", at, hint="write a finite double")
        if _NOT_FINITE.fullmatch(token):
            raise self._source.error(
                f"'{token}' is not a number", at, hint="leave a constraint with an infinite bound out"
            )
        if _NUMBER_LIKE.match(token):
            raise self._source.error(f"malformed number {quoted(token)}", at, hint="write numbers like -1.5 or 2e-3")
        message, hint = self._dialect.unknown(token)
        raise self._source.error(message, at, hint=hint)

    def _number(self, text: str) -> Number | None:
        """The number, remembered by its text; None unless it is a finite decimal number."""
        if len(text) > _LONGEST_NUMBER or not self._dialect.number.fullmatch(text):
            return None
        number = Number(text)
        if not isfinite(number.approximate):
            return None
        self._terms[text] = number
        return number

    def _reduce(self, frame: _Frame, end: int) -> Formula | Term:
        """The value of a closed expression, whose last token is `end`."""
        symbol = frame.operator
        least, most = self._dialect.arity[symbol]
        if not least <= len(frame.operands) <= (most or len(frame.operands)):
            number = {1: "one operand", 2: "two operands"}[least]
            raise self._source.error(
                f"'{symbol}' takes {number}{'' if most else ' or more'}, not {len(frame.operands)}",
                frame.start,
                end,
                hint="write a chain as a conjunction"
                if symbol in self._dialect.comparisons
                else "check the parentheses",
            )
        if symbol in self._dialect.comparisons or symbol in "+-*/":
            return self._reduce_terms(frame, end)
        formulas: list[Formula] = []
        for operand, place in zip(frame.operands, frame.places, strict=True):
            if not isinstance(operand, Atom | And | Or):
                raise self._misplaced(f"'{symbol}' takes formulas, not terms", place, "compare it: <=, >=")
            formulas.append(operand)
        result = _connect(symbol, formulas)
        if height(result) > MAX_HEIGHT:
            raise self._source.error(
                f"'and' and 'or' alternate more than {MAX_HEIGHT} deep", frame.start, hint="flatten the formula"
            )
        return result

    def _reduce_terms(self, frame: _Frame, end: int) -> Formula | Term:
        symbol = frame.operator
        terms: list[Term] = []
        for operand, place in zip(frame.operands, frame.places, strict=True):
            if not isinstance(operand, Variable | Number | Compound):
                raise self._misplaced(f"'{symbol}' takes terms, not formulas", place, "connect formulas with and, or")
            terms.append(operand)
        if symbol in self._dialect.comparisons:
            if self._dialect.check is not None:
                self._dialect.check(frame.start, end, terms[0], terms[1])
            return _compare(symbol, terms[0], terms[1])
        try:
            return self._dialect.arithmetic(symbol, terms)
        except NonlinearError as error:
            what = "a quotient by a variable" if symbol == "/" else "a product of variables"
            place = frame.places[error.operand]
            raise self._misplaced(f"nonlinear: {what}", place, self._dialect.linear) from None
        except ZeroDivisionError:
            raise self._source.error("division by zero", frame.start, hint="check the divisors") from None

    def _misplaced(self, message: str, place: int, hint: str) -> PropertyError:
        """An error about the whole expression that starts at token `place`."""
        return self._source.error(message, place, self._source.end(place) - 1, hint=hint)

    def stray(self, at: int) -> PropertyError:
        """The error for a token where a statement or an operand should be."""
        if self._tokens[at] == ")":
            return self._source.error("')' without a '('", at, hint="remove it, or add the '('")
        return self._source.error("a statement starts with '('", at, hint=f"statements are {self._dialect.statements}")


def _compare(symbol: str, left: Term, right: Term) -> Formula:
    if symbol == "<=":
        return Atom(left, right, False)
    if symbol == ">=":
        return Atom(right, left, False)
    if symbol == "<":
        return Atom(left, right, True)
    if symbol == ">":
        return Atom(right, left, True)
    if symbol == "!=":
        return disjoin([Atom(left, right, True), Atom(right, left, True)])
    return equality(left, right)


def _connect(symbol: str, operands: list[Formula]) -> Formula:
    if symbol == "and":
        return conjoin(operands)
    if symbol == "or":
        return disjoin(operands)
    if symbol == "not":
        return negate(operands[0])
    # a => b => c is a => (b => c): some premise fails, or the conclusion holds.
    return disjoin([*map(negate, operands[:-1]), operands[-1]])


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keeps the cycle collector from traversing, over and over, millions of new objects that form no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
