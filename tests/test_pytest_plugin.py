"""The fixture `ivan_verify`: what holds passes, what does not fails with the reason."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from tests.models import dense
from tests.questions import FAILS, HARD, HOLDS, box, small

import ivan

pytest_plugins = ("pytester",)


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything is imported once: pytester forgets what its tests import, and compiled modules load only once."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "model.onnx").write_bytes(small())
    for name, text in (("holds", HOLDS), ("fails", FAILS)):
        (folder / name).write_text(text)
        ivan.verify(folder / "model.onnx", folder / name, store=folder / "proofs.sqlite")


@pytest.fixture
def here(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder of tests with a model and its properties beside them; only this plugin is loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("IVAN_STORE", str(pytester.path / "default.sqlite"))
    (pytester.path / "model.onnx").write_bytes(small())
    (pytester.path / "holds.vnnlib").write_text(HOLDS)
    (pytester.path / "fails.vnnlib").write_text(FAILS)
    return pytester


def run(here: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    here.makepyfile(test_model=body)
    return here.runpytest_inprocess("-p", "ivan.pytest_plugin", "-p", "no:cacheprovider", *options)


def test_a_property_that_holds_passes_and_returns_what_was_found(here: pytest.Pytester) -> None:
    body = """
        from pathlib import Path

        def test_from_files(ivan_verify):
            outcome = ivan_verify("model.onnx", Path("holds.vnnlib"))
            assert outcome.leaves > 0
            assert ivan_verify("model.onnx", "holds.vnnlib").exact

        def test_from_text(ivan_verify):
            text = Path("holds.vnnlib").read_text()
            assert ivan_verify("model.onnx", text).property_digest

        def test_a_violation_can_be_expected(ivan_verify):
            assert ivan_verify("model.onnx", "fails.vnnlib", expect="sat").witness is not None
    """
    run(here, body).assert_outcomes(passed=3)
    assert (here.path / "default.sqlite").is_file()


def test_a_violation_fails_with_the_counterexample_and_a_hint(here: pytest.Pytester) -> None:
    done = run(here, "def test_it(ivan_verify): ivan_verify('model.onnx', 'fails.vnnlib')")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*model.onnx, fails.vnnlib: sat, not unsat",
            "*counterexample, confirmed by onnxruntime:",
            "*  (X_0 *",
            "*  (Y_1 *",
            "*hint: run the model on these inputs; `ivan verify --witness FILE`*",
        ]
    )
    assert "pytest_plugin.py" not in done.stdout.str()  # the traceback ends in the test


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("'holds.vnnlib', expect='sat'", "holds.vnnlib: unsat, not sat"),
        ("__import__('pathlib').Path('fails.vnnlib').read_text()", "<text>: sat, not unsat"),
        ("'hard.vnnlib', timeout=0.2", "hint: 0.2 s were not enough: give more with timeout=*"),
        ("'nosuch.vnnlib'", "nosuch.vnnlib: no such file"),
        ("'nosuch.vnnlib'", "hint: check the property's path"),
        ("'nosuch.vnnlib'", "(ivan explain property-error)"),
        ("'(declare-const X_0 Real) (assert'", "<text>:1:*is never closed"),
        ("'(garbage'", "PropertyError: <text>:1:2: *"),
        ("'(garbage'", "  (garbage"),
        ("'  ; a remark\\n(garbage)'", "PropertyError: <text>:2:*"),
        ("'(no.vnnlib'", "PropertyError: (no.vnnlib: no such file"),
        ("'holds.vnnlib', expect='maybe'", "'maybe' is not a valid Verdict"),
    ],
)
def test_other_failures_say_why(here: pytest.Pytester, call: str, said: str) -> None:
    model = "model.onnx"
    if "hard" in call:
        build, text = HARD["boxes"]
        model = "hard.onnx"
        (here.path / model).write_bytes(build())
        (here.path / "hard.vnnlib").write_text(text)
    done = run(here, f"def test_it(ivan_verify): ivan_verify({model!r}, {call})", "--ivan-no-store")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([f"*{said}*"])


@pytest.mark.parametrize("call", ["'no.onnx', 'holds.vnnlib'", "'model.onnx', '(garbage'"])
def test_what_cannot_be_used_is_said_without_the_inside_of_ivan(here: pytest.Pytester, call: str) -> None:
    done = run(here, f"def test_it(ivan_verify): ivan_verify({call})", "--ivan-no-store")
    done.assert_outcomes(failed=1)
    lines = done.stdout.lines
    first, last = (next(k for k, line in enumerate(lines) if part in line) for part in ("FAILURES", "test summary"))
    assert last - first < 15
    assert not any("pytest_plugin.py" in line or "src/ivan" in line or "During handling" in line for line in lines)
    done.stdout.fnmatch_lines(["E *Error: *", "E *hint: *(ivan explain *-error)"])


def test_many_values_are_cut(here: pytest.Pytester) -> None:
    (here.path / "wide.onnx").write_bytes(dense((30, 2), np.random.default_rng(0)))
    (here.path / "wide.vnnlib").write_text(box(30, "(<= Y_0 100)"))
    done = run(here, "def test_it(ivan_verify): ivan_verify('wide.onnx', 'wide.vnnlib')")
    done.stdout.fnmatch_lines(["*  (X_19 *", "*  and 10 more", "*  (Y_0 *"])
    assert "X_20" not in done.stdout.str()


def test_the_store_is_the_one_that_is_named(here: pytest.Pytester) -> None:
    body = "def test_it(ivan_verify): ivan_verify('model.onnx', 'holds.vnnlib')"
    run(here, body, "--ivan-no-store").assert_outcomes(passed=1)
    assert not list(here.path.glob("*.sqlite"))
    run(here, body, "--ivan-store", "mine.sqlite").assert_outcomes(passed=1)
    assert [path.name for path in here.path.glob("*.sqlite")] == ["mine.sqlite"]
    both = run(here, body, "--ivan-no-store", "--ivan-store", "mine.sqlite")
    assert both.ret == pytest.ExitCode.USAGE_ERROR
    both.stderr.fnmatch_lines(["*--ivan-store does not go with --ivan-no-store"])


def test_the_options_and_the_fixture_are_described(here: pytest.Pytester) -> None:
    run(here, "", "--help").stdout.fnmatch_lines(["*--ivan-store=PATH|URL*", "*--ivan-no-store*"])
    run(here, "", "--fixtures").stdout.fnmatch_lines(["ivan_verify*", "*Asserts that a model keeps a property*"])


def test_the_example_of_the_documentation_passes(here: pytest.Pytester) -> None:
    root = Path(__file__).parent.parent
    _, _, behind = (root / "docs" / "pytest.md").read_text().partition("```python\n")
    (here.path / "vnnlib_examples").symlink_to(root / "vnnlib_examples")
    run(here, behind.partition("```")[0]).assert_outcomes(passed=3)


def test_the_package_announces_the_plugin() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"ivan": "ivan.pytest_plugin"}


def test_loading_the_plugin_loads_nothing_large() -> None:
    script = "import sys, ivan.pytest_plugin; print(*{'numpy', 'onnx', 'click', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
