"""Boolean structure over linear inequalities, each side kept as written.

An atom is `left <= right` or `left < right`: `>=` is written the other way round, `=` is two inequalities, and `not`
has been pushed down to the atoms, so only `and` and `or` are left. Both sides stay as the text has them because
rounding depends on it: in floats `x - y <= 0` and `x <= y` may differ. Their exact meaning is a linear form in
rationals.

A variable is one integer, its *key*: input i is i and output j is ~j = -1 - j. So a list of all values, the inputs and
then the outputs backwards, is indexed by keys directly (`assignment`). A linear form may also speak of monomials, which
are numbered behind the outputs (monomials.py); to everything here they are outputs like others.

Arithmetic is kept in postfix order and Boolean nodes flatten on construction, so long chains of binary sums or binary
disjunctions need no deep recursion; what is left, alternation of and with or, is bounded by `MAX_HEIGHT`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import chain
from typing import NamedTuple, TypeAlias, TypeVar

_V = TypeVar("_V")
_ZERO, _ONE = Fraction(0), Fraction(1)

MAX_HEIGHT = 100
"""How many times `and` and `or` may alternate; readers refuse more."""


class NonlinearError(ValueError):
    """A product of two non-constant terms, or a division by one; `operand` counts from 0."""

    def __init__(self, operand: int) -> None:
        super().__init__(operand)
        self.operand = operand


class Linear(NamedTuple):
    """`sum of coefficients[key] * value(key) + constant`; no coefficient is zero."""

    coefficients: dict[int, Fraction]
    constant: Fraction


Times: TypeAlias = Callable[[Linear, Linear], Linear]


class Variable(NamedTuple):
    """An input (key >= 0) or an output (key < 0)."""

    key: int

    @property
    def linear(self) -> Linear:
        """Its exact meaning."""
        return Linear({self.key: _ONE}, _ZERO)

    @property
    def mentions_output(self) -> bool:
        """Does an output stand in it?"""
        return self.key < 0

    def exact(self, values: Sequence[Fraction]) -> Fraction:
        """Its value under an assignment."""
        return values[self.key]

    def in_floats(self, values: Sequence[float]) -> float:
        """Its value under an assignment, in double precision."""
        return values[self.key]


class Number:
    """A literal; its rational value is worked out when first wanted, once per text.

    Args:
        text: a decimal number, with or without exponent; a finite double.
    """

    __slots__ = ("_value", "approximate", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.approximate = float(text)
        self._value: Fraction | None = None

    @classmethod
    def rational(cls, value: Fraction) -> Number:
        """The number of that value, whatever its text was.

        Raises:
            OverflowError: it is beyond what a double can hold.
        """
        number = cls.__new__(cls)
        number.text, number.approximate, number._value = str(value), float(value), value
        return number

    @property
    def value(self) -> Fraction:
        """Exactly the decimal number written."""
        if self._value is None:
            self._value = Fraction(Decimal(self.text))  # exact, and faster than from the text
        return self._value

    @property
    def linear(self) -> Linear:
        """Its exact meaning."""
        return Linear({}, self.value)

    @property
    def mentions_output(self) -> bool:
        """Does an output stand in it?"""
        return False

    def exact(self, values: Sequence[Fraction]) -> Fraction:
        """Its value, whatever the assignment."""
        return self.value

    def in_floats(self, values: Sequence[float]) -> float:
        """Its value rounded to double precision."""
        return self.approximate


class Apply(NamedTuple):
    """A step of postfix code: replaces the last `arity` values by one."""

    operator: str
    arity: int


_FOLDS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True, slots=True, eq=False)
class Compound:
    """A sum, difference, product or quotient: as written (postfix code), and what it means (a linear form).

    A monomial counts as an output: `mentions_output` holds, whatever its factors are.
    """

    code: tuple[Variable | Number | Apply, ...]
    linear: Linear
    mentions_output: bool

    def exact(self, values: Sequence[Fraction]) -> Fraction:
        """Its value under an assignment."""
        return sum((c * values[key] for key, c in self.linear.coefficients.items()), self.linear.constant)

    def in_floats(self, values: Sequence[float]) -> float:
        """Its value in double precision, operand by operand from left to right, as written."""
        stack: list[float] = []
        for step in self.code:
            if isinstance(step, Apply):
                operands = stack[-step.arity :]
                del stack[-step.arity :]
                negation = step.operator == "-" and step.arity == 1
                stack.append(-operands[0] if negation else reduce(_FOLDS[step.operator], operands))
            else:
                stack.append(step.in_floats(values))
        return stack[0]


Term: TypeAlias = Variable | Number | Compound


class Atom(NamedTuple):
    """`left <= right`, or `left < right` when strict."""

    left: Term
    right: Term
    strict: bool


@dataclass(frozen=True, slots=True)
class And:
    """All operands hold; of none: true. Built by `conjoin`, so no operand is an `And`."""

    operands: tuple[Formula, ...]
    height: int = 1


@dataclass(frozen=True, slots=True)
class Or:
    """Some operand holds; of none: false. Built by `disjoin`, so no operand is an `Or`."""

    operands: tuple[Formula, ...]
    height: int = 1


Formula: TypeAlias = Atom | And | Or

TRUE, FALSE = And(()), Or(())


def arithmetic(symbol: str, operands: Sequence[Term], times: Times | None = None) -> Compound:
    """The term `(symbol operands...)`, symbol one of + - * /, with at least one operand.

    Args:
        symbol: the operator.
        operands: from left to right.
        times: multiplies linear forms neither of which is constant; without it that is an error.

    Raises:
        NonlinearError: the result would not be linear.
        ZeroDivisionError: a divisor is zero, exactly or when rounded to a double.
    """
    if symbol == "/":
        for index, divisor in enumerate(operands[1:], start=1):
            if any(isinstance(step, Variable) for step in _code(divisor)):
                raise NonlinearError(index)
            if not divisor.linear.constant or not divisor.in_floats(()):
                raise ZeroDivisionError
    linear = _combine(symbol, [operand.linear for operand in operands], times)
    # A product of inputs is the first to mention a monomial: its operands do not.
    monomials = times is not None and symbol == "*" and any(key < 0 for key in linear.coefficients)
    return Compound(
        code=(*chain.from_iterable(map(_code, operands)), Apply(symbol, len(operands))),
        linear=linear,
        mentions_output=monomials or any(operand.mentions_output for operand in operands),
    )


def _code(term: Term) -> tuple[Variable | Number | Apply, ...]:
    return term.code if isinstance(term, Compound) else (term,)


def _combine(symbol: str, operands: Sequence[Linear], times: Times | None) -> Linear:
    if symbol == "+":
        # The longest operand first, so that a sum of sums of sums ... copies dictionaries instead of adding fractions.
        return _sum(sorted(operands, key=lambda operand: -len(operand.coefficients)))
    if symbol == "-":
        return _scaled(operands[0], -_ONE) if len(operands) == 1 else _sum(operands, subtract=True)
    scale, varying = _ONE, None
    for index, operand in enumerate(operands):
        if symbol == "/" and index:
            scale /= operand.constant
        elif not operand.coefficients:
            scale *= operand.constant
        elif varying is None:
            varying = operand
        elif times:
            varying = times(varying, operand)
        else:
            raise NonlinearError(index)
    return _scaled(varying, scale) if varying else Linear({}, scale)


def _sum(operands: Sequence[Linear], *, subtract: bool = False) -> Linear:
    """The first operand plus (or minus) each further one."""
    coefficients, constant = dict(operands[0].coefficients), operands[0].constant
    for operand in operands[1:]:
        constant += -operand.constant if subtract else operand.constant
        for key, c in operand.coefficients.items():
            addend = -c if subtract else c
            coefficients[key] = coefficients[key] + addend if key in coefficients else addend
    return Linear({key: c for key, c in coefficients.items() if c}, constant)


def _scaled(linear: Linear, scale: Fraction) -> Linear:
    if not scale:
        return Linear({}, _ZERO)
    return Linear({key: scale * c for key, c in linear.coefficients.items()}, scale * linear.constant)


def conjoin(operands: Iterable[Formula]) -> Formula:
    """All of them: nested conjunctions become one, a single operand stands for itself."""
    flat: list[Formula] = []
    for operand in operands:
        if isinstance(operand, And):
            flat += operand.operands
        else:
            flat.append(operand)
    return flat[0] if len(flat) == 1 else And(tuple(flat), _height(flat))


def disjoin(operands: Iterable[Formula]) -> Formula:
    """Any of them: nested disjunctions become one, a single operand stands for itself."""
    flat: list[Formula] = []
    for operand in operands:
        if isinstance(operand, Or):
            flat += operand.operands
        else:
            flat.append(operand)
    return flat[0] if len(flat) == 1 else Or(tuple(flat), _height(flat))


def height(formula: Formula) -> int:
    """How many levels of `and` and `or` stand above its deepest atom."""
    return 0 if isinstance(formula, Atom) else formula.height


def _height(operands: Iterable[Formula]) -> int:
    return 1 + max(map(height, operands), default=0)


def equality(left: Term, right: Term) -> Formula:
    """`left = right`."""
    return And((Atom(left, right, strict=False), Atom(right, left, strict=False)))


def compare(symbol: str, left: Term, right: Term) -> Formula:
    """`(symbol left right)`, symbol one of <= >= < > != = ==."""
    if symbol == "<=":
        return Atom(left, right, False)
    if symbol == ">=":
        return Atom(right, left, False)
    if symbol == "<":
        return Atom(left, right, True)
    if symbol == ">":
        return Atom(right, left, True)
    if symbol == "!=":
        return disjoin((Atom(left, right, strict=True), Atom(right, left, strict=True)))
    return equality(left, right)


def negate(formula: Formula) -> Formula:
    """Its negation, with `not` pushed down to the atoms: not (a <= b) is b < a."""
    if isinstance(formula, Atom):
        return Atom(formula.right, formula.left, not formula.strict)
    if isinstance(formula, And):
        return disjoin(map(negate, formula.operands))
    return conjoin(map(negate, formula.operands))


def assignment(inputs: Sequence[_V], outputs: Sequence[_V]) -> list[_V]:
    """Values in the order that keys index."""
    return [*inputs, *reversed(outputs)]


def holds(formula: Formula, atom_holds: Callable[[Atom], bool]) -> bool:
    """The formula's truth, given that of its atoms."""
    if isinstance(formula, Atom):
        return atom_holds(formula)
    quantifier = all if isinstance(formula, And) else any
    return quantifier(holds(operand, atom_holds) for operand in formula.operands)


def inequality(atom: Atom) -> tuple[list[tuple[int, Fraction]], Fraction]:
    """The atom as `sum of c * value(key) <= bound` (< when strict).

    Returns:
        the pairs (key, c), c != 0, inputs before outputs and each by index; the bound.
    """
    difference = _sum((atom.left.linear, atom.right.linear), subtract=True)
    # Keys 0, 1, 2, ... then -1, -2, -3, ...
    pairs = sorted(difference.coefficients.items(), key=lambda pair: (pair[0] < 0, abs(pair[0])))
    return pairs, -difference.constant


def normal_form(formula: Formula) -> str:
    """A text that is equal for formulas that differ only in spelling and in the order of their operands."""
    if isinstance(formula, Atom):
        return _normal_atom(formula)
    parts = sorted({normal_form(operand) for operand in formula.operands})
    if len(parts) == 1:
        return parts[0]
    return f"({'and' if isinstance(formula, And) else 'or'} {' '.join(parts)})"


def _normal_atom(atom: Atom) -> str:
    text = linear_text(atom, scaled=True)
    if not text.startswith("<"):
        return text
    _, bound = inequality(atom)
    return "(and )" if (bound > 0 if atom.strict else bound >= 0) else "(or )"


def linear_text(atom: Atom, *, scaled: bool) -> str:
    """What the atom means: `key:coefficient,...<=bound`, `<` when strict, in the order of `inequality`.

    Args:
        atom: the atom.
        scaled: with everything divided by the absolute value of the first coefficient.
    """
    left, right = atom.left, atom.right
    relation = "<" if atom.strict else "<="
    # The two commonest atoms take a short cut to what the general rule below yields for them.
    if isinstance(left, Variable) and isinstance(right, Number):
        return f"{left.key}:1{relation}{right.value}"
    if isinstance(left, Number) and isinstance(right, Variable):
        return f"{right.key}:-1{relation}{-left.value}"
    pairs, bound = inequality(atom)
    scale = abs(pairs[0][1]) if scaled and pairs else _ONE
    return f"{','.join(f'{key}:{c / scale}' for key, c in pairs)}{relation}{bound / scale}"
