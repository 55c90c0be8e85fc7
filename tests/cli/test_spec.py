"""`ivan spec` writes properties that `ivan verify` answers as their words say."""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from tests.cli.shell import Finished, Shell
from tests.models import Graph, convolutional, dense
from tests.questions import small, updated

from ivan.cli.spec_files import numbered
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.vnnlib import Query, parse_query, read_query

POINT = "0.25,-0.5,0.125\n"


@pytest.fixture
def robust(ivan: Shell, here: Path) -> Shell:
    """The shell, with point.csv beside the small model."""
    (here / "point.csv").write_text(POINT)
    return ivan


def make(ivan: Shell, *arguments: str | float) -> Query:
    done = ivan("spec", *arguments)
    assert done.code == 0, done.err
    return parse_query(done.out)


def box(query: Query) -> tuple[tuple[Fraction | None, ...], tuple[Fraction | None, ...]]:
    first = next(query.conjunctions())
    return first.lower, first.upper


def error_of(done: Finished) -> str:
    assert (done.code, done.out) == (2, "")
    first, last = done.err.splitlines()
    assert last.startswith("hint: ")
    return first.removeprefix("error: ")


def test_the_class_is_what_onnxruntime_says_at_the_input(robust: Shell, here: Path) -> None:
    query = make(robust, "robustness", "model.onnx", "--input", "point.csv", "--epsilon", "0.03")
    outputs = Runtime((here / "model.onnx").read_bytes()).run(np.array([0.25, -0.5, 0.125]))
    label = int(np.argmax(outputs))
    (case,) = query.conjunctions()
    assert dict(case.rows[0].outputs) == {label: 1, 1 - label: -1}
    assert box(query)[0] == (Fraction("0.22"), Fraction("-0.53"), Fraction("0.095"))
    assert box(query)[1] == (Fraction("0.28"), Fraction("-0.47"), Fraction("0.155"))


def test_the_comment_says_what_it_is(robust: Shell) -> None:
    done = robust("spec", "robustness", "model.onnx", "--input", "point.csv", "--epsilon", "8/255", "--clip", 0, 1,
                  "--label", 0)  # fmt: skip
    assert done.code == 2  # -0.5 is too far from [0, 1]
    assert "point.csv: the box is empty: input 1" in done.err
    done = robust("spec", "robustness", "model.onnx", "--input", "point.csv", "--epsilon", "8/255", "--clip", -1, 1)
    title, model, source, *_ = done.out.splitlines()
    assert title.endswith("of model.onnx stays the highest when every input moves by at most 8/255, within [-1, 1].")
    assert model == f"; model: model.onnx, digest {read_model('model.onnx').network.digest}"
    assert source == "; input: point.csv"


@pytest.mark.parametrize(("label", "verdict"), [(0, "unsat"), (1, "sat")])
@pytest.mark.usefixtures("here")
def test_what_is_written_is_verified(robust: Shell, label: int, verdict: str) -> None:
    done = robust("spec", "robustness", "model.onnx", "--input", "point.csv", "--epsilon", "0.01", "--label", label,
                  "-o", "out.vnnlib")  # fmt: skip
    assert (done.code, done.out) == (0, "")
    assert robust.verify("model.onnx", "out.vnnlib", "--no-store").verdict == verdict


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [(("--max", "2.26"), "unsat"), (("--max", "2"), "sat"), (("--min", "1.7", "--max", "3"), "unsat")],
)
@pytest.mark.usefixtures("here")
def test_a_range_is_verified(ivan: Shell, limits: tuple[str, ...], verdict: str) -> None:
    """Over the box [-1, 1]^3 the first output lies between 1.78 and 2.25."""
    done = ivan("spec", "range", "model.onnx", "--input-lower", -1, "--input-upper", "1,1,1", "--output", 0, *limits,
                "-o", "out.vnnlib", "--quiet")  # fmt: skip
    assert (done.code, done.out, done.err) == (0, "", "")
    assert ivan.verify("model.onnx", "out.vnnlib", "--no-store").verdict == verdict


def test_an_output_that_touches_its_limit_is_within_a_range_unless_limits_are_exclusive(
    ivan: Shell, here: Path
) -> None:
    """A ReLU at the end: 0 is reached, and nothing below it."""
    g = Graph()
    (here / "relu.onnx").write_bytes(g.model({"x": [1, 1]}, [g.node("Relu", "x")]))
    asked = ("range", "relu.onnx", "--input-lower", -1, "--input-upper", 1, "--min", 0)
    reached = [Fraction(-1)], [Fraction(0)]
    assert not make(ivan, *asked).violated(*reached)
    assert make(ivan, *asked, "--exclusive").violated(*reached)
    (here / "out.vnnlib").write_text(ivan("spec", *asked, "--exclusive").out)
    assert ivan.verify("relu.onnx", "out.vnnlib", "--no-store").verdict == "sat"


def test_a_region_can_be_a_file_of_bounds(ivan: Shell, here: Path) -> None:
    (here / "box.csv").write_text("-1,1\n0,0.5\n0.1,1/3\n")
    np.save(here / "upper.npy", np.array([[1.0, 0.5, 2.0]]))
    query = make(ivan, "range", "model.onnx", "--box", "box.csv", "--max", 1)
    assert box(query)[0] == (-1, 0, Fraction("0.1"))
    assert box(query)[1][:2] == (1, Fraction("0.5"))
    query = make(ivan, "range", "model.onnx", "--input-lower", "-1,-1,-1", "--input-upper", "upper.npy", "--max", 1)
    assert box(query) == ((-1, -1, -1), (1, Fraction(1, 2), 2))


def test_several_inputs_make_a_numbered_file_each(ivan: Shell, here: Path) -> None:
    inputs = np.random.default_rng(0).random((11, 1, 3)).astype(np.float32)
    np.save(here / "inputs.npy", inputs)
    done = ivan("spec", "robustness", "model.onnx", "--input", "inputs.npy", "--epsilon", "0", "-o", "robust.vnnlib")
    assert (done.code, done.out) == (0, "")
    names = sorted(path.name for path in here.glob("robust*"))
    assert names == [f"robust-{index:02}.vnnlib" for index in range(11)]
    assert [line.split(":")[0] for line in done.err.splitlines()] == names
    for name, values in zip(names, inputs, strict=True):
        lower, upper = box(read_query(here / name))
        assert lower == upper == tuple(Fraction(float(v)) for v in values.ravel())


def test_a_label_for_each_of_several_inputs(ivan: Shell, here: Path) -> None:
    (here / "inputs.csv").write_text(POINT * 2)
    done = ivan("spec", "robustness", "model.onnx", "--input", "inputs.csv", "--epsilon", "0.1", "--label", "0,1", "-o",
                "r.vnnlib")  # fmt: skip
    assert done.code == 0
    assert "(assert (>= Y_1 Y_0))" in (here / "r-0.vnnlib").read_text()
    assert "(assert (>= Y_0 Y_1))" in (here / "r-1.vnnlib").read_text()
    warning = done.err.splitlines()[0]
    assert warning == "warning: inputs.csv, input 1 of 2: the model's class is 0 there, not 1"


def test_normalised_data_are_normalised_by_channel(ivan: Shell, here: Path) -> None:
    (here / "image.onnx").write_bytes(convolutional(np.random.default_rng(0)))
    np.save(here / "image.npy", np.full((8, 8), 128, np.uint8))
    query = make(ivan, "robustness", "image.onnx", "--input", "image.npy", "--epsilon", 2, "--clip", 0, 255, "--mean",
                 127.5, "--std", 255, "--label", 1)  # fmt: skip
    lower, upper = box(query)
    for low, high in zip(lower, upper, strict=True):
        assert low is not None
        assert high is not None
        assert Fraction(126 - 127.5) / 255 - low < Fraction(1, 10**38)
        assert high - Fraction(130 - 127.5) / 255 < Fraction(1, 10**38)
        assert low <= Fraction(126 - 127.5) / 255 < Fraction(130 - 127.5) / 255 <= high


def test_an_input_can_come_from_stdin(robust: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[0.25, -0.5, 0.125]")))
    piped = robust("spec", "robustness", "model.onnx", "--input", "-", "--epsilon", "0.03")
    filed = robust("spec", "robustness", "model.onnx", "--input", "point.csv", "--epsilon", "0.03")
    assert piped.out.replace("<stdin>", "point.csv") == filed.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("robustness model.onnx --input nosuch.npy --epsilon 1", "nosuch.npy: cannot be read: "),
        (
            "robustness model.onnx --input point.csv --epsilon nan",
            "Invalid value for '--epsilon': 'nan' is not a number",
        ),
        ("robustness model.onnx --input point.csv --epsilon -1", "point.csv: the radius is negative"),
        ("robustness model.onnx --input point.csv --epsilon 1 --clip 0 x", "Invalid value for '--clip': 'x' is not"),
        ("robustness model.onnx --input point.csv --epsilon 1 --label x", "Invalid value for '--label': 'x' is not"),
        ("robustness model.onnx --input point.csv --epsilon 1 --label 2", "point.csv: label 2 is not an output"),
        ("robustness model.onnx --input point.csv --epsilon 1 --label 0,1", "--label: 2 classes for 1 input"),
        ("robustness model.onnx --input point.csv --epsilon 1 --label 1 --targeted 1", "point.csv: target and label"),
        ("robustness model.onnx --input point.csv --epsilon 1 --mean 1", "--mean and --std go together"),
        ("robustness model.onnx --input point.csv --epsilon 1 --mean 1 --std 0", "point.csv: a standard deviation"),
        ("robustness model.onnx --input point.csv --epsilon 1 --mean 1,2 --std 1", "point.csv: mean has 2 numbers"),
        ("robustness model.onnx --input point.csv --epsilon 1 --norm l2", "Invalid value for '--norm'"),
        ("robustness model.onnx --input two.csv --epsilon 1", "2 properties do not fit on stdout"),
        ("robustness model.onnx --input point.csv --epsilon 1 -o nowhere/x", "nowhere/x: cannot be written"),
        ("robustness nosuch.onnx --input point.csv --epsilon 1", "nosuch.onnx: cannot be read"),
        ("robustness one.onnx --input point.csv --epsilon 1", "point.csv: a model with one output has no classes"),
        ("range model.onnx --input-lower 0 --input-upper 1", "--min, --max or both"),
        ("range model.onnx --input-lower 0 --max 1", "either --input-lower and --input-upper, or --box"),
        ("range model.onnx --input-lower 0 --input-upper 1 --box b.csv --max 1", "either --input-lower and"),
        ("range model.onnx --max 1", "either --input-lower and --input-upper, or --box"),
        ("range model.onnx --input-lower 0,1 --input-upper 1 --max 1", "--input-lower: 2 numbers for 3 inputs"),
        ("range model.onnx --input-lower nosuch --input-upper 1 --max 1", "nosuch: cannot be read"),
        ("range model.onnx --input-lower 1 --input-upper 0 --max 1", "the box is empty: input 0 lies between 1 and 0"),
        ("range model.onnx --box point.csv --max 1", "point.csv: 1 x 3 numbers; the model has 3 inputs"),
        ("range model.onnx --input-lower 0 --input-upper 1 --output 2 --max 1", "2 is not an output"),
        ("range model.onnx --input-lower 0 --input-upper 1 --min 2 --max 1", "the range is empty"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_a_hint(robust: Shell, here: Path, arguments: str, message: str) -> None:
    (here / "two.csv").write_text(POINT * 2)
    (here / "one.onnx").write_bytes(dense((3, 1), np.random.default_rng(0)))
    before = {path: path.stat().st_mtime_ns for path in here.iterdir()}
    assert error_of(robust("spec", *arguments.split())).startswith(message)
    assert {path: path.stat().st_mtime_ns for path in here.iterdir()} == before


def test_a_tie_needs_a_label(ivan: Shell, here: Path) -> None:
    g = Graph()
    (here / "tie.onnx").write_bytes(g.model({"x": [1, 1]}, [g.node("Concat", "x", "x", axis=1)]))
    (here / "x.csv").write_text("1")
    done = ivan("spec", "robustness", "tie.onnx", "--input", "x.csv", "--epsilon", 1)
    assert error_of(done) == "x.csv: outputs 0, 1 are equally high there; name the class that is meant"
    done = ivan("spec", "robustness", "tie.onnx", "--input", "x.csv", "--epsilon", 1, "--label", 0)
    assert done.code == 0
    assert "the model decides for none there, not 0" in done.err


def test_of_several_outputs_one_has_the_classes(ivan: Shell, here: Path) -> None:
    """Labels are counted in it, and no number of another output is a rival."""
    g = Graph()
    value = g.node("ReduceSum", "x", np.array([1]))
    policy = g.node("Mul", "x", np.float32([[1, 3, 2]]))
    (here / "two.onnx").write_bytes(g.model({"x": [1, 3]}, [value, policy]))
    (here / "x.csv").write_text("1,1,1")
    asked = ("robustness", "two.onnx", "--input", "x.csv", "--epsilon", "0.01")
    assert "name the one that has the classes' scores" in error_of(ivan("spec", *asked))
    assert "no output 'none'" in error_of(ivan("spec", *asked, "--output", "none"))
    assert "no classes" in error_of(ivan("spec", *asked, "--output", value))
    query = make(ivan, *asked, "--output", policy)
    assert [set(dict(case.rows[0].outputs)) for case in query.conjunctions()] == [{1, 2}, {2, 3}]
    assert "label 3 is not an output" in error_of(ivan("spec", *asked, "--output", policy, "--label", 3))
    region = ("--input-lower", 0, "--input-upper", 1)
    assert "several output tensors" in error_of(ivan("spec", "fairness", "two.onnx", "--protected", 0, *region))
    assert "several output tensors" in error_of(ivan("spec", "agreement", "two.onnx", "two.onnx", *region))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (PurePosixPath("out/robust.vnnlib"), "out/robust-03.vnnlib"),
        (PurePosixPath("v1.2/eps.0.1.vnnlib.gz"), "v1.2/eps.0.1-03.vnnlib.gz"),
        (PurePosixPath("robust"), "robust-03"),
        (PureWindowsPath(r"C:\specs\robust.vnnlib"), r"C:\specs\robust-03.vnnlib"),
        (PureWindowsPath(r"..\v1.2\robust.vnnlib.gz"), r"..\v1.2\robust-03.vnnlib.gz"),
    ],
)
def test_numbers_stand_before_the_suffix(path: PurePosixPath | PureWindowsPath, name: str) -> None:
    assert str(numbered(path, 3, 12)) == name


BOTH = ("--input-lower", "-0.5", "--input-upper", "0.5")


def related(ivan: Shell, folder: Path, *arguments: str) -> str:
    """What `ivan verify` says of a property that `ivan spec` wrote; of two versions the second is next.onnx."""
    done = ivan("spec", *arguments, "-o", "pair.vnnlib")
    assert done.code == 0, done.err
    networks = ["--network", "f=model.onnx"]
    if arguments[0] in ("equivalence", "agreement"):
        networks += ["--network", "g=next.onnx"]
    answer = ivan("verify", "pair.vnnlib", *networks, "--timeout", 30, "--no-store")
    assert answer.code == 0, answer.err
    return answer.out.split()[0]


def test_two_versions_are_as_close_as_they_are(ivan: Shell, here: Path) -> None:
    """A version whose outputs differ by 0.25 everywhere."""
    moved = updated(small(), lambda a: a + np.float32(0.25) if a.shape == (2,) else a)
    (here / "next.onnx").write_bytes(moved)
    assert related(ivan, here, "equivalence", "model.onnx", "next.onnx", *BOTH, "--max", "0.26") == "unsat"
    assert related(ivan, here, "equivalence", "model.onnx", "next.onnx", *BOTH, "--max", "0.24") == "sat"
    assert related(ivan, here, "agreement", "model.onnx", "next.onnx", *BOTH, "--label", "0") in ("sat", "unsat")


def test_a_rising_output_rises(ivan: Shell, here: Path) -> None:
    rising = Graph()
    weights = np.array([[2, 1], [-1, 1]], np.float32)
    hidden = rising.node("Relu", rising.node("Gemm", "x", weights))
    last = rising.node("Gemm", hidden, np.array([[1], [1]], np.float32))
    (here / "model.onnx").write_bytes(rising.model({"x": [1, 2]}, [last]))
    up = ("monotonicity", "model.onnx", "--output", "0", "--tolerance", "0.01", *BOTH)
    assert related(ivan, here, *up, "--rising", "0") == "unsat"
    assert related(ivan, here, *up, "--rising", "1") == "sat"
    assert related(ivan, here, *up, "--rising", "0", "--falls") == "sat"


def test_a_protected_feature_that_matters_is_unfair(ivan: Shell, here: Path) -> None:
    score = Graph()
    last = score.node("Gemm", "x", np.array([[1], [0.1]], np.float32))
    (here / "model.onnx").write_bytes(score.model({"x": [1, 2]}, [last]))
    fair = ("fairness", "model.onnx", "--protected", "1", *BOTH)
    assert related(ivan, here, *fair, "--max", "0.11") == "unsat"
    assert related(ivan, here, *fair, "--max", "0.09") == "sat"
    assert related(ivan, here, *fair, "--similar", "0.01", "--max", "0.105") == "sat"


def test_regions_are_balls_or_a_box(robust: Shell, here: Path) -> None:
    (here / "next.onnx").write_bytes(small())
    (here / "points.csv").write_text("0.1,0.2,0.3\n-0.1,0.5,0\n")
    pair = ("spec", "agreement", "model.onnx", "next.onnx")
    assert robust(*pair, "--input", "points.csv", "--epsilon", "0.01", "-o", "alike.vnnlib").code == 0
    assert [path.name for path in sorted(here.glob("alike-*"))] == ["alike-0.vnnlib", "alike-1.vnnlib"]
    for wrong in ([], ["--input", "points.csv"], ["--epsilon", "1", *BOTH], ["--input-lower", "0"],
                  ["--input", "points.csv", "--epsilon", "1", *BOTH], [*BOTH, "--mean", "1"]):  # fmt: skip
        done = robust(*pair, *wrong)
        assert (done.code, done.out) == (2, "")


def test_versions_of_other_shapes_are_no_pair(ivan: Shell, here: Path) -> None:
    (here / "next.onnx").write_bytes(Graph().model({"x": [1, 2]}, ["x"]))
    assert "two versions have the same inputs and outputs" in error_of(
        ivan("spec", "agreement", "model.onnx", "next.onnx", *BOTH)
    )
