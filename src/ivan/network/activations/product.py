"""The product of two operands, between planes on a box (McCormick).

On a <= x <= b, c <= y <= d the four products of (x - a or b - x) with (y - c or d - y) are not negative, which gives

    x y  >=  c x + a y - a c,     d x + b y - b d          x y  <=  d x + a y - a d,     c x + b y - b c

Of each pair the plane that is closer in the middle of the box is taken. The slopes are the box's own ends, exact; an
intercept is one product, rounded outwards, and gives way by what slopes that are two units off could move the plane.

Source: McCormick, Math. Prog. 1976.
"""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array, Curve, Lines, operands

_ULP = 2.0**-52


class Product(Curve):
    """act(x, y) = x y."""

    name = "Product"
    arity = 2

    def value(self, z: Array) -> Array:
        """The product."""
        x, y = operands(z)
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

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Of McCormick's planes those that are closer in the middle."""
        del slopes
        (a, c), (b, d) = operands(lower), operands(upper)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            # in the middle two planes differ by (b - a)(d - c) / 4 from the product, below and above: no choice there;
            # what decides is which corner is nearer to zero, where the plane's slopes are small
            first = np.abs(a) + np.abs(c) <= np.abs(b) + np.abs(d)
            other = np.abs(a) + np.abs(d) <= np.abs(b) + np.abs(c)
            x_low, y_low = np.where(first, c, d), np.where(first, a, b)
            x_high, y_high = np.where(other, d, c), np.where(other, a, b)
            reach_x, reach_y = np.maximum(np.abs(a), np.abs(b)), np.maximum(np.abs(c), np.abs(d))

            def slack(x: Array, y: Array) -> Array:
                size: Array = np.abs(x) * reach_x + np.abs(y) * reach_y + np.abs(x * y)
                return 4.0 * _ULP * size + 1e-300

            low = -(x_low * y_low) - slack(x_low, y_low)
            high = -(x_high * y_high) + slack(x_high, y_high)
            wild = ~(np.isfinite(low) & np.isfinite(high))
        if wild.any():
            x_low, y_low, x_high, y_high = (np.where(wild, 0.0, s) for s in (x_low, y_low, x_high, y_high))
            low, high = np.where(wild, -np.inf, low), np.where(wild, np.inf, high)
        return Lines(np.concatenate([x_low, y_low], axis=-1), low, np.concatenate([x_high, y_high], axis=-1), high)

    def linear(self, lower: Array, upper: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Where either operand is one number: then the product is linear in the other."""
        (a, c), (b, d) = operands(lower), operands(upper)
        one = (a >= b) | (c >= d)
        return np.concatenate([one, one], axis=-1)
