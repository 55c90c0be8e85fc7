"""What is stored helps the next question, and never decides it wrongly."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.desk import Desk
from tests.models import dense
from tests.questions import FAILS, HARD, HOLDS, UNITS_HOLD, box, by_units, grown, nudged, renamed, small, updated
from tests.searches import Patience

import ivan
from ivan.bounds.ascent import Schedule
from ivan.bounds.replay import mending
from ivan.bounds.replay.walk import Walk
from ivan.errors import MismatchError
from ivan.network.compare import weight_distance
from ivan.network.onnx_reader import read_network
from ivan.options import Options
from ivan.proof import Kind
from ivan.store import ProofStore
from ivan.verdict import Verdict


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def fresh(outcome: ivan.Outcome) -> bool:
    return not outcome.exact and outcome.base_run is None and outcome.statistics.domains > 0


# -- the same question ------------------------------------------------------------------------------------------------


def test_a_question_answered_before_is_not_searched_again(desk: Desk) -> None:
    first, second = desk.ask(small()), desk.ask(small())
    assert fresh(first)
    assert (second.verdict, second.exact, second.statistics.domains) == (Verdict.UNSAT, True, 0)
    assert (second.base_run, second.base_name, second.leaves) == (first.run, "model.onnx", first.leaves)


def test_a_stored_counterexample_is_confirmed_again(desk: Desk) -> None:
    first, second = desk.ask(small(), FAILS), desk.ask(small(), FAILS)
    assert (second.verdict, second.exact) == (Verdict.SAT, True)
    assert first.witness is not None
    assert second.witness is not None
    assert np.array_equal(first.witness.inputs, second.witness.inputs)


def test_a_file_exported_again_under_other_names_is_the_same_question(desk: Desk) -> None:
    first, second = desk.ask(small()), desk.ask(renamed(small()), name="again.onnx")
    assert second.exact
    assert (first.network_digest, first.property_digest) == (second.network_digest, second.property_digest)


def test_a_property_written_differently_is_the_same_question(desk: Desk) -> None:
    desk.ask(small())
    assert desk.ask(small(), "; the same\n" + HOLDS.replace("(>= Y_0 2.26)", "(<= 2.260 Y_0)")).exact


def test_another_property_is_another_question(desk: Desk) -> None:
    desk.ask(small())
    second = desk.ask(small(), box(3, "(>= Y_1 2.26)"))
    assert not second.exact
    assert second.base_run is None


def test_one_changed_weight_is_another_question(desk: Desk) -> None:
    desk.ask(small())
    first = iter((np.float32(1e-7),))
    assert not desk.ask(updated(small(), lambda array: array + next(first, np.float32(0)))).exact


def test_fresh_ignores_what_is_stored_and_saves_what_it_finds(desk: Desk) -> None:
    first, second = desk.ask(small()), desk.ask(small(), fresh=True)
    assert fresh(second)
    assert (first.run, second.run) == (1, 2)
    assert desk.ask(small()).base_run == 2


def test_recheck_replays_the_stored_proof(desk: Desk) -> None:
    first, second = desk.ask(small()), desk.ask(small(), recheck=True)
    assert (second.verdict, second.exact, second.base_run) == (Verdict.UNSAT, False, first.run)
    assert second.reused_leaves == second.base_leaves == first.leaves
    assert "replay" in second.phases
    assert "search" not in second.phases


# -- the next version -------------------------------------------------------------------------------------------------


def test_an_updated_model_starts_from_the_old_proof(desk: Desk) -> None:
    old, new = desk.ask(small(), name="v1.onnx"), desk.ask(nudged(small(), 1e-4), name="v2.onnx")
    assert (new.verdict, new.exact) == (Verdict.UNSAT, False)
    assert (new.base_run, new.base_name) == (old.run, "v1.onnx")
    assert 0 < new.reused_leaves <= new.base_leaves == old.leaves
    with ProofStore.open(desk.store) as store:
        assert new.run is not None
        saved = store.run(new.run)
    assert saved is not None
    assert saved.parent == old.run


@pytest.mark.parametrize("share", [0.0001, 0.003, 0.01, 0.03, 0.3])
@pytest.mark.parametrize("seed", [1, 2])
def test_with_an_old_proof_the_verdict_is_that_without_one(desk: Desk, share: float, seed: int) -> None:
    desk.ask(small())
    model = nudged(small(), share, seed)
    assert desk.ask(model).verdict is desk.ask(model, store=False).verdict


def test_leaves_that_just_fail_are_mended_without_any_search(desk: Desk) -> None:
    old = desk.ask(small())
    new = desk.ask(nudged(small(), 0.003))
    assert (new.verdict, new.statistics.domains) == (Verdict.UNSAT, 0)
    assert new.reused_leaves == new.base_leaves == old.leaves
    again = desk.ask(nudged(small(), 0.003), recheck=True)
    assert (again.reused_leaves, again.statistics.domains) == (new.leaves, 0)


def test_leaves_that_fail_are_repaired_by_search(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "STEPS", Schedule(0))
    desk.ask(small())
    new = desk.ask(nudged(small(), 0.003))
    assert new.verdict is Verdict.UNSAT
    assert 0 < new.reused_leaves < new.base_leaves
    assert new.statistics.domains > 0
    again = desk.ask(nudged(small(), 0.003), recheck=True)
    assert (again.reused_leaves, again.statistics.domains) == (new.leaves, 0)


def test_an_old_counterexample_is_tried_on_an_updated_model(desk: Desk) -> None:
    old, new = desk.ask(small(), FAILS), desk.ask(nudged(small(), 1e-4), FAILS)
    assert (new.verdict, new.exact) == (Verdict.SAT, False)
    assert "attack" not in new.phases
    assert old.witness is not None
    assert new.witness is not None
    assert np.array_equal(old.witness.inputs, new.witness.inputs)
    assert not np.array_equal(old.witness.outputs, new.witness.outputs)


def test_the_nearest_version_is_the_base_whatever_came_last(desk: Desk) -> None:
    desk.ask(small(), name="near.onnx", fresh=True)
    far = desk.ask(nudged(small(), 0.02, seed=1), name="far.onnx", fresh=True)
    assert far.verdict is Verdict.UNSAT
    assert desk.ask(nudged(small(), 1e-4), name="new.onnx").base_name == "near.onnx"


def test_of_versions_that_are_about_as_near_the_one_whose_proof_holds_is_the_base(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer one differs in what the property is about, the other in what it is not."""
    monkeypatch.setattr("ivan.incremental.base.NOTICEABLE", np.inf)

    def edit(array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Another second output."""
        moved = array.copy()
        moved[1:] += np.float32(0.02) * (len(array) == 2)
        return moved

    far = desk.ask(updated(small(), edit), name="far.onnx", fresh=True)
    near = desk.ask(nudged(small(), 0.003, seed=3), name="near.onnx", fresh=True)
    assert (near.verdict, far.verdict) == (Verdict.UNSAT, Verdict.UNSAT)
    distances = [weight_distance(*map(read_network, paths(desk, name))) for name in ("near.onnx", "far.onnx")]
    assert distances[0] < distances[1]
    new = desk.ask(small(), name="new.onnx")
    assert (new.base_name, new.reused_leaves) == ("far.onnx", new.base_leaves)


def paths(desk: Desk, name: str) -> tuple[Path, Path]:
    return desk.path("asked.onnx", small()), desk.folder / name


def test_a_base_is_named_by_file_or_by_the_beginning_of_its_digest(desk: Desk) -> None:
    near = desk.ask(small(), name="near.onnx", fresh=True)
    far = desk.ask(nudged(small(), 0.02, seed=1), name="far.onnx", fresh=True)
    assert far.network_digest[:12] != near.network_digest[:12]
    for base in (str(desk.folder / "far.onnx"), far.network_digest, far.network_digest[:12]):
        new = desk.ask(nudged(small(), 1e-4), name="new.onnx", base=base, recheck=True)
        assert (new.verdict, new.base_name) == (Verdict.UNSAT, "far.onnx")


def test_an_unknown_or_ambiguous_base_is_refused(desk: Desk) -> None:
    for seed in range(17):  # of 17 digests two begin alike
        desk.ask(nudged(small(), 1e-3, seed), name=f"v{seed}.onnx")
    with ProofStore.open(desk.store) as store:
        shared = next(digit for digit in "0123456789abcdef" if len(store.find_network(digit)) > 1)
    folder, no, many = str(desk.folder), "no stored network has", "stored networks have"
    for base, reason in (("nosuch.onnx", no), (folder, no), ("", many), (shared, many)):
        with pytest.raises(MismatchError, match=reason):
            desk.ask(nudged(small(), 1e-4), base=base)


def test_a_base_that_has_no_proof_of_this_property_costs_its_benefit(desk: Desk) -> None:
    desk.ask(small(), box(3, "(>= Y_1 2.3)"), name="v1.onnx")
    new = desk.ask(nudged(small(), 1e-4), base=str(desk.folder / "v1.onnx"), clean=False)
    assert new.verdict is Verdict.UNSAT
    assert new.base_run is None
    (warning,) = desk.told.warnings
    assert "nothing is stored for this property" in warning


def test_nothing_is_said_of_a_base_that_is_not_needed(desk: Desk) -> None:
    desk.ask(small(), box(3, "(>= Y_1 2.3)"), name="v1.onnx")
    desk.ask(nudged(small(), 1e-4))
    assert desk.ask(nudged(small(), 1e-4), base=str(desk.folder / "v1.onnx")).exact


# -- a version with fewer units ---------------------------------------------------------------------------------------


def test_a_model_that_lost_units_starts_from_the_proof_in_its_own_terms(desk: Desk) -> None:
    old = desk.ask(grown(by_units(), 4), UNITS_HOLD, name="v1.onnx")
    assert old.proof is not None
    assert (old.proof.tree.kind == Kind.UNIT).any()
    new = desk.ask(by_units(), UNITS_HOLD, name="v2.onnx")
    assert (new.verdict, new.base_name, new.base_run) == (Verdict.UNSAT, "v1.onnx", old.run)
    assert new.reused_leaves == new.base_leaves == old.leaves
    assert new.proof is not None
    new.proof.tree.check(1, 24, [16, 16])


def test_it_does_so_as_well_where_inputs_were_split(desk: Desk) -> None:
    old = desk.ask(grown(small(), 3), name="v1.onnx")
    new = desk.ask(small(), name="v2.onnx")
    assert (new.verdict, new.base_run) == (Verdict.UNSAT, old.run)
    assert new.reused_leaves == new.base_leaves == old.leaves


def test_units_that_were_added_are_no_reason_to_warn(desk: Desk) -> None:
    """A proof that splits units of another architecture is passed over, one that splits inputs is not."""
    desk.ask(by_units(), UNITS_HOLD, name="v1.onnx")
    more = grown(by_units(), 4)
    assert desk.ask(more, UNITS_HOLD, name="v2.onnx").base_run is None
    named = desk.ask(more, UNITS_HOLD, base=str(desk.folder / "v1.onnx"), recheck=True, clean=False)
    assert (named.verdict, named.base_run) == (Verdict.UNSAT, None)
    assert [warning.split(": ")[1] for warning in desk.told.warnings] == [
        "its proof splits units of another architecture; starting from scratch"
    ]
    desk.told.warnings.clear()
    desk.ask(small(), name="v1.onnx")
    assert desk.ask(grown(small(), 3), name="v2.onnx").base_name == "v1.onnx"


@pytest.mark.parametrize(
    ("stored", "chosen"),
    [(("alike", "larger", "other"), "alike"), (("larger", "other"), "larger"), (("other",), "other")],
)
def test_the_same_architecture_comes_before_more_units_and_these_before_any_other(
    desk: Desk, stored: tuple[str, ...], chosen: str
) -> None:
    """The nearer kin is the older here."""
    models = {
        "alike": nudged(small(), 0.003, seed=2),
        "larger": grown(small(), 3),
        "other": dense((3, 6, 2), np.random.default_rng(0)),
    }
    for name in stored:
        assert desk.ask(models[name], name=name, fresh=True).verdict is Verdict.UNSAT
    assert desk.ask(small(), name="new").base_name == chosen


def test_a_base_with_more_units_may_be_named(desk: Desk) -> None:
    desk.ask(grown(by_units(), 4), UNITS_HOLD, name="v1.onnx")
    desk.ask(nudged(by_units(), 1e-3), UNITS_HOLD, name="v2.onnx", fresh=True)
    new = desk.ask(by_units(), UNITS_HOLD, name="v3.onnx", base=str(desk.folder / "v1.onnx"))
    assert (new.verdict, new.base_name) == (Verdict.UNSAT, "v1.onnx")
    assert new.reused_leaves == new.base_leaves


# -- runs that were cut off -------------------------------------------------------------------------------------------


def until(checks: int) -> dict[str, Any]:
    """Of a run that is cut off behind so many checks of its deadline; of two processes each would have its own."""
    return {"deadline": Patience(checks), "options": Options(threads=1)}


@pytest.mark.parametrize("kind", HARD)
def test_a_run_that_was_cut_off_is_continued(desk: Desk, kind: str) -> None:
    build, query = HARD[kind]
    model = build()
    first = desk.ask(model, query, **until(200))
    assert first.verdict is Verdict.TIMEOUT
    assert first.run is not None
    with ProofStore.open(desk.store) as store:
        kept = store.run(first.run)
    assert kept is not None
    assert (kept.open, kept.leaves) == (True, first.leaves)
    second = desk.ask(model, query, **until(600))
    assert (second.verdict, second.base_run, second.base_leaves) == (Verdict.TIMEOUT, first.run, first.leaves)
    assert second.leaves > first.leaves


@pytest.mark.parametrize("kind", HARD)
def test_a_later_version_goes_on_from_an_open_tree_where_there_is_nothing_better(desk: Desk, kind: str) -> None:
    build, query = HARD[kind]
    first = desk.ask(build(), query, name="v1.onnx", **until(200))
    second = desk.ask(nudged(build(), 1e-4), query, name="v2.onnx", **until(600))
    assert (second.verdict, second.base_run, second.base_leaves) == (Verdict.TIMEOUT, first.run, first.leaves)
    assert second.leaves > first.leaves


def test_a_finished_proof_comes_before_an_open_tree(desk: Desk) -> None:
    desk.ask(nudged(small(), 1e-3), name="far.onnx")
    desk.ask(nudged(small(), 1e-5), name="near.onnx", timeout=0, fresh=True)
    assert desk.ask(small(), name="new.onnx").base_name == "far.onnx"


def test_a_run_that_is_cut_off_in_its_replay_is_continued(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run gets a little further, as what was mended need not be mended again."""
    old = desk.ask(small(), name="v1.onnx")
    new = nudged(small(), 2e-3)
    monkeypatch.setattr(Walk, "run", cut_off(Walk.run))
    first = desk.ask(new, name="v2.onnx", timeout=600)
    assert (first.verdict, first.base_run, first.leaves) == (Verdict.TIMEOUT, old.run, old.leaves)
    monkeypatch.undo()
    second = desk.ask(new, name="v2.onnx")
    assert (second.verdict, second.base_run, second.base_leaves) == (Verdict.UNSAT, first.run, old.leaves)


def cut_off(run: Callable[[Walk], None]) -> Callable[[Walk], None]:
    """A replay whose deadline passes behind its first batch."""

    def cut(self: Walk) -> None:
        self._step()
        self._deadline.cancel()
        run(self)

    return cut


def test_an_undecided_run_is_no_answer(desk: Desk) -> None:
    desk.ask(small(), timeout=0)
    assert desk.ask(small()).verdict is Verdict.UNSAT


# -- a damaged store --------------------------------------------------------------------------------------------------


def bent(store: Path, column: str, value: str) -> None:
    with sqlite3.connect(store) as connection:
        table = {"data": "proofs", "inputs": "witnesses"}.get(column, "runs")
        assert connection.execute(f"UPDATE {table} SET {column} = {value}").rowcount == 1
    connection.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", "zeroblob(length(data))"),
        ("data", "substr(data, 1, 40)"),
        ("checksum", "zeroblob(32)"),
        ("verdict", "'sat'"),
    ],
)
def test_an_altered_run_is_reported_and_searched_anew(desk: Desk, column: str, value: str) -> None:
    desk.ask(small())
    bent(desk.store, column, value)
    again = desk.ask(small(), clean=False)
    assert again.verdict is Verdict.UNSAT
    assert fresh(again)
    assert any("damaged" in warning for warning in desk.told.warnings)
    assert len(set(desk.told.warnings)) == len(desk.told.warnings)


def test_a_damaged_proof_is_no_base_for_an_update(desk: Desk) -> None:
    desk.ask(small())
    bent(desk.store, "data", "zeroblob(length(data))")
    new = desk.ask(nudged(small(), 1e-4), clean=False)
    assert new.verdict is Verdict.UNSAT
    assert fresh(new)
    (warning,) = desk.told.warnings
    assert warning.count("run 1") == 1


def test_a_run_of_an_incompatible_version_is_passed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ivan, "__version__", "99.0.0")
    desk.ask(small())
    monkeypatch.undo()
    assert fresh(desk.ask(small()))
    desk.ask(nudged(small(), 1e-4))


def test_an_answer_of_another_release_is_replayed_before_it_is_repeated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = ivan.__version__.split(".")
    monkeypatch.setattr(ivan, "__version__", ".".join([release[0], str(int(release[1]) + 1), "0"]))
    desk.ask(small())
    monkeypatch.undo()
    again = desk.ask(small())
    assert not again.exact
    assert again.base_run is not None
    assert again.reused_leaves == again.base_leaves > 0
