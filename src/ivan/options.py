"""Every knob, once: default, range, help, and whether it changes what a proof looks like.

The command line and the options digest of a stored run derive from this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from ivan.errors import InputError


def _knob(
    default: Any, help_text: str, *, minimum: float | None = None, maximum: float | None = None, proof: bool = False
) -> Any:
    return field(default=default, metadata={"help": help_text, "minimum": minimum, "maximum": maximum, "proof": proof})


@dataclass(frozen=True)
class Options:
    """The knobs of one verification."""

    timeout: float | None = _knob(None, "Wall clock of the whole command in seconds, start-up included.", minimum=0.0)
    threads: int = _knob(0, "Threads of the search; 0 takes all processors.", minimum=0, maximum=256)
    seed: int = _knob(0, "Seed of everything random.", minimum=0, proof=True)
    incremental: str = _knob(
        "reuse,transfer",
        "What to take over from an old proof: reuse (its tree), transfer (its certificates), prune (drop weak splits "
        "first), reorder (choose weak decisions last); or none.",
        proof=True,
    )
    alpha: float = _knob(
        0.25,
        "With reorder: weight of the score at hand, against what was observed.",
        minimum=0.0,
        maximum=1.0,
        proof=True,
    )
    theta: float = _knob(
        0.001,
        "With reorder and prune: improvement, relative to the root's bound, below which a split is weak.",
        minimum=0.0,
        proof=True,
    )
    compact: float = _knob(
        1.0,
        "Time spent after the answer on making the stored proof cheaper to replay, as a share of the solving time; "
        "0 for none.",
        minimum=0.0,
    )
    attack_restarts: int = _knob(64, "Starting points of the first attack.", minimum=0, maximum=1_000_000)
    attack_steps: int = _knob(20, "Gradient steps from each of them.", minimum=0, maximum=1_000_000)

    def __post_init__(self) -> None:
        for f in fields(self):
            check(f.name, getattr(self, f.name))

    def digest(self) -> str:
        """Names the knobs that change a proof: SHA-256 over their names and values."""
        from ivan.digest import digest  # which imports numpy: help texts do without

        shaping = [[f.name, getattr(self, f.name)] for f in fields(self) if f.metadata["proof"]]
        return digest("options 1", shaping)


def knob(name: str) -> dict[str, Any]:
    """Default, help and range of one knob."""
    (found,) = (f for f in fields(Options) if f.name == name)
    return {"default": found.default, **found.metadata}


def check(name: str, value: object) -> None:
    """Raises where a knob cannot have this value.

    Raises:
        InputError: it is no number, or outside of the knob's range.
    """
    (found,) = (f for f in fields(Options) if f.name == name)
    default, low, high = found.default, found.metadata["minimum"], found.metadata["maximum"]
    if (low is None and high is None) or (value is None and default is None):
        return
    within(name, value, low, high, whole=isinstance(default, int))


def within(name: str, value: Any, low: float | None, high: float | None, *, whole: bool) -> None:
    """Raises where an argument is no number from `low` to `high`.

    Raises:
        InputError: says so.
    """
    number = not isinstance(value, bool) and isinstance(value, Integral if whole else Real)
    number = number and (whole or _is_float(value))
    # compared as it is, since not every integer is a float; NaN is not within anything
    if not (number and value == value and (low is None or low <= value) and (high is None or value <= high)):
        wanted = "a whole number" if whole else "a number"
        limits = [f"at least {low:,}" if low is not None else "", f"at most {high:,}" if high is not None else ""]
        raise InputError(f"{name}: {value!r}", hint=f"give {wanted}, {' and '.join(filter(None, limits))}")


def _is_float(value: Any) -> bool:
    """Whether it becomes a float, infinite or not: an integer or fraction beyond the range of floats does not."""
    try:
        float(value)
    except OverflowError:
        return False
    return True
