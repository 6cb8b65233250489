"""`Line.batch` against one call of `wasserstein` for each row."""

import numpy as np
import pytest

import otkit
from otkit.errors import BadMeasure
from otkit.solvers import Line

ROUNDING = 1e-13  # sums of 30 terms, added in another order


@pytest.mark.parametrize("p", [1, 1.5, 2])
@pytest.mark.parametrize("m", [30, 20])
@pytest.mark.parametrize("weighted", ["none", "shared", "each", "one side"])
def test_batch(p, m, weighted):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 30)), rng.normal(size=(4, m))
    a = {"none": None, "shared": rng.random(30), "each": rng.random((4, 30)), "one side": None}[weighted]
    b = {"none": None, "shared": rng.random(m), "each": rng.random((4, m)), "one side": rng.random(m)}[weighted]
    costs = Line().batch(x, y, p=p, a=a, b=b)
    for k in range(4):
        own_a, own_b = (side if side is None or side.ndim == 1 else side[k] for side in (a, b))
        assert costs[k] == pytest.approx(otkit.wasserstein(x[k], y[k], p=p, a=own_a, b=own_b).cost, rel=ROUNDING, abs=0)


def test_batch_refuses():
    with pytest.raises(BadMeasure, match="x has 2 rows and y has 3"):
        Line().batch(np.zeros((2, 4)), np.zeros((3, 4)))
    with pytest.raises(BadMeasure, match="weights of a batch"):
        Line().batch(np.zeros((2, 4)), np.zeros((2, 4)), a=np.ones((3, 4)))
