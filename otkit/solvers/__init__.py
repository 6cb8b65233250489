"""Solvers: frozen dataclasses of options with one method, `solve(problem) -> Result`."""

from typing import Protocol

from otkit.problem import Problem
from otkit.result import Result
from otkit.solvers.assignment import Assignment
from otkit.solvers.auto import Auto
from otkit.solvers.line import Line
from otkit.solvers.linear_program import LinearProgram
from otkit.solvers.multiscale import Multiscale
from otkit.solvers.network_simplex import NetworkSimplex
from otkit.solvers.sinkhorn import Sinkhorn


class Solver(Protocol):
    """Anything that turns a Problem into a Result."""

    def solve(self, problem: Problem) -> Result: ...


__all__ = ["Assignment", "Auto", "Line", "LinearProgram", "Multiscale", "NetworkSimplex", "Sinkhorn", "Solver"]
