"""What goes is what the rules say, what stays is what the next version needs, and the account is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.store import Held, Holdings
from ivan.store.pruning import AGE, SIZE, VERSIONS, Plan, Rules, plan

DAY = 86400.0
OVERHEAD = 1000
"""Bytes of an empty store."""


def run(
    number: int,
    *,
    network: str = "v1",
    asked: str = "p",
    kind: str = "proof",
    day: float | None = None,
    parent: int | None = None,
    size: int = 10,
) -> Held:
    """A run, by default saved on the day of its number."""
    return Held(
        id=number,
        network=network,
        property=asked,
        parent=parent,
        created=DAY * (number if day is None else day),
        proved=kind == "proof",
        refuted=kind == "witness",
        bytes=size,
    )


def store(*runs: Held) -> Holdings:
    """What holds these runs; a network was first seen with its oldest, and weighs 100, a property 7."""
    first_seen: dict[str, float] = {}
    for held in runs:
        first_seen[held.network] = min(held.created, first_seen.get(held.network, held.created))
    sizes = {**dict.fromkeys(first_seen, 100), **{held.property: 7 for held in runs}}
    total = OVERHEAD + sum(sizes.values()) + sum(held.bytes for held in runs)
    ordered = tuple(sorted(runs, key=lambda held: (held.created, held.id)))
    return Holdings(runs=ordered, damaged=0, first_seen=first_seen, sizes=sizes, bytes=total, margin=0)


def planned(holdings: Holdings, *damaged: int, **rules: float | bool) -> Plan:
    return plan(holdings, Rules(**rules), lambda number: number not in damaged)  # type: ignore[arg-type]


def without(holdings: Holdings, gone: dict[int, str]) -> Holdings:
    return store(*(held for held in holdings.runs if held.id not in gone))


def test_old_runs_go_and_the_newest_proof_stays_however_old_it_is() -> None:
    holdings = store(run(1), run(2), run(3, kind="open"), run(4))
    assert planned(holdings, before=4 * DAY).runs == {1: AGE, 2: AGE, 3: AGE}
    chosen = planned(holdings, before=99 * DAY)
    assert (chosen.runs, chosen.kept) == ({1: AGE, 2: AGE, 3: AGE}, 1)
    assert set(planned(holdings, before=99 * DAY, everything=True).runs) == {1, 2, 3, 4}
    assert planned(holdings, before=0.0).runs == {}


def test_the_newest_counterexample_of_a_property_stays_beside_its_newest_proof() -> None:
    holdings = store(run(1, kind="witness"), run(2, kind="witness"), run(3), run(4, asked="q", kind="witness"))
    chosen = planned(holdings, before=99 * DAY)
    assert set(chosen.runs) == {1}
    assert chosen.kept == 3


def test_a_damaged_proof_protects_nothing() -> None:
    holdings = store(run(1), run(2), run(3))
    assert set(planned(holdings, 3, before=99 * DAY).runs) == {1, 3}


def test_only_the_newest_versions_of_each_property_stay() -> None:
    runs = [run(number, network=f"v{number}", asked=asked) for number, asked in enumerate("pppqq", 1)]
    again = run(6, network="v1", asked="p")  # verified again, which makes it no newer
    holdings = store(*runs, again)
    assert planned(holdings, versions=2, everything=True).runs == {1: VERSIONS, 6: VERSIONS}
    assert set(planned(holdings, versions=1, everything=True).runs) == {1, 2, 4, 6}
    assert set(planned(holdings, versions=1).runs) == {1, 2, 4}  # run 6 has the newest proof of p
    assert set(planned(holdings, versions=0, everything=True).runs) == set(range(1, 7))
    assert planned(holdings, versions=3).runs == {}


def test_ancestors_stay_only_when_they_are_wanted() -> None:
    holdings = store(
        run(1, network="v1"),
        run(2, network="v2", parent=1),
        run(3, network="v3"),
        run(4, network="v4", parent=2),
        run(5, network="v5", asked="q", parent=4),
    )
    assert set(planned(holdings, versions=1).runs) == {1, 2, 3}
    assert set(planned(holdings, versions=1, ancestors=True).runs) == {3}
    assert set(planned(holdings, versions=1, ancestors=True, before=2.5 * DAY).runs) == {1, 2, 3}


def test_a_parent_that_is_gone_ends_the_lineage() -> None:
    holdings = store(run(2, network="v2", parent=1), run(3, network="v3", parent=2))
    assert planned(holdings, versions=1, ancestors=True).runs == {}


def test_the_oldest_go_until_the_rest_fits() -> None:
    holdings = store(*(run(number, size=50) for number in range(1, 6)))
    chosen = planned(holdings, size=holdings.bytes - 51)
    assert chosen.runs == {1: SIZE, 2: SIZE}
    assert (chosen.bytes, chosen.left) == (100, holdings.bytes - 100)
    assert planned(holdings, size=holdings.bytes).runs == {}
    chosen = planned(holdings, size=0)
    assert (set(chosen.runs), chosen.kept) == ({1, 2, 3, 4}, 1)
    assert chosen.left > 0
    assert planned(holdings, size=0, everything=True).left == OVERHEAD


def test_what_a_deletion_may_free_less_than_it_deletes_is_allowed_for() -> None:
    holdings = replace(store(*(run(number, size=50) for number in range(1, 6))), margin=30)
    assert set(planned(holdings, size=holdings.bytes).runs) == set()
    assert set(planned(holdings, size=holdings.bytes - 20).runs) == {1}
    assert set(planned(holdings, size=holdings.bytes - 21).runs) == {1, 2}


def test_size_comes_last() -> None:
    holdings = store(
        run(1, network="v1"), run(2, network="v1"), run(3, network="v2", kind="open"), run(4, network="v2")
    )
    chosen = planned(holdings, versions=1, size=holdings.bytes - 121)
    assert chosen.runs == {1: VERSIONS, 2: VERSIONS, 3: SIZE}
    assert (chosen.proofs, chosen.networks, chosen.properties) == (2, 1, 0)


@pytest.mark.parametrize("rules", [{"before": 3 * DAY}, {"versions": 1}, {"size": 0}])
def test_an_empty_store_has_nothing_to_lose(rules: dict[str, float]) -> None:
    assert planned(store(), **rules) == Plan(
        runs={}, proofs=0, networks=0, properties=0, bytes=0, left=OVERHEAD, kept=0
    )


stores = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2", "v3"]),
        st.sampled_from(["p", "q"]),
        st.sampled_from(["proof", "witness", "open", "nothing"]),
        st.integers(0, 5),
        st.integers(0, 200),
    ),
    max_size=12,
).map(
    lambda rows: store(
        *(
            run(number, network=network, asked=asked, kind=kind, day=day, size=size, parent=number - 1 or None)
            for number, (network, asked, kind, day, size) in enumerate(rows, 1)
        )
    )
)
rules = st.builds(
    Rules,
    before=st.none() | st.integers(0, 6).map(lambda day: day * DAY),
    versions=st.none() | st.integers(0, 3),
    ancestors=st.booleans(),
    size=st.none() | st.integers(0, 4000),
    everything=st.booleans(),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(stores, rules, st.sets(st.integers(1, 12), max_size=3))
def test_laws_of_a_plan(holdings: Holdings, said: Rules, damaged: set[int]) -> None:
    chosen = plan(holdings, said, lambda number: number not in damaged)
    left = without(holdings, chosen.runs)
    by_number = {held.id: held for held in holdings.runs}
    assert chosen.runs.keys() <= by_number.keys()

    # the account: what is left takes what a store of the rest takes
    assert (chosen.left, chosen.bytes) == (left.bytes, holdings.bytes - left.bytes)
    assert chosen.proofs == sum(by_number[number].proved for number in chosen.runs)
    assert chosen.networks == len(holdings.first_seen) - len(left.first_seen)

    # what is needed stays
    for asked in ("p", "q"):
        for kind in ("proved", "refuted"):
            sound = [held.id for held in holdings.runs
                     if held.property == asked and getattr(held, kind) and held.id not in damaged]  # fmt: skip
            if sound and not said.everything:
                assert sound[-1] not in chosen.runs

    # what has to go, goes
    for held in holdings.runs:
        if said.everything and said.before is not None and held.created < said.before:
            assert held.id in chosen.runs
    if said.everything and said.size is not None:
        assert chosen.left <= max(said.size, OVERHEAD)

    # every further rule takes more
    if said.size is None:
        more = plan(holdings, replace(said, before=6 * DAY), lambda number: number not in damaged)
        assert chosen.runs.keys() <= more.runs.keys()
