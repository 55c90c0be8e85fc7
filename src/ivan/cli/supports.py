"""`ivan supports`: what can be verified, in the words of the VNN-LIB standard, for programs that choose a verifier.

Source: VNN-LIB 2.0 standard, 5.4; the theories are those of its chapter 4.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from ivan.cli.output import print_answer
from ivan.cli.quiet import quiet_option


def _opsets() -> list[str]:
    from ivan.network.onnx_reader import OPSETS

    return [str(OPSETS[0]), str(OPSETS[-1])]


def _element_types() -> list[str]:
    from ivan.arrangement import SOUND

    return sorted(SOUND)


def _operators() -> list[str]:
    from ivan.network.onnx_ops import OPERATORS

    return sorted(OPERATORS)


CAPABILITIES: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "onnx-opset-versions": ("The oldest and the newest operator set of ONNX.", _opsets),
    "onnx-element-types": ("Element types for which the analysis is sound.", _element_types),
    "onnx-operators": ("Operators of ONNX.", _operators),
    "vnnlib-versions": ("The oldest and the newest version of VNN-LIB.", lambda: ["1.0", "2.1"]),
    "hidden-node-theories": ("Without (NH) and with (H) hidden tensors.", lambda: ["NH", "H"]),
    "multiple-input-output-theories": (
        "One input and output (SIO), or several (MIO).",
        lambda: ["SIO", "MIO"],
    ),
    "multiple-network-theories": (
        "One network (SNET), several that are equal (MENET), of one form (MINET), or any (MNET).",
        lambda: ["SNET", "MENET", "MINET", "MNET"],
    ),
    "multiple-node-comparison-theories": (
        "Without (SNC) and with (MNC) comparisons between tensors of a network.",
        lambda: ["SNC", "MNC"],
    ),
    "arithmetic-complexity-theories": (
        "Bounds (BND), comparisons (OUTC), linear (LIN) and polynomial (POLY) arithmetic.",
        lambda: ["BND", "OUTC", "LIN", "POLY"],
    ),
    "optimised-disjunctive-reasoning": (
        "Whether disjunctions are more than so many separate questions: parts over one box share their proof.",
        lambda: ["true"],
    ),
    "serialise-assignments": ("Whether `ivan verify` can write counterexamples as files of ONNX.", lambda: ["true"]),
}
"""The capabilities that the standard asks for: what each is, and the lines of its answer."""


@click.command("supports")
@quiet_option
@click.pass_context
def supports(context: click.Context, /, **asked: bool) -> None:
    """Say what can be verified, a value a line, as section 5.4 of the VNN-LIB 2.0 standard has it.

    `ivan capabilities` is the same command.

    \b
    Examples:
      ivan supports --onnx-operators
      ivan supports --vnnlib-versions
      ivan supports --multiple-network-theories
    """
    wanted = [name for name in CAPABILITIES if asked[name.replace("-", "_")]]
    if len(wanted) != 1:
        raise click.UsageError("exactly one capability is expected, such as --onnx-operators", context)
    _, values = CAPABILITIES[wanted[0]]
    print_answer("\n".join(values()))


for _name, (_help, _) in CAPABILITIES.items():
    supports.params.append(click.Option([f"--{_name}"], is_flag=True, help=_help))
