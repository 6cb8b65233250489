"""Transport on the line in closed form: sort both samples and match quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from otkit.certificate import centre, proven, restored
from otkit.costs import TINY, PointCost, order_of
from otkit.errors import BadMeasure
from otkit.measures import samples, units, weight_rows
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.result import Certificate, Result, Stats, Status
from otkit.solvers.base import GOOD_GAP, Clock, with_dust

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


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
        if primal < TINY and line.moves:  # the costs were below float64: the bound must not be
            primal = TINY
        stats = Stats(clock.seconds, iterations=1)
        return Result(
            problem,
            type(self).__name__,
            Status.OPTIMAL,
            stats,
            primal,
            primal,
            line.plan,
            partial(line.certificate, primal),
        )

    def batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        p: float = 1,
        a: ArrayLike | None = None,
        b: ArrayLike | None = None,
    ) -> np.ndarray:
        """W_p^p of every row pair of x (k, n) and y (k, m), as (k,) costs; what sliced distances are made of.

        a (n,) or (k, n) and b (m,) or (k, m) are weights, normalised row by row; None is uniform. Rows are shared out
        over the threads: O(k (n + m) log(n + m)) time, O(threads (n + m)) memory.

        >>> import otkit
        >>> otkit.solvers.Line().batch([[0.0, 1.0], [0.0, 2.0]], [[1.0, 3.0], [0.0, 2.0]])
        array([1.5, 0. ])
        """
        from otkit.kernels.line import cost_batch, cost_batch_weighted
        from otkit.threads import launch, threads

        p = order_of(p)
        x, y = samples(x, "x"), samples(y, "y")
        if len(x) != len(y):
            raise BadMeasure(f"x has {len(x)} rows and y has {len(y)}: a batch pairs them one to one.")
        (k, n), m = x.shape, y.shape[1]
        scratch = (min(threads(), k), n + m + max(n, m))
        out = np.empty(k)
        if a is None and b is None:
            with launch():
                cost_batch(x, y, p, np.empty(scratch), out)
            return out
        us, vs = (np.stack(side) for side in zip(*(units(*pair)[:2] for pair in weight_rows(a, b, k, n, m))))
        with launch():
            cost_batch_weighted(x, us, y, vs, p, np.empty(scratch), np.empty(scratch, np.int64), out)
        return out


class _Sorted:
    """A problem on the line, sorted: values alone for the distance, the order only for the plan and the potentials."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.x, self.y = problem.cost.x[:, 0], problem.cost.y[:, 0]

    def cost(self) -> float:
        from otkit.kernels.line import cost_sorted, cost_weighted
        from otkit.solvers.sorting import sorted_pair

        p, problem = self.problem.p, self.problem
        n, m = problem.shape
        if problem.uniform_sides:
            xs, ys = sorted_pair(self.x, self.y)
            if n == m:
                return cost_sorted(xs, ys, p) * float(problem.a[0])
            a, b, _ = problem.units
            return float(problem.mass_of(cost_weighted(xs, a[:1].copy(), ys, b[:1].copy(), p)))
        (xs, a), (ys, b) = _sorted_with(self.x, problem.units[0], self.y, problem.units[1])
        rows, cols, light = problem.dust
        return float(problem.mass_of(cost_weighted(xs, a, ys, b, p)) + (light * problem.cost.at(rows, cols)).sum())

    @property
    def moves(self) -> bool:
        """Whether any mass changes its place."""
        plan = self.plan()
        return bool((self.x[plan.rows] != self.y[plan.cols]).any())

    @cached_property
    def order(self) -> tuple[np.ndarray, np.ndarray]:
        (_, rows), (_, cols) = _sorted_with(self.x, np.arange(self.x.size), self.y, np.arange(self.y.size))
        return rows, cols

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

    def certificate(self, primal: float) -> Certificate:
        """The staircase's potentials; where x and y nearly coincide, those of row and column minima may be better: they
        are as small as the costs, the staircase's as large as the line is long."""
        from otkit.kernels.line import potentials_sorted

        (rows, cols), (a, b) = self.order, self.sorted_units
        xs, ys = self.x[rows], self.y[cols]
        f, g = np.empty(xs.size), np.empty(ys.size)
        potentials_sorted(xs, a, ys, b, self.problem.p, f, g)
        best = self._proven(xs, ys, f, g)
        if primal - best.dual > GOOD_GAP * primal:
            f = self._transform(xs, ys, np.zeros_like(g))
            g = self._transform(ys, xs, f)
            best = max(best, self._proven(xs, ys, f, g), key=lambda certificate: certificate.dual)
        return best

    def _proven(self, xs: np.ndarray, ys: np.ndarray, f: np.ndarray, g: np.ndarray) -> Certificate:
        problem, (rows, cols) = self.problem, self.order
        g = g - centre(problem.a[rows], problem.b[cols], f, g)
        raised = self._transform(xs, ys, g)
        return proven(problem.cost, problem.a, problem.b, restored(raised, rows), restored(g, cols))

    def _transform(self, xs: np.ndarray, ys: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The c-transform of g, in the order of xs."""
        from otkit.kernels.line import c_transform_sorted
        from otkit.threads import launch

        f = np.empty_like(xs)
        with launch():
            c_transform_sorted(xs, ys, g, self.problem.p, f)
        return f


def _sorted_with(
    x: np.ndarray, u: np.ndarray, y: np.ndarray, v: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Both sides in ascending order, each with what belongs to its points (int64) in the same order."""
    from otkit.kernels.sort import sort_pair_carry
    from otkit.threads import launch

    xs, us, ys, vs = np.empty_like(x), np.empty_like(u), np.empty_like(y), np.empty_like(v)
    with launch():
        sort_pair_carry(x, u, y, v, xs, us, ys, vs)
    return (xs, us), (ys, vs)
