"""The gradient of a sum of costs against the chain rule in NumPy, finite differences, and convexity."""

import numpy as np
import pytest
from kernels.twins import METRICS, NAMES, ORDERS, cloud, cost_gradient, dense, ground_of_points, lattice

from otkit.kernels.gradient import pull
from otkit.kernels.ground import CHEBYSHEV, CITYBLOCK, EUCLIDEAN, at

ROUNDING = 1e-13  # sums of 12 terms, each with some powers and divisions in it


def pulled(ground, weights, scale=1.0, lo=0):
    """Of every row, from columns lo to lo + the number of weights."""
    out = np.zeros(ground.x.shape)
    for i in range(len(out)):
        pull(ground, i, lo, lo + weights.shape[1], weights[i], scale, out[i])
    return out


@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_the_chain_rule(metric, p, d):
    x, y = cloud(6, 12, d)
    weights = np.random.default_rng(1).normal(size=(6, 12))
    terms = weights[:, :, None] * cost_gradient(x, y, NAMES[metric], p)
    size = np.abs(terms).sum(axis=1)
    found = pulled(ground_of_points(x, y, metric, p), weights)
    assert (np.abs(found - terms.sum(axis=1)) <= ROUNDING * size).all()


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_finite_differences(metric, p, d):
    x, y = cloud(4, 5, d, seed=3)
    weights, h = np.random.default_rng(2).random((4, 5)), 1e-5
    found = pulled(ground_of_points(x, y, metric, p), weights)
    for i in range(4):
        for c in range(d):
            sums = []
            for step in (h, -h):
                moved = x.copy()
                moved[i, c] += step
                ground = ground_of_points(moved, y, metric, p)
                sums.append(sum(weights[i, j] * at(ground, i, j) for j in range(5)))
            # h^2 times a third derivative below 1e2, and 1e-16 / h of rounding
            assert found[i, c] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=0, abs=1e-7)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_subgradients_at_kinks_and_ties(metric, p):
    """Whole coordinates: points that coincide, equal coordinates and tied maxima. The cost is convex, so a subgradient
    g at x has c(z) >= c(x) + g (z - x) for every z."""
    x, y = lattice(5, 30, 3)
    y[:5] = x
    costs = dense(ground_of_points(x, y, metric, p))
    for j in range(len(y)):
        ground = ground_of_points(x, y[j : j + 1], metric, p)
        g = pulled(ground, np.ones((5, 1)))
        assert np.isfinite(g).all()
        for z in np.random.default_rng(j).normal(size=(20, 1, 3)) * 3 + x:
            there = dense(ground_of_points(z, y[j : j + 1], metric, p))[:, 0]
            below = costs[:, j] + ((z - x) * g).sum(axis=1)
            assert (there >= below - ROUNDING * (1 + np.abs(below))).all()


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_nothing_pulls_between_equal_points(metric, p):
    """The symmetric subgradient at the kink of p = 1, and the gradient elsewhere."""
    x = np.ones((3, 2))
    assert (pulled(ground_of_points(x, x, metric, p), np.ones((3, 3))) == 0.0).all()


def test_equal_coordinates_do_not_pull_in_cityblock():
    ground = ground_of_points(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]]), CITYBLOCK, 1.0)
    np.testing.assert_array_equal(pulled(ground, np.ones((1, 1))), [[0.0, 1.0]])


def test_only_the_largest_coordinate_pulls_in_chebyshev():
    ground = ground_of_points(np.array([[1.0, -5.0, 0.0]]), np.array([[0.0, 2.0, 0.5]]), CHEBYSHEV, 2.0)
    np.testing.assert_array_equal(pulled(ground, np.ones((1, 1))), [[0.0, -14.0, 0.0]])


@pytest.mark.parametrize("metric", METRICS)
def test_segments_scale_and_what_was_there(metric):
    x, y = cloud(3, 9, 2)
    ground, weights = ground_of_points(x, y, metric, 1.5), np.random.default_rng(0).random((3, 9))
    whole = pulled(ground, weights)
    parts = pulled(ground, np.ascontiguousarray(weights[:, :4])) + pulled(ground, weights[:, 4:].copy(), lo=4)
    np.testing.assert_allclose(parts, whole, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(pulled(ground, weights, scale=-2.5), -2.5 * whole, rtol=1e-13, atol=1e-13)
    out = np.full(2, 7.0)
    pull(ground, 1, 0, 9, weights[1], 1.0, out)
    np.testing.assert_allclose(out, 7.0 + whole[1], rtol=1e-14)


def test_points_without_weight_do_not_count():
    """Not even where their gradient would overflow: 1e200 squared."""
    x, y = np.zeros((1, 2)), np.array([[3.0, 4.0], [1e200, 1e200]])
    found = pulled(ground_of_points(x, y, EUCLIDEAN, 3.0), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(found, [[-45.0, -60.0]], rtol=1e-14)


@pytest.mark.parametrize("size", [1e-150, 1e-100, 1e100, 1e150])
@pytest.mark.parametrize("metric", METRICS)
def test_lengths_near_the_ends_of_float64(metric, size):
    """A unit vector for p = 1 whatever the distance, as long as its square is a float64."""
    x, y = np.array([[3.0, 0.0]]) * size, np.array([[0.0, -4.0]]) * size
    expected = cost_gradient(np.array([[3.0, 0.0]]), np.array([[0.0, -4.0]]), NAMES[metric], 1.0)[0]
    np.testing.assert_allclose(pulled(ground_of_points(x, y, metric, 1.0), np.ones((1, 1))), expected, rtol=1e-14)
