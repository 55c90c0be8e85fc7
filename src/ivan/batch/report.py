"""The results of a batch for programs: JSON, and JUnit's XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath

import ivan
from ivan.batch.instances import InstanceList
from ivan.batch.results import Result
from ivan.batch.summary import Summary
from ivan.report.junit import Case, junit
from ivan.vnncomp import networks


def json_report(
    listing: InstanceList, results: Sequence[Result], *, began: datetime, wall_seconds: float, jobs: int
) -> str:
    """All that is known.

    Args:
        listing: the list.
        results: of its instances.
        began: when this run of the batch began.
        wall_seconds: how long it took.
        jobs: how many instances were verified at the same time.
    """
    report = {
        "version": ivan.__version__,
        "list": str(listing.path),
        "benchmark": listing.benchmark,
        "began": began.isoformat(timespec="seconds"),
        "wall_seconds": round(wall_seconds, 3),
        "jobs": jobs,
        "summary": Summary.of(results).as_json(),
        "instances": [result.as_json() for result in results],
    }
    return json.dumps(report, indent=2) + "\n"


def junit_report(listing: InstanceList, results: Sequence[Result], *, began: datetime) -> str:
    """A case for every instance: `unsat` passes, `sat` is a failure, what is not decided is skipped."""
    properties = {"list": str(listing.path), "ivan": ivan.__version__}
    return junit(listing.benchmark, [_case(listing, r) for r in results], when=began, properties=properties)


def _case(listing: InstanceList, result: Result) -> Case:
    instance, verdict = result.instance, result.verdict
    models = [path for _, path in networks(instance.onnx)]
    names = (PurePath(path.removesuffix(".gz").removesuffix(".onnx")).as_posix() for path in models)
    group = f"{listing.benchmark}.{' + '.join(names).replace('.', '_')}"
    if verdict == "unsat":
        return Case(group, instance.vnnlib, result.seconds, "passed")
    if verdict == "sat":
        where = f": {result.counterexample}" if result.counterexample else ""
        return Case(group, instance.vnnlib, result.seconds, "failure", verdict, f"there is a counterexample{where}")
    if verdict == "error":
        message = result.reason or "the reason is not known any more"
        return Case(group, instance.vnnlib, result.seconds, "error", verdict, message, result.hint or "")
    message = f"not decided in {instance.timeout:g} s" if verdict == "timeout" else result.reason or "not decided"
    return Case(group, instance.vnnlib, result.seconds, "skipped", verdict, message)
