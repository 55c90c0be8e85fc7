"""`ivan verify --proof` and `ivan proof`: files with proofs, told to people and to programs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests import questions
from tests.cli.shell import Finished, Shell
from tests.cli.test_networks import BOTH
from tests.cli.test_networks import questions as asked_of_two
from tests.test_several_networks import folder

__all__ = ["asked_of_two", "folder"]

CHECK = ("proof", "check", "holds.proof")


@pytest.fixture
def written(ivan: Shell, here: Path) -> Path:
    """holds.proof, and a store with its run and one of `sat`."""
    ivan.verify("model.onnx", "holds.vnnlib", "--proof", "holds.proof")
    ivan.verify("model.onnx", "fails.vnnlib")
    (here / "near.onnx").write_bytes(questions.nudged(questions.small(), 1e-4))
    (here / "far.onnx").write_bytes(questions.nudged(questions.small(), 0.3))
    (here / "more.onnx").write_bytes(questions.grown(questions.small(), 3))
    return here / "holds.proof"


def refused(done: Finished, message: str) -> None:
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [(), ("--no-store",)], ids=["store", "no store"])
def test_a_proof_is_written_beside_the_answer_and_checks(ivan: Shell, options: tuple[str, ...]) -> None:
    for name in ("first.proof", "second.proof", "second.proof"):  # the second is that of the stored answer
        done = ivan.verify("model.onnx", "holds.vnnlib", "--proof", name, *options)
        assert (done.verdict, done.err) == ("unsat", "")
        checked = ivan("proof", "check", name, "model.onnx", "holds.vnnlib")
        assert (checked.code, checked.err) == (0, "")
        assert checked.out.startswith("the proof holds: all ")


@pytest.mark.usefixtures("here")
def test_where_the_verdict_is_another_a_line_says_that_there_is_no_proof(ivan: Shell) -> None:
    for query, verdict, more in (("fails.vnnlib", "sat", ()), ("holds.vnnlib", "timeout", ("--timeout", "0"))):
        done = ivan.verify("model.onnx", query, "--proof", "no.proof", *more)
        assert done.verdict == verdict
        assert done.err == f"no proof was written: only unsat has one, the verdict is {verdict}\n"
        assert ivan.verify("model.onnx", query, "--proof", "no.proof", "--quiet", *more).err == ""
        assert not Path("no.proof").exists()


@pytest.mark.usefixtures("asked_of_two")
def test_a_proof_about_two_networks_is_checked_on_both(ivan: Shell) -> None:
    assert ivan.verify("close.vnnlib", *BOTH, "--proof", "close.proof", "--no-store").verdict == "unsat"
    done = ivan("proof", "check", "close.proof", "close.vnnlib", *BOTH)
    assert (done.code, done.err) == (0, "")
    assert "(f.onnx + g.onnx, close.vnnlib)" in done.out
    same = ivan("proof", "check", "close.proof", "close.vnnlib", "--network", "f=g.onnx", "--network", "g=g.onnx")
    assert same.code == 2  # one network twice is another architecture
    refused(ivan("proof", "check", "close.proof", "close.vnnlib", *BOTH[:2]), "no model for network g")
    refused(ivan("proof", "check", "close.proof", "far.vnnlib", *BOTH), "is about close.vnnlib")


def test_nothing_is_lost_but_an_older_file_with_a_proof(ivan: Shell, here: Path, no_real_store: Path) -> None:
    ivan.verify("model.onnx", "holds.vnnlib")
    for target, message in (
        ("model.onnx", "is no file with one proof"),
        (no_real_store, "is the proof store itself"),
        ("nowhere/holds.proof", "there is no folder"),
    ):
        before = Path(target).read_bytes() if Path(target).exists() else None
        refused(ivan.verify("model.onnx", "holds.vnnlib", "--proof", target), message)
        assert (Path(target).read_bytes() if Path(target).exists() else None) == before
    other = here / "other.sqlite"
    for query in ("holds.vnnlib", "fails.vnnlib"):
        ivan.verify("model.onnx", query, "--store", other)
    refused(ivan.verify("model.onnx", "holds.vnnlib", "--proof", other), "is no file with one proof")


# -- checking ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("written")
def test_the_exit_code_says_whether_the_proof_holds(ivan: Shell) -> None:
    holds = ivan(*CHECK, "model.onnx", "holds.vnnlib")
    assert (holds.code, holds.out) == (0, "the proof holds: all 7 leaves (model.onnx, holds.vnnlib)\n")
    near = ivan(*CHECK, "holds.vnnlib", "near.onnx")
    assert (near.code, near.out) == (0, "the proof holds: all 7 leaves (made for model.onnx)\n")
    far = ivan(*CHECK, "far.onnx", "holds.vnnlib")
    assert (far.code, far.err) == (1, "")
    assert far.out == "the proof does not hold: 7 of 7 leaves fail (made for model.onnx)\n"


@pytest.mark.usefixtures("written")
def test_a_run_of_the_store_is_checked_too(ivan: Shell) -> None:
    assert ivan("proof", "check", "1", "model.onnx", "holds.vnnlib").code == 0
    report = json.loads(ivan("proof", "check", "1", "far.onnx", "holds.vnnlib", "--json").out)
    assert report == {
        "holds": False,
        "model": "far.onnx",
        "query": "holds.vnnlib",
        "run": 1,
        "same_model": False,
        "leaves": 7,
        "failed_leaves": 7,
        "certificates": 7,
        "failed_certificates": 7,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*CHECK, "model.onnx", "fails.vnnlib"), "is about holds.vnnlib"),
        ((*CHECK, "more.onnx", "holds.vnnlib"), "has another architecture than"),
        ((*CHECK, "model.onnx"), "a MODEL and a QUERY are expected"),
        ((*CHECK, "nosuch.onnx", "holds.vnnlib"), "nosuch.onnx"),
        (("proof", "check", "nosuch.proof", "model.onnx", "holds.vnnlib"), "no proof store there"),
        (("proof", "check", "model.onnx", "model.onnx", "holds.vnnlib"), "is not a proof store"),
        (("proof", "check", "2", "model.onnx", "fails.vnnlib"), "run 2 has no proof"),
        (("proof", "check", "9", "model.onnx", "holds.vnnlib"), "there is no run 9"),
        (("proof", "check", "0", "model.onnx", "holds.vnnlib"), "runs are numbered from 1"),
        ((*CHECK, "model.onnx", "holds.vnnlib", "--store", "s.sqlite"), "--store goes with the number of a RUN"),
        (("proof", "show", "2"), "run 2 has no proof"),
        (("proof", "export", "2", "-o", "two.proof"), "run 2 has no finished proof: its verdict is sat"),
        (("proof", "export", "1", "-o", "model.onnx"), "is no file with one proof"),
    ],
)
@pytest.mark.usefixtures("written")
def test_what_cannot_be_used_is_said_in_a_line(ivan: Shell, arguments: tuple[str, ...], message: str) -> None:
    refused(ivan(*arguments), message)


def test_a_damaged_file_is_unusable_and_not_a_proof_that_fails(ivan: Shell, written: Path) -> None:
    with closing(sqlite3.connect(written)) as connection, connection:
        connection.execute("UPDATE proofs SET leaves = leaves + 1")
    for arguments in ((*CHECK, "model.onnx", "holds.vnnlib"), ("proof", "show", "holds.proof")):
        refused(ivan(*arguments), "its checksum does not hold")


# -- showing and exporting --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("written")
def test_a_proof_is_shown_with_what_it_grew_from(ivan: Shell) -> None:
    ivan.verify("near.onnx", "holds.vnnlib", "--proof", "near.proof")
    shown = ivan("proof", "show", "near.proof").out
    for words in ("near.onnx", "holds.vnnlib", "unsat", "7, 6 splits deep", "model.onnx: 7 of 7 leaves reused"):
        assert words in shown
    assert "run 1, model.onnx" in ivan("proof", "show", "3").out
    facts = json.loads(ivan("proof", "show", "near.proof", "--json").out)
    assert (facts["verdict"], facts["finished"], facts["model"]) == ("unsat", True, "near.onnx")
    assert (facts["leaves"], facts["depth"], facts["base_model"], facts["reused_leaves"]) == (7, 6, "model.onnx", 7)
    first = json.loads(ivan("proof", "show", "holds.proof", "--json").out)
    assert (first["base_run"], first["base_model"]) == (None, None)
    assert first["network_digest"] != facts["network_digest"]
    assert first["architecture"] == facts["architecture"]


def test_of_a_store_with_several_proofs_one_has_to_be_named(ivan: Shell, written: Path, no_real_store: Path) -> None:
    ivan.verify("near.onnx", "holds.vnnlib")
    done = ivan("proof", "show", no_real_store)
    refused(done, "holds 2 proofs")
    assert f"`ivan proof show 3 --store {no_real_store}`" in done.err
    assert ivan("proof", "show", "3", "--store", no_real_store).code == 0


@pytest.mark.usefixtures("written")
def test_a_stored_proof_is_exported_and_taken_over_elsewhere(ivan: Shell) -> None:
    done = ivan("proof", "export", "1", "-o", "run.proof")
    assert done.err.startswith("wrote the proof of run 1 to run.proof (")
    assert ivan("proof", "check", "run.proof", "model.onnx", "holds.vnnlib").code == 0
    assert ivan("proof", "export", "1", "-o", "run.proof", "--yes", "--quiet").err == ""
    assert ivan("cache", "import", "run.proof", "--store", "new.sqlite").code == 0
    report = ivan.report("model.onnx", "holds.vnnlib", "--store", "new.sqlite")
    assert (report["verdict"], report["base_use"], report["reused_leaves"]) == ("unsat", "proof", 7)
