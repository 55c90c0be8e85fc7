"""Properties that a suite states inline, and how each is written in TOML.

    robustness   = { inputs = "digits.npy", epsilon = "8/255", clip = [0, 1] }
    range        = { lower = -1, upper = 1, outputs = [0], max = 2.5 }
    equivalence  = { inputs = "digits.npy", epsilon = 0.01, max = 0.1 }         # to the base version
    agreement    = { lower = 0, upper = 1, label = 3 }                          # with the base version
    monotonicity = { box = "region.csv", rising = [2], outputs = [0], tolerance = 0.01 }
    fairness     = { box = "people.csv", protected = [3], similar = 0.01 }

A new kind is one more class, and one more entry of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ivan.gate.table import Table, as_index, as_indices, as_number, as_numbers, as_text, as_truth
from ivan.spec.box import Vector


@dataclass(frozen=True)
class Balls:
    """Regions around inputs.

    Attributes:
        inputs: a file of them.
        epsilon: how far every number of an input moves.
        clip: least and greatest value; None for no limits.
        mean: of the data before they are normalised.
        deviation: likewise.
    """

    inputs: Path
    epsilon: Fraction
    clip: tuple[Fraction, Fraction] | None
    mean: Vector | None
    deviation: Vector | None


@dataclass(frozen=True)
class Limits:
    """One box.

    Attributes:
        lower: least values of the inputs, one for all or one each; None where `box` has them.
        upper: greatest values, likewise.
        box: a file with both, two numbers an input.
    """

    lower: Vector | None
    upper: Vector | None
    box: Path | None


Where = Balls | Limits


@dataclass(frozen=True)
class Robustness:
    """Inputs keep their class while they move.

    Attributes:
        where: around the inputs.
        labels: the classes that have to stay, one for all inputs or one each; None for the base version's own.
        target: the only other class that is looked at.
        output: of several outputs, the name of the one that has the classes' scores.
    """

    where: Balls
    labels: tuple[int, ...] | None
    target: int | None
    output: str | None


@dataclass(frozen=True)
class OutputRange:
    """Outputs stay within limits on a box.

    Attributes:
        where: the box.
        outputs: those that are limited; empty for all.
        least: None for no lower limit.
        most: None for no upper limit.
        exclusive: the limits themselves are violations.
    """

    where: Limits
    outputs: tuple[int, ...]
    least: Fraction | None
    most: Fraction | None
    exclusive: bool


@dataclass(frozen=True)
class Equivalence:
    """Outputs hardly differ from the base version's.

    Attributes:
        where: the region.
        outputs: those that are compared; empty for all.
        most: how far they may differ.
    """

    where: Where
    outputs: tuple[int, ...]
    most: Fraction


@dataclass(frozen=True)
class Agreement:
    """The class is the base version's.

    Attributes:
        where: the region.
        label: only where the base version decides for this class; None for any.
    """

    where: Where
    label: int | None


@dataclass(frozen=True)
class Monotonicity:
    """Outputs do not fall while inputs rise.

    Attributes:
        where: the region.
        rising: the inputs that rise.
        outputs: those that do not fall; empty for all.
        falls: they do not rise, instead.
        tolerance: how far they may fall nevertheless.
    """

    where: Where
    rising: tuple[int, ...]
    outputs: tuple[int, ...]
    falls: bool
    tolerance: Fraction


@dataclass(frozen=True)
class Fairness:
    """Inputs that differ in protected features, and hardly in others, are treated alike.

    Attributes:
        where: the region.
        protected: the features that may differ freely.
        similar: how far all others may.
        most: how far outputs may differ; None where the class is what counts.
        outputs: those that are compared; empty for all.
    """

    where: Where
    protected: tuple[int, ...]
    similar: Fraction
    most: Fraction | None
    outputs: tuple[int, ...]


Inline = Robustness | OutputRange | Equivalence | Agreement | Monotonicity | Fairness

NONE = Fraction(0)


def _query(reader: Table) -> Path:
    return reader.need("query", reader.file)


def _robustness(reader: Table) -> Robustness:
    inner = reader.inner("robustness")
    found = Robustness(
        _balls(inner, "robustness"),
        inner.take("labels", as_indices, None),
        inner.take("target", as_index, None),
        inner.take("output", as_text, None),
    )
    inner.end()
    return found


def _range(reader: Table) -> OutputRange:
    inner = reader.inner("range")
    found = OutputRange(
        _limits(inner, "range"),
        inner.take("outputs", as_indices, ()),
        inner.take("min", as_number, None),
        inner.take("max", as_number, None),
        inner.take("exclusive", as_truth, False),
    )
    inner.end()
    if found.least is None and found.most is None:
        raise ValueError("range: min, max or both are expected")
    return found


def _equivalence(reader: Table) -> Equivalence:
    inner = reader.inner("equivalence")
    found = Equivalence(
        _where(inner, "equivalence"), inner.take("outputs", as_indices, ()), inner.need("max", as_number)
    )
    inner.end()
    return found


def _agreement(reader: Table) -> Agreement:
    inner = reader.inner("agreement")
    found = Agreement(_where(inner, "agreement"), inner.take("label", as_index, None))
    inner.end()
    return found


def _monotonicity(reader: Table) -> Monotonicity:
    inner = reader.inner("monotonicity")
    found = Monotonicity(
        _where(inner, "monotonicity"),
        inner.need("rising", as_indices),
        inner.take("outputs", as_indices, ()),
        inner.take("falls", as_truth, False),
        inner.take("tolerance", as_number, NONE),
    )
    inner.end()
    return found


def _fairness(reader: Table) -> Fairness:
    inner = reader.inner("fairness")
    found = Fairness(
        _where(inner, "fairness"),
        inner.need("protected", as_indices),
        inner.take("similar", as_number, NONE),
        inner.take("max", as_number, None),
        inner.take("outputs", as_indices, ()),
    )
    inner.end()
    return found


def _where(inner: Table, kind: str) -> Where:
    return _balls(inner, kind) if inner.take("inputs", lambda _: True, False) else _limits(inner, kind)


def _balls(inner: Table, kind: str) -> Balls:
    clip = inner.take("clip", as_numbers, None)
    if clip is not None and len(clip) != 2:
        raise ValueError(f"{kind}: clip: a least and a greatest value are expected")
    mean, deviation = inner.take("mean", as_numbers, None), inner.take("std", as_numbers, None)
    if (mean is None) != (deviation is None):
        raise ValueError(f"{kind}: mean and std go together")
    return Balls(
        inner.need("inputs", inner.file),
        inner.need("epsilon", as_number),
        None if clip is None else (clip[0], clip[1]),
        mean,
        deviation,
    )


def _limits(inner: Table, kind: str) -> Limits:
    found = Limits(
        inner.take("lower", as_numbers, None),
        inner.take("upper", as_numbers, None),
        inner.take("box", inner.file, None),
    )
    if (found.box is None) == (found.lower is None) or (found.lower is None) != (found.upper is None):
        inputs = "" if kind == "range" else "inputs and epsilon, "
        raise ValueError(f"{kind}: either {inputs}lower and upper, or box, are expected")
    return found


KINDS: dict[str, Callable[[Table], Path | Inline]] = {
    "query": _query,
    "robustness": _robustness,
    "range": _range,
    "equivalence": _equivalence,
    "agreement": _agreement,
    "monotonicity": _monotonicity,
    "fairness": _fairness,
}
"""By the key under which a property has it."""
