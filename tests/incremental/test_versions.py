"""How far the outputs of two versions differ on a property's regions: which regions, and in how many boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models import DOUBLE, Graph, dense, weights
from tests.questions import box, nudged

from ivan.errors import MismatchError, ModelError, PropertyError
from ivan.incremental import versions
from ivan.incremental.versions import output_difference
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model
from ivan.vnnlib import parse_query


def read(folder: Path, data: bytes, name: str = "model.onnx") -> Model:
    (folder / name).write_bytes(data)
    return read_model(folder / name)


def two(folder: Path, *sizes: int) -> tuple[Model, Model]:
    data = dense(sizes, np.random.default_rng(0))
    return read(folder, data), read(folder, nudged(data, 0.01), "tuned.onnx")


def test_regions_of_few_inputs_are_cut_and_those_of_many_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "MOST_BOXES", 12)
    assert output_difference(*two(tmp_path, 3, 8, 2), parse_query(box(3))).boxes == 12
    assert output_difference(*two(tmp_path, 21, 8, 2), parse_query(box(21))).boxes == 1


def test_inputs_that_do_not_vary_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MOST_BOXES", 12)
    fixed = "".join(f"(assert (= X_{i} 0.5))" for i in range(10, 21))
    assert output_difference(*two(tmp_path, 21, 8, 2), parse_query(box(21) + fixed)).boxes == 12


def test_large_networks_get_few_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "EFFORT", 5 * 16**2)
    assert output_difference(*two(tmp_path, 3, 8, 2), parse_query(box(3))).boxes == 5


def test_boxes_that_were_asked_for_are_taken_and_the_seed_decides_what_is_seen(tmp_path: Path) -> None:
    pair, query = two(tmp_path, 3, 8, 2), parse_query(box(3))
    a, b = (output_difference(*pair, query, boxes=7, seed=1) for _ in range(2))
    assert a.boxes == 7
    np.testing.assert_array_equal(a.seen_most, b.seen_most)
    np.testing.assert_array_equal(a.upper, b.upper)


def test_what_the_output_says_does_not_matter(tmp_path: Path) -> None:
    pair = two(tmp_path, 3, 8, 2)
    a, b = (output_difference(*pair, parse_query(box(3, *rows)), 3) for rows in ((), ("(>= Y_0 1)",)))
    np.testing.assert_array_equal(a.lower, b.lower)


def test_regions_hold_what_either_precision_rounds_an_input_to(tmp_path: Path) -> None:
    """0.1 is another number in float32 than in float64: the region must hold both, whichever model comes first."""
    rng = np.random.default_rng(0)
    W = weights(rng, 2, 1)

    def of(kind: int, dtype: type) -> Model:
        g = Graph()
        return read(
            tmp_path, g.model({"x": [1, 1]}, [g.node("Gemm", "x", W.astype(dtype), transB=1)], kind), f"{kind}.onnx"
        )

    single, double = of(1, np.float32), of(DOUBLE, np.float64)
    for first, second in ((single, double), (double, single)):
        query = parse_query(box(1).replace("(>= X_0 -1)", "(>= X_0 0.1)").replace("(<= X_0 1)", "(<= X_0 0.1)"))
        apart = output_difference(first, second, query, 1)
        assert np.all(np.abs(apart.lower) < 1e-12)
        assert np.all(apart.separate_upper - apart.separate_lower >= np.abs(np.float32(0.1) - 0.1) * np.abs(W[:, 0]))


def test_what_cannot_be_compared_is_an_error(tmp_path: Path) -> None:
    pair, other = two(tmp_path, 3, 8, 2), read(tmp_path, dense((4, 8, 2), np.random.default_rng(0)), "other.onnx")
    with pytest.raises(MismatchError, match=r"other\.onnx has 4"):
        output_difference(pair[0], other, parse_query(box(3)))
    with pytest.raises(PropertyError, match="no input satisfies"):
        output_difference(*pair, parse_query(box(3) + "(assert (>= X_0 2))"))


def test_a_model_that_is_not_what_onnxruntime_computes_is_an_error(tmp_path: Path) -> None:
    first, second = two(tmp_path, 3, 8, 2)
    misread = Model(first.network, second.data, "misread.onnx", second.file_digest, second.inputs, second.outputs)
    with pytest.raises(ModelError, match="read wrongly"):
        output_difference(first, misread, parse_query(box(3)))
