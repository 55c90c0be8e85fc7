"""A proof that is handed over: whole, small, and worth what its replay says, whatever it says itself."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.desk import Desk
from tests.questions import FAILS, HOLDS, box, grown, nudged, small
from tests.test_several_networks import MODELS, apart, folder

import ivan
from ivan.checking import Checked, check_proof
from ivan.doctor import Report, examine
from ivan.errors import InputError, IvanError, MismatchError, ProofError, StoreError
from ivan.exchange import import_file
from ivan.outcome import Outcome, Use
from ivan.proof import Certificates, Proof
from ivan.proof.codec import FORMAT, decode, encode
from ivan.proof_file import export_proof, nothing_to_write, write_proof
from ivan.store import ProofRecord, ProofStore, PropertyRecord, RunRecord
from ivan.verdict import Verdict

__all__ = ["folder"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    for name, content in {"model.onnx": small(), "holds.vnnlib": HOLDS, "fails.vnnlib": FAILS}.items():
        made.path(name, content)
    return made


def written(desk: Desk, name: str = "holds.proof", query: str = HOLDS, **more: object) -> tuple[Outcome, Path]:
    """A proof of the small question, in a file."""
    outcome = desk.ask(small(), query, keep_proof=True, **more)
    path = desk.folder / name
    write_proof(outcome, path)
    return outcome, path


def check(desk: Desk, path: Path, query: str = "holds.vnnlib", model: str = "model.onnx") -> Checked:
    return check_proof(path, desk.folder / model, desk.folder / query)


# -- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [True, False])
def test_a_proof_that_was_written_holds_on_its_model(desk: Desk, store: bool) -> None:
    outcome, path = written(desk, **({} if store else {"store": False}))
    found = check(desk, path)
    assert (found.holds, found.same_model, found.failed_leaves) == (True, True, 0)
    assert (found.leaves, found.certificates > 0) == (outcome.leaves, True)


def test_the_file_is_a_small_sound_store_complete_by_itself_without_weights(desk: Desk) -> None:
    _, path = written(desk, store=False)
    assert {file.name for file in desk.folder.iterdir() if "proof" in file.name} == {path.name}
    assert path.stat().st_size < 16_000
    with ProofStore.open(path) as store:
        assert examine(store) == Report({"run": 1, "network": 1, "property": 1})
        [summary] = store.runs()
        assert store.weights(summary.run.network) is None  # type: ignore[union-attr]


def test_a_stored_answer_is_written_with_the_proof_that_is_stored(desk: Desk) -> None:
    first, path = written(desk)
    again, other = written(desk, "again.proof")
    assert again.exact
    assert again.leaves == first.leaves
    with ProofStore.open(path) as one, ProofStore.open(other) as two:
        assert one.proof(1) == two.proof(1)
        assert one.run(1).checksum == two.run(1).checksum  # type: ignore[union-attr]
        assert two.run(1).seconds == first.solve_seconds  # type: ignore[union-attr]


def test_a_proof_is_of_the_very_question_where_another_one_implies_the_answer(desk: Desk) -> None:
    desk.ask(small())
    weaker = box(3, "(>= Y_0 2.28)")
    desk.path("weaker.vnnlib", weaker)
    outcome, path = written(desk, query=weaker)
    assert outcome.base_use is not Use.IMPLICATION
    assert check(desk, path, "weaker.vnnlib").holds
    assert desk.ask(small(), box(3, "(>= Y_0 2.281)")).base_use is Use.IMPLICATION  # where none is asked for


def test_a_damaged_stored_proof_is_found_again(desk: Desk) -> None:
    desk.ask(small())
    with closing(sqlite3.connect(desk.store)) as connection, connection:
        connection.execute("UPDATE proofs SET data = zeroblob(99)")
    outcome = desk.ask(small(), keep_proof=True, clean=False)
    write_proof(outcome, desk.folder / "holds.proof")
    assert not outcome.exact
    assert check(desk, desk.folder / "holds.proof").holds


def test_only_unsat_has_a_proof(desk: Desk) -> None:
    path = desk.folder / "fails.proof"
    for outcome in (desk.ask(small(), FAILS, keep_proof=True), desk.ask(small(), timeout=0, keep_proof=True)):
        assert "only unsat has one" in (nothing_to_write(outcome) or "")
        with pytest.raises(InputError, match="no proof to write"):
            write_proof(outcome, path)
    unkept = desk.ask(small())
    assert nothing_to_write(unkept) == "the verification did not keep it"
    outcome = desk.ask(small(), keep_proof=True, fresh=True)
    assert outcome.proof is not None
    outcome.proof = replace(outcome.proof, tree=outcome.proof.tree.with_open(outcome.proof.tree.leaves[:1]))
    assert nothing_to_write(outcome) == "only a part of it was kept"
    assert not path.exists()


def test_a_store_takes_the_file_over_and_replays_it(desk: Desk) -> None:
    _, path = written(desk, store=False)
    with ProofStore.open(desk.store) as store:
        assert import_file(store, path).runs == 1
    first, second = desk.ask(small()), desk.ask(small())
    assert (first.verdict, first.exact, first.base_run) == (Verdict.UNSAT, False, 1)
    assert first.reused_leaves == first.base_leaves > 0
    assert second.exact
    update = desk.ask(nudged(small(), 1e-4), name="new.onnx")
    assert (update.verdict, update.base_use) == (Verdict.UNSAT, Use.PROOF)


def test_an_exported_proof_is_that_of_the_run_without_weights(desk: Desk) -> None:
    run = desk.ask(small()).run
    assert run is not None
    path = desk.folder / "run.proof"
    with ProofStore.open(desk.store) as store:
        export_proof(store, run, path)
        with ProofStore.open(path) as made:
            assert made.proof(1) == store.proof(run)
            assert made.weights(store.run(run).network) is None  # type: ignore[union-attr]
            assert store.weights(store.run(run).network) is not None  # type: ignore[union-attr]
        with pytest.raises(InputError, match="there is no run 99"):
            export_proof(store, 99, path)
        with pytest.raises(StoreError, match="is the proof store itself"):
            export_proof(store, run, desk.store)
    assert check(desk, path).holds


@pytest.mark.parametrize("carried", [False, True])
def test_a_proof_about_several_networks_holds_on_them_in_either_form(
    folder: Path, monkeypatch: pytest.MonkeyPatch, carried: bool
) -> None:
    monkeypatch.setattr("ivan.verification.question.carrying_pays", lambda *_: carried)
    for store in (False, "proofs.db", "proofs.db"):
        outcome = ivan.verify(MODELS, apart(0.05), store=store, keep_proof=True)
        write_proof(outcome, "close.proof")
        found = check_proof("close.proof", MODELS, apart(0.05))
        assert (found.holds, found.same_model, found.leaves) == (True, True, outcome.leaves)
    with pytest.raises(InputError, match="no model for network g"):
        check_proof("close.proof", {"f": "f.onnx"}, apart(0.05))
    with pytest.raises(MismatchError, match="is about"):
        check_proof("close.proof", MODELS, apart(0.04))


# -- what is checked --------------------------------------------------------------------------------------------------


def test_a_proof_is_checked_on_the_weights_at_hand(desk: Desk) -> None:
    _, path = written(desk, store=False)
    desk.path("near.onnx", nudged(small(), 1e-4))
    desk.path("far.onnx", nudged(small(), 0.3))
    near, far = (check(desk, path, model=name) for name in ("near.onnx", "far.onnx"))
    assert (near.holds, near.same_model) == (True, False)
    assert (far.holds, far.same_model) == (False, False)
    assert 0 < far.failed_leaves <= far.leaves


def test_another_property_or_architecture_is_named(desk: Desk) -> None:
    _, path = written(desk, store=False)
    desk.path("more.onnx", grown(small(), 3))
    with pytest.raises(MismatchError, match=r"is about property.vnnlib \(.*\), not fails.vnnlib") as caught:
        check(desk, path, "fails.vnnlib")
    assert caught.value.hint
    with pytest.raises(MismatchError, match=r"is about model.onnx .* another architecture than .*more.onnx"):
        check(desk, path, model="more.onnx")


def test_of_a_whole_store_the_proof_of_the_property_is_taken(desk: Desk) -> None:
    desk.ask(nudged(small(), 1e-4), name="other.onnx")
    desk.ask(small())
    desk.ask(small(), box(3, "(>= Y_0 3.5)"), fresh=True)
    found = check(desk, desk.store)
    assert (found.holds, found.same_model, found.run.network_name) == (True, True, "model.onnx")
    with pytest.raises(MismatchError, match=r"holds 3 proofs, none of fails\.vnnlib"):
        check(desk, desk.store, "fails.vnnlib")


def test_a_question_about_no_input_needs_no_leaf(desk: Desk) -> None:
    empty = HOLDS + "\n(assert (<= X_0 -5.0))\n"
    desk.path("empty.vnnlib", empty)
    _, path = written(desk, query=empty, store=False)
    assert check(desk, path, "empty.vnnlib").holds


# -- what is made up or altered ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """What a forger says: a store's rows, changed, with a checksum that holds."""

    change: Callable[[Proof], Proof] = lambda proof: proof
    query: str | None = None

    def made(self, desk: Desk, source: Path, name: str = "forged.proof") -> Path:
        """The forged file."""
        path = desk.folder / name
        with ProofStore.open(source) as store, ProofStore.open(path) as forged:
            run = store.run(1)
            assert run is not None
            [network] = store.find_network(run.network)
            digest = run.property
            if self.query is not None:
                digest = ivan.load_query(desk.folder / self.query).digest
            proof = self.change(decode(store.proof(1).data))
            tree = proof.tree
            forged.save(
                RunRecord(network=run.network, property=digest, options=run.options, version=run.version,
                          verdict="unsat", seconds=0.1),
                network,
                PropertyRecord(digest=digest, name="claimed.vnnlib", size=1, inputs=3),
                ProofRecord(format=FORMAT, leaves=len(tree.leaves), depth=int(tree.depth().max(initial=0)),
                            open=not proof.complete, data=encode(proof)),
            )  # fmt: skip
        return path


def without(proof: Proof, count: int) -> Proof:
    return replace(proof, certificates=proof.certificates.take(np.arange(len(proof.certificates) - count)))


def test_a_forged_claim_of_a_violated_property_convinces_nobody(desk: Desk) -> None:
    """The file names the property, with digest and checksum in order; and there is a counterexample."""
    _, path = written(desk, store=False)
    found = check(desk, Claim(query="fails.vnnlib").made(desk, path), "fails.vnnlib")
    assert not found.holds
    assert found.same_model


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: without(proof, 1),
        lambda proof: replace(proof, certificates=Certificates.none()),
        lambda proof: replace(
            proof, certificates=replace(proof.certificates, node=np.roll(proof.certificates.node, 1))
        ),
    ],
    ids=["one", "all", "moved"],
)
def test_certificates_that_are_missing_or_elsewhere_leave_leaves_that_fail(
    desk: Desk, change: Callable[[Proof], Proof]
) -> None:
    _, path = written(desk, store=False)
    found = check(desk, Claim(change).made(desk, path))
    assert not found.holds
    assert 0 < found.failed_leaves <= found.leaves


def test_margins_that_are_made_up_count_for_nothing(desk: Desk) -> None:
    def boast(proof: Proof) -> Proof:
        return replace(proof, certificates=replace(proof.certificates, margin=proof.certificates.margin + 1e6))

    _, path = written(desk, store=False)
    assert not check(desk, Claim(boast, "fails.vnnlib").made(desk, path), "fails.vnnlib").holds


def test_a_tree_that_leaves_something_out_is_refused(desk: Desk) -> None:
    def cut(proof: Proof) -> Proof:
        tree = proof.tree
        at = np.array(tree.at)
        inner = np.flatnonzero(tree.parent >= 0)
        at[inner[0]] -= 0.25  # the two halves do not meet any more
        return replace(proof, tree=replace(tree, at=at))

    _, path = written(desk, store=False)
    with pytest.raises(ProofError, match="malformed proof"):
        check(desk, Claim(cut).made(desk, path))


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_never_make_a_wrong_claim_hold(desk: Desk, seed: int) -> None:
    """Wherever they are: the file is refused, or it is worth what it was worth before."""
    _, path = written(desk, store=False)
    forged = Claim(query="fails.vnnlib").made(desk, path)
    with ProofStore.open(forged) as store:
        store.seal()
    for file, query in ((path, "holds.vnnlib"), (forged, "fails.vnnlib")):
        generator = random.Random(seed)
        data = bytearray(file.read_bytes())
        for place in generator.sample([i for i, byte in enumerate(data) if byte], 1 + seed % 5):
            data[place] ^= generator.randrange(1, 256)
        altered = desk.path("altered.proof", bytes(data))
        with suppress(IvanError):
            assert check(desk, altered, query).holds == (query == "holds.vnnlib")


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bytes_in_a_proof_never_make_a_wrong_claim_hold_even_with_its_checksum_renewed(
    desk: Desk, seed: int
) -> None:
    generator = np.random.default_rng(seed)

    def flip(proof: Proof) -> Proof:
        columns = {name: np.array(column) for name, column in vars(proof.certificates).items() if name != "weights"
                   and isinstance(column, np.ndarray)}  # fmt: skip
        for name in ("slopes", "multipliers", "weights"):
            ragged = getattr(proof.certificates, name)
            changed = {key: np.array(column) for key, column in ragged.columns.items()}
            raw = changed["value"].view(np.uint8)
            if len(raw):
                raw[generator.integers(len(raw), size=3)] ^= generator.integers(1, 256, 3).astype(np.uint8)
            columns[name] = replace(ragged, columns=changed)
        return replace(proof, certificates=replace(proof.certificates, **columns))

    _, path = written(desk, store=False)
    with suppress(IvanError):
        assert not check(desk, Claim(flip, "fails.vnnlib").made(desk, path), "fails.vnnlib").holds


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE proofs SET data = substr(data, 1, 99)", "checksum"),
        ("UPDATE runs SET verdict = 'sat'", "checksum"),
        ("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END", "trigger t"),
        ("DELETE FROM proofs", "holds no proof that can be read"),
        ("UPDATE ivan_revision SET version_num = '9999'", "newer version of ivan"),
    ],
)
def test_a_damaged_file_is_refused(desk: Desk, damage: str, message: str) -> None:
    _, path = written(desk, store=False)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    with pytest.raises(IvanError, match=message) as caught:
        check(desk, path)
    assert (caught.value.exit_code, "\n" in caught.value.message) == (2, False)


def test_what_is_no_file_of_proofs_is_refused(desk: Desk) -> None:
    desk.path("empty", b"")
    for name in ("empty", "nosuch", "model.onnx", "."):
        with pytest.raises(StoreError) as caught:
            check(desk, desk.folder / name)
        assert caught.value.hint
    assert (desk.folder / "empty").read_bytes() == b""
