"""A gate's findings for others: Markdown for a pull request, JUnit's XML, JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ivan
from ivan.answer import shortened
from ivan.gate.answers import Answer, Change, Checked, State, Totals, exit_code, sorted_by_change
from ivan.gate.suite import ONLY, Suite
from ivan.report.junit import Case, junit

SHOWN = 8
"""Values of a counterexample that a summary shows."""


@dataclass(frozen=True)
class Gate:
    """All that a report speaks of.

    Attributes:
        suite: what was asked.
        versions: the version at hand of every model.
        bases: the version it is compared with; None where nothing is compared.
        checked: the answers, in the suite's order.
        began: when.
        seconds: that all of it took.
    """

    suite: Suite
    versions: Mapping[str, Path]
    bases: Mapping[str, Path] | None
    checked: Sequence[Checked]
    began: datetime
    seconds: float

    def headline(self) -> str:
        """The most important, in one sentence."""
        changes = Counter(one.change for one in self.checked)
        counts = ", ".join(_many(count, change) for change in Change if (count := changes[change]))
        end = "" if exit_code(self.checked) else "; nothing stands in the way"
        return f"{_counted(len(self.checked), 'property', 'properties')}: {counts}{end}"

    def numbers(self) -> str:
        """What was reused, and what time that saved, in one sentence; empty where nothing is compared."""
        totals, count = Totals.of(self.checked), len(self.checked)
        parts = [] if totals.reused is None else [f"{totals.reused:.0%} of the old proofs reused"]
        if totals.saved_seconds is not None:
            some = "" if totals.compared == count else f" on {totals.compared:,} of {count:,} properties"
            saved = round(totals.saved_seconds, 1)
            parts.append(f"{abs(saved):.1f} s {'saved' if saved >= 0 else 'lost'}{some}")
            if totals.seconds_before is not None:
                parts[-1] += f": {totals.seconds:.1f} s of verification instead of {totals.seconds_before:.1f} s"
        return ", ".join(parts)

    def hints(self) -> list[str]:
        """What to do about questions that could not be asked, or not be decided: every hint once."""
        return [*dict.fromkeys(one.now.hint for one in self.checked if one.now.hint)]


def markdown(gate: Gate) -> str:
    """A summary for a pull request, what changed first."""
    ordered = sorted_by_change(gate.checked)
    mark = {0: "✅", 1: "❌", 2: "⚠️", 3: "❔"}
    lines = [f"### {mark[exit_code(gate.checked)]} {_escaped(gate.suite.name)}: {gate.headline()}", ""]
    for name, path in gate.versions.items():
        before = "" if gate.bases is None else f"`{gate.bases[name].name}` → "
        lines.append(f"{before}`{path.name}`" + ("" if name == ONLY else f" ({_escaped(name)})") + "  ")
    if numbers := gate.numbers():
        lines.append(f"{numbers}  ")
    compared = gate.bases is not None
    headings = ["", "property", *["before"] * compared, "now", "reused", "time", *["saved"] * compared]
    sides = ["---:" if name in ("reused", "time", "saved") else "---" for name in headings]
    lines += ["", f"| {' | '.join(headings)} |", f"|{'|'.join(sides)}|"]
    for one in ordered:
        before = "" if one.before is None else one.before.state.value
        saved = "" if one.saved is None else f"{round(one.saved, 1) + 0.0:.1f} s"  # never -0.0
        share = "" if one.now.reused is None else f"{one.now.reused:.0%}"
        cells = [one.change.value, one.question.name, *[before] * compared, said(one), share]
        cells += [f"{one.now.seconds:.1f} s", *[saved] * compared]
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    lines += [f"\nhint: {_escaped(hint)}" for hint in gate.hints()]
    for one in ordered:
        if one.now.counterexample is not None and one.blocks:
            lines += ["", f"<details><summary>{_escaped(one.question.name)}: counterexample</summary>", ""]
            lines += ["```", *shortened(one.now.counterexample, SHOWN), "```", "", "</details>"]
    return "\n".join(lines) + "\n"


def junit_report(gate: Gate) -> str:
    """A case for every question: what stands in the way is a failure or an error, all else passed or skipped."""
    properties = {"suite": str(gate.suite.path), "ivan": ivan.__version__}
    properties |= {name: str(path) for name, path in gate.versions.items()}
    if numbers := gate.numbers():
        properties["reuse"] = numbers
    cases = [_case(gate, one) for one in gate.checked]
    return junit(gate.suite.name, cases, when=gate.began, properties=properties)


def _case(gate: Gate, one: Checked) -> Case:
    group = f"{gate.suite.name}.{gate.versions[one.question.property.model].name.replace('.', '_')}"
    name, now = one.question.name, one.now
    text = now.counterexample or now.hint or ""
    if now.state is State.UNUSABLE:
        return Case(group, name, now.seconds, "error", one.change.value, said(one), text)
    if one.blocks:
        return Case(group, name, now.seconds, "failure", one.change.value, said(one), text)
    if now.state is State.HOLDS:
        return Case(group, name, now.seconds, "passed")
    return Case(group, name, now.seconds, "skipped", one.change.value, f"{said(one)}, which may be")


def json_report(gate: Gate) -> str:
    """All that is known."""
    totals = Totals.of(gate.checked)
    report = {
        "version": ivan.__version__,
        "suite": str(gate.suite.path),
        "exit_code": exit_code(gate.checked),
        "began": gate.began.isoformat(timespec="seconds"),
        "seconds": round(gate.seconds, 3),
        "models": {name: str(path) for name, path in gate.versions.items()},
        "bases": None if gate.bases is None else {name: str(path) for name, path in gate.bases.items()},
        "totals": asdict(totals) | {"reused": totals.reused},
        "changes": {change.value: count for change in Change if (count := _count(gate, change))},
        "properties": [_flat(one) for one in sorted_by_change(gate.checked)],
    }
    return json.dumps(report, indent=2) + "\n"


def _flat(one: Checked) -> dict[str, Any]:
    asked = one.question.property
    return {
        "name": one.question.name,
        "model": asked.model,
        "severity": asked.severity.value,
        "timeout": asked.timeout,
        "change": one.change.value,
        "blocks": bool(one.blocks),
        "reused": one.now.reused,
        "saved_seconds": one.saved,
        "now": _answer(one.now),
        "before": None if one.before is None else _answer(one.before),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    facts = asdict(answer)
    return facts | {"returned": None if answer.returned is None else str(answer.returned)}


def _count(gate: Gate, change: Change) -> int:
    return sum(one.change is change for one in gate.checked)


def said(one: Checked) -> str:
    """What is known now, in a few words."""
    now = one.now
    if now.returned is not None:
        return f"violated: the counterexample {now.returned.name} is back"
    if now.state is State.UNUSABLE:
        return f"unusable: {now.reason or 'no reason is known'}"
    if now.verdict == "timeout":
        return f"undecided after {one.question.property.timeout:g} s"
    if now.verdict == "unknown" and now.reason:
        return f"undecided: {now.reason}"
    return now.state.value


def _escaped(text: str) -> str:
    """Within a table of Markdown."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _many(count: int, change: Change) -> str:
    """1 holds, 2 hold; all other changes are the same for one and for many."""
    return f"{count:,} {'hold' if change is Change.HOLDS and count != 1 else change}"


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
