"""A query that is said to lie within another does; what is not seen to is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import affine
from tests.vnnlib.test_laws import POINTS, Tree, formulas, read, split

from ivan.network.layers import Network
from ivan.network.linear import Selection
from ivan.problem import build_problem
from ivan.vnnlib import Query, implication, parse_query
from ivan.vnnlib.implication import lies_within

FEW = settings(max_examples=40, derandomize=True, deadline=None)
MANY = settings(max_examples=120, derandomize=True, deadline=None)
HEAD = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"


def ask(*asserted: str) -> Query:
    return parse_query(HEAD + "".join(f"(assert {formula})" for formula in asserted))


def box(low: str, high: str, *asserted: str) -> Query:
    return ask(*(f"(and (>= {x} {low}) (<= {x} {high}))" for x in ("X_0", "X_1")), *asserted)


def violations(query: Query) -> set[int]:
    return {i for i, point in enumerate(POINTS) if query.violated(*split(point))}


# Laws


@FEW
@given(formulas, formulas)
def test_yes_is_never_said_wrongly(one: Tree, two: Tree) -> None:
    asked = [read(tree) for tree in (one, two, ("and", one, two), ("or", one, two), ("and", two, ("not", one)))]
    found = [violations(query) for query in asked]
    for query, mine in zip(asked, found, strict=True):
        for other, theirs in zip(asked, found, strict=True):
            assert mine <= theirs or not lies_within(query, other)


@FEW
@given(formulas, formulas)
def test_a_query_lies_within_itself_and_what_is_weaker(one: Tree, two: Tree) -> None:
    weak, strong, wide = read(one), read(("and", one, two)), read(("or", two, one))
    assert lies_within(weak, weak)
    assert lies_within(strong, weak)
    assert lies_within(weak, wide)


@dataclass(frozen=True)
class Drawn:
    """A box and conjunctions of rows, with every number apart."""

    ends: tuple[Decimal, ...]
    cases: tuple[tuple[tuple[str, str, Decimal], ...], ...]

    def moved(self, by: Sequence[Decimal]) -> Drawn:
        """The same with every number moved a little."""
        steps = iter(by)
        ends = tuple(end + next(steps) for end in self.ends)
        cases = tuple(
            tuple((relation, left, right + next(steps)) for relation, left, right in case) for case in self.cases
        )
        return Drawn(ends, cases)

    @property
    def query(self) -> Query:
        low = [f"(>= X_{i} {end:f})" for i, end in enumerate(self.ends[:2])]
        high = [f"(<= X_{i} {end:f})" for i, end in enumerate(self.ends[2:])]
        cases = ["(and true " + " ".join(f"({r} {left} {b:f})" for r, left, b in case) + ")" for case in self.cases]
        return ask(*low, *high, f"(or {' '.join(cases)})")


ROWS = st.tuples(
    st.sampled_from(["<=", "<"]),
    st.sampled_from(["X_0", "Y_0", "(+ X_0 Y_0)", "(* 3 Y_1)", "(- X_0 X_1)"]),
    st.decimals(-1, 1, allow_nan=False, places=1),
)
DRAWN = st.builds(
    Drawn,
    st.sampled_from([tuple(map(Decimal, ends)) for ends in (("-0.1", "0", "0.3", "0"), ("0.1", "0.7", "0.1", "0.9"))]),
    st.lists(st.lists(ROWS, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple),
)
# the finer ones vanish when they are rounded to float32, or to float64
STEPS = st.lists(
    st.sampled_from([*map(Decimal, ("0", "-1e-3", "1e-3", "1e-9", "-1e-9", "1e-18"))]), min_size=8, max_size=8
)


@MANY
@given(DRAWN, STEPS, st.booleans())
def test_what_was_proved_holds_all_that_has_to_be_proved(drawn: Drawn, by: list[Decimal], swapped: bool) -> None:
    """The regions and rows of the one problem lie within those of the other, rounding and all."""
    small, large = drawn.query, drawn.moved(by).query
    if swapped:
        small, large = large, small
    if not lies_within(small, large):
        return
    network = Network((), (2,), affine(2, {0: Selection(np.array([0, 1]), 2)}, np.zeros(2)), "model", "float32")
    inner, outer = build_problem(small, network), build_problem(large, network)
    for case in inner.cases:
        region = inner.regions[case.region]
        for x in np.stack(np.meshgrid(*zip(region.lower, region.upper, strict=True)), -1).reshape(-1, 2):
            around = [
                other
                for other in outer.cases
                if np.all(outer.regions[other.region].lower <= x) and np.all(x <= outer.regions[other.region].upper)
            ]
            for y in ([0, 0], [-9, 0], [9, 0], [0, -9], [0, 9], [1, 1]):
                point = [Fraction(float(v)) for v in x], [Fraction(v) for v in y]
                if case.violated(*point):
                    assert any(other.violated(*point) for other in around)


# Examples


@pytest.mark.parametrize(
    ("query", "other"),
    [
        (box("0", "1", "(<= Y_0 1)"), box("0", "1", "(<= Y_0 1)")),
        (box("0.1", "0.9", "(<= Y_0 1)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(<= Y_0 0.5)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(< Y_0 1)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(< Y_0 1)"), box("0", "1", "(< Y_0 1)")),
        (box("0", "1", "(<= Y_0 0.9)"), box("0", "1", "(< Y_0 1)")),
        (box("0", "1", "(<= (* 2 Y_0) 2)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(<= (- (* 2 Y_0) Y_1) 2)"), box("0", "1", "(<= (* 3 Y_0) (+ (* 1.5 Y_1) 3.5))")),
        (box("0", "1", "(<= Y_0 1)", "(<= Y_1 1)"), box("0", "1", "(<= Y_1 1)")),
        (box("0", "1", "(<= Y_0 1)", "(<= Y_0 3)"), box("0", "1", "(<= Y_0 2)")),
        (box("0", "1", "(<= Y_0 1)"), box("0", "1")),
        (box("0", "1", "(<= Y_0 1)"), ask()),
        (ask("(<= X_0 1)"), ask("(<= X_0 2)")),
        (box("0", "1", "(or (<= Y_0 1) (<= Y_1 1))"), box("0", "1", "(or (<= Y_1 2) (<= Y_0 2) (<= X_0 Y_0))")),
        (box("0", "1", "(or (<= X_0 0.5) (<= X_1 0.5))"), box("0", "1")),
        (box("0", "1", "(< X_0 0.5)"), box("0", "1", "(< X_0 0.6)")),
        (box("1", "0"), box("2", "3", "(<= Y_0 0)")),
    ],
)  # fmt: skip
def test_what_lies_within(query: Query, other: Query) -> None:
    assert lies_within(query, other)


@pytest.mark.parametrize(
    ("query", "other"),
    [
        (box("0", "1.1", "(<= Y_0 1)"), box("0", "1", "(<= Y_0 1)")),
        (box("-0.1", "1", "(<= Y_0 1)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "0.30000000000000001", "(<= Y_0 1)"), box("0", "0.3", "(<= Y_0 1)")),
        (box("0", "1", "(<= Y_0 1.1)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(<= Y_0 1)"), box("0", "1", "(< Y_0 1)")),
        (box("0", "1", "(<= Y_0 1)"), box("0", "1", "(>= Y_0 1)")),
        (box("0", "1", "(<= Y_0 1)"), box("0", "1", "(<= Y_0 1)", "(<= Y_1 1)")),
        (box("0", "1"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(<= (* -2 Y_0) 2)"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1", "(<= (+ X_0 Y_0) 1)"), box("0", "1", "(<= Y_0 1)")),
        (ask("(<= X_0 1)"), box("-9", "9")),
        (box("0", "1", "(or (<= Y_0 1) (<= Y_1 1))"), box("0", "1", "(<= Y_0 1)")),
        (box("0", "1"), box("0", "1", "false")),
        # the union of two boxes is not looked for
        (box("0", "1"), box("0", "1", "(or (<= X_0 0.5) (>= X_0 0.5))")),
        # a little more than the box is proved, and beyond the old row nothing was
        (box("0", "0.1"), box("0", "1", "(< X_0 0.1000000001)")),
    ],
)  # fmt: skip
def test_what_is_not_seen_to_lie_within(query: Query, other: Query) -> None:
    assert not lies_within(query, other)


def test_too_much_to_compare_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = " ".join(f"(and (<= X_0 {k}) (<= Y_0 1))" for k in range(40))
    many = box("0", "99", f"(or {cases})")
    assert lies_within(many, many)
    monkeypatch.setattr(implication, "MOST_COMPARISONS", 40)
    assert not lies_within(many, many)
    monkeypatch.undo()
    monkeypatch.setattr(implication, "MOST_CONJUNCTIONS", 39)
    assert not lies_within(many, many)
    assert not lies_within(box("0", "1", "(<= Y_0 1)"), many)


# Queries of networks

NETWORK = "(vnnlib-version <2.0>)(declare-network N (declare-input X real [2]) (declare-output Y real [2]))"


def of_network(*asserted: str, head: str = NETWORK) -> Query:
    return parse_query(head + "".join(f"(assert {formula})" for formula in asserted))


def test_rows_over_products_compare_when_the_products_are_the_same() -> None:
    wide = of_network("(<= X[0] 1.0)", "(<= (* X[0] Y[0]) 2.0)")
    assert lies_within(of_network("(<= X[0] 0.5)", "(<= (* Y[0] X[0]) 1.0)"), wide)
    assert not lies_within(of_network("(<= X[0] 0.5)", "(<= (* Y[0] X[0]) 3.0)"), wide)
    assert not lies_within(of_network("(<= X[0] 0.5)", "(<= (* Y[0] X[1]) 1.0)"), wide)
    assert not lies_within(of_network("(<= X[0] 0.5)", "(<= (* Y[0] X[0]) 1.0)", "(<= (* Y[1] X[1]) 1.0)"), wide)


@pytest.mark.parametrize("head", [NETWORK.replace("real", "float32"), NETWORK.replace("Y real [2]", "Y real [2,1]")])
def test_queries_of_other_networks_do_not_compare(head: str) -> None:
    assert lies_within(of_network("(<= X[0] 1.0)"), of_network("(<= X[0] 1.0)", head=NETWORK.replace("Y", "Z")))
    assert not lies_within(of_network("(<= X[0] 1.0)"), of_network("(<= X[0] 1.0)", head=head))
    assert not lies_within(ask("(<= X_0 1.0)"), of_network("(<= X[0] 1.0)"))
