"""Multiscale: exact transport between 100,000 points and more, by way of the optimum of coarser problems."""

from __future__ import annotations

from dataclasses import dataclass

from otkit.costs import PointCost
from otkit.problem import Problem
from otkit.result import Result
from otkit.solvers.base import positive_limits
from otkit.solvers.pivoting import Limits, solved


@dataclass(frozen=True)
class Multiscale:
    """Exact transport between many points, coarse to fine, with the proof of every other solver.

    min <C, P>, c(x_i, y_j) = metric(x_i, y_j)**p, for any p, metric, weights and n != m. Both samples are put in the
    order of one Hilbert curve, and groups of 4 consecutive points become their weighted mean, level by level, until
    about 64 are left. From the coarsest level down,

    1. the coarser potentials are extended to the finer points by a c-transform, g(y) = min_I c(X_I, y) - F_I, and
       the coarser plan is refined by a nested north-west corner, which leaves a forest;
    2. the network simplex runs on short lists of columns from that tree, 6 to 8 n pivots at p = 2 where a plain start
       needs some 30 n;
    3. pricing goes over all pairs, which boxes with a plane above the potentials refute but for some 8 blocks of 32 a
       row, until nothing pays.

    Time: about n^1.2 in the plane at p = 2; in some ten and more coordinates boxes refute nothing and a pricing is
    O(n m d), of which there are some ten. Memory: O(n + m), about 1 kB a point.

    Parameters
    ----------
    max_iter : most pivots in all levels, None for no limit.
    time_limit : seconds, None for no limit.
    tol : stop as soon as the certified relative gap is at most this (coarser levels are left at half of it); 0 solves
        to the optimum.
    seed : of the order in which rows are priced. The optimum depends neither on it nor on the number of threads; ties
        in the plan may depend on the seed.

    Stopping early returns a feasible plan and valid potentials, whatever the level reached (status MAX_ITER,
    TIME_LIMIT, INTERRUPTED or, within tol, CONVERGED). Raises `Unsupported` where there are no means to take: for
    matrices, sparse costs and callables.

    Source: Merigot 2011; Schmitzer 2016 (coarse to fine, candidates refuted by bounds); Cunningham 1976.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 500, 2))
    >>> result = otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Multiscale())
    >>> bool(result.gap < 1e-12), result.status.name
    (True, 'OPTIMAL')
    """

    max_iter: int | None = None
    time_limit: float | None = None
    tol: float = 0.0
    seed: int = 0

    def solve(self, problem: Problem) -> Result:
        """The optimal plan and potentials of a problem between points."""
        from otkit.solvers.auto import refuse

        positive_limits(self)
        refuse(problem, type(self).__name__, [] if isinstance(problem.cost, PointCost) else [_WHY])
        limits = Limits(self.max_iter, self.time_limit, self.tol, self.seed)
        return solved(problem, type(self).__name__, limits, coarse=True)


_WHY = "it needs points and a metric by name, for a group of points is replaced by its mean"
