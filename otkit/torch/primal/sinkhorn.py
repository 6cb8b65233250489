"""The Sinkhorn divergence as a loss: numba kernels for tensors of the CPU, tiles on the device for all others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

import otkit
from otkit.costs import METRICS, order_of
from otkit.debiased import DivergenceResult, sinkhorn_divergence
from otkit.errors import Interrupted, NotConverged, Unsupported
from otkit.result import Status
from otkit.solvers import Sinkhorn
from otkit.solvers.batch import MOST_PAIRS
from otkit.torch.primal.entropic import device_divergence
from otkit.torch.primal.envelope import Solved, differentiable
from otkit.torch.primal.loss import PrimalLoss
from otkit.torch.primal.pair import Pair, pair
from otkit.torch.primal.softmin_torch import costs_between

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

TOL = 1e-4  # marginal error: the value is then right to eps * 1e-4, far below the noise of a batch
MAX_ITER = 10_000
BACKENDS = ("auto", "numba", "torch", "triton")


def sinkhorn_cost(
    x: torch.Tensor,
    y: torch.Tensor,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
    *,
    eps: float | None = None,
    blur: float | None = None,
    p: float = 2,
    metric: str = "euclidean",
    debias: bool = True,
    tol: float = TOL,
    max_iter: int = MAX_ITER,
    backend: str = "auto",
) -> torch.Tensor:
    r"""The debiased entropic transport cost between two sample sets, to train with.

    .. math:: S_\varepsilon(x, y) = OT_\varepsilon(x, y) - \tfrac12 OT_\varepsilon(x, x) - \tfrac12 OT_\varepsilon(y, y)

    with OT_eps = min <C, P> + eps KL(P | a x b), cost metric**p.

    Parameters
    ----------
    x, y, a, b : as in `wasserstein_cost`.
    eps : regularisation, in units of cost. blur : the same as a length, eps = p * blur**p, as GeomLoss counts it. Give
        one of them.
    p, metric : the cost is metric**p, metric one of "euclidean", "cityblock", "chebyshev".
    debias : False is OT_eps alone.
    tol : marginal error (L1) of each problem; the value's error is below about eps * tol. In float32 on a GPU it has
        to be well above 1e-6.
    max_iter : most sweeps of each problem.
    backend : "auto" takes the numba kernels of `otkit.sinkhorn_divergence` (float64 inside) for tensors of the CPU, and
        for others a fused Triton kernel (CUDA, float32, euclidean with p = 1 or 2) or blocks of torch; or name one.

    Returns
    -------
    Tensor
        S_eps in units of cost, a scalar or (B,), on the device and in the dtype of x.

    Differentiable once, in points and weights, by the optimum: no sweep is unrolled. Time O(n m d) a sweep; memory
    O(n + m) over the input, on every device. Of the numba kernels, a batch of problems of at most 4e6 pairs holds all
    pairs of one problem a thread.

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name; differentiating twice. NotConverged : max_iter came
        first; carries the `SinkhornSolution`.

    Source: Genevay, Peyre, Cuturi 2018; Feydy et al. 2019.

    >>> x = torch.zeros(4, 2, requires_grad=True)
    >>> cost = sinkhorn_cost(x, torch.ones(5, 2), eps=0.1)
    >>> cost.backward()
    >>> round(cost.item(), 6), x.grad[0].tolist()
    (2.0, [-0.5, -0.5])
    """
    loss = SinkhornDivergence(
        eps, blur=blur, p=p, metric=metric, debias=debias, tol=tol, max_iter=max_iter, backend=backend
    )
    return loss(x, y, a, b)


class SinkhornDivergence(PrimalLoss):
    """`sinkhorn_cost` as a module: called with (x, y) or (x, y, a, b), it returns S_eps, a scalar or (B,).

    Options, shapes, gradients, errors: as there. throw : raise `NotConverged` where max_iter comes first; False returns
    the value that was reached, and `solve` says which pairs have converged.

    Source: Genevay, Peyre, Cuturi 2018; Feydy et al. 2019.

    >>> loss = SinkhornDivergence(eps=0.1)
    >>> x, y = torch.zeros(3, 2), torch.ones(4, 2)
    >>> loss.distance(x, y), bool(loss.solve(x, y).converged.all())
    (tensor(1.4142), True)
    """

    def __init__(
        self,
        eps: float | None = None,
        *,
        blur: float | None = None,
        p: float = 2,
        metric: str = "euclidean",
        debias: bool = True,
        tol: float = TOL,
        max_iter: int = MAX_ITER,
        backend: str = "auto",
        throw: bool = True,
    ) -> None:
        super().__init__(order_of(p))
        self.p = order_of(p)
        if (eps is None) == (blur is None):
            raise Unsupported(f"eps is {eps!r} and blur is {blur!r}: give one of them, eps = p * blur**p.")
        if blur is not None and not (isinstance(blur, int | float) and blur > 0.0):
            raise Unsupported(f"blur is {blur!r}: a length > 0; eps = p * blur**p.")
        self.eps = self.p * blur**self.p if eps is None else eps
        if metric not in METRICS:
            raise Unsupported(f"metric is {metric!r}: choose one of {', '.join(METRICS)}.")
        if backend not in BACKENDS:
            raise Unsupported(f"backend is {backend!r}: choose one of {', '.join(BACKENDS)}.")
        if isinstance(max_iter, bool) or not isinstance(max_iter, int) or max_iter < 1:
            raise Unsupported(f"max_iter is {max_iter!r}: a whole number of sweeps from 1 on is needed.")
        Sinkhorn(eps=self.eps, tol=tol, max_iter=max_iter).refuse_options()
        self.metric, self.debias, self.tol, self.max_iter = metric, debias, tol, max_iter
        self.backend, self.throw = backend, throw

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        both = pair(x, y, a, b)
        return both.shaped(differentiable(self._solved(both), both))

    def solve(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> SinkhornSolution:
        """The optimum between x and y, without a graph: potentials, plan, certified bracket."""
        both = pair(x, y, a, b).copied()
        return SinkhornSolution(self, both, self._solved(both))

    def extra_repr(self) -> str:
        return f"eps={self.eps:g}, p={self.p:g}, metric={self.metric!r}, debias={self.debias}"

    @torch.compiler.disable
    def _solved(self, both: Pair) -> Solved:
        backend = self.backend
        if backend == "auto":
            backend = "numba" if both.x.device.type == "cpu" else None
        options = {"eps": self.eps, "p": self.p, "metric": self.metric, "tol": self.tol, "max_iter": self.max_iter,
                   "debias": self.debias}  # fmt: skip
        numbers = both.numbers()
        solved = (
            _OfCore(numbers, options) if backend == "numba" else device_divergence(numbers, **options, backend=backend)
        )
        if self.throw and not bool(solved.converged.all()):
            raise NotConverged(SinkhornSolution(self, numbers.copied(), solved))
        return solved


class SinkhornSolution:
    """What a Sinkhorn divergence rests on: the entropic optimum between x and y, on their device.

    Attributes
    ----------
    value : S_eps (or OT_eps), a scalar or (B,). f, g : regularised potentials (n,) and (m,), or (B, ...), of OT_eps(x,
        y), in units of cost. marginal_error, converged : of the worst of the problems, for each pair. iterations :
        most sweeps. status : CONVERGED where all pairs are.

    >>> solution = SinkhornDivergence(eps=0.1).solve(torch.zeros(3, 2), torch.ones(4, 2))
    >>> float(solution.plan().sum().round(decimals=5)), solution.status.name
    (1.0, 'CONVERGED')
    """

    def __init__(self, loss: SinkhornDivergence, numbers: Pair, solved: Solved) -> None:
        self._loss, self._numbers, self._solved = loss, numbers, solved

    @property
    def value(self) -> torch.Tensor:
        return self._numbers.shaped(self._solved.values)

    @property
    def f(self) -> torch.Tensor:
        return self._numbers.shaped(self._solved.f)

    @property
    def g(self) -> torch.Tensor:
        return self._numbers.shaped(self._solved.g)

    @property
    def marginal_error(self) -> torch.Tensor:
        return self._numbers.shaped(self._solved.marginal_error)

    @property
    def converged(self) -> torch.Tensor:
        return self._numbers.shaped(self._solved.converged)

    @property
    def iterations(self) -> int:
        return self._solved.iterations

    @property
    def status(self) -> Status:
        return Status.CONVERGED if bool(self._solved.converged.all()) else Status.MAX_ITER

    def plan(self) -> torch.Tensor:
        """The regularised plan a_i b_j exp((f_i + g_j - c_ij) / eps), dense: (n, m) or (B, n, m)."""
        numbers, loss = self._numbers, self._loss
        a, b = numbers.weights()
        costs = costs_between(numbers.x, numbers.y, loss.p, loss.metric)
        reduced = self._solved.f[:, :, None] + self._solved.g[:, None, :] - costs
        return numbers.shaped(a[:, :, None] * b[:, None, :] * torch.exp(reduced / loss.eps))

    def bracket(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Certified bounds lower <= W_p <= upper of the unregularised distance, scalars or (B,), float64.

        From these potentials on the CPU: a c-transform below, the plan rounded to the marginals above. O(n m d) time.
        """
        numbers, loss = self._numbers, self._loss
        bounds = []
        x, y, a, b, f, g = (
            t.double().cpu().numpy() for t in (numbers.x, numbers.y, *numbers.weights(), self._solved.f, self._solved.g)
        )
        for k in range(numbers.count):
            solver = Sinkhorn(eps=loss.eps, tol=loss.tol, max_iter=loss.max_iter, start=(f[k], g[k]))
            result = otkit.wasserstein(
                x[k], y[k], p=loss.p, a=a[k], b=b[k], metric=loss.metric, solver=solver, throw=False
            )
            bounds.append((result.lower, result.upper))
        lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*bounds))
        return numbers.shaped(lower), numbers.shaped(upper)

    def __repr__(self) -> str:
        error = float(self._solved.marginal_error.max())
        return (
            f"SinkhornSolution(of {self._numbers.count}, eps {self._loss.eps:.3g}, marginal error {error:.1e}, "
            f"{self.iterations} sweeps, {self.status.name})"
        )


class _OfCore:
    """The divergences of a pair by the numba kernels, which solve a batch of small problems at once."""

    name = "SinkhornDivergence"

    def __init__(self, numbers: Pair, options: dict) -> None:
        self.numbers, self.tol = numbers, options["tol"]
        x, y, a, b = (None if t is None else t.double().cpu().numpy() for t in numbers.tensors)
        together = numbers.count > 1 and numbers.x.shape[1] * numbers.y.shape[1] <= MOST_PAIRS
        self.results: list[DivergenceResult] = []
        for k in [slice(None)] if together else range(numbers.count):
            weights = {name: None if w is None else w[k] for name, w in (("a", a), ("b", b))}
            result = sinkhorn_divergence(x[k], y[k], **weights, **options, throw=False)
            if result.status is Status.INTERRUPTED:
                raise Interrupted(result)
            self.results.append(result)

    @cached_property
    def values(self) -> torch.Tensor:
        return self._of_each(lambda result: result.value).to(self.numbers.x)

    @property
    def f(self) -> torch.Tensor:
        return self._of_each(lambda result: result.parts.across.f)

    @property
    def g(self) -> torch.Tensor:
        return self._of_each(lambda result: result.parts.across.g)

    @cached_property
    def marginal_error(self) -> torch.Tensor:
        return self._of_each(
            lambda result: np.max([part.marginal_error for part in (result.parts.across, *result.parts.own)], axis=0)
        )

    @property
    def converged(self) -> torch.Tensor:
        return self.marginal_error <= self.tol

    @property
    def iterations(self) -> int:
        return max(result.iterations for result in self.results)

    def gradient(self, of: str) -> torch.Tensor:
        return self._of_each(lambda result: getattr(result, f"grad_{of}"))

    def _of_each(self, value: Callable[[DivergenceResult], ArrayLike]) -> torch.Tensor:
        """(B, ...), whether one result holds all pairs or each its own."""
        found = [np.asarray(value(result)) for result in self.results]
        together = len(found) < self.numbers.count
        return torch.from_numpy(found[0] if together else np.stack(found))
