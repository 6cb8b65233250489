"""Ground costs and bounding boxes against dense NumPy."""

import numpy as np
import pytest
from kernels.twins import EPS, METRICS, ORDERS, cloud, dense, ground_of_matrix, ground_of_points, lattice

from otkit.kernels.boxes import BLOCK, GROUP, enclose, lower_bounds
from otkit.kernels.ground import at, fill


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 7, 11])
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_fill_and_at(metric, p, d):
    x, y = cloud(3, 37, d, seed=d)
    ground = ground_of_points(x, y, metric, p)
    expected = dense(ground)
    for i in range(3):
        for lo, hi in ((0, 37), (5, 30), (36, 37), (9, 9)):
            out = np.full(40, -7.0)
            fill(ground, i, lo, hi, out)
            # a sum over d coordinates in another order, one root, one power
            np.testing.assert_allclose(out[: hi - lo], expected[i, lo:hi], rtol=(d + 8) * EPS)
            assert (out[hi - lo :] == -7.0).all()
            # the simplex compares one with the other: to the last bit where no `pow` is called
            pairs = [at(ground, i, j) for j in range(lo, hi)]
            np.testing.assert_allclose(out[: hi - lo], pairs, rtol=0 if p != 2.7 else 2 * EPS)


def test_matrix():
    cost = np.random.default_rng(0).normal(size=(4, 9))
    ground = ground_of_matrix(cost)
    out = np.zeros(5)
    fill(ground, 2, 3, 8, out)
    np.testing.assert_array_equal(out, cost[2, 3:8])
    assert at(ground, 3, 1) == cost[3, 1]


@pytest.mark.parametrize("m", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, (GROUP + 2) * BLOCK + 3])
def test_enclose(m):
    y = np.random.default_rng(m).normal(size=(m, 3))
    boxes = enclose(np.ascontiguousarray(y.T))
    for width, low, high in (
        (BLOCK, boxes.low, boxes.high),
        (BLOCK * GROUP, boxes.outer_low, boxes.outer_high),
    ):
        parts = [y[k : k + width] for k in range(0, m, width)]
        np.testing.assert_array_equal(low, np.stack([part.min(axis=0) for part in parts], axis=1))
        np.testing.assert_array_equal(high, np.stack([part.max(axis=0) for part in parts], axis=1))


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("make, d", [(cloud, 1), (cloud, 2), (lattice, 2), (cloud, 5)])
def test_lower_bounds(make, d, metric, p):
    x, y = make(6, 3 * BLOCK + 5, d, seed=2)
    y = y[np.lexsort(y.T)]
    ground = ground_of_points(x, y, metric, p)
    boxes = enclose(ground.yt)
    cost = dense(ground)
    out = np.zeros(boxes.low.shape[1])
    for i in range(6):
        lower_bounds(ground, boxes.low, boxes.high, ground.x[i], ground.x[i], out)
        for b in range(out.size):
            part = slice(b * BLOCK, (b + 1) * BLOCK)
            nearest = np.clip(x[i], boxes.low[:, b], boxes.high[:, b])  # of the box: the twin
            expected = dense(ground_of_points(x[i : i + 1], nearest[None], metric, p))[0, 0]
            assert out[b] == pytest.approx(expected, rel=(d + 8) * EPS, abs=1e-300)
            assert out[b] <= cost[i, part].min() * (1 + (d + 8) * EPS)


def test_a_matrix_has_no_boxes():
    cost = np.ones((2, BLOCK + 1))
    boxes = enclose(np.zeros((0, BLOCK + 1)))
    out = np.zeros(2)
    lower_bounds(ground_of_matrix(cost), boxes.low, boxes.high, np.zeros(0), np.zeros(0), out)
    assert (out == -np.inf).all()
