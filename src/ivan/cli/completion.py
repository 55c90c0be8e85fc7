"""`ivan completion`: prints what teaches a shell to complete commands, options and names of files."""

from __future__ import annotations

import click

from ivan.cli.output import print_answer
from ivan.cli.quiet import quiet_option

VARIABLE = "_IVAN_COMPLETE"
"""How a shell asks the program for completions; click answers in place of the command."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@quiet_option
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options and names of files.

    \b
    Examples:
      eval "$(ivan completion bash)"                                  # in ~/.bashrc
      eval "$(ivan completion zsh)"                                   # in ~/.zshrc, behind compinit
      ivan completion fish > ~/.config/fish/completions/ivan.fish
      ivan completion bash > ~/.local/share/bash-completion/completions/ivan
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # click knows the three
    print_answer(kind(context.find_root().command, {}, "ivan", VARIABLE).source().strip("\n"))
