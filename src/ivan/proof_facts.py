"""What a proof says of itself, as far as that can be told without its model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ivan.doctor import stored_proof
from ivan.proof import Kind
from ivan.proof_file import summary_of
from ivan.store import ProofStore


@dataclass(frozen=True)
class Facts:
    """A stored proof.

    Attributes:
        location: of the store, or the file.
        run: its number there.
        verdict: of the run.
        finished: nothing of the tree is open.
        model: name of the model.
        network_digest: of its layers and weights.
        architecture: digest of the same without weights; None where that is not known. Likewise the next.
        parameters: number of weights and biases.
        property: name of the property.
        property_digest: of what it asks.
        leaves: of the tree.
        depth: splits on the longest path.
        input_splits: splits of inputs in the tree.
        unit_splits: splits of units.
        certificates: number of claims.
        bytes: of the proof, packed.
        replay_cost: nodes whose bounds a replay computes.
        format: version of the proof's bytes.
        version: of the tool that found it.
        created: when, in UTC.
        seconds: that it took.
        imported: when it was taken over from a file.
        base_run: the run whose proof it grew from, where that is there.
        base_model: the model of that proof.
        base_leaves: leaves of that proof.
        reused_leaves: those that needed no search.
        checksum: of the run.
    """

    location: str
    run: int
    verdict: str
    finished: bool
    model: str
    network_digest: str
    architecture: str | None
    parameters: int | None
    property: str
    property_digest: str
    leaves: int
    depth: int
    input_splits: int
    unit_splits: int
    certificates: int
    bytes: int
    replay_cost: int
    format: int
    version: str
    created: datetime
    seconds: float
    imported: datetime | None
    base_run: int | None
    base_model: str | None
    base_leaves: int
    reused_leaves: int
    checksum: str


def facts_of(store: ProofStore, run: int) -> Facts:
    """What there is to say of the proof of a run.

    Raises:
        InputError: there is no such run.
        ProofError: it has no proof, or a damaged one.
    """
    summary = summary_of(store, run)
    stored, proof = summary.run, stored_proof(store, run)
    networks = store.find_network(stored.network)
    network = networks[0] if len(networks) == 1 else None
    base = None if stored.parent is None else store.summary(stored.parent)
    named = stored.statistics.get("base_name")
    told = named if isinstance(named, str) else None
    tree = proof.tree
    return Facts(
        location=store.location,
        run=run,
        verdict=stored.verdict,
        finished=proof.complete,
        model=summary.network_name,
        network_digest=stored.network,
        architecture=None if network is None else network.architecture,
        parameters=None if network is None else network.parameters,
        property=summary.property_name,
        property_digest=stored.property,
        leaves=len(tree.leaves),
        depth=int(tree.depth().max(initial=0)),
        input_splits=int(np.sum(tree.kind == Kind.INPUT)) // 2,  # a split has two children
        unit_splits=int(np.sum(tree.kind == Kind.UNIT)) // 2,
        certificates=len(proof.certificates),
        bytes=summary.proof_bytes,
        replay_cost=tree.replay_cost,
        format=stored.format or 0,
        version=stored.version,
        created=stored.created,
        seconds=stored.seconds,
        imported=stored.imported,
        base_run=None if base is None else base.run.id,
        base_model=told if base is None else base.network_name,
        base_leaves=_count(stored.statistics.get("base_leaves")),
        reused_leaves=_count(stored.statistics.get("reused_leaves")),
        checksum=stored.checksum,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
