"""What every backend must do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivan.errors import InternalError, ProofError
from ivan.store import ProofRecord, ProofStore, RunRecord, WitnessRecord
from ivan.store.rows import WEIGHTS_LIMIT

if TYPE_CHECKING:
    from conftest import Records


class TestContract:
    def test_a_run_comes_back_as_it_was_saved(self, store: ProofStore, records: Records) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        base = records.save(store, "unsat", network="old", proof=records.proof())
        run = records.run("unsat", parent=base)
        proof = records.proof(bytes(range(256)) * 40)
        run_id = store.save(run, records.network(), records.asked(), proof)
        stored = store.run(run_id)
        assert stored is not None
        known = {name: value for name, value in asdict(stored).items() if name in asdict(run)}
        assert RunRecord(**known) == run
        assert (stored.format, stored.leaves, stored.depth, stored.open) == (1, 7, 4, False)
        assert stored.has_proof
        assert not stored.has_witness
        assert before < stored.created < datetime.now(UTC) + timedelta(seconds=1)
        assert store.proof(run_id) == proof
        assert store.witness(run_id) is None

    @settings(max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.floats(allow_nan=False), max_size=20), st.lists(st.floats(width=32, allow_nan=False)))
    def test_a_witness_comes_back_to_the_last_bit(
        self, store: ProofStore, records: Records, inputs: list[float], outputs: list[float]
    ) -> None:
        witness = WitnessRecord(inputs=tuple(inputs), outputs=tuple(outputs), precision="float64")
        found = store.witness(records.save(store, "sat", witness=witness))
        assert found is not None
        assert [value.hex() for value in found.inputs] == [value.hex() for value in inputs]
        assert [value.hex() for value in found.outputs] == [value.hex() for value in outputs]

    def test_the_same_network_and_property_are_kept_once(self, store: ProofStore, records: Records) -> None:
        for _ in range(3):
            records.save(store, "unsat", proof=records.proof())
        facts = store.info()
        assert (facts.networks, facts.properties, facts.runs, facts.proofs) == (1, 1, 3, 3)

    def test_a_network_goes_by_its_latest_name_and_keeps_its_weights(self, store: ProofStore, records: Records) -> None:
        run, asked = records.run("unknown"), records.asked()
        network = records.network(weights=b"weights" * 99)
        store.save(run, network, asked)
        renamed = type(network)(**{**asdict(network), "name": "renamed.onnx", "weights": None})
        store.save(run, renamed, asked)
        assert store.find_network(network.digest) == [renamed]
        assert store.weights(network.digest) == b"weights" * 99

    def test_weights_may_come_later_and_too_many_are_not_kept(self, store: ProofStore, records: Records) -> None:
        run, asked = records.run("unknown"), records.asked()
        digest = records.network().digest
        for weights, kept in ((None, None), (bytes(WEIGHTS_LIMIT + 1), None), (b"123", b"123"), (b"45", b"123")):
            store.save(run, records.network(weights=weights), asked)
            assert store.weights(digest) == kept

    def test_names_that_are_no_text_do_not_stop_a_save(self, store: ProofStore, records: Records) -> None:
        network = type(records.network())(**{**asdict(records.network()), "name": "caf\udce9\0.onnx"})
        store.save(records.run("unknown"), network, records.asked())
        assert store.find_network(network.digest)[0].name == "caf??.onnx"

    def test_exact_returns_the_newest_decision_of_this_question(self, store: ProofStore, records: Records) -> None:
        network, asked = records.network().digest, records.asked().digest
        assert store.exact(network, asked) is None
        records.save(store, "unsat", proof=records.proof())
        newest = records.save(store, "unsat", proof=records.proof(b"better"))
        records.save(store, "timeout", proof=records.proof(unfinished=True))
        records.save(store, "unsat", network="other", proof=records.proof())
        records.save(store, "sat", asked="other", witness=records.witness())
        found = store.exact(network, asked)
        assert found is not None
        assert found.id == newest

    @pytest.mark.parametrize("verdict", ["unsat", "sat", "unknown", "timeout"])
    def test_a_verdict_without_its_evidence_is_no_decision(
        self, store: ProofStore, records: Records, verdict: str
    ) -> None:
        records.save(store, verdict)
        assert store.exact(records.network().digest, records.asked().digest) is None

    def test_exact_asks_whether_a_run_is_compatible(self, store: ProofStore, records: Records) -> None:
        old = records.save(store, "unsat", proof=records.proof(b"old"))
        new = records.save(store, "unsat", proof=records.proof(b"new"))
        network, asked = records.network().digest, records.asked().digest
        for refused, expected in (({new}, old), ({old}, new), ({old, new}, None)):
            found = store.exact(network, asked, compatible=lambda run, no=refused: run.id not in no)
            assert (found.id if found else None) == expected

    def test_an_open_tree_is_found_until_the_question_is_decided(self, store: ProofStore, records: Records) -> None:
        network, asked = records.network().digest, records.asked().digest
        unfinished = records.proof(b"half a tree", unfinished=True)
        records.save(store, "timeout", proof=unfinished)
        newest = records.save(store, "timeout", proof=unfinished)
        records.save(store, "unknown")
        records.save(store, "unsat")  # without a proof this decides nothing
        found = store.open_run(network, asked)
        assert found is not None
        assert (found.id, found.open, store.proof(newest)) == (newest, True, unfinished)
        records.save(store, "unsat", proof=records.proof())
        assert store.open_run(network, asked) is None
        later = records.save(store, "timeout", proof=unfinished)
        found = store.open_run(network, asked)
        assert found is not None
        assert found.id == later

    def test_bases_are_the_newest_finished_proofs_of_other_networks(self, store: ProofStore, records: Records) -> None:
        records.save(store, "unsat", network="v1", proof=records.proof(b"first"))
        second = records.save(store, "unsat", network="v2", proof=records.proof())
        first = records.save(store, "unsat", network="v1", proof=records.proof(b"second"))
        records.save(store, "unsat", network="v3", proof=records.proof())
        records.save(store, "unsat", network="v1")
        records.save(store, "timeout", network="v4", proof=records.proof(unfinished=True))
        records.save(store, "sat", network="v5", witness=records.witness())
        records.save(store, "unsat", network="v6", asked="other", proof=records.proof())
        asked, mine = records.asked().digest, records.network("v3").digest
        found = store.bases(asked, exclude_network=mine)
        assert [(run.id, network) for run, network in found] == [
            (first, records.network("v1")),
            (second, records.network("v2")),
        ]
        assert [run.id for run, _ in store.bases(asked, exclude_network=mine, limit=1)] == [first]
        assert len(store.bases(asked)) == 3

    def test_open_trees_of_other_networks_are_found_as_well(self, store: ProofStore, records: Records) -> None:
        records.save(store, "timeout", network="v1", proof=records.proof(b"first", unfinished=True))
        newest = records.save(store, "unknown", network="v1", proof=records.proof(b"second", unfinished=True))
        records.save(store, "timeout", network="v1")
        records.save(store, "unsat", network="v2", proof=records.proof())
        records.save(store, "timeout", network="v3", proof=records.proof(unfinished=True))
        asked, mine = records.asked().digest, records.network("v3").digest
        found = store.bases(asked, exclude_network=mine, finished=False)
        assert [(run.id, run.open, network) for run, network in found] == [(newest, True, records.network("v1"))]

    def test_witnesses_are_distinct_and_the_newest_come_first(self, store: ProofStore, records: Records) -> None:
        for network, value in (("v1", 1.0), ("v2", 2.0), ("v3", 1.0), ("v3", 3.0)):
            records.save(store, "sat", network=network, witness=records.witness(value))
        records.save(store, "sat", asked="other", witness=records.witness(4.0))
        found = store.witnesses(records.asked().digest)
        assert [witness.inputs for _, witness in found] == [(3.0,), (1.0,), (2.0,)]
        assert found[1][0].network == records.network("v3").digest
        assert [witness.inputs for _, witness in store.witnesses(records.asked().digest, limit=1)] == [(3.0,)]

    def test_proofs_of_others_are_the_newest_finished_ones_of_other_properties(
        self, store: ProofStore, records: Records
    ) -> None:
        for asked, network, kin, verdict in (
            ("mine", "v1", "k", "unsat"),
            ("near", "v1", "k", "unsat"),
            ("near", "v2", "k", "unsat"),
            ("far", "v1", "other", "unsat"),
            ("old", "v1", None, "unsat"),
            ("near", "v1", "k", "unsat"),
            ("violated", "v1", "k", "sat"),
            ("open", "v1", "k", "timeout"),
            ("bare", "v1", "k", "unknown"),
        ):
            store.save(
                records.run(verdict, network=network, asked=asked),
                records.network(network),
                records.asked(asked, kin=kin),
                records.proof(unfinished=verdict == "timeout") if verdict in ("unsat", "timeout") else None,
                records.witness() if verdict == "sat" else None,
            )
        mine, v1 = records.asked("mine").digest, records.network("v1").digest
        found = store.proofs_of_others(mine, network=v1)
        assert [named.asked.name for named in found] == ["near.vnnlib", "old.vnnlib", "far.vnnlib"]
        assert found[0].run.id == 6
        assert found[0].network == records.network("v1")
        assert found[0].asked == records.asked("near", kin="k")
        assert [named.run.id for named in store.proofs_of_others(mine, kin="k")] == [6, 3]
        assert [named.run.id for named in store.proofs_of_others(mine, kin="k", exclude_network=v1)] == [3]
        assert [named.run.id for named in store.proofs_of_others(mine, network=v1, limit=1)] == [6]
        assert store.proofs_of_others(mine, kin="unheard of") == []

    def test_witnesses_of_others_are_those_of_the_same_network(self, store: ProofStore, records: Records) -> None:
        for asked, network, value in (("mine", "v1", 1.0), ("a", "v1", 2.0), ("b", "v1", 2.0), ("a", "v2", 3.0)):
            records.save(store, "sat", network=network, asked=asked, witness=records.witness(value))
        found = store.witnesses_of_others(records.asked("mine").digest, records.network("v1").digest)
        assert [(run.id, witness.inputs) for run, witness in found] == [(3, (2.0,))]

    def test_a_query_comes_back_as_it_was_saved_and_is_not_forgotten(self, store: ProofStore, records: Records) -> None:
        asked = records.asked()
        assert store.query(asked.digest) is None
        records.save(store, "unknown")
        assert store.query(asked.digest) is None
        with_query = type(asked)(**{**asdict(asked), "query": b"all that is asked"})
        store.save(records.run("unknown"), records.network(), with_query)
        records.save(store, "unknown")
        assert store.query(asked.digest) == b"all that is asked"

    def test_one_run_is_summed_up_as_in_the_list(self, store: ProofStore, records: Records) -> None:
        run_id = records.save(store, "unsat", proof=records.proof())
        assert [store.summary(run_id)] == store.runs()
        assert store.summary(run_id + 1) is None

    def test_networks_are_found_by_the_beginning_of_their_digest(self, store: ProofStore, records: Records) -> None:
        for name in ("v1", "v2"):
            records.save(store, "unknown", network=name)
        wanted = records.network("v1")
        assert store.find_network(wanted.digest[:12].upper()) == [wanted]
        assert len(store.find_network("")) == 2
        assert store.find_network("%") == []
        assert store.find_network("_" * 12) == []

    def test_the_list_is_newest_first_and_names_things(self, store: ProofStore, records: Records) -> None:
        first = records.save(store, "unsat", proof=records.proof(b"12345"))
        second = records.save(store, "sat", asked="other", witness=records.witness())
        summaries = store.runs()
        assert [summary.run.id for summary in summaries] == [second, first]
        assert [summary.proof_bytes for summary in summaries] == [0, 5]
        assert [summary.property_name for summary in summaries] == ["other.vnnlib", "robust.vnnlib"]
        assert {summary.network_name for summary in summaries} == {"base.onnx"}
        assert [summary.run.id for summary in store.runs(limit=1)] == [second]

    def test_info_counts_what_is_there(self, store: ProofStore, records: Records) -> None:
        empty = store.info()
        assert (empty.runs, empty.oldest, empty.newest) == (0, None, None)
        records.save(store, "unsat", network="v1", proof=records.proof())
        records.save(store, "timeout", network="v2", proof=records.proof(unfinished=True))
        records.save(store, "sat", asked="other", witness=records.witness())
        facts = store.info()
        assert (facts.networks, facts.properties, facts.runs) == (3, 2, 3)
        assert (facts.proofs, facts.open_trees, facts.witnesses) == (1, 1, 1)
        assert facts.bytes >= len(records.proof().data)
        assert facts.oldest is not None
        assert facts.newest is not None
        assert facts.oldest < facts.newest

    def test_clear_deletes_everything_and_numbers_are_not_used_again(self, store: ProofStore, records: Records) -> None:
        first = records.save(store, "unsat", proof=records.proof())
        last = records.save(store, "sat", parent=first, witness=records.witness())
        assert store.clear() == 2
        facts = store.info()
        assert (facts.networks, facts.properties, facts.runs, facts.proofs, facts.witnesses) == (0, 0, 0, 0, 0)
        assert store.clear() == 0
        assert records.save(store, "unknown") > last

    def test_a_deletion_takes_what_no_other_run_needs(self, store: ProofStore, records: Records) -> None:
        gone = [records.save(store, "unsat", network="v1", proof=records.proof())]
        gone.append(records.save(store, "sat", network="v2", asked="other", witness=records.witness()))
        left = records.save(store, "unsat", network="v3", proof=records.proof())
        deleted = store.delete([*gone, 4711])
        assert (deleted.runs, deleted.networks, deleted.properties) == (2, 2, 1)
        facts = store.info()
        assert (facts.runs, facts.networks, facts.properties, facts.proofs, facts.witnesses) == (1, 1, 1, 1, 0)
        assert store.find_network("") == [records.network("v3")]
        assert store.proof(left) == records.proof()
        assert store.delete([]).runs == 0

    def test_what_grew_from_a_deleted_run_stays_and_stands_by_itself(self, store: ProofStore, records: Records) -> None:
        first = records.save(store, "unsat", network="v1", proof=records.proof(b"first"))
        second = records.save(store, "unsat", network="v2", parent=first, proof=records.proof(b"second"))
        third = records.save(store, "unsat", network="v3", parent=second, proof=records.proof(b"third"))
        store.delete([first])
        assert [(summary.run.id, summary.run.parent) for summary in store.lineage(third)] == [
            (second, None),
            (third, second),
        ]
        assert store.proof(second).data == b"second"
        exact = store.exact(records.network("v2").digest, records.asked().digest)
        assert exact is not None
        assert exact.id == second

    def test_more_runs_than_fit_one_statement_are_deleted_at_once(
        self, store: ProofStore, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ivan.store.housekeeping.AT_ONCE", 2)
        numbers = [records.save(store, "unknown") for _ in range(5)]
        assert store.delete(numbers).runs == 5
        assert store.info().runs == 0

    def test_holdings_tell_what_takes_space(self, store: ProofStore, records: Records) -> None:
        before = datetime.now(UTC).timestamp() - 1
        asked = records.asked(kin="k")
        proved = store.save(records.run("unsat"), records.network(weights=bytes(999)), asked, records.proof(bytes(5)))
        open_ = records.save(store, "timeout", parent=proved, proof=records.proof(bytes(7), unfinished=True))
        refuted = records.save(store, "sat", network="v2", witness=records.witness(1.0, 2.0, 3.0))
        holdings = store.holdings()
        assert [(run.id, run.proved, run.refuted, run.bytes) for run in holdings.runs] == [
            (proved, True, False, 5),
            (open_, False, False, 7),
            (refuted, False, True, 8 * 5),
        ]
        assert [run.parent for run in holdings.runs] == [None, proved, None]
        assert set(holdings.first_seen) == {records.network().digest, records.network("v2").digest}
        assert all(moment > before for moment in holdings.first_seen.values())
        assert 0 < holdings.sizes[records.network().digest] < 999  # compressed
        assert holdings.sizes[records.network("v2").digest] == 0
        assert holdings.sizes[asked.digest] == 40
        assert holdings.damaged == 0
        assert holdings.bytes >= 5 + 7 + 8 * 5 + 40

    def test_a_run_is_intact_when_its_checksum_holds(self, store: ProofStore, records: Records) -> None:
        assert store.intact(records.save(store, "unsat", proof=records.proof()))
        assert not store.intact(4711)

    def test_a_deleted_parent_is_forgotten(self, store: ProofStore, records: Records) -> None:
        gone = records.save(store, "unsat", proof=records.proof())
        store.clear()
        stored = store.run(records.save(store, "unknown", parent=gone))
        assert stored is not None
        assert stored.parent is None

    def test_what_is_not_there_is_named(self, store: ProofStore, records: Records) -> None:
        without = records.save(store, "unknown")
        with pytest.raises(ProofError, match=f"run {without} has no proof"):
            store.proof(without)
        for look in (store.proof, store.witness):
            with pytest.raises(ProofError, match="there is no run 4711"):
                look(4711)
        assert store.run(4711) is None
        assert store.weights("0" * 64) is None

    def test_another_proof_of_the_same_verdict_takes_the_place_of_the_first(
        self, store: ProofStore, records: Records
    ) -> None:
        other = records.save(store, "unsat", network="other", proof=records.proof(b"stays"))
        run = records.save(store, "unsat", proof=records.proof(b"long and winding"), parent=other)
        before = store.run(run)
        smaller = ProofRecord(format=2, leaves=3, depth=2, open=False, data=b"short")
        assert store.replace_proof(run, smaller, {"replay_cost": 3})
        assert store.proof(run) == smaller
        assert store.proof(other).data == b"stays"
        after = store.run(run)
        assert before is not None
        assert after is not None
        assert (after.format, after.leaves, after.depth, after.statistics) == (2, 3, 2, {"replay_cost": 3})
        for name in ("verdict", "network", "property", "parent", "created", "seconds", "version", "options"):
            assert getattr(after, name) == getattr(before, name)
        exact = store.exact(before.network, before.property)
        assert exact is not None
        assert exact.id == run

    def test_nothing_takes_the_place_of_a_proof_that_is_gone(self, store: ProofStore, records: Records) -> None:
        run = records.save(store, "timeout")
        assert not store.replace_proof(run, records.proof(), {})
        assert not store.replace_proof(run + 1, records.proof(), {})

    def test_records_that_contradict_each_other_are_refused(self, store: ProofStore, records: Records) -> None:
        with pytest.raises(InternalError, match="of another one"):
            store.save(records.run("unknown"), records.network("other"), records.asked())
        with pytest.raises(InternalError, match="of another one"):
            store.save(records.run("unknown"), records.network(), records.asked("other"))
        with pytest.raises(InternalError, match="'maybe' is no verdict"):
            records.save(store, "maybe")
        with pytest.raises(InternalError, match="open tree"):
            records.save(store, "unsat", proof=records.proof(unfinished=True))
        assert store.info().runs == 0

    def test_a_save_that_fails_half_way_leaves_nothing(
        self, store: ProofStore, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ivan.store.rows.proof_row", fail)
        with pytest.raises(KeyboardInterrupt):
            records.save(store, "unsat", proof=records.proof())
        facts = store.info()
        assert (facts.networks, facts.properties, facts.runs) == (0, 0, 0)
