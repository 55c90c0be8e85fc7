"""Trains the example models and writes them, their versions and their properties beside this file.

Run as `python vnnlib_examples/make_examples.py`, with an optional argument: another folder to write to. Seeds are fixed
and training is in float64, so the files are the same every time, up to the rounding of the machine at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnxruntime
from generator import collision, congestion, credit, digits, driver, foveated, fusion, oscillator, pendulum
from generator.example import Example
from generator.export import Graph
from generator.layers import Array, Sequential
from generator.training import train
from generator.versions import pruned, quantised

EXAMPLES: list[Callable[[np.random.Generator], Example]] = [
    digits.dense,
    digits.convolutional,
    collision.example,
    pendulum.example,
    digits.residual,
    oscillator.example,
    congestion.example,
    driver.example,
    foveated.example,
    fusion.example,
    credit.example,
]
PRUNED = 0.08  # share of the weights


def versions(example: Example, rng: np.random.Generator) -> dict[str, Sequential]:
    """The trained model and its updates, by the end of their files' names."""
    base = deepcopy(example.model)
    train(base, example.data, example.loss, example.training, rng)
    if example.finetuning is None:
        return {"": base}
    finetuned = deepcopy(base)
    train(finetuned, example.data, example.loss, example.finetuning, rng)
    return {
        "": base,
        ".finetuned": finetuned,
        ".int16": quantised(base, 16),
        ".int8": quantised(base, 8),
        ".pruned": pruned(base, PRUNED),
    }


def write(example: Example, folder: Path, rng: np.random.Generator) -> None:
    """Writes all versions and properties of an example."""
    for name, text in example.properties.items():
        (folder / f"{example.name}-{name}.vnnlib").write_text(text, encoding="utf-8")
    for suffix, model in versions(example, rng).items():
        path = folder / f"{example.name}{suffix}.onnx"
        graph = Graph()
        names = example.deploy(graph, model)
        graph.write(path, example.data.inputs.shape[1:], names, example.outputs)
        print(f"{path.name}: {example.quality(deployed(path))}")


def deployed(path: Path) -> Callable[[Array], Array]:
    """The written model as onnxruntime computes it, one input after the other: its batch is one."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def outputs(inputs: Array) -> Array:
        """Several outputs stand side by side."""
        return np.concatenate([np.hstack(session.run(None, {"x": x[None]})) for x in inputs.astype(np.float32)])

    return outputs


def main() -> None:
    """Makes every example, each from a seed of its own."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for seed, make in enumerate(EXAMPLES):
        rng = np.random.default_rng(seed)
        write(make(rng), folder, rng)


if __name__ == "__main__":
    main()
