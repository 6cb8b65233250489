"""Grounds for the kernels' tests, and what NumPy says of them."""

import math

import numpy as np
from entropic import naive_plan, naive_sinkhorn
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


def density_exponents(cost, f, g, b, k):
    """log2 of the plan's density times b_j, from potentials scaled to base 2: F_i + G_j + log2 b_j - k c_ij."""
    return f[:, None] + (g + np.log2(b)) - k * cost


def log2_sums(exponents):
    """log2 of the row sums of 2^exponents, as a textbook writes the stable form."""
    peak = exponents.max(axis=1)
    return peak + np.log2(np.exp2(exponents - peak[:, None]).sum(axis=1))


def cost_gradient(x, y, metric="euclidean", p=2.0):
    """d metric(x_i, y_j)**p / d x_i, (n, m, d), by the chain rule from norm to power; 0 where the cost has a kink."""
    e = x[:, None, :] - y
    length = naive_cost(x, y, metric)[:, :, None]
    safe = np.where(length > 0, length, 1.0)
    if metric == "euclidean":
        direction = e / safe
    elif metric == "cityblock":
        direction = np.sign(e)
    else:
        first = np.argmax(np.abs(e), axis=2)
        direction = np.sign(e) * (np.arange(e.shape[2]) == first[:, :, None])
    return np.where(length > 0, p * safe ** (p - 1.0) * direction, 0.0)


def naive_divergence(x, y, a, b, eps, p=2.0, metric="euclidean"):
    """S(x, y) and its gradients by name, from three problems; the constant of those in weights (of total 1) is such
    that each potential of a problem has half of its optimum."""
    parts = {}
    for name, (u, v, mine, theirs) in {"xy": (x, y, a, b), "xx": (x, x, a, a), "yy": (y, y, b, b)}.items():
        cost = naive_cost(u, v, metric, p)
        f, g = naive_sinkhorn(cost, mine, theirs, eps)
        plan = naive_plan(cost, mine, theirs, f, g, eps)
        pull = (plan[:, :, None] * cost_gradient(u, v, metric, p)).sum(axis=1)
        back = (plan.T[:, :, None] * cost_gradient(v, u, metric, p)).sum(axis=1)
        shift = 0.5 * (theirs @ g - mine @ f)
        parts[name] = mine @ f + theirs @ g, f + shift, g - shift, pull, back
    xy, xx, yy = parts["xy"], parts["xx"], parts["yy"]
    value = xy[0] - 0.5 * (xx[0] + yy[0])
    return value, {
        "grad_x": xy[3] - 0.5 * (xx[3] + xx[4]),
        "grad_y": xy[4] - 0.5 * (yy[3] + yy[4]),
        "grad_a": xy[1] - 0.5 * (xx[1] + xx[2]),
        "grad_b": xy[2] - 0.5 * (yy[1] + yy[2]),
    }


def gaussian_points(n, mean, sigma):
    """Gauss's quadrature of N(mean, sigma^2), with which the softmin's integrals are exact but for geometric terms."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return mean + sigma * nodes, weights / math.fsum(weights)
