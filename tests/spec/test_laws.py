"""What is written is read back as what was asked: points break a property exactly where its words say so."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import from_onnx
from tests.models import dense

from ivan.problem import build_problem
from ivan.spec import Box, Specification, ball, highest, normalised, output_range, robustness
from ivan.vnnlib import Query, parse_query

singles = st.floats(-4, 4, width=32).map(Fraction)
centres = st.lists(singles, min_size=2, max_size=2)
radii = st.sampled_from((Fraction(0), Fraction(1, 8), Fraction(3, 100), Fraction(8, 255), Fraction(2, 3)))
steps = st.lists(st.integers(-5, 5), min_size=2, max_size=2)
values = st.lists(st.integers(-2, 2).map(lambda v: Fraction(v, 2)), min_size=3, max_size=3)
LIMITS = (None, (Fraction(-1), Fraction(1)), (Fraction(-1, 3), Fraction(2, 7)))


def parsed(specification: Specification) -> Query:
    query = parse_query(specification.text)
    assert (query.inputs, query.outputs) == (specification.box.size, specification.outputs)
    return query


@settings(max_examples=200, derandomize=True, deadline=None)
@given(centres, radii, st.sampled_from(LIMITS), st.integers(0, 2), st.sampled_from((None, 0, 1, 2)), steps, values)
def test_robustness_is_broken_inside_the_ball_where_another_output_is_as_high(
    centre: list[Fraction],
    radius: Fraction,
    clip: tuple[Fraction, Fraction] | None,
    label: int,
    target: int | None,
    step: list[int],
    y: list[Fraction],
) -> None:
    if target == label or (clip and any(c + radius < clip[0] or c - radius > clip[1] for c in centre)):
        return
    query = parsed(robustness(ball(centre, radius, clip), 3, label, target=target))
    x = [c + radius * s / 4 for c, s in zip(centre, step, strict=True)]
    inside = all(abs(a - c) <= radius for a, c in zip(x, centre, strict=True))
    inside = inside and (clip is None or all(clip[0] <= a <= clip[1] for a in x))
    rivals = [y[j] for j in range(3) if j != label] if target is None else [y[target]]
    assert query.violated(x, y) == (inside and max(rivals) >= y[label])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.sampled_from((None, Fraction(-1), Fraction(1, 2))),
    st.sampled_from((None, Fraction(1, 2), Fraction(1))),
    st.lists(st.integers(0, 2), min_size=1, max_size=3),
    st.booleans(),
    steps,
    values,
)
def test_a_range_is_broken_inside_the_box_where_a_chosen_output_is_beyond_it(
    least: Fraction | None,
    most: Fraction | None,
    chosen: list[int],
    exclusive: bool,
    step: list[int],
    y: list[Fraction],
) -> None:
    if least is None and most is None:
        return
    box = Box((Fraction(-1), Fraction(0)), (Fraction(1), Fraction(1, 3)))
    query = parsed(output_range(box, 3, chosen, least, most, exclusive=exclusive))
    x = [Fraction(s, 3) for s in step]
    inside = all(low <= v <= high for low, v, high in zip(box.lower, x, box.upper, strict=True))

    def beyond(value: Fraction) -> bool:
        low = least is not None and (value < least or (exclusive and value == least))
        return low or (most is not None and (value > most or (exclusive and value == most)))

    assert query.violated(x, y) == (inside and any(beyond(y[j]) for j in chosen))


def test_limits_that_no_decimal_says_are_asked_for_a_little_more_strictly() -> None:
    box, third = Box((Fraction(0),), (Fraction(1),)), Fraction(1, 3)
    query = parsed(output_range(box, 1, [0], -third, third))
    tiny = Fraction(1, 10**60)
    assert query.violated([Fraction(0)], [third + tiny])
    assert query.violated([Fraction(0)], [-third - tiny])
    assert not query.violated([Fraction(0)], [third - Fraction(1, 10**30)])


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), radii)
def test_every_input_of_the_models_precision_in_the_ball_is_in_the_problem(
    centre: list[float], radius: Fraction
) -> None:
    """And nothing beyond it: the region's numbers of the model's precision are those of the exact ball."""
    network = from_onnx(dense((3, 2), np.random.default_rng(0)))
    asked = ball([Fraction(c) for c in centre], radius)
    problem = build_problem(parsed(robustness(asked, 2, 0)), network)
    region = problem.regions[0]
    for axis in range(3):
        first, last = np.float32(region.inner_lower[axis]), np.float32(region.inner_upper[axis])
        before, after = np.nextafter(first, np.float32(-np.inf)), np.nextafter(last, np.float32(np.inf))
        assert Fraction(float(before)) < asked.lower[axis] <= Fraction(float(first))
        assert Fraction(float(last)) <= asked.upper[axis] < Fraction(float(after))
        assert Fraction(region.lower[axis]) <= asked.lower[axis]
        assert Fraction(region.upper[axis]) >= asked.upper[axis]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(centres, radii)
def test_a_normalised_box_holds_the_image_of_every_corner(centre: list[Fraction], radius: Fraction) -> None:
    mean, deviation = [Fraction(485, 1000), Fraction(0)], [Fraction(229, 1000), Fraction(3)]
    raw = ball(centre, radius)
    box = parsed(robustness(normalised(raw, mean, deviation), 2, 0))
    for side in (raw.lower, raw.upper):
        x = [(v - m) / d for v, m, d in zip(side, mean, deviation, strict=True)]
        assert box.violated(x, [Fraction(0), Fraction(0)])


@pytest.mark.parametrize("name", ["two\nlines.onnx", "bell\x07.onnx", "( assert.onnx"])
def test_whatever_a_file_is_called_the_comment_is_a_comment(name: str) -> None:
    box = Box((Fraction(0),), (Fraction(1),))
    made = robustness(box, 2, 0, title=f"Output 0 of {name} stays the highest.", notes=(f"model: {name}",))
    assert parsed(made).digest == parsed(robustness(box, 2, 0)).digest


def test_one_violation_is_an_assertion_and_several_are_a_disjunction() -> None:
    box = Box((Fraction(0),), (Fraction(1),))
    assert robustness(box, 3, 1, target=2).text.endswith("\n(assert (>= Y_2 Y_1))\n")
    assert robustness(box, 3, 1).text.endswith("(assert (or\n    (and (>= Y_0 Y_1))\n    (and (>= Y_2 Y_1))\n))\n")


BOX = Box((Fraction(0),), (Fraction(1),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: robustness(BOX, 1, 0), "no classes"),
        (lambda: robustness(BOX, 2, 2), "label 2 is not an output"),
        (lambda: robustness(BOX, 2, 0, target=5), "target 5 is not an output"),
        (lambda: robustness(BOX, 2, 0, target=0), "both 0"),
        (lambda: output_range(BOX, 2, [0], None, None), "least or a greatest"),
        (lambda: output_range(BOX, 2, [0], Fraction(1), Fraction(0)), "empty"),
        (lambda: output_range(BOX, 2, [], Fraction(1), None), "needs an output"),
        (lambda: output_range(BOX, 2, [2], Fraction(1), None), "2 is not an output"),
        (lambda: ball([Fraction(0)], Fraction(-1)), "negative"),
        (lambda: ball([Fraction(5)], Fraction(1), (Fraction(0), Fraction(1))), "empty"),
        (lambda: normalised(BOX, [Fraction(0)], [Fraction(0)]), "not positive"),
        (lambda: Box((Fraction(0),), ()), "1 lower bounds and 0 upper"),
        (lambda: highest([1.0, float("nan")]), "not a finite number"),
        (lambda: highest([1.0, 3.0, 3.0]), "outputs 1, 2 are equally high"),
    ],
)
def test_what_means_nothing_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_the_highest_output_is_the_class() -> None:
    assert highest([1.0, 3.0, 2.0]) == 1
