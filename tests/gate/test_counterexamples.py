"""A counterexample of the past violates the property once more, or it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.declared import asked, network, tensor
from tests.questions import FAILS, HOLDS, small

import ivan
from ivan.answer import answer
from ivan.errors import InputError, MismatchError
from ivan.gate.counterexamples import read_inputs, read_pairs, returned
from ivan.vnnlib import Query


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
    np.testing.assert_array_equal(read_pairs(file, 3), outcome.witness.inputs)
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
        read_pairs(path, 3)


# -- as VNN-LIB 2.0 has them ------------------------------------------------------------------------------------------


def declared() -> Query:
    first = network("f", [tensor("A", 1, 2), tensor("B", 1)], [tensor("Y", 1)])
    return asked([first, network("g", [tensor("C")], [tensor("Z", 1)])], "")


def test_inputs_are_found_in_their_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("sat\nA real [1,2]\n0.5\n-1.0\nB real [1]\n3\nY real [1]\n9.0\nC real []\n1e-3\nZ real [1]\n0.0\n")
    np.testing.assert_array_equal(read_inputs(path, declared()), [0.5, -1.0, 3.0, 1e-3])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("sat\n", InputError, "no counterexample"),
        ("A real [1,2]\n0.5\nmore\n", InputError, "'more' is no number"),
        ("A real [1,2]\n0.5\n", MismatchError, "1 values of A; the property has 2"),
        ("A real [1,2]\n0.5\n1\nB real [1]\n1\nD real []\n1", MismatchError, "0 values of C; the property has 1"),
        ("A real [1,2]\n0.5\nnan\nB real [1]\n1\nC real []\n1", InputError, "a value is not finite"),
    ],
)
def test_what_is_no_counterexample_of_blocks_is_an_error(tmp_path: Path, text: str, kind: type, message: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(kind, match=message):
        read_inputs(path, declared())
