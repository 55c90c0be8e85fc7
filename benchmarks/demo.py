"""`make demo`: verify a model, update it, verify the update from the proof - and from scratch, for comparison.

Everything goes through the `ivan` command, as users call it, with a proof store of its own in a temporary folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "vnnlib_examples"
MODEL = "collision"
PROPERTY = "collision-boundary"
UPDATES = ("int16", "int8", "finetuned", "pruned")


@dataclass(frozen=True)
class Run:
    verdict: str
    solve_seconds: float
    seconds: float
    domains: int
    leaves: int
    reused: int
    base_leaves: int


def ivan(model: Path, query: Path, store: Path, folder: Path) -> Run:
    report = folder / "report.json"
    command = [sys.executable, "-m", "ivan", "verify", str(model), str(query), "--store", str(store)]
    answer = subprocess.run(
        [*command, "--timeout", "120", "--json", str(report)], check=True, stdout=subprocess.PIPE, text=True
    )
    facts = json.loads(report.read_text())
    return Run(
        answer.stdout.split()[0],
        facts["solve_seconds"],
        facts["seconds"],
        facts["domains"],
        facts["leaves"],
        facts["reused_leaves"],
        facts["base_leaves"],
    )


def main() -> None:
    query = EXAMPLES / f"{PROPERTY}.vnnlib"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store = folder / "proofs.sqlite"
        print(f"{MODEL}.onnx, property {PROPERTY}:")
        first = ivan(EXAMPLES / f"{MODEL}.onnx", query, store, folder)
        print(
            f"  {first.verdict} in {first.solve_seconds:.2f} s: {first.domains:,} domains, "
            f"a proof of {first.leaves:,} leaves is stored\n"
        )
        print("Its updates, verified from that proof and from scratch (seconds of solving; start-up is left out):\n")
        print(f"  {'update':<12}{'verdict':<10}{'reused leaves':>20}{'from proof':>12}{'from scratch':>14}{'ratio':>8}")
        for update in UPDATES:
            model = EXAMPLES / f"{MODEL}.{update}.onnx"
            # each update starts from the first proof alone, so the store is copied
            copy = folder / f"{update}.sqlite"
            copy.write_bytes(store.read_bytes())
            warm = ivan(model, query, copy, folder)
            cold = ivan(model, query, folder / f"{update}-cold.sqlite", folder)
            verdict = warm.verdict if warm.verdict == cold.verdict else f"{warm.verdict}/{cold.verdict}"
            print(
                f"  {update:<12}{verdict:<10}{f'{warm.reused:,} of {warm.base_leaves:,}':>20}"
                f"{warm.solve_seconds:>10.2f} s{cold.solve_seconds:>12.2f} s"
                f"{cold.solve_seconds / max(warm.solve_seconds, 1e-3):>7.1f}x"
            )


if __name__ == "__main__":
    main()
