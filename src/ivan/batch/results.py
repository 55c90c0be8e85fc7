"""Results, on disk as soon as they are known.

    results.csv                         benchmark,onnx,vnnlib,prepare_time,verdict,seconds: the rows of VNN-COMP
    results.csv.d/details.jsonl         the same and more, a line of JSON each
    results.csv.d/NAME.counterexample   for every `sat`
    results.csv.d/replaced.csv          rows that were no answer any more when the batch was resumed

A row is appended, flushed and synced as soon as its answer is there, its counterexample and its details before it:
whatever ends the batch, a whole row is a result, and what is behind the last whole row never happened. What becomes
known later, when the proof is saved, is one more line of details. The rows are what counts when a batch is resumed; who
deletes one has its instance run again. Details are found by what they have in common with a row, and may be missing;
where they are there they tell which rows are of another model, property or timeout than the list at hand (outdated.py),
and these instances run again, too. When the last instance is done, the rows are put into the list's order.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ivan.batch.instances import Instance, InstanceList
from ivan.batch.outdated import Fingerprints, changed
from ivan.errors import InputError
from ivan.vnncomp import networks

VERDICTS = ("unsat", "sat", "unknown", "timeout", "error")
"""What a row may say, as VNN-COMP spells it."""


@dataclass(frozen=True)
class Result:
    """What became of one instance.

    Attributes:
        instance: the row of the list.
        verdict: one of VERDICTS.
        seconds: from when a process was told to begin to its answer.
        reason: of an `error`, or of `unknown`, on one line.
        hint: what the reader can do about it.
        counterexample: the file that holds it; of a batch that writes no files, itself.
        solve_seconds: what the answer took without reading the files.
        domains: domains bounded.
        leaves: of the proof as it was found.
        compacted_leaves: of the proof as it is stored in the end.
        reused_leaves: of the stored proof that it started from: those that needed no search.
        base_leaves: of that proof: all.
        base_run: the stored run whose proof or answer that was.
        base_name: the model of that run.
        exact: the answer is that of a stored run of the same question.
        run: the number that the run has in the store.
        network_digest: names the network.
        property_digest: names the property.
        model_file_digest: SHA-256 of the model's file, decompressed; of several, with commas between them.
        query_file_digest: SHA-256 of the property's file as it is.
        warnings: what was wrong and did not stop it.
    """

    instance: Instance
    verdict: str
    seconds: float
    reason: str | None = None
    hint: str | None = None
    counterexample: str | None = None
    solve_seconds: float | None = None
    domains: int | None = None
    leaves: int | None = None
    compacted_leaves: int | None = None
    reused_leaves: int | None = None
    base_leaves: int | None = None
    base_run: int | None = None
    base_name: str | None = None
    exact: bool = False
    run: int | None = None
    network_digest: str | None = None
    property_digest: str | None = None
    model_file_digest: str | None = None
    query_file_digest: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def solved(self) -> bool:
        """The property is decided."""
        return self.verdict in ("sat", "unsat")

    def as_json(self) -> dict[str, Any]:
        """What reports say of it."""
        facts = {name: value for name, value in asdict(self).items() if name != "instance"}
        names = {"onnx": self.instance.onnx, "vnnlib": self.instance.vnnlib, "timeout": self.instance.timeout}
        return {**names, **facts, "warnings": list(self.warnings)}


FACTS = tuple(f.name for f in fields(Result) if f.name not in ("instance", "verdict", "seconds", "counterexample"))
"""What is known of a result beyond its row."""


class Results(Protocol):
    """Where the results of a batch go."""

    @property
    def kept(self) -> Mapping[int, Result]:
        """Results that were there already, by the number of their instance."""

    @property
    def outdated(self) -> Mapping[int, str]:
        """What has changed since others were found that were there, too; they are found anew."""

    @property
    def replaced(self) -> Path:
        """The file that keeps the rows of these."""

    def add(self, result: Result, counterexample: str | None = None) -> Result:
        """Takes a result; gives it with the file that holds its counterexample, if there is one."""

    def amend(self, result: Result) -> None:
        """Takes what became known of a result since it was added: nothing that its row says."""

    def finish(self) -> list[Result]:
        """All results in the list's order; there are no more to come."""


class ResultsFile:
    """The results of one batch, open for more.

    Args:
        path: the file of rows.
        listing: the list that it is about.
        resume: go on from the rows that are there; otherwise there must be none.

    Attributes:
        kept: results that were there already, by the number of their instance.
        outdated: of results that were there, but are no answer to what is asked now: what has changed since.
        replaced: the file that keeps their rows.

    Raises:
        InputError: it cannot be written, another batch is writing it, or its rows are not of this list.
    """

    def __init__(self, path: Path, listing: InstanceList, *, resume: bool) -> None:
        self.path, self.folder = path, path.with_name(path.name + ".d")
        self._listing = listing
        self._names = _names(listing.instances)
        self.outdated: dict[int, str] = {}
        self.replaced = self.folder / "replaced.csv"
        if path.exists() and not resume:
            raise InputError(
                f"{path}: exists already", hint="--resume goes on from it; --out FILE writes somewhere else"
            )
        with self._guarded(), contextlib.ExitStack() as files:
            self.folder.mkdir(exist_ok=True)
            _lock(files.enter_context((self.folder / "lock").open("wb")), path)
            self.kept = self._read() if path.exists() else {}
            self._sweep()
            self._details = files.enter_context(_begun(self.folder / "details.jsonl", map(_detail, self.kept.values())))
            self._rows = files.enter_context(_begun(path, map(self._row, self.kept.values())))
            self._files = files.pop_all()
        self._done = dict(self.kept)

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, result: Result, counterexample: str | None = None) -> Result:
        """Writes a result down; gives it with the file that holds its counterexample.

        Raises:
            InputError: it cannot be written.
        """
        with self._guarded():
            if counterexample is not None:
                file = self._counterexample(result.instance)
                _write(file, f"{counterexample}\n".encode())
                result = replace(result, counterexample=str(file))
            for stream, line in ((self._details, _detail(result)), (self._rows, self._row(result))):
                stream.write(line)
                os.fsync(stream.fileno())
        self._done[result.instance.number] = result
        return result

    def amend(self, result: Result) -> None:
        """Writes down what became known of a result since it was added.

        Raises:
            InputError: it cannot be written.
        """
        with self._guarded():
            self._details.write(_detail(result, amended=True))
        self._done[result.instance.number] = result

    def finish(self) -> list[Result]:
        """All results in the list's order, into which their rows are put; there are no more to come."""
        results = [self._done[number] for number in sorted(self._done)]
        with self._guarded():
            self._rows.close()
            _write(self.path, b"".join(map(self._row, results)))
        return results

    def _sweep(self) -> None:
        """Removes counterexamples that no row speaks of."""
        kept = {result.counterexample for result in self.kept.values()}
        for file in self.folder.glob("*.counterexample"):
            if str(file) not in kept:
                file.unlink()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = error.filename or self.path
            raise InputError(
                f"{place}: cannot be written: {error.strerror or error}", hint="is the folder there, and is there room?"
            ) from error

    def _row(self, result: Result) -> bytes:
        line = io.StringIO()
        cells = self._listing.benchmark, result.instance.onnx, result.instance.vnnlib, "0.0", result.verdict
        csv.writer(line, lineterminator="\n").writerow([*cells, f"{result.seconds:.3f}"])
        return line.getvalue().encode()

    def _counterexample(self, instance: Instance) -> Path:
        return self.folder / f"{self._names[instance.number]}.counterexample"

    def _read(self) -> dict[int, Result]:
        waiting: dict[tuple[str, str], deque[Instance]] = defaultdict(deque)
        for instance in self._listing.instances:
            waiting[instance.onnx, instance.vnnlib].append(instance)
        details = _read_details(self.folder / "details.jsonl")
        files = Fingerprints()
        kept, replaced = {}, []
        for place, benchmark, onnx, vnnlib, verdict, seconds in _read_rows(self.path):
            same = waiting[onnx, vnnlib] if benchmark == self._listing.benchmark else None
            if not same:
                raise InputError(
                    f"{place}: {benchmark}, {onnx}, {vnnlib} is not in {self._listing.path}, or not so often",
                    hint="these results are of another list: choose another --out",
                )
            instance = same.popleft()
            known = details[_key(onnx, vnnlib, verdict, seconds)]
            timeout, facts = known.popleft() if known else (None, {})
            result = Result(instance, verdict, seconds, **facts)
            why = changed(instance, verdict, seconds, timeout, facts, files.of(instance) if facts else {})
            if why is None:
                file = self._counterexample(instance)
                there = verdict == "sat" and file.exists()
                kept[instance.number] = replace(result, counterexample=str(file) if there else None)
            else:
                self.outdated[instance.number] = why
                replaced.append(self._row(result))
        if replaced:
            with self.replaced.open("ab") as stream:
                stream.writelines(replaced)
        return kept


def _read_rows(path: Path) -> list[tuple[str, str, str, str, str, float]]:
    """Place, benchmark, onnx, vnnlib, verdict and seconds of every whole row; what a kill cut off is left out."""
    data = path.read_bytes()
    rows = []
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].decode(errors="replace").split("\n")[:-1], 1):
        try:
            (cells,) = csv.reader([line], strict=True)
            benchmark, onnx, vnnlib, _, verdict, seconds = cells
            if verdict not in VERDICTS or not 0 <= float(seconds) < math.inf:
                raise ValueError
        except (csv.Error, ValueError):
            raise InputError(
                f"{path}:{number}: not a row of results", hint="benchmark,onnx,vnnlib,prepare_time,verdict,seconds"
            ) from None
        rows.append((f"{path}:{number}", benchmark, onnx, vnnlib, verdict, float(seconds)))
    return rows


Key = tuple[str, str, str, str]


def _key(onnx: str, vnnlib: str, verdict: str, seconds: float) -> Key:
    return onnx, vnnlib, verdict, f"{seconds:.3f}"


def _read_details(path: Path) -> dict[Key, deque[tuple[float, dict[str, Any]]]]:
    """Timeouts, and what is known beyond the rows; a line that cannot be read is as good as missing."""
    found: dict[Key, deque[tuple[float, dict[str, Any]]]] = defaultdict(deque)
    if path.exists():
        for line in path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                read = json.loads(line)
                facts = {name: read[name] for name in FACTS}
                key = _key(read["onnx"], read["vnnlib"], read["verdict"], read["seconds"])
                if read.get("amended") and found[key]:
                    found[key].pop()
                found[key].append((float(read["timeout"]), {**facts, "warnings": tuple(facts["warnings"])}))
    return found


def _detail(result: Result, *, amended: bool = False) -> bytes:
    more = {"amended": True} if amended else {}
    return json.dumps(result.as_json() | more).encode() + b"\n"


def _names(instances: tuple[Instance, ...]) -> list[str]:
    """A file name for every instance, as VNN-COMP forms it, and on no system the same one twice."""
    taken: dict[str, int] = defaultdict(int)
    names = []
    for instance in instances:
        models = (path for _, path in networks(instance.onnx))
        name = "_".join(_plain(text) for text in (*models, instance.vnnlib))
        taken[name.casefold()] += 1
        count = taken[name.casefold()]
        names.append(name if count == 1 else f"{name}~{count}")
    return names


def _plain(path: str) -> str:
    """Without folders, the suffixes that say nothing, and what some system does not like in a name."""
    name = re.split(r"[/\\]", path)[-1].removesuffix(".gz")
    return re.sub(r"[^\w.=+-]", "_", name.removesuffix(".onnx").removesuffix(".vnnlib"))[-90:]


def _begun(path: Path, lines: Iterable[bytes]) -> BinaryIO:
    """A file with these lines, open for more."""
    _write(path, b"".join(lines))
    return path.open("ab", buffering=0)


def _write(path: Path, data: bytes) -> None:
    """To a temporary name first: a reader finds all of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _lock(file: BinaryIO, path: Path) -> None:
    """Held until the file is closed, or the process ends; where a system has no such locks, two batches may collide."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{path}: another batch is writing it", hint="wait for its end, or choose another --out"
        ) from None
