"""What the answer should be, found without otkit's kernels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.cases import Case

ROWS = 500  # of the cost matrix at a time
MARGINALS_OFF = 1e-12  # of the total mass: a plan further off proves nothing


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
    """
    a, b, plan, (f, g) = arrays["a"], arrays["b"], result.plan, result.potentials
    off = np.abs(np.bincount(plan.rows, plan.mass, case.n) - a).sum()
    off += np.abs(np.bincount(plan.cols, plan.mass, case.m) - b).sum()
    if off > MARGINALS_OFF:
        return None
    upper, excess = [], 0.0
    for begin in range(0, case.n, ROWS):
        rows = slice(begin, begin + ROWS)
        cost = _costs(case, arrays, rows)
        held = (plan.rows >= begin) & (plan.rows < begin + ROWS)
        upper.extend(plan.mass[held] * cost[plan.rows[held] - begin, plan.cols[held]])
        excess = max(excess, float((f[rows, None] + g - cost).max()))
    primal = math.fsum(upper)
    dual = math.fsum(a * f) + math.fsum(b * g) - excess
    return Reference(primal, max(0.0, primal - dual) / primal, "otkit's plan and potentials, costs recomputed by SciPy")


def _costs(case: Case, arrays: dict[str, Any], rows: slice) -> np.ndarray:
    if case.matrix:
        return arrays["C"][rows]
    return cdist(arrays["x"][rows], arrays["y"], case.metric) ** case.p
