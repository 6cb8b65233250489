"""The network simplex: exact transport for any weights, costs on the fly."""

from __future__ import annotations

from dataclasses import dataclass

from otkit.problem import Problem
from otkit.result import Result
from otkit.solvers.base import positive_limits
from otkit.solvers.pivoting import Limits, solved


@dataclass(frozen=True)
class NetworkSimplex:
    """Exact transport by the primal network simplex on a strongly feasible spanning tree.

    Minimises <C, P> over plans with marginals a, b for any p, metric, cost matrix or sparse cost. Masses are integers
    inside, so marginals are exact; costs between points are computed when they are needed.

    Time: in practice 10 to 60 n pivots of O(cycle) each, and 10 to 20 pricing passes over all pairs, of which boxes
    refute all but a few in low dimension; there `Multiscale`, which starts near the optimum, takes a fifth of the time.
    Memory: O(n + m) for points, the matrix or its pairs otherwise.

    Parameters
    ----------
    max_iter : most pivots, None for no limit.
    time_limit : seconds, None for no limit.
    tol : stop as soon as the certified relative gap is at most this; 0 solves to the optimum.
    seed : of the order in which rows are priced. The optimum does not depend on it, ties in the plan may.

    Stopping early returns a feasible plan and valid potentials (status MAX_ITER, TIME_LIMIT, INTERRUPTED or, within
    tol, CONVERGED). Ctrl-C is heard within a fraction of a second. A sparse cost without a feasible plan is INFEASIBLE.

    Source: Cunningham 1976; Ahuja, Magnanti, Orlin 1993 (chapter 11); Bonneel et al. 2011.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 50, 2))
    >>> result = otkit.wasserstein(x, y, p=2, solver=otkit.solvers.NetworkSimplex())
    >>> bool(result.gap < 1e-12), result.status.name
    (True, 'OPTIMAL')
    """

    max_iter: int | None = None
    time_limit: float | None = None
    tol: float = 0.0
    seed: int = 0

    def solve(self, problem: Problem) -> Result:
        """The optimal plan and potentials of any problem."""
        positive_limits(self)
        limits = Limits(self.max_iter, self.time_limit, self.tol, self.seed)
        return solved(problem, type(self).__name__, limits, coarse=False)
