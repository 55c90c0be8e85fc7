"""Batches for programs: `ivan.verify_batch`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path

from ivan.batch.collected import CollectedResults
from ivan.batch.instances import Instance, InstanceList, read_instances
from ivan.batch.results import Result, ResultsFile
from ivan.batch.run import BatchListener
from ivan.batch.run import verify_batch as run_batch
from ivan.errors import InputError
from ivan.options import Options, check, within

Name = str | PathLike[str]
Models = Name | Mapping[str, Name]

FOREVER = 1e9
"""Seconds of an instance that may take as long as it likes."""

MOST_JOBS = 256
"""Instances at the same time."""


def verify_batch(
    instances: Name | Iterable[tuple[Models, Name] | tuple[Models, Name, float]],
    *,
    timeout: float | None = None,
    jobs: int = 1,
    store: Name | bool | None = None,
    fresh: bool = False,
    out: Name | None = None,
    resume: bool = False,
    options: Options | None = None,
    listener: BatchListener | None = None,
) -> list[Result]:
    """Verifies many instances, each in a process of its own, several at once; one that fails stops none.

    Args:
        instances: a list in a file, as VNN-COMP writes it, or models and properties, with seconds where some have their
            own timeout. A property of several networks has a model for each, by its name.
        timeout: seconds of every instance that has none of its own; without one it goes on until it is done.
        jobs: how many are verified at the same time.
        store: path or URL of the proof store that they share; None for the user's own, False for none at all.
        fresh: ignore what is stored, save what is found.
        out: where rows of results are written as they come, so that a batch can be resumed.
        resume: go on from the rows that are there; where a model, a property or a timeout has changed since, and could
            change the row, the instance is verified again.
        options: all other knobs.
        listener: told what happens.

    Returns:
        A result for every instance, in their order: its verdict is `sat`, `unsat`, `unknown`, `timeout` or `error`.

    Raises:
        InputError: the list cannot be read, a number cannot be used, results cannot be written, or no process can be
            started.
        ValueError: resume without out.
    """
    if resume and out is None:
        raise ValueError("resume needs out: where the results are")
    check("timeout", timeout)
    within("jobs", jobs, 1, MOST_JOBS, whole=True)
    limit = FOREVER if timeout is None else timeout
    if isinstance(instances, str | PathLike):
        listing = read_instances(Path(instances), timeout=limit)
    else:
        rows = tuple(_instance(number, limit, row) for number, row in enumerate(instances))
        listing = InstanceList(Path("instances"), "instances", rows)

    def run(results: CollectedResults | ResultsFile) -> list[Result]:
        return run_batch(
            listing, results, jobs=jobs, store=store, fresh=fresh, options=options, listener=listener
        )  # fmt: skip

    if out is None:
        return run(CollectedResults())
    with ResultsFile(Path(out), listing, resume=resume) as file:
        return run(file)


def _instance(number: int, limit: float, row: tuple[Models, Name] | tuple[Models, Name, float]) -> Instance:
    if not isinstance(row, tuple | list) or len(row) not in (2, 3):
        raise InputError(
            f"instance {number} is {row!r}", hint="give a model, a property and, where it has its own, a timeout"
        )
    model, query, timeout = *row[:2], row[2] if len(row) == 3 else None
    check("timeout", timeout)
    seconds, asked = limit if timeout is None else timeout, fspath(query)
    if isinstance(model, Mapping):
        named = {name: fspath(file) for name, file in model.items()}
        files = {name: Path(file) for name, file in named.items()}
        return Instance(number, str(list(named.items())), asked, seconds, files, Path(asked))
    return Instance(number, fspath(model), asked, seconds, Path(model), Path(asked))
