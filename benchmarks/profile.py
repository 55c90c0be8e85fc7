"""Where the time of a verification goes, phase by phase.

    python benchmarks/profile.py                        some of the examples
    python benchmarks/profile.py MODEL QUERY [...]      pairs of files
    python benchmarks/profile.py --timeout 60 ...

Every pair is verified from scratch in this process, by one process and one thread, with timers around the parts; nested
parts count once, for the innermost. `rigour only` are passes that confirm what ascent has found already; all other
bounds are rigorous as they are computed. Start-up is measured apart: a fresh process that only imports what a
verification needs. Times of one run on one machine: read the proportions.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before numpy is loaded, as the command does

EXAMPLES = Path(__file__).resolve().parent.parent / "vnnlib_examples"
DEFAULT = [
    ("collision.onnx", "collision-boundary.vnnlib"),
    ("pendulum.onnx", "pendulum-invariant.vnnlib"),
    ("digits-dense.onnx", "digits-dense-boundary.vnnlib"),
    ("digits-conv.onnx", "digits-conv-boundary.vnnlib"),
]

PARTS = (
    "start-up", "read", "store", "attack", "bound", "ascent", "rigour only", "branching", "LP", "other",
)  # fmt: skip


class Stopwatch:
    """Adds up the time of nested parts, each moment for the innermost."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._stack: list[str] = []
        self._since = time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._tick()
            self._stack.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._tick()
                self._stack.pop()

        return timed


def watched() -> Stopwatch:
    """Puts timers around the parts of the verifier."""
    from ivan import verification
    from ivan.attack import pgd
    from ivan.bounds import refine
    from ivan.bounds.ascent import Ascent
    from ivan.memory import Memory
    from ivan.search import by_inputs, by_units, candidates, loop, workspace
    from ivan.search.branching import Lookahead
    from ivan.search.programs import Programs
    from ivan.verification import question, run

    watch = Stopwatch()
    places: tuple[tuple[str, Any, str], ...] = (
        ("other", verification, "verify"),
        ("read", question, "asked"),
        ("read", question, "deploy"),
        ("store", Memory, "open"),
        ("store", Memory, "save"),
        ("store", Memory, "exact"),
        ("store", Memory, "implied"),
        ("store", Memory, "own"),
        ("store", Memory, "kindred"),
        ("attack", run, "attack"),
        ("attack", pgd, "descend"),
        ("attack", candidates.Candidates, "corners"),
        ("attack", candidates.Candidates, "pursue"),
        ("bound", by_inputs.ByInputs, "bounded"),
        ("bound", by_units.ByUnits, "bounded"),
        ("bound", loop, "plant"),
        ("ascent", Ascent, "outputs"),
        ("ascent", Ascent, "units"),
        ("bound", by_inputs, "forward_pays"),
        ("bound", by_inputs, "bound_outputs"),
        ("bound", refine, "bound_rows"),
        ("rigour only", workspace, "bound_outputs"),
        ("branching", Lookahead, "shallow"),
        ("branching", Lookahead, "deep"),
        ("branching", by_inputs, "choose_inputs"),
        ("LP", Programs, "solve"),
    )
    for part, place, name in places:
        setattr(place, name, watch.around(part, getattr(place, name)))
    return watch


def start_up() -> float:
    """Seconds a fresh process takes to import what a verification without a store needs."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import ivan.verification, onnxruntime, onnx"], check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="MODEL QUERY")
    parser.add_argument("--timeout", type=float, default=60.0)
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("MODEL and QUERY come in pairs")
    pairs = list(zip(arguments.files[::2], arguments.files[1::2], strict=True))
    pairs = pairs or [(str(EXAMPLES / model), str(EXAMPLES / query)) for model, query in DEFAULT]

    from rich.console import Console
    from rich.table import Table

    from ivan import verification
    from ivan.options import Options

    imports = start_up()
    table = Table(title="seconds, one process", title_justify="left")
    table.add_column("query")
    for column in ("answer", "domains", *PARTS, "sum"):
        table.add_column(column, justify="right")
    watch = watched()
    for model, query in pairs:
        watch.seconds.clear()
        outcome = verification.verify(model, query, timeout=arguments.timeout, store=False, options=Options(threads=1))
        spent = watch.seconds | Counter({"start-up": imports})
        cells = [f"{spent[part]:.2f}" if spent[part] >= 0.005 else "" for part in PARTS]
        table.add_row(
            Path(query).name, outcome.verdict.value, f"{outcome.statistics.domains:,}", *cells,
            f"{sum(spent.values()):.2f}",
        )  # fmt: skip
    Console(width=max(Console().width, 150)).print(table)


if __name__ == "__main__":
    main()
