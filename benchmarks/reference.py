"""What the answer should be, found without otkit's kernels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from benchmarks.cases import Case

ROWS = 500  # of the cost matrix at a time
MARGINALS_OFF = 1e-12  # of the total mass: a plan further off proves nothing
FEW = 10**9  # pairs that are looked at one by one: ten seconds
MANY = 10**11  # pairs beyond which only rows by chance are looked at: the tree was not done with 10^12 in 8 minutes
BY_CHANCE = 1000  # rows


class Reference(NamedTuple):
    """The optimal cost lies within `gap` (relative) below `cost`."""

    cost: float
    gap: float | None
    how: str


def reference(case: Case, arrays: dict[str, Any], result: Any) -> Reference | None:
    """Quantiles in extended precision for long samples on the line, a recomputed proof elsewhere."""
    if case.flat:
        return Reference(line_cost(arrays, case), None, "sorted quantiles, extended precision")
    return None if result is None else proof(case, arrays, result)


def line_cost(arrays: dict[str, Any], case: Case) -> float:
    """Integral of |F_x^-1 - F_y^-1|^p, weights added up in extended precision."""
    x, y = arrays["x"], arrays["y"]
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    if case.weights == "uniform" and case.n == case.m:
        return math.fsum(np.abs(x[i] - y[j]) ** case.p) / case.n
    levels_x, levels_y = _levels(arrays["a"][i], case), _levels(arrays["b"][j], case)
    levels = np.sort(np.concatenate([[0], levels_x, levels_y]))
    middle = (levels[1:] + levels[:-1]) / 2
    at_x = x[i][np.minimum(np.searchsorted(levels_x, middle), case.n - 1)]
    at_y = y[j][np.minimum(np.searchsorted(levels_y, middle), case.m - 1)]
    return float((np.diff(levels) * np.abs(at_x - at_y).astype(np.longdouble) ** case.p).sum())


def _levels(weights: np.ndarray, case: Case) -> np.ndarray:
    if case.weights == "uniform":  # 1/n rounds, k/n does not drift
        return np.arange(1, weights.size + 1, dtype=np.longdouble) / weights.size
    total = np.cumsum(weights, dtype=np.longdouble)
    return total / total[-1]


def proof(case: Case, arrays: dict[str, Any], result: Any) -> Reference | None:
    """The cost of the result's plan and the value of its potentials, with costs recomputed by SciPy.

    Where potentials exceed a cost, the whole excess is taken off. None where the plan has not the right marginals.
    Of many pairs with cost |x - y|^2 the largest excess is found among neighbours, without looking at all; of more than
    MANY in BY_CHANCE whole rows.
    """
    a, b, plan, (f, g) = arrays["a"], arrays["b"], result.plan, result.potentials
    off = np.abs(np.bincount(plan.rows, plan.mass, case.n) - a).sum()
    off += np.abs(np.bincount(plan.cols, plan.mass, case.m) - b).sum()
    if off > MARGINALS_OFF:
        return None
    squares = case.p == 2 and case.metric == "euclidean" and case.matrix is None
    if squares and case.n * case.m > MANY:
        upper, excess = _among_some(arrays["x"], arrays["y"], plan, f, g)
        how = f"otkit's plan and potentials, costs recomputed by SciPy, the largest excess of {BY_CHANCE} random rows"
    elif squares and case.n * case.m > FEW:
        upper, excess = _among_neighbours(arrays["x"], arrays["y"], plan, f, g)
        how = "otkit's plan and potentials, costs recomputed by NumPy, the largest excess found by SciPy's k-d tree"
    else:
        upper, excess = _among_all(case, arrays, plan, f, g)
        how = "otkit's plan and potentials, costs recomputed by SciPy"
    primal = math.fsum(upper)
    dual = math.fsum(a * f) + math.fsum(b * g) - max(0.0, excess)
    return Reference(primal, max(0.0, primal - dual) / primal, how)


def _among_all(
    case: Case, arrays: dict[str, Any], plan: Any, f: np.ndarray, g: np.ndarray
) -> tuple[list[float], float]:
    """Mass times cost of the plan's entries, and the largest f_i + g_j - c_ij."""
    upper: list[float] = []
    excess = -math.inf
    for begin in range(0, case.n, ROWS):
        rows = slice(begin, begin + ROWS)
        cost = _costs(case, arrays, rows)
        held = (plan.rows >= begin) & (plan.rows < begin + ROWS)
        upper.extend(plan.mass[held] * cost[plan.rows[held] - begin, plan.cols[held]])
        excess = max(excess, float((f[rows, None] + g - cost).max()))
    return upper, excess


def _among_some(x: np.ndarray, y: np.ndarray, plan: Any, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, float]:
    """The same for the cost |x - y|^2, with the excess of rows chosen by chance."""
    rows = np.random.default_rng(0).choice(len(x), min(len(x), BY_CHANCE), replace=False)
    excess = max(
        float((f[some, None] + g - cdist(x[some], y, "sqeuclidean")).max()) for some in np.array_split(rows, 100)
    )
    return _squares(x, y, plan), excess


def _among_neighbours(
    x: np.ndarray, y: np.ndarray, plan: Any, f: np.ndarray, g: np.ndarray
) -> tuple[np.ndarray, float]:
    """The same for the cost |x - y|^2: |x - y|^2 - g is, up to a constant, a squared distance in one coordinate more.

    With z = y - v, |x - y|^2 - g_j = |x - z_j|^2 - (g_j - 2 v z_j) + (terms without j), so the pair of x_i with the
    largest excess is the nearest of the points (z_j, sqrt(max h - h_j)), h_j = g_j - 2 v z_j, to (x_i, 0). Any v would
    do; with the difference of the means the added coordinate is small, which makes the search fast.
    """
    v = y.mean(axis=0) - x.mean(axis=0)
    z = y - v
    h = g - 2.0 * (z @ v)
    lifted = np.column_stack([z, np.sqrt(h.max() - h)])
    nearest = cKDTree(lifted).query(np.column_stack([x, np.zeros(len(x))]), workers=-1)[1]
    excess = float((f + g[nearest] - ((x - y[nearest]) ** 2).sum(axis=1)).max())
    return _squares(x, y, plan), excess


def _squares(x: np.ndarray, y: np.ndarray, plan: Any) -> np.ndarray:
    """What each entry of the plan costs."""
    return plan.mass * ((x[plan.rows] - y[plan.cols]) ** 2).sum(axis=1)


def _costs(case: Case, arrays: dict[str, Any], rows: slice) -> np.ndarray:
    if case.matrix:
        return arrays["C"][rows]
    return cdist(arrays["x"][rows], arrays["y"], case.metric) ** case.p
