"""Which rows still answer what is asked: those that the same command, begun anew, could have written."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data
from tests.batch.lists import listing, plain
from tests.questions import small

from ivan.batch.instances import Instance
from ivan.batch.outdated import Fingerprints, changed
from ivan.batch.results import Result, ResultsFile

SAME = {"model_file_digest": "m", "query_file_digest": "q"}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    (made,) = listing(tmp_path, *plain(["a"], timeout=10)).instances
    return made


@pytest.mark.parametrize(
    ("verdict", "seconds", "written", "what"),
    [
        ("unsat", 3.0, 10.0, None),
        ("unsat", 3.0, 60.0, None),  # decided in time, whichever it was
        ("sat", 3.0, 5.0, None),
        ("unsat", 30.0, 60.0, "timeout"),
        ("sat", 30.0, None, "timeout"),  # the row alone tells
        ("timeout", 10.0, 10.0, None),
        ("timeout", 5.0, 5.0, "timeout"),
        ("timeout", 60.0, 60.0, "timeout"),
        ("unknown", 1.0, 60.0, "timeout"),
        ("error", 1.0, 60.0, "timeout"),
        ("error", 1.0, 10.0, None),
        ("timeout", 5.0, None, None),  # nobody knows
    ],
)
def test_a_timeout_counts_where_it_could_change_the_row(
    instance: Instance, verdict: str, seconds: float, written: float | None, what: str | None
) -> None:
    assert changed(instance, verdict, seconds, written, SAME, SAME) == what


@pytest.mark.parametrize("verdict", ["sat", "unsat", "unknown", "timeout", "error"])
def test_other_files_are_another_question(instance: Instance, verdict: str) -> None:
    for name, what in (("model_file_digest", "model"), ("query_file_digest", "property")):
        for then, now in (("x", "y"), (None, "y"), ("x", None)):
            assert changed(instance, verdict, 1.0, 10.0, SAME | {name: then}, SAME | {name: now}) == what
    assert changed(instance, verdict, 1.0, 10.0, {}, SAME) is None  # nobody knows


def test_a_digest_names_what_a_file_holds(tmp_path: Path, instance: Instance) -> None:
    model, query = tmp_path / "a.onnx", tmp_path / "p.vnnlib"
    digests = Fingerprints()
    assert set(digests.of(instance).values()) == {None}
    model.write_bytes(small())
    query.write_text("(assert true)")
    first = digests.of(instance)
    assert None not in first.values()
    os.utime(model, (0, 0))
    assert digests.of(instance) == first == Fingerprints().of(instance)
    query.write_text("(assert false)")
    assert digests.of(instance)["model_file_digest"] == first["model_file_digest"]
    assert digests.of(instance)["query_file_digest"] != first["query_file_digest"]
    packed = tmp_path / "packed.onnx.gz"
    packed.write_bytes(gzip.compress(small()))
    several = replace(instance, model={"f": model, "g": packed})
    assert digests.of(several)["model_file_digest"] == ",".join([str(first["model_file_digest"])] * 2)
    packed.write_bytes(gzip.compress(small())[:50])  # damaged, but still other than before
    assert digests.of(several)["model_file_digest"] != first["model_file_digest"]


def test_weights_beside_the_model_belong_to_it(tmp_path: Path, instance: Instance) -> None:
    """Trained again, the model's own file stays the same to the last byte."""

    def write(scale: float) -> None:
        model = onnx.load_from_string(small())
        for tensor in model.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor) * np.float32(scale)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), tensor.name))
        (tmp_path / "weights").unlink(missing_ok=True)
        convert_model_to_external_data(model, location="weights", size_threshold=0)
        onnx.save(model, tmp_path / "a.onnx")

    write(1.0)
    own, first = (tmp_path / "a.onnx").read_bytes(), Fingerprints().of(instance)
    write(2.0)
    assert (tmp_path / "a.onnx").read_bytes() == own
    assert Fingerprints().of(instance) != first
    (tmp_path / "weights").unlink()
    assert Fingerprints().of(instance)["model_file_digest"] not in (None, first["model_file_digest"])


def test_rows_that_are_no_answer_are_kept_beside_the_others(tmp_path: Path) -> None:
    bench, out = listing(tmp_path, *plain("abc", timeout=10)), tmp_path / "results.csv"
    with ResultsFile(out, bench, resume=False) as file:
        for row, verdict in zip(bench.instances, ("unsat", "timeout", "sat"), strict=True):
            file.add(Result(row, verdict, 4.0), "((X_0 1.0))" if verdict == "sat" else None)
    whole = out.read_text().splitlines(keepends=True)
    for _ in range(2):  # whoever is killed before anything runs has lost nothing, and says it once
        with ResultsFile(out, listing(tmp_path, *plain("abc", timeout=20)), resume=True) as file:
            assert sorted(file.kept) == [0, 2]
            assert file.replaced.read_text() == whole[1]
    with ResultsFile(out, listing(tmp_path, *plain("cab", timeout=2)), resume=True) as file:
        assert file.outdated == {0: "timeout", 1: "timeout"}
        assert not file.kept
