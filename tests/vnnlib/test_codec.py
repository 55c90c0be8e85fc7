"""A query comes back from its bytes as it was asked, or not at all."""

from __future__ import annotations

import zlib
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vnnlib.test_laws import POINTS, Tree, formulas, read, split

from ivan.errors import StoreError
from ivan.vnnlib import Query, codec, parse_query
from ivan.vnnlib.codec import decode, encode, outdated

MANY = settings(max_examples=120, derandomize=True, deadline=None)
HEAD = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
BOX = "(assert (and (>= X_0 -0.1) (<= X_0 0.3) (>= X_1 0) (<= X_1 1e-3)))"
ASKED = HEAD + BOX + "(assert (or (and (< (* 3 Y_0) Y_1) (<= X_0 (/ Y_1 7))) (and (>= Y_0 2) (> X_1 0)) (<= 1 0)))"


def packed(query: Query) -> bytes:
    data = encode(query)
    assert data is not None
    return data


def again(query: Query) -> Query:
    return decode(packed(query), query.digest)


@MANY
@given(formulas)
def test_cases_come_back_in_their_order_and_rows_with_their_scale(tree: Tree) -> None:
    query = read(tree)
    found = again(query)
    assert list(found.conjunctions()) == list(query.conjunctions())
    assert (found.version, found.inputs, found.outputs, found.digest) == (1, 2, 2, query.digest)


@MANY
@given(formulas, st.lists(st.sampled_from(POINTS), min_size=20, max_size=20))
def test_what_comes_back_is_violated_by_the_same_points(tree: Tree, points: list[dict[str, Fraction]]) -> None:
    query = read(tree)
    found = again(query)
    for point in points:
        assert found.violated(*split(point)) == query.violated(*split(point))


def test_numbers_are_exact_and_sums_can_be_computed_in_floats() -> None:
    query = parse_query(ASKED)
    found = again(query)
    assert list(found.conjunctions()) == list(query.conjunctions())
    x, y = [0.25, 1e-4], [1.0, 4.0]
    assert found.violated_in_floats(x, y, at=float) == query.violated_in_floats(x, y, at=float) is True


def test_a_property_written_differently_has_the_same_digest_and_keeps_its_order() -> None:
    one = parse_query(HEAD + "(assert (or (<= Y_0 1) (<= Y_1 2)))")
    other = parse_query(HEAD + "(assert (or (<= (* 2 Y_1) 4) (<= Y_0 1)))")
    assert one.digest == other.digest
    [first, second] = decode(packed(other), one.digest).conjunctions()
    assert first.rows[0].outputs == ((1, Fraction(2)),)
    assert second.rows[0].outputs == ((0, Fraction(1)),)


@MANY
@given(st.data())
def test_altered_bytes_are_damaged(data: st.DataObject) -> None:
    query = parse_query(ASKED)
    good = packed(query)
    bad = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=4, unique=True)):
        bad[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreError, match="damaged"):
        decode(bytes(bad), query.digest)


@pytest.mark.parametrize("length", [0, 5, 10, 30])
def test_bytes_that_were_cut_off_are_damaged(length: int) -> None:
    query = parse_query(ASKED)
    with pytest.raises(StoreError, match="damaged"):
        decode(packed(query)[:length], query.digest)
    with pytest.raises(StoreError, match="damaged"):
        decode(packed(query) + b"\0", query.digest)


FORMULAS = [
    "(and",
    ")",
    "(and ) )",
    "0:1<=1 0:1<=1",
    "0:1=1",
    "0:1",
    "0:1<=",
    "0:1<=1/0",
    "0:1<=nan",
    "0:1<=1e999",
    "0:x<=1",
    "zero:1<=1",
    "1:1<=1",
    "-2:1<=1",
    "(nor 0:1<=1 )",
    "(and 0:1<=0 (or 0:1<=1 " * 60 + ") ) " * 59 + ") )",
]
TENSOR = '["X","real",[],null]'
NETWORK = f'["N",[{TENSOR}],[{TENSOR}],[],null,null]'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 1 1 0:1<=1",
        "[1,1]\n0:1<=1",
        "[1,1,1,[],[]]",
        '["one",1,1,[],[]]\n0:1<=1',
        "[1,1,1.5,[],[]]\n0:1<=1",
        "[1,1,1,[],[]\n0:1<=1",
        "[" * 100_000 + "\n0:1<=1",
        *(f"[1,1,1,[],[]]\n{formula}" for formula in FORMULAS),
        "[2,1,1,[[]],[]]\n0:1<=1",
        f"[2,1,1,[{NETWORK},{NETWORK}],[]]\n0:1<=1",
        f"[2,1,1,[{NETWORK.replace('null]', '1]')}],[]]\n0:1<=1",
        f'[2,1,1,[{NETWORK.replace("null,null]", """"Q",null]""")}],[]]\n0:1<=1',
        f"[2,1,1,[{NETWORK.replace('[],null', '[1.5],null')}],[]]\n0:1<=1",
        f"[2,1,1,[{NETWORK.replace('[],null', '[true],null')}],[]]\n0:1<=1",
        f"[2,1,1,[{NETWORK}],[0]]\n0:1<=1",
        f"[2,1,1,[{NETWORK}],[[0,1]]]\n0:1<=1",
        f"[2,1,1,[{NETWORK}],[[0,-2]]]\n0:1<=1",
        f"[2,1,1,[{NETWORK}],[[0,0]]]\n-3:1<=1",
    ],
)
def test_text_that_is_no_formula_is_damaged(text: str) -> None:
    with pytest.raises(StoreError, match="damaged") as caught:
        decode(packed(parse_query(ASKED))[:11] + zlib.compress(text.encode()), "0" * 64)
    assert "another property" not in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_such_texts_are_damaged_by_nothing_but_their_fault() -> None:
    for text in ("[1,1,1,[],[]]\n0:1<=1", f"[2,1,1,[{NETWORK}],[[0,0]]]\n-2:1<=1"):
        with pytest.raises(StoreError, match="another property"):
            decode(packed(parse_query(ASKED))[:11] + zlib.compress(text.encode()), "0" * 64)


def test_what_a_query_of_networks_declares_comes_back() -> None:
    query = parse_query(
        """(vnnlib-version <2.1>)
        (declare-network f (declare-input A real [2,1])
            (declare-hidden H int8 [] "ö \\"h\\"\\n") (declare-output B real []))
        (declare-network g (equal-to f) (declare-input C real [2,1]) (declare-output D real []))
        (declare-network h (isomorphic-to f) (declare-input E float16 [2,1]) (declare-output F float16 []))
        (assert (>= (* B D) (+ 1.0 (* A[0,0] A[1,0] C[0,0]))))"""
    )
    found = again(query)
    assert found.networks == query.networks
    assert found.networks[0].hidden[0].onnx_name == 'ö "h"\n'
    assert found.products == query.products == ((-3, -1), (0, 1, 2))
    assert (found.inputs, found.outputs) == (6, 4)
    assert list(found.conjunctions()) == list(query.conjunctions())


def test_another_property_is_not_taken_for_the_one_that_was_wanted() -> None:
    one, other = parse_query(ASKED), parse_query(ASKED.replace("0.3", "0.4"))
    with pytest.raises(StoreError, match="another property"):
        decode(packed(one), other.digest)


def test_bytes_of_another_version_are_outdated_and_not_read() -> None:
    query = parse_query(ASKED)
    data = packed(query)
    assert not outdated(data)
    assert outdated(b"IVANQUERY\1\1" + data[11:])  # the format before networks and products
    for place in (9, 10):
        other = data[:place] + bytes([data[place] + 1]) + data[place + 1 :]
        assert outdated(other)
        with pytest.raises(StoreError, match="wrong first bytes"):
            decode(other, query.digest)
    assert not outdated(b"no query at all")


def test_a_query_beyond_the_limit_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    query = parse_query(ASKED)
    data = packed(query)
    monkeypatch.setattr(codec, "LIMIT", 20)
    assert encode(query) is None
    with pytest.raises(StoreError, match="wrong length"):
        decode(data, query.digest)
