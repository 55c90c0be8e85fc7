"""Stored runs as one file that can be carried to another machine, and back into a store.

The file is a proof store itself, an SQLite file of the same schema. So there is one format and one way to read it: its
revision tells what wrote it, older ones are migrated and newer ones refused, `ivan cache list` and `ivan cache doctor`
look into it before it is taken over, and a whole store can be taken over as well. A format of its own - an archive of
JSON and bytes, say - would need a second reader, a second set of checks and a second history.

Whatever comes from a file is a claim. Before anything is added every row is looked at as the doctor does: checksums
hold, proofs are decoded and obey every law that can be told without their model, counterexamples are numbers, queries
have their digests. If anything is wrong nothing is added: who gets a damaged file wants a better one, not a part of it.
And what is added is marked as imported. A checksum tells damage, not malice, so an imported verdict is never repeated
as it stands: its proof is replayed on the model, its counterexample confirmed, and the next run rests on that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ivan.doctor import Finding, finding, one_line, problem_of
from ivan.errors import InputError, StoreError
from ivan.proof.codec import READABLE
from ivan.store import Copied, Examined, ProofStore

MOST_NAMED = 3
"""Faults of a file that one line of an error names."""

WHERE_FROM = "`ivan cache export` writes files that can be imported"


def export_file(store: ProofStore, path: Path, only: Collection[int] | None = None) -> Copied:
    """Writes runs to a file, under a temporary name first; an existing file is replaced.

    Of a whole store what is damaged, or cannot be looked into, is left out and named in the result. From a file with
    broken pages all is rescued that can be read; that file stays as it is.

    Args:
        store: an open store.
        path: of the file.
        only: numbers of the runs, where not all are wanted.

    Raises:
        StoreError: the store cannot be read, a run that is wanted is damaged, or the file is a store in use.
        InputError: the file cannot be written, or a run that is wanted is not there.
    """
    with new_file(path, store) as made:
        if store.faults():
            return _rescued(made, store, only)
        _refuse_missing(store, only)
        return copied_to(made, store, only)


def _rescued(made: ProofStore, store: ProofStore, only: Collection[int] | None) -> Copied:
    """Adds what can be read of a file with broken pages, by way of a copy that has none and is repaired."""
    with TemporaryDirectory(prefix="ivan-") as folder, ProofStore.open(Path(folder) / "salvaged.sqlite") as copy:
        lost = {(row.kind, row.key): row for row in store.salvage_to(copy)}
        wrong = _damaged(copy)
        copy.remove(wrong)  # a network stays without its weights, and so do its runs
        wrong |= {key: replace(wrong.get(key, row), problem=row.problem) for key, row in lost.items()}
        if only is None:
            done = _added(made, copy, None, store.location)
            wrong = {(row.kind, row.key): row for row in done.left_out} | wrong
            return replace(done, left_out=tuple(wrong.values()), rescued=True)
        wanted = {("run", number) for number in only} | {
            (kind, digest)
            for run in map(copy.run, only)
            if run is not None
            for kind, digest in (("network", run.network), ("property", run.property))
        }
        if unread := [row for key, row in wrong.items() if key in wanted]:
            raise _refusal(f"{store.location}: nothing was exported", store.location, _named(unread))
        _refuse_missing(copy, only)
        return _added(made, copy, only, store.location)


def _damaged(store: ProofStore) -> dict[tuple[str, int | str | bytes], Examined]:
    """The rows in which something is wrong, without what they hold."""
    vouch, wrong = _voucher(), {}
    for row in store.examine():
        if problem := row.problem or vouch(row):
            wrong[row.kind, row.key] = replace(row, problem=problem, run=None, proof=None, witness=None, network=None)
    return wrong


def _refuse_missing(store: ProofStore, only: Collection[int] | None) -> None:
    for number in only or ():
        if store.run(number) is None:
            raise InputError(f"there is no run {number} that can be read", hint="`ivan cache list` shows the runs")


def copied_to(made: ProofStore, store: ProofStore, only: Collection[int] | None, *, weights: bool = True) -> Copied:
    """Adds runs of a store to one that is to be given away.

    Args:
        made: the other store.
        store: an open store.
        only: numbers of the runs, where not all are wanted.
        weights: take the weights of the networks along.

    Raises:
        StoreError: the store cannot be read, or a run that is wanted is damaged.
    """
    return _added(made, store, only, store.location, weights=weights)


def _added(
    made: ProofStore, store: ProofStore, only: Collection[int] | None, place: str, *, weights: bool = True
) -> Copied:
    """The same; `place` is what the store is called where something is wrong."""
    done = store.copy_to(made, _voucher(), only=only, strict=only is not None, weights=weights)
    if only is not None and done.left_out:
        raise _refusal(f"{place}: nothing was exported", place, _named(done.left_out))
    return done


@contextmanager
def new_file(path: Path, store: ProofStore | None = None, *, small: bool = False) -> Iterator[ProofStore]:
    """An empty store that becomes the file when the block ends, and nothing when an exception leaves it.

    Args:
        path: of the file; an existing one is replaced.
        store: the store that is read meanwhile, which the file must not be.
        small: for a file of a few rows, which is a quarter as large with small pages.

    Raises:
        StoreError: the file is a store in use.
        InputError: the file cannot be written.
    """
    target = path.resolve()  # a link stays a link
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    files = (partial, _beside(partial, "wal"), _beside(partial, "shm"))
    try:
        if store is not None:
            _refuse_itself(store, path)
        if _beside(target, "wal").exists():
            raise StoreError(f"{path}: is a proof store that is in use", hint="give another name")
        if target.exists() and not target.is_file():
            raise InputError(f"{path}: is no ordinary file", hint="give another name")
        for file in files:
            file.unlink(missing_ok=True)
        with ProofStore.open(partial) as made:
            yield made
            made.seal(small=small)
        partial.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", hint="is the folder writable?") from error
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def import_file(store: ProofStore, path: Path) -> Copied:
    """Takes over all runs of a file that the store does not have yet, or none.

    Args:
        store: an open store.
        path: a file that `export_file` wrote, or another store's.

    Raises:
        StoreError: the file is missing, damaged, of a newer version or no store; or the store cannot be written.
    """
    try:
        _refuse_itself(store, path)
        if path.is_file() and not path.stat().st_size:
            raise StoreError(f"{path}: is empty: nothing was imported", hint=WHERE_FROM)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}", hint="check the path") from error
    refused = f"{path}: nothing was imported"
    try:
        made = ProofStore.open(path, create=False)
    except StoreError as error:  # its hint is for a store that is in use
        raise StoreError(f"{error.message}: nothing was imported", hint=WHERE_FROM) from error
    with made:
        faults = made.strangers() or made.faults()
        if faults:
            raise _refusal(refused, str(path), [one_line(fault) for fault in faults])
        done = made.copy_to(store, _voucher(), strict=True, imported=datetime.now(UTC))
    if done.left_out:
        raise _refusal(refused, str(path), _named(done.left_out))
    return done


def left_out(done: Copied) -> list[Finding]:
    """The rows that were not taken over, each with what is wrong with it."""
    return [finding(row, row.problem or "") for row in done.left_out]


def _voucher() -> Callable[[Examined], str | None]:
    """Says what is wrong with a row, if anything: what the doctor says, and that it cannot be looked into."""
    inputs: dict[str, int] = {}

    def vouch(row: Examined) -> str | None:
        if row.proof is not None and row.proof.format not in READABLE:
            return f"its proof has format {row.proof.format}, which this version of ivan cannot read"
        return problem_of(row, inputs)

    return vouch


def _named(wrong: Sequence[Examined]) -> list[str]:
    lines = []
    for found in (finding(row, row.problem or "") for row in wrong):
        key = found.key.hex() if isinstance(found.key, bytes) else one_line(str(found.key))
        about = ", ".join(filter(None, (found.model, found.asked)))
        lines.append(f"{found.kind} {key[:12]}{f' ({about})' if about else ''}: {found.problem}")
    return lines


def _refusal(what: str, place: str, faults: Sequence[str]) -> StoreError:
    more = len(faults) - MOST_NAMED
    shown = [*faults[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
    return StoreError(
        f"{what}: {'; '.join(shown)}", hint=f"`ivan cache doctor --store {place}` tells all that is wrong"
    )


def _refuse_itself(store: ProofStore, path: Path) -> None:
    here = Path(store.location)
    if here.exists() and path.exists() and here.samefile(path):
        raise StoreError(f"{path}: is the proof store itself", hint="give the name of another file")


def _beside(path: Path, ending: str) -> Path:
    """One of the files that SQLite keeps beside its own."""
    return path.with_name(f"{path.name}-{ending}")
