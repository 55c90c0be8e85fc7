"""The text of a property: tokens, and where they stand.

A large property is a million short assertions, so the text is cut by one `findall` into plain strings and nothing else
is kept per token. A position is wanted only for an error; then the same pattern runs once more, up to the token at
fault. For the same reason an s-expression is no object: it is the index of its first token, and `Source.end` finds its
last. Lexical rules are SMT-LIB's: comments from `;` to the end of the line, `"..."` with `""` inside, `|...|`; a string
may also hold a quote or a backslash behind a backslash, as VNN-LIB 2.0 has it.
"""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ivan.errors import PropertyError

_TOKEN = re.compile(
    r"""  [()]                  # a parenthesis
        | [^\s();"|[]+(?:\[[^][();"|]*\])?  # a symbol, a keyword or a number; an index may hold blanks
        | \[[^][();"|]*\]    # a shape
        | \[                 # one that never closes
        | ;[^\r\n]*           # a comment, dropped
        | "(?:[^"\\]|\\[\s\S]|"")*"  # a string
        | \|[^|]*\|           # a quoted symbol
        | ["|]                # a quote that never closes, refused
    """,
    re.VERBOSE,
)
_SIMPLE_IN_PIPES = re.compile(r'\|([^\s();"|]+)\|')
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_SHOWN = 40  # characters
_NOT_TEXT = "give a VNN-LIB property (.vnnlib or .vnnlib.gz); a model is named apart from it"

PADDING = 8
"""How many empty tokens follow the last one, so that a reader may look that far ahead without asking."""


class Source:
    """A property's text as tokens.

    Args:
        text: the whole property.
        path: where it came from, for messages.

    Attributes:
        tokens: the tokens without comments, then `PADDING` empty strings. `|X_0|` is the symbol `X_0`.

    Raises:
        PropertyError: control characters, an unclosed quote, or no token at all.
    """

    def __init__(self, text: str, path: str = "<text>") -> None:
        self.text, self.path = text, path
        if control := _CONTROL.search(text):
            raise self._error_at("this is no text: a control character", control.start(), 1, hint=_NOT_TEXT)
        tokens: list[str] = _TOKEN.findall(text)
        if ";" in text:
            tokens = [token for token in tokens if token[0] != ";"]
        self._count = len(tokens)
        self.tokens = tokens
        if '"' in text or "|" in text:
            self._settle_quotes()
        if not tokens:
            raise self._error_at("the property is empty", 0, 1, hint="declare X_i and Y_j, then assert constraints")
        tokens += [""] * PADDING

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Source:
        """Reads a file, compressed or not (its first bytes tell), in UTF-8.

        Raises:
            PropertyError: missing, unreadable, damaged, or no text.
        """
        name = os.fspath(path)
        try:
            data = Path(name).read_bytes()
        except FileNotFoundError:
            raise PropertyError("no such file", path=name, hint="check the property's path") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise PropertyError(f"cannot be read: {reason}", path=name, hint="check the file and its rights") from None
        if data.startswith(_GZIP_MAGIC):
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise PropertyError(
                    f"damaged gzip file: {error}", path=name, hint="fetch or compress the file again"
                ) from None
        data = data.removeprefix(codecs.BOM_UTF8)
        try:
            return cls(data.decode(), name)
        except UnicodeDecodeError as error:
            raise _undecodable(data, error.start, name) from None

    def end(self, start: int) -> int:
        """The index just past the expression that starts at token `start`.

        Raises:
            PropertyError: its parenthesis is never closed.
        """
        depth = 0
        for index in range(start, self._count):
            token = self.tokens[index]
            depth += (token == "(") - (token == ")")
            if depth <= 0:
                return index + 1
        raise self.unclosed(start)

    def unclosed(self, opened: int) -> PropertyError:
        """The error for a parenthesis, at token `opened`, that is never closed."""
        return self.error("this '(' is never closed", opened, hint="add the missing ')'")

    def error(self, message: str, first: int, last: int | None = None, *, hint: str) -> PropertyError:
        """An error about the tokens `first` to `last` (both included; by default one token).

        An index past the last token means the end of the text.
        """
        if first >= self._count:
            _, end = self._span(self._count - 1)
            return self._error_at(message, end, 1, hint=hint)
        start, end = self._span(first)
        if last is not None and last > first:
            _, end = self._span(min(last, self._count - 1))
        return self._error_at(message, start, end - start, hint=hint)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Where each kept token starts and ends, in characters."""
        return (match.span() for match in _TOKEN.finditer(self.text) if match[0][0] != ";")

    def _span(self, index: int) -> tuple[int, int]:
        return next(islice(self._spans(), index, None))

    def _settle_quotes(self) -> None:
        """Refuses quotes that never close and takes simple symbols out of their pipes."""
        for index, token in enumerate(self.tokens):
            if token in ('"', "|"):
                raise self.error("this quote is never closed", index, hint=f"add the missing {token}")
            if simple := _SIMPLE_IN_PIPES.fullmatch(token):
                self.tokens[index] = simple[1]

    def _error_at(self, message: str, offset: int, width: int, *, hint: str) -> PropertyError:
        return _error_at(self.text, self.path, message, offset, width, hint=hint)


def quoted(token: str) -> str:
    """The token as a message shows it: in quotes, on one line, cut when long."""
    text = " ".join(token.split())
    return f"'{text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + '...'}'"


def _error_at(text: str, path: str, message: str, offset: int, width: int, *, hint: str) -> PropertyError:
    """An error about `width` characters from `offset` on; what lies beyond the line is not underlined."""
    line_start = text.rfind("\n", 0, offset) + 1
    line_end = text.find("\n", offset)
    source = text[line_start : line_end if line_end >= 0 else len(text)].rstrip("\r")
    column = offset - line_start + 1
    return PropertyError(
        message,
        path=path,
        line=text.count("\n", 0, offset) + 1,
        column=column,
        source=_CONTROL.sub("\ufffd", source),  # one character for one, so columns still fit
        width=max(1, min(width, len(source) - column + 1)),
        hint=hint,
    )


def _undecodable(data: bytes, start: int, path: str) -> PropertyError:
    """The error for bytes that are no UTF-8 from byte `start` on."""
    offset = len(data[:start].decode())
    text = data.decode(errors="replace")
    return _error_at(text, path, f"this is no text: byte 0x{data[start]:02x} is not UTF-8", offset, 1, hint=_NOT_TEXT)
