"""Inputs are read exactly from arrays, JSON and CSV, and what is none is refused with its place."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

from ivan.errors import InputError
from ivan.spec import Numbers, read_numbers, rows_of


def array(values: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(values), allow_pickle=True)
    return stream.getvalue()


TENTH = Fraction(1, 10)


@pytest.mark.parametrize(
    ("data", "shape", "values"),
    [
        (b"0.1, 1/3\n", (1, 2), (TENTH, Fraction(1, 3))),
        (b"0.1 2\r\n\r\n3;4\r\n", (2, 2), (TENTH, 2, 3, 4)),
        (b"\xef\xbb\xbf0.1\n", (1, 1), (TENTH,)),
        (b"[0.1, 2e0]", (2,), (TENTH, 2)),
        (b" [[0.1], [3]]\n", (2, 1), (TENTH, 3)),
        (array(np.float32([0.1])), (1,), (Fraction(float(np.float32(0.1))),)),
        (array(np.float64([[0.1]])), (1, 1), (Fraction(0.1),)),
        (array(np.uint8([[7, 255]])), (1, 2), (7, 255)),
        (array([True, False]), (2,), (1, 0)),
    ],
)
def test_numbers_are_those_of_the_file(data: bytes, shape: tuple[int, ...], values: tuple[Fraction, ...]) -> None:
    assert read_numbers(data, "x") == Numbers("x", values, shape)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: no numbers"),
        (b"\n \n", "x: no numbers"),
        (b"1,2\n3,four\n", "x:2:3: 'four' is not a number"),
        (b"1,nan\n", "x:1:3: 'nan' is not a number"),
        (b"1,2\n3\n", "x:2: 1 numbers, 2 in the lines before"),
        (b"[1, 2", "x:1:"),
        (b"[1, [2]]", "x: lists of different lengths"),
        (b'[1, "2"]', 'x: "2" is neither a number nor a list'),
        (b"[NaN]", "x: 'NaN' is not a number"),
        (b"[1e999]", "x: '1e999' is beyond"),
        (b"[" * 100_000, "x: lists too deep"),
        (b"\xff\xfe", "x: neither an array nor text"),
        (b"PK\x03\x04rest", "x: a .npz archive"),
        (array([1.0, np.nan]), r"x: entry \[1\] is not a finite number"),
        (array([1 + 2j]), "x: an array of complex128"),
        (array([None]), "x: a damaged array: Object arrays"),
        (array([1.0, 2.0])[:-3], "x: a damaged array"),
    ],
)
def test_what_holds_no_numbers_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        read_numbers(data, "x")
    assert caught.value.hint


def of_shape(*shape: int) -> Numbers:
    return Numbers("x", tuple(map(Fraction, range(int(np.prod(shape))))), shape)


@pytest.mark.parametrize(
    ("shape", "count"), [((4,), 1), ((1, 4), 1), ((4, 1), 1), ((2, 2), 1), ((3, 4), 3), ((3, 2, 2), 3), ((3, 1, 4), 3)]
)
def test_the_first_axis_counts_the_inputs_where_there_are_several(shape: tuple[int, ...], count: int) -> None:
    rows = rows_of(of_shape(*shape), 4)
    assert [len(row) for row in rows] == [4] * count
    assert sum(rows, ()) == of_shape(*shape).values


@pytest.mark.parametrize("shape", [(3,), (8,), (2, 3), (4, 3), (0,), (0, 4)])
def test_what_does_not_consist_of_inputs_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="an input of the model has 4"):
        rows_of(of_shape(*shape), 4)
