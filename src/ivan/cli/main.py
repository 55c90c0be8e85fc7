"""The `ivan` command: its subcommands, and the one place where errors become a line, a hint and an exit code.

0    every verdict
1    damage that `ivan cache` found or left out; a version that `ivan gate` stops; a proof that does not hold
2    input that cannot be used
3    what `ivan gate` leaves undecided
4    an internal error, always a bug
130  interrupted
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Sequence
from typing import Any

import click

import ivan
from ivan.cli.style import styled
from ivan.errors import InputError, InternalError, IvanError

_COMMANDS = {
    "verify": ("ivan.cli.verify", "verify", "Decide whether some input of a model violates a property."),
    "batch": ("ivan.cli.batch", "batch", "Verify all instances of a list."),
    "gate": ("ivan.cli.gate", "gate", "Check that a new version keeps what a suite demands."),
    "cache": ("ivan.cli.cache", "cache", "Look at the stored proofs, carry them elsewhere, or delete them."),
    "proof": ("ivan.cli.proof", "proof", "Look at a proof, check it on a model, write it to a file."),
    "tree": ("ivan.cli.tree", "tree", "Draw a stored proof: as text, as a page, for papers."),
    "model": ("ivan.cli.model", "model", "Look at a model, or at what changed between two."),
    "spec": ("ivan.cli.spec", "spec", "Write properties of a common kind as VNN-LIB."),
    "vnncomp": ("ivan.cli.vnncomp", "vnncomp", "What the scripts of VNN-COMP call, and these scripts."),
    "supports": ("ivan.cli.supports", "supports", "Say what can be verified, in the words of the VNN-LIB standard."),
    "explain": ("ivan.cli.explain", "explain", "Explain an error or a warning: its cause and its cure."),
    "completion": ("ivan.cli.completion", "completion", "Print what teaches a shell to complete commands."),
}
"""Every subcommand: module, attribute, and the line that `ivan --help` shows without importing it."""

_ALIASES = {"capabilities": "supports"}
"""Other names of commands."""

INTERRUPTED = 130
_REPORT = "please report it, with the output of --verbose"


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = _ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # click would exit in silence, as if a reader had gone; streams.py has seen to those
            raise InternalError(f"internal error: {type(error).__name__}: {error}", hint=_REPORT) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, _, short) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(ivan.__version__, "--version", message="%(version)s")
@click.option("--name", is_flag=True, expose_value=False, is_eager=True, callback=lambda c, p, v: _say_name(c, v),
              help="Print the program's name and exit.")  # fmt: skip
def cli() -> None:
    """Verify neural networks, keep the proofs, and verify the next version from them.

    Answers go to stdout, everything else to stderr, where --quiet, which every command has, leaves nothing but errors.
    `ivan COMMAND --help` says more, with examples.

    \b
    Examples:
      ivan verify model.onnx property.vnnlib
      ivan verify model-v2.onnx property.vnnlib    # starts from the stored proof
      ivan cache show                              # which proof grew from which

    \b
    Exit codes:
      0    every verdict, and every other command that did what it was told
      1    damage that `ivan cache` found or left out, a violation that `ivan gate` found, a proof that does not hold
      2    something given cannot be used
      3    a property that `ivan gate` left undecided and that must hold
      4    an internal error, always a bug
      130  interrupted

    \b
    Environment:
      IVAN_STORE  the proof store, a path or a URL, instead of a file in the user's cache directory
      NO_COLOR    no colours, unless it is empty
    """


def _say_name(context: click.Context, wanted: bool) -> None:
    if wanted:
        click.echo("ivan")
        context.exit()


def run(arguments: Sequence[str], *, started: float | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name.
        started: when the process began, on the monotonic clock; deadlines count from there.

    Returns:
        The exit code.
    """
    context_object = {"started": time.monotonic() if started is None else started}
    try:
        result = cli.main(list(arguments), prog_name="ivan", standalone_mode=False, obj=context_object)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        _complain(InputError, error.format_message(), _usage_hint(error))
        return 2
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except IvanError as error:
        _complain(type(error), error.message, error.hint, error.excerpt())
        if _verbose(arguments):
            traceback.print_exc()
        return error.exit_code
    except MemoryError:
        _complain(InputError, "out of memory", "the model or its relaxation is too large for this machine")
        return 2
    except SystemExit as end:  # click's end behind the words that complete a command
        return int(end.code or 0)
    except Exception as error:  # the last line of defence: one line, never a verdict
        message = f"internal error: {type(error).__name__}: {error}"
        _complain(InternalError, message, _REPORT)
        if _verbose(arguments):
            traceback.print_exc()
        return 4


def _verbose(arguments: Sequence[str]) -> bool:
    return "--verbose" in arguments or "-v" in arguments


def _usage_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows how it is used" if context is not None else None


def _complain(kind: type[IvanError], message: str, hint: str | None, excerpt: str | None = None) -> None:
    """One line, the place it is about, and what to do; last, the command that explains errors of the kind."""
    command = f"({kind.explanation()})"
    more = kind.advised(hint).replace(command, styled(command, dim=True))
    lines = [
        f"{styled('error:', fg='red', bold=True)} {message}",
        excerpt,
        f"{styled('hint:', fg='cyan')} {more}",
    ]
    for line in filter(None, lines):
        click.echo(line, err=True)
