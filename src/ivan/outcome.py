"""What a verification tells: while it goes on to a listener, and at its end as an outcome."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ivan.answer import Tensor, assignment
from ivan.problem import Problem
from ivan.proof import Proof, Witness
from ivan.reason import Reason
from ivan.search import Statistics
from ivan.verdict import Verdict


class Use(enum.Enum):
    """What a stored run was good for."""

    ANSWER = "answer"
    """the same question: its answer is repeated"""
    IMPLICATION = "implication"
    """another question about the same network: its `unsat` implies this one"""
    WITNESS = "counterexample"
    """its counterexample is one here too"""
    PROOF = "proof"
    """its proof was the search's first tree"""

    @property
    def decides(self) -> bool:
        """True when the answer is the stored run's, so that there is nothing new to save."""
        return self in (Use.ANSWER, Use.IMPLICATION)


@dataclass(frozen=True)
class Claim:
    """What a proof is about, and how it was found: all that has to be known to give it away.

    Attributes:
        problem: what was asked.
        file_digest: names the model's file.
        options: digest of the options that change a proof.
        seconds: that finding it took.
        statistics: as they are saved with it.
    """

    problem: Problem
    file_digest: str
    options: str
    seconds: float
    statistics: dict[str, object]


@dataclass
class Outcome:
    """What a verification found, and what it took.

    Attributes:
        verdict: the answer.
        reason: of `unknown`: why the search ended.
        witness: the counterexample of `sat`.
        proof: of `unsat`; the open tree of a run that was cut off; None when the answer came from a stored run, unless
            the proof was asked for.
        claim: what the proof is about, where it was asked for.
        tensors: the counterexample as the query's tensors; of VNN-LIB 1.0 none.
        vnnlib_version: major version of the dialect the question was asked in.
        network_digest: names the network.
        property_digest: names the property.
        base_run: the stored run that this one made use of.
        base_name: the model of that run.
        base_property: its property, where that is another one.
        base_use: what it was good for.
        leaves: leaves of the proof as it was found.
        compacted_leaves: leaves of the proof as it is stored in the end.
        reused_leaves: leaves of the stored proof that needed no search.
        base_leaves: leaves of the stored proof; of another property's, as it was cut to the boxes at hand.
        statistics: counters of the search.
        phases: seconds per phase.
        solve_seconds: from both files read to the verdict, without imports of libraries.
        save_seconds: spent on saving, after the answer.
        compact_seconds: spent on making the proof smaller, after the answer.
        seconds: all of it.
        run: the run's number in the store.
    """

    verdict: Verdict
    reason: Reason | None = None
    witness: Witness | None = None
    proof: Proof | None = None
    claim: Claim | None = field(default=None, repr=False)
    tensors: tuple[Tensor, ...] = ()
    vnnlib_version: int = 1
    network_digest: str = ""
    property_digest: str = ""
    base_run: int | None = None
    base_name: str | None = None
    base_property: str | None = None
    base_use: Use | None = None
    leaves: int = 0
    compacted_leaves: int = 0
    reused_leaves: int = 0
    base_leaves: int = 0
    statistics: Statistics = field(default_factory=Statistics)
    phases: dict[str, float] = field(default_factory=dict)
    solve_seconds: float = 0.0
    save_seconds: float = 0.0
    compact_seconds: float = 0.0
    seconds: float = 0.0
    run: int | None = None

    @property
    def counterexample(self) -> str | None:
        """The counterexample as it is printed."""
        return None if self.witness is None else assignment(self.witness, self.tensors)

    @property
    def why_undecided(self) -> tuple[str, str] | None:
        """The reason in a line, and a hint."""
        if self.reason is None:
            return None
        nodes = 0 if self.proof is None else len(self.proof.tree)
        message, hint = self.reason.said(self.statistics, nodes)
        return f"the search ends undecided: {message}", hint

    @property
    def exact(self) -> bool:
        """True when the answer is that of a stored run of the same question."""
        return self.base_use is Use.ANSWER

    def rests_on(self, use: Use, run: int, name: str | None, asked: str | None) -> None:
        """Notes which stored run was made use of."""
        self.base_use, self.base_run, self.base_name, self.base_property = use, run, name, asked


class Listener:
    """Told what happens; every method does nothing unless overridden."""

    def phase(self, name: str) -> None:
        """A phase begins: read, store, check, choose, attack, replay, search, compact."""

    def replayed(self, tried: int, held: int, total: int) -> None:
        """Certificates of a stored proof were tried."""

    def searched(self, statistics: Statistics) -> None:
        """A batch of domains was bounded."""

    def answered(self, outcome: Outcome) -> None:
        """The verdict stands; nothing has been saved yet."""

    def warned(self, message: str, hint: str | None) -> None:
        """Something is wrong that does not stop the verification."""
