"""Properties about two runs, in VNN-LIB 2.0: of two versions of a model, `f` and `g`, or of one model at two inputs.

All speak of flat inputs `X_f` and `X_g` and outputs `Y_f` and `Y_g`, each with a batch of one.
"""

from __future__ import annotations

from collections.abc import Iterable

from generator import vnnlib
from generator.vnnlib import Box

VERSIONS, INPUTS = "isomorphic-to", "equal-to"
"""How `g` is declared: another version of `f`, or `f` itself at another input."""


def equivalence(title: str, box: Box, outputs: int, most: float) -> str:
    """Outputs of two versions differ by at most so much."""
    return _pair(VERSIONS, title, box, outputs, [*_alike(range(len(box))), _differ(range(outputs), most)])


def agreement(title: str, box: Box, outputs: int) -> str:
    """The second version has the highest output where the first has it."""
    unlike = [
        vnnlib.conjunction(
            [
                *(f"(> Y_f[0,{label}] Y_f[0,{k}])" for k in range(outputs) if k != label),
                f"(>= Y_g[0,{other}] Y_g[0,{label}])",
            ]
        )
        for label in range(outputs)
        for other in range(outputs)
        if other != label
    ]
    return _pair(VERSIONS, title, box, outputs, [*_alike(range(len(box))), vnnlib.disjunction(unlike)])


def monotonicity(title: str, box: Box, rising: int, tolerance: float, falls: bool = False) -> str:
    """The one output does not fall by more than the tolerance while an input rises; or rise, where it is to fall."""
    before, after = ("g", "f") if falls else ("f", "g")
    region = vnnlib.tensor_box("X_g", (1, len(box)), box)[2 * rising : 2 * rising + 2]
    links = [*_alike(k for k in range(len(box)) if k != rising), *region, f"(>= X_g[0,{rising}] X_f[0,{rising}])"]
    fall = f"(> (- Y_{before}[0,0] Y_{after}[0,0]) {vnnlib.number(tolerance)})"
    return _pair(INPUTS, title, box, 1, [*links, fall])


def fairness(title: str, box: Box, protected: int, most: float) -> str:
    """The one output differs by at most so much between inputs that differ in the protected feature alone."""
    region = vnnlib.tensor_box("X_g", (1, len(box)), box)[2 * protected : 2 * protected + 2]
    links = [*_alike(k for k in range(len(box)) if k != protected), *region]
    return _pair(INPUTS, title, box, 1, [*links, f"(> (- Y_f[0,0] Y_g[0,0]) {vnnlib.number(most)})"])


def _pair(relation: str, title: str, box: Box, outputs: int, assertions: list[str]) -> str:
    shape = (1, len(box))
    networks = [
        vnnlib.network(name, {f"X_{name}": shape}, {f"Y_{name}": (1, outputs)}, *related)
        for name, related in (("f", ()), ("g", (f"{relation} f",)))
    ]
    return vnnlib.second(title, networks, [*vnnlib.tensor_box("X_f", shape, box), *assertions])


def _alike(inputs: Iterable[int]) -> list[str]:
    return [f"(== X_g[0,{k}] X_f[0,{k}])" for k in inputs]


def _differ(outputs: Iterable[int], most: float) -> str:
    limit = vnnlib.number(most)
    return vnnlib.disjunction(
        [f"(> (- Y_{a}[0,{k}] Y_{b}[0,{k}]) {limit})" for k in outputs for a, b in (("f", "g"), ("g", "f"))]
    )
