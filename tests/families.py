"""Problems whose answer is known without a solver: each family says what the distance is and how far rounding may go.

`FAMILIES` maps a name to a generator `(p, metric, size) -> Family`; a generator that has no answer for some p or metric
gives None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

EPS = np.finfo(float).eps
ORDERS = (1.0, 1.5, 2.0, 3.0)
METRICS = ("euclidean", "cityblock", "chebyshev")
ROUNDED_POINTS = 1e-12  # x + v, A x and the like are rounded: 1e-16 of coordinates below 10, distances above 0.01


class Family(NamedTuple):
    """A problem and its answer; `why` is the theorem behind the answer, `rtol` what rounding may do to it."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None
    p: float
    metric: str
    distance: float
    rtol: float
    why: str


class Planted(NamedTuple):
    """A cost matrix with a planted optimum; `cost` is the optimal cost for masses a and b."""

    matrix: np.ndarray
    a: np.ndarray
    b: np.ndarray
    cost: float
    rtol: float
    why: str


def norm(v: np.ndarray, metric: str) -> np.ndarray:
    """The norm of the metric along the last axis."""
    v = np.abs(v)
    if metric == "euclidean":
        return np.sqrt((v * v).sum(axis=-1))
    return v.sum(axis=-1) if metric == "cityblock" else v.max(axis=-1)


def naive_cost(x: np.ndarray, y: np.ndarray, metric: str = "euclidean", p: float = 1.0) -> np.ndarray:
    """metric(x_i, y_j)**p, dense, as a textbook writes it."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    return norm(x[:, None, :] - y[None, :, :], metric) ** p


def mean_power(distances: np.ndarray, p: float, weights: np.ndarray | None = None) -> float:
    """(sum_i w_i d_i^p)^(1/p) with the sum taken exactly."""
    weights = np.full(len(distances), 1 / len(distances)) if weights is None else weights / math.fsum(weights)
    return math.fsum(weights * distances**p) ** (1 / p)


def dirac(p: float, metric: str, size: int) -> Family:
    x, y = np.array([[1.0, -2.0, 0.5]]), np.array([[4.0, 2.0, 0.25]])
    return Family(x, y, None, None, p, metric, float(norm(x - y, metric)[0]), 8 * EPS, "one pair: nothing to choose")


def dirac_to_cloud(p: float, metric: str, size: int) -> Family:
    rng = np.random.default_rng(1)
    x, y, b = rng.normal(size=(1, 2)), rng.normal(size=(size, 2)), rng.random(size)
    distance = mean_power(norm(x - y, metric), p, b)
    return Family(x, y, [3.0], b, p, metric, distance, 1e-13, "one source: the product is the only plan")


def translation(p: float, metric: str, size: int) -> Family:
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=(size, 2)), np.array([0.75, -1.5])
    order = rng.permutation(size)
    why = "the mean displacement is v in every plan and norm**p is convex (Jensen)"
    return Family(x, (x + v)[order], None, None, p, metric, float(norm(v, metric)), ROUNDED_POINTS, why)


def weighted_translation(p: float, metric: str, size: int) -> Family:
    rng = np.random.default_rng(3)
    x, v, a = rng.normal(size=(size, 3)), np.array([0.5, 0.25, -2.0]), rng.exponential(size=size)
    a[:: max(2, size // 5)] = 0.0
    order = rng.permutation(size)
    why = "Jensen, with weights that travel with their points, some of them zero"
    return Family(x, (x + v)[order], a, a[order], p, metric, float(norm(v, metric)), ROUNDED_POINTS, why)


def lattice(p: float, metric: str, size: int) -> Family:
    side = max(2, math.isqrt(size))
    x = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)
    v = np.array([3.0, -4.0])
    y = np.random.default_rng(4).permutation(x + v)
    return Family(x, y, None, None, p, metric, float(norm(v, metric)), 16 * EPS * p, "Jensen; whole, so costs tie")


def identical(p: float, metric: str, size: int) -> Family:
    x = np.random.default_rng(5).normal(size=(size, 2))
    return Family(x, np.random.default_rng(6).permutation(x), None, None, p, metric, 0.0, 0.0, "the same measure")


def coincident(p: float, metric: str, size: int) -> Family:
    x, y = np.tile([1.0, 2.0], (size, 1)), np.tile([4.0, 6.0], (size + 3, 1))
    distance = float(norm(x[0] - y[0], metric))
    return Family(x, y, None, None, p, metric, distance, 16 * EPS * p, "two Diracs in pieces")


def all_equal(p: float, metric: str, size: int) -> Family:
    x = np.full((size, 3), 0.1)
    return Family(x, x[: size // 2 + 1].copy(), None, None, p, metric, 0.0, 0.0, "one Dirac in pieces on both sides")


def collinear(p: float, metric: str, size: int) -> Family:
    rng = np.random.default_rng(7)
    s, t, u = rng.normal(size=size), rng.normal(size=size) + 0.5, np.array([1.0, -2.0, 0.5])
    distance = mean_power(np.abs(np.sort(s) - np.sort(t)), p) * float(norm(u, metric))
    return Family(
        s[:, None] * u, t[:, None] * u, None, None, p, metric, distance, ROUNDED_POINTS, "a line inside space"
    )


def sphere(p: float, metric: str, size: int) -> Family:
    x = np.random.default_rng(8).normal(size=(size, 4))
    x /= norm(x, metric)[:, None]
    return Family(x, np.zeros((3, 4)), None, None, p, metric, 1.0, 1e-14, "all pairs are 1 apart, to an ulp")


def quantiles(p: float, metric: str, size: int) -> Family:
    rng = np.random.default_rng(9)
    x, a = rng.normal(size=size), rng.random(size)
    y = np.exp(x)
    order = rng.permutation(size)
    distance = mean_power(np.abs(x - y), p, a)
    return Family(x, y[order], a, a[order], p, metric, distance, 1e-13, "monotone maps are optimal")


def midpoints(p: float, metric: str, size: int) -> Family:
    parts = 5
    x = (np.arange(size) + 0.5) / size
    y = (np.arange(parts * size) + 0.5) / (parts * size)
    offset = (2 * np.arange(parts) + 1 - parts) / (2 * parts * size)
    why = "each x splits over its own 5 midpoints; offsets are differences of numbers near 1, so 1e-16 * 10 * size"
    return Family(x, y, None, None, p, metric, mean_power(np.abs(offset), p), 40 * EPS * parts * size, why)


def embedded_quantiles(p: float, metric: str, size: int) -> Family:
    base = quantiles(p, metric, size)
    x, y = (np.stack([side, np.zeros_like(side)], axis=1) for side in (base.x, base.y))
    return base._replace(x=x, y=y, rtol=1e-12, why="the line as the first axis of a plane")


def linear_map(p: float, metric: str, size: int) -> Family | None:
    if p != 2 or metric != "euclidean":
        return None
    rng = np.random.default_rng(10)
    x, root = rng.normal(size=(size, 4)), rng.normal(size=(4, 4))
    image = x @ (root @ root.T / 4 + 0.1 * np.eye(4)) + 1.0
    distance = mean_power(norm(x - image, metric), 2)
    return Family(
        x, rng.permutation(image), None, None, 2, metric, distance, ROUNDED_POINTS, "Brenier: grad of a quadratic"
    )


def norms_map(p: float, metric: str, size: int) -> Family | None:
    if p != 2 or metric != "euclidean":
        return None
    rng = np.random.default_rng(11)
    x, centres, a = rng.normal(size=(size, 3)), rng.normal(size=(4, 3)), rng.random(size)
    ray = x[:, None, :] - centres
    image = 0.5 * x + (ray / np.linalg.norm(ray, axis=2, keepdims=True)).sum(axis=1)
    order = rng.permutation(size)
    distance = mean_power(norm(x - image, metric), 2, a)
    why = "y = grad of |x|^2 / 4 + sum_k |x - c_k|, convex (Brenier)"
    return Family(x, image[order], a, a[order], 2, metric, distance, ROUNDED_POINTS, why)


def sorted_rays(p: float, metric: str, size: int) -> Family | None:
    if p != 1 or metric != "euclidean":
        return None
    rng = np.random.default_rng(12)
    x = rng.normal(size=(size, 5))
    image = x * (1 + rng.random((size, 1)))
    distance = float(np.mean(norm(image - x, metric)))
    why = "points move away from 0 along rays: |z| is a 1-Lipschitz potential that attains it"
    return Family(x, rng.permutation(image), None, None, 1, metric, distance, ROUNDED_POINTS, why)


def dominated(p: float, metric: str, size: int) -> Family | None:
    if p != 1 or metric != "cityblock":
        return None
    rng = np.random.default_rng(13)
    x = rng.normal(size=(size, 3))
    image = x + rng.random((size, 3))
    distance = float(np.mean(norm(image - x, metric)))
    why = "all coordinates grow: the sum of coordinates is a 1-Lipschitz potential; optimal plans are many"
    return Family(x, rng.permutation(image), None, None, 1, metric, distance, ROUNDED_POINTS, why)


def far_zero_weights(p: float, metric: str, size: int) -> Family:
    base = translation(p, metric, size)
    far = np.array([[1e6, -1e6], [3e5, 2e5]])
    x, y = np.concatenate([base.x, far]), np.concatenate([far[:1] * 2, base.y])
    a, b = np.concatenate([np.ones(size), [0, 0]]), np.concatenate([[0], np.ones(size)])
    return base._replace(x=x, y=y, a=a, b=b, why="Jensen; points without mass change nothing")


FAMILIES: dict[str, Callable[[float, str, int], Family | None]] = {
    make.__name__: make
    for make in (
        dirac,
        dirac_to_cloud,
        translation,
        weighted_translation,
        lattice,
        identical,
        coincident,
        all_equal,
        collinear,
        sphere,
        quantiles,
        midpoints,
        embedded_quantiles,
        linear_map,
        norms_map,
        sorted_rays,
        dominated,
        far_zero_weights,
    )
}


def normal_quantiles(n: int) -> np.ndarray:
    """The n midpoint quantiles of N(0, 1)."""
    from scipy.special import ndtri

    return ndtri((np.arange(n) + 0.5) / n)


def planted_permutation(n: int, seed: int = 0) -> Planted:
    rng = np.random.default_rng(seed)
    f, g = rng.integers(-1000, 1000, n), rng.integers(-1000, 1000, n)
    slack = rng.integers(0, 50, (n, n))
    slack[np.arange(n), rng.permutation(n)] = 0
    uniform = np.full(n, 1 / n)
    cost = (f.sum() + g.sum()) / n
    why = "f + g is feasible and tight on a permutation; integers of any sign, so only the weights 1/n round"
    return Planted((f[:, None] + g + slack).astype(float), uniform, uniform, cost, 1e-13, why)


def planted_plan(n: int, m: int, seed: int = 0) -> Planted:
    """A north-west corner between shuffled rows and columns, on which a feasible f + g is tight."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, 50, n).astype(float), np.zeros(m)
    b += np.bincount(rng.integers(0, m, int(a.sum())), minlength=m)  # whole numbers of equal totals, some perhaps 0
    f, g = rng.integers(-500, 500, n), rng.integers(-500, 500, m)
    slack = rng.integers(1, 30, (n, m))
    rows, cols = rng.permutation(n), rng.permutation(m)
    i = j = 0
    left_a, left_b = a[rows], b[cols]
    while i < n and j < m:
        slack[rows[i], cols[j]] = 0
        move = min(left_a[i], left_b[j])
        left_a[i] -= move
        left_b[j] -= move
        if left_a[i] == 0:
            i += 1
        else:
            j += 1
    cost = float(a @ f + b @ g)
    return Planted((f[:, None] + g + slack).astype(float), a, b, cost, 1e-12, "tight on a feasible plan")
