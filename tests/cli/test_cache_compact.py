"""Proofs become cheaper to replay: a while after every answer, and on demand, and no answer changes by it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.shell import Shell

from ivan.cli import cache as command
from ivan.errors import InputError, MismatchError, StoreError
from ivan.incremental.compact import joining
from ivan.verification import keeping

EXAMPLES = Path(__file__).parents[2] / "vnnlib_examples"
QUESTION = ("pendulum.onnx", "pendulum-invariant.vnnlib")


def invoke(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(command.cache, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def examples(here: Path) -> Path:
    for name in (*QUESTION, "pendulum.int16.onnx"):
        shutil.copy(EXAMPLES / name, here)
    return here / "proofs.sqlite"


def verify(ivan: Shell, store: Path, *more: str | float, model: str = QUESTION[0]) -> dict[str, object]:
    done = ivan.verify(model, QUESTION[1], "--store", store, "--json", "report.json", *more)
    assert done.verdict == "unsat"
    report: dict[str, object] = json.loads(Path("report.json").read_text())
    return report


def shown(store: Path) -> dict[str, object]:
    report: dict[str, object] = json.loads(invoke("show", "1", "--json", "--store", store).stdout)
    return report


def test_a_proof_is_compacted_on_demand_and_the_answer_stays(ivan: Shell, examples: Path) -> None:
    report = verify(ivan, examples, "--compact", 0)
    assert report["compact_seconds"] == 0
    done = invoke("compact", *QUESTION, "--store", examples)
    before, after = report["leaves"], shown(examples)["leaves"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert done.stdout.startswith(f"run 1: {before:,} leaves became {after:,}")
    assert after < before
    statistics = shown(examples)["statistics"]
    assert isinstance(statistics, dict)
    assert statistics["leaves_before"] == before
    assert statistics["replay_cost"] < statistics["replay_cost_before"]
    assert statistics["compacted"]
    table = invoke("show", "1", "--store", examples).stdout
    assert f"from {before:,} leaves" in table
    # nothing is left to do, and the numbers of the beginning stay
    again = invoke("compact", *QUESTION, "--store", examples).stdout
    assert again.startswith(f"run 1: {after:,} leaves became {after:,}")
    assert shown(examples)["statistics"] == statistics
    rechecked = verify(ivan, examples, "--recheck", "--compact", 0)
    assert (rechecked["base_leaves"], rechecked["reused_leaves"]) == (after, after)
    update = verify(ivan, examples, "--compact", 0, model="pendulum.int16.onnx")
    assert update["base_leaves"] == after


def test_a_compaction_behind_the_answer_is_reported_apart(
    ivan: Shell, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WORTH_COMPACTING", 0.0)
    report = verify(ivan, examples, "--compact", 1000)
    assert isinstance(report["compact_seconds"], float)
    assert report["compact_seconds"] > 0
    assert report["compacted_leaves"] < report["leaves"]  # type: ignore[operator]
    assert shown(examples)["leaves"] == report["compacted_leaves"]


def test_a_compaction_out_of_time_keeps_what_it_reached(
    ivan: Shell, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(ivan, examples, "--compact", 0)
    monkeypatch.setattr(joining, "batch_size", lambda network: 1)
    done = invoke("compact", *QUESTION, "--store", examples, "--timeout", 0)
    assert done.exit_code == 0
    assert "goes on from here" in done.stderr
    assert not shown(examples)["statistics"]["compacted"]  # type: ignore[index]
    assert invoke("compact", *QUESTION, "--store", examples).exit_code == 0
    assert shown(examples)["statistics"]["compacted"]  # type: ignore[index]


def test_what_cannot_be_compacted_is_an_error_that_says_so(ivan: Shell, examples: Path) -> None:
    with pytest.raises(StoreError, match="no proof store there"):
        invoke("compact", *QUESTION, "--store", examples)
    assert ivan.verify("model.onnx", "fails.vnnlib", "--store", examples).verdict == "sat"
    with pytest.raises(InputError, match="no finished proof"):
        invoke("compact", "model.onnx", "fails.vnnlib", "--store", examples)
    with pytest.raises(MismatchError):
        invoke("compact", "model.onnx", QUESTION[1], "--store", examples)
