"""`make conformance`: the outside test suite of VNN-LIB 2.0, `vnnlib-satisfactory`, run against the `ivan` command.

Prints what does not pass, the suite's summary and its checks of the command line. Fails where an answer is wrong or a
check fails; an answer that is missing is no failure. Models, queries and the report are in build/conformance.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "build" / "conformance"
ERRORS = FOLDER / "errors.txt"
PROGRAMS = Path(sys.executable).parent
SECONDS = "5"
"""For each test, start-up included."""

CHECKS = ("opset", "vnnlib", "serialise-assignments")
WRONG = "\N{CROSS MARK}"
PASSED = "\N{WHITE HEAVY CHECK MARK}"

LEFT = {
    "network_isomorphic/network_isomorphic01": (
        "declares a float32 model as float16, which the standard's parser refuses as well"
    )
}
"""Tests that are not passed, and why."""


def suite(*arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "IVAN_STORE": str(FOLDER / "proofs.sqlite"), "PYTHONUTF8": "1"}
    command = [PROGRAMS / "vnnlib-satisfactory", *arguments, "--solver", PROGRAMS / "ivan"]
    with ERRORS.open("a") as errors:  # it fails to write its report where a test took too long, after its summary
        return subprocess.Popen(
            command, cwd=FOLDER, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        )


def run_tests() -> bool:
    """Is no answer wrong?"""
    wrong, summary = [], ""
    with suite("run", "--timeout", SECONDS) as process:
        assert process.stdout is not None
        for line in process.stdout:
            test = re.match(r"Test \d+ (\S+)\s+(\S+)$", line)
            if test and test[1] != PASSED:
                print(f"  {test[2]}: {'WRONG' if test[1] == WRONG else LEFT.get(test[2], 'not answered')}", flush=True)
                wrong += [test[2]] if test[1] == WRONG else []
            if re.match(r"\d+/\d+ passed", line):
                summary = line.strip()
    print(summary or f"the suite has not come to its end: {ERRORS}")
    return bool(summary) and not wrong


def run_check(name: str) -> bool:
    with suite("compliance", name) as process:
        output, _ = process.communicate()
    print(f"  {name}: {output.strip().splitlines()[-1] if output.strip() else 'no output'}")
    return process.returncode == 0


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    good = [run_tests(), *map(run_check, CHECKS)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
