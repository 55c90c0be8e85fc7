"""What each way of starting from an old proof is worth: an ablation in the manner of IVAN's.

    python benchmarks/incremental.py                              the examples, every version from its base
    python benchmarks/incremental.py --instances FILE.csv         columns base, updated, vnnlib, update
    python benchmarks/incremental.py --every 3 --cap 60 --plot scatter.svg --out rows.csv

Paths in FILE.csv start from its folder, and models and properties may be gzipped. Every base is verified once into a
store. Then the updated model is verified from scratch (`baseline`) and from a copy of that store with each technique.
Rows whose base is not decided are left out, as in the paper. Seconds are solving only, start-up and saving left out.
`over replay` is how much longer the run took than the replay of the old proof alone: what is left above 1 is search,
attack and store. Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean

import ivan
from ivan.options import Options
from ivan.outcome import Outcome
from ivan.vnnlib import read_query

EXAMPLES = Path(__file__).resolve().parent.parent / "vnnlib_examples"
UPDATES = ("int16", "int8", "finetuned", "pruned")

TECHNIQUES = {
    "reuse": "reuse",
    "reorder": "reorder",
    "reuse+prune": "reuse,prune",
    "all of IVAN": "reuse,prune,reorder",
    "transfer": "reuse,transfer",
    "everything": "reuse,prune,reorder,transfer",
}
"""By the names that the table has for them."""

DEFAULT = "transfer"
"""The technique that is on by default: the one in the picture and in `over replay`."""


@dataclass(frozen=True)
class Row:
    """One update of one model, and a property of both."""

    base: Path
    updated: Path
    query: Path
    update: str


@dataclass
class Measured:
    """What one row took: seconds by technique, None where it was not decided in time."""

    row: Row
    verdict: str
    seconds: dict[str, float | None] = field(default_factory=dict)
    replay: float = 0.0


def examples() -> Iterator[Row]:
    """Every version of every example."""
    for query in sorted(EXAMPLES.glob("*.vnnlib")):
        (name,) = (m.stem for m in EXAMPLES.glob("*.onnx") if "." not in m.stem and query.stem.startswith(m.stem + "-"))
        if len(read_query(query).networks) > 1:  # of two versions, which are both of the question
            continue
        for update in UPDATES:
            updated = EXAMPLES / f"{name}.{update}.onnx"
            if updated.exists():  # not every example has later versions
                yield Row(EXAMPLES / f"{name}.onnx", updated, query, update)


def instances(table: Path) -> Iterator[Row]:
    """The rows of a file; a path that is not there may be there with .gz."""

    def found(name: str) -> Path:
        path = table.parent / name
        return path if path.exists() else path.with_name(path.name + ".gz")

    with table.open(newline="") as lines:
        for line in csv.DictReader(lines):
            yield Row(found(line["base"]), found(line["updated"]), found(line["vnnlib"]), line["update"])


class Bench:
    """Runs rows; every base is verified once.

    Args:
        folder: for stores.
        cap: seconds for each verification.
        techniques: names of TECHNIQUES.
    """

    def __init__(self, folder: Path, cap: float, techniques: Sequence[str]) -> None:
        self._folder, self._cap, self._techniques = folder, cap, techniques
        self._bases: dict[tuple[Path, Path], tuple[Path, str]] = {}

    def _verify(self, model: Path, query: Path, store: Path | bool, incremental: str = "none") -> Outcome:
        options = Options(incremental=incremental)
        return ivan.verify(model, query, timeout=self._cap, store=store, options=options)

    def measure(self, row: Row) -> Measured | None:
        """None where the base is not decided."""
        key = row.base, row.query
        if key not in self._bases:
            store = self._folder / f"{len(self._bases)}.sqlite"
            self._bases[key] = store, self._verify(row.base, row.query, store).verdict.value
        store, verdict = self._bases[key]
        if verdict not in ("sat", "unsat"):
            return None
        cold = self._verify(row.updated, row.query, False)
        result = Measured(row, cold.verdict.value, {"baseline": _seconds(cold)})
        for name in self._techniques:
            copy = self._folder / "copy.sqlite"
            shutil.copy(store, copy)
            warm = self._verify(row.updated, row.query, copy, TECHNIQUES[name])
            copy.unlink()
            if cold.verdict.decided and warm.verdict.decided and cold.verdict is not warm.verdict:
                raise SystemExit(
                    f"{row.updated} {row.query}: {cold.verdict.value} alone, {warm.verdict.value} by {name}"
                )
            result.seconds[name] = _seconds(warm)
            if name == DEFAULT:
                result.replay = warm.phases.get("replay", 0.0)
        return result


def _seconds(outcome: Outcome) -> float | None:
    return max(outcome.solve_seconds, 1e-3) if outcome.verdict.decided else None


def table(measured: Sequence[Measured], techniques: Sequence[str], least: float) -> list[str]:
    """Speed-ups over the baseline, a line for each update and technique."""
    heads = f"{'rows':>6}{'solved':>8}{'lost':>6}{'geomean x':>11}{'sum x':>8}{'over replay':>13}"
    lines = [f"{'update':<10}{'technique':<14}{heads}"]
    for update in dict.fromkeys(m.row.update for m in measured):
        mine = [m for m in measured if m.row.update == update]
        for name in techniques:
            lost = sum(m.seconds["baseline"] is not None and m.seconds[name] is None for m in mine)
            solved = sum(m.seconds[name] is not None for m in mine)
            pairs = [
                (cold, warm, m.replay)
                for m in mine
                if (cold := m.seconds["baseline"]) is not None
                and (warm := m.seconds[name]) is not None
                and cold >= least
            ]
            ratios = f"{'':>11}{'':>8}{'':>13}"
            if pairs:
                mean = geometric_mean(cold / warm for cold, warm, _ in pairs)
                total = sum(cold for cold, _, _ in pairs) / sum(warm for _, warm, _ in pairs)
                replays = [(warm, replay) for _, warm, replay in pairs if replay > 1e-3]
                over = geometric_mean(w / r for w, r in replays) if replays and name == DEFAULT else None
                ratios = f"{mean:>11.2f}{total:>8.2f}" + ("" if over is None else f"{over:>13.2f}")
            lines.append(f"{update:<10}{name:<14}{len(pairs):>6}{solved:>8}{lost:>6}{ratios}".rstrip())
    return lines


COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by everyone (Okabe & Ito)."""


def scatter(measured: Sequence[Measured], name: str) -> str:
    """An SVG picture: seconds from scratch to the right, from the old proof upwards, both logarithmic."""
    from math import floor, log10

    points = [
        (cold, warm, m.row.update)
        for m in measured
        if (cold := m.seconds["baseline"]) is not None and (warm := m.seconds[name]) is not None
    ]
    numbers = [v for cold, warm, _ in points for v in (cold, warm)] or [1.0]
    first, last = floor(log10(min(numbers))), floor(log10(max(numbers))) + 1
    size, edge = 420, 60

    def place(value: float) -> float:
        return edge + size * (log10(value) - first) / (last - first)

    height = size + 2 * edge
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{height + 80}" height="{height}" font-family="sans-serif" '
        'font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',  # legible on a dark page, too
        f'<rect x="{edge}" y="{edge}" width="{size}" height="{size}" fill="none" stroke="#888"/>',
        f'<line x1="{edge}" y1="{edge + size}" x2="{edge + size}" y2="{edge}" stroke="#888" stroke-dasharray="4"/>',
        f'<text x="{edge + size / 2}" y="{height - 15}" text-anchor="middle">seconds from scratch</text>',
        f'<text x="18" y="{edge + size / 2}" text-anchor="middle" '
        f'transform="rotate(-90 18 {edge + size / 2})">seconds from the old proof ({name})</text>',
    ]
    for power in range(first, last + 1):
        at = place(10.0**power)
        parts.append(f'<text x="{at:.1f}" y="{edge + size + 18}" text-anchor="middle">{10.0**power:g}</text>')
        parts.append(f'<text x="{edge - 6}" y="{height - at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for i, update in enumerate(dict.fromkeys(u for _, _, u in points)):
        colour = COLOURS[i % len(COLOURS)]
        parts.append(f'<circle cx="{edge + size + 16}" cy="{edge + 10 + 20 * i}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{edge + size + 26}" y="{edge + 14 + 20 * i}">{update}</text>')
        parts += [
            f'<circle cx="{place(cold):.1f}" cy="{height - place(warm):.1f}" r="3" fill="{colour}" fill-opacity="0.7"/>'
            for cold, warm, other in points
            if other == update
        ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measures, prints, draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=Path)
    parser.add_argument("--match", default="", help="only rows whose paths contain this")
    parser.add_argument("--every", type=int, default=1, help="only every k-th row of each kind of update")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds for each verification")
    parser.add_argument("--min", type=float, default=0.0, help="ratios count rows with a baseline of so many seconds")
    parser.add_argument("--techniques", default=",".join(TECHNIQUES), help="of " + ", ".join(TECHNIQUES))
    parser.add_argument("--out", type=Path, help="write every row here")
    parser.add_argument("--plot", type=Path, help="write an SVG picture here")
    chosen = parser.parse_args()
    techniques = [name.strip() for name in chosen.techniques.split(",")]
    if unknown := set(techniques) - set(TECHNIQUES):
        parser.error(f"--techniques: unknown {', '.join(sorted(unknown))}")
    rows = list(examples() if chosen.instances is None else instances(chosen.instances))
    rows = [row for row in rows if chosen.match in f"{row.base} {row.updated} {row.query}"]
    kinds = dict.fromkeys(row.update for row in rows)
    rows = [row for kind in kinds for row in [r for r in rows if r.update == kind][:: chosen.every]]
    read_query(rows[0].query)  # what is imported on first use is not part of the first measurement
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), chosen.cap, techniques)
        for number, row in enumerate(rows, 1):
            print(f"\r{number} of {len(rows)}", end="", file=sys.stderr, flush=True)
            found = bench.measure(row)
            if found is not None:
                measured.append(found)
    print(file=sys.stderr)
    print("\n".join(table(measured, techniques, chosen.min)))
    if chosen.out is not None:
        with chosen.out.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["base", "updated", "query", "update", "verdict", "replay", "baseline", *techniques])
            for m in measured:
                seconds = ["" if s is None else f"{s:.4f}" for s in m.seconds.values()]
                paths = m.row.base.name, m.row.updated.name, m.row.query.name
                out.writerow([*paths, m.row.update, m.verdict, f"{m.replay:.4f}", *seconds])
    if chosen.plot is not None:
        chosen.plot.write_text(scatter(measured, DEFAULT if DEFAULT in techniques else techniques[0]))


if __name__ == "__main__":
    main()
