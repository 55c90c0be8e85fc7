"""What was found out about other questions answers this one where it must, helps where it can, and never misleads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from tests.desk import Desk
from tests.questions import FAILS, HOLDS, box, nudged, small

import ivan
from ivan.bounds.replay import check_fit, replay
from ivan.network.onnx_reader import read_network
from ivan.outcome import Use
from ivan.problem import build_problem
from ivan.store import ProofStore
from ivan.store.database import Database
from ivan.store.schema import MIGRATIONS
from ivan.verdict import Verdict
from ivan.vnnlib import read_query


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def within(low: float, high: float, *asserted: str) -> str:
    """Every input in [low, high], and what else is asserted."""
    lines = box(3, *asserted).splitlines()
    bounds = [f"(assert (>= X_{i} {low}))\n(assert (<= X_{i} {high}))" for i in range(3)]
    return "\n".join([line for line in lines if " X_" not in line or "declare" in line] + bounds)


SMALLER, LARGER = within(-0.9, 0.95, "(>= Y_0 2.26)"), within(-1.1, 1.1, "(>= Y_0 2.28)")
SHIFTED = within(-0.7, 1.3, "(>= Y_0 2.35)")
WEAKER, STRONGER = box(3, "(>= Y_0 2.255)"), box(3, "(>= Y_0 2.3)")


def assert_proved(desk: Desk, outcome: ivan.Outcome, asked: str = "property.vnnlib") -> None:
    """The stored proof is one of the last question."""
    assert outcome.verdict is Verdict.UNSAT
    assert outcome.proof is not None
    problem = build_problem(read_query(desk.folder / asked), read_network(desk.folder / "model.onnx"))
    check_fit(problem, outcome.proof)
    assert replay(problem, outcome.proof).complete


# -- implied ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        SMALLER,
        STRONGER,
        box(3, "(> Y_0 2.26)"),
        box(3, "(>= (- (* 2 Y_0) X_0) 5)", "(>= (* 2 Y_0) 4.53)"),
        box(3, "(>= Y_0 2.26)", "(<= Y_1 0)"),
        box(3, "(or (>= Y_0 2.27) (and (>= X_0 0.5) (>= Y_0 2.26)))"),
    ],
    ids=["smaller box", "stronger bound", "strict", "on another scale", "more rows", "several cases"],
)
def test_a_proof_of_more_answers_without_a_search_and_is_not_saved_as_one(desk: Desk, asked: str) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    second = desk.ask(small(), asked)
    assert (second.verdict, second.base_use, second.statistics.domains) == (Verdict.UNSAT, Use.IMPLICATION, 0)
    assert (second.base_run, second.base_name, second.base_property) == (first.run, "model.onnx", "first.vnnlib")
    assert not second.exact
    assert second.run is None
    assert second.proof is None
    with ProofStore.open(desk.store) as store:
        assert store.info().runs == 1
    assert desk.ask(small(), asked, store=False).verdict is Verdict.UNSAT


@pytest.mark.parametrize(
    "asked",
    [WEAKER, LARGER, SHIFTED, box(3, "(or (>= Y_0 2.26) (>= Y_1 9))"), box(3, "(>= Y_1 2.26)")],
    ids=["weaker bound", "larger box", "shifted box", "another case", "another output"],
)
def test_a_proof_of_less_answers_nothing(desk: Desk, asked: str) -> None:
    desk.ask(small(), asked="first.vnnlib")
    assert desk.ask(small(), asked).base_use is not Use.IMPLICATION


def test_a_proof_for_another_version_implies_nothing(desk: Desk) -> None:
    desk.ask(small(), asked="first.vnnlib")
    assert desk.ask(nudged(small(), 1e-4), SMALLER).base_use is Use.PROOF


def test_what_implies_must_be_decided(desk: Desk) -> None:
    desk.ask(small(), box(3, "(>= Y_0 2.2)"), asked="first.vnnlib", timeout=0)
    assert desk.ask(small()).base_use is None


def test_an_answer_that_is_implied_is_found_out_anew_when_asked_to(desk: Desk) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    again = desk.ask(small(), SMALLER, recheck=True)
    assert (again.base_use, again.base_run, again.base_property) == (Use.PROOF, first.run, "first.vnnlib")
    assert again.reused_leaves == again.base_leaves > 0
    assert again.statistics.domains == 0
    assert_proved(desk, again)
    fresh = desk.ask(small(), STRONGER, fresh=True)
    assert fresh.base_use is None
    assert fresh.statistics.domains > 0
    # both were saved with proofs of their own
    assert desk.ask(small(), SMALLER).exact
    assert desk.ask(small(), STRONGER).exact


def test_an_answer_of_another_release_implies_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    release = ivan.__version__.split(".")
    monkeypatch.setattr(ivan, "__version__", ".".join([release[0], str(int(release[1]) + 1), "0"]))
    desk.ask(small(), asked="first.vnnlib")
    monkeypatch.undo()
    again = desk.ask(small(), SMALLER)
    assert again.base_use is Use.PROOF
    assert again.reused_leaves == again.base_leaves > 0


def test_an_empty_question_needs_no_other_one(desk: Desk) -> None:
    desk.ask(small(), asked="first.vnnlib")
    assert desk.ask(small(), box(3, "(<= X_0 -2)", "(>= Y_0 2.26)")).base_use is None


# -- counterexamples to other properties ------------------------------------------------------------------------------


def test_a_counterexample_to_another_property_is_tried(desk: Desk) -> None:
    first = desk.ask(small(), FAILS, asked="first.vnnlib")
    second = desk.ask(small(), box(3, "(>= Y_0 2.05)", "(<= X_0 1)"))
    assert (second.verdict, second.base_use) == (Verdict.SAT, Use.WITNESS)
    assert (second.base_run, second.base_property) == (first.run, "first.vnnlib")
    assert "attack" not in second.phases
    assert first.witness is not None
    assert second.witness is not None
    assert np.array_equal(first.witness.inputs, second.witness.inputs)
    # it is a counterexample like any other, and saved as one
    assert desk.ask(small(), box(3, "(>= Y_0 2.05)", "(<= X_0 1)")).exact
    with ProofStore.open(desk.store) as store:
        assert second.run is not None
        saved = store.run(second.run)
    assert saved is not None
    assert saved.parent is None


def test_a_counterexample_of_another_version_tells_where_it_comes_from(desk: Desk) -> None:
    old = desk.ask(small(), FAILS, name="v1.onnx")
    new = desk.ask(nudged(small(), 1e-4), FAILS, name="v2.onnx")
    assert (new.base_use, new.base_run, new.base_name) == (Use.WITNESS, old.run, "v1.onnx")
    assert new.base_property is None


@pytest.mark.parametrize("asked", [HOLDS, within(-1.0, -0.99, "(>= Y_0 2.1)"), box(3, "(>= Y_1 9)")])
def test_a_counterexample_that_is_none_here_decides_nothing(desk: Desk, asked: str) -> None:
    desk.ask(small(), FAILS, asked="first.vnnlib")
    outcome = desk.ask(small(), asked)
    assert outcome.base_use is not Use.WITNESS
    assert outcome.verdict is desk.ask(small(), asked, store=False).verdict


# -- proofs of kindred properties -------------------------------------------------------------------------------------


def test_a_larger_box_starts_from_the_old_tree(desk: Desk) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    larger = desk.ask(small(), LARGER)
    assert (larger.verdict, larger.base_use) == (Verdict.UNSAT, Use.PROOF)
    assert (larger.base_run, larger.base_property, larger.base_leaves) == (first.run, "first.vnnlib", first.leaves)
    assert 0 < larger.reused_leaves < larger.base_leaves
    assert 0 < larger.statistics.domains < desk.ask(small(), LARGER, store=False).statistics.domains
    assert_proved(desk, larger)
    with ProofStore.open(desk.store) as store:
        assert larger.run is not None
        saved = store.run(larger.run)
    assert saved is not None
    assert saved.parent == first.run


def test_a_weaker_bound_starts_from_the_old_proof(desk: Desk) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    weaker = desk.ask(small(), WEAKER)
    assert (weaker.verdict, weaker.base_use, weaker.base_run) == (Verdict.UNSAT, Use.PROOF, first.run)
    assert 0 < weaker.reused_leaves <= weaker.base_leaves == first.leaves
    assert_proved(desk, weaker)


def test_a_shifted_box_starts_from_what_is_left_of_the_old_tree(desk: Desk) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    shifted = desk.ask(small(), SHIFTED)
    assert (shifted.verdict, shifted.base_use) == (Verdict.UNSAT, Use.PROOF)
    assert 0 < shifted.reused_leaves <= shifted.base_leaves < first.leaves
    assert_proved(desk, shifted)


@pytest.mark.parametrize(
    "asked",
    [within(-1.5, 1.5, "(>= Y_0 2.26)"), box(3, "(>= Y_0 2.24)"), within(-1.3, 0.7, "(>= Y_0 2.2)"), LARGER, SHIFTED],
)
@pytest.mark.parametrize("share", [0.0, 0.003])
def test_with_a_kindred_proof_the_verdict_is_that_without_one(desk: Desk, asked: str, share: float) -> None:
    desk.ask(small(), asked="first.vnnlib")
    model = nudged(small(), share)
    assert desk.ask(model, asked).verdict is desk.ask(model, asked, store=False).verdict


def test_an_updated_model_starts_from_a_kindred_proof_of_the_nearest_version(desk: Desk) -> None:
    desk.ask(nudged(small(), 0.02, seed=1), name="far.onnx", asked="first.vnnlib", fresh=True)
    near = desk.ask(small(), name="near.onnx", asked="first.vnnlib", fresh=True)
    desk.ask(nudged(small(), 0.02, seed=2), name="other.onnx", asked="first.vnnlib", fresh=True)
    new = desk.ask(nudged(small(), 1e-4), LARGER)
    assert (new.verdict, new.base_use) == (Verdict.UNSAT, Use.PROOF)
    assert (new.base_run, new.base_name, new.base_property) == (near.run, "near.onnx", "first.vnnlib")
    assert_proved(desk, new)


def test_a_proof_of_the_property_itself_goes_before_a_kindred_one(desk: Desk) -> None:
    own = desk.ask(nudged(small(), 1e-4), LARGER, name="old.onnx", asked="own.vnnlib")
    desk.ask(small(), asked="first.vnnlib", fresh=True)
    new = desk.ask(small(), LARGER)
    assert (new.base_run, new.base_property) == (own.run, None)


def test_a_kindred_proof_of_this_very_network_goes_before_one_of_another(desk: Desk) -> None:
    here = desk.ask(small(), asked="first.vnnlib", fresh=True)
    desk.ask(nudged(small(), 1e-3), LARGER, name="other.onnx", asked="other.vnnlib", fresh=True)
    assert desk.ask(small(), WEAKER).base_run == here.run


def test_of_several_kindred_proofs_that_of_the_most_similar_box_is_the_base(desk: Desk) -> None:
    similar = desk.ask(small(), asked="similar.vnnlib", fresh=True)
    desk.ask(small(), within(-0.5, 0.2, "(>= Y_0 2.26)"), asked="smaller.vnnlib", fresh=True)
    assert desk.ask(small(), LARGER).base_run == similar.run


def test_a_box_far_away_is_no_base(desk: Desk) -> None:
    desk.ask(small(), within(-3, -2, "(>= Y_0 99)"), asked="first.vnnlib")
    assert desk.ask(small()).base_use is None


def test_a_named_version_may_serve_with_a_kindred_proof(desk: Desk) -> None:
    desk.ask(small(), asked="first.vnnlib", name="near.onnx", fresh=True)
    far = desk.ask(nudged(small(), 0.02, seed=1), asked="first.vnnlib", name="far.onnx", fresh=True)
    new = desk.ask(nudged(small(), 1e-4), LARGER, base=far.network_digest)
    assert (new.verdict, new.base_run, new.base_property) == (Verdict.UNSAT, far.run, "first.vnnlib")


# -- a damaged store, and an old one ----------------------------------------------------------------------------------


def bent(store: Path, change: str) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        assert connection.execute(change).rowcount == 1


@pytest.mark.parametrize("asked", [SMALLER, LARGER])
@pytest.mark.parametrize(
    "value",
    ["zeroblob(length(query))", "substr(query, 1, length(query) - 9)", "'text'", "x''"],
)
def test_a_damaged_query_is_reported_and_passed_over(desk: Desk, asked: str, value: str) -> None:
    desk.ask(small(), asked="first.vnnlib")
    bent(desk.store, f"UPDATE properties SET query = {value}")
    outcome = desk.ask(small(), asked, clean=False)
    assert (outcome.verdict, outcome.base_use) == (Verdict.UNSAT, None)
    assert outcome.statistics.domains > 0
    [warning] = desk.told.warnings
    assert "damaged" in warning
    assert "passed over" in warning


def test_a_query_in_another_format_is_passed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivan.vnnlib.codec._HEADS", (b"IVANQUERY\3\2", b"IVANQUERY\4\2"))
    desk.ask(small(), asked="first.vnnlib")
    monkeypatch.undo()
    assert desk.ask(small(), SMALLER).base_use is None
    assert not desk.told.warnings


def test_the_query_of_another_property_is_not_taken_for_ones_own(desk: Desk) -> None:
    """The smaller box is proved; the store is made to say that it was the larger one."""
    smaller = desk.ask(small(), SMALLER, asked="smaller.vnnlib", fresh=True)
    larger = desk.ask(small(), LARGER, asked="larger.vnnlib", timeout=0)
    bent(
        desk.store,
        f"UPDATE properties SET (hull, query) = (SELECT hull, query FROM properties "
        f"WHERE digest = '{larger.property_digest}') WHERE digest = '{smaller.property_digest}'",
    )
    outcome = desk.ask(small(), within(-1.05, 1.05, "(>= Y_0 2.3)"), clean=False)
    assert (outcome.verdict, outcome.base_use) == (Verdict.UNSAT, None)
    assert any("another property" in warning for warning in desk.told.warnings)


@pytest.mark.parametrize("hull", ["x'00'", "zeroblob(length(hull))", "NULL"])
def test_a_hull_that_is_wrong_costs_its_benefit(desk: Desk, hull: str) -> None:
    desk.ask(small(), asked="first.vnnlib")
    bent(desk.store, f"UPDATE properties SET hull = {hull}")
    outcome = desk.ask(small(), SMALLER)
    assert (outcome.verdict, outcome.base_use in (None, Use.PROOF)) == (Verdict.UNSAT, True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE proofs SET data = zeroblob(length(data))",
        "UPDATE proofs SET leaves = leaves + 1",
        "UPDATE runs SET checksum = 'none'",
    ],
)
def test_an_altered_run_implies_nothing(desk: Desk, change: str) -> None:
    desk.ask(small(), asked="first.vnnlib")
    bent(desk.store, change)
    outcome = desk.ask(small(), SMALLER, clean=False)
    assert (outcome.verdict, outcome.base_use) == (Verdict.UNSAT, None)
    assert any("damaged" in warning for warning in desk.told.warnings)


def test_a_run_that_is_made_to_speak_of_more_than_it_proved_implies_nothing(desk: Desk) -> None:
    smaller = desk.ask(small(), SMALLER, asked="smaller.vnnlib", fresh=True)
    whole = desk.ask(small(), asked="first.vnnlib", timeout=0)
    bent(desk.store, f"UPDATE runs SET property = '{whole.property_digest}' WHERE id = {smaller.run}")
    outcome = desk.ask(small(), STRONGER, clean=False)
    assert (outcome.verdict, outcome.base_use) == (Verdict.UNSAT, None)
    assert any("checksum does not hold" in warning for warning in desk.told.warnings)


def test_the_rows_of_an_older_store_serve_their_own_question_and_no_other(desk: Desk) -> None:
    first = desk.ask(small(), asked="first.vnnlib")
    downgraded(desk.store, "0001")
    assert desk.ask(small()).base_run == first.run
    other = desk.ask(small(), SMALLER)
    assert (other.verdict, other.base_use) == (Verdict.UNSAT, None)
    # once it was asked again it is known in full
    desk.ask(small(), asked="first.vnnlib", recheck=True)
    assert desk.ask(small(), STRONGER).base_use is Use.IMPLICATION


def downgraded(store: Path, revision: str) -> None:
    """The store as an older version left it."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    database = Database.open(store)
    with database.rebuilding() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, revision)
    database.close()
