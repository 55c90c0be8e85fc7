"""Suites say exactly what is asked, and what they cannot mean is an error with its place."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from ivan.errors import InputError
from ivan.gate.kinds import (
    KINDS,
    Agreement,
    Balls,
    Equivalence,
    Fairness,
    Limits,
    Monotonicity,
    OutputRange,
    Robustness,
)
from ivan.gate.suite import ONLY, Severity, Suite, read_suite
from ivan.gate.table import shown

WHOLE = """
model = "net.onnx"
timeout = 5

[[property]]
query = "a.vnnlib.gz"

[[property]]
name = "digits stay"
severity = "may-be-undecided"
timeout = 0.5
[property.robustness]
inputs = "x.npy"
epsilon = "8/255"
clip = [0, 1]
mean = 0.1
std = [0.3]
labels = 3
target = 7
output = "logits"

[[property]]
range = { lower = -1, upper = [1, 2.5], outputs = [0, 1], min = 0.1, max = 1e2, exclusive = true }
severity = "may-fail"
fixed = ["old.txt", "older.txt"]
"""


def suite(folder: Path, text: str) -> Suite:
    path = folder / "suite.toml"
    path.write_text(text)
    return read_suite(path)


def test_a_suite_is_read_with_exact_numbers_and_paths_from_its_folder(tmp_path: Path) -> None:
    read = suite(tmp_path, WHOLE)
    assert (read.name, read.models) == ("suite", {ONLY: tmp_path / "net.onnx"})
    file, digits, outputs = read.properties
    assert (file.name, file.asks, file.severity, file.timeout) == ("a", tmp_path / "a.vnnlib.gz", Severity.MUST_HOLD, 5)
    assert (digits.name, digits.severity, digits.timeout) == ("digits stay", Severity.MAY_BE_UNDECIDED, 0.5)
    clip, mean, deviation = (Fraction(0), Fraction(1)), (Fraction(1, 10),), (Fraction(3, 10),)
    balls = Balls(tmp_path / "x.npy", Fraction(8, 255), clip, mean, deviation)
    assert digits.asks == Robustness(balls, (3,), 7, "logits")
    assert (outputs.name, outputs.severity) == ("property 3", Severity.MAY_FAIL)
    assert outputs.fixed == (tmp_path / "old.txt", tmp_path / "older.txt")
    limits = Limits((Fraction(-1),), (Fraction(1), Fraction(5, 2)), None)
    assert outputs.asks == OutputRange(limits, (0, 1), Fraction(1, 10), Fraction(100), True)


def test_relations_are_read_with_either_kind_of_region(tmp_path: Path) -> None:
    text = (
        PLAIN
        + """equivalence = { inputs = "x.csv", epsilon = 0.5, max = 0.1, outputs = [1] }
        [[property]]
        agreement = { lower = 0, upper = 1, label = 2 }
        [[property]]
        monotonicity = { box = "b.csv", rising = [0, 2], outputs = 1, falls = true, tolerance = 0.5 }
        [[property]]
        fairness = { box = "b.csv", protected = 3, similar = "1/4", max = 2 }
        """
    )
    half, box = Fraction(1, 2), Limits(None, None, tmp_path / "b.csv")
    assert [each.asks for each in suite(tmp_path, text).properties] == [
        Equivalence(Balls(tmp_path / "x.csv", half, None, None, None), (1,), Fraction(1, 10)),
        Agreement(Limits((Fraction(0),), (Fraction(1),), None), 2),
        Monotonicity(box, (0, 2), (1,), True, half),
        Fairness(box, (3,), Fraction(1, 4), Fraction(2), ()),
    ]


def test_a_suite_of_several_models_says_which_each_property_means(tmp_path: Path) -> None:
    text = '[models]\na = "a.onnx"\nb = "b.onnx"\n[[property]]\nmodel = "b"\nquery = "q.vnnlib"\n'
    read = suite(tmp_path, text)
    assert read.models == {"a": tmp_path / "a.onnx", "b": tmp_path / "b.onnx"}
    assert read.properties[0].model == "b"


PLAIN = 'model = "m.onnx"\n[[property]]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "suite.toml: Invalid value"),
        ("", "suite.toml: either model or a table [models] is expected"),
        ('model = "m"\n[models]\na = "b"', "either model or a table [models] is expected"),
        ('model = "m"', "suite.toml: no properties"),
        ('model = 3\n[[property]]\nquery = "q"', "suite.toml: model: a text is expected"),
        ('modell = "m"\nmodel = "m"\n[[property]]\nquery = "q"', "suite.toml: modell means nothing here: model?"),
        (
            PLAIN + 'severity = "must-hold"',
            f"property 1: exactly one of {', '.join(KINDS)} is expected",
        ),
        (
            PLAIN + 'query = "q"\nrange = { max = 1 }',
            f"property 1: exactly one of {', '.join(KINDS)} is expected",
        ),
        (
            PLAIN + 'query = "q"\nseverity = "high"',
            "severity: one of must-hold, may-be-undecided, may-fail",
        ),
        (PLAIN + 'query = "q"\ntimeout = -1', "property 1: timeout: a number of seconds is expected"),
        (PLAIN + 'query = "q"\ntimeout = nan', "suite.toml: "),
        (PLAIN + 'query = "q"\nname = "n"\nfix = []', "property 1 ('n'): fix means nothing here: fixed?"),
        (PLAIN + 'query = "q"\nmodel = "other"', "property 1: model: one of 'model' is expected"),
        (PLAIN + 'query = "q"\n[[property]]\nquery = "q"', "property 2: a second property is called 'q'"),
        (PLAIN + "robustness = { epsilon = 1 }", "property 1: inputs is missing"),
        (PLAIN + 'robustness = { inputs = "x", epsilon = "a" }', "property 1: epsilon: 'a' is not a number"),
        (PLAIN + 'robustness = { inputs = "x", epsilon = 1, clip = 1 }', "clip: a least and a greatest value"),
        (PLAIN + 'robustness = { inputs = "x", epsilon = 1, mean = 1 }', "mean and std go together"),
        (PLAIN + 'robustness = { inputs = "x", epsilon = 1, norm = "l2" }', "norm means nothing here"),
        (PLAIN + "robustness = 3", "property 1: robustness: a table is expected"),
        (PLAIN + "range = { lower = 0, max = 1 }", "range: either lower and upper, or box, are expected"),
        (PLAIN + "range = { lower = 0, upper = 1 }", "range: min, max or both are expected"),
        (PLAIN + 'range = { box = "b", outputs = [-1], max = 1 }', "outputs: a whole number from 0 is expected"),
        (PLAIN + 'range = { box = "b", max = 1, exclusive = 1 }', "exclusive: true or false is expected"),
    ],
)
def test_what_means_nothing_is_an_error_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        suite(tmp_path, text)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_suite_that_is_not_there_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_suite(tmp_path / "nosuch.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        read_suite(tmp_path / "bytes.toml")


def test_a_path_is_shortened_only_where_it_stays_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("specs", "here", "far/away"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    monkeypatch.chdir(tmp_path / "here")
    for given, short in (
        (Path("../specs/../here/a.onnx"), Path("a.onnx")),
        (Path("../specs/../b.onnx"), Path("../b.onnx")),
        (tmp_path / "here" / "a.onnx", Path("a.onnx")),
        (tmp_path / "specs" / ".." / "b.onnx", tmp_path / "b.onnx"),
        (tmp_path / "link" / ".." / "b.onnx", tmp_path / "link" / ".." / "b.onnx"),  # far/b.onnx
    ):
        assert shown(given) == short
