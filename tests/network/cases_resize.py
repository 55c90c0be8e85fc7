"""Resize and Upsample in all their forms; see cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.models import Graph
from tests.network.case import IMAGE, Build, Case, one, weights

w = weights(np.random.default_rng(9))


def i(numbers: Any) -> np.ndarray:
    return np.array(numbers, np.int64)


def s(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def resized(scales: np.ndarray | None = None, sizes: np.ndarray | None = None, **attributes: Any) -> Build:
    def build(g: Graph) -> str:
        none = s() if g.opset < 13 else ""  # could not be left out at first
        return g.node("Resize", "x", none, *([scales] if sizes is None else [none, sizes]), **attributes)

    return build


TWICE, ODD, HALF = s(1, 1, 2, 2), s(1, 1, 1.6, 2.5), s(1, 1, 0.6, 0.5)

RESIZE: list[Case] = [
    ("upsample by attribute", (7,), IMAGE, one("Upsample", scales=[1.0, 1.0, 2.0, 3.0])),
    ("upsample by input", (9,), IMAGE, one("Upsample", TWICE)),
    ("upsample by means", (9,), IMAGE, one("Upsample", TWICE, mode="linear")),
    ("resize by the first form", (10,), IMAGE, one("Resize", ODD)),
    ("resize by the first form, smaller", (10,), IMAGE, one("Resize", HALF)),
    ("resize by the first form, by means", (10,), IMAGE, one("Resize", TWICE, mode="linear")),
    ("resize", (11, 13, 18, 19), IMAGE, resized(TWICE)),
    ("resize to sizes", (11, 13, 18, 19), IMAGE, resized(sizes=i([1, 2, 8, 3]))),
    ("resize some axes", (18, 19), IMAGE, resized(s(2.0, 0.5), axes=[3, 2], mode="linear")),
    ("resize in one dimension", (13,), (1, 2, 7), resized(s(1, 1, 1.5), mode="linear")),
    (
        "resize of a constant",
        (13,),
        (1, 2, 10, 12),
        lambda g: g.node("Add", "x", g.node("Resize", w(*IMAGE), "", TWICE)),
    ),
    *(
        (
            f"resize no larger or no smaller, {policy}",
            (18,),
            IMAGE,
            resized(sizes=i([7, 9]), axes=[2, 3], keep_aspect_ratio_policy=policy, mode=mode),
        )
        for policy in ("not_larger", "not_smaller")
        for mode in ("nearest", "linear")
    ),
    *(
        (
            f"resize, {mode}, {rule}, {'larger' if scales is ODD else 'smaller'}",
            (19 if "sym" in rule else 13,),
            IMAGE,
            resized(scales, mode=mode, coordinate_transformation_mode=rule),
        )
        for mode in ("nearest", "linear", "cubic")
        for rule in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
        for scales in (ODD, HALF)
    ),
    *(
        (
            f"resize, {rule}, {scales[2]}",
            (13,),
            IMAGE,
            resized(scales, nearest_mode=rule, coordinate_transformation_mode=transformation),
        )
        for rule in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        for transformation in ("half_pixel", "asymmetric")
        for scales in (ODD, HALF, TWICE)
    ),
    (
        "resize for networks of tensorflow",
        (11,),
        IMAGE,
        resized(ODD, coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor"),
    ),
    *(
        (
            f"resize to a region, {mode}",
            (13,),
            IMAGE,
            one(
                "Resize",
                s(0, 0, 0.2, -0.1, 1, 1, 0.9, 1.2),
                "",
                i([1, 2, 4, 5]),
                mode=mode,
                extrapolation_value=0.7,
                coordinate_transformation_mode="tf_crop_and_resize",
            ),
        )
        for mode in ("nearest", "linear")
    ),
    ("resize by cubics inside", (13,), IMAGE, resized(ODD, mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)),
]
