"""Which solver for which problem: a ladder short enough to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from otkit.costs import PointCost
from otkit.errors import Unsupported
from otkit.problem import Problem
from otkit.result import Result
from otkit.solvers.assignment import Assignment
from otkit.solvers.base import positive_limits
from otkit.solvers.line import Line
from otkit.solvers.multiscale import Multiscale
from otkit.solvers.network_simplex import NetworkSimplex

# coordinates. n = 4000: Multiscale takes 0.6 s at 4 where an assignment takes 2.2, 0.7 to 1.5 at 5, 1.4 to 1.0 at 6,
# 1.8 to 0.7 at 8; n = 10,000: 5.9 to 7.9 at 6, 7.1 to 4.9 at 8
ASSIGNMENT_FROM = 8


class Selection(NamedTuple):
    """The solver that `Auto` takes, and why."""

    solver: Line | Assignment | Multiscale | NetworkSimplex
    why: str

    def __repr__(self) -> str:
        return f"{self.solver!r}: {self.why}"


@dataclass(frozen=True)
class Auto:
    """Takes the fastest exact solver for the problem; the limits are handed to it (`Line` needs none).

    Matrices go to the simplex whatever their weights: where they come from two coordinates an assignment took 8 times
    as long (n = 2000), where they are random it would take a fifth, in 64 coordinates 0.6.

    Parameters
    ----------
    tol, max_iter, time_limit : as in the solver taken.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 20, 3))
    >>> otkit.solvers.Auto().select(otkit.wasserstein(x, y).problem)
    Multiscale(max_iter=None, time_limit=None, tol=0.0, seed=0): points: coarse to fine, O(n + m) memory
    """

    tol: float = 0.0
    max_iter: int | None = None
    time_limit: float | None = None

    def select(self, problem: Problem) -> Selection:
        """The solver `solve` would call, and the reason."""
        cost = problem.cost
        if isinstance(cost, PointCost) and cost.dimension == 1:
            return Selection(Line(), "points on the line: sorting gives the closed form")
        high = isinstance(cost, PointCost) and cost.dimension >= ASSIGNMENT_FROM
        if problem.uniform and high and self.tol == 0.0:
            solver = Assignment(max_iter=self.max_iter, time_limit=self.time_limit)
            return Selection(
                solver, f"uniform weights, n = m and at least {ASSIGNMENT_FROM} coordinates: an assignment"
            )
        limits = {"max_iter": self.max_iter, "time_limit": self.time_limit, "tol": self.tol}
        if isinstance(cost, PointCost):
            return Selection(Multiscale(**limits), "points: coarse to fine, O(n + m) memory")
        solver = NetworkSimplex(**limits)
        return Selection(solver, "any weights and any cost")

    def solve(self, problem: Problem) -> Result:
        """Solves with the solver that `select` names."""
        positive_limits(self)
        return self.select(problem).solver.solve(problem)


def refuse(problem: Problem, solver: str, reasons: list[str]) -> None:
    """Raises Unsupported with all reasons at once, naming a solver that answers."""
    if reasons:
        raise Unsupported(
            f"{solver} does not answer {problem!r}: {'; '.join(reasons)}. "
            f"Use solver=None or {Auto().select(problem).solver!r}."
        )
