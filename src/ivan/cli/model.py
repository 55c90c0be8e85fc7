"""`ivan model`: what a model is, and what changed from one version of it to the next."""

from __future__ import annotations

import click

from ivan.cli.model_diff import diff
from ivan.cli.model_info import info


@click.group("model")
def model() -> None:
    """Look at a model, or at what changed between two versions of it.

    \b
    Examples:
      ivan model info model.onnx
      ivan model diff model.onnx model-int8.onnx --property property.vnnlib
    """


model.add_command(info)
model.add_command(diff)
