"""A process that verifies one instance after the other, each in a process of its own.

    python -m ivan.batch.worker           forks a process for every instance
    python -m ivan.batch.worker --one     verifies one instance itself, then ends

It loads what a verification needs once and forks for every instance: that takes a few milliseconds, where a fresh
interpreter takes longer to start than many an instance to be verified (figures in docs/batch.md). Nothing of one
instance is left for the next, and one that crashes or takes all memory costs nothing but itself. Where processes
cannot be forked, `--one` makes do with a fresh one each time.

A task comes in, and what happens goes out, as a line of JSON each (stdin and stdout):

    {"event": "ready"}                                  a task can be sent
    {"event": "progress", "phase": "search", ...}       now and then
    {"event": "warned", "message": ..., "hint": ...}
    {"event": "answered", "verdict": ..., ...}          before anything is saved
    {"event": "saved", "run": ..., ...}                 afterwards
    {"event": "failed", "reason": ..., "hint": ...}     instead of an answer
    {"event": "ended", "code": ..., "words": ...}       how the process of the instance ended: its exit code, negative
                                                        for a signal, and the last that it wrote to stderr

All but the first and the last repeat the task's number. The worker ends with its stdin, and on Linux with its parent,
however that ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from ivan.batch.workers import last_line
from ivan.partner import die_with_parent
from ivan.process import prepare

if TYPE_CHECKING:
    from ivan.batch.task import Say

LOADED = (
    "ivan.batch.task",
    "ivan.lp.highs",
    "ivan.store.store",
    "numpy.ma",
    "numpy.random",
    "onnx",
    "onnxruntime",
    "scipy.sparse",
    "sqlalchemy.dialects.sqlite",
)
"""What verifications import, most of them only where they need it."""


def main() -> None:
    """Verifies what stdin asks for, until it ends."""
    prepare()
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever started it ends it
        signal.signal(number, signal.SIG_IGN)
    events = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no event

    def say(event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, **facts}).encode() + b"\n"
        while line:
            line = line[os.write(events, line) :]

    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        _serve(say)
    os._exit(0)  # taking the libraries down in order takes longer


def _serve(say: Say) -> None:
    from ivan.batch.task import verify_instance

    for name in LOADED:
        importlib.import_module(name)
    say("ready")
    for line in sys.stdin.buffer:
        task = json.loads(line)
        if "--one" in sys.argv:
            verify_instance(task, say)
            say("ended", code=0, words="")
            return
        with tempfile.TemporaryFile() as errors:
            code = _forked(task, say, errors.fileno())
            say("ended", code=code, words=last_line(errors))
        say("ready")


def _forked(task: dict[str, Any], say: Say, errors: int) -> int:
    """Verifies an instance in a process of its own, which writes to `errors`; its exit code, negative for a signal."""
    from ivan.batch.task import verify_instance

    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent()
            os.dup2(errors, 1)
            os.dup2(errors, 2)
            verify_instance(task, say)
            os._exit(0)
        finally:  # whatever happens: never back into the loop above
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
