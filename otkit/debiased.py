"""The Sinkhorn divergence: entropic transport without its bias, zero for equal measures, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.costs import Cost, PointCost, point_cost
from otkit.errors import Interrupted, NotConverged, Unsupported
from otkit.gibbs import EXACT, Gibbs
from otkit.kernels.small import EPS, LARGEST, LIGHT, SMALLEST
from otkit.problem import Problem
from otkit.progress import Progress
from otkit.result import Status
from otkit.solvers.base import Clock, Stop
from otkit.solvers.batch import Batch, point_batch, solve_batch, unit_of
from otkit.solvers.schrodinger import VAGUE, Schrodinger, precisions
from otkit.solvers.sinkhorn import Sinkhorn, mean_cost
from otkit.threads import launch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ROUNDING = 4.0 * EPS  # of the transport costs whose difference a divergence is: a difference below it is none
LOST = 1e-13  # of the same, and 8 EPS of eps: what sums of potentials may lose
ENTRIES = 2**22  # of a dense block: 32 MB


def sinkhorn_divergence(
    x: ArrayLike,
    y: ArrayLike,
    *,
    eps: float,
    p: float = 2,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    metric: str | Callable = "euclidean",
    debias: bool = True,
    tol: float = 1e-6,
    max_iter: int | None = 10_000,
    throw: bool = True,
) -> DivergenceResult:
    r"""The debiased entropic transport cost between two sample sets.

    .. math:: S_\varepsilon(x, y) = OT_\varepsilon(x, y) - \tfrac12 OT_\varepsilon(x, x) - \tfrac12 OT_\varepsilon(y, y)

    with OT_eps = min <C, P> + eps KL(P | a x b), cost metric**p. Zero for equal measures, and never negative for
    p <= 2 (euclidean) or p = 1 (cityblock); tends to W_p^p as eps falls to 0, and to an energy distance (kernel -cost)
    as it grows.

    Parameters
    ----------
    x, y : (n, d) and (m, d) samples, or (n,) and (m,) on the line; or batches (k, n, d) and (k, m, d), solved at once.
    eps : regularisation, in units of cost (GeomLoss: eps = p * blur**p, for its cost |x - y|^p / p times p).
    p, a, b, metric : as in `wasserstein`; a batch takes weights (n,) or (k, n), and metrics by name.
    debias : False leaves the last two terms out: OT_eps itself, with its gradients, at a third of the price.
    tol : marginal error (L1) of each of the problems; the value's error is below about eps * tol.
    max_iter : most sweeps of each. throw : raise `NotConverged`, which carries the result, when they run out.

    Returns
    -------
    DivergenceResult
        `.value`, in units of cost; `.grad_x`, `.grad_y`, `.grad_a`, `.grad_b`, computed when asked for.

    Time: O(n m d) a sweep for each of three problems. Memory: O(n + m) between points; O(n m) for a callable metric,
    and for each thread of a batch.

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name. NotConverged : carries the result reached, and after
        Ctrl-C Interrupted does. Gradients in points raise Unsupported for a metric that is a callable.

    Source: Genevay, Peyre, Cuturi 2018; Feydy et al. 2019.

    >>> import numpy as np, otkit
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> result = otkit.sinkhorn_divergence(x, x + [3.0, 4.0], eps=0.1)
    >>> bool(abs(result.value - 25.0) < 1e-6), otkit.sinkhorn_divergence(x, x, eps=0.1).value
    (True, 0.0)
    """
    options = Sinkhorn(eps=eps, tol=tol, max_iter=max_iter)
    options.refuse_options()
    if eps is None:
        raise Unsupported("eps is None: the divergence needs a regularisation, in units of cost.")
    batched = _axes(x, "x") == 3 or _axes(y, "y") == 3
    result = (_of_batches if batched else _of_samples)(x, y, options, p, a, b, metric, debias)
    if throw and not result.status.ok:
        raise (Interrupted if result.status is Status.INTERRUPTED else NotConverged)(result)
    return result


@dataclass(frozen=True, eq=False, repr=False)
class DivergenceResult:
    """A Sinkhorn divergence, or a batch of k of them, with gradients.

    Attributes
    ----------
    value : a float, or (k,); in units of cost.
    grad_x (n, d), grad_y (m, d) : gradients in the points, shaped like x and y. Where the cost has a kink (p = 1 and
        coinciding points) the symmetric subgradient.
    grad_a (n,), grad_b (m,) : gradients in the weights, up to a constant, which weights of fixed total do not see; it
        is chosen so that a @ grad_a + b @ grad_b = value.
    eps, marginal_error, iterations, status : of the worst of the three problems (and of the batch).

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 20, 2))
    >>> otkit.sinkhorn_divergence(x, y, eps=0.1).grad_x.shape
    (20, 2)
    """

    value: float | np.ndarray
    eps: float
    marginal_error: float
    iterations: int
    status: Status
    parts: _Parts

    @property
    def grad_x(self) -> np.ndarray:
        return self.parts.in_points(0)

    @property
    def grad_y(self) -> np.ndarray:
        return self.parts.in_points(1)

    @property
    def grad_a(self) -> np.ndarray:
        return self.parts.in_weights(0)

    @property
    def grad_b(self) -> np.ndarray:
        return self.parts.in_weights(1)

    def __repr__(self) -> str:
        value = f"{self.value:.10g}" if np.ndim(self.value) == 0 else f"array of {self.value.size}"
        error = f"marginal error {self.marginal_error:.1e}, {self.iterations} sweeps"
        return f"DivergenceResult({value}, eps {self.eps:.3g}, {error}, {self.status.name})"


@dataclass(frozen=True, eq=False)
class _Parts:
    """The three problems of a divergence: across, and each measure with itself; of OT_eps only the first."""

    across: _Solved | Batch
    own: tuple[_Solved | Batch, ...]
    flat: tuple[bool, bool]  # whether the points of a side came without an axis for their one coordinate
    positive: bool  # whether exp(-cost / eps) is a positive kernel, which makes the divergence one of distance

    def result(self) -> DivergenceResult:
        parts = (self.across, *self.own)
        value = self.across.objective
        if self.own:
            value = self._cleared(value - 0.5 * (self.own[0].objective + self.own[1].objective))
        statuses = [part.status for part in parts]
        failed = [status for status in statuses if not status.ok]
        return DivergenceResult(
            value,
            max(part.eps for part in parts),
            max(float(np.max(part.marginal_error)) for part in parts),
            max(int(np.max(part.iterations)) for part in parts),
            Status.INTERRUPTED if Status.INTERRUPTED in statuses else failed[0] if failed else Status.CONVERGED,
            self,
        )

    def _cleared(self, value: float | np.ndarray) -> float | np.ndarray:
        """Without differences that are rounding, or that are below 0 where that is an error of the three optima: for a
        positive kernel always, else as far as these errors go."""
        all_three = (self.across, *self.own)
        sizes = sum(np.abs(part.objective) for part in all_three)
        errors = sum(np.minimum(part.marginal_error, 2.0) for part in all_three)
        eps = self.across.eps
        slack = LOST * sizes + np.minimum(8.0 * EPS * eps, VAGUE * sizes) + np.minimum(eps, sizes) * errors
        below = (value < 0.0) & (self.positive | (value >= -slack))
        value = np.where(below | (np.abs(value) <= ROUNDING * sizes), 0.0, value)
        return value if value.ndim else float(value)

    def in_points(self, side: int) -> np.ndarray:
        """Half of d OT(x, x) / d x, which has a part from each of its arguments, is left."""
        pulled = (self.across.grad_x, self.across.grad_y)[side]
        if self.own:
            pulled = pulled - 0.5 * (self.own[side].grad_x + self.own[side].grad_y)
        return pulled[..., 0] if self.flat[side] else pulled

    def in_weights(self, side: int) -> np.ndarray:
        found = (self.across.f, self.across.g)[side]
        return found - 0.5 * (self.own[side].f + self.own[side].g) if self.own else found


@dataclass(frozen=True, eq=False)
class _Solved:
    """One regularised problem: what a Batch holds of many."""

    problem: Problem
    state: Schrodinger
    eps: float
    status: Status

    @cached_property
    def objective(self) -> float:
        return self.state.value() * self._unit

    @property
    def marginal_error(self) -> float:
        return self.state.error

    @property
    def iterations(self) -> int:
        return self.state.iterations

    @property
    def f(self) -> np.ndarray:
        return self._potentials[0]

    @property
    def g(self) -> np.ndarray:
        return self._potentials[1]

    @cached_property
    def grad_x(self) -> np.ndarray:
        return self._pulled(self.state.gibbs, self.state.f, self.state.g, self.problem.a.size)

    @cached_property
    def grad_y(self) -> np.ndarray:
        return self._pulled(self.state.gibbs.transposed, self.state.g, self.state.f, self.problem.b.size)

    @cached_property
    def _potentials(self) -> tuple[np.ndarray, np.ndarray]:
        """Each with half of the objective. Where eps is so large that sweeps see no costs, their limit: mean costs."""
        problem, state = self.problem, self.state
        a, b, cost = problem.a, problem.b, problem.cost
        f, g = state.of_all_points(problem)
        limit = VAGUE * state.eps
        if abs(state.objective) < limit:
            rows, cols = _mean_costs(cost, b), _mean_costs(cost.transposed(), a)
            f, g = np.where(rows < limit, rows - a @ rows, f), np.where(cols < limit, cols, g)
        elif a is b:
            f = g = self._symmetric(0.5 * (f + g))
        else:
            light = np.flatnonzero((b > 0.0) & (b < LIGHT))
            if light.size:
                g[light] = state.gibbs.transposed.extended(cost.transposed(), light, state.f, state.eps)
        shift = 0.5 * float(b @ g - a @ f)
        return (f + shift) * self._unit, (g - shift) * self._unit

    def _symmetric(self, h: np.ndarray) -> np.ndarray:
        """Modifies h, both potentials of a measure with itself, at points without mass. At small eps what f and g
        differ by dies away slowest; with mass their mean does not feel it, but a softmin of either does."""
        light = np.flatnonzero(self.problem.a < LIGHT)
        if light.size:
            gibbs = self.state.gibbs
            h[light] = gibbs.extended(self.problem.cost, light, h[gibbs.cols], self.state.eps)
        return h

    @property
    def _unit(self) -> float:
        return self.problem.cost.scale**self.problem.p

    def _pulled(self, gibbs: Gibbs, f: np.ndarray, g: np.ndarray, size: int) -> np.ndarray:
        if not isinstance(self.problem.cost, PointCost):
            raise Unsupported("metric is a callable: its gradient in the points is not known. Use a metric by name.")
        out = np.zeros((size, self.problem.cost.dimension))
        pulled = gibbs.gradient(gibbs.coupling(f, g, self.state.eps))
        out[gibbs.rows] = pulled * (self._unit / self.problem.cost.scale)
        return out


def _axes(value: ArrayLike, name: str) -> int:
    axes = getattr(value, "ndim", None)
    return measures.numbers(value, name).ndim if axes is None else axes


def _mean_costs(cost: Cost, weights: np.ndarray) -> np.ndarray:
    """sum_j weights_j c_ij of every row."""
    n, m = cost.shape
    step = max(1, ENTRIES // m)
    return np.concatenate([cost.block(slice(first, first + step)) @ weights for first in range(0, n, step)])


def _of_batches(
    x: ArrayLike, y: ArrayLike, options: Sinkhorn, p: float, a: ArrayLike, b: ArrayLike, metric: str, debias: bool
) -> DivergenceResult:
    flat = _axes(x, "x") == 2, _axes(y, "y") == 2
    x, y = point_batch(x, "x"), point_batch(y, "y")
    goal = options.eps, options.tol, 10**9 if options.max_iter is None else options.max_iter
    own = ((x, x, (a, a), True), (y, y, (b, b), True)) if debias else ()
    across, *own = (
        solve_batch(left, right, p, weights, metric, goal, gradients=True, own=same)
        for left, right, weights, same in ((x, y, (a, b), False), *own)
    )
    return _Parts(across, tuple(own), flat, _positive(metric, x.shape[2], across.p)).result()


def _of_samples(
    x: ArrayLike,
    y: ArrayLike,
    options: Sinkhorn,
    p: float,
    a: ArrayLike,
    b: ArrayLike,
    metric: str | Callable,
    debias: bool,
) -> DivergenceResult:
    flat = _axes(x, "x") == 1, _axes(y, "y") == 1
    x, y = measures.samples(x, "x"), measures.samples(y, "y")
    cost = point_cost(x, y, metric, p)
    a = measures.probabilities(a, "a", len(x), "x")
    b = measures.probabilities(b, "b", len(y), "y")
    problems = [Problem(a, b, cost)]
    if debias:
        problems += [Problem(w, w, _own(cost, side, metric, p, k)) for k, (w, side) in enumerate(((a, x), (b, y)))]
    parts = []
    with launch():
        for problem in problems:
            interrupted = bool(parts) and parts[-1].status is Status.INTERRUPTED
            parts.append(_solved(problem, options, interrupted))
    return _Parts(parts[0], tuple(parts[1:]), flat, _positive(metric, x.shape[1], cost.p)).result()


def _positive(metric: str | Callable, dimension: int, p: float) -> bool:
    """Whether metric**p is conditionally negative definite, as Schoenberg showed of powers of distances up to
    the second; sums over coordinates then are."""
    euclidean = metric == "euclidean" or (dimension == 1 and not callable(metric))
    return (euclidean and p <= 2.0) or (metric == "cityblock" and p == 1.0)


def _own(cost: Cost, points: np.ndarray, metric: str | Callable, p: float, side: int) -> Cost:
    """The cost of a sample to itself, at the scale of the cost across."""
    if not isinstance(cost, PointCost):
        return point_cost(points, points, metric, p)
    stored = cost.y if side else cost.x
    return PointCost(stored, stored, cost.metric, cost.p, cost.scale, cost.origin)


def _solved(problem: Problem, options: Sinkhorn, interrupted: bool) -> _Solved:
    """Solved as far as the limits let it; not begun where the problem before was interrupted."""
    run = _Run(problem, options)
    status = Status.CONVERGED
    try:
        if interrupted:
            raise KeyboardInterrupt
        run.solve()
    except Stop as stop:
        status = stop.status
        run.reach()
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return run.solved(status)


class _Run:
    """One solve, in the problem's units of cost."""

    def __init__(self, problem: Problem, options: Sinkhorn) -> None:
        self.problem, self.options = problem, options
        self.clock = Clock("Sinkhorn divergence")
        gibbs = Gibbs.of(problem)
        self.state = Schrodinger(gibbs, self._check, precisions(options.dtype, gibbs), options.max_iter)
        self.unit = unit_of(problem.cost.scale, problem.p)
        self.first = mean_cost(problem)
        self.eps = 1.0
        if self.first > 0.0:
            with np.errstate(over="ignore"):
                eps = float(options.eps) / self.unit
            self.eps = float(min(max(eps, SMALLEST * self.first), LARGEST * self.first))
        self.held = self.under_way = self.eps  # eps of the last sweep, and of the one that is made now

    def solve(self) -> None:
        self.state.anneal(self.first, self.eps)
        self.state.finish(self.eps, float(self.options.tol))

    def reach(self) -> None:
        """From the potentials of a larger eps to a plan of this one."""
        state = self.state
        if state.eps != self.eps or state.error == np.inf:
            swept = state.gibbs.sweep(state.f, state.g, self.eps, EXACT)
            state.f, state.error = swept.f, swept.error

    def solved(self, status: Status) -> _Solved:
        state, reached = self.state, float(self.options.eps)
        if status is Status.INTERRUPTED:  # no time for a sweep: at the eps that the potentials belong to
            state.eps = state.eps if state.error < np.inf else self.held
            reached = max(reached, float(state.eps * self.unit))
        else:
            state.eps = self.eps
        state.check = _heard  # what a result holds can be pickled
        state.gibbs.forget()
        return _Solved(self.problem, state, reached, status)

    def _check(self, state: Schrodinger) -> None:
        self.held, self.under_way = self.under_way, state.eps
        message = f"{state.iterations} sweeps, marginal error {state.error:.1e}"
        self.clock.check(lambda: Progress(self.clock.solver, message))


def _heard(state: Schrodinger) -> None:
    """Nobody waits any more."""
