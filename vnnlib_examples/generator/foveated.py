"""Coloured shapes seen as by an eye: sharp and coloured in the middle, blurred and grey towards the edge.

Inputs: images (3, 8, 8) in [0, 1]. The eye looks at the middle of the image; around that point pixels pass as they are,
further out they are averaged over 3x3 and then 5x5 pixels, and mixed with their grey value. All of that is linear and
fixed, and part of the model: Conv with fixed kernels, blended by fixed masks. A perceptron behind it tells four shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from generator import vnnlib
from generator.example import Example
from generator.export import Graph
from generator.layers import Array, Flatten, Sequential, perceptron
from generator.training import Data, Schedule, cross_entropy

SIDE, CHANNELS = 8, 3
SHAPES = ("square", "cross", "horizontal bars", "vertical bars")
KERNELS = (1, 3, 5)
RADII = (1.5, 3.0, 4.5)  # pixels from the middle at which each kernel stands alone
GREY = np.array([0.299, 0.587, 0.114])  # luminance, ITU-R BT.601
SAMPLES, TESTED = 6_000, 1_000
PICTURES = np.array(
    [
        ["####", "#..#", "#..#", "####"],
        ["#..#", ".##.", ".##.", "#..#"],
        ["####", "....", "####", "...."],
        ["#.#.", "#.#.", "#.#.", "#.#."],
    ]
)


def distance() -> Array:
    """Of every pixel from the middle of the image, (8, 8)."""
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    return np.hypot(offset[:, None], offset[None, :])


def masks() -> Array:
    """Share of each kernel at every pixel, (3, 8, 8): between two radii the share passes from one to the next.

    Pixels beyond the image count as 0 for Conv; a mask makes up for them, so that a plain area stays as it is.
    """
    steps = np.interp(distance(), RADII, np.arange(len(KERNELS)))
    shares = np.maximum(1.0 - np.abs(steps - np.arange(len(KERNELS))[:, None, None]), 0.0)
    return np.stack(
        [share / blurred(np.ones((1, 1, SIDE, SIDE)), size)[0, 0] for share, size in zip(shares, KERNELS, strict=True)]
    )


def colour() -> Array:
    """Share of the colour against the grey at every pixel, (8, 8)."""
    return 1.0 - np.interp(distance(), [RADII[0], RADII[-1]], [0.0, 0.8])


def blurred(images: Array, size: int) -> Array:
    """The mean over size x size pixels, zeros beyond the edge; images (B, channels, 8, 8)."""
    edge = size // 2
    padded = np.pad(images, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    return windows.mean((4, 5))


def seen(images: Array) -> Array:
    """What the eye sees of images (B, 3, 8, 8)."""
    sharp: Array = sum(
        (mask * blurred(images, size) for mask, size in zip(masks(), KERNELS, strict=True)), np.zeros_like(images)
    )
    grey = np.einsum("c,bchw->bhw", GREY, sharp)[:, None]
    return colour() * sharp + (1.0 - colour()) * grey


def eye(graph: Graph, x: str) -> str:
    """Appends what `seen` computes."""
    parts = []
    for mask, size in zip(masks(), KERNELS, strict=True):
        blur = x
        if size > 1:
            kernel = graph.constant("kernel", np.full((CHANNELS, 1, size, size), 1.0 / size**2))
            blur = graph.node("Conv", x, kernel, group=CHANNELS, kernel_shape=[size] * 2, pads=[size // 2] * 4)
        parts.append(graph.node("Mul", blur, graph.constant("mask", mask)))
    sharp = graph.node("Add", graph.node("Add", parts[0], parts[1]), parts[2])
    luminance = graph.constant("luminance", np.tile(GREY, (CHANNELS, 1))[:, :, None, None])
    grey = graph.node("Conv", sharp, luminance, kernel_shape=[1, 1])
    coloured = graph.node("Mul", sharp, graph.constant("colour", colour()))
    return graph.node("Add", coloured, graph.node("Mul", grey, graph.constant("colour", 1.0 - colour())))


def deploy(graph: Graph, model: Sequential) -> list[str]:
    """The eye and the perceptron behind it."""
    return [graph.append(model, eye(graph, "x"))]


def images(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Shapes of random colours, up to a pixel off the middle, on a noisy dark ground; and the shapes one-hot."""
    shapes = rng.integers(len(SHAPES), size=count)
    stamps = np.array([[[mark == "#" for mark in row] for row in picture] for picture in PICTURES], dtype=float)
    result = rng.uniform(0.0, 0.3, (count, CHANNELS, SIDE, SIDE))
    for image, shape in zip(result, shapes, strict=True):
        row, column = rng.integers(1, 4, size=2)
        tint = rng.uniform(0.5, 1.0, CHANNELS)
        image[:, row : row + 4, column : column + 4] += stamps[shape] * (tint - 0.3)[:, None, None]
    return np.clip(result, 0.0, 1.0), np.eye(len(SHAPES))[shapes]


def example(rng: np.random.Generator) -> Example:
    """A perceptron with two hidden layers of 16 behind the eye; it learns from what the eye sees."""
    inputs, targets = images(SAMPLES, rng)

    def accuracy(outputs: Callable[[Array], Array]) -> str:
        there, wanted = images(TESTED, np.random.default_rng(1))
        return f"{(outputs(there).argmax(1) == wanted.argmax(1)).mean():.1%} of other images correct"

    return Example(
        name="foveated",
        model=Sequential(Flatten(), *perceptron([CHANNELS * SIDE**2, 16, 16, len(SHAPES)], rng).layers),
        data=Data(seen(inputs), targets),
        loss=cross_entropy,
        training=Schedule(epochs=20, rate=0.003, batch=50),
        outputs=(len(SHAPES),),
        properties={
            "periphery": keeps(2, 3.0, 0.2),
            "everywhere": keeps(2, 0.0, 0.2),
        },
        quality=accuracy,
        deploy=deploy,
    )


def keeps(index: int, radius: float, epsilon: float) -> str:
    """One of the test images keeps its shape while every pixel beyond a radius changes by at most epsilon."""
    inputs, targets = images(TESTED, np.random.default_rng(1))
    shape = int(targets[index].argmax())
    change = np.where(distance() >= radius, epsilon, 0.0)
    where = f"{vnnlib.number(radius)} pixels and more from the middle" if radius else "anywhere"
    return vnnlib.prop(
        f"Image {index} keeps its shape, {SHAPES[shape]}, when every channel of every pixel\n"
        f"{where} changes by at most {epsilon}.",
        inputs[index].size,
        len(SHAPES),
        [
            *vnnlib.box(list(_bounds(inputs[index], change))),
            vnnlib.disjunction([f"(and (>= Y_{other} Y_{shape}))" for other in range(len(SHAPES)) if other != shape]),
        ],
    )


def _bounds(image: Array, change: Array) -> Iterator[tuple[float, float]]:
    for pixel, epsilon in zip(image.ravel(), np.tile(change.ravel(), CHANNELS), strict=True):
        centre = round(float(pixel), 3)
        yield max(centre - epsilon, 0.0), min(centre + epsilon, 1.0)
