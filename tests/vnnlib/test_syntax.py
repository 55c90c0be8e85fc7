"""Tokens and files: what is read, and what is refused where."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ivan.errors import PropertyError
from ivan.vnnlib import parse_query, read_query
from ivan.vnnlib.syntax import PADDING, Source

TEXT = "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n(assert (<= X_0 0.5)) ; half\n"


def tokens(text: str) -> list[str]:
    return Source(text).tokens[:-PADDING]


def test_comments_end_with_their_line_and_strings_may_hold_anything() -> None:
    assert tokens('(a ; (b\r\n"c;(""d" e;f\n)') == ["(", "a", '"c;(""d"', "e", ")"]


def test_pipes_around_a_simple_symbol_mean_nothing() -> None:
    assert tokens("(|X_0| |a b| |(|)") == ["(", "X_0", "|a b|", "|(|", ")"]


def test_a_quote_in_a_comment_opens_nothing() -> None:
    assert tokens("; don't \"\n(a)") == ["(", "a", ")"]


@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_compression_is_told_by_the_first_bytes_not_by_the_name(tmp_path: Path, encode: type, prefix: bytes) -> None:
    file = tmp_path / "property.txt"
    file.write_bytes(encode(prefix + TEXT.replace("\n", "\r\n").encode()))
    assert read_query(file).digest == parse_query(TEXT).digest
    assert read_query(str(file)).path == str(file)


def test_a_comment_may_be_in_any_language(tmp_path: Path) -> None:
    file = tmp_path / "p.vnnlib"
    file.write_text("; größer als λ — 中文\n" + TEXT, encoding="utf-8")
    assert read_query(file).inputs == 1


def refusal(file: Path) -> PropertyError:
    with pytest.raises(PropertyError) as caught:
        read_query(file)
    assert caught.value.hint
    assert caught.value.path == str(file)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path / "absent.vnnlib")
    assert (error.line, str(error)) == (0, f"{tmp_path / 'absent.vnnlib'}: no such file")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.line == 0
    assert "cannot be read" in str(error)


@pytest.mark.parametrize(
    "data",
    [gzip.compress(TEXT.encode())[:-9], b"\x1f\x8b\x00\x00", gzip.compress(TEXT.encode())[:20] + b"\0" * 40],
    ids=["cut short", "no header", "overwritten"],
)
def test_damaged_compression_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "p.vnnlib.gz"
    file.write_bytes(data)
    error = refusal(file)
    assert error.line == 0
    assert "damaged gzip file" in str(error)


@pytest.mark.parametrize(
    ("data", "line", "column", "fault"),
    [
        (b"\x08\x07\x12\x07pytorch\x1a\x051.9", 1, 1, "a control character"),
        (b"(assert\x00", 1, 8, "a control character"),
        ("; ä\n(a ".encode() + b"\xff)", 2, 4, "byte 0xff is not UTF-8"),
        (TEXT.encode("utf-16"), 1, 1, "byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbf\xfe", 1, 1, "byte 0xfe is not UTF-8"),
    ],
    ids=["protobuf", "zero byte", "not UTF-8", "UTF-16", "mark, then not UTF-8"],
)
def test_what_is_no_text_is_refused_at_its_first_strange_byte(
    tmp_path: Path, data: bytes, line: int, column: int, fault: str
) -> None:
    file = tmp_path / "p.vnnlib"
    file.write_bytes(data)
    error = refusal(file)
    assert (error.line, error.column, error.width) == (line, column, 1)
    assert fault in str(error)
    excerpt = error.excerpt()
    assert excerpt is not None
    assert all(character.isprintable() for part in excerpt.split("\n") for character in part)


@pytest.mark.parametrize("text", ["", " \n\t", "; nothing but talk\n"])
def test_an_empty_property_is_refused(text: str) -> None:
    with pytest.raises(PropertyError, match=r"<text>:1:1: the property is empty"):
        parse_query(text)


def test_the_line_shown_with_an_error_has_no_line_break() -> None:
    with pytest.raises(PropertyError) as caught:
        parse_query("(declare-const X_0 Real)\r\n(assert\r\n(<= X_0 1))", "p")
    assert (caught.value.source, caught.value.line) == ("(<= X_0 1))", 3)
    with pytest.raises(PropertyError) as caught:
        parse_query("(declare-const X_0 Real)\r\n(assert (<= X_9 1))\r\n")
    assert caught.value.source == "(assert (<= X_9 1))"
