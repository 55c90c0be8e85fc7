"""Properties of two versions of a model, or of two inputs of one: sizes and comments come from the models."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import ivan
from ivan.spec.agreement import agreement
from ivan.spec.box import Box
from ivan.spec.equivalence import equivalence
from ivan.spec.fairness import fairness
from ivan.spec.for_model import short
from ivan.spec.monotonicity import monotonicity
from ivan.spec.pair import PairSpecification, Signature

if TYPE_CHECKING:
    from ivan.network.model import Model


def signature_of(model: Model) -> Signature:
    """What a model reads and computes."""
    return Signature(tuple(p.shape for p in model.inputs), tuple(p.shape for p in model.outputs))


def common_signature(old: Model, new: Model | None) -> Signature:
    """What two versions read and compute; with None, any new one.

    Raises:
        ValueError: that is not the same.
    """
    found = signature_of(old)
    if new is not None and signature_of(new) != found:
        raise ValueError(
            f"{old.network.name} maps {_shapes(found)}, {new.network.name} {_shapes(signature_of(new))}: "
            "two versions have the same inputs and outputs"
        )
    return found


def equivalent(
    old: Model, new: Model | None, box: Box, most: Fraction, *, chosen: Sequence[int] = (), name: str
) -> PairSpecification:
    """Outputs of two versions differ by no more than `most` on a region; `chosen` ones, or all.

    A new version that is None is one to come.

    Raises:
        ValueError: the versions or one of the numbers do not fit.
    """
    signature = common_signature(old, new)
    return equivalence(
        box,
        signature,
        chosen or range(signature.output_size),
        most,
        title=f"Outputs of {old.network.name} and {_named(new)}{_which(chosen)} differ by at most {short(most)}.",
        notes=(*_models(old, new), *_notes(name)),
    )


def agreeing(old: Model, new: Model | None, box: Box, *, label: int | None = None, name: str) -> PairSpecification:
    """Two versions decide for the same class on a region; a new version that is None is one to come.

    Raises:
        ValueError: the versions or the label do not fit.
    """
    where = "" if label is None else f" where it decides for {label}"
    return agreement(
        box,
        common_signature(old, new),
        label=label,
        title=f"{_named(new)} has the highest output where {old.network.name} has it{where}.",
        notes=(*_models(old, new), *_notes(name)),
    )


def monotone(
    model: Model,
    box: Box,
    rising: Sequence[int],
    *,
    chosen: Sequence[int] = (),
    falls: bool = False,
    tolerance: Fraction = Fraction(0),
    name: str,
) -> PairSpecification:
    """Outputs do not fall, or do not rise, while some inputs rise.

    Raises:
        ValueError: one of the numbers means nothing for this model.
    """
    signature = signature_of(model)
    by = f" by more than {short(tolerance)}" if tolerance else ""
    return monotonicity(
        box,
        signature,
        rising,
        chosen or range(signature.output_size),
        falls=falls,
        tolerance=tolerance,
        title=f"Outputs of {model.network.name}{_which(chosen)} do not {'rise' if falls else 'fall'}{by} "
        f"while inputs {_listed(rising)} rise.",
        notes=(*_models(model), *_notes(name)),
    )


def fair(
    model: Model,
    box: Box,
    protected: Sequence[int],
    *,
    similar: Fraction = Fraction(0),
    most: Fraction | None = None,
    chosen: Sequence[int] = (),
    name: str,
) -> PairSpecification:
    """Inputs that differ in protected features, and hardly in others, get the same class, or similar outputs.

    Raises:
        ValueError: one of the numbers means nothing for this model.
    """
    others = f" and in others by at most {short(similar)}" if similar else " alone"
    what = "get the same class" if most is None else f"get outputs{_which(chosen)} that differ by at most {short(most)}"
    return fairness(
        box,
        signature_of(model),
        protected,
        similar=similar,
        most=most,
        chosen=chosen,
        title=f"Two inputs of {model.network.name} that differ in {_listed(protected)}{others} {what}.",
        notes=(*_models(model), *_notes(name)),
    )


def _which(chosen: Sequence[int]) -> str:
    return f" ({_listed(chosen)})" if chosen else ""


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, dict.fromkeys(numbers)))


def _shapes(signature: Signature) -> str:
    inputs, outputs = (
        " and ".join(str(list(shape)) for shape in shapes) for shapes in (signature.inputs, signature.outputs)
    )
    return f"{inputs} to {outputs}"


def _named(model: Model | None) -> str:
    return "the version at hand" if model is None else model.network.name


def _models(*models: Model | None) -> list[str]:
    return [
        f"model {letter}: {model.network.name}, digest {model.network.digest}"
        for letter, model in zip("fg", models, strict=False)
        if model is not None
    ]


def _notes(name: str) -> tuple[str, ...]:
    return f"region: {name}", f"Written by ivan {ivan.__version__}; unsat means that the property holds."
