"""Results that are kept in memory alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ivan.batch.results import Result


class CollectedResults:
    """The results of a batch that nobody resumes.

    Attributes:
        kept: results that were there already: none.
        outdated: likewise.
        replaced: nowhere.
    """

    def __init__(self) -> None:
        self.kept: dict[int, Result] = {}
        self.outdated: dict[int, str] = {}
        self.replaced = Path(os.devnull)
        self._done: dict[int, Result] = {}

    def add(self, result: Result, counterexample: str | None = None) -> Result:
        """Keeps a result."""
        if counterexample is not None:
            result = replace(result, counterexample=counterexample)
        self._done[result.instance.number] = result
        return result

    def amend(self, result: Result) -> None:
        """Keeps what became known of a result since."""
        self._done[result.instance.number] = result

    def finish(self) -> list[Result]:
        """All of them, in the order of their instances."""
        return [self._done[number] for number in sorted(self._done)]
