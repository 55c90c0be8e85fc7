"""VNN-LIB 1.0 as VNN-COMP uses it: constants X_i and Y_j, and SMT-LIB assertions that are linear in them.

Assertions of the form `(assert (<= X_0 1.5))` are a large property's bulk and take a short cut (expressions.py).
"""

from __future__ import annotations

import re

from ivan.errors import PropertyError
from ivan.vnnlib.expressions import NUMBER, Dialect, Expressions, collector_paused
from ivan.vnnlib.formula import FALSE, TRUE, And, Atom, Formula, Number, Or, Variable, conjoin
from ivan.vnnlib.query import Query
from ivan.vnnlib.syntax import Source, quoted

_SYMBOL = re.compile(r"([XY])_(0|[1-9][0-9]{0,8})")
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
_CONSTANTS: dict[str, Formula] = {"true": TRUE, "false": FALSE}
_IGNORED = frozenset(("set-logic", "set-info", "set-option", "check-sat", "get-model"))
_COMMANDS = "declare-const, declare-fun and assert"


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
        self._expressions = Expressions(source, self._terms, _DIALECT)

    def query(self, start: int) -> Query:
        at = start
        while opening := self._tokens[at]:
            if opening != "(":
                raise self._expressions.stray(at)
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
        if tokens[start + 6] == ")" == tokens[start + 7] and (
            short := self._expressions.comparison_of_leaves(start + 2)
        ):
            self._assertions.append(short)
            return start + 8
        if tokens[start + 2] == ")":
            raise self._source.error("'assert' takes one formula", start, start + 2, hint="for example (<= X_0 1)")
        formula, at = self._expressions.read(start + 2, start)
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

    def _unknown_command(self, at: int) -> PropertyError:
        token = self._tokens[at]
        if token == "":
            return self._source.unclosed(at - 1)
        if token in ("(", ")"):
            return self._source.error("a command is missing after '('", at - 1, hint=f"statements are {_COMMANDS}")
        if token in _ARITY:
            return self._source.error(f"'{token}' outside an assertion", at, hint="wrap the formula: (assert ...)")
        return self._source.error(f"unknown command {quoted(token)}", at, hint=f"statements are {_COMMANDS}")


def _unknown_symbol(token: str) -> tuple[str, str]:
    if _SYMBOL.fullmatch(token):
        return f"'{token}' is not declared", f"declare it before its use: (declare-const {token} Real)"
    return f"unknown symbol {quoted(token)}", "inputs are X_0, X_1, ..., outputs are Y_0, Y_1, ..."


_DIALECT = Dialect(_ARITY, _COMPARISONS, NUMBER, _CONSTANTS, _unknown_symbol, _COMMANDS)
