"""A counterexample of the past violates the property once more, or it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.questions import FAILS, HOLDS, small

import ivan
from ivan.answer import answer
from ivan.errors import InputError, MismatchError
from ivan.gate.counterexamples import read_inputs, returned


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """A counterexample, as a file, besides the model and two properties."""
    (tmp_path / "m.onnx").write_bytes(small())
    (tmp_path / "fails.vnnlib").write_text(FAILS)
    (tmp_path / "holds.vnnlib").write_text(HOLDS)
    outcome = ivan.verify(tmp_path / "m.onnx", tmp_path / "fails.vnnlib", store=False)
    file = tmp_path / "found.txt"
    file.write_text(answer(outcome.verdict, outcome.witness, 1))
    assert outcome.witness is not None
    np.testing.assert_array_equal(read_inputs(file, 3), outcome.witness.inputs)
    return file


def test_what_still_violates_is_back_and_what_does_not_is_not(found: Path) -> None:
    model, folder = found.parent / "m.onnx", found.parent
    back = returned(model, folder / "fails.vnnlib", (found,))
    assert back is not None
    assert back[0] == found
    assert "(X_0 " in back[1]
    assert "(Y_1 " in back[1]
    assert returned(model, folder / "holds.vnnlib", (found,)) is None
    assert returned(model, folder / "fails.vnnlib", ()) is None


def test_a_point_outside_the_region_violates_nothing(found: Path) -> None:
    far = found.with_name("far.txt")
    far.write_text("((X_0 100.0) (X_1 100.0) (X_2 100.0))")
    assert returned(found.parent / "m.onnx", found.parent / "fails.vnnlib", (far,)) is None


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("sat", InputError, "no counterexample"),
        ("((X_0 a) (X_1 0) (X_2 0))", InputError, "X_0 is 'a', which is no number"),
        ("((X_0 nan) (X_1 0) (X_2 0))", InputError, "X_0 is not finite"),
        ("((X_0 1) (X_0 0) (X_2 0))", InputError, "X_0 is not finite, or there twice"),
        ("((X_0 1) (X_1 0))", MismatchError, "values of 2 inputs; the model has 3"),
        ("((X_0 1) (X_1 0) (X_7 0))", MismatchError, "values of 3 inputs; the model has 3"),
    ],
)
def test_what_is_no_counterexample_is_an_error(tmp_path: Path, text: str, kind: type, message: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(kind, match=message):
        read_inputs(path, 3)
