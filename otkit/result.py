"""What a solver returns: the number, its proof, and how it was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit.costs import TINY
from otkit.plan import Plan

if TYPE_CHECKING:
    from otkit.costs import Cost
    from otkit.critic import Critic
    from otkit.entropic import EntropicPlan
    from otkit.problem import Problem


class Status(Enum):
    """Why the solver stopped; `remedy` says what to do about it."""

    OPTIMAL = "optimal"
    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    TIME_LIMIT = "time_limit"
    INFEASIBLE = "infeasible"
    INTERRUPTED = "interrupted"

    @property
    def ok(self) -> bool:
        """The goal was reached: the optimum to rounding, or the tolerance asked for."""
        return self in (Status.OPTIMAL, Status.CONVERGED)

    @property
    def remedy(self) -> str:
        return _REMEDY[self]


_REMEDY = {
    Status.OPTIMAL: "Nothing to do: the plan is optimal to rounding.",
    Status.CONVERGED: "Nothing to do: the tolerance asked for was reached.",
    Status.MAX_ITER: "The iteration limit came first: raise max_iter, or accept the bracket in .lower and .upper.",
    Status.TIME_LIMIT: "The time limit came first: raise time_limit, or accept the bracket in .lower and .upper.",
    Status.INFEASIBLE: "No plan has these marginals on the allowed pairs: allow more pairs or change the weights.",
    Status.INTERRUPTED: "The run was interrupted: run it again, or accept the bracket in .lower and .upper.",
}


class Entropic(NamedTuple):
    """What entropic regularisation found: min <C, P> + eps KL(P | a x b) for total mass 1, in units of cost.

    `objective` is the dual value a @ f + b @ g of the regularised problem at f, g (times the total mass), which its
    minimum exceeds by at most about eps * marginal_error; `marginal_error` is the L1 distance of the plan's marginals
    from a and b before it was rounded, for total mass 1; f (n,) and g (m,) are the regularised potentials:
    P_ij = a_i b_j exp((f_i + g_j - c_ij) / eps). Pass this as `Sinkhorn(start=...)` to go on from here.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 30, 2))
    >>> entropic = otkit.wasserstein(x, y, solver=otkit.solvers.Sinkhorn(eps=0.1)).entropic
    >>> entropic.eps, bool(entropic.marginal_error <= 1e-6)
    (0.1, True)
    """

    eps: float
    objective: float
    marginal_error: float
    f: np.ndarray
    g: np.ndarray


class Potentials(NamedTuple):
    """Kantorovich potentials, f[i] + g[j] <= cost[i, j] for every pair, in units of cost."""

    f: np.ndarray
    g: np.ndarray


@dataclass(frozen=True)
class Stats:
    """How the answer was found. `iterations` counts pivots, augmentations or the solver's own steps."""

    seconds: float = 0.0
    iterations: int = 0
    degenerate: int = 0
    passes: int = 0
    arcs: int = 0

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The answer of every solver: `lower <= W_p <= upper`, with the plan and the potentials that prove it.

    Attributes
    ----------
    p : order; `distance` is W_p, `cost` is W_p**p.
    cost : <C, plan>, an upper bound of the optimal cost. May overflow to inf where `distance` does not.
    dual_cost : a @ f + b @ g of a feasible pair, less its rounding: a lower bound.
    distance, lower, upper : in units of the metric; `distance` is `upper`, which is W_p when status is OPTIMAL.
    gap : (cost - dual_cost) / cost, relative; where costs have both signs, relative to the sum of mass * |cost|.
    plan, potentials : `Plan` (of Sinkhorn an `EntropicPlan`) and `Potentials`; computed on first use where they cost
        extra (1-D). Of an INFEASIBLE problem: the part that fits, and the proof (Farkas: f + g <= 0 on the allowed
        pairs, a @ f + b @ g > 0).
    status, solver, stats : why and how it stopped.
    entropic : eps, regularised objective, marginal error and potentials; None of a solver that does not regularise.

    >>> import otkit
    >>> otkit.wasserstein([0.0, 1.0, 3.0], [5.0, 6.0, 8.0])  # doctest: +ELLIPSIS
    Result(W_1 = 5, bracket [5, 5], gap ..., OPTIMAL by Line)
    """

    problem: Problem
    solver: str
    status: Status
    stats: Stats
    primal: float  # <C, plan> divided by scale**p
    paid: float  # the same with all costs taken as positive
    make_plan: Callable[[], Plan]
    make_potentials: Callable[[], Certificate]
    entropic: Entropic | None = None

    @property
    def p(self) -> float:
        return self.problem.p

    @property
    def cost(self) -> float:
        return self._in_cost_units(self.primal)

    @property
    def dual_cost(self) -> float:
        return self._in_cost_units(self._dual)

    @property
    def distance(self) -> float:
        return self.upper

    @property
    def upper(self) -> float:
        return self._root(self.primal)

    @property
    def lower(self) -> float:
        return min(self._root(self._dual), self.upper)

    @property
    def gap(self) -> float:
        if self.primal == np.inf:
            return np.inf
        if self.primal == self._dual:
            return 0.0
        return (self.primal - self._dual) / max(self.paid, TINY)

    @cached_property
    def plan(self) -> Plan | EntropicPlan:
        return self.make_plan()

    @cached_property
    def potentials(self) -> Potentials:
        certificate = self.certificate
        scale, p = self.problem.cost.scale, self.p
        if scale == 1.0:
            return Potentials(certificate.f, certificate.g)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            factor = np.float64(scale) ** p
            return Potentials(*(np.where(side == 0.0, 0.0, side * factor) for side in certificate[:2]))

    def critic(self, *, anchors: str = "x") -> Critic:
        """The Kantorovich potential as a 1-Lipschitz function on all of space; p = 1 between points only.

        Anchored at "x" it is the smallest such function with the potential's values on the samples with mass, and has a
        gradient at y; anchored at "y" the largest, with a gradient at x. The gradient exists at every such sample whose
        mass all goes one way, unless another plan is as good to rounding.

        For that it takes potentials inside the face of optimal ones, not those in `potentials`, a vertex with kinks at
        57 to 99.9 % of n = m equal samples. A result that is not OPTIMAL keeps its own. Four passes over the pairs, 10
        to 75 % of the time of the solve (10,000 x 10,000 in the plane: 1.4 s beside 7.5 s); 1.2 kB a sample.
        """
        from otkit.critic import Critic

        return Critic.of(self, anchors)

    @cached_property
    def certificate(self) -> Certificate:
        """The feasible pair behind `potentials` and its value, divided by the scale of the cost."""
        return self.make_potentials()

    @property
    def _dual(self) -> float:
        return min(self.certificate.dual, self.primal)

    def _in_cost_units(self, value: float) -> float:
        try:
            return value * self.problem.cost.scale**self.p
        except OverflowError:
            return np.inf * value if value else 0.0

    def _root(self, value: float) -> float:
        return bracketed(value, self.problem.cost)

    def __repr__(self) -> str:
        bracket = f"W_{self.p:g} = {self.distance:.10g}, bracket [{self.lower:.10g}, {self.upper:.10g}]"
        eps = f", eps {self.entropic.eps:.3g}" if self.entropic else ""
        return f"Result({bracket}, gap {self.gap:.2g}, {self.status.name} by {self.solver}{eps})"


def bracketed(value: float, cost: Cost) -> float:
    """A bound of W_p, in the caller's units, from a bound of the cost divided by scale**p."""
    if cost.p != 1:
        value = max(value, 0.0) ** (1.0 / cost.p)
    return value * cost.scale


class Certificate(NamedTuple):
    """A feasible pair and its value (rounding subtracted), all divided by scale**p."""

    f: np.ndarray
    g: np.ndarray
    dual: float
