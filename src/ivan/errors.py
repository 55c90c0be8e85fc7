"""What can go wrong, each class with the exit code that a shell sees and a hint for the person who reads it.

    IvanError
    ├── InputError                 2   something the user gave cannot be used
    │   ├── ModelError             2   an ONNX file: unreadable, damaged, not understood
    │   │   └── UnsupportedOperatorError
    │   ├── PropertyError          2   a VNN-LIB file: unreadable, ill-formed, not understood
    │   └── MismatchError          2   model and property do not belong together
    ├── StoreError                 2   the proof store: locked, damaged, of a newer version, ...
    │                                  (`ivan verify` warns and goes on without the store)
    ├── ProofError                 2   a stored proof that is malformed or belongs to something else
    └── InternalError              4   a law of the program itself was broken; always a bug

A message is one line and names the place; the hint says what to do about it, and how to have errors of the class
explained. In Python a traceback shows these as notes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar


def topic_of(name: str) -> str:
    """What `ivan explain` calls a class: its name in words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


class IvanError(Exception):
    """Base of all errors that ivan raises on purpose.

    Args:
        message: one line: what is wrong, and where.
        hint: one line: what the reader can do about it.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if excerpt := self.excerpt():
            self.add_note(excerpt)
        self.add_note(f"hint: {self.advice}")

    @property
    def advice(self) -> str:
        """The hint, and the command that explains errors of the class: what stands behind `hint:` everywhere."""
        return self.advised(self.hint)

    def excerpt(self) -> str | None:
        """The text that it is about, where there is one."""
        return None

    @classmethod
    def advised(cls, hint: str | None) -> str:
        """What `advice` is with another hint."""
        command = cls.explanation()
        return f"{hint} ({command})" if hint else f"`{command}` says more"

    @classmethod
    def explanation(cls) -> str:
        """The command that explains errors of this class; it needs no network and no copy of the repository."""
        return f"ivan explain {topic_of(cls.__name__)}"


class InputError(IvanError):
    """Something the user gave cannot be used."""

    exit_code = 2


class ModelError(InputError):
    """An ONNX model that cannot be read or that means nothing to the verifier."""


class UnsupportedOperatorError(ModelError):
    """A model that uses operators outside the supported set; names all of them at once.

    Args:
        path: the model's file.
        operators: one description per kind of operator (operator, node name, opset).
    """

    def __init__(self, path: str, operators: Sequence[str]) -> None:
        self.operators = tuple(operators)
        noun = "operator" if len(self.operators) == 1 else "operators"
        super().__init__(
            f"{path}: unsupported {noun}: {'; '.join(self.operators)}",
            hint="rewrite or remove these operators before export",
        )


class PropertyError(InputError):
    """A VNN-LIB property that cannot be read; knows its position in the text.

    Args:
        message: what is wrong.
        path: the file, or `<text>`.
        line: 1-based line, or 0 when the fault has no single place.
        column: 1-based column of the first character at fault.
        source: that line of the text, without its line break.
        width: how many characters to underline.
        hint: what the reader can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "<text>",
        line: int = 0,
        column: int = 0,
        source: str = "",
        width: int = 1,
        hint: str | None = None,
    ) -> None:
        self.path, self.line, self.column, self.source, self.width = path, line, column, source, width
        place = f"{path}:{line}:{column}" if line else path
        super().__init__(f"{place}: {message}", hint=hint)

    def excerpt(self) -> str | None:
        """The faulty line and, below it, marks under the fault; None when it has no single place."""
        if not self.line:
            return None
        # Very long lines (whole properties on one line are legal) are cut around the fault.
        start = max(0, self.column - 60)
        shown = self.source[start : start + 110].replace("\t", " ")
        before = self.column - 1 - start
        return f"  {shown}\n  {' ' * before}{'^' * max(1, min(self.width, len(shown) - before))}"


class MismatchError(InputError):
    """Model and property do not belong together: numbers of inputs or outputs differ."""


class StoreError(IvanError):
    """The proof store cannot be used."""

    exit_code = 2


class ProofError(IvanError):
    """A proof that is malformed, altered, or about something else."""

    exit_code = 2


class InternalError(IvanError):
    """A law of the program itself was broken."""

    exit_code = 4
