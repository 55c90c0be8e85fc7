"""Wrong input: one line with the place, one with a hint, exit code 2, and nothing on stdout."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.shell import Finished, Shell
from tests.models import Graph, dense
from tests.questions import HOLDS, box, small

from ivan.errors import InternalError, ProofError, PropertyError


def error_of(done: Finished) -> str:
    """The message of a command that ended as wrong input should."""
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[-1].startswith("hint: ")
    assert "ivan explain " in lines[-1]
    assert len(lines) in (2, 4)  # with or without an excerpt of two lines
    assert "Traceback" not in done.err
    return lines[0].removeprefix("error: ")


def one_layer(*weights: float) -> bytes:
    g = Graph()
    return g.model({"x": [1, 3]}, [g.node("Gemm", "x", np.array([weights], np.float32), transB=1)])


def unsupported() -> bytes:
    g = Graph()
    return g.model({"x": [1, 3]}, [g.node("Bernoulli", g.node("Hardmax", g.node("Bernoulli", "x")))])


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty file": (lambda: b"", "bad.onnx: the file is empty"),
    "text": (lambda: b"hello world\n", "bad.onnx: not an ONNX model"),
    "property": (HOLDS.encode, "bad.onnx: not an ONNX model"),
    "cut off": (lambda: small()[:-100], "bad.onnx: not an ONNX model"),
    "cut off early": (lambda: small()[:30], "bad.onnx: not an ONNX model"),
    "damaged gzip": (lambda: gzip.compress(small())[:-20], "bad.onnx: damaged gzip file"),
    "gzipped junk": (lambda: gzip.compress(b"x"), "bad.onnx: not an ONNX model"),
    "weight that is no number": (lambda: one_layer(np.nan, 1, 1), "bad.onnx: tensor 'w0' holds NaN or infinity"),
    "infinite weight": (lambda: one_layer(1, np.inf, 1), "bad.onnx: tensor 'w0' holds NaN or infinity"),
    "too many inputs": (
        lambda: dense((4, 2), np.random.default_rng(0)),
        "holds.vnnlib declares 3 inputs, bad.onnx has 4",
    ),
    "too many outputs": (
        lambda: dense((3, 5), np.random.default_rng(0)),
        "holds.vnnlib declares 2 outputs, bad.onnx has 5",
    ),
    "too few outputs": (
        lambda: dense((3, 1), np.random.default_rng(0)),
        "holds.vnnlib declares 2 outputs, bad.onnx has 1",
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_that_cannot_be_used_is_an_error(ivan: Shell, here: Path, kind: str) -> None:
    build, message = MODELS[kind]
    (here / "bad.onnx").write_bytes(build())
    assert error_of(ivan.verify("bad.onnx", "holds.vnnlib")).startswith(message)


def test_all_unsupported_operators_are_named_at_once(ivan: Shell, here: Path) -> None:
    (here / "bad.onnx").write_bytes(unsupported())
    message = error_of(ivan.verify("bad.onnx", "holds.vnnlib"))
    assert "Bernoulli (node 'bernoulli0_node' and 1 more, opset 13)" in message
    assert "Hardmax (node 'hardmax1_node', opset 13)" in message


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere"), lambda path: None],
                         ids=["folder", "dangling link", "missing"])  # fmt: skip
@pytest.mark.parametrize("bad", ["bad.onnx", "bad.vnnlib"])
def test_what_is_no_file_is_an_error(ivan: Shell, here: Path, make: Callable[[Path], None], bad: str) -> None:
    make(here / bad)
    files = (bad, "holds.vnnlib") if bad.endswith(".onnx") else ("model.onnx", bad)
    assert error_of(ivan.verify(*files)).startswith(f"{bad}: ")


PROPERTIES: dict[str, tuple[bytes, str, str | None]] = {
    "empty file": (b"", "bad.vnnlib:1:1: the property is empty", None),
    "model": (small(), "bad.vnnlib:1:", None),
    "cut off gzip": (gzip.compress(HOLDS.encode())[:-20], "bad.vnnlib: damaged gzip file", None),
    "unknown name": (box(3, "(>= Y_7 1)").encode(), "bad.vnnlib:12:13: 'Y_7' is not declared", "Y_7"),
    "unknown operator": (box(3, "(almost Y_0 1)").encode(), "bad.vnnlib:12:", "almost"),
    "never closed": (box(3).encode() + b"(assert (>= Y_0 1)", "bad.vnnlib:12:1: this '(' is never closed", "("),
    "unbounded input": (HOLDS.replace("(assert (>= X_1 -1))", "").encode(), "bad.vnnlib: unbounded input: X_1", None),
    "infinite bound": (HOLDS.replace("X_1 -1", "X_1 -inf").encode(), "bad.vnnlib:8:17: '-inf' is not a number", "-inf"),
    "bound that is no number": (HOLDS.replace("X_1 -1", "X_1 nan").encode(), "bad.vnnlib:8:17: 'nan' is not", "nan"),
    "bound out of range": (HOLDS.replace("X_1 -1", "X_1 -1e400").encode(), "bad.vnnlib:8:17: this number", "-1e400"),
}


@pytest.mark.parametrize("kind", PROPERTIES)
def test_a_property_that_cannot_be_used_is_an_error(ivan: Shell, here: Path, kind: str) -> None:
    content, message, marked = PROPERTIES[kind]
    (here / "bad.vnnlib").write_bytes(content)
    done = ivan.verify("model.onnx", "bad.vnnlib")
    assert error_of(done).startswith(message)
    if marked is not None:
        _, line, marks, _ = done.err.splitlines()
        start = marks.index("^")
        assert line[start : start + marks.count("^")] == marked


def test_marks_stay_below_the_shown_part_of_a_long_line() -> None:
    source = "(or " + "(>= Y_0 1) " * 1000 + ")"
    excerpt = PropertyError("wrong", line=1, column=5, source=source, width=len(source) - 5).excerpt()
    assert excerpt is not None
    line, marks = excerpt.split("\n")
    assert len(line) == len(marks) < 120
    assert marks == "      " + "^" * (len(line) - 6)


@pytest.mark.parametrize(
    "arguments",
    [
        "model.onnx",
        "model.onnx holds.vnnlib fails.vnnlib",
        "--no-such-option model.onnx holds.vnnlib",
        "holds.vnnlib --network model.onnx",
        "holds.vnnlib --network =model.onnx",
        "holds.vnnlib model.onnx --network N=model.onnx",
        "holds.vnnlib --network N=model.onnx --network M=model.onnx",
        "model.onnx holds.vnnlib --timeout -1",
        "model.onnx holds.vnnlib --timeout nan",
        "model.onnx holds.vnnlib --timeout soon",
        "model.onnx holds.vnnlib --threads -1",
        "model.onnx holds.vnnlib --threads 1.5",
        "model.onnx holds.vnnlib --threads 100000",
        "model.onnx holds.vnnlib --seed -1",
        "model.onnx holds.vnnlib --no-store --store x",
        "model.onnx holds.vnnlib --no-store --fresh",
        "model.onnx holds.vnnlib --no-store --recheck",
        "model.onnx holds.vnnlib --no-store --base model.onnx",
        "model.onnx holds.vnnlib --fresh --recheck",
        "model.onnx holds.vnnlib --fresh --base model.onnx",
        "model.onnx holds.vnnlib --quiet --verbose",
        "model.onnx holds.vnnlib --incremental resue",
        "model.onnx holds.vnnlib --incremental prune",
        "model.onnx holds.vnnlib --alpha 1.5",
        "model.onnx holds.vnnlib --alpha nan",
        "model.onnx holds.vnnlib --theta -1",
        "model.onnx holds.vnnlib --base nosuch.onnx",
        "model.onnx holds.vnnlib --witness nowhere/found.txt",
        "model.onnx holds.vnnlib --json nowhere/report.json",
        "model.onnx holds.vnnlib --json .",
        "model.onnx holds.vnnlib --witness .",
    ],
)
def test_wrong_options_are_an_error_before_anything_is_answered(ivan: Shell, here: Path, arguments: str) -> None:
    before = set(here.iterdir())
    error_of(ivan.verify(*arguments.split()))
    assert set(here.iterdir()) == before


def test_an_unknown_command_is_an_error(ivan: Shell) -> None:
    assert "'prove'" in error_of(ivan("prove"))


@pytest.mark.parametrize(
    ("arguments", "heading"),
    [
        ("verify model.onnx holds.vnnlib --alpha 2", "input-error"),
        ("tree 7", "input-error"),
        ("model info nosuch.onnx", "model-error"),
        ("verify bad.onnx holds.vnnlib", "unsupported-operator-error"),
        ("verify model.onnx nosuch.vnnlib", "property-error"),
        ("verify model.onnx holds.vnnlib --base 123", "mismatch-error"),
        ("cache list --store nosuch.sqlite", "store-error"),
    ],
)
def test_a_hint_ends_with_the_command_that_explains_the_error(
    ivan: Shell, here: Path, arguments: str, heading: str
) -> None:
    (here / "bad.onnx").write_bytes(unsupported())
    done = ivan(*arguments.split())
    error_of(done)
    assert done.err.endswith(f" (ivan explain {heading})\n")


@pytest.mark.usefixtures("here")
def test_where_there_is_no_hint_the_explanation_is_one(ivan: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ProofError("it proves nothing")

    monkeypatch.setattr("ivan.verification.question.deploy", broken)
    done = ivan.verify("model.onnx", "holds.vnnlib")
    assert done.err == "error: it proves nothing\nhint: `ivan explain proof-error` says more\n"


@pytest.mark.usefixtures("here")
def test_verbose_adds_the_traceback_of_an_error(ivan: Shell) -> None:
    done = ivan.verify("nosuch.onnx", "holds.vnnlib", "--verbose")
    assert done.code == 2
    assert "Traceback" in done.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InternalError("a law was broken", hint="tell us"), "a law was broken"),
        (ZeroDivisionError("what"), "what"),
        (BrokenPipeError(errno.EPIPE, "not of the standard streams"), "not of the standard streams"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_bug_is_exit_code_four_and_never_a_verdict(
    ivan: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("ivan.verification.question.deploy", broken)
    done = ivan.verify("model.onnx", "holds.vnnlib")
    assert (done.code, done.out) == (4, "")
    first, second = done.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert second.startswith("hint: ")
