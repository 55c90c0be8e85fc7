"""A property ready to be written: a box of inputs, and what must not happen on it.

As VNN-COMP has it, the text states the violation: the property holds when nothing satisfies it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivan.spec.box import Box
from ivan.spec.decimals import literal


@dataclass(frozen=True)
class Specification:
    """One property of one model.

    Attributes:
        title: what it says, for the comment on top; a line or more.
        box: the inputs that it speaks of.
        outputs: how many outputs the model has.
        violations: comparisons in VNN-LIB, any of which breaks the property.
        notes: further lines of the comment: of which model, from which file.
    """

    title: str
    box: Box
    outputs: int
    violations: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The property as VNN-LIB 1.0."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from comment(self.title, self.notes)
        yield from (f"(declare-const X_{i} Real)" for i in range(self.box.size))
        yield from (f"(declare-const Y_{j} Real)" for j in range(self.outputs))
        yield ""
        for i, (low, high) in enumerate(zip(self.box.lower, self.box.upper, strict=True)):
            yield f"(assert (>= X_{i} {literal(low, up=False)}))"
            yield f"(assert (<= X_{i} {literal(high, up=True)}))"
        yield ""
        if len(self.violations) == 1:
            yield f"(assert {self.violations[0]})"
            return
        yield "(assert (or"
        yield from (f"    (and {violation})" for violation in self.violations)
        yield "))"


def comment(title: str, notes: Sequence[str]) -> Iterator[str]:
    """The lines on top of a text, and an empty one."""
    for line in (*title.splitlines(), *notes):
        yield f"; {_plain(line)}"
    yield ""


def _plain(line: str) -> str:
    """On one line and printable, whatever a file is called."""
    return "".join(letter if letter.isprintable() else " " for letter in line)
