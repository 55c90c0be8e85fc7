"""The four answers, and how each is spelled where."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """Is there an input that violates the property?"""

    SAT = "sat"
    """yes, and onnxruntime confirms it at the model's own precision"""
    UNSAT = "unsat"
    """no, and a proof that replays in rigorous arithmetic says so"""
    UNKNOWN = "unknown"
    """not decided, and more time would not help"""
    TIMEOUT = "timeout"
    """not decided before the deadline"""

    @property
    def decided(self) -> bool:
        """True for `sat` and `unsat`."""
        return self in (Verdict.SAT, Verdict.UNSAT)

    def spelled(self, vnnlib_version: int) -> str:
        """The word that the first line of stdout carries: VNN-LIB 2 writes `timed-out`, VNN-COMP `timeout`."""
        return "timed-out" if self is Verdict.TIMEOUT and vnnlib_version >= 2 else self.value
