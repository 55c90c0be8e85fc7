"""What a batch comes to, in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import geometric_mean
from typing import Any

from ivan.batch.results import VERDICTS, Result

LEAST = 1e-3
"""Seconds, below which the clock says nothing: the geometric mean counts no instance for less."""


@dataclass(frozen=True)
class Summary:
    """The numbers.

    Attributes:
        instances: how many.
        counts: how many of each verdict.
        par2: mean of the seconds, where an instance that is not solved counts for twice its timeout.
        geometric_mean: of the seconds of those that are solved; None where none is.
        seconds: of all of them.
        warm: how many started from a stored proof, or had their answer from the store.
        reused_leaves: leaves of those proofs that needed no search.
        base_leaves: all leaves of those proofs.
    """

    instances: int
    counts: dict[str, int]
    par2: float
    geometric_mean: float | None
    seconds: float
    warm: int
    reused_leaves: int
    base_leaves: int

    @classmethod
    def of(cls, results: Sequence[Result]) -> Summary:
        """The numbers of some results, at least one."""
        solved = [max(result.seconds, LEAST) for result in results if result.solved]
        penalised = [r.seconds if r.solved else 2 * r.instance.timeout for r in results]
        return cls(
            instances=len(results),
            counts={verdict: sum(result.verdict == verdict for result in results) for verdict in VERDICTS},
            par2=sum(penalised) / len(results),
            geometric_mean=geometric_mean(solved) if solved else None,
            seconds=sum(result.seconds for result in results),
            warm=sum(result.base_run is not None for result in results),
            reused_leaves=sum(result.reused_leaves or 0 for result in results),
            base_leaves=sum(result.base_leaves or 0 for result in results),
        )

    @property
    def solved(self) -> int:
        """How many are decided."""
        return self.counts["sat"] + self.counts["unsat"]

    @property
    def reused(self) -> float | None:
        """Share of the stored proofs' leaves that needed no search; None where there were none."""
        return self.reused_leaves / self.base_leaves if self.base_leaves else None

    def as_json(self) -> dict[str, Any]:
        """What reports say."""
        facts = asdict(self)
        return {"instances": facts.pop("instances"), "solved": self.solved, **facts.pop("counts"), **facts}
