"""`ivan verify` on queries about several networks, and what `ivan supports` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.cli.shell import Shell
from tests.test_several_networks import MODELS, folder

from ivan.cli.supports import CAPABILITIES
from ivan.cli.verify import _dialect
from ivan.network.onnx_ops import OPERATORS

BOTH = ("--network", "f=f.onnx", "--network", "g=g.onnx")

__all__ = ["folder"]


NETWORKS = """; two versions of a model
(vnnlib-version <2.0>)
(declare-network f (declare-input X real [1,3]) (declare-output Y real [1,2]))
(declare-network g (isomorphic-to f) (declare-input V real [1,3]) (declare-output W real [1,2]))
"""


def apart(by: float) -> str:
    """Do the first outputs differ by more than that where the inputs are equal?"""
    places = [f"[0,{i}]" for i in range(3)]
    bounds = [f"(assert (>= {name}{at} -0.5)) (assert (<= {name}{at} 0.5))" for name in "XV" for at in places]
    equal = [f"(assert (== X{at} V{at}))" for at in places]
    unsafe = f"(assert (or (>= Y[0,0] (+ W[0,0] {by:.6f})) (>= W[0,0] (+ Y[0,0] {by:.6f}))))"
    return NETWORKS + "\n".join([*bounds, *equal, unsafe])


@pytest.fixture
def questions(folder: Path) -> None:
    """close.vnnlib holds, far.vnnlib does not."""
    (folder / "close.vnnlib").write_text(apart(0.05))
    (folder / "far.vnnlib").write_text(apart(1e-4))


@pytest.mark.usefixtures("questions")
def test_the_standards_form_answers_with_a_block_for_every_tensor(ivan: Shell) -> None:
    assert ivan.verify("close.vnnlib", *BOTH).out == "unsat\n"
    done = ivan.verify("far.vnnlib", *BOTH, "--witness", "found.txt")
    first, text = done.out.split("\n", 1)
    assert (done.code, done.err, first) == (0, "", "sat")
    heads = [line for line in text.splitlines() if " " in line]
    assert heads == ["X real [1,3]", "Y real [1,2]", "V real [1,3]", "W real [1,2]"]
    assert len(text.splitlines()) == 4 + 3 + 2 + 3 + 2
    assert Path("found.txt").read_text() == text
    report = ivan.report("far.vnnlib", *BOTH)
    assert report["model"] == MODELS


@pytest.mark.usefixtures("questions")
def test_timeouts_are_spelled_as_the_standard_has_it(ivan: Shell) -> None:
    assert ivan.verify("close.vnnlib", *BOTH, "--timeout", 0).out == "timed-out\n"


@pytest.mark.usefixtures("questions")
def test_serialised_assignments_are_tensors_in_files_and_the_verdict_alone(ivan: Shell) -> None:
    done = ivan.verify("far.vnnlib", *BOTH, "--serialise-assignments", "deep/out")
    assert done.out == "sat\n"
    assert sorted(path.name for path in Path("deep/out").iterdir()) == ["V.pb", "W.pb", "X.pb", "Y.pb"]
    read = {
        name: numpy_helper.to_array(onnx.TensorProto.FromString(Path(f"deep/out/{name}.pb").read_bytes()))
        for name in "XV"
    }
    assert read["X"].shape == (1, 3)
    np.testing.assert_array_equal(read["X"], read["V"])
    assert ivan.verify("close.vnnlib", *BOTH, "--serialise-assignments", "none").out == "unsat\n"
    assert list(Path("none").iterdir()) == []


@pytest.mark.usefixtures("here")
def test_vnnlib_1_is_serialised_as_x_and_y(ivan: Shell) -> None:
    assert ivan.verify("model.onnx", "fails.vnnlib", "--serialise-assignments", "out").out == "sat\n"
    read = numpy_helper.to_array(onnx.TensorProto.FromString(Path("out/X.pb").read_bytes()))
    assert (read.shape, read.dtype) == ((3,), "float64")
    assert Path("out/Y.pb").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--network", "f=f.onnx"), "no model for network g"),
        ((*BOTH, "--network", "h=g.onnx"), "declares no network h"),
        ((*BOTH, "--network", "g=f.onnx"), "--network g=f.onnx: g is there twice"),
        (("--network", "f"), "--network f: NAME=MODEL is expected"),
        ((*BOTH, "--base", "f.onnx"), "is about the networks f, g"),
        ((*BOTH, "--base", "f=f.onnx"), "--base f=f.onnx: no model for network g"),
        ((*BOTH, "--base", "f=f.onnx", "--base", "g.onnx"), "--base g.onnx: NAME=MODEL is expected"),
        ((*BOTH, "--base", "f=f.onnx", "--base", "f=g.onnx"), "--base f=g.onnx: f is there twice"),
        ((*BOTH, "--serialise-assignments", "f.onnx"), "Directory 'f.onnx' is a file"),
    ],
)
@pytest.mark.usefixtures("questions")
def test_what_is_wrong_with_the_networks_is_said_in_a_line(
    ivan: Shell, arguments: tuple[str, ...], message: str
) -> None:
    done = ivan.verify("close.vnnlib", *arguments)
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")


@pytest.mark.usefixtures("questions")
def test_an_earlier_combination_is_named_by_its_models(ivan: Shell) -> None:
    old = ivan.report("close.vnnlib", *BOTH)
    swapped = ("--network", "f=g.onnx", "--network", "g=f.onnx")
    new = ivan.report("close.vnnlib", *swapped, "--base", "f=f.onnx", "--base", "g=g.onnx")
    assert (new["verdict"], new["base_use"], new["base_run"]) == ("unsat", "proof", old["run"])
    assert new["base_leaves"] == old["leaves"]
    named = ivan.report("close.vnnlib", *swapped, "--recheck", "--base", old["network_digest"][:12])
    assert named["base_run"] == old["run"]


@pytest.mark.usefixtures("questions")
def test_the_proof_of_two_networks_is_drawn_and_compacted(ivan: Shell) -> None:
    run = ivan.report("close.vnnlib", *BOTH)["run"]
    drawn = ivan("tree", "close.vnnlib", *BOTH)
    assert (drawn.code, f"run {run}" in drawn.out) == (0, True)
    compacted = ivan("cache", "compact", "close.vnnlib", *BOTH)
    assert (compacted.code, compacted.out.startswith(f"run {run}: ")) == (0, True)
    swapped = ivan("tree", "close.vnnlib", "--network", "f=g.onnx", "--network", "g=f.onnx")
    assert (swapped.code, "no proof of close.vnnlib for" in swapped.err) == (2, True)


def test_a_file_whose_name_has_an_equals_sign_is_a_base(ivan: Shell, here: Path) -> None:
    (here / "a=b.onnx").write_bytes((here / "model.onnx").read_bytes())
    run = ivan.report("model.onnx", "holds.vnnlib")["run"]
    report = ivan.report("model.onnx", "holds.vnnlib", "--base", "a=b.onnx", "--recheck")
    assert report["base_run"] == run


@pytest.mark.usefixtures("questions")
def test_one_model_is_not_enough_for_two_networks(ivan: Shell) -> None:
    done = ivan.verify("f.onnx", "close.vnnlib")
    assert done.code == 2
    assert "is about the networks f, g, one model is given" in done.err
    assert "--network f=MODEL --network g=MODEL" in done.err


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (b"(vnnlib-version <2.0>)", 2),
        (b"; (vnnlib-version <1.0>)\n\n ( vnnlib-version <2.1>)", 2),
        (b"(vnnlib-version <1.0>)", 1),
        (b"(declare-const X_0 Real)", 1),
        (b"\x1f\x8bbroken", 1),
        (b"", 1),
    ],
)
def test_the_dialect_is_known_before_the_query_is_read(tmp_path: Path, text: bytes, version: int) -> None:
    path = tmp_path / "q.vnnlib"
    path.write_bytes(text)
    assert _dialect(str(path)) == version
    assert _dialect(str(tmp_path / "nosuch.vnnlib")) == 1


# -- capabilities -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["supports", "capabilities"])
@pytest.mark.parametrize("name", CAPABILITIES)
def test_every_capability_of_the_standard_is_answered_a_value_a_line(ivan: Shell, command: str, name: str) -> None:
    done = ivan(command, f"--{name}")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert done.out == "\n".join(lines) + "\n"
    assert all(lines)
    if name.endswith("versions"):
        low, high = ([int(part) for part in line.split(".")] for line in lines)
        assert low <= high
    if name in ("serialise-assignments", "optimised-disjunctive-reasoning"):
        assert lines in (["true"], ["false"])


def test_there_are_eleven_and_operators_are_all_that_can_be_read(ivan: Shell) -> None:
    assert len(CAPABILITIES) == 11
    assert set(ivan("supports", "--onnx-operators").out.split()) == set(OPERATORS)


@pytest.mark.parametrize("arguments", [(), ("--vnnlib-versions", "--onnx-operators"), ("--everything",)])
def test_anything_but_one_capability_is_an_error(ivan: Shell, arguments: tuple[str, ...]) -> None:
    done = ivan("supports", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")


def test_the_program_says_its_name(ivan: Shell) -> None:
    assert ivan("--name").out == "ivan\n"
