"""`ivan` within the test's process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivan.cli.main import run


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def verdict(self) -> str:
        """The first line of stdout; with it goes that the command ended as every verdict does."""
        assert self.code == 0, self.err
        return self.out.split("\n", 1)[0]


class Shell:
    """Runs `ivan` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path | float) -> Finished:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        return Finished(code, out, err)

    def verify(self, *arguments: str | Path | float) -> Finished:
        """Runs `ivan verify`."""
        return self("verify", *arguments)

    def report(self, *arguments: str | Path | float) -> dict[str, Any]:
        """What `--json` says."""
        done = self.verify(*arguments, "--json", "report.json")
        report: dict[str, Any] = json.loads(Path("report.json").read_text())
        assert report["verdict"] == done.verdict
        return report
