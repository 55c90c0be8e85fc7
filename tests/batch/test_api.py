"""`ivan.verify_batch`: a result for every instance, in their order, from files or from names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.questions import FAILS, HOLDS, small

import ivan
from ivan.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.onnx").write_bytes(small())
    (tmp_path / "holds.vnnlib").write_text(HOLDS)
    (tmp_path / "fails.vnnlib").write_text(FAILS)
    (tmp_path / "list.csv").write_text("m.onnx,holds.vnnlib,60\nm.onnx,fails.vnnlib\n")
    return tmp_path


def test_instances_are_named_or_stand_in_a_list(folder: Path) -> None:
    model = folder / "m.onnx"
    named = ivan.verify_batch(
        [(model, folder / "holds.vnnlib"), (str(model), str(folder / "fails.vnnlib"), 60), (model, folder / "none")],
        timeout=60,
        jobs=2,
        store=False,
    )
    assert [result.verdict for result in named] == ["unsat", "sat", "error"]
    listed = ivan.verify_batch(folder / "list.csv", store=folder / "proofs")
    assert [result.verdict for result in listed] == ["unsat", "sat"]
    again = ivan.verify_batch(folder / "list.csv", store=folder / "proofs")
    assert all(result.exact for result in again)


def test_results_that_are_written_can_be_gone_on_from(folder: Path) -> None:
    out = folder / "r.csv"
    first = ivan.verify_batch(folder / "list.csv", store=False, out=out)
    kept = out.read_text()
    second = ivan.verify_batch(folder / "list.csv", store=False, out=out, resume=True)
    assert [(a.verdict, a.seconds) for a in first] == [(b.verdict, pytest.approx(b.seconds)) for b in second]
    assert out.read_text() == kept
    with pytest.raises(ValueError, match="resume needs out"):
        ivan.verify_batch(folder / "list.csv", resume=True)


@pytest.mark.parametrize(
    ("instances", "more", "named"),
    [
        ([("model.onnx", "q.vnnlib")], {"jobs": 0}, "jobs: 0"),
        ([("model.onnx", "q.vnnlib")], {"jobs": -3}, "jobs: -3"),
        ([("model.onnx", "q.vnnlib")], {"timeout": float("nan")}, "timeout: nan"),
        ([("model.onnx", "q.vnnlib", "ten")], {}, "timeout: 'ten'"),
        ([("model.onnx",)], {}, "instance 0 is ('model.onnx',)"),
        (["model.onnx"], {}, "instance 0 is 'model.onnx'"),
    ],
)
def test_what_makes_no_batch_is_refused_before_anything_runs(instances, more, named):
    with pytest.raises(InputError, match=re.escape(named)):
        ivan.verify_batch(instances, store=False, **more)
