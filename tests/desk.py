"""A desk with a store: questions are asked there one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.questions import HOLDS

import ivan
from ivan.outcome import Listener


class Told(Listener):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str, hint: str | None) -> None:
        self.warnings.append(message)


class Desk:
    """A folder, a store, and questions by name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "proofs.sqlite"
        self.told = Told()

    def path(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def ask(
        self,
        model: bytes,
        query: str = HOLDS,
        *,
        name: str = "model.onnx",
        asked: str = "property.vnnlib",
        clean: bool = True,
        **more: Any,
    ) -> ivan.Outcome:
        """Verifies with this desk's store; warnings are unexpected unless `clean` is False."""
        files = self.path(name, model), self.path(asked, query)
        outcome = ivan.verify(*files, **{"store": self.store, "listener": self.told, **more})
        assert not (clean and self.told.warnings), self.told.warnings
        return outcome
