"""A pytest plugin: the fixture `ivan_verify`, with which a model's tests assert its properties.

    def test_the_controller_never_accelerates_at_the_limit(ivan_verify):
        ivan_verify("controller.onnx", "at-the-limit.vnnlib")

pytest loads it with the package; the verifier itself is imported by the first test that asks for something.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from ivan.outcome import Outcome
    from ivan.verdict import Verdict
    from ivan.vnnlib import Query

Models = str | PathLike[str] | Mapping[str, str | PathLike[str]]

SHOWN = 20
"""Values of a counterexample that a failure shows."""


class Verify(Protocol):
    """The type of the fixture `ivan_verify`."""

    def __call__(
        self,
        model: Models,
        query: str | PathLike[str] | Query,
        *,
        expect: str | Verdict = "unsat",
        timeout: float = 60,
    ) -> Outcome:
        """Asserts what the verifier answers.

        Args:
            model: ONNX file, plain or .gz; of a property of several networks that of each, by its name.
            query: VNN-LIB file, plain or .gz; or its text, which begins with `(` or `;`; or a property that was read
                already.
            expect: the answer; `unsat` says that the property holds.
            timeout: seconds.

        Returns:
            Everything that the verification found.

        Raises:
            AssertionError: another answer, with the counterexample or what to do; or model or query cannot be used.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares where proofs are kept."""
    group = parser.getgroup("ivan", "verification of neural networks")
    group.addoption(
        "--ivan-store", metavar="PATH|URL", help="proof store of ivan_verify; by default the user's own (IVAN_STORE)"
    )
    group.addoption("--ivan-no-store", action="store_true", help="ivan_verify neither reads nor writes proofs")


def pytest_configure(config: pytest.Config) -> None:
    """Refuses options that exclude each other."""
    if config.getoption("--ivan-store") is not None and config.getoption("--ivan-no-store"):
        raise pytest.UsageError("--ivan-store does not go with --ivan-no-store")


@pytest.fixture(scope="session")
def ivan_verify(pytestconfig: pytest.Config) -> Verify:
    """Asserts that a model keeps a property: `ivan_verify(model, query, *, expect="unsat", timeout=60)`."""
    store = False if pytestconfig.getoption("--ivan-no-store") else pytestconfig.getoption("--ivan-store")

    def verify(
        model: Models,
        query: str | PathLike[str] | Query,
        *,
        expect: str | Verdict = "unsat",
        timeout: float = 60,
    ) -> Outcome:
        __tracebackhide__ = True
        import ivan
        from ivan.errors import InternalError, IvanError
        from ivan.vnnlib import asked

        expected = ivan.Verdict(expect)
        try:
            property_ = asked(query)
            outcome = ivan.verify(model, property_, timeout=timeout, store=store)
        except InternalError:
            raise  # a bug, of which all is wanted
        except IvanError as error:
            failure = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        else:
            if outcome.verdict is expected:
                return outcome
            files = [fspath(file) for file in (model.values() if isinstance(model, Mapping) else [model])]
            failure = _failure(f"{', '.join(files)}, {property_.path}", outcome, expected, timeout)
        raise AssertionError(failure)  # outside the handler: the error's own traceback is ivan's

    return verify


def _failure(question: str, outcome: Outcome, expected: Verdict, timeout: float) -> str:
    from ivan.answer import shortened

    lines = [f"{question}: {outcome.verdict.value}, not {expected.value}"]
    if outcome.counterexample is not None:
        lines.append("counterexample, confirmed by onnxruntime:")
        lines += [f"  {line}" for line in shortened(outcome.counterexample, SHOWN)]
    lines.append(f"hint: {_HINTS[outcome.verdict.value].format(timeout=timeout)}")
    return "\n".join(lines)


_HINTS = {
    "sat": "run the model on these inputs; `ivan verify --witness FILE` writes all of them to a file",
    "unsat": 'the property holds; expect="unsat" asserts that',
    "timeout": "{timeout:g} s were not enough: give more with timeout=, or ask about a smaller region",
    "unknown": "more time would not help: ask about a smaller region, or with a little more tolerance",
}
