"""`ivan cache` says what the store says, for people and for programs, and deletes only when told to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ivan.cli import cache as command
from ivan.cli.lineage import drawn
from ivan.errors import InputError, StoreError
from ivan.store import NetworkRecord, ProofRecord, ProofStore, PropertyRecord, RunRecord, WitnessRecord


def invoke(*arguments: str | Path, answer: str | None = None) -> Result:
    result = CliRunner().invoke(command.cache, [str(argument) for argument in arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(autouse=True)
def no_real_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVAN_STORE", str(tmp_path / "default" / "proofs.sqlite"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a proof, an open tree that grew from it, and a counterexample."""
    path = tmp_path / "proofs.sqlite"
    network = NetworkRecord(
        digest="ab" * 32,
        architecture="cd" * 32,
        name="digits [v2] with a long name.onnx",
        parameters=9,
        file_digest="f",
    )
    asked = PropertyRecord(digest="ef" * 32, name="robust_around_picture_seventeen.vnnlib", size=200, inputs=5)

    def run(verdict: str, seconds: float, parent: int | None = None) -> RunRecord:
        return RunRecord(
            network=network.digest,
            property=asked.digest,
            options="o",
            version="1.0",
            verdict=verdict,
            seconds=seconds,
            parent=parent,
            statistics={"reused_leaves": 60, "base_leaves": 70} if parent else {},
        )

    with ProofStore.open(path) as store:
        proof = ProofRecord(format=1, leaves=70, depth=4, open=False, data=bytes(1600))
        first = store.save(run("unsat", 75.3), network, asked, proof)
        tree = ProofRecord(format=1, leaves=7, depth=3, open=True, data=bytes(90))
        store.save(run("timeout", 4000.0, first), network, asked, tree)
        witness = WitnessRecord(inputs=(1.0,), outputs=(2.0,), precision="float32")
        store.save(run("sat", 0.25), network, asked, None, witness)
    return path


def test_info_tells_what_the_store_counts(path: Path) -> None:
    result = invoke("info", "--store", path)
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert rows["location"].strip() == str(path)
    assert rows["runs"].strip() == "3"
    assert rows["proofs"].strip() == "1 and 1 open tree"
    assert rows["counterexamples"].strip() == "1"
    assert result.stderr == ""


def test_info_as_json_carries_every_fact(path: Path) -> None:
    facts = json.loads(invoke("info", "--json", "--store", path).stdout)
    assert facts["location"] == str(path)
    assert (facts["runs"], facts["proofs"], facts["open_trees"], facts["witnesses"]) == (3, 1, 1, 1)
    assert facts["bytes"] == path.stat().st_size
    assert datetime.fromisoformat(facts["oldest"]) <= datetime.fromisoformat(facts["newest"])
    assert datetime.fromisoformat(facts["newest"]).tzinfo is not None


def test_a_list_that_is_piped_has_a_line_for_each_run_and_cuts_no_name(path: Path) -> None:
    result = invoke("list", "--store", path)
    heading, third, second, first = result.stdout.splitlines()
    assert heading.split()[:3] == ["run", "age", "verdict"]
    assert [line.split()[0] for line in (third, second, first)] == ["3", "2", "1"]
    assert "unsat" in first
    assert "75 s" in first
    assert "1.6 kB" in first
    assert "67 min" in second
    assert "7 open" in second
    for line in (first, second, third):
        assert "robust_around_picture_seventeen.vnnlib" in line
        assert "digits [v2] with a long name.onnx abababab" in line
        assert "\x1b" not in line


def test_a_list_on_a_narrow_terminal_folds_names_and_keeps_numbers_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    output = click.unstyle(invoke("list", "--store", path).stdout)
    assert max(map(len, output.splitlines())) <= 80
    for whole in ("timeout", "67 min", "7 open", "1.6 kB"):
        assert whole in output
    begin, end = output.index("property"), output.index("network")
    column = [line[begin:end].strip() for line in output.splitlines()]
    assert "".join(column) == "property" + 3 * "robust_around_picture_seventeen.vnnlib"


def test_a_list_shows_the_newest_and_says_how_many_more_there_are(path: Path) -> None:
    limited = invoke("list", "--store", path, "--limit", "2")
    assert len(limited.stdout.splitlines()) == 3
    assert limited.stderr == "2 of 3 runs; --all shows every one\n"
    everything = invoke("list", "--store", path, "--limit", "1", "--all")
    assert len(everything.stdout.splitlines()) == 4
    assert everything.stderr == ""


def test_a_list_as_json_carries_whole_runs(path: Path) -> None:
    runs = json.loads(invoke("list", "--json", "--store", path).stdout)
    assert [run["verdict"] for run in runs] == ["sat", "timeout", "unsat"]
    assert runs[1]["parent"] == runs[2]["id"]
    assert (runs[2]["leaves"], runs[2]["open"], runs[2]["proof_bytes"]) == (70, False, 1600)
    assert runs[0]["network_name"] == "digits [v2] with a long name.onnx"
    assert runs[0]["network"] == "ab" * 32


@pytest.mark.parametrize(("reused", "share"), [(0, "0%"), (1_999, "99%"), (2_000, "100%")])
def test_a_hundred_percent_of_the_leaves_are_all_of_them(path: Path, reused: int, share: str) -> None:
    with ProofStore.open(path) as store:
        summary = store.summary(2)
    assert summary is not None
    told = replace(summary.run, statistics={"reused_leaves": reused, "base_leaves": 2_000})
    (line,) = drawn([replace(summary, run=told)], told.id).children
    assert f"{share} of 2,000 reused" in str(line.label)


def test_a_run_is_shown_with_its_lineage(path: Path) -> None:
    lines = invoke("show", "2", "--store", path).stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines[: lines.index("")])
    assert facts["verdict"].strip() == "timeout"
    assert facts["leaves"].strip() == "7 (open), 3 splits deep"
    assert lines[lines.index("") + 1 :] == [
        "robust_around_picture_seventeen.vnnlib",
        "├── 1  digits [v2] with a long name.onnx  unsat  75 s  70 leaves",
        "│   └── 2 *  digits [v2] with a long name.onnx  timeout  67 min  7 leaves (open)  86% of 70 reused",
        "└── 3  digits [v2] with a long name.onnx  sat  0.25 s",
    ]


def test_the_newest_run_is_shown_by_default_and_json_carries_everything(path: Path) -> None:
    report = json.loads(invoke("show", "--json", "--store", path).stdout)
    assert (report["id"], report["verdict"]) == (3, "sat")
    assert [(run["id"], run["parent"]) for run in report["lineage"]] == [(1, None), (2, 1), (3, None)]


def test_only_runs_of_the_same_property_are_relatives(path: Path) -> None:
    with ProofStore.open(path) as store:
        network = NetworkRecord(digest="ab" * 32, architecture="cd" * 32, name="n", parameters=1, file_digest="f")
        other = PropertyRecord(digest="01" * 32, name="other.vnnlib", size=1, inputs=5)
        asked = RunRecord(network=network.digest, property=other.digest, options="o", version="1.0", verdict="unknown",
                          seconds=1.0)  # fmt: skip
        number = store.save(asked, network, other)
        assert [summary.run.id for summary in store.lineage(number)] == [number]
        assert [summary.run.id for summary in store.lineage(1)] == [1, 2, 3]
        assert store.lineage(99) == []


def test_a_run_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(InputError, match="there is no run 99"):
        invoke("show", "99", "--store", path)


def test_a_damaged_run_is_no_run_and_its_children_stand_by_themselves(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET verdict = 'perhaps' WHERE id = 1")
    connection.close()
    with pytest.raises(InputError, match="there is no run 1 that can be read"):
        invoke("show", "1", "--store", path)
    assert "├── 2 *" in invoke("show", "2", "--store", path).stdout


def test_path_prints_the_location_alone_and_makes_nothing(tmp_path: Path) -> None:
    assert invoke("path").stdout == f"{tmp_path / 'default' / 'proofs.sqlite'}\n"
    assert invoke("path", "--store", tmp_path / "x.sqlite").stdout == f"{tmp_path / 'x.sqlite'}\n"
    assert invoke("path", "--store", "postgresql://me:secret@host/name").stdout == "postgresql://me:***@host/name\n"
    assert list(tmp_path.iterdir()) == []


def test_the_default_store_is_empty_before_its_first_run() -> None:
    assert json.loads(invoke("info", "--json").stdout)["runs"] == 0
    for name in ("list", "show"):
        result = invoke(name)
        assert (result.stdout, result.stderr) == ("", "nothing is stored yet\n")
    assert json.loads(invoke("list", "--json").stdout) == []


@pytest.mark.parametrize("name", ["info", "list", "show", "doctor", "clear"])
def test_a_store_that_was_named_and_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    missing = tmp_path / "mistyped.sqlite"
    with pytest.raises(StoreError, match="no proof store there"):
        invoke(name, "--store", missing)
    assert not missing.exists()


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_clear_deletes_nothing_unless_told_to(path: Path, answer: str) -> None:
    result = invoke("clear", "--store", path, answer=answer)
    assert result.exit_code == 0
    assert result.stderr.startswith("Delete 3 runs (")
    assert result.stderr.endswith("nothing was deleted\n")
    assert len(json.loads(invoke("list", "--json", "--store", path).stdout)) == 3


def test_clear_deletes_nothing_when_nobody_answers(path: Path) -> None:
    with pytest.raises(InputError, match="nobody answered, and nothing was changed"):
        invoke("clear", "--store", path, answer="")
    assert len(json.loads(invoke("list", "--json", "--store", path).stdout)) == 3


@pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], None), ([], "y\n")])
def test_clear_deletes_everything_when_told_to(path: Path, arguments: list[str], answer: str | None) -> None:
    result = invoke("clear", "--store", path, *arguments, answer=answer)
    assert result.stdout == ""
    assert result.stderr.endswith(f"deleted 3 runs from {path}\n")
    assert json.loads(invoke("list", "--json", "--store", path).stdout) == []


def damage(path: Path, change: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(change).rowcount == 1
    connection.close()


@pytest.mark.parametrize("change", ["UPDATE runs SET verdict = 'perhaps' WHERE id = 2", "DELETE FROM networks"])
def test_a_list_marks_damaged_runs(path: Path, change: str) -> None:
    damage(path, change)
    result = invoke("list", "--store", path)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == ["run", "3", "2", "1"]
    assert lines[2] == ["2", "damaged"]
    assert "`ivan cache doctor` says what is wrong" in result.stderr
    second = json.loads(invoke("list", "--json", "--store", path).stdout)[1]
    assert second.keys() == {"id", "damaged"}


def test_showing_the_newest_run_when_it_is_damaged_is_an_error_with_a_hint(path: Path) -> None:
    damage(path, "UPDATE runs SET verdict = 'perhaps' WHERE id = 3")
    with pytest.raises(InputError, match="there is no run 3 that can be read") as caught:
        invoke("show", "--store", path)
    assert "ivan cache doctor" in (caught.value.hint or "")


class TestDoctor:
    """What `ivan cache doctor` prints, deletes and returns."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A store with two runs about one question, the second from the first."""
        path = tmp_path / "proofs.sqlite"
        network = NetworkRecord(digest="ab" * 32, architecture="cd" * 32, name="net.onnx", parameters=9,
                                file_digest="ef" * 32)  # fmt: skip
        asked = PropertyRecord(digest="01" * 32, name="safe.vnnlib", size=200, inputs=2)
        with ProofStore.open(path) as store:
            for parent in (None, 1):
                run = RunRecord(network=network.digest, property=asked.digest, options="23" * 32, version="1.0",
                                verdict="sat", seconds=1.0, parent=parent)  # fmt: skip
                witness = WitnessRecord(inputs=(1.0, 2.0), outputs=(2.0,), precision="float32")
                store.save(run, network, asked, None, witness)
        return path

    def test_all_is_well(self, path: Path) -> None:
        result = invoke("doctor", "--store", path)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "2 runs, 1 network and 1 property examined; all is well\n"

    def test_a_damaged_run_is_a_line_and_the_exit_code_tells(self, path: Path) -> None:
        damage(path, "UPDATE witnesses SET outputs = zeroblob(8) WHERE run = 2")
        result = invoke("doctor", "--store", path)
        assert result.exit_code == 1
        assert result.stdout == "run 2  net.onnx  safe.vnnlib  its checksum does not hold\n"
        assert "1 damaged\nhint: " in result.stderr

    def test_as_json(self, path: Path) -> None:
        damage(path, "UPDATE witnesses SET outputs = zeroblob(8) WHERE run = 1")
        result = invoke("doctor", "--json", "--store", path)
        report = json.loads(result.stdout)
        assert result.exit_code == 1
        assert (report["location"], report["runs"], report["networks"], report["properties"]) == (str(path), 2, 1, 1)
        assert report["damaged"] == [
            {
                "kind": "run",
                "key": 1,
                "network_name": "net.onnx",
                "property_name": "safe.vnnlib",
                "problem": "its checksum does not hold",
                "repaired": False,
            }
        ]

    @pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], None), ([], "y\n")])
    def test_a_repair_deletes_damaged_runs_alone(self, path: Path, arguments: list[str], answer: str | None) -> None:
        damage(path, "UPDATE witnesses SET outputs = zeroblob(8) WHERE run = 1")
        result = invoke("doctor", "--repair", "--store", path, *arguments, answer=answer)
        assert result.exit_code == 0
        assert result.stdout == "run 1  net.onnx  safe.vnnlib  its checksum does not hold\n"
        assert "1 repaired; all is well" in result.stderr
        (left,) = json.loads(invoke("list", "--json", "--store", path).stdout)
        assert (left["id"], left["parent"]) == (2, None)

    @pytest.mark.parametrize("answer", ["n\n", "\n"])
    def test_a_repair_asks_first(self, path: Path, answer: str) -> None:
        damage(path, "UPDATE witnesses SET outputs = zeroblob(8) WHERE run = 1")
        result = invoke("doctor", "--repair", "--store", path, answer=answer)
        assert result.exit_code == 1
        assert "Delete 1 damaged run from" in result.stderr
        assert len(json.loads(invoke("list", "--json", "--store", path).stdout)) == 2

    def test_nothing_is_asked_where_nothing_is_damaged(self, path: Path) -> None:
        assert invoke("doctor", "--repair", "--store", path).stderr.count("\n") == 1

    def test_what_a_repair_cannot_heal_stays_named(self, path: Path) -> None:
        damage(path, "UPDATE properties SET inputs = 'two'")
        result = invoke("doctor", "--repair", "--yes", "--store", path)
        assert result.exit_code == 1
        assert "property 0101" in result.stdout

    def test_yes_alone_means_nothing(self, path: Path) -> None:
        assert invoke("doctor", "--yes", "--store", path).exit_code == 2
