"""Which runs a store can do without.

Each rule adds to what goes, in this order:

    age       runs that were saved before some moment
    versions  of each property the runs of all networks but the newest few, by when a network was first verified
    size      the oldest of what is left, until the rest fits

What stays whatever the rules say: of each property the newest finished proof and the newest counterexample. They are
what the next version of a model starts from and is tried on; without them a project that rested for longer than the
age, or went through more versions than are kept, would start from scratch. An older answer about an older version is
found again from the newest proof, so it needs no such protection. Neither do ancestors: a proof stands by itself.
The store cannot tell versions of one model from models of another purpose that are asked the same: where one property
is asked of many, as those of ACAS Xu are, all of them count as its versions.

A proof only protects if it is intact: a damaged one must not be kept in the place of a sound one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ivan.store.records import Held, Holdings

AGE, VERSIONS, SIZE = "age", "versions", "size"
"""The rules by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a store need not keep."""

    before: float | None = None
    """runs saved before this go; seconds since the epoch"""
    versions: int | None = None
    """number of networks of each property whose runs stay"""
    ancestors: bool = False
    """the runs that those grew from stay, too"""
    size: int | None = None
    """bytes that the store may take"""
    everything: bool = False
    """nothing is kept against the rules"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would go, and what would be left."""

    runs: dict[int, str]
    """numbers of the runs that go, each with the rule that says so"""
    proofs: int
    """finished ones that go with them"""
    networks: int
    """that no run refers to afterwards"""
    properties: int
    bytes: int
    """that are given back"""
    left: int
    """that the store still takes"""
    kept: int
    """runs that stay although a rule says that they go"""


def plan(holdings: Holdings, rules: Rules, intact: Callable[[int], bool]) -> Plan:
    """Applies the rules.

    Args:
        holdings: what the store has.
        rules: what it need not keep.
        intact: does the checksum of the run with that number hold?
    """
    runs = sorted(holdings.runs, key=lambda run: (run.created, run.id))
    shelter: set[int] = set() if rules.everything else _protected(runs, intact)
    said: dict[int, str] = {}
    if rules.before is not None:
        said |= {run.id: AGE for run in runs if run.created < rules.before}
    if rules.versions is not None:
        current = _current(runs, holdings.first_seen, rules.versions)
        if rules.ancestors:
            current = _with_ancestors(current, runs)
        said |= {run.id: VERSIONS for run in runs if run.id not in current and run.id not in said}
    going = {number: rule for number, rule in said.items() if number not in shelter}
    ledger = _Ledger(holdings)
    for run in runs:
        if run.id in going:
            ledger.strike(run)
    kept = len(said) - len(going)
    if rules.size is not None:
        for run in runs:
            if ledger.left + (holdings.margin if going else 0) <= rules.size:
                break
            if run.id in shelter:
                kept += run.id not in said
            elif run.id not in going:
                going[run.id] = SIZE
                ledger.strike(run)
    return ledger.plan(going, kept)


def _protected(runs: list[Held], intact: Callable[[int], bool]) -> set[int]:
    """Of each property the newest finished proof and the newest counterexample, as far as they are intact."""
    found: dict[tuple[str, bool], int] = {}
    for run in reversed(runs):
        key = run.property, run.proved
        if (run.proved or run.refuted) and key not in found and intact(run.id):
            found[key] = run.id
    return set(found.values())


def _current(runs: Iterable[Held], first_seen: dict[str, float], versions: int) -> set[int]:
    """The runs of the newest networks of each property."""
    asked: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        asked[run.property][run.network].append(run.id)
    found: set[int] = set()
    for networks in asked.values():
        newest = sorted(networks, key=lambda digest: (first_seen.get(digest, 0.0), digest), reverse=True)
        found.update(number for digest in newest[:versions] for number in networks[digest])
    return found


def _with_ancestors(chosen: set[int], runs: Iterable[Held]) -> set[int]:
    parents = {run.id: run.parent for run in runs}
    found = set(chosen)
    for number in chosen:
        above = parents[number]
        while above is not None and above in parents and above not in found:
            found.add(above)
            above = parents[above]
    return found


class _Ledger:
    """Keeps the account of what goes: a network's weights go with its last run, a property's query likewise."""

    def __init__(self, holdings: Holdings) -> None:
        self._sizes = holdings.sizes
        self._references = Counter(digest for run in holdings.runs for digest in (run.network, run.property))
        self._total = self.left = holdings.bytes
        self._proofs = 0
        self._networks: set[str] = set()
        self._properties: set[str] = set()

    def strike(self, run: Held) -> None:
        """This run goes."""
        self.left -= run.bytes
        self._proofs += run.proved
        for digest, gone in ((run.network, self._networks), (run.property, self._properties)):
            self._references[digest] -= 1
            if not self._references[digest]:
                self.left -= self._sizes.get(digest, 0)
                gone.add(digest)

    def plan(self, runs: dict[int, str], kept: int) -> Plan:
        return Plan(
            runs=runs,
            proofs=self._proofs,
            networks=len(self._networks),
            properties=len(self._properties),
            bytes=self._total - self.left,
            left=self.left,
            kept=kept,
        )
