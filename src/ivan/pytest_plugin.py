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
            query: VNN-LIB file, plain or .gz; or its text; or a property that was read already.
            expect: the answer; `unsat` says that the property holds.
            timeout: seconds.

        Returns:
            Everything that the verification found.

        Raises:
            AssertionError: another answer, with the counterexample or what to do.
            InputError: model or query cannot be used.
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
        from ivan.errors import IvanError

        expected = ivan.Verdict(expect)
        try:
            asked = _property(query)
            outcome = ivan.verify(model, asked, timeout=timeout, store=store)
        except IvanError as error:
            if error.hint:
                error.add_note(f"hint: {error.hint}")
            raise
        if outcome.verdict is not expected:
            name = fspath(query) if isinstance(query, PathLike) else getattr(asked, "path", asked)
            files = [fspath(file) for file in (model.values() if isinstance(model, Mapping) else [model])]
            raise AssertionError(_failure(f"{', '.join(files)}, {name}", outcome, expected, timeout))
        return outcome

    return verify


def _property(query: str | PathLike[str] | Query) -> str | PathLike[str] | Query:
    """A text as the property that it states; whatever else it is, as it is."""
    if not isinstance(query, str) or "(" not in query or "declare-" not in query:
        return query
    from ivan.vnnlib import parse_query

    return parse_query(query)


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
