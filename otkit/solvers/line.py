"""Transport on the line in closed form: sort both samples and match quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from otkit.certificate import centre, proven
from otkit.costs import PointCost
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.result import Certificate, Result, Stats, Status
from otkit.solvers.base import Clock, with_dust


@dataclass(frozen=True)
class Line:
    r"""Exact W_p between samples on the line, every p >= 1, any weights, n != m.

    .. math:: W_p^p = \int_0^1 |F_x^{-1}(t) - F_y^{-1}(t)|^p \, dt

    Time O((n + m) log(n + m)), on two threads; memory O(n + m). The plan (at most n + m - 1 entries) and the potentials
    are made when they are first looked at. Raises `Unsupported` where the points are not on a line.

    Source: Villani 2009 (theorem 2.18); Santambrogio 2015 (section 2.1).

    >>> import otkit
    >>> otkit.wasserstein([0.0, 1.0], [1.0, 2.0, 3.0], p=2, solver=otkit.solvers.Line()).cost
    2.5
    """

    def solve(self, problem: Problem) -> Result:
        """The distance at once; plan and potentials on demand."""
        from otkit.solvers.auto import refuse

        cost = problem.cost
        on_line = isinstance(cost, PointCost) and cost.dimension == 1
        refuse(problem, type(self).__name__, [] if on_line else ["it needs points with one coordinate"])
        clock = Clock(type(self).__name__)
        line = _Sorted(problem)
        primal = line.cost()
        stats = Stats(clock.seconds, iterations=1)
        return Result(problem, type(self).__name__, Status.OPTIMAL, stats, primal, line.plan, line.certificate)


class _Sorted:
    """A problem on the line, sorted: values alone for the distance, the order only for the plan and the potentials."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.x, self.y = problem.cost.x[:, 0], problem.cost.y[:, 0]

    def cost(self) -> float:
        from otkit.kernels.line import cost_sorted, cost_weighted
        from otkit.kernels.sort import sort_pair

        p = self.problem.p
        n, m = self.problem.shape
        if self.problem.uniform_sides:
            xs, ys = np.empty(n), np.empty(m)
            sort_pair(self.x, self.y, xs, ys, np.empty(n), np.empty(m))
            if n == m:
                return cost_sorted(xs, ys, p) * float(self.problem.a[0])
            a, b, unit = self.problem.units
            return cost_weighted(xs, a[:1].copy(), ys, b[:1].copy(), p) * unit
        a, b, unit = self.problem.units
        xs, a = _sorted_with(self.x, a)
        ys, b = _sorted_with(self.y, b)
        rows, cols = self.problem.dust
        light = np.minimum(self.problem.a[rows], self.problem.b[cols]) * self.problem.cost.at(rows, cols)
        return cost_weighted(xs, a, ys, b, p) * unit + float(light.sum())

    @cached_property
    def order(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(_sorted_with(side, np.arange(side.size))[1] for side in (self.x, self.y))

    @cached_property
    def sorted_units(self) -> tuple[np.ndarray, np.ndarray]:
        a, b, _ = self.problem.units
        return a[self.order[0]], b[self.order[1]]

    def plan(self) -> Plan:
        from otkit.kernels.line import plan_sorted

        a, b = self.sorted_units
        rows, cols, mass = (np.empty(a.size + b.size - 1, np.int64) for _ in range(3))
        k = plan_sorted(a, b, rows, cols, mass)
        return with_dust(self.problem, self.order[0][rows[:k]], self.order[1][cols[:k]], mass[:k])

    def certificate(self) -> Certificate:
        from otkit.kernels.line import c_transform_sorted, potentials_sorted

        p, problem = self.problem.p, self.problem
        (rows, cols), (a, b) = self.order, self.sorted_units
        xs, ys = self.x[rows], self.y[cols]
        f, g, raised = np.empty(xs.size), np.empty(ys.size), np.empty(xs.size)
        potentials_sorted(xs, a, ys, b, p, f, g)
        g -= centre(problem.a[rows], problem.b[cols], f, g)
        c_transform_sorted(xs, ys, g, p, raised)
        f_out, g_out = np.empty_like(f), np.empty_like(g)
        f_out[rows], g_out[cols] = raised, g
        return proven(problem.cost, problem.a, problem.b, f_out, g_out)


def _sorted_with(values: np.ndarray, carry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values in ascending order, and what belongs to them in the same order."""
    from otkit.kernels.sort import sort_into

    out, out_carry = np.empty_like(values), np.empty_like(carry)
    sort_into(values, carry, out, out_carry, np.empty_like(values), np.empty_like(carry))
    return out, out_carry
