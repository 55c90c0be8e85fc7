"""What `ivan cache doctor` says: a line for each damaged row, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivan.cli.tables import listed, plural

if TYPE_CHECKING:
    from ivan.doctor import Finding, Report

_HINTS = {
    "file": "`ivan cache export FILE` rescues what can be read; a damaged file is best deleted then, and whatever was "
    "lost can be found again",
    "run": "`ivan cache doctor --repair` deletes damaged runs; every answer can be found again",
    "network": "`ivan cache doctor --repair` forgets damaged weights; all else is written anew by the next run of it",
    "property": "it is written anew by the next run that asks it",
}
"""What to do, by the kind of what is damaged."""


def line(finding: Finding) -> str:
    """One finding: what it is, the model's and the property's name, what is wrong."""
    key = _key(finding)
    parts = (f"{finding.kind} {key[:12] if finding.kind in ('network', 'property') else key}", finding.model)
    return "  ".join(filter(None, (*parts, finding.asked, finding.problem)))


def summed_up(before: Report, after: Report) -> Iterator[str]:
    """How much was examined, found and repaired, and hints about what is left.

    Args:
        before: what was found.
        after: what is left of it.
    """
    runs, networks, properties = (before.counts[kind] for kind in ("run", "network", "property"))
    counted = plural(runs, "run"), plural(networks, "network"), plural(properties, "property", "properties")
    parts = [f"{listed(counted)} examined"]
    if before.foreign:
        parts.append(f"{plural(before.foreign, 'proof')} of another version not looked into")
    repaired = len(before.findings) - len(after.findings)
    if repaired:
        parts.append(f"{repaired} repaired")
    parts.append(f"{len(after.findings)} damaged" if after.findings else "all is well")
    yield "; ".join(parts)
    for kind in dict.fromkeys(finding.kind for finding in after.findings):
        yield f"hint: {_HINTS[kind]}"


def report_of(location: str, before: Report, after: Report) -> dict[str, object]:
    """The same for programs."""
    left = {(finding.kind, finding.key) for finding in after.findings}
    damaged = [
        {
            "kind": finding.kind,
            "key": finding.key if isinstance(finding.key, int) else _key(finding),
            "network_name": finding.model or None,
            "property_name": finding.asked or None,
            "problem": finding.problem,
            "repaired": (finding.kind, finding.key) not in left,
        }
        for finding in before.findings
    ]
    runs, networks, properties = (before.counts[kind] for kind in ("run", "network", "property"))
    counts = {"runs": runs, "networks": networks, "properties": properties, "foreign_proofs": before.foreign}
    return {"location": location, **counts, "damaged": damaged}


def _key(finding: Finding) -> str:
    return finding.key.hex() if isinstance(finding.key, bytes) else str(finding.key)
