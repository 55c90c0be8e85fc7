"""A proof as a file: what `ivan verify --proof` writes, and what `ivan proof` and `ivan cache import` read.

The file is a proof store with one run (exchange.py says why), so it has checksums, a revision and a history, and a
store takes it over. It names the model and the property by their digests, and holds neither: whoever checks it has
both at hand, and replays the proof on them. So weights are left out, which would be most of the file and may be
nobody else's business. What the property asks stays in, since a store that takes the file over compares it with other
questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from ivan.doctor import one_line
from ivan.errors import InputError, StoreError
from ivan.exchange import copied_to, new_file
from ivan.memory import Memory
from ivan.outcome import Outcome
from ivan.store import ProofStore
from ivan.store.records import RunSummary
from ivan.verdict import Verdict

WHERE_FROM = "`ivan verify --proof FILE` and `ivan proof export` write such files"


def nothing_to_write(outcome: Outcome) -> str | None:
    """Why a verification has no proof to give away; None where it has one."""
    if outcome.verdict is not Verdict.UNSAT:
        return f"only unsat has one, the verdict is {outcome.verdict.spelled(outcome.vnnlib_version)}"
    if outcome.proof is None or outcome.claim is None:
        return "the verification did not keep it"
    if not outcome.proof.complete:
        return "only a part of it was kept"
    return None


def write_proof(outcome: Outcome, path: str | PathLike[str]) -> None:
    """Writes the proof of a verification to a file, under a temporary name first; an existing file is replaced.

    Args:
        outcome: of `verify(..., keep_proof=True)`.
        path: of the file.

    Raises:
        InputError: there is no proof, or the file cannot be written.
        StoreError: the file is a store in use.
    """
    missing = nothing_to_write(outcome)
    if missing is not None:
        raise InputError(f"{path}: no proof to write: {missing}", hint="`keep_proof=True` keeps that of unsat")
    claim = outcome.claim
    assert claim is not None

    def fail(message: str, hint: str | None) -> None:
        raise InputError(f"{path}: cannot be written: {message}", hint=hint)

    with new_file(Path(path), small=True) as made:
        Memory(made, claim.file_digest, claim.problem, fail).save(
            outcome.verdict,
            outcome.proof,
            None,
            options=claim.options,
            seconds=claim.seconds,
            statistics=claim.statistics,
            parent=None,
            keep_weights=False,
        )


def export_proof(store: ProofStore, run: int, path: Path) -> None:
    """Writes the proof of a stored run to a file, likewise.

    Raises:
        InputError: there is no such run, it has no finished proof, or the file cannot be written.
        StoreError: the store cannot be read, the run is damaged, or the file is a store in use.
    """
    found = summary_of(store, run)
    if found.run.verdict != Verdict.UNSAT.value or not found.run.answers:
        raise InputError(
            f"{store.location}: run {run} has no finished proof: its verdict is {found.run.verdict}",
            hint="`ivan cache list` shows which have; `ivan cache export --run` writes any run",
        )
    with new_file(path, store, small=True) as made:
        copied_to(made, store, (run,), weights=False)


@contextmanager
def opened_file(path: Path, warn: Callable[[str], None]) -> Iterator[ProofStore]:
    """A file of proofs, to be read.

    Args:
        path: a file that `write_proof`, `export_proof` or `export_file` wrote, or a store.
        warn: told about damaged rows.

    Raises:
        StoreError: it is missing, damaged, of a newer version, or none of these.
    """
    try:
        if path.is_file() and not path.stat().st_size:
            raise StoreError(f"{path}: is empty", hint=WHERE_FROM)
        made = ProofStore.open(path, create=False, warn=warn)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}", hint="check the path") from error
    except StoreError as error:  # its hint is for a store that is in use
        raise StoreError(error.message, hint=WHERE_FROM) from error
    with made:
        faults = made.strangers() or made.faults()
        if faults:
            raise StoreError(f"{path}: is damaged: {one_line(faults[0])}", hint="ask for the file once more")
        yield made


def summary_of(store: ProofStore, run: int) -> RunSummary:
    """A run as a list shows it.

    Raises:
        InputError: there is no such run, or it is damaged.
    """
    found = store.summary(run)
    if found is None:
        raise InputError(
            f"{store.location}: there is no run {run} that can be read", hint="`ivan cache list` shows the runs"
        )
    return found


def only_proof(store: ProofStore) -> int:
    """The number of the only run of a file that has a proof.

    Raises:
        InputError: none has, or several have.
    """
    found = [run.run.id for run in store.runs() if isinstance(run, RunSummary) and run.run.has_proof]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{store.location}: holds no proof that can be read", hint=WHERE_FROM)
    raise InputError(
        f"{store.location}: holds {len(found)} proofs",
        hint=f"name one of its runs, as in `ivan proof show {found[0]} --store {store.location}`",
    )
