"""Polynomials as linear forms over monomials.

Every product of variables that a query speaks of is one more value beside its inputs and outputs, so that polynomials
add and compare like linear forms. Arithmetic of any nesting is multiplied out, exactly:

    (x + 1) (y - 2 x)  =  [x y] - 2 [x x] + y - 2 x

A monomial is the ascending keys of its factors, repeats included. While a text is read, monomials are numbered as they
turn up; `settled` leaves those that matter, in an order that depends on what they are and not on how the text came to
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, TypeVar

from ivan.vnnlib.formula import And, Atom, Compound, Formula, Linear, Or, Term

_V = TypeVar("_V", Fraction, float)

Monomial: TypeAlias = tuple[int, ...]

MOST_MONOMIALS = 4096
"""Different monomials that may turn up while a query is multiplied out."""

HIGHEST_DEGREE = 16
"""Factors that a monomial may have."""

MOST_TERMS = 1_000_000
"""Pairs of terms that may be multiplied with each other, over all of a query."""


class TooManyError(ValueError):
    """Multiplying out takes more effort than is allowed; the message says which limit was met."""


class Monomials:
    """The monomials of one query while it is read.

    Args:
        outputs: how many outputs are declared; monomial m has the key ~(outputs + m).
    """

    def __init__(self, outputs: int) -> None:
        self._outputs = outputs
        self._factors: list[Monomial] = []
        self._keys: dict[Monomial, int] = {}
        self._terms = 0

    def times(self, left: Linear, right: Linear) -> Linear:
        """The product, multiplied out.

        Raises:
            TooManyError: a limit is exceeded.
        """
        self._terms += (len(left.coefficients) + 1) * (len(right.coefficients) + 1)
        if self._terms > MOST_TERMS:
            raise TooManyError(f"more than {MOST_TERMS} products of terms")
        coefficients: dict[int, Fraction] = {}
        for a, c in left.coefficients.items():
            for b, d in right.coefficients.items():
                key = self._product(a, b)
                coefficients[key] = coefficients.get(key, 0) + c * d
        for one, other in ((left, right), (right, left)):
            if other.constant:
                for key, c in one.coefficients.items():
                    coefficients[key] = coefficients.get(key, 0) + c * other.constant
        return Linear({key: c for key, c in coefficients.items() if c}, left.constant * right.constant)

    def settled(self, formula: Formula) -> tuple[Formula, tuple[Monomial, ...]]:
        """The formula with its monomials numbered anew, and these.

        Monomials that no atom depends on are gone; the others go by degree, then by their keys.
        """
        if not self._factors:
            return formula, ()
        atoms = _atoms(formula)
        first = ~self._outputs  # the key of monomial 0: those of all others are below
        used = {
            key
            for left, right in ((atom.left.linear.coefficients, atom.right.linear.coefficients) for atom in atoms)
            for key in left.keys() | right.keys()
            if key <= first and left.get(key) != right.get(key)
        }
        products = sorted(map(self._factors_of, used), key=lambda factors: (len(factors), factors))
        settled = {self._keys[factors]: first - place for place, factors in enumerate(products)}
        return _renumbered(formula, first, settled), tuple(products)

    def _product(self, a: int, b: int) -> int:
        """The key of the product of two values."""
        factors = tuple(sorted((*self._factors_of(a), *self._factors_of(b))))
        key = self._keys.get(factors)
        if key is None:
            if len(factors) > HIGHEST_DEGREE:
                raise TooManyError(f"a product of more than {HIGHEST_DEGREE} variables")
            if len(self._factors) == MOST_MONOMIALS:
                raise TooManyError(f"more than {MOST_MONOMIALS} different products of variables")
            key = self._keys[factors] = ~(self._outputs + len(self._factors))
            self._factors.append(factors)
        return key

    def _factors_of(self, key: int) -> Monomial:
        return (key,) if key >= -self._outputs else self._factors[~key - self._outputs]


def values(products: Iterable[Monomial], assigned: Sequence[_V], one: _V) -> list[_V]:
    """The monomials' values.

    Args:
        products: the monomials.
        assigned: values of inputs and outputs by their keys (`formula.assignment`).
        one: the number 1 of their kind; factors are multiplied onto it from left to right.
    """
    found = []
    for factors in products:
        value = one
        for key in factors:
            value = value * assigned[key]
        found.append(value)
    return found


def _atoms(formula: Formula) -> list[Atom]:
    if isinstance(formula, Atom):
        return [formula]
    return [atom for operand in formula.operands for atom in _atoms(operand)]


def _renumbered(formula: Formula, first: int, settled: Mapping[int, int]) -> Formula:
    if isinstance(formula, Atom):
        left, right = formula.left.linear.coefficients, formula.right.linear.coefficients
        if min(left, default=0) > first and min(right, default=0) > first:
            return formula
        # A monomial that stands alike on both sides decides nothing, and is taken off both.
        alike = {key for key, c in left.items() if key <= first and right.get(key) == c}
        sides = [_renumbered_term(side, alike, first, settled) for side in (formula.left, formula.right)]
        return Atom(sides[0], sides[1], formula.strict)
    # `And` and `Or` as they are, not flattened anew: nothing about them has changed.
    kind = And if isinstance(formula, And) else Or
    return kind(tuple(_renumbered(operand, first, settled) for operand in formula.operands), formula.height)


def _renumbered_term(term: Term, alike: set[int], first: int, settled: Mapping[int, int]) -> Term:
    if not isinstance(term, Compound):
        return term
    coefficients = {
        key if key > first else settled[key]: c for key, c in term.linear.coefficients.items() if key not in alike
    }
    return Compound(term.code, Linear(coefficients, term.linear.constant), term.mentions_output)
