"""What `ivan spec` reads and writes: numbers in files or in the command itself, and a file for every property."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

from ivan.cli.output import check_target, print_answer, write_file
from ivan.cli.quiet import say
from ivan.cli.tables import plural
from ivan.errors import InputError

if TYPE_CHECKING:
    from ivan.spec import Box, Numbers, PairSpecification, Specification

P = TypeVar("P", bound=PurePath)


@contextmanager
def refusals(place: str = "") -> Iterator[None]:
    """What a generator refuses is about the command's own words.

    Raises:
        InputError: for every ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise InputError(f"{place}{error}", hint="`--help` says what each option means") from error


def numbers(source: str) -> Numbers:
    """The numbers in a file, or for `-` on stdin.

    Raises:
        InputError: it cannot be read, or holds no numbers.
    """
    from ivan.spec import read_numbers

    if source == "-":
        return read_numbers(sys.stdin.buffer.read(), "<stdin>")
    try:
        return read_numbers(Path(source).read_bytes(), source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}", hint="check the path") from error


def region(size: int, lower: str | None, upper: str | None, both: str | None) -> Box:
    """The box that the options describe: `both` or else `lower` and `upper`.

    Raises:
        InputError: a file cannot be read, or the numbers are not as many as the bounds.
        ValueError: the box is empty.
    """
    from ivan.spec import Box

    if both is None:
        assert lower is not None
        assert upper is not None
        return Box(_side(lower, size, "--input-lower"), _side(upper, size, "--input-upper"))
    pairs = numbers(both)
    if pairs.shape != (size, 2):
        shape = " x ".join(map(str, pairs.shape))
        raise InputError(
            f"{pairs.name}: {shape} numbers; the model has {plural(size, 'input')}, each with two bounds",
            hint="one line per input: its lower and its upper bound",
        )
    return Box(pairs.values[::2], pairs.values[1::2])


def _side(text: str, size: int, option: str) -> tuple[Fraction, ...]:
    """Bounds that stand in the command itself, or in the file that it names."""
    from ivan.spec import exact

    try:
        values = tuple(exact(part) for part in text.split(","))
    except ValueError:
        values = numbers(text).values
    if len(values) not in (1, size):
        raise InputError(
            f"{option}: {plural(len(values), 'number')} for {plural(size, 'input')}",
            hint="give one number for all inputs, or one each",
        )
    return values if len(values) == size else values * size


def numbered(path: P, index: int, count: int) -> P:
    """The name of one file of several: `robust.vnnlib` becomes `robust-07.vnnlib`, and names sort as numbers do."""
    packed = path.suffix if path.suffix == ".gz" else ""
    inner = path.name.removesuffix(packed)
    suffix = path.with_name(inner).suffix
    return path.with_name(f"{inner.removesuffix(suffix)}-{index:0{len(str(count - 1))}}{suffix}{packed}")


def targets(out: str | None, count: int) -> list[Path | None]:
    """Where each of the properties goes, None being stdout; checked before any work is done.

    Raises:
        InputError: nothing can be written there.
    """
    if out is None or out == "-":
        if count > 1:
            raise InputError(f"{count} properties do not fit on stdout", hint="name a file with -o; each gets a number")
        return [None]
    places = [Path(out)] if count == 1 else [numbered(Path(out), index, count) for index in range(count)]
    for place in places:
        check_target(place)
    return [*places]


def deliver(specifications: Sequence[Specification | PairSpecification], places: Sequence[Path | None]) -> None:
    """Writes every property to its place, and says which is where.

    Raises:
        InputError: a file cannot be written.
    """
    for specification, place in zip(specifications, places, strict=True):
        if place is None:
            print_answer(specification.text.rstrip("\n"))
            continue
        write_file(place, specification.text)
        say(f"{place}: {specification.title}")
