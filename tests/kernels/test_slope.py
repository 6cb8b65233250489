"""The steepest pair against a dense quotient."""

import math

import numpy as np
import pytest
from kernels.twins import METRICS, NAMES, cloud, dense, ground_of_matrix, ground_of_points, lattice
from numba import config

from otkit.costs import MatrixCost, PointCost
from otkit.kernels.boxes import BLOCK, enclose
from otkit.kernels.slope import block_min, steepest
from otkit.slope import sized
from otkit.slope import steepest as steepest_of

SMALL = bool(config.DISABLE_JIT)
N, M = (6, BLOCK + 5) if SMALL else (70, 5 * BLOCK + 3)


def grounds():
    yield ground_of_matrix(np.random.default_rng(1).uniform(0.1, 1, size=(N, M)))
    for metric in METRICS:
        yield ground_of_points(*cloud(N, M, 2), metric, 1.0)
    yield ground_of_points(*lattice(N, M, 2), 1, 1.0)
    yield ground_of_points(*cloud(N, M, 9), 0, 1.0)


def twin(cost, v, w):
    """(slope at a distance, jump in one place)."""
    rise = v[:, None] - w
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where((rise > 0) & (cost > 0), rise / cost, 0.0)
    return float(slopes.max()), max(0.0, float(np.where(cost == 0, rise, 0.0).max()))


@pytest.mark.parametrize("ground", list(grounds()))
@pytest.mark.parametrize("shift", [0.0, -2.0, 2.0])
def test_steepest(ground, shift):
    rng = np.random.default_rng(0)
    v, w = rng.uniform(-0.5, 0.5, N) + 0.25 * shift, rng.uniform(-0.5, 0.5, M)
    cost, boxes = dense(ground), enclose(ground.yt)
    least = np.empty((M + BLOCK - 1) // BLOCK)
    block_min(w, least)
    np.testing.assert_array_equal(least, [w[k : k + BLOCK].min() for k in range(0, M, BLOCK)])
    for begin, end in ((0, N), (2, N - 1)):
        expected, leap = twin(cost[begin:end], v[begin:end], w)
        for start in (0.0, 0.5 * expected, 2 * expected + 1.0):
            pairs, jump = np.full((2, 2), -1), np.zeros(1)
            slope = steepest(ground, boxes, v, w, least, begin, end, start, pairs, jump)
            assert slope == pytest.approx(max(start, expected), rel=1e-13, abs=0)
            assert jump[0] == leap
            if expected > start:
                i, j = pairs[0]
                assert begin <= i < end and (v[i] - w[j]) / cost[i, j] == pytest.approx(slope, rel=1e-13, abs=0)
            else:
                assert (pairs[0] == -1).all()
            if leap > 0:
                assert cost[tuple(pairs[1])] == 0 and v[pairs[1, 0]] - w[pairs[1, 1]] == leap


@pytest.mark.parametrize("size", [1.0, 1e308, 1e-300])
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("metric", NAMES.values())
def test_in_the_order_of_the_caller(d, size, metric):
    x, y = cloud(N, M, d)
    rng = np.random.default_rng(1)
    v, w = rng.uniform(-1, 1, N), rng.uniform(-1, 1, M)
    cost = PointCost(x, y, metric, 1.0)
    expected, _ = twin(cost.block(slice(None)), v, w)
    *scaled, unit = sized(v * size, w * size)
    found = steepest_of(cost, *scaled)
    assert found.value * (unit / size) == pytest.approx(expected, rel=1e-12, abs=0)
    i, j = found.pair
    assert (v[i] - w[j]) / cost.at(np.array([i]), np.array([j]))[0] == pytest.approx(expected, rel=1e-12, abs=0)


def test_what_rises_nowhere_and_what_rises_in_one_place():
    cost = MatrixCost(np.array([[0.0, 2.0], [1.0, 0.0]]))
    flat = steepest_of(cost, np.zeros(2), np.ones(2))
    assert flat == (0.0, None, 0.0)
    torn = steepest_of(cost, np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    assert torn == (math.inf, (1, 1), 0.5)
    noisy = steepest_of(cost, np.array([0.0, 1.0]), np.array([0.0, 1.0 - 1e-7]))
    assert noisy.value == 1.0 and noisy.pair == (1, 0) and noisy.jump == pytest.approx(1e-7, rel=1e-6, abs=0)


def test_a_quotient_that_overflows():
    cost = MatrixCost(np.array([[1e-310, 1.0]]))
    assert steepest_of(cost, np.array([1.0]), np.array([0.0, -1.0])).value == math.inf
