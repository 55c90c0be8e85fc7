"""A broken page costs the rows on it and no others, and what it costs is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.store.conftest import Records

from ivan.store import Examined, ProofStore
from ivan.store.examination import REFERENCES
from ivan.store.models import runs

TABLES = ("networks", "properties", "runs", "proofs", "witnesses")
MANY = 24
PARENT = list(runs.c).index(runs.c.parent)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose tables have several pages each, sealed so that nothing of it is in a log."""
    path, records = tmp_path_factory.mktemp("written") / "proofs.sqlite", Records()
    noise = np.random.default_rng(0)
    with ProofStore.open(path) as store:
        for number in range(MANY):
            weights = noise.bytes(12_000) if number == 7 else None
            run = records.run("unsat", network=f"v{number}", asked=f"q{number}", parent=number or None)
            proof = records.proof(noise.bytes(900))
            store.save(run, records.network(f"v{number}", weights), records.asked(f"q{number}"), proof)
        records.save(store, "sat", witness=records.witness())
        store.seal()
    return path


def contents(path: Path) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """All rows of all tables by their key."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: {row[0]: row for row in connection.execute(f"SELECT * FROM {name}")} for name in TABLES}


def pages(path: Path) -> Iterator[tuple[int, str]]:
    """Some pages of every kind and what they belong to; none of the schema, and of what tells its revision."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            found = connection.execute("SELECT pageno, name, pagetype FROM dbstat").fetchall()
        except sqlite3.OperationalError:  # SQLite was built without that table
            pytest.skip("this SQLite was built without dbstat")
    alike: dict[tuple[str, str], list[int]] = {}
    for page, name, kind in found:
        if name != "sqlite_schema" and "ivan_revision" not in name:
            alike.setdefault((name, kind), []).append(page)
    for (name, _), numbers in alike.items():
        yield from ((page, name) for page in {numbers[0], numbers[1 % len(numbers)], numbers[-1]})


def wiped(path: Path, page: int) -> Path:
    """A copy of the file with nothing on one page."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    data[(page - 1) * size : page * size] = bytes(size)
    copy = path.with_name("broken.sqlite")
    copy.write_bytes(data)
    return copy


def salvaged(path: Path) -> tuple[dict[str, dict[Any, tuple[Any, ...]]], list[Examined]]:
    """What is copied, and what is wrong; the file stays as it is."""
    before, copy = path.read_bytes(), path.with_name("copy.sqlite")
    copy.unlink(missing_ok=True)
    with ProofStore.open(path) as store, ProofStore.open(copy) as target:
        lost = store.salvage_to(target)
        # a proof of which nothing tells any more is missed by its run's checksum
        wrong = [row for row in target.examine() if row.problem is not None]
    known = {(row.kind, row.key) for row in lost}
    lost += [row for row in wrong if (row.kind, row.key) not in known]
    assert path.read_bytes() == before
    return contents(copy), lost


def test_of_a_sound_file_everything_is_copied(path: Path) -> None:
    assert salvaged(path) == (contents(path), [])


def test_any_broken_page_costs_no_other_rows_and_what_it_costs_is_named(path: Path) -> None:
    whole, kinds = contents(path), {"network": "networks", "property": "properties"}
    seen, partly = set[str](), set[str]()
    for page, owner in pages(path):
        found, lost = salvaged(wiped(path, page))
        named = {(row.kind, row.key) for row in lost}
        gone = {name: whole[name].keys() - found[name].keys() for name in TABLES}
        for name in TABLES:
            assert owner == name or not gone[name], (page, owner)
            for key in found[name]:
                if name == "runs":
                    continue
                # what a broken page has of weights may be read as zeros; whoever examines them finds that
                same = slice(-1 if name == "networks" else None)
                assert found[name][key][same] == whole[name][key][same]
        for key, row in found["runs"].items():
            expected = list(whole["runs"][key])
            if expected[PARENT] not in found["runs"]:
                expected[PARENT] = None
            assert list(row) == expected
            if not (gone["proofs"] | gone["witnesses"]) & {key} and row[2] not in gone["networks"]:
                assert row[3] in gone["properties"] or ("run", key) not in named  # nothing else costs a run
        assert named >= {("run", key) for name in ("proofs", "runs", "witnesses") for key in gone[name]}
        assert named >= {(kind, key) for kind in REFERENCES for key in gone[kinds[kind]]}
        seen |= {name for name in TABLES if gone[name]}
        partly |= {name for name in TABLES if 0 < len(gone[name]) < len(whole[name])}
    assert seen == set(TABLES)
    assert partly >= {"networks", "proofs", "runs"}


def test_unread_weights_cost_nothing_but_themselves(path: Path) -> None:
    digest = Records().network("v7").digest
    for page, owner in pages(path):
        if owner != "networks":
            continue
        found, lost = salvaged(wiped(path, page))
        if [(row.kind, row.key) for row in lost] == [("network", digest)] and digest in found["networks"]:
            assert lost[0].problem is not None
            assert lost[0].problem.startswith("its weights cannot be read")
            assert len(found["runs"]) == MANY + 1
            return
    pytest.fail("no page held weights alone")
