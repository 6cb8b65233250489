"""Uniform weights and n = m: the optimal plan is a permutation, found by shortest augmenting paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otkit.certificate import feasible_as_is
from otkit.costs import PointCost, SparseCost
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.progress import Progress
from otkit.result import Result, Stats, Status
from otkit.solvers.base import Clock, Stop, assemble, positive_limits, stopped

COORDINATES_PER_SLICE = 2 * 10**8  # of one kernel call: about 0.1 s
WIDTH = 64


@dataclass(frozen=True)
class Assignment:
    """Exact transport for uniform weights and n = m by Jonker-Volgenant on lazy candidate lists.

    min over permutations s of (1/n) sum_i c(x_i, y_s(i)). Rows keep their 64 columns of smallest reduced cost and are
    read again only when a search leaves the list, so points need O(64 n) memory and no cost matrix.

    Time: O(n^2 d) for the lists and O(n^3) at worst for the paths; in 8 and more dimensions the lists dominate. In low
    dimension the searches grow long and `NetworkSimplex` is faster.

    Parameters
    ----------
    max_iter : most augmenting paths, None for no limit.
    time_limit : seconds, None for no limit.

    Stopping early matches the remaining rows and columns in order: a feasible plan and valid potentials. Raises
    `Unsupported` for other weights, n != m, or a sparse cost.

    Source: Jonker and Volgenant 1987; Crouse 2016.

    >>> import otkit
    >>> otkit.transport([[4, 1, 3], [2, 0, 5], [3, 2, 2]], solver=otkit.solvers.Assignment()).plan.cols
    array([1, 0, 2])
    """

    max_iter: int | None = None
    time_limit: float | None = None

    def solve(self, problem: Problem) -> Result:
        """The optimal permutation and potentials."""
        from otkit.kernels import assignment as kernel
        from otkit.solvers.auto import refuse

        positive_limits(self)
        refuse(problem, type(self).__name__, _reasons(problem))
        cost = problem.cost
        n = problem.shape[0]
        order = cost.ordered
        state = kernel.new_assignment(n, WIDTH)
        clock = Clock(type(self).__name__, self.time_limit)
        budget = COORDINATES_PER_SLICE // max(1, cost.dimension if isinstance(cost, PointCost) else 1)
        status = Status.OPTIMAL
        try:
            while state.counts[kernel.STAGE] != kernel.DONE:
                clock.check(lambda: _progress(state.counts[kernel.MATCHED], n))
                if (
                    self.max_iter is not None
                    and state.counts[kernel.STAGE] == kernel.SEARCH
                    and state.counts[kernel.SEARCHES] >= self.max_iter
                ):
                    raise Stop(Status.MAX_ITER)
                kernel.advance(state, order.ground, budget if self.max_iter is None else 1)
        except Stop as stop:
            status = stop.status
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        stats = Stats(
            clock.seconds,
            int(state.counts[kernel.SEARCHES]),
            passes=int(state.counts[kernel.FULL_SCANS]),
            arcs=n * WIDTH,
        )
        match = _completed(state.col_of_row)
        cols = np.empty(n, np.int64)
        f, g = np.empty(n), np.empty(n)
        cols[order.rows], f[order.rows], g[order.cols] = order.cols[match], state.f, state.g
        plan = Plan(np.arange(n), cols, problem.a.copy(), problem.shape)
        if status is Status.OPTIMAL:
            return assemble(problem, type(self).__name__, status, stats, plan, f, g)
        proof = feasible_as_is(cost, problem.a, problem.b, f, g) if state.counts[kernel.STAGE] > kernel.PRICES else None
        return stopped(problem, type(self).__name__, status, stats, plan, [g], proof)


def _reasons(problem: Problem) -> list[str]:
    reasons = []
    if not problem.uniform:
        reasons.append("it needs n = m and equal weights")
    if isinstance(problem.cost, SparseCost):
        reasons.append("it needs a cost for every pair")
    return reasons


def _completed(match: np.ndarray) -> np.ndarray:
    """A partial matching with the free rows given the free columns in order."""
    match = match.copy()
    free = np.flatnonzero(match < 0)
    match[free] = np.setdiff1d(np.arange(match.size), match)[: free.size]
    return match


def _progress(matched: int, n: int) -> Progress:
    return Progress("Assignment", f"{matched} of {n} rows matched", matched / n)
