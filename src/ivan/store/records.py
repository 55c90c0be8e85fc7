"""What goes into the store and what comes out of it: plain values, nothing of the database.

Digests are 64 hexadecimal digits (`ivan.digest`); verdicts are spelled as `Verdict.value`; durations are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ivan.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecord:
    """One version of a model."""

    digest: str
    """over the normal form: layers, maps and weights"""
    architecture: str
    """digest of the same without the weights: unit splits carry over between versions that share it"""
    name: str
    """for people, usually the model's file name"""
    parameters: int
    """number of weights and biases"""
    file_digest: str
    """of the model's file, byte for byte"""
    weights: bytes | None = None
    """all weights in one order, to measure how far versions are apart; None where they are not kept or not asked for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRecord:
    """One query."""

    digest: str
    """over the query's normal form"""
    name: str
    """for people, usually the property's file name"""
    size: int
    """length of the text in bytes"""
    inputs: int
    """number of input variables"""
    kin: str | None = None
    """digest of what kindred properties share; None where it is not known"""
    hull: bytes | None = None
    """lower and upper ends of a box around all input boxes; None where there is none"""
    query: bytes | None = None
    """all that is asked, to be compared with other questions; None where it is not kept or not asked for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of the verifier, as its caller saves it."""

    network: str
    """digest"""
    property: str
    """digest"""
    options: str
    """digest of the options that change a proof"""
    version: str
    """of the tool"""
    verdict: str
    seconds: float
    statistics: dict[str, object] = field(default_factory=dict)
    """anything that JSON can write"""
    parent: int | None = None
    """the run whose proof this one grew from"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun(RunRecord):
    """A run that the store has numbered and dated."""

    id: int
    created: datetime
    """when it was saved, in UTC"""
    imported: datetime | None = None
    """when it was taken over from a file; None for a run that the verifier saved here itself"""
    checksum: str
    """over everything that a verdict rests on"""
    format: int | None = None
    """version of the proof's bytes; None without a proof, and then so are the next three"""
    leaves: int | None = None
    depth: int | None = None
    open: bool | None = None
    """the proof is the tree of an interrupted run: some leaves are not proved yet"""
    has_witness: bool = False

    @property
    def has_proof(self) -> bool:
        """True when a tree is stored with the run, finished or open."""
        return self.format is not None

    @property
    def decided(self) -> bool:
        """True when the run said `sat` or `unsat`, whatever it kept to show for it."""
        return Verdict(self.verdict).decided

    @property
    def answers(self) -> bool:
        """True when the run also kept what shows it: a finished proof of `unsat`, a witness of `sat`."""
        return self.decided and (self.has_witness if self.verdict == Verdict.SAT.value else self.open is False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRecord:
    """A tree and its certificates."""

    format: int
    """version of the bytes; whoever wrote them knows how to read them"""
    leaves: int
    depth: int
    """number of splits on the longest path"""
    open: bool
    """some leaves are not proved yet"""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRecord:
    """An input that violates the property, and the output that the model gave for it."""

    inputs: tuple[float, ...]
    """flattened; every float32 and float64 is kept exactly"""
    outputs: tuple[float, ...]
    precision: str
    """the model's own, such as `float32`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRun:
    """A run and all that is known of what it is about, but for weights and queries."""

    run: StoredRun
    network: NetworkRecord
    asked: PropertyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as a list shows it."""

    run: StoredRun
    network_name: str
    property_name: str
    proof_bytes: int
    """0 without a proof"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """The whole store at a glance."""

    location: str
    """a path, or a URL without its password"""
    revision: str
    """of the schema"""
    read_only: bool
    networks: int
    properties: int
    runs: int
    proofs: int
    """finished ones"""
    open_trees: int
    """those of interrupted runs"""
    witnesses: int
    bytes: int
    """on disk for a file, of the stored values for anything else"""
    oldest: datetime | None
    """when the first run that is still there was saved, in UTC"""
    newest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRun:
    """A run that a list shows, and nothing of which can be believed."""

    id: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A row that was looked at, with all that could be read of it."""

    kind: str
    """run, network or property"""
    key: int | str | bytes
    """the run's number, or the digest of anything else as it stands"""
    problem: str | None = None
    """what is wrong with the row, as far as its values tell"""
    network_name: str = ""
    property_name: str = ""
    run: StoredRun | None = None
    """of a run without a problem"""
    proof: ProofRecord | None = None
    witness: WitnessRecord | None = None
    asked: PropertyRecord | None = None
    """of a property without a problem"""
    network: NetworkRecord | None = None
    """of a network without a problem, weights included"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run as pruning sees it."""

    id: int
    network: str
    """digest"""
    property: str
    """digest"""
    parent: int | None
    created: float
    """when it was saved, in seconds since the epoch"""
    proved: bool
    """it has a finished proof"""
    refuted: bool
    """it has a counterexample"""
    bytes: int
    """of its proof and its counterexample"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Everything in a store that takes space."""

    runs: tuple[Held, ...]
    """those that can be read, the oldest first"""
    damaged: int
    """number of the others"""
    first_seen: dict[str, float]
    """by digest of a network, when a run on it was first saved, in seconds since the epoch"""
    sizes: dict[str, int]
    """by digest of a network or a property, the bytes of its weights, or of its query"""
    bytes: int
    """what the store takes once the space of all that was deleted is given back"""
    margin: int
    """bytes by which a deletion may free less than was deleted: a file has whole pages"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What a deletion took."""

    runs: int
    networks: int
    """that no run refers to any more; likewise"""
    properties: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was taken over from one store into another."""

    runs: int
    """added"""
    known: int
    """there already"""
    networks: int
    """added"""
    properties: int
    """added"""
    left_out: tuple[Examined, ...] = ()
    """rows that were not taken over, or not in full, with what is wrong with each"""
    rescued: bool = False
    """from a file with broken pages: there may have been rows of which nothing tells any more"""
