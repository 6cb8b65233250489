"""The transport problem as a plain linear programme, solved by HiGHS: the independent reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from otkit.costs import SparseCost, part
from otkit.errors import Unsupported
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.result import Result, Stats, Status
from otkit.solvers.base import Clock, assemble, positive_limits, stopped

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

CLAIM = 1e-9  # the gap up to which HiGHS's answer is called optimal; its tolerances are 1e-10 of the largest cost
MOST_PAIRS = 4_000_000  # HiGHS holds about 400 bytes a pair: 1.6 GB


@dataclass(frozen=True)
class LinearProgram:
    """min <C, P> over P >= 0, P 1 = a, P^T 1 = b with SciPy's HiGHS. Slow and dense: use it to check other solvers.

    Time: HiGHS's dual simplex on n m variables. Memory: about 400 bytes a pair; above 4e6 pairs it is refused.
    Needs SciPy's `scipy.optimize`. Raises `Unsupported` where the size is too large.

    Parameters
    ----------
    max_iter, time_limit : handed to HiGHS. When it stops early there is no plan, so nothing but a bracket from the
        independent coupling (the product of a and b) is returned.

    Source: Huangfu and Hall 2018.

    >>> import otkit
    >>> otkit.wasserstein([0.0, 1.0], [2.0, 4.0], solver=otkit.solvers.LinearProgram()).distance
    2.5
    """

    max_iter: int | None = None
    time_limit: float | None = None

    def solve(self, problem: Problem) -> Result:
        """The optimal plan and potentials of any problem that fits."""
        positive_limits(self)
        held_rows, held_cols = np.flatnonzero(problem.a), np.flatnonzero(problem.b)
        cost = part(
            problem.cost, held_rows, held_cols
        )  # points without mass may lie far away and spoil HiGHS's scaling
        n, m = cost.shape
        pairs = cost.values.size if isinstance(cost, SparseCost) else n * m
        if pairs > MOST_PAIRS:
            raise Unsupported(
                f"LinearProgram holds at most {MOST_PAIRS} pairs and {problem!r} has {pairs}. Use NetworkSimplex."
            )
        clock = Clock(type(self).__name__)
        if isinstance(cost, SparseCost):
            rows, cols, values = cost.row_of, cost.indices, cost.values
        else:
            rows, cols = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
            values = cost.block(slice(0, n)).ravel()
        answer, unit, largest = self._highs(problem.a[held_rows], problem.b[held_cols], rows, cols, values)
        stats = Stats(clock.seconds, int(answer.nit or 0), arcs=rows.size)
        if answer.status == 2:
            return self._infeasible(problem, stats)
        if answer.x is None or answer.status != 0:
            late = self.time_limit is not None and clock.seconds >= self.time_limit
            return self._product(problem, Status.TIME_LIMIT if late else Status.MAX_ITER, stats)
        held = np.flatnonzero(answer.x > 0)
        plan = Plan(held_rows[rows[held]], held_cols[cols[held]], answer.x[held] * unit, problem.shape)
        f, g = np.full(problem.a.size, np.inf), np.full(problem.b.size, np.inf)
        dual = answer.eqlin.marginals * largest
        f[held_rows], g[held_cols] = dual[:n], dual[n:]
        result = assemble(problem, type(self).__name__, Status.OPTIMAL, stats, plan, f, g)
        if result.gap > CLAIM:
            raise Unsupported(
                f"HiGHS's tolerances do not resolve {problem!r}: its plan has a certified gap of {result.gap:.2g}. "
                "Use NetworkSimplex."
            )
        return result

    def _highs(
        self, a: np.ndarray, b: np.ndarray, rows: np.ndarray, cols: np.ndarray, values: np.ndarray
    ) -> tuple[OptimizeResult, float, float]:
        """HiGHS's answer and its units of mass and cost: tolerances are absolute, so costs go to [-1, 1], masses to
        mean 1."""
        from scipy.optimize import linprog
        from scipy.sparse import coo_array

        n, m = a.size, b.size
        largest = max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
        unit = float(a.sum()) / max(n, m)
        pair = np.arange(rows.size)
        marginals = coo_array(
            (np.ones(2 * rows.size), (np.concatenate([rows, n + cols]), np.concatenate([pair, pair]))),
            shape=(n + m, rows.size),
        ).tocsc()
        options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        if self.time_limit is not None:
            options["time_limit"] = self.time_limit
        if self.max_iter is not None:
            options["maxiter"] = self.max_iter
        mass = np.concatenate([a, b]) / unit
        answer = linprog(values / largest, A_eq=marginals, b_eq=mass, method="highs-ds", options=options)
        return answer, unit, largest

    def _infeasible(self, problem: Problem, stats: Stats) -> Result:
        from otkit.solvers.network_simplex import NetworkSimplex

        proof = NetworkSimplex().solve(problem)  # HiGHS says that mass is stuck, the simplex says which
        if proof.status is not Status.INFEASIBLE:
            raise Unsupported(f"HiGHS takes {problem!r} for infeasible, which it is not. Use NetworkSimplex.")
        return replace(proof, solver=type(self).__name__, stats=stats)

    def _product(self, problem: Problem, status: Status, stats: Stats) -> Result:
        if isinstance(problem.cost, SparseCost):
            raise Unsupported(
                "LinearProgram was stopped before it had a plan on the allowed pairs. Use NetworkSimplex."
            )
        n, m = problem.shape
        rows, cols = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
        plan = Plan(rows, cols, np.outer(problem.a, problem.b).ravel() / problem.a.sum(), problem.shape)
        return stopped(problem, type(self).__name__, status, stats, plan, [])
