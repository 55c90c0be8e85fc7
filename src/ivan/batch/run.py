"""A batch: instances are handed to workers, what they say is heard, and every instance ends as one result.

    while instances are left:
        keep as many workers as are useful; a worker that is ready gets the next instance
        hear what they say
        end those whose time is up by force

Time is measured here, from the moment that a task is sent to the moment that its answer arrives: an answer that comes
late is no answer. A worker stops searching before its time is up and then saves what it has; one that is still there
`GRACE` later hangs, in a native library say, and is killed.
"""

from __future__ import annotations

import queue
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from os import PathLike, fspath
from typing import Any

from ivan.batch.instances import Instance, InstanceList
from ivan.batch.outdated import Fingerprints
from ivan.batch.outdated import told as told_again
from ivan.batch.results import FACTS, Result, Results
from ivan.batch.workers import Event, Events, Worker, default_command
from ivan.errors import InputError
from ivan.options import Options

GRACE = 0.9
"""Seconds that an instance may go on after its time is up, to save what it has; what `ivan verify` has, too."""

GRACE_INTERRUPTED = 0.7
"""Seconds that all of them may go on after an interrupt."""

TICK = 0.2
"""Seconds between two looks at the clock."""


@dataclass
class Running:
    """An instance that is being verified.

    Attributes:
        instance: the row of the list.
        began: when it was handed to a worker, on the monotonic clock.
        phase: of the verification, as its Listener names them.
        state: what is known of that phase: `open`, `closed` and `worst` of a search, `tried`, `held` and `total` of a
            replay.
        answered: when its answer arrived.
        result: what is written down already.
        facts: of its result, as far as they are known.
        warnings: what was wrong and did not stop it.
    """

    instance: Instance
    began: float
    phase: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    answered: float | None = None
    result: Result | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def late(self) -> float:
        """When it hangs, on the monotonic clock."""
        return self.began + self.instance.timeout + GRACE


class BatchListener:
    """Told what happens, from the thread that runs the batch; every method does nothing unless overridden."""

    def began(self, listing: InstanceList, kept: Sequence[Result], jobs: int) -> None:
        """The batch begins; results of a batch that is resumed are there already."""

    def finished(self, result: Result) -> None:
        """A result is written down."""

    def warned(self, message: str, hint: str | None) -> None:
        """Something is wrong that does not stop an instance; every message comes once."""

    def tick(self, running: Sequence[Running]) -> None:
        """Called several times a second, with what is being verified."""


def verify_batch(
    listing: InstanceList,
    results: Results,
    *,
    jobs: int = 1,
    store: str | PathLike[str] | bool | None = None,
    fresh: bool = False,
    options: Options | None = None,
    listener: BatchListener | None = None,
    command: Sequence[str] | None = None,
) -> list[Result]:
    """Verifies all instances that have no result yet.

    Args:
        listing: the instances.
        results: where results are written as they come.
        jobs: how many instances are verified at the same time.
        store: path or URL of the proof store that they share; None for the user's own, False for none at all.
        fresh: ignore what is stored, save what is found.
        options: of every verification; 0 threads are the processors divided by the jobs.
        listener: told what happens.
        command: starts a worker; what it has to do stands in worker.py.

    Returns:
        All results, in the list's order, those that were there already among them.

    Raises:
        InputError: the results cannot be written, or no process can be started.
    """
    task = {
        "store": store if store is None or isinstance(store, bool) else fspath(store),
        "fresh": fresh,
        "options": asdict(options or Options()),
        "jobs": jobs,
    }
    told = listener or BatchListener()
    told.began(listing, list(results.kept.values()), jobs)
    if results.outdated:
        told.warned(told_again(results.outdated, results.replaced), None)
    _Batch(listing, results, task, told, default_command() if command is None else command).run(jobs)
    return results.finish()


class _Batch:
    """What is going on; its methods are the steps."""

    def __init__(
        self,
        listing: InstanceList,
        results: Results,
        task: dict[str, Any],
        listener: BatchListener,
        command: Sequence[str],
    ) -> None:
        self._results, self._task, self._listener, self._command = results, task, listener, command
        self._waiting = deque(i for i in listing.instances if i.number not in results.kept)
        self._workers: dict[Worker, Running | None] = {}
        self._events: Events = queue.SimpleQueue()
        self._files = Fingerprints()
        self._warned: set[str] = set()

    @property
    def _running(self) -> list[Running]:
        return [running for running in self._workers.values() if running is not None]

    def run(self, jobs: int) -> None:
        """Verifies everything that waits."""
        try:
            while self._waiting or self._running:
                self._employ(jobs)
                self._hear()
                self._end_late()
                self._listener.tick(self._running)
        finally:
            self._stop()

    def _employ(self, jobs: int) -> None:
        while len(self._workers) < min(jobs, len(self._waiting) + len(self._running)):
            try:
                self._workers[Worker(self._command, self._events)] = None
            except OSError as error:
                raise InputError(f"no process can be started: {error}", hint="try fewer --jobs") from error

    def _hear(self) -> None:
        try:
            event = self._events.get(timeout=TICK)
            while True:
                self._heed(event)
                event = self._events.get_nowait()
        except queue.Empty:
            pass

    def _heed(self, event: Event) -> None:
        worker, facts = event.worker, event.facts
        if worker not in self._workers:  # it was given up
            return
        running = self._workers[worker]
        if event.name == "ready":
            if self._waiting:
                self._begin(worker, self._waiting.popleft())
        elif event.name == "gone":
            del self._workers[worker]
            worker.kill()
            if running is not None:
                self._finish(running, event.at, facts)
            elif not worker.started and self._waiting:  # costs an instance, so that this comes to an end
                self._finish(self._noted(self._waiting.popleft(), event.at), event.at, facts)
        elif event.name == "ended" and running is not None:
            self._workers[worker] = None
            self._finish(running, event.at, facts)
        elif running is not None and facts.pop("number", None) == running.instance.number:
            self._note(running, event)

    def _note(self, running: Running, event: Event) -> None:
        """Remembers what was said about an instance."""
        facts = event.facts
        if event.name == "progress":
            running.phase, running.state = facts.pop("phase"), facts
        elif event.name == "warned":
            self._warn(running, facts["message"], facts["hint"])
        elif event.name == "failed" and running.answered is not None:
            self._warn(running, f"after the answer: {facts['reason']}", facts["hint"])
        else:  # answered, saved, failed
            running.facts |= facts
            if event.name == "answered":
                running.answered = event.at
                self._write_answer(running)

    def _write_answer(self, running: Running) -> None:
        """Writes an answer down that came in time: what goes on afterwards may be cut off."""
        assert running.answered is not None
        seconds = running.answered - running.began
        if seconds <= running.instance.timeout:
            counterexample: str | None = running.facts.pop("counterexample", None)
            known = {name: running.facts[name] for name in FACTS if name in running.facts}
            result = Result(running.instance, running.facts["verdict"], round(seconds, 3), **known)
            running.result = self._results.add(result, counterexample)

    def _begin(self, worker: Worker, instance: Instance) -> None:
        model = instance.model
        named = {name: str(file) for name, file in model.items()} if isinstance(model, Mapping) else str(model)
        files = {"model": named, "query": str(instance.query)}
        self._workers[worker] = replace(self._noted(instance, 0.0), began=time.monotonic())
        worker.send({**self._task, **files, "timeout": instance.timeout, "number": instance.number})

    def _noted(self, instance: Instance, at: float) -> Running:
        """With the digests of its files, taken before they are read: what changes meanwhile is noticed on a resume."""
        return Running(instance, at, facts={**self._files.of(instance)})

    def _end_late(self) -> None:
        now = time.monotonic()
        for worker, running in list(self._workers.items()):
            if running is not None and now > running.late:
                worker.kill()
                del self._workers[worker]
                self._finish(running, now, None)

    def _warn(self, running: Running, message: str, hint: str | None) -> None:
        running.warnings.append(message)
        if message not in self._warned:
            self._warned.add(message)
            self._listener.warned(message, hint)

    def _finish(self, running: Running, at: float, end: dict[str, Any] | None) -> None:
        """Writes down what became of an instance.

        Args:
            running: all that was heard of it.
            at: when it ended.
            end: exit code and last words of its process; None where it was killed because its time was up.
        """
        facts, answered = running.facts, running.answered
        crash = None if end is None or end["code"] == 0 else _crash(end)
        if running.result is not None:
            if end is None or crash is not None:
                running.warnings.append(f"{crash or 'killed'} after the answer: its proof may not be stored")
            known = {name: facts[name] for name in FACTS if name in facts}
            result = replace(running.result, **known, warnings=tuple(running.warnings))
            self._results.amend(result)
            self._listener.finished(result)
            return
        if answered is not None or end is None:
            verdict = "timeout"
            facts |= {"reason": None, "hint": None}  # of an answer that came too late
        else:
            verdict = "error"
            facts.setdefault("reason", crash or "its process ended without an answer")
        seconds = round((at if answered is None else answered) - running.began, 3)
        known = {name: facts[name] for name in FACTS if name in facts}
        result = Result(running.instance, verdict, seconds, **known, warnings=tuple(running.warnings))
        self._listener.finished(self._results.add(result))

    def _stop(self) -> None:
        """Ends all workers; what they are verifying may save what it has."""
        try:
            for worker, running in self._workers.items():
                if running is not None:
                    worker.interrupt()
            until = time.monotonic() + GRACE_INTERRUPTED
            while self._running and (left := until - time.monotonic()) > 0:
                try:
                    event = self._events.get(timeout=left)
                except queue.Empty:
                    break
                if event.name in ("ended", "gone") and event.worker in self._workers:
                    self._workers[event.worker] = None
        finally:
            for worker in self._workers:
                worker.kill()


def _crash(end: dict[str, Any]) -> str:
    """How a process ended that was not meant to end like that."""
    code, words = end["code"], end["words"]
    if code >= 0:
        how = f"its process ended with exit code {code}"
    else:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        how = f"its process was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"{how}: {words}" if words else how
