"""The gate itself: the base version is asked first, then the one at hand, which starts from its proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from ivan.batch.collected import CollectedResults
from ivan.batch.instances import Instance, InstanceList
from ivan.batch.results import Result
from ivan.batch.run import BatchListener, verify_batch
from ivan.errors import IvanError, StoreError
from ivan.gate.answers import STATE_OF, Answer, Checked, State
from ivan.gate.counterexamples import returned
from ivan.gate.questions import Question
from ivan.gate.suite import Suite
from ivan.options import Options

if TYPE_CHECKING:
    from ivan.store import ProofStore

Versions = Mapping[str, Path]
"""A file for every model of a suite."""


def check(
    suite: Suite,
    asked: Sequence[Question],
    versions: Versions,
    bases: Versions | None,
    *,
    reference: Versions | None = None,
    jobs: int = 1,
    store: str | PathLike[str] | bool | None = None,
    options: Options | None = None,
    listener: BatchListener | None = None,
) -> list[Checked]:
    """Asks everything.

    Args:
        suite: the suite.
        asked: its questions.
        versions: the version at hand of every model.
        bases: the version that it is compared with; None for no comparison.
        reference: the base version in questions about two versions; None for the suite's own.
        jobs: how many questions are answered at the same time.
        store: path or URL of the proof store; None for the user's own, False for none at all.
        options: of every verification.
        listener: told what happens.

    Returns:
        An answer to every question, in the order of the questions.

    Raises:
        InputError: no process can be started.
    """
    asking = _Asking(suite, reference or suite.models, jobs, store, options, listener)
    changed = [] if bases is None else [n for n, q in enumerate(asked) if _file(q, bases) != _file(q, versions)]
    old: dict[int, Answer] = {}
    if bases is not None:
        answers = asking.all([asked[number] for number in changed], bases, "the base version")
        old = dict(zip(changed, answers, strict=True))
    back = {
        n: found for n, question in enumerate(asked) if (found := _back(question, asking.model(question, versions)))
    }
    rest = [question for number, question in enumerate(asked) if number not in back]
    fresh = iter(asking.all(rest, versions, "this version" if changed else ""))
    now = [back[number] if number in back else next(fresh) for number in range(len(asked))]
    return [
        Checked(question, now[number], None if bases is None else old.get(number, now[number]))
        for number, question in enumerate(asked)
    ]


def _file(question: Question, versions: Versions) -> Path:
    return versions[question.property.model]


def _back(question: Question, model: Path | Mapping[str, Path]) -> Answer | None:
    """The answer where a fixed counterexample is back, or cannot be tried."""
    fixed = question.property.fixed
    try:
        found = returned(model, question.query, fixed) if fixed else None
    except IvanError as error:
        return Answer(State.UNUSABLE, "error", 0.0, reason=error.message, hint=error.advice)
    if found is None:
        return None
    return Answer(State.VIOLATED, "sat", 0.0, counterexample=found[1], returned=found[0])


class _Asking:
    """How questions are asked: everything that is the same for all of them."""

    def __init__(
        self,
        suite: Suite,
        reference: Versions,
        jobs: int,
        store: str | PathLike[str] | bool | None,
        options: Options | None,
        listener: BatchListener | None,
    ) -> None:
        self._suite, self._reference, self._jobs, self._store = suite, reference, jobs, store
        self._options, self._listener = options, listener

    def model(self, question: Question, versions: Versions) -> Path | dict[str, Path]:
        """The version that is asked about; in a question about two, the base version before it."""
        name = question.property.model
        if question.networks is None:
            return versions[name]
        return dict(zip(question.networks, (self._reference[name], versions[name]), strict=True))

    def all(self, asked: Sequence[Question], versions: Versions, what: str) -> list[Answer]:
        """The answers of one version."""
        if not asked:
            return []
        instances = tuple(
            Instance(
                number,
                str(versions[question.property.model]),
                question.name,
                question.property.timeout,
                self.model(question, versions),
                question.query,
            )
            for number, question in enumerate(asked)
        )
        title = f"{self._suite.name}, {what}" if what else self._suite.name
        results = verify_batch(
            InstanceList(self._suite.path, title, instances),
            CollectedResults(),
            jobs=self._jobs,
            store=self._store,
            options=self._options,
            listener=self._listener,
        )
        answers = [_answer(result) for result in results]
        return self._with_first_seconds(results, answers)

    def _with_first_seconds(self, results: Sequence[Result], answers: list[Answer]) -> list[Answer]:
        """Says of answers from the store what they took when they were found."""
        if self._store is False or not any(answer.stored for answer in answers):
            return answers
        from ivan.store import ProofStore

        location = None if self._store is None or isinstance(self._store, bool) else fspath(self._store)
        try:
            with ProofStore.open(location, create=False) as store:
                return [
                    answer if not answer.stored or result.base_run is None else _timed(store, result.base_run, answer)
                    for result, answer in zip(results, answers, strict=True)
                ]
        except StoreError:  # it was there a moment ago, and the answers stand
            return answers


def _timed(store: ProofStore, run: int, answer: Answer) -> Answer:
    found = store.run(run)
    return answer if found is None else replace(answer, solve_seconds=found.seconds)


def _answer(result: Result) -> Answer:
    proved = result.verdict != "sat"  # a counterexample needs no proof
    return Answer(
        STATE_OF[result.verdict],
        result.verdict,
        result.seconds,
        result.solve_seconds,
        result.counterexample,
        reason=result.reason,
        hint=result.hint,
        reused_leaves=result.reused_leaves or 0 if proved else 0,
        base_leaves=result.base_leaves or 0 if proved else 0,
        stored=result.exact,
    )
