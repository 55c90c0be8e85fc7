"""ivan: complete verification of neural networks that keeps its proofs and verifies the next version from them.

    import ivan
    outcome = ivan.verify("model.onnx", "property.vnnlib", timeout=60)
    outcome.verdict        # Verdict.SAT, UNSAT, UNKNOWN or TIMEOUT

Everything is imported where it is first used: `import ivan` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivan.batch.api import verify_batch
    from ivan.batch.results import Result
    from ivan.checking import check_proof
    from ivan.network.onnx_reader import read_network as load_network
    from ivan.options import Options
    from ivan.outcome import Outcome
    from ivan.proof_file import write_proof
    from ivan.reason import Reason
    from ivan.verdict import Verdict
    from ivan.verification import verify
    from ivan.vnnlib import read_query as load_query

__version__ = "0.1.0"

__all__ = [
    "Options",
    "Outcome",
    "Reason",
    "Result",
    "Verdict",
    "__version__",
    "check_proof",
    "load_network",
    "load_query",
    "verify",
    "verify_batch",
    "write_proof",
]

_HOMES = {
    "Options": ("ivan.options", "Options"),
    "Outcome": ("ivan.outcome", "Outcome"),
    "Reason": ("ivan.reason", "Reason"),
    "Result": ("ivan.batch.results", "Result"),
    "Verdict": ("ivan.verdict", "Verdict"),
    "check_proof": ("ivan.checking", "check_proof"),
    "load_network": ("ivan.network.onnx_reader", "read_network"),
    "load_query": ("ivan.vnnlib", "read_query"),
    "verify": ("ivan.verification", "verify"),
    "verify_batch": ("ivan.batch.api", "verify_batch"),
    "write_proof": ("ivan.proof_file", "write_proof"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
