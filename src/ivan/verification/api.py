"""The function that everybody calls: what it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath

from ivan.bounds import parallel
from ivan.deadline import NEVER, Deadline
from ivan.errors import InputError
from ivan.memory import load_store
from ivan.options import Options, check
from ivan.outcome import Listener, Outcome
from ivan.verification.question import Models
from ivan.verification.run import Verification
from ivan.vnnlib import Query


def verify(
    model: str | PathLike[str] | Mapping[str, str | PathLike[str]],
    query: str | PathLike[str] | Query,
    *,
    timeout: float | None = None,
    store: str | PathLike[str] | bool | None = None,
    base: str | PathLike[str] | Mapping[str, str | PathLike[str]] | None = None,
    fresh: bool = False,
    recheck: bool = False,
    keep_proof: bool = False,
    options: Options | None = None,
    deadline: Deadline = NEVER,
    listener: Listener | None = None,
) -> Outcome:
    """Decides whether some input violates a property.

    Args:
        model: ONNX file, plain or .gz; for a query about several networks the file of each by its name.
        query: VNN-LIB file, plain or .gz; or its text, which begins with `(` or `;`; or a property that was read
            already.
        timeout: seconds; without one the search goes on until it is done.
        store: path or URL of the proof store; None for the user's own, False for none at all.
        base: model file, or beginning of a stored digest, whose proof to start from; of several networks the file of
            each by its name, or the beginning of the digest that the store has for all together.
        fresh: ignore what is stored, save what is found.
        recheck: replay a stored proof even when the answer is stored, or follows from another one.
        keep_proof: hand out the proof of `unsat` also where the answer is stored, with all that `write_proof` needs.
        options: all other knobs.
        deadline: an outer limit.
        listener: told what happens.

    Raises:
        InputError: model, query or a number cannot be used, or they do not fit each other.
        ValueError: the options name an unknown technique.
    """
    chosen = options or Options()
    check("timeout", timeout)
    if base is not None and store is False:
        raise InputError("a base is named, and no store to look for its proof", hint="give a store, or no base")
    run = Verification(
        _typed(model),
        query,
        chosen,
        listener or Listener(),
        deadline if timeout is None else deadline.sooner(timeout),
    )
    if store is not False:
        load_store()  # an import, so not part of solving
    with parallel.one_blas_thread():
        earlier = None if base is None else _typed(base)
        return run.answer(store, earlier, fresh=fresh, recheck=recheck, keep_proof=keep_proof)


def _typed(models: str | PathLike[str] | Mapping[str, str | PathLike[str]]) -> Models:
    """Files as they are named on a command line."""
    if isinstance(models, Mapping):
        return {name: fspath(file) for name, file in models.items()}
    return fspath(models)
