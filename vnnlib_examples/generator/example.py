"""What makes an example: an untrained model, how it is trained and deployed, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from generator.export import Graph
from generator.layers import Array, Sequential
from generator.training import Data, Loss, Schedule


def as_it_is(graph: Graph, model: Sequential) -> list[str]:
    """Deploys the model alone."""
    return [graph.append(model, "x")]


@dataclass(frozen=True)
class Example:
    """A model and its properties.

    Attributes:
        name: first part of all its files' names.
        model: not yet trained.
        data, loss, training: how it is trained.
        outputs: how many numbers each output of the deployed graph has.
        properties: text of each, by name.
        quality: how good a deployed version is, in words, given its outputs as a function of a batch of inputs.
        finetuning: how the version `finetuned` goes on from the base; none where there is the base alone.
        deploy: puts the trained model, and whatever surrounds it, into a graph that reads `x`, and names its outputs.
    """

    name: str
    model: Sequential
    data: Data
    loss: Loss
    training: Schedule
    outputs: tuple[int, ...]
    properties: Mapping[str, str]
    quality: Callable[[Callable[[Array], Array]], str]
    finetuning: Schedule | None = None
    deploy: Callable[[Graph, Sequential], list[str]] = as_it_is
