"""Which solver for which problem: a ladder short enough to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from otkit.costs import MatrixCost, PointCost
from otkit.errors import Unsupported
from otkit.problem import Problem
from otkit.result import Result
from otkit.solvers.assignment import Assignment
from otkit.solvers.base import positive_limits
from otkit.solvers.line import Line
from otkit.solvers.network_simplex import NetworkSimplex

ASSIGNMENT_FROM = 8  # coordinates: the simplex takes a quarter of the time at 4, as long at 8, four times as long at 64


class Selection(NamedTuple):
    """The solver that `Auto` takes, and why."""

    solver: Line | NetworkSimplex | Assignment
    why: str

    def __repr__(self) -> str:
        return f"{self.solver!r}: {self.why}"


@dataclass(frozen=True)
class Auto:
    """Takes the fastest exact solver for the problem; the limits are handed to it.

    Parameters
    ----------
    tol, max_iter, time_limit : as in the solver taken.

    >>> import numpy as np, otkit
    >>> from otkit.costs import MatrixCost
    >>> half = np.array([0.5, 0.5])
    >>> problem = otkit.Problem(half, half, MatrixCost(np.array([[0.0, 1.0], [1.0, 0.0]])))
    >>> type(otkit.solvers.Auto().select(problem).solver).__name__
    'Assignment'
    """

    tol: float = 0.0
    max_iter: int | None = None
    time_limit: float | None = None

    def select(self, problem: Problem) -> Selection:
        """The solver `solve` would call, and the reason."""
        cost = problem.cost
        if isinstance(cost, PointCost) and cost.dimension == 1:
            return Selection(Line(), "points on the line: sorting gives the closed form")
        dense_enough = isinstance(cost, MatrixCost) or (
            isinstance(cost, PointCost) and cost.dimension >= ASSIGNMENT_FROM
        )
        if problem.uniform and dense_enough and self.tol == 0.0:
            solver = Assignment(max_iter=self.max_iter, time_limit=self.time_limit)
            return Selection(
                solver, "uniform weights and n = m, in high dimension or with a matrix: an assignment problem"
            )
        solver = NetworkSimplex(max_iter=self.max_iter, time_limit=self.time_limit, tol=self.tol)
        return Selection(solver, "any weights, any cost, O(n + m) memory between points")

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
