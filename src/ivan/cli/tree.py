"""`ivan tree`: a picture of a stored proof."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.output import check_target, print_answer, write_file
from ivan.cli.parameters import FILE, FILE_OR_DASH
from ivan.cli.question import models_and_query, network_option
from ivan.cli.quiet import quiet_option, warn
from ivan.cli.style import styled

if TYPE_CHECKING:
    from ivan.pictures.picture import Picture
    from ivan.pictures.text import Line
    from ivan.store import ProofStore

_STYLES: dict[str, dict[str, Any]] = {
    "guide": {"dim": True},
    "fold": {"dim": True},
    "split": {},
    "plain": {},
    "verdict": {"bold": True},
    "bound": {"fg": "cyan"},
    "open": {"fg": "magenta", "bold": True},
    "closed": {"fg": "green"},
    "new": {"fg": "yellow"},
    "reused": {"dim": True},
    "transferred": {"fg": "green"},
    "unknown": {"dim": True},
}
"""How a terminal shows the pieces of a line, by role."""

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@click.command("tree")
@click.argument("what", nargs=-1, type=FILE, metavar="[RUN | MODEL QUERY]")
@network_option
@click.option(
    "--store", "location", type=FILE, metavar="PATH|URL", help="Proof store; default: IVAN_STORE, else the user's own."
)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Fold what is deeper; default: to fit.")
@click.option(
    "--html", "page", type=FILE, metavar="FILE", help="Write a page for a browser; it holds everything it needs."
)
@click.option("--svg", "vector", type=FILE, metavar="FILE", help="Write a figure for a paper.")
@click.option(
    "--json",
    "report",
    type=FILE_OR_DASH,
    metavar="FILE|-",
    help="Write every node for programs; folded with --depth only.",
)
@click.option("--open", "opened", is_flag=True, help="Show the page of --html in the browser.")
@quiet_option
def tree(
    what: tuple[str, ...],
    networks: tuple[str, ...],
    location: str | None,
    depth: int | None,
    page: str | None,
    vector: str | None,
    report: str | None,
    opened: bool,
) -> None:
    """Draw the proof of a stored run, by default of the newest that has one, or the stored proof of MODEL and QUERY.

    Every node tells its split, its bound, whether it is split, closed or open, and, where the proof grew from another
    one, whether it is new, reused, or transferred with its certificate. Without --html, --svg and --json the tree is
    printed.

    \b
    Examples:
      ivan tree                                   # the newest proof, folded to fit a screen
      ivan tree 12 --depth 20                     # that of run 12, deeper
      ivan tree model.onnx property.vnnlib        # that of a model and a property
      ivan tree close.vnnlib --network f=v1.onnx --network g=v2.onnx
      ivan tree 12 --html proof.html --open       # a page to search and zoom, in the browser
      ivan tree 12 --svg proof.svg --depth 4      # a figure
      ivan tree 12 --json - | jq '.nodes[] | select(.state == "open")'
    """
    if opened and page is None:
        raise click.UsageError("--open goes with --html FILE")
    targets = [Path(target) for target in (page, vector, report) if target is not None and target != "-"]
    for target in targets:
        check_target(target)
    wanted = _wanted(what, networks)

    from ivan.pictures.stored import stored_picture
    from ivan.store import ProofStore

    # A path that somebody typed and that does not exist is a mistake; the default store may be made here.
    with ProofStore.open(location, create=location is None, warn=warn) as store:
        picture = stored_picture(store, _run(store, wanted), warn)
    _write(picture, depth, page, vector, report)
    if page is not None and opened:
        import webbrowser

        webbrowser.open(Path(page).resolve().as_uri())


Question = tuple[str | dict[str, str], str]
"""A model, or models by name, and a query."""


def _wanted(what: tuple[str, ...], networks: tuple[str, ...]) -> int | Question | None:
    """A run, a question, or nothing."""
    if networks or len(what) == 2:
        return models_and_query(what, networks)
    if len(what) > 2:
        raise click.UsageError("a RUN, or a MODEL and a QUERY are expected")
    if not what:
        return None
    try:
        run = int(what[0])
    except ValueError:
        raise click.UsageError(f"{what[0]}: the number of a run is expected, or a MODEL and a QUERY") from None
    if run < 1:
        raise click.UsageError(f"{run}: runs are numbered from 1")
    return run


def _run(store: ProofStore, wanted: int | Question | None) -> int:
    from ivan.pictures.stored import newest

    if isinstance(wanted, int):
        return wanted
    if wanted is None:
        return newest(store)
    from ivan.pictures.question import run_of  # which reads models

    return run_of(store, *wanted, warn)


def _write(picture: Picture, depth: int | None, page: str | None, vector: str | None, report: str | None) -> None:
    """Everything that was asked for."""
    from ivan.pictures.folding import Folding

    def folding(most: int) -> Folding:
        return Folding.within(picture, most) if depth is None else Folding.at(picture, depth)

    if page is not None:
        from ivan.pictures.page import html_of

        write_file(Path(page), html_of(picture, depth))
    if vector is not None:
        from ivan.pictures.vector import MOST_NODES, svg_of

        write_file(Path(vector), svg_of(folding(MOST_NODES)))
    if report is not None:
        from ivan.pictures.report import json_of

        text = json_of(folding(len(picture)))
        if report == "-":
            print_answer(text.rstrip("\n"))
        else:
            write_file(Path(report), text)
    if page is None and vector is None and report is None:
        from ivan.pictures.text import MOST_LINES, lines

        print_answer(_printed(lines(folding(MOST_LINES), ascii_only=not _unicode())))


def _printed(lines: Iterable[Line]) -> str:
    """With colours; on a terminal, nodes are cut to its width, since lines that wrap are no tree any more."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    shown = [line if width is None or not line or line[0][1] != "guide" else _cut(line, width) for line in lines]
    text = "\n".join("".join(styled(piece, **_STYLES[role]) for piece, role in line) for line in shown)
    return text if _unicode() else text.encode("ascii", "replace").decode()


def _cut(line: Line, width: int) -> Line:
    pieces: list[tuple[str, str]] = []
    left = width
    for piece, role in line:
        if len(piece) > left:
            return (*pieces, (piece[: max(left - 1, 0)] + (_ELLIPSIS if _unicode() else "."), role))
        pieces.append((piece, role))
        left -= len(piece)
    return tuple(pieces)


def _unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
