"""Which parts of an old proof a new search makes use of."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("reuse", "reorder", "prune", "transfer")


@dataclass(frozen=True)
class Techniques:
    """What is taken over from an old proof.

    Attributes:
        reuse: its tree is where the search begins.
        reorder: decisions that brought little go behind the others.
        prune: splits that brought little are dropped first.
        transfer: certificates are replayed, and what they cover is done.
        alpha: weight of the score at hand, against what was observed.
        theta: improvement, relative to the root's bound, below which a split is weak.
    """

    reuse: bool = True
    reorder: bool = False
    prune: bool = False
    transfer: bool = True
    alpha: float = 0.25
    theta: float = 0.001

    @classmethod
    def of(cls, names: str, alpha: float, theta: float) -> Techniques:
        """From a list of names separated by commas, or `none`.

        Raises:
            ValueError: a name that is none of them, or one that needs another.
        """
        chosen = {name.strip() for name in names.split(",")} - {""}
        if chosen == {"none"}:
            chosen = set()
        for name in sorted(chosen - set(NAMES)):
            raise ValueError(f"{name!r} is none of {', '.join(NAMES)}")
        for name in sorted(chosen & {"prune", "transfer"}):
            if "reuse" not in chosen:
                raise ValueError(f"{name!r} needs 'reuse'")
        return cls(alpha=alpha, theta=theta, **{name: name in chosen for name in NAMES})


DEFAULT = Techniques()
