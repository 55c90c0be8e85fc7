"""The product of two operands, between planes on a box (McCormick).

On a <= x <= b, c <= y <= d the four products of (x - a or b - x) with (y - c or d - y) are not negative, which gives

    x y  >=  c x + a y - a c,     d x + b y - b d          x y  <=  d x + a y - a d,     c x + b y - b c

and whatever lies between two planes of one side. The slopes are the box's own ends, exact; an
intercept is one product, rounded outwards, and gives way by what slopes that are two units off could move the plane.

Source: McCormick, Math. Prog. 1976.
"""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array, Choice, Lines, Mixed, operands
from ivan.network.activations.rounding import ROUNDED

_ULP = 2.0**-52


class Product(Mixed):
    """act(x, y) = x y."""

    name = "Product"
    arity = 2
    rounding = ROUNDED

    def value(self, z: Array) -> Array:
        """The product."""
        x, y = operands(z)
        with np.errstate(over="ignore", invalid="ignore"):  # NaN where zero meets infinity
            result: Array = x * y
        return result

    def derivative(self, z: Array) -> Array:
        """By each operand: the other one."""
        x, y = operands(z)
        return np.concatenate([y, x], axis=-1)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """The extreme products of ends, rounded outwards."""
        (a, c), (b, d) = operands(lower), operands(upper)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            ends = np.stack([a * c, a * d, b * c, b * d])
        low, high = ends.min(axis=0), ends.max(axis=0)  # NaN where zero meets infinity: nothing is claimed
        exact = (ends == 0.0).all(axis=0) & ((a == b) & (a == 0.0) | (c == d) & (c == 0.0))
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
        low = np.where(exact, 0.0, np.where(np.isnan(low), -np.inf, low))
        return low, np.where(exact, 0.0, np.where(np.isnan(high), np.inf, high))

    def choice(self, lower: Array, upper: Array) -> Choice:
        """McCormick's planes; of either two the rule is the one whose corner is nearer to zero.

        In the middle of the box both are equally far from the product.
        """
        (a, c), (b, d) = operands(lower), operands(upper)
        low, high = np.abs(lower), np.abs(upper)
        (near_x, near_y), (far_x, far_y) = operands(low), operands(high)
        return Choice(
            _planes(a, b, c, d, (c, a), (d, a)),
            _planes(a, b, c, d, (d, b), (c, b)),
            (near_x + near_y > far_x + far_y).astype(lower.dtype),
            (near_x + far_y > far_x + near_y).astype(lower.dtype),
        )

    def linear(self, lower: Array, upper: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Where either operand is one number: then the product is linear in the other."""
        (a, c), (b, d) = operands(lower), operands(upper)
        one = (a >= b) | (c >= d)
        return np.concatenate([one, one], axis=-1)


def _planes(a: Array, b: Array, c: Array, d: Array, below: tuple[Array, Array], above: tuple[Array, Array]) -> Lines:
    """The planes with these slopes in x and y, which touch the product where (y, x) are the slopes."""
    reach_x, reach_y = np.maximum(np.abs(a), np.abs(b)), np.maximum(np.abs(c), np.abs(d))

    def slack(x: Array, y: Array) -> Array:
        size: Array = np.abs(x) * reach_x + np.abs(y) * reach_y + np.abs(x * y)
        return 4.0 * _ULP * size + 1e-300

    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        low = -(below[0] * below[1]) - slack(*below)
        high = -(above[0] * above[1]) + slack(*above)
        wild = ~(np.isfinite(low) & np.isfinite(high))
    slopes = [*below, *above]
    if wild.any():
        slopes = [np.where(wild, 0.0, slope) for slope in slopes]
        low, high = np.where(wild, -np.inf, low), np.where(wild, np.inf, high)
    return Lines(np.concatenate(slopes[:2], axis=-1), low, np.concatenate(slopes[2:], axis=-1), high)
