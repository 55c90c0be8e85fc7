"""What stands on stdout: the verdict on the first line, and behind `sat` the counterexample."""

from __future__ import annotations

from ivan.proof import Witness
from ivan.verdict import Verdict


def assignment(witness: Witness) -> str:
    """A counterexample as VNN-COMP writes it for VNN-LIB 1.0; every value is exact when read back."""
    values = [f"(X_{i} {float(v)!r})" for i, v in enumerate(witness.inputs)]
    values += [f"(Y_{i} {float(v)!r})" for i, v in enumerate(witness.outputs)]
    return "(" + "\n ".join(values) + ")"


def answer(verdict: Verdict, witness: Witness | None, vnnlib_version: int) -> str:
    """Everything that is printed, without the last line break."""
    word = verdict.spelled(vnnlib_version)
    return word if witness is None else f"{word}\n{assignment(witness)}"
