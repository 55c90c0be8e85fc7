"""The standard streams of the process: whether anybody listens does not decide how a command ends."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


def set_up() -> None:
    """Readies stdout and stderr, before anything is written to them.

    Where a shell closed one (`>&-`), Python has None and the next file would take its number: it goes nowhere. A name
    that the stream's encoding cannot say is escaped, not an error. When nobody reads stdout any more, or stderr cannot
    be written for whatever reason, the rest goes nowhere, and the command does what is left to do.
    """
    for name, forgiven in (("stdout", BrokenPipeError), ("stderr", OSError)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        elif isinstance(stream, io.TextIOWrapper):
            raw = getattr(stream.buffer, "raw", stream.buffer)
            if type(raw) is io.FileIO:  # not the console of Windows, which has a kind of its own
                setattr(sys, name, _forgiving(stream, forgiven))
            else:
                stream.reconfigure(errors="backslashreplace")


def _forgiving(stream: io.TextIOWrapper, forgiven: type[OSError]) -> io.TextIOWrapper:
    """The same stream over a file that forgives."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(stream.fileno(), forgiven)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Forgiving(io.FileIO):
    """A descriptor that leads nowhere once it failed in a way that is forgiven; it is not closed with this object."""

    def __init__(self, descriptor: int, forgiven: type[OSError]) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._forgiven = forgiven

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except self._forgiven:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
