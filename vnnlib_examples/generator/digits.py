"""Handwritten digits: 8x8 pixels of grey, or 4x4, and ten classes (the data ship with scikit-learn)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.datasets import load_digits

from generator import relational, vnnlib
from generator.example import Example
from generator.layers import (
    Array,
    BatchNormalization,
    Convolution,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Residual,
    Sequential,
    perceptron,
)
from generator.training import Data, Schedule, cross_entropy

CLASSES = 10
TESTED = slice(None, None, 6)  # every sixth image is for testing, and the properties speak about some of these


def images(side: int = 8) -> tuple[Array, Array]:
    """Images (1797, side * side) with pixels in [0, 1], and their classes one-hot (1797, 10).

    Where the side is less than 8, a pixel is the mean of a square of the original's.
    """
    digits = load_digits()
    block = 8 // side
    means = digits.images.reshape(-1, side, block, side, block).mean((2, 4))
    return means.reshape(len(means), -1) / 16.0, np.eye(CLASSES)[digits.target]


def dense(rng: np.random.Generator) -> Example:
    """A perceptron: 64-32-32-10."""
    properties = {
        "robust": robust([(96, 0.06)]),
        "boundary": robust([(738, 0.035)]),
        "narrow": robust([(816, 0.022)]),
        "fragile": robust([(1692, 0.05)]),
        "pair": robust([(1074, 0.045), (42, 0.06)]),
        "equivalence": relational.equivalence(
            "Class scores of two versions differ by at most 0.2 where every pixel of image 96 of the digits moves by\n"
            "at most 0.01.",
            around(96, 0.01),
            CLASSES,
            0.2,
        ),
        "agreement": relational.agreement(
            "Two versions see the same class where every pixel of image 816 of the digits moves by at most 0.022.",
            around(816, 0.022),
            CLASSES,
        ),
    }
    return _example("digits-dense", perceptron([64, 32, 32, CLASSES], rng), (64,), properties)


def convolutional(rng: np.random.Generator) -> Example:
    """A small residual network: every kind of layer once or twice, 256 ReLUs and a max-pooling."""
    model = Sequential(
        Convolution(1, 8, rng, stride=2),
        BatchNormalization(8),
        Relu(),
        Residual(Sequential(Convolution(8, 8, rng))),
        Relu(),
        MaxPool(),
        Flatten(),
        Dense(32, CLASSES, rng),
    )
    properties = {
        "robust": robust([(300, 0.06)]),
        "boundary": robust([(828, 0.036)]),
        "narrow": robust([(930, 0.033)]),
        "fragile": robust([(1350, 0.05)]),
        "pair": robust([(864, 0.05), (24, 0.045)]),
    }
    return _example("digits-conv", model, (1, 8, 8), properties)


def residual(rng: np.random.Generator) -> Example:
    """A residual network on images of 4x4 pixels: 16 wide, three blocks of two layers that are added to what enters."""
    blocks: list[Layer] = []
    for _ in range(3):
        body = Sequential(Dense(16, 16, rng), Relu(), Dense(16, 16, rng))
        blocks += [Residual(body), Relu()]
    model = Sequential(Dense(16, 16, rng), Relu(), *blocks, Dense(16, CLASSES, rng))
    properties = {
        "robust": robust([(84, 0.035)], side=4),
        "boundary": robust([(60, 0.025)], side=4),
        "fragile": robust([(12, 0.06)], side=4),
    }
    return _example("digits-residual", model, (16,), properties, side=4)


def around(index: int, epsilon: float, side: int = 8) -> list[tuple[float, float]]:
    """The box of an image whose pixels move by at most epsilon, within [0, 1]."""
    inputs, _ = images(side)
    return [(max(p - epsilon, 0.0), min(p + epsilon, 1.0)) for p in inputs[index]]


def robust(cases: list[tuple[int, float]], side: int = 8) -> str:
    """Each of these images keeps its class while every pixel moves by at most its epsilon, within [0, 1]."""
    inputs, targets = images(side)
    regions, violations, words = [], [], []
    for index, epsilon in cases:
        label = int(targets[index].argmax())
        regions.append(vnnlib.box(around(index, epsilon, side)))
        violations.append([f"(>= Y_{other} Y_{label})" for other in range(CLASSES) if other != label])
        words.append(f"image {index} of the digits keeps its class {label} when every pixel moves by at most {epsilon}")
    if len(cases) == 1:  # the common form: the box as plain assertions, then the classes
        assertions = [*regions[0], vnnlib.disjunction([vnnlib.conjunction([v]) for v in violations[0]])]
    else:
        unsafe = [
            vnnlib.conjunction([*region, violation])
            for region, others in zip(regions, violations, strict=True)
            for violation in others
        ]
        assertions = [vnnlib.disjunction(unsafe)]
    return vnnlib.prop("Holds when " + ",\nand ".join(words) + ".", inputs.shape[1], CLASSES, assertions)


def _example(
    name: str,
    model: Sequential,
    shape: tuple[int, ...],
    properties: dict[str, str],
    side: int = 8,
) -> Example:
    inputs, targets = images(side)
    inputs = inputs.reshape(-1, *shape)
    trained = np.ones(len(inputs), dtype=bool)
    trained[TESTED] = False

    def accuracy(outputs: Callable[[Array], Array]) -> str:
        correct = outputs(inputs[TESTED]).argmax(1) == targets[TESTED].argmax(1)
        return f"{correct.mean():.1%} of the test images correct"

    return Example(
        name=name,
        model=model,
        data=Data(inputs[trained], targets[trained]),
        loss=cross_entropy,
        training=Schedule(epochs=60, rate=0.003, batch=50),
        finetuning=Schedule(epochs=2, rate=0.0003, batch=50),
        outputs=(CLASSES,),
        properties=properties,
        quality=accuracy,
    )
