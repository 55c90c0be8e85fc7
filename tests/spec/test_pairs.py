"""Properties of two networks say what their names say: the text is violated by exactly the pairs that break the law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivan.spec import Box, PairSpecification, Signature, agreement, equivalence, fairness, monotonicity
from ivan.vnnlib import parse_query

SIGNATURE = Signature(((1, 3),), ((3,),))
UNIT = Box((Fraction(-1),) * 3, (Fraction(1),) * 3)
NUMBERS = st.integers(-12, 12).map(lambda n: Fraction(n, 8))
POINTS = st.tuples(NUMBERS, NUMBERS, NUMBERS)

Point = Sequence[Fraction]
Breaks = Callable[[Point, Point, Point, Point], bool]
"""Whether inputs of f and g and their outputs break the property."""


def inside(*points: Point) -> bool:
    return all(-1 <= v <= 1 for point in points for v in point)


def other_class(u: Point, v: Point) -> bool:
    """The first has one highest entry, and the second has another that is no lower there."""
    best = [i for i in range(3) if all(u[i] > u[k] for k in range(3) if k != i)]
    return bool(best) and any(v[j] >= v[best[0]] for j in range(3) if j != best[0])


def rises(x: Point, z: Point) -> bool:
    return z[1] >= x[1] and x[0] == z[0] and x[2] == z[2]


def near(x: Point, z: Point) -> bool:
    return all(abs(x[i] - z[i]) <= Fraction(1, 4) for i in (1, 2))


HALF = Fraction(1, 2)
KINDS: dict[str, tuple[PairSpecification, Breaks]] = {
    "equivalence": (
        equivalence(UNIT, SIGNATURE, (0, 2), HALF),
        lambda x, z, u, v: inside(x) and x == z and any(abs(u[j] - v[j]) > HALF for j in (0, 2)),
    ),
    "agreement": (
        agreement(UNIT, SIGNATURE),
        lambda x, z, u, v: inside(x) and x == z and other_class(u, v),
    ),
    "agreement on a class": (
        agreement(UNIT, SIGNATURE, label=1),
        lambda x, z, u, v: inside(x) and x == z and u[1] > max(u[0], u[2]) and v[1] <= max(v[0], v[2]),
    ),
    "monotonicity": (
        monotonicity(UNIT, SIGNATURE, (1,), (0,), tolerance=HALF),
        lambda x, z, u, v: inside(x, z) and rises(x, z) and v[0] < u[0] - HALF,
    ),
    "falling": (
        monotonicity(UNIT, SIGNATURE, (1,), (0, 2), falls=True),
        lambda x, z, u, v: inside(x, z) and rises(x, z) and (v[0] > u[0] or v[2] > u[2]),
    ),
    "fairness": (
        fairness(UNIT, SIGNATURE, (0,)),
        lambda x, z, u, v: inside(x, z) and x[1:] == z[1:] and other_class(u, v),
    ),
    "fairness of similar inputs": (
        fairness(UNIT, SIGNATURE, (0,), similar=Fraction(1, 4), most=HALF, chosen=(1,)),
        lambda x, z, u, v: inside(x, z) and near(x, z) and u[1] - v[1] > HALF,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@given(x=POINTS, z=POINTS, u=POINTS, v=POINTS, alike=st.integers(0, 7))
def test_the_text_is_violated_where_the_law_is_broken(kind, x, z, u, v, alike):
    """Inputs that a relation demands to be equal often are."""
    specification, breaks = KINDS[kind]
    z = tuple(a if alike >> k & 1 else b for k, (a, b) in enumerate(zip(x, z, strict=True)))
    query = parse_query(specification.text)
    assert query.violated([*x, *z], [*u, *v]) == breaks(x, z, u, v)


def test_tensors_of_several_inputs_and_scalars_are_all_declared():
    signature = Signature(((2,), ()), ((1, 1), (2,)))
    text = equivalence(Box((Fraction(0),) * 3, (Fraction(1),) * 3), signature, range(3), HALF).text
    (f, g) = parse_query(text).networks
    assert [(t.name, t.shape) for t in (*f.inputs, *f.outputs)] == [
        ("X_f0", (2,)), ("X_f1", ()), ("Y_f0", (1, 1)), ("Y_f1", (2,))
    ]  # fmt: skip
    assert (g.isomorphic_to, g.equal_to) == ("f", None)


def test_two_inputs_of_one_model_are_of_equal_networks():
    (f, g) = parse_query(fairness(UNIT, SIGNATURE, (0,)).text).networks
    assert (f.equal_to, g.equal_to) == (None, "f")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: equivalence(UNIT, SIGNATURE, (3,), HALF), "3 is not an output"),
        (lambda: equivalence(UNIT, SIGNATURE, (0,), -HALF), "less than nothing"),
        (lambda: agreement(UNIT, Signature(((1, 3),), ((1,),))), "no classes"),
        (lambda: agreement(UNIT, SIGNATURE, label=3), "3 is not an output"),
        (lambda: monotonicity(UNIT, SIGNATURE, (), (0,)), "needs an input"),
        (lambda: monotonicity(UNIT, SIGNATURE, (3,), (0,)), "3 is not an input"),
        (lambda: monotonicity(UNIT, SIGNATURE, (0,), (0,), tolerance=-HALF), "tolerance is negative"),
        (lambda: fairness(UNIT, SIGNATURE, ()), "needs a protected feature"),
        (lambda: fairness(UNIT, Signature(((1, 3),), ((1,),)), (0,)), "say how far outputs may differ"),
        (lambda: fairness(UNIT, SIGNATURE, (0,), chosen=(1,)), "not for the class"),
    ],
)
def test_what_means_nothing_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
