"""Where a store is, and what happens when the place is not as it should be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ivan.store
from ivan.errors import StoreError
from ivan.store import ProofStore, database, default_location, shown_location
from ivan.store.location import resolve

if TYPE_CHECKING:
    from conftest import Records

posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike `tmp_path`."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Without the rights of root, for whom nothing is read-only."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_the_default_location_is_moved_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVAN_STORE", "somewhere/else.sqlite")
    assert resolve(None) == Path("somewhere/else.sqlite").absolute()
    monkeypatch.setenv("IVAN_STORE", "")
    default = default_location()
    assert isinstance(default, Path)
    assert default.is_absolute()
    assert (default.name, "ivan" in default.parts) == ("proofs.sqlite", True)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("proofs.sqlite", Path("proofs.sqlite").absolute()),
        ("~/proofs.sqlite", Path.home() / "proofs.sqlite"),
        (Path("a/b.sqlite"), Path("a/b.sqlite").absolute()),
        ("sqlite:///a/b.sqlite", Path("a/b.sqlite").absolute()),
        ("sqlite+pysqlite:///a/b.sqlite", Path("a/b.sqlite").absolute()),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite://"),
        ("postgresql+psycopg://user@host/name", "postgresql+psycopg://user@host/name"),
    ],
)
def test_paths_and_urls_are_told_apart(location: str | Path, expected: str | Path) -> None:
    assert resolve(location) == expected


@pytest.mark.skipif(os.name != "posix", reason="absolute paths of POSIX")
def test_an_sqlite_url_with_four_slashes_is_absolute() -> None:
    assert resolve("sqlite:////a/b.sqlite") == Path("/a/b.sqlite")


@pytest.mark.parametrize("location", ["sqlite:///a.sqlite?mode=ro", "sqlite:///file:a.sqlite"])
def test_options_of_an_sqlite_url_are_refused(location: str) -> None:
    with pytest.raises(StoreError, match="options in the URL"):
        ProofStore.open(location)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nosuchdatabase://host/name", "nosuchdatabase"),
        ("postgresql+nosuchdriver://host/name", "nosuchdriver"),
        ("postgresql+psycopg://host:port/name", "cannot be read"),
        ("://", "cannot be read"),
    ],
)
def test_a_url_that_means_nothing_is_one_line(location: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        ProofStore.open(location)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="driver 'psycopg' is not installed") as caught:
        ProofStore.open("postgresql+psycopg://user:secret@host/name")
    assert caught.value.hint == 'pip install "psycopg[binary]"'
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "seconds", "arguments"),
    [
        ("postgresql+psycopg://user@host/name", 7.5, {"connect_timeout": 8}),
        ("postgresql://user@host/name", 0.1, {"connect_timeout": 2}),
        ("postgresql+psycopg://user@host/name?connect_timeout=60", 5.0, {}),
        ("mysql+pymysql://user@host/name", 5.0, {}),
    ],
)
def test_a_server_that_does_not_answer_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, url: str, seconds: float, arguments: dict[str, int]
) -> None:
    seen = []

    def create_engine(*_: object, connect_args: dict[str, int], **__: object) -> None:
        seen.append(connect_args)
        raise ImportError("far enough", name="driver")

    monkeypatch.setattr(database, "create_engine", create_engine)
    with pytest.raises(StoreError, match="'driver' is not installed"):
        ProofStore.open(url, patience=seconds)
    assert seen == [arguments]


def test_a_password_is_never_shown() -> None:
    assert shown_location("postgresql://me:secret@host/name") == "postgresql://me:***@host/name"


def test_a_new_store_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b c%20#?" / "proofs.sqlite"
    with ProofStore.open(path) as store:
        assert store.location == str(path)
        assert not store.read_only
    assert path.is_file()


def test_who_only_reads_is_told_that_nothing_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "proofs.sqlite"
    with pytest.raises(StoreError, match="no proof store there"):
        ProofStore.open(path, create=False)
    assert not path.parent.exists()


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        ProofStore.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        ProofStore.open(tmp_path / "file" / "proofs.sqlite")
    assert "\n" not in caught.value.message


def test_an_empty_file_becomes_a_store(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "proofs.sqlite"
    path.touch()
    with ProofStore.open(path) as store:
        records.save(store, "unknown")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="of another program"):
        ProofStore.open(path)
    assert path.read_bytes() == before


def test_nothing_is_left_beside_a_closed_store(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof())
    assert list(tmp_path.iterdir()) == [path]


def test_a_cleared_store_shrinks(tmp_path: Path, records: Records) -> None:
    with ProofStore.open(tmp_path / "proofs.sqlite") as store:
        empty = store.info().bytes
        records.save(store, "unsat", proof=records.proof(bytes(10**6)))
        assert store.info().bytes > 10**6
        store.clear()
        assert store.info().bytes <= 2 * empty


def pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def test_a_store_is_written_anew_where_enough_of_it_is_free(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        numbers = [records.save(store, "unsat", proof=records.proof(bytes(10**5))) for _ in range(20)]
        full, holds = pages(path), store.holdings().bytes
        store.delete(numbers[:1])
        store.reclaim()
        assert pages(path) == full  # a twentieth is not worth it
        assert store.holdings().bytes < holds
        store.reclaim(at_most=full * 4096)
        assert pages(path) == full
        store.reclaim(at_most=full * 4096 - 1)
        assert pages(path) < full
        left = store.holdings()
        assert left.bytes <= holds - 10**5 + left.margin  # which is what pruning counts on
        store.delete(numbers[:10])
        store.reclaim()
        assert pages(path) < 0.6 * full
        assert store.holdings().bytes == pages(path) * 4096


def test_a_store_that_somebody_reads_shrinks_later(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    warnings: list[str] = []
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path, warn=warnings.append) as store:
        number = records.save(store, "unsat", proof=records.proof(bytes(10**5)))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.reclaim()  # nothing to give back, so nobody is waited for
            other.execute("COMMIT")
            store.delete([number])
            other.execute("BEGIN IMMEDIATE")
            store.reclaim()
            other.execute("COMMIT")
        assert store.info().runs == 0
    [warning] = warnings
    assert "their space is not given back yet" in warning


def test_a_sealed_store_is_read_from_where_nothing_can_be_written(folder: Path, records: Records) -> None:
    path = folder / "proofs.sqlite"
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
        store.seal()
        assert list(folder.iterdir()) == [path]
    path.chmod(0o444)
    folder.chmod(0o555)
    with ordinary_user():
        refuses_to_change_and_still_reads(path, records, run_id)


def refuses_to_change_and_still_reads(path: Path, records: Records, run_id: int) -> None:
    with ProofStore.open(path) as store:
        assert store.read_only
        assert store.info().read_only
        found = store.exact(records.network().digest, records.asked().digest)
        assert found is not None
        assert store.proof(found.id) == records.proof()
        assert found.id == run_id
        for change in (store.clear, lambda: records.save(store, "unknown")):
            with pytest.raises(StoreError, match="is read-only") as caught:
                change()
            assert caught.value.hint


@posix_only
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)])
def test_a_store_that_cannot_be_written_is_read(
    folder: Path, records: Records, file_mode: int, folder_mode: int
) -> None:
    path = folder / "proofs.sqlite"
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
    path.chmod(file_mode)
    folder.chmod(folder_mode)
    with ordinary_user():
        refuses_to_change_and_still_reads(path, records, run_id)
    assert sorted(folder.iterdir())[0] == path


@posix_only
def test_a_store_that_only_others_write_is_read_with_what_they_just_saved(folder: Path, records: Records) -> None:
    path = folder / "proofs.sqlite"
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
        folder.chmod(0o555)
        with ordinary_user():
            refuses_to_change_and_still_reads(path, records, run_id)


@posix_only
def test_a_read_only_store_with_a_log_left_over_is_not_half_read(folder: Path, records: Records) -> None:
    path, kept = folder / "proofs.sqlite", folder / "kept"
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof())
        shutil.copy(path, kept)
        shutil.copy(f"{path}-wal", f"{kept}-wal")
    folder.chmod(0o555)
    with ordinary_user(), pytest.raises(StoreError, match="cannot be opened"):
        ProofStore.open(kept)


@posix_only
def test_a_store_that_cannot_be_read_is_one_line(folder: Path) -> None:
    path = folder / "proofs.sqlite"
    ProofStore.open(path).close()
    path.chmod(0o000)
    with ordinary_user(), pytest.raises(StoreError, match="cannot be opened"):
        ProofStore.open(path)


@posix_only
def test_a_new_store_in_a_read_only_folder_is_one_line(folder: Path) -> None:
    folder.chmod(0o555)
    for path in (folder / "proofs.sqlite", folder / "deeper" / "proofs.sqlite"):
        with ordinary_user(), pytest.raises(StoreError, match="cannot be opened") as caught:
            ProofStore.open(path)
        assert "\n" not in caught.value.message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_device_is_no_store() -> None:
    with pytest.raises(StoreError) as caught:
        ProofStore.open("/dev/full")
    assert "\n" not in caught.value.message


def test_importing_the_store_does_not_import_its_database() -> None:
    source = str(Path(ivan.store.__file__).parents[2])
    code = "import sys, ivan.store, ivan.cli.cache; print({'sqlalchemy', 'alembic', 'rich'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "set()\n"


def test_opening_a_current_store_does_not_import_alembic_or_the_orm(tmp_path: Path) -> None:
    source = str(Path(ivan.store.__file__).parents[2])
    code = f"""
import sys
from ivan.store import ProofStore
ProofStore.open({str(tmp_path / "proofs.sqlite")!r}).close()
print({{'alembic', 'sqlalchemy.orm'}} & set(sys.modules))
"""
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "set()\n"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        ivan.store.NoSuchThing  # noqa: B018 - the access is the test
