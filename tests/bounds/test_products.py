"""Products in float32: what is reported is trouble with the numbers, never with what lies beside them."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from tests.engine import dense, random_problem

from ivan.bounds.ascent.targets import Outputs
from ivan.bounds.columns import Model, product
from ivan.bounds.objective import Rows

SIGNALLING = 0x7FA00000
"""A float32 NaN with which every operation is invalid."""


class Litter(ctypes.Structure):
    """More than any kernel uses of the stack."""

    _fields_ = (("words", ctypes.c_uint32 * 16384),)


def litter() -> None:
    """Leaves signalling NaNs on the stack, below everything in use: a structure is passed there by value."""
    function = ctypes.PYFUNCTYPE(ctypes.c_int, Litter)(("Py_IsInitialized", ctypes.pythonapi))
    function(Litter((ctypes.c_uint32 * 16384)(*[SIGNALLING] * 16384)))


@pytest.mark.parametrize("inner", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_narrow_product_of_finite_numbers_says_nothing(inner: int, order: str) -> None:
    rng = np.random.default_rng(0)
    for count in range(1, 20):
        a = rng.standard_normal((1, inner)).astype(np.float32)
        b = np.asarray(rng.standard_normal((inner, count)), np.float32, order=order)  # type: ignore[call-overload]
        for one, other in ((a[0], b), (a, b), (b.T, a.T)):
            litter()
            found = product(one, other)
            np.testing.assert_allclose(found.ravel(), (a.T * b).sum(axis=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("count", [2, 3, 6, 74])
def test_weighted_rows_of_five_outputs_say_nothing(count: int) -> None:
    rng = np.random.default_rng(count)
    problem = random_problem(rng, dense(rng, (3, 4, 5)), cases=2)
    case = np.resize(np.arange(2), count)
    rows = Rows(problem)
    target = Outputs(Model(problem.network), rows, case)
    weights = np.full((count, int(rows.counts.max())), 0.5)
    litter()
    start = target.start(weights)
    assert np.isfinite(start.constant).all()


def test_a_product_that_overflows_is_reported() -> None:
    large = np.full((5, 6), 1e38, np.float32)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf(product(large[:, 0], large)).all()
