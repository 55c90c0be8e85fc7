"""Eight verifiers write into one store at the same time, and every proof is there afterwards and holds on its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.questions import HOLDS, small, updated
from tests.store.server import Fresh

import ivan
from ivan.bounds.replay import check_fit, replay
from ivan.doctor import Report, examine
from ivan.network.onnx_reader import read_network
from ivan.problem import build_problem
from ivan.proof.codec import decode
from ivan.store import ProofStore
from ivan.vnnlib import read_query

WRITERS = 8


@pytest.mark.parametrize("kind", ["file", "server"])
def test_the_proofs_of_eight_verifiers_at_once_are_all_there_and_hold(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    store: str | Path = tmp_path / "proofs.sqlite"
    if kind == "server":
        fresh: Fresh = request.getfixturevalue("server")
        store = fresh()
    query = tmp_path / "holds.vnnlib"
    query.write_text(HOLDS)
    models = [tmp_path / f"v{index}.onnx" for index in range(WRITERS)]
    for index, model in enumerate(models):
        model.write_bytes(updated(small(), lambda a, by=index: a * np.float32(1 + 1e-5 * by)))  # type: ignore[misc]
    results = ivan.verify_batch([(model, query) for model in models], jobs=WRITERS, store=store, fresh=True)
    assert [(result.verdict, result.warnings) for result in results] == [("unsat", ())] * WRITERS
    with ProofStore.open(store) as opened:
        assert examine(opened) == Report({"run": WRITERS, "network": WRITERS, "property": 1})
        stored = {summary.network_name: summary.run.id for summary in opened.runs()}  # type: ignore[union-attr]
        proofs = {name: decode(opened.proof(number).data) for name, number in stored.items()}
    assert set(proofs) == {model.name for model in models}
    for model in models:
        problem = build_problem(read_query(query), read_network(model))
        check_fit(problem, proofs[model.name])
        assert replay(problem, proofs[model.name]).complete
