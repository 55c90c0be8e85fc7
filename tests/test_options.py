"""Every knob is described once, and only knobs that shape a proof tell stored runs apart."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from ivan.cli.verify import verify
from ivan.errors import InputError
from ivan.options import Options, knob

KNOBS = [f.name for f in fields(Options)]


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_is_described_and_its_default_is_in_range(name: str) -> None:
    facts = knob(name)
    assert facts["help"].endswith(".")
    assert facts["default"] == getattr(Options(), name)
    if facts["default"] is not None:
        assert facts["minimum"] is None or facts["default"] >= facts["minimum"]
        assert facts["maximum"] is None or facts["default"] <= facts["maximum"]


@pytest.mark.parametrize("name", KNOBS)
def test_only_knobs_that_shape_a_proof_change_the_digest(name: str) -> None:
    changed = replace(Options(), **{name: 1 if name == "alpha" else 17})
    assert (changed.digest() != Options().digest()) == knob(name)["proof"]


def test_the_command_line_takes_its_knobs_from_the_table() -> None:
    shown = {parameter.name: parameter for parameter in verify.params if parameter.name in KNOBS}
    assert {"timeout", "threads", "seed", "incremental", "alpha", "theta"} <= set(shown)
    for name, option in shown.items():
        facts = knob(name)
        assert option.default == facts["default"]
        assert option.help == facts["help"]  # type: ignore[attr-defined]
        ends = getattr(option.type, "min", None), getattr(option.type, "max", None)
        assert ends == (facts["minimum"], facts["maximum"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("timeout", value) for value in (-1.0, float("nan"), "10", True)),
        *(("threads", value) for value in (-1, 257, 1.5)),
        ("alpha", 1.5),
        ("compact", None),
    ],
)
def test_a_number_outside_of_its_range_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^{name}: ") as caught:
        Options(**{name: value})
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("give a")


def test_numbers_of_numpy_and_no_timeout_are_fine():
    assert Options(timeout=None, threads=np.int64(2), theta=np.float32(0.5)).threads == 2


def test_a_whole_number_is_compared_as_it_is_however_long():
    assert Options(seed=10**400).seed == 10**400
    with pytest.raises(InputError, match="threads"):
        Options(threads=10**400)


@pytest.mark.parametrize("knob", ["timeout", "theta", "compact"])
def test_a_number_that_no_float_holds_is_refused_where_it_is_given(knob):
    assert getattr(Options(**{knob: math.inf}), knob) == math.inf
    with pytest.raises(InputError, match=knob):
        Options(**{knob: 10**400})
