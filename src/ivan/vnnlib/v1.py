"""VNN-LIB 1.0 as VNN-COMP uses it: constants X_i and Y_j, and SMT-LIB assertions that are linear in them.

Expressions are reduced with an explicit stack while the tokens go by, so neither depth nor size of the text meets the
recursion limit. Assertions of the form `(assert (<= X_0 1.5))` are a large property's bulk and take a short cut; it
declines whatever it does not recognise, and the general path then finds the words for the error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite

from ivan.errors import PropertyError
from ivan.vnnlib.formula import (
    FALSE,
    MAX_HEIGHT,
    TRUE,
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
    compare,
    conjoin,
    disjoin,
    height,
    negate,
)
from ivan.vnnlib.query import Query
from ivan.vnnlib.syntax import Source, collector_paused, quoted

_SYMBOL = re.compile(r"([XY])_(0|[1-9][0-9]{0,8})")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST_NUMBER = 1000  # characters; a double never needs more, and longer ones would be slow as rationals
_NUMBER_LIKE = re.compile(r"[+-]?\.?[0-9]")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity|oo)", re.IGNORECASE)

_COMPARISONS = frozenset(("<=", ">=", "<", ">", "=", "=="))
_ARITY: dict[str, tuple[int, int | None]] = {  # least and most operands
    **dict.fromkeys(_COMPARISONS, (2, 2)),
    "and": (1, None),
    "or": (1, None),
    "not": (1, 1),
    "=>": (2, None),
    "+": (1, None),
    "-": (1, None),
    "*": (1, None),
    "/": (2, None),
}
_TAKES_TERMS = _COMPARISONS | frozenset("+-*/")
_CONSTANTS: dict[str, Formula] = {"true": TRUE, "false": FALSE}
_IGNORED = frozenset(("set-logic", "set-info", "set-option", "check-sat", "get-model"))
_COMMANDS = "declare-const, declare-fun and assert"


@dataclass(slots=True)
class _Frame:
    """An operator whose operands are being read; all positions are token indices."""

    operator: str
    start: int
    operands: list[Formula | Term] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def parse(source: Source, start: int) -> Query:
    """Reads a VNN-LIB 1.0 property from token `start` on.

    Raises:
        PropertyError: ill-formed, or not linear.
    """
    with collector_paused():
        return _Reader(source).query(start)


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = source.tokens
        self._terms: dict[str, Variable | Number] = {}  # declared symbols and, once met, numbers
        self._declared: dict[str, dict[int, int]] = {"X": {}, "Y": {}}  # index -> token of its declaration
        self._assertions: list[Formula] = []

    def query(self, start: int) -> Query:
        at = start
        while opening := self._tokens[at]:
            if opening != "(":
                raise self._stray(at)
            command = self._tokens[at + 1]
            if command == "assert":
                at = self._assertion(at)
            elif command in ("declare-const", "declare-fun"):
                at = self._declaration(at)
            elif command in _IGNORED:
                at = self._source.end(at)
            elif command == "exit":
                self._source.end(at)
                break  # as SMT-LIB has it: what follows is not read
            else:
                raise self._unknown_command(at + 1)
        inputs, outputs = self._count("X", "input"), self._count("Y", "output")
        return Query(1, inputs, outputs, self._source.path, conjoin(self._assertions), len(self._source.text))

    # Statements

    def _assertion(self, start: int) -> int:
        tokens = self._tokens
        if tokens[start + 6] == ")" == tokens[start + 7] and (short := self._comparison_of_leaves(start + 2)):
            self._assertions.append(short)
            return start + 8
        if tokens[start + 2] == ")":
            raise self._source.error("'assert' takes one formula", start, start + 2, hint="for example (<= X_0 1)")
        formula, at = self._expression(start + 2, start)
        if not isinstance(formula, Atom | And | Or):
            raise self._source.error(
                "'assert' takes a formula, not a term", start + 2, at - 1, hint="compare it: <=, >="
            )
        self._close(start, at, "'assert' takes one formula")
        self._assertions.append(formula)
        return at + 1

    def _declaration(self, start: int) -> int:
        name, at = self._tokens[start + 2], start + 3
        form = "(declare-const X_0 Real)"
        symbol = _SYMBOL.fullmatch(name)
        if symbol is None:
            if name in ("", "(", ")"):
                raise self._source.error("a name is missing in this declaration", start + 2, hint=f"write {form}")
            raise self._source.error(
                f"{quoted(name)} is neither an input nor an output",
                start + 2,
                hint="name inputs X_0, X_1, ... and outputs Y_0, ...",
            )
        if self._tokens[start + 1] == "declare-fun":
            form = "(declare-fun X_0 () Real)"
            if self._tokens[at : at + 2] != ["(", ")"]:
                raise self._source.error("'()' is missing: only constants can be declared", at, hint=f"write {form}")
            at += 2
        if self._tokens[at] != "Real":
            raise self._source.error("the type is not Real", at, hint=f"write {form}")
        self._close(start, at + 1, "the declaration is too long")
        kind, index = symbol[1], int(symbol[2])
        if index in self._declared[kind]:
            raise self._source.error(f"'{name}' is declared twice", start + 2, hint="remove one of the declarations")
        self._declared[kind][index] = start + 2
        self._terms[name] = Variable(index if kind == "X" else ~index)
        return at + 2

    def _close(self, start: int, at: int, message: str) -> None:
        """Demands that the statement from `start` ends at `at`."""
        if self._tokens[at] == "":
            raise self._source.unclosed(start)
        if self._tokens[at] != ")":
            raise self._source.error(f"{message}; ')' expected", at, hint="check the parentheses")

    def _count(self, kind: str, noun: str) -> int:
        """How many inputs or outputs there are; they must be numbered from 0 without a gap."""
        declared = self._declared[kind]
        if not declared:
            end = len(self._tokens)
            raise self._source.error(f"no {noun} is declared", end, hint=f"declare it: (declare-const {kind}_0 Real)")
        for expected, index in enumerate(sorted(declared)):
            if index != expected:
                raise self._source.error(
                    f"'{kind}_{index}' is declared but '{kind}_{expected}' is not",
                    declared[index],
                    hint=f"number the {noun}s {kind}_0, {kind}_1, ... without a gap",
                )
        return len(declared)

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

    def _comparison_of_leaves(self, start: int) -> Formula | None:
        """The formula of `(op leaf leaf)`, five tokens; None unless it is well-formed."""
        opening, symbol, first, second = self._tokens[start : start + 4]
        if opening != "(" or symbol not in _COMPARISONS:
            return None
        terms = self._terms
        left = terms.get(first) or self._number(first)
        right = terms.get(second) or self._number(second)
        return compare(symbol, left, right) if left and right else None

    def _operator(self, at: int) -> str:
        token = self._tokens[at]
        if token in _ARITY:
            return token
        if token in ("(", ")", ""):
            raise self._source.error("an operator is missing after '('", at - 1, hint=f"one of {' '.join(_ARITY)}")
        if token == "assert" or token.startswith("declare-"):
            raise self._source.error(
                f"{quoted(token)} inside an expression", at, hint="a ')' is probably missing in the statement before"
            )
        raise self._source.error(f"unknown operator {quoted(token)}", at, hint=f"one of {' '.join(_ARITY)}")

    def _leaf(self, at: int) -> Formula | Term:
        token = self._tokens[at]
        if leaf := self._terms.get(token) or self._number(token) or _CONSTANTS.get(token):
            return leaf
        if token == ")":
            raise self._stray(at)
        if _NUMBER.fullmatch(token):
            raise self._source.error("this number is out of range", at, hint="write a finite double")
        if _NOT_FINITE.fullmatch(token):
            raise self._source.error(
                f"'{token}' is not a number", at, hint="leave a constraint with an infinite bound out"
            )
        if _NUMBER_LIKE.match(token):
            raise self._source.error(f"malformed number {quoted(token)}", at, hint="write numbers like -1.5 or 2e-3")
        if _SYMBOL.fullmatch(token):
            raise self._source.error(
                f"'{token}' is not declared", at, hint=f"declare it before its use: (declare-const {token} Real)"
            )
        raise self._source.error(
            f"unknown symbol {quoted(token)}", at, hint="inputs are X_0, X_1, ..., outputs are Y_0, Y_1, ..."
        )

    def _number(self, text: str) -> Number | None:
        """The number, remembered by its text; None unless it is a finite decimal number."""
        if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
            return None
        number = Number(text)
        if not isfinite(number.approximate):
            return None
        self._terms[text] = number
        return number

    def _reduce(self, frame: _Frame, end: int) -> Formula | Term:
        """The value of a closed expression, whose last token is `end`."""
        symbol = frame.operator
        least, most = _ARITY[symbol]
        if not least <= len(frame.operands) <= (most or len(frame.operands)):
            number = {1: "one operand", 2: "two operands"}[least]
            raise self._source.error(
                f"'{symbol}' takes {number}{'' if most else ' or more'}, not {len(frame.operands)}",
                frame.start,
                end,
                hint="write a chain as a conjunction" if symbol in _COMPARISONS else "check the parentheses",
            )
        if symbol in _TAKES_TERMS:
            return self._reduce_terms(frame)
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

    def _reduce_terms(self, frame: _Frame) -> Formula | Term:
        symbol = frame.operator
        terms: list[Term] = []
        for operand, place in zip(frame.operands, frame.places, strict=True):
            if not isinstance(operand, Variable | Number | Compound):
                raise self._misplaced(f"'{symbol}' takes terms, not formulas", place, "connect formulas with and, or")
            terms.append(operand)
        if symbol in _COMPARISONS:
            return compare(symbol, terms[0], terms[1])
        try:
            return arithmetic(symbol, terms)
        except NonlinearError as error:
            what = "a quotient by a variable" if symbol == "/" else "a product of variables"
            place = frame.places[error.operand]
            raise self._misplaced(f"nonlinear: {what}", place, "only linear constraints can be verified") from None
        except ZeroDivisionError:
            raise self._source.error("division by zero", frame.start, hint="check the divisors") from None

    # Errors

    def _misplaced(self, message: str, place: int, hint: str) -> PropertyError:
        """An error about the whole expression that starts at token `place`."""
        return self._source.error(message, place, self._source.end(place) - 1, hint=hint)

    def _stray(self, at: int) -> PropertyError:
        if self._tokens[at] == ")":
            return self._source.error("')' without a '('", at, hint="remove it, or add the '('")
        return self._source.error("a statement starts with '('", at, hint=f"statements are {_COMMANDS}")

    def _unknown_command(self, at: int) -> PropertyError:
        token = self._tokens[at]
        if token == "":
            return self._source.unclosed(at - 1)
        if token in ("(", ")"):
            return self._source.error("a command is missing after '('", at - 1, hint=f"statements are {_COMMANDS}")
        if token == "declare-network":
            return self._source.error(
                "'declare-network' is VNN-LIB 2.0", at, hint="begin the property with (vnnlib-version <2.0>)"
            )
        if token in _ARITY:
            return self._source.error(f"'{token}' outside an assertion", at, hint="wrap the formula: (assert ...)")
        return self._source.error(f"unknown command {quoted(token)}", at, hint=f"statements are {_COMMANDS}")


def _connect(symbol: str, operands: list[Formula]) -> Formula:
    if symbol == "and":
        return conjoin(operands)
    if symbol == "or":
        return disjoin(operands)
    if symbol == "not":
        return negate(operands[0])
    # a => b => c is a => (b => c): some premise fails, or the conclusion holds.
    return disjoin([*map(negate, operands[:-1]), operands[-1]])
