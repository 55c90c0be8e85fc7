"""`ivan model`: what a model is."""

from __future__ import annotations

import click

from ivan.cli.model_info import info


@click.group("model")
def model() -> None:
    """Look at a model.

    \b
    Examples:
      ivan model info model.onnx
    """  # noqa: D301 - click wants the character, not the two letters


model.add_command(info)
