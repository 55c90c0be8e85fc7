"""Which rows of an interrupted batch still answer what is asked when it is resumed.

A row stays where the same command, begun anew, could have written it: about the same files, and decided within the
timeout that the instance has now, or not decided within the very same. All others are asked again, so that no file of
results ever mixes two versions of a model, or two timeouts. Refusing to go on would be as safe, but would leave to the
reader what a digest knows better: which rows they are.

Files are compared by their digests, not by their times, so that a fresh checkout changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ivan.batch.instances import Instance
from ivan.errors import ModelError

_GZIP = b"\x1f\x8b"
_OUTSIDE = b"location"
"""Names, in a model's protobuf, the file of a tensor that is kept outside; elsewhere it means nothing."""

TIMEOUT, MODEL, PROPERTY = "timeout", "model", "property"
"""What has changed."""


class Fingerprints:
    """Digests of files; a file that stays as it is is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def of(self, instance: Instance) -> dict[str, str | None]:
        """Of an instance's files, as they are called in its result."""
        models = [self._digest(path, model=True) for path in instance.models]
        return {
            "model_file_digest": None if None in models else ",".join(filter(None, models)),
            "query_file_digest": self._digest(instance.query, model=False),
        }

    def _digest(self, path: Path, *, model: bool) -> str | None:
        """None where the file cannot be read."""
        try:
            found = path.stat()
            state = found.st_mtime_ns, found.st_size
            if path not in self._known or self._known[path][0] != state:
                data = _with_data_outside(path) if model else path.read_bytes()
                self._known[path] = state, sha256(data).hexdigest()
        except OSError:
            return None
        return self._known[path][1]


def _with_data_outside(path: Path) -> bytes:
    """A model's bytes, decompressed, with the tensors that it keeps in other files.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        if data[:2] == _GZIP or _OUTSIDE in data:
            from ivan.network.onnx_file import parse, read_bytes  # imports more than most lists need

            data = read_bytes(path)
            if _OUTSIDE in data:
                data = parse(data, path)[1]
    except ModelError:  # the verification says why; here it is what it is
        pass
    return data


def changed(
    instance: Instance,
    verdict: str,
    seconds: float,
    written: float | None,
    before: Mapping[str, str | None],
    now: Mapping[str, str | None],
) -> str | None:
    """What has changed since a row was written, so that it is no answer any more; None where it is one.

    Args:
        instance: as it is now.
        verdict: of the row.
        seconds: of the row.
        written: the timeout that the row was written under; None where it is not known.
        before: the digests of its files then; without them they count as unchanged.
        now: and now.
    """
    for name, what in (("model_file_digest", MODEL), ("query_file_digest", PROPERTY)):
        if name in before and before[name] != now[name]:
            return what
    if verdict in ("sat", "unsat"):
        return TIMEOUT if seconds > instance.timeout else None
    return TIMEOUT if written not in (None, instance.timeout) else None


def told(reasons: Mapping[int, str], kept_in: Path) -> str:
    """The rows that are asked again, in a sentence.

    Args:
        reasons: what has changed, by the number of the instance.
        kept_in: the file that has these rows as they were.
    """
    counts = Counter(reasons.values())
    parts = [f"{counts[what]:,} had another {what}" for what in (MODEL, PROPERTY, TIMEOUT) if counts[what]]
    rows = "1 result is" if len(reasons) == 1 else f"{len(reasons):,} results are"
    return f"{rows} asked for again: {', '.join(parts)}; what they were is in {kept_in}"
