"""Certificates are checked law by law, and kept, taken and joined without a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, random_problem
from tests.trees import random_certificates, random_tree

from ivan.errors import ProofError
from ivan.proof import ByNode, Certificates, Ragged
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS, WEIGHT_COLUMNS

SEEDS = st.integers(0, 2**32 - 1)
ROWS_OF_CASE = np.array([2, 1])


def well_formed() -> Certificates:
    def one_each(types: dict[str, type], **columns: list[Any]) -> Ragged:
        return Ragged(np.array([0, 1, 2]), {name: np.array(columns[name], kind) for name, kind in types.items()})

    return Certificates(
        np.array([0, 2], np.int32),
        np.array([0, 1], np.int32),
        np.array([1.0, 2.0]),
        one_each(WEIGHT_COLUMNS, row=[1, 0], value=[0.5, 1.0]),
        one_each(SLOPE_COLUMNS, layer=[1, 2], unit=[0, 1], value=[0.0, 1.0]),
        one_each(MULTIPLIER_COLUMNS, layer=[1, 2], unit=[0, 1], kind=[0, 1], value=[-3.0, 4.0]),
    )


def altered(table: str, column: str, value: float) -> Certificates:
    claims = well_formed()
    if not table:
        cells = getattr(claims, column).copy()
        cells[1] = value
        return replace(claims, **{column: cells})
    ragged = getattr(claims, table)
    cells = ragged[column].copy()
    cells[1] = value
    return replace(claims, **{table: Ragged(ragged.offsets, {**ragged.columns, column: cells})})


def test_well_formed_certificates_are_accepted():
    well_formed().check(3, ROWS_OF_CASE)
    Certificates.none().check(0, ROWS_OF_CASE[:0])


@pytest.mark.parametrize(
    ("table", "column", "value", "law"),
    [
        ("", "node", 3, "a node that is not there"),
        ("", "node", -1, "a node that is not there"),
        ("", "case", 2, "a case that is not there"),
        ("", "case", -1, "a case that is not there"),
        ("weights", "row", 1, "a row that is not there"),
        ("weights", "row", -1, "a row that is not there"),
        ("weights", "value", 0.0, "not a positive number"),
        ("weights", "value", -1.0, "not a positive number"),
        ("weights", "value", np.inf, "not a positive number"),
        ("weights", "value", np.nan, "not a positive number"),
        ("slopes", "value", -0.01, "a slope outside"),
        ("slopes", "value", 1.01, "a slope outside"),
        ("slopes", "value", np.nan, "a slope outside"),
        ("multipliers", "value", np.inf, "a multiplier that is not a number"),
        ("multipliers", "value", np.nan, "a multiplier that is not a number"),
    ],
)
def test_a_malformed_certificate_is_refused(table, column, value, law):
    with pytest.raises(ProofError, match=law):
        altered(table, column, value).check(3, ROWS_OF_CASE)


def entries(claims: Certificates) -> list[tuple[Any, ...]]:
    """Each certificate as one comparable value."""
    result = []
    for i in range(len(claims)):
        tables = []
        for table in (claims.weights, claims.slopes, claims.multipliers):
            start, end = table.offsets[i : i + 2]
            tables.append([(name, column[start:end].tolist()) for name, column in table.columns.items()])
        result.append((int(claims.node[i]), int(claims.case[i]), float(claims.margin[i]), tables))
    return result


@LAWS
@given(seed=st.integers(0, 2**32 - 1))
def test_taking_and_joining_certificates_changes_none_of_them(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng))
    claims = random_certificates(rng, problem, random_tree(rng, problem, 3), 10)
    whole = entries(claims)
    chosen = rng.integers(0, 10, 7)
    assert entries(claims.take(chosen)) == [whole[i] for i in chosen]
    halves = [claims.take(np.arange(0, 4)), Certificates.none(), claims.take(np.arange(4, 10))]
    assert entries(Certificates.concatenate(halves)) == whole
    assert len(Certificates.concatenate([])) == 0


@LAWS
@given(rows=st.lists(st.integers(0, 5), max_size=20))
def test_ragged_rows_keep_the_order_of_their_entries(rows):
    ragged = Ragged.from_rows(6, np.array(rows, np.int64), {"at": np.arange(len(rows))})
    for row in range(6):
        start, end = ragged.offsets[row : row + 2]
        assert ragged["at"][start:end].tolist() == [at for at, r in enumerate(rows) if r == row]
    assert ragged.rows.tolist() == sorted(rows)


@LAWS
@given(seed=SEEDS)
def test_certificates_are_found_by_their_nodes_and_keep_their_order(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=2)
    tree = random_tree(rng, problem, 4)
    claims = random_certificates(rng, problem, tree, int(rng.integers(0, 12)))
    by_node = ByNode(claims, len(tree))
    nodes = rng.integers(0, len(tree), 6)
    found, place = by_node.of(nodes)
    expected = [(i, j) for i, node in enumerate(nodes) for j in np.flatnonzero(claims.node == node)]
    assert list(zip(place.tolist(), found.tolist(), strict=True)) == expected
    assert by_node.counts.tolist() == [int((claims.node == node).sum()) for node in range(len(tree))]
