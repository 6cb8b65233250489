"""What every Result owes, checked against dense NumPy that shares no code with otkit."""

from __future__ import annotations

import math

import numpy as np

from otkit.result import Result, Status

EPS = np.finfo(float).eps
MASS = 1e-14  # of the total: masses are shared out in units of 2^-60, and a marginal is a float sum of a few of them
OPTIMAL_GAP = 1e-9  # what the issue promises; measured gaps are 1e-15


def check(
    result: Result, cost: np.ndarray, a: np.ndarray, b: np.ndarray, *, dimension: int = 1, exact: bool = True
) -> None:
    """The whole contract. `cost` is the dense ground cost (inf: forbidden), a and b the masses asked for.

    exact: the solver walks from vertex to vertex, so its plan has at most n + m - 1 entries.
    """
    check_plan(result, cost, a, b, exact)
    check_potentials(result, cost, a, b, dimension)
    check_bracket(result)
    check_shown(result)


def check_plan(result: Result, cost: np.ndarray, a: np.ndarray, b: np.ndarray, exact: bool = True) -> None:
    plan, total = result.plan, math.fsum(a)
    n, m = cost.shape
    assert plan.shape == (n, m)
    assert len(plan) == plan.rows.size == plan.cols.size == plan.mass.size
    assert np.issubdtype(plan.rows.dtype, np.integer) and np.issubdtype(plan.cols.dtype, np.integer)
    assert (plan.rows >= 0).all() and (plan.rows < n).all() and (plan.cols >= 0).all() and (plan.cols < m).all()
    assert (plan.mass >= 0).all() and np.isfinite(plan.mass).all()
    assert len(set(zip(plan.rows.tolist(), plan.cols.tolist()))) == len(plan)
    if exact:
        assert len(plan) <= n + m - 1
    dense = np.zeros((n, m))
    dense[plan.rows, plan.cols] = plan.mass
    np.testing.assert_array_equal(plan.toarray(), dense)
    np.testing.assert_allclose(dense.sum(axis=1), a, rtol=0, atol=MASS * total)
    np.testing.assert_allclose(dense.sum(axis=0), b, rtol=0, atol=MASS * total)
    for mine, asked in zip(plan.marginals(), (a, b)):
        np.testing.assert_allclose(mine, asked, rtol=0, atol=MASS * total)
    paid = cost[plan.rows, plan.cols] * plan.mass
    # one rounding a product, log n a pairwise sum, and costs whose own last digits differ between NumPy and LLVM
    assert result.cost == _near(math.fsum(paid), 64 * EPS * math.fsum(np.abs(paid)))


def check_potentials(result: Result, cost: np.ndarray, a: np.ndarray, b: np.ndarray, dimension: int = 1) -> None:
    """Feasible for every pair, and worth what the result says."""
    f, g = result.potentials
    assert f.shape == a.shape and g.shape == b.shape
    assert np.isfinite(f).all() and np.isfinite(g).all()
    allowed = np.isfinite(cost)
    size = np.where(allowed, np.abs(f)[:, None] + np.abs(g) + np.abs(cost), 0.0)
    over = np.where(allowed, f[:, None] + g - cost, -1.0)
    # a sum over coordinates rounds once each, a power and a root a few times; f + g once here
    assert (over <= (8 + 2 * dimension) * EPS * size).all(), f"f + g exceeds the cost by {over.max()}"
    value = math.fsum([math.fsum(a * f), math.fsum(b * g)])
    size = math.fsum(np.abs(a * f)) + math.fsum(np.abs(b * g))
    # stated less its rounding; never more than it is worth, but for the last digits of normalised weights
    assert result.dual_cost <= value + 4 * EPS * size
    if result.dual_cost != result.cost:  # cut there, so that the bracket never crosses
        assert value - result.dual_cost <= 16 * EPS * size


def check_bracket(result: Result) -> None:
    assert isinstance(result.status, Status)
    assert result.dual_cost <= result.cost
    assert result.lower <= result.upper == result.distance
    assert result.gap >= 0
    if result.status is Status.OPTIMAL:
        assert result.gap <= OPTIMAL_GAP
    if result.p == 1:
        assert result.distance == _near(result.cost, 2 * EPS * abs(result.cost))
    else:
        assert result.distance**result.p == _near(result.cost, 8 * result.p * EPS * result.cost)


def check_shown(result: Result) -> None:
    shown = repr(result)
    assert "\n" not in shown and len(shown) < 200
    assert result.status.name in shown and result.solver in shown
    assert result.status.remedy.endswith(".")


class _near:
    """Equal within an absolute tolerance; the message shows by how much it was missed."""

    def __init__(self, value: float, tolerance: float) -> None:
        self.value, self.tolerance = value, tolerance

    def __eq__(self, other: object) -> bool:
        return abs(other - self.value) <= self.tolerance

    def __repr__(self) -> str:
        return f"{self.value!r} +- {self.tolerance:.3g}"
