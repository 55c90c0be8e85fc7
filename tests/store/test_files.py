"""Where a store is, and what happens when the place is not as it should be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ivan.store
from ivan.errors import StoreError
from ivan.store import ProofStore, default_location, shown_location
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
    assert caught.value.hint == "pip install psycopg"
    assert "secret" not in caught.value.message


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
