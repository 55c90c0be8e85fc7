"""The Python API: what a script sees, and the order in which a verification goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.questions import FAILS, HARD, HOLDS, box, small

import ivan
from ivan.deadline import Deadline
from ivan.errors import InputError, MismatchError, ModelError, PropertyError
from ivan.options import Options
from ivan.outcome import Listener, Outcome
from ivan.proof.codec import encode
from ivan.search import Statistics, by_inputs
from ivan.search.sharing import Rounds
from ivan.verification import verify

EXAMPLES = Path(__file__).parent.parent / "vnnlib_examples"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(small())
    return path


@pytest.fixture
def holds(tmp_path: Path) -> Path:
    path = tmp_path / "holds.vnnlib"
    path.write_text(HOLDS)
    return path


@pytest.fixture
def fails(tmp_path: Path) -> Path:
    path = tmp_path / "fails.vnnlib"
    path.write_text(FAILS)
    return path


def test_the_package_offers_what_it_lists() -> None:
    for name in ivan.__all__:
        assert getattr(ivan, name) is not None
    assert ivan.Outcome is Outcome
    with pytest.raises(AttributeError, match="nothing"):
        _ = ivan.nothing  # type: ignore[attr-defined]


def test_the_function_can_be_called_whatever_was_imported_first(model: Path, holds: Path) -> None:
    assert ivan.verify(model, holds, store=False).verdict is verify(model, holds, store=False).verdict


@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_paths_or_strings(model: Path, holds: Path, kind: type) -> None:
    assert ivan.verify(kind(model), kind(holds), store=False).verdict is ivan.Verdict.UNSAT


def test_an_unsat_outcome_carries_its_proof(model: Path, holds: Path) -> None:
    outcome = ivan.verify(model, holds)
    assert outcome.verdict is ivan.Verdict.UNSAT
    assert outcome.verdict.decided
    assert outcome.witness is None
    assert outcome.proof is not None
    assert outcome.proof.complete
    assert len(outcome.proof.tree.leaves) == outcome.leaves > 1
    assert len(outcome.network_digest) == len(outcome.property_digest) == 64


def test_a_sat_outcome_carries_a_witness_of_the_network_and_the_query(model: Path, fails: Path) -> None:
    outcome = ivan.verify(model, fails, store=False)
    network, query = ivan.load_network(model), ivan.load_query(fails)
    assert outcome.verdict is ivan.Verdict.SAT
    assert outcome.proof is None
    assert outcome.witness is not None
    x, y = outcome.witness.inputs, outcome.witness.outputs
    assert x.shape == (network.inputs,) == (query.inputs,)
    assert np.allclose(network(x[None])[0], y, atol=1e-5)
    assert y[0] >= 2.1


def test_the_timeout_is_kept(tmp_path: Path) -> None:
    build, query = HARD["boxes"]
    (tmp_path / "hard.onnx").write_bytes(build())
    (tmp_path / "hard.vnnlib").write_text(query)
    outcome = ivan.verify(tmp_path / "hard.onnx", tmp_path / "hard.vnnlib", timeout=0.4, store=False)
    assert outcome.verdict is ivan.Verdict.TIMEOUT
    assert outcome.proof is not None
    assert not outcome.proof.complete


def test_the_sooner_of_timeout_and_deadline_ends_the_run(model: Path, holds: Path) -> None:
    assert ivan.verify(model, holds, timeout=60, deadline=Deadline.after(0)).verdict is ivan.Verdict.TIMEOUT
    assert ivan.verify(model, holds, timeout=0, deadline=Deadline.after(60)).verdict is ivan.Verdict.TIMEOUT


def test_without_a_store_nothing_is_written(model: Path, holds: Path, no_real_store: Path) -> None:
    assert ivan.verify(model, holds, store=False).run is None
    assert not no_real_store.parent.exists()
    assert ivan.verify(model, holds).run == 1
    assert no_real_store.exists()


def test_the_number_of_threads_does_not_change_the_proof(
    model: Path, holds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as nothing is decided by the clock: neither to share the search, nor which bounds pay."""
    monkeypatch.setattr(Rounds, "due", lambda *_: False)
    monkeypatch.setattr(by_inputs, "forward_pays", lambda *_: False)
    proofs = [ivan.verify(model, holds, store=False, options=Options(threads=count)).proof for count in (1, 2, 3)]
    first, *others = (encode(proof) for proof in proofs if proof is not None)
    assert others == [first, first]


def test_without_an_attack_the_search_finds_the_counterexample(model: Path, fails: Path) -> None:
    outcome = ivan.verify(model, fails, store=False, options=Options(attack_restarts=0, attack_steps=0))
    assert outcome.verdict is ivan.Verdict.SAT
    assert outcome.witness is not None


class Diary(Listener):
    """Keeps what it is told, in order."""

    def __init__(self, saved: Path) -> None:
        self.saved = saved
        self.told: list[str] = []

    def phase(self, name: str) -> None:
        self.told.append(name)

    def searched(self, statistics: Statistics) -> None:
        assert statistics.domains > 0
        self.told.append("searched")

    def answered(self, outcome: Outcome) -> None:
        assert outcome.run is None  # the answer comes first, then it is saved
        self.told.append(outcome.verdict.value)


def test_a_listener_hears_the_phases_and_the_answer_before_it_is_saved(
    model: Path, holds: Path, no_real_store: Path
) -> None:
    diary = Diary(no_real_store)
    outcome = ivan.verify(model, holds, listener=diary)
    order = list(dict.fromkeys(diary.told))
    assert order == ["read", "store", "check", "attack", "search", "searched", "unsat"]
    assert outcome.run == 1
    assert set(outcome.phases) == {"read", "store", "check", "attack", "search"}
    assert sum(outcome.phases.values()) <= outcome.seconds


def test_a_region_without_inputs_is_unsat_without_a_search(model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.vnnlib"
    empty.write_text(box(3, "(<= X_0 -2)"))
    outcome = ivan.verify(model, empty)
    assert (outcome.verdict, outcome.statistics.domains) == (ivan.Verdict.UNSAT, 0)
    again = ivan.verify(model, empty)
    assert (again.verdict, again.exact) == (ivan.Verdict.UNSAT, True)


def test_errors_are_raised_and_not_printed(
    model: Path, holds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError):
        ivan.verify(tmp_path / "nosuch.onnx", holds)
    with pytest.raises(PropertyError):
        ivan.verify(model, tmp_path / "nosuch.vnnlib")
    wide = tmp_path / "wide.vnnlib"
    wide.write_text(box(4, "(>= Y_0 1)"))
    with pytest.raises(MismatchError):
        ivan.verify(model, wide)
    assert capsys.readouterr() == ("", "")


def test_a_proof_that_was_reused_whole_is_stored_with_all_that_it_needs(tmp_path: Path) -> None:
    model, query = EXAMPLES / "digits-conv.onnx", EXAMPLES / "digits-conv-boundary.vnnlib"
    first = verify(model, query, store=tmp_path / "proofs")
    assert first.proof is not None
    assert len(first.proof.refinements)
    for _ in range(2):
        again = verify(model, query, store=tmp_path / "proofs", recheck=True)
        assert again.reused_leaves == again.base_leaves == first.leaves
        assert again.proof is not None
        assert len(again.proof.refinements) == len(first.proof.refinements)


class Warned(Listener):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warned(self, message: str, hint: str | None) -> None:
        self.messages.append(message)


def cramped(store: Path, limit: str, value: int) -> tuple[Outcome, list[str]]:
    """A verification with hardly any memory, and what it warns of."""
    heard = Warned()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit, value)
        outcome = verify(*SOME_LEAVES, store=store, listener=heard)
    return outcome, heard.messages


SOME_LEAVES = EXAMPLES / "digits-conv.onnx", EXAMPLES / "digits-conv-boundary.vnnlib"


def test_a_proof_that_is_kept_in_part_answers_now_and_is_a_start_next_time(tmp_path: Path) -> None:
    first, (message,) = cramped(tmp_path / "proofs", "ivan.search.ledger.MOST_BYTES", 0)
    assert first.verdict is ivan.Verdict.UNSAT
    assert "only a part of the proof is kept" in message
    again = verify(*SOME_LEAVES, store=tmp_path / "proofs")
    assert (again.verdict, again.base_run) == (ivan.Verdict.UNSAT, first.run)
    assert again.proof is not None
    assert again.proof.complete
    assert verify(*SOME_LEAVES, store=tmp_path / "proofs").base_run == again.run


def test_a_tree_that_is_all_there_is_memory_for_is_said_and_gone_on_from(tmp_path: Path) -> None:
    first, _ = cramped(tmp_path / "proofs", "ivan.search.loop.MOST_NODES", 1)
    assert (first.verdict, first.reason) == (ivan.Verdict.UNKNOWN, ivan.Reason.MEMORY)
    assert first.why_undecided is not None
    assert "all there is memory for" in first.why_undecided[0]
    again = verify(*SOME_LEAVES, store=tmp_path / "proofs")
    assert (again.verdict, again.base_run) == (ivan.Verdict.UNSAT, first.run)


def test_what_cannot_be_asked_is_refused_before_anything_is_read():
    with pytest.raises(InputError, match=r"^timeout: -1"):
        ivan.verify("no-model.onnx", "no-query.vnnlib", timeout=-1)
    with pytest.raises(InputError, match="a base is named, and no store"):
        ivan.verify("no-model.onnx", "no-query.vnnlib", base="1234", store=False)


# -- the property as text, and errors as Python shows them ------------------------------------------------------------


def test_a_property_may_be_given_as_its_text(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(model, HOLDS, store=False).verdict is ivan.Verdict.UNSAT
    assert verify(model, f"\n ; said in a test\n{HOLDS}", store=False).verdict is ivan.Verdict.UNSAT
    for text in ("(garbage", "(declare-const X_0 Real)", ";", "; from a.vnnlib\n(garbage\n; see b.vnnlib"):
        with pytest.raises(PropertyError, match=r"^<text>"):
            verify(model, text, store=False)
    # what is named like a file is a file, and so is what is one
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PropertyError, match="no such file"):
        verify(model, "(no).vnnlib", store=False)
    Path("(odd)").write_text(FAILS)
    assert verify(model, "(odd)", store=False).verdict is ivan.Verdict.SAT


def test_a_traceback_tells_what_the_command_would(model: Path) -> None:
    with pytest.raises(ModelError) as missing:
        verify("no.onnx", HOLDS, store=False)
    assert missing.value.__notes__ == ["hint: check the path (ivan explain model-error)"]
    assert missing.value.advice == "check the path (ivan explain model-error)"
    assert "explain" not in str(missing.value)
    with pytest.raises(PropertyError) as garbage:
        verify(model, "(garbage", store=False)
    excerpt, hint = garbage.value.__notes__
    assert excerpt == "  (garbage\n   ^^^^^^^"
    assert hint.startswith("hint: ")
    assert hint.endswith("ivan explain property-error)")
