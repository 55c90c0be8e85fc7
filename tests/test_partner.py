"""What another process found arrives whole, or not at all."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from ivan.deadline import NEVER
from ivan.partner import Partner, possible

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
