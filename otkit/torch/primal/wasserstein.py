"""The exact transport cost W_p^p as a loss: solved by the core, differentiated by the envelope theorem."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch

from otkit.costs import METRICS, order_of, point_cost
from otkit.errors import BadCost, BadMeasure, Unsupported
from otkit.many import solve_each
from otkit.measures import normalised
from otkit.problem import Problem
from otkit.result import Result
from otkit.sensitivity import point_gradients
from otkit.solvers import Solver
from otkit.torch.primal.envelope import differentiable
from otkit.torch.primal.line import line_costs
from otkit.torch.primal.loss import PrimalLoss
from otkit.torch.primal.pair import Pair, pair


def wasserstein_cost(
    x: torch.Tensor,
    y: torch.Tensor,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
    *,
    p: float = 1,
    metric: str | Callable = "euclidean",
    solver: Solver | None = None,
) -> torch.Tensor:
    r"""The exact transport cost between two sample sets, to train with.

    .. math:: W_p^p(x, y) = \min_P \sum_{ij} P_{ij}\, metric(x_i, y_j)^p,
              \quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    x, y : (n, d) and (m, d), (n,) and (m,) on the line, or batches (B, n, d) and (B, m, d); float32 or float64.
    a, b : weights (n,) or (B, n) and (m,) or (B, m), each normalised to total 1; None is uniform.
    p : order, 1 <= p <= 64.
    metric : "euclidean", "cityblock", "chebyshev", or a callable of tensors (x, y) -> (n, m) distances that autograd
        can differentiate, also at 0 (as `torch.cdist` does). Parameters inside it get no gradient.
    solver : one of `otkit.solvers`; None is the exact `Auto()`. Of one that is not exact, such as Sinkhorn, value and
        gradient are those of its plan and potentials, and do not quite belong to each other.

    Returns
    -------
    Tensor
        W_p^p, a scalar or (B,), in units of metric**p, on the device and in the dtype of x.

    Differentiable once, in points and weights: the gradient in x_i is sum_j P_ij grad c(x_i, y_j) from the sparse plan,
    that in the weights comes from the potentials. Where the optimal plan is not unique it is one of the subgradients; a
    point that coincides with its partner gets 0 at p = 1. Solved on the CPU in float64: of tensors on a GPU the points
    and weights are copied there, O((n + m) d), and as much comes back. Problems of a batch are solved in parallel.

    On the line (d = 1, no solver given) the closed form is taken on the device, by sorting: O((n + m) log(n + m)),
    differentiable twice. Otherwise time and memory are those of `otkit.wasserstein`: O(n + m) memory.

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name; differentiating twice. NotConverged : a solver that
        was given limits; carries the Result.

    Source: Peyre and Cuturi 2019.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    >>> cost = wasserstein_cost(x, torch.tensor([[0.0, 3.0], [1.0, 4.0]]), p=2)
    >>> cost.backward()
    >>> cost.item(), x.grad.tolist()
    (12.5, [[0.0, -3.0], [0.0, -4.0]])
    """
    both = pair(x, y, a, b)
    p = order_of(p)
    if solver is None and not callable(metric) and both.x.shape[2] == 1 and metric in METRICS:
        return both.shaped(line_costs(both.x[..., 0], both.y[..., 0], both.a, both.b, p))
    return both.shaped(differentiable(_Exact(both.numbers(), p, metric, solver), both))


class WassersteinLoss(PrimalLoss):
    """`wasserstein_cost` as a module: called with (x, y) or (x, y, a, b), it returns W_p^p, a scalar or (B,).

    Options, shapes, gradients, errors: as there.

    Source: Peyre and Cuturi 2019.

    >>> loss = WassersteinLoss(p=2)
    >>> x, y = torch.zeros(3, 2), torch.full((3, 2), 2.0)
    >>> loss(x, y), loss.distance(x, y), loss.solve(x, y).gap < 1e-12
    (tensor(8.), tensor(2.8284), True)
    """

    def __init__(self, p: float = 1, metric: str | Callable = "euclidean", solver: Solver | None = None) -> None:
        super().__init__(order_of(p))
        self.p, self.metric, self.solver = order_of(p), metric, solver

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        return wasserstein_cost(x, y, a, b, p=self.p, metric=self.metric, solver=self.solver)

    def solve(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> Result | list[Result]:
        """The `Result` of the core (plan, potentials, bracket), or a list of them for a batch."""
        both = pair(x, y, a, b)
        results = _Exact(both.copied(), self.p, self.metric, self.solver).results
        return results[0] if both.single else results

    def extra_repr(self) -> str:
        return f"p={self.p:g}, metric={self.metric!r}, solver={self.solver!r}"


class _Exact:
    """The optima of a pair's problems, each with its plan and potentials."""

    name = "WassersteinLoss"

    def __init__(self, numbers: Pair, p: float, metric: str | Callable, solver: Solver | None) -> None:
        self.numbers, self.p, self.metric, self.solver = numbers, p, metric, solver

    @cached_property
    def results(self) -> list[Result]:
        x, y, a, b = (None if t is None else t.double().cpu().numpy() for t in self.numbers.tensors)
        problems = []
        for k in range(self.numbers.count):
            if callable(self.metric):
                given = self._distances(self.numbers.x[k], self.numbers.y[k]).double().cpu().numpy()
                cost = point_cost(x[k], y[k], lambda *_: given, self.p)  # noqa: B023 called at once
            else:
                cost = point_cost(x[k], y[k], self.metric, self.p)
            masses = (_masses(side, k, size) for side, size in ((a, len(x[k])), (b, len(y[k]))))
            problems.append(Problem(*masses, cost))
        return solve_each(problems, self.solver)

    @property
    def values(self) -> torch.Tensor:
        return self.numbers.x.new_tensor([result.cost for result in self.results])

    def gradient(self, of: str) -> torch.Tensor:
        if of in "ab":
            sides = [result.potentials["ab".index(of)] for result in self.results]
            masses = dict(zip("ab", self.numbers.weights()))[of]
            found = torch.from_numpy(np.stack(sides)).to(self.numbers.x.device)
            return found - (masses.double() * found).sum(1, keepdim=True)
        return torch.stack(self._in_points["xy".index(of)])

    @cached_property
    def _in_points(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        if callable(self.metric):
            pairs = [self._through_metric(k, result) for k, result in enumerate(self.results)]
        else:
            pairs = [tuple(map(torch.from_numpy, point_gradients(result))) for result in self.results]
        return tuple(list(side) for side in zip(*pairs))

    def _through_metric(self, k: int, result: Result) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of <P, metric(x, y)**p> by autograd, P held fixed."""
        x, y = (side[k].clone().requires_grad_() for side in (self.numbers.x, self.numbers.y))
        plan = result.plan
        where = (torch.from_numpy(np.asarray(ends, np.int64)).to(x.device) for ends in (plan.rows, plan.cols))
        with torch.enable_grad():
            moved = self._distances(x, y)[tuple(where)] ** self.p
            paid = (moved * torch.from_numpy(plan.mass).to(moved)).sum()
        if not paid.requires_grad:
            raise Unsupported("metric is a callable that autograd cannot differentiate. Compute it with torch.")
        grads = torch.autograd.grad(paid, (x, y), allow_unused=True, materialize_grads=True)
        if not all(bool(grad.isfinite().all()) for grad in grads):
            raise BadCost(
                "metric is a callable whose gradient is NaN or infinite at these points, as that of a square root is "
                "at 0. Use torch.cdist, or add a little under the root."
            )
        return grads

    def _distances(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found: Any = self.metric(x, y)
        if not isinstance(found, torch.Tensor) or found.shape != (len(x), len(y)):
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise BadMeasure(f"metric returned {what}: it maps (n, d) and (m, d) to a tensor ({len(x)}, {len(y)}).")
        return found


def _masses(side: np.ndarray | None, k: int, size: int) -> np.ndarray:
    return np.full(size, 1.0 / size) if side is None else normalised(side[k])
