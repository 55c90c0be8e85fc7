"""`ivan tree` draws what is stored, tells where it comes from, and says in a line what cannot be drawn."""

from __future__ import annotations

import json
import shutil
import sqlite3
import webbrowser
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from tests.cli.process import run_on_terminal
from tests.cli.shell import Shell
from tests.cli.test_errors import error_of
from tests.questions import FAILS, HOLDS, nudged, small

from ivan import verify
from ivan.options import Options
from ivan.proof import Certificates, Proof, SpecTree
from ivan.proof.codec import FORMAT, decode, encode
from ivan.store import ProofRecord, ProofStore, PropertyRecord, RunRecord

NEXT = nudged(small(), 1e-3)
"""A later version of the small model."""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run 1 proves the small question, run 2 finds a counterexample, run 3 proves a later version from run 1."""
    folder = tmp_path_factory.mktemp("verified")
    files = {"model.onnx": small(), "next.onnx": NEXT, "holds.vnnlib": HOLDS.encode(), "fails.vnnlib": FAILS.encode()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    alone = Options(threads=1, compact=0.0)
    for model, query in (("model.onnx", "holds"), ("model.onnx", "fails"), ("next.onnx", "holds")):
        verify(folder / model, folder / f"{query}.vnnlib", store=folder / "proofs.sqlite", options=alone)
    return folder / "proofs.sqlite"


@pytest.fixture
def store(verified: Path, here: Path) -> Path:
    """A copy of its own for every test."""
    (here / "next.onnx").write_bytes(NEXT)
    return Path(shutil.copy(verified, here / "proofs.sqlite"))


def report(ivan: Shell, store: Path, *what: str | int) -> dict[str, object]:
    done = ivan("tree", *what, "--store", store, "--json", "-")
    assert (done.code, done.err) == (0, "")
    found: dict[str, object] = json.loads(done.out)
    return found


def execute(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_the_newest_proof_is_drawn_unless_another_is_named(ivan: Shell, store: Path) -> None:
    done = ivan("tree", "--store", store)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("run 3: unsat  next.onnx  holds.vnnlib\n")
    assert "grew from run 1 (model.onnx); leaves: " in done.out
    assert "\x1b" not in done.out
    first = ivan("tree", 1, "--store", store).out
    assert first.startswith("run 1: unsat  model.onnx  holds.vnnlib\n")
    assert "from scratch" in first


def test_a_model_and_a_query_name_their_proof(ivan: Shell, store: Path, here: Path) -> None:
    assert report(ivan, store, "model.onnx", "holds.vnnlib")["run"] == 1
    assert report(ivan, store, "next.onnx", "holds.vnnlib.gz")["run"] == 3
    (here / "odd [#1] \N{SNOWMAN}.onnx").write_bytes(small())
    assert report(ivan, store, "odd [#1] \N{SNOWMAN}.onnx", "holds.vnnlib")["run"] == 1


def test_the_numbers_are_those_of_the_store(ivan: Shell, store: Path) -> None:
    with ProofStore.open(store) as opened:
        proofs = {run: decode(opened.proof(run).data) for run in (1, 3)}
    for run, proof in proofs.items():
        found = report(ivan, store, run)
        nodes = {node["node"]: node for node in found["nodes"]}  # type: ignore[attr-defined]
        assert found["leaves"] == len(proof.tree.leaves)
        assert sorted(nodes) == list(range(len(proof.tree)))
        assert all(node["bound"] == proof.tree.bound[row] for row, node in nodes.items())
    assert report(ivan, store, 1)["origins"] == {
        "unknown": 0, "new": len(proofs[1].tree.leaves), "reused": 0, "transferred": 0,
    }  # fmt: skip
    later = report(ivan, store, 3)
    assert (later["base_run"], later["base_model"]) == (1, "model.onnx")
    assert later["origins"]["unknown"] == 0  # type: ignore[index]
    assert later["origins"]["transferred"] > 0  # type: ignore[index]


def test_all_pictures_are_written_at_once(ivan: Shell, store: Path, here: Path) -> None:
    folder = here / "pictures of (a) #proof"
    folder.mkdir()
    files = {kind: folder / f"tree 1.{kind}" for kind in ("html", "svg", "json")}
    done = ivan("tree", 3, "--store", store, *(part for kind, path in files.items() for part in (f"--{kind}", path)))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert files["html"].read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")
    assert json.loads(files["json"].read_text(encoding="utf-8"))["run"] == 3
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in files.values())


def test_depth_folds_every_picture(ivan: Shell, store: Path, here: Path) -> None:
    written = ivan("tree", 1, "--store", store, "--depth", 1).out.splitlines()
    assert len(written[written.index("") + 1 :]) == 3
    ivan("tree", 1, "--store", store, "--depth", 1, "--json", "a.json", "--html", "a.html", "--svg", "a.svg")
    assert len(json.loads(Path("a.json").read_text())["nodes"]) == 3
    assert '"levels": 1,' in Path("a.html").read_text(encoding="utf-8")
    assert Path("a.svg").read_text(encoding="utf-8").count("<g>") == 3


def test_the_page_is_opened_where_that_is_asked_for(
    ivan: Shell, store: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert ivan("tree", "--store", store, "--html", "a #1.html", "--open").code == 0
    assert opened == [(here / "a #1.html").as_uri()]
    assert opened[0].endswith("/a%20%231.html")


def test_a_base_that_is_gone_leaves_origins_unknown(ivan: Shell, store: Path) -> None:
    execute(store, "UPDATE runs SET parent = NULL WHERE id = 3")
    found = report(ivan, store, 3)
    assert found["origins"]["unknown"] == found["leaves"]  # type: ignore[index]
    assert "nothing is known" in ivan("tree", 3, "--store", store).out


def test_a_base_that_is_damaged_is_reported_and_not_compared_with(ivan: Shell, store: Path) -> None:
    execute(store, "UPDATE proofs SET data = substr(data, 1, length(data) - 1) WHERE run = 1")
    done = ivan("tree", 3, "--store", store, "--json", "-")
    assert done.code == 0
    assert done.err.startswith("warning: ")
    assert "run 1 is damaged" in done.err
    found = json.loads(done.out)
    assert found["origins"]["unknown"] == found["leaves"]


def test_an_open_tree_is_drawn_with_its_open_leaves(ivan: Shell, store: Path) -> None:
    with ProofStore.open(store) as opened:
        record, run = opened.proof(1), opened.run(1)
        assert run is not None
        proof = decode(record.data)
        tree = proof.tree.with_open(proof.tree.leaves[:2])
        unfinished = replace(record, open=True, data=encode(Proof(tree, proof.certificates)))
        found = saved(opened, unfinished)
    assert report(ivan, store)["open"] == 2
    assert report(ivan, store)["run"] == found
    assert "2 open" in ivan("tree", "--store", store).out


def saved(store: ProofStore, record: ProofRecord) -> int:
    """Saves a proof as that of an interrupted run of the question of run 1."""
    first = next(summary for summary in store.runs() if summary.run.id == 1)
    (network,) = store.find_network(first.run.network)
    asked = PropertyRecord(digest=first.run.property, name=first.property_name, size=len(HOLDS), inputs=3)
    run = RunRecord(
        network=network.digest,
        property=asked.digest,
        options="o",
        version=first.run.version,
        verdict="timeout",
        seconds=1.0,
    )
    return store.save(run, network, asked, record)


WRONG = {
    "no such run": (("99",), "there is no run 99 that can be read"),
    "a run without a proof": (("2",), "run 2 has no proof"),
    "a word": (("newest",), "newest: the number of a run is expected"),
    "zero": (("0",), "0: runs are numbered from 1"),
    "too much": (("1", "2", "3"), "a RUN, or a MODEL and a QUERY are expected"),
    "a question without a proof": (("model.onnx", "fails.vnnlib"), "no proof of fails.vnnlib for model.onnx"),
    "no model": (("nowhere.onnx", "holds.vnnlib"), "nowhere.onnx"),
    "a negative depth": (("--depth", "-1"), "-1 is not in the range"),
    "a folder that is not there": (("--html", "nowhere/a.html"), "cannot be written"),
    "a folder for a file": (("--svg", "."), "it is a folder"),
    "nothing to open": (("--open",), "--open goes with --html"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_drawn_is_a_line_and_a_hint(ivan: Shell, store: Path, case: str) -> None:
    arguments, message = WRONG[case]
    assert message in error_of(ivan("tree", *arguments, "--store", store))


def test_a_store_that_is_not_there_is_an_error(ivan: Shell, here: Path) -> None:
    assert "no proof store there" in error_of(ivan("tree", "--store", here / "nowhere.sqlite"))


def test_a_store_without_a_proof_says_so(ivan: Shell, here: Path) -> None:
    assert "no proof is stored yet" in error_of(ivan("tree"))


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE proofs SET data = substr(data, 1, length(data) - 1)",
        "UPDATE proofs SET leaves = leaves + 1",
        "UPDATE runs SET verdict = 'sat'",
    ],
)
def test_a_damaged_proof_is_not_drawn(ivan: Shell, store: Path, harm: str) -> None:
    execute(store, harm)
    assert "run 3 is damaged" in error_of(ivan("tree", 3, "--store", store))


def test_a_proof_that_breaks_a_law_is_not_drawn_whatever_its_checksum_says(ivan: Shell, store: Path) -> None:
    roots = SpecTree.roots(2)
    upside_down = replace(roots, unit=roots.unit[::-1].copy())
    data = encode(Proof(upside_down, Certificates.none()))
    with ProofStore.open(store) as opened:
        record = ProofRecord(format=FORMAT, leaves=2, depth=0, open=True, data=data)
        run = saved(opened, record)
    assert f"run {run}: malformed proof: not one root per region" in error_of(ivan("tree", run, "--store", store))


def test_a_terminal_gets_colours_and_lines_that_fit(ivan: Shell, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_on_terminal("tree", 3, "--store", store, "--depth", 99, columns=60)
    assert done.code == 0
    assert "\x1b[" in done.out
    written = [click.unstyle(line) for line in done.out.splitlines()]
    assert max(len(line) for line in written[written.index("") :]) == 60
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run_on_terminal("tree", 3, "--store", store, columns=60).out


def test_help_has_examples(ivan: Shell) -> None:
    shown = ivan("tree", "--help").out
    for example in ("ivan tree 12 --depth 20", "ivan tree model.onnx property.vnnlib", "--html proof.html --open"):
        assert example in shown
