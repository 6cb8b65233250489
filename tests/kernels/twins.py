"""Grounds for the kernels' tests, and what NumPy says of them."""

import numpy as np
from families import naive_cost

from otkit.kernels.ground import CHEBYSHEV, CITYBLOCK, EUCLIDEAN, MATRIX, Ground

NAMES = {EUCLIDEAN: "euclidean", CITYBLOCK: "cityblock", CHEBYSHEV: "chebyshev"}
METRICS = (EUCLIDEAN, CITYBLOCK, CHEBYSHEV)
ORDERS = (1.0, 1.5, 2.0, 2.7, 3.0)
EPS = np.finfo(float).eps


def ground_of_points(x, y, metric=EUCLIDEAN, p=2.0):
    return Ground(metric, float(p), np.ascontiguousarray(x), np.ascontiguousarray(y.T), np.zeros((0, 0)))


def ground_of_matrix(cost):
    n, m = cost.shape
    return Ground(MATRIX, 1.0, np.zeros((n, 0)), np.zeros((0, m)), np.ascontiguousarray(cost, dtype=float))


def dense(ground):
    if ground.metric == MATRIX:
        return ground.matrix
    return naive_cost(ground.x, ground.yt.T, NAMES[ground.metric], ground.p)


def cloud(n, m, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def lattice(n, m, d, seed=0):
    """Whole coordinates: every cost for p = 1, 2 and cityblock or chebyshev is exact, and most of them tie."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, (n, d)).astype(float), rng.integers(0, 5, (m, d)).astype(float)
