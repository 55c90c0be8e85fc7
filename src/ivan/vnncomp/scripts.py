"""The three scripts of a tool in VNN-COMP.

    install_tool.sh v1
    prepare_instance.sh v1 CATEGORY ONNX VNNLIB
    run_instance.sh v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT

They are called from the folder of the benchmarks. Each replaces itself by `ivan`, so that the signal that ends a script
ends the verifier.
"""

from __future__ import annotations

import shlex

SCRIPTS = ("install_tool.sh", "prepare_instance.sh", "run_instance.sh")
"""Their names, as VNN-COMP calls them."""

_INSTALL = """\
#!/usr/bin/env bash
# VNN-COMP: install_tool.sh v1
# Installs ivan into .venv beside this script. PYTHON names the interpreter, 3.11 or newer.
set -euo pipefail
if [ "${{1:-}}" != v1 ]; then
    echo "install_tool.sh: version v1 is expected, not '${{1:-}}'" >&2
    exit 2
fi
cd "$(dirname "${{BASH_SOURCE[0]}}")"
"${{PYTHON:-python3}}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check {requirement}
.venv/bin/ivan --version
"""

_PREPARE = """\
#!/usr/bin/env bash
# VNN-COMP: prepare_instance.sh v1 CATEGORY ONNX VNNLIB
# Reads both files and ends with a code other than 0 where ivan cannot verify them.
# No process of an earlier instance needs to be ended: those of ivan end with it.
set -euo pipefail
here="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)"
exec "${{IVAN:-$here/.venv/bin/ivan}}" vnncomp prepare{options} "$@"
"""

_RUN = """\
#!/usr/bin/env bash
# VNN-COMP: run_instance.sh v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT
# Writes the verdict into RESULTS, and behind `sat` the counterexample.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
exec "${IVAN:-$here/.venv/bin/ivan}" vnncomp run "$@"
"""


def scripts(requirement: str, *, keep_going: bool = False) -> dict[str, str]:
    """The scripts' texts by name.

    Args:
        requirement: what pip installs: a folder, relative to that of the scripts, or anything else that pip takes.
        keep_going: the second one never fails because of an instance that cannot be verified.
    """
    options = " --keep-going" if keep_going else ""
    texts = (_INSTALL.format(requirement=shlex.quote(requirement)), _PREPARE.format(options=options), _RUN)
    return dict(zip(SCRIPTS, texts, strict=True))
