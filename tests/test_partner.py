"""What another process found arrives whole, or not at all."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from ivan.deadline import MARGIN, NEVER, Deadline
from ivan.partner import GRACE, PATIENCE, Partner, possible

pytestmark = pytest.mark.skipif(not possible(), reason="processes cannot be forked here")

LARGE = 4_000_000
"""Bytes: far more than a pipe holds, so that sending them waits for the reader."""


def test_what_is_found_arrives_whole_however_large() -> None:
    found = {"numbers": np.arange(LARGE // 8), "word": "done"}
    partner: Partner[dict[str, object]] = Partner(lambda stop: found)
    arrived = partner.findings(NEVER)
    assert arrived is not None
    assert arrived["word"] == "done"
    np.testing.assert_array_equal(np.asarray(arrived["numbers"]), found["numbers"])


def test_what_is_cut_off_as_it_is_sent_was_never_found() -> None:
    partner: Partner[bytes] = Partner(lambda stop: bytes(LARGE))
    until = time.monotonic() + 30.0
    while not partner.ready and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(partner._pid, signal.SIGKILL)  # it has begun, and waits for somebody to read
    assert partner.findings(NEVER) is None


def test_one_that_hangs_makes_no_answer_late() -> None:
    partner: Partner[None] = Partner(lambda stop: time.sleep(600.0))
    began = time.monotonic()
    assert partner.findings(Deadline.after(0.2)) is None
    assert time.monotonic() - began < 60.0
    with pytest.raises(ProcessLookupError):
        os.kill(partner._pid, 0)


def test_it_has_less_time_behind_a_deadline_than_answers_have_before_theirs() -> None:
    assert PATIENCE + GRACE < MARGIN
