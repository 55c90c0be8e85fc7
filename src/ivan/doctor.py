"""Is everything in a proof store as it was written?

The store knows whether its rows can be read and their checksums hold; what is in them is looked at here: a proof is
decoded and obeys every law that can be told without its model, a witness consists of numbers, weights unpack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ivan.errors import ProofError, StoreError
from ivan.network.compare import stored_weights
from ivan.problem import MOST_CASES
from ivan.proof import Proof
from ivan.proof.codec import READABLE, decode
from ivan.proof.laws import check_alone
from ivan.store.records import Examined, ProofRecord, WitnessRecord
from ivan.vnnlib.codec import decode as decode_query
from ivan.vnnlib.codec import outdated

if TYPE_CHECKING:
    from ivan.store import ProofStore

FILE = "file"
"""Kind of a finding about the file as a whole."""


@dataclass(frozen=True)
class Finding:
    """Something that is damaged.

    Attributes:
        kind: run, network, property or file.
        key: a run's number, a digest, the store's location.
        model: name of the network it is about, as far as it is known.
        asked: name of the property.
        problem: what is wrong, on one line.
    """

    kind: str
    key: int | str | bytes
    model: str
    asked: str
    problem: str


@dataclass
class Report:
    """What an examination found.

    Attributes:
        counts: rows by kind.
        foreign: runs whose proofs another version of ivan wrote, which were not looked into.
        findings: what is damaged.
    """

    counts: dict[str, int] = field(default_factory=lambda: {"run": 0, "network": 0, "property": 0})
    foreign: int = 0
    findings: list[Finding] = field(default_factory=list)


def examine(store: ProofStore) -> Report:
    """Looks at everything in a store.

    Raises:
        StoreError: the store cannot be read, for another reason than that its file is damaged.
    """
    report = Report()
    report.findings += [Finding(FILE, store.location, "", "", one_line(fault)) for fault in store.faults()]
    broken, inputs = bool(report.findings), dict[str, int]()
    try:
        for row in store.examine():
            report.counts[row.kind] += 1
            problem = row.problem or problem_of(row, inputs)
            if problem is not None:
                report.findings.append(finding(row, problem))
            elif row.proof is not None and row.proof.format not in READABLE:
                report.foreign += 1
    except StoreError as error:
        if not broken:
            raise
        report.findings.append(
            Finding(FILE, store.location, "", "", f"the rest cannot be read: {one_line(error.message)}")
        )
    return report


def finding(row: Examined, problem: str) -> Finding:
    """A row and what is wrong with it, fit to be shown."""
    return Finding(row.kind, row.key, *map(one_line, (row.network_name, row.property_name, problem)))


def repair(store: ProofStore, report: Report) -> Report:
    """Deletes the damaged runs, forgets damaged weights and queries, and looks again.

    Raises:
        StoreError: the store cannot be written.
    """
    store.remove([(found.kind, found.key) for found in report.findings if found.kind != FILE])
    return examine(store)


def problem_of(row: Examined, inputs: dict[str, int]) -> str | None:
    """What is wrong with what a row holds, whose values can be read and whose checksum is in order.

    Args:
        row: the row.
        inputs: how many inputs the counterexamples of each property have; learned from runs, which are looked at first.
    """
    try:
        if row.proof is not None and row.proof.format in READABLE:
            _check_proof(row.proof)
        if row.run is not None and row.witness is not None:
            _check_witness(row.witness)
            inputs[row.run.property] = len(row.witness.inputs)
        if row.network is not None and row.network.weights is not None:
            count = len(stored_weights(row.network.weights))
            if count != row.network.parameters:
                return f"{count} weights of {row.network.parameters} are stored"
        if row.asked is not None and row.asked.inputs != inputs.get(row.asked.digest, row.asked.inputs):
            # a run's checksum covers its counterexample, and nothing covers this row
            return f"it counts {row.asked.inputs} inputs, its counterexamples have {inputs[row.asked.digest]}"
        if row.asked is not None and row.asked.query is not None and not outdated(row.asked.query):
            decode_query(row.asked.query, row.asked.digest)
    except (ProofError, StoreError) as error:
        return error.message
    return None


def _check_proof(record: ProofRecord) -> None:
    """Every law of a proof that can be told without its model.

    Raises:
        ProofError: naming the first law that is broken.
    """
    proof = decode(record.data)
    check_alone(proof, MOST_CASES)
    tree = proof.tree
    counted = len(tree.leaves), int(tree.depth().max(initial=0)), not proof.complete
    if counted != (record.leaves, record.depth, record.open):
        raise ProofError("its row counts other leaves than its tree has")


def _check_witness(witness: WitnessRecord) -> None:
    if not np.isfinite([*witness.inputs, *witness.outputs]).all():
        raise ProofError("its counterexample holds something that is no number")


def stored_proof(store: ProofStore, run: int) -> Proof:
    """A stored proof that obeys every law that can be told without its model.

    Raises:
        ProofError: there is none, or it is damaged.
    """
    data = store.proof(run).data
    try:
        proof = decode(data)
        check_alone(proof, MOST_CASES)
    except ProofError as error:
        raise ProofError(
            f"{store.location}: run {run}: {error.message}", hint=error.hint or "verify again with --fresh"
        ) from error
    return proof


def one_line(text: str) -> str:
    """On one line, whatever it quotes."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
