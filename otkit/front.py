"""The front door: `wasserstein` for samples, `transport` for a cost matrix, `solve` for a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from otkit import measures
from otkit.costs import given_cost, point_cost
from otkit.errors import Infeasible, Interrupted, NotConverged, Unsupported
from otkit.problem import Problem
from otkit.result import Result, Status
from otkit.solvers import Auto, Solver
from otkit.solvers.base import stuck
from otkit.threads import launch, lost_in_fork

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: float = 1,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    metric: str | Callable = "euclidean",
    solver: Solver | None = None,
    throw: bool = True,
) -> Result:
    r"""The Wasserstein distance W_p between two sample sets, with its proof.

    .. math:: W_p(x, y)^p = \min_P \sum_{ij} P_{ij}\, metric(x_i, y_j)^p,
              \quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    x, y : (n, d) and (m, d) samples, or (n,) and (m,) on the line. Anything NumPy reads as numbers.
    p : order, 1 <= p <= 64 (above, float64 cannot tell the cost of short distances from 0).
    a, b : (n,) and (m,) non-negative weights; each is normalised to total 1. None is uniform.
    metric : "euclidean", "cityblock", "chebyshev", or a callable (x, y) -> (n, m) distances.
    solver : one of `otkit.solvers`; None is `Auto()`.
    throw : raise `NotConverged` when the solver stops before its goal; False returns the Result with its status.

    Returns
    -------
    Result
        `.distance` is W_p (the root is taken) in units of the metric, `.cost` is W_p^p, `.lower` and `.upper` bracket
        W_p, `.plan` and `.potentials` prove it.

    Time and memory depend on the solver: O((n + m) log(n + m)) on the line; O(n + m) memory between points in any
    dimension. A callable metric costs O(nm) memory.

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name. NotConverged : carries the Result reached.

    Source: Villani 2009; Peyre and Cuturi 2019.

    >>> import otkit
    >>> result = otkit.wasserstein([[0.0, 0.0], [1.0, 0.0]], [[0.0, 3.0], [1.0, 4.0]])
    >>> result.distance
    3.5
    """
    x, y = measures.samples(x, "x"), measures.samples(y, "y")
    cost = point_cost(x, y, metric, p)
    a = measures.probabilities(a, "a", len(x), "x")
    b = measures.probabilities(b, "b", len(y), "y")
    return solve(Problem(a, b, cost), solver, throw=throw)


def transport(
    cost: ArrayLike,
    *,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    solver: Solver | None = None,
    throw: bool = True,
) -> Result:
    r"""The cheapest way to move mass a onto mass b when moving a unit from i to j costs `cost[i, j]`.

    .. math:: \min_P \sum_{ij} P_{ij}\, cost_{ij}, \quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    cost : (n, m) finite numbers of any sign, or a SciPy sparse array whose absent entries are forbidden pairs (a stored
        zero is an allowed pair of cost 0).
    a, b : (n,) and (m,) non-negative masses of equal totals; None is uniform of total 1.
    solver, throw : as in `wasserstein`.

    Returns
    -------
    Result
        With p = 1: `.distance` equals `.cost`, in units of cost times mass.

    Time as the solver says. Memory: the matrix, or the allowed pairs, plus O(n + m).

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name. Infeasible : which mass is stuck.
    NotConverged : carries the Result reached.

    Source: Ahuja, Magnanti, Orlin 1993.

    >>> import otkit
    >>> otkit.transport([[0, 2], [2, 1]], a=[0.5, 0.5], b=[0.25, 0.75]).cost
    1.0
    """
    ground = given_cost(cost)
    n, m = ground.shape
    a = measures.weights(a, "a", n, "cost (rows)")
    b = measures.weights(b, "b", m, "cost (columns)")
    return solve(Problem(a, measures.equal_totals(a, b), ground), solver, throw=throw)


def solve(problem: Problem, solver: Solver | None = None, *, throw: bool = True) -> Result:
    """Solves a `Problem`; what `wasserstein` and `transport` call after the border.

    >>> import numpy as np, otkit
    >>> from otkit.costs import MatrixCost
    >>> half = np.array([0.5, 0.5])
    >>> otkit.solve(otkit.Problem(half, half, MatrixCost(np.array([[0.0, 1.0], [1.0, 0.0]])))).cost
    0.0
    """
    solver = Auto() if solver is None else solver
    if isinstance(solver, type) or not hasattr(solver, "solve"):
        raise Unsupported(f"solver is {solver!r}: pass one of otkit.solvers, such as NetworkSimplex().")
    if lost_in_fork():
        raise Unsupported(
            "This process was forked after otkit had started its threads, which do not survive a fork. Start workers "
            "with the 'spawn' or 'forkserver' method, or with joblib, or fork before the first call."
        )
    with launch():
        result = solver.solve(problem)
    return reached(result) if throw else result


def reached(result: Result) -> Result:
    """The result, where it reached its goal; otherwise NotConverged, Interrupted or Infeasible, which carry it."""
    if not result.status.ok:
        if result.status is Status.INFEASIBLE:
            raise Infeasible(
                f"cost allows no plan with these marginals: {stuck(result)}. {result.status.remedy}", result
            )
        raise (Interrupted if result.status is Status.INTERRUPTED else NotConverged)(result)
    return result
