"""Entropic transport: Sinkhorn in the log domain, annealed, accelerated, and rounded to a certified bracket."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit import progress
from otkit.certificate import from_columns, pass_seconds
from otkit.costs import TINY, SparseCost
from otkit.entropic import EntropicPlan, north_west, rounded
from otkit.errors import Unsupported
from otkit.gibbs import EXACT, Gibbs
from otkit.kernels.small import FACTOR, LARGEST, ROUGH, SMALLEST
from otkit.measures import total
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.progress import Progress
from otkit.result import Certificate, Entropic, Result, Stats, Status, bracketed
from otkit.solvers.base import PATIENCE, Clock, Stop, positive_limits, same, stopped
from otkit.solvers.batch import Batch, refuse_unconverged, solve_batch, unit_of
from otkit.solvers.schrodinger import PRECISIONS, Schrodinger, precisions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

SENSIBLE = 0.05  # of the mean cost: about 30 sweeps
SAMPLE = 64  # rows whose mean cost stands for all
LEAST_EPS = 2.0**-42  # of the largest potential: exponents then carry 2^-11, and sweeps no longer help
RESOLUTION = 2.0**-52  # of the mean cost: a bracket no wider is 0 to rounding
ROUNDING_SHARE = 0.3  # of the gap wanted: more than this lost to unfinished sweeps calls for sweeps, not a smaller eps
PROOF_SHARE = 5.0  # a bracket for the listener only after so many times its own time


@dataclass(frozen=True)
class Sinkhorn:
    r"""Entropic transport by Sinkhorn's iteration: approximate, O(n + m) memory between points, and still with proof.

    .. math:: \min_P \sum_{ij} P_{ij} c_{ij} + \varepsilon\, KL(P \,|\, a \otimes b), \quad P 1 = a,\ P^T 1 = b

    (a, b of total 1; other totals scale the result). The plan is rounded to the exact marginals, so its cost is an
    upper bound of the transport cost without regularisation, and c-transforms of the potentials give the lower bound.
    `Result.entropic` has the regularised objective and potentials, eps, and the marginal error before rounding.

    Time: O(n m d) a sweep, of which blocks of negligible density are left out. Sweeps to tol (n = 1000, d = 2, p = 2):
    about 20 at eps = 0.05 of the mean cost, 50 at 0.01, 100 to 170 at 0.002. Memory: O(n + m) between points, and while
    it runs at most 128 MB of products in 9 and more dimensions, 128 MB of remembered bounds, 160 MB for Newton's step.

    Parameters
    ----------
    eps : regularisation, in units of cost (metric**p). One of eps and gap is needed.
    gap : certified relative gap of the cost wanted; eps is then lowered until the bracket is that narrow.
    tol : marginal error to stop at (L1, for total mass 1); with `gap` the solver chooses it. Down to 1e-12,
        1e-11 where clusters of points hang together by less than rounding.
    max_iter : most sweeps (both half steps), None for no limit. time_limit : seconds, None for no limit.
    dtype : "auto" sweeps in float32 first, above a million pairs, and ends in the precision that tol needs;
        "float32" and "float64" stay there; float32 ends with MAX_ITER where float64 sees an error above tol.
    start : potentials to go on from, without annealing: a `Result.entropic`, `Result.potentials`, or a pair (f, g).

    Raises `Unsupported` for options that make no sense and for sparse costs. Stopping early (status MAX_ITER,
    TIME_LIMIT, INTERRUPTED) still gives a feasible plan and a valid bracket.

    Source: Cuturi 2013; Schmitzer 2019; Altschuler, Weed, Rigollet 2017; Feydy et al. 2019; Walker and Ni 2011.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 100, 2))
    >>> result = otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Sinkhorn(gap=0.01))
    >>> bool(result.lower <= otkit.wasserstein(x, y, p=2).distance <= result.upper), bool(result.gap <= 0.01)
    (True, True)
    """

    eps: float | None = None
    gap: float | None = None
    tol: float = 1e-6
    max_iter: int | None = 10_000
    time_limit: float | None = None
    dtype: str = "auto"
    start: object = field(default=None, repr=False)

    def solve(self, problem: Problem) -> Result:
        """The regularised plan, rounded, with its bracket."""
        self.refuse_options()
        _refuse_sparse(problem)
        self._refuse_no_goal(problem)
        run = None
        try:
            run = _Run(self, problem)
            run.to_gap(self.gap) if self.eps is None else run.to_tol(float(self.eps), self.tol)
            status = Status.CONVERGED
        except Stop as stop:
            status = stop.status
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        return _unbegun(problem) if run is None else run.result(status)

    def batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        p: float = 1,
        a: ArrayLike | None = None,
        b: ArrayLike | None = None,
        metric: str = "euclidean",
        throw: bool = True,
    ) -> Batch:
        """Many small problems at once: x (k, n, d) against y (k, m, d), shared out over the threads.

        a (n,) or (k, n) and b (m,) or (k, m) are weights, normalised row by row; None is uniform. Needs eps. Works in
        float64 on the Gibbs matrix of each problem: O(n m) time a sweep, O(threads n m) memory, at most 4e6 pairs a
        problem. Raises `NotConverged`, which carries the batch, where max_iter came first, unless `throw` is False;
        BadMeasure and BadCost name what is wrong with the input; Unsupported: options a batch does not take, a
        callable metric, problems that are too large.

        >>> import numpy as np, otkit
        >>> x, y = np.random.default_rng(0).random((2, 10, 64, 2))
        >>> batch = otkit.solvers.Sinkhorn(eps=0.05).batch(x, y, p=2)
        >>> batch.cost.shape, bool((batch.lower <= batch.upper).all())
        ((10,), True)
        """
        self.refuse_options()
        unused = [name for name in ("gap", "time_limit", "start") if getattr(self, name) is not None]
        if unused or self.eps is None or self.dtype == "float32":
            raise Unsupported(
                f"a batch needs eps and takes tol and max_iter besides, in float64; this is {self!r}"
                f"{' with a start' if self.start is not None else ''}. "
                "Give eps alone, or solve the problems one by one."
            )
        goal = self.eps, self.tol, 10**9 if self.max_iter is None else self.max_iter
        batch = solve_batch(x, y, p, (a, b), metric, goal)
        return refuse_unconverged(batch) if throw else batch

    def refuse_options(self) -> None:
        """Raises `Unsupported` with everything that is wrong about the options."""
        positive_limits(self)
        wrong = []
        if self.eps is not None and self.gap is not None:
            wrong.append("eps and gap are both given: with gap the solver chooses eps. Give one.")
        if self.eps is not None and not _positive(self.eps):
            wrong.append(f"eps is {self.eps!r}: the regularisation is a number > 0, in units of cost.")
        if self.gap is not None and not (_positive(self.gap) and self.gap < 1.0):
            wrong.append(f"gap is {self.gap!r}: a relative gap, 0 < gap < 1.")
        if self.gap is not None and self.start is not None:
            wrong.append("start is given together with gap, which begins at a large eps. Give eps, or leave start out.")
        if self.dtype not in PRECISIONS:
            wrong.append(f"dtype is {self.dtype!r}: one of {', '.join(map(repr, PRECISIONS))}.")
        if wrong:
            raise Unsupported(" ".join(wrong))

    def _refuse_no_goal(self, problem: Problem) -> None:
        if self.eps is None and self.gap is None:
            mean = mean_cost(problem) * _unit(problem)
            raise Unsupported(
                f"Sinkhorn needs eps or gap. The mean cost of this data is {mean:.3g}, so eps={SENSIBLE * mean:.2g} is "
                "sensible (smaller is sharper and slower); or give the relative error you can bear, such as gap=0.01."
            )


def _positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return 0.0 < value < math.inf and not (isinstance(value, int) and value > sys.float_info.max)


def _refuse_sparse(problem: Problem) -> None:
    from otkit.solvers.auto import refuse

    refuse(problem, "Sinkhorn", ["it needs a cost for every pair"] if isinstance(problem.cost, SparseCost) else [])


def _unit(problem: Problem) -> float:
    """What costs were divided by at the border."""
    return unit_of(problem.cost.scale, problem.p)


def mean_cost(problem: Problem) -> float:
    """The mean |cost| between two points with mass, by mass: of some rows against all columns, as the cost is stored
    (divided by scale**p)."""
    rows, cols = np.random.default_rng(0).permutation(np.flatnonzero(problem.a))[:SAMPLE], np.flatnonzero(problem.b)
    block = np.abs(problem.cost.take(np.sort(rows), cols).block(slice(0, rows.size)))
    a, b = problem.a[np.sort(rows)], problem.b[cols]
    return float((a / total(a)) @ block @ (b / total(b)))


class _Proof(NamedTuple):
    """A rounded plan and a certificate: all that a bracket needs."""

    plan: EntropicPlan
    primal: float
    paid: float
    moved: float  # the part of primal that rounding added
    error: float
    dual: Certificate

    @property
    def gap(self) -> float:
        return (self.primal - self.dual.dual) / max(self.paid, TINY) if self.primal > self.dual.dual else 0.0


class _Run:
    """One solve. Inside, costs and eps are divided by scale**p and masses have total 1."""

    def __init__(self, options: Sinkhorn, problem: Problem) -> None:
        self.options, self.problem, self.unit = options, problem, _unit(problem)
        self.clock = Clock("Sinkhorn", options.time_limit)
        self.gibbs = Gibbs.of(problem)
        self.state = Schrodinger(self.gibbs, self._check, precisions(options.dtype, self.gibbs), options.max_iter)
        self.first = mean_cost(problem) or 1.0
        self.proof: _Proof | None = None
        self.proof_seconds, self.proven_at = 0.0, 0.0
        if options.start is not None:
            self.state.g = _start(options.start, problem)[self.gibbs.cols] / self.unit

    def to_tol(self, eps: float, tol: float) -> None:
        """A marginal error of tol at eps, in units of cost, seen in float64."""
        state = self.state
        with np.errstate(over="ignore"):
            eps = float(np.clip(eps / self.unit, SMALLEST * self.first, LARGEST * self.first))
        if self.options.start is None:
            state.anneal(self.first, eps)
        state.finish(eps, tol)
        self._prove()

    def to_gap(self, gap: float) -> None:
        """Lowers eps until the certified relative gap is `gap`. Where the continuous limit holds the gap is
        proportional to eps, so the gap of one eps tells the next."""
        state, eps = self.state, self.first
        state.converge(eps, ROUGH)
        while eps > max(2.0 * gap * abs(state.objective), self._least):
            eps = max(eps / FACTOR, self._least)
            state.converge(eps, ROUGH, 20)
        tol = min(ROUGH, gap)
        while True:
            state.converge(eps, tol)
            proof = self._prove()
            if proof.gap <= gap or proof.primal - proof.dual.dual <= RESOLUTION * self.first * total(self.problem.a):
                return
            if proof.moved > ROUNDING_SHARE * gap * proof.paid or eps <= self._least:
                tol /= 4.0
            else:
                eps = max(eps * min(0.7, max(1.0 / FACTOR, 0.9 * gap / proof.gap)), self._least)

    @property
    def _least(self) -> float:
        largest = max(float(np.abs(self.state.f).max()), float(np.abs(self.state.g).max()))
        return max(LEAST_EPS * largest, SMALLEST * self.first)

    def _prove(self) -> _Proof:
        """The bracket of the potentials as they are."""
        start = self.clock.seconds
        problem, state = self.problem, self.state
        plan = rounded(problem, self.gibbs, state.f, state.g, state.eps)
        g = np.full(problem.b.size, np.inf)
        g[self.gibbs.cols] = state.g
        dual = from_columns(problem.cost, problem.a, problem.b, g)
        if self.proof is not None and self.proof.dual.dual > dual.dual:
            dual = self.proof.dual
        self.proof = _Proof(*plan, dual)
        self.proven_at = self.clock.seconds
        self.proof_seconds = self.proven_at - start
        return self.proof

    def _check(self, state: Schrodinger) -> None:
        self.clock.check(self._message)

    def _message(self) -> Progress:
        """The bracket is proven anew for a listener when the last proof cost a small part of the time since."""
        state, bracket = self.state, (None, None)
        idle = self.clock.seconds - self.proven_at
        if progress.listening() and np.isfinite(state.error) and idle > PROOF_SHARE * max(self.proof_seconds, 0.2):
            self._prove()
        if self.proof is not None:
            cost = self.problem.cost
            bracket = bracketed(min(self.proof.dual.dual, self.proof.primal), cost), bracketed(self.proof.primal, cost)
        eps = state.eps * self.unit
        message = f"eps {eps:.3g}, {state.iterations} sweeps, marginal error {state.error:.1e}"
        return Progress("Sinkhorn", message, None, *bracket)

    def result(self, status: Status) -> Result:
        """The Result of the potentials as they are; after Ctrl-C, where a proof would take long, of any plan."""
        problem, state, gibbs = self.problem, self.state, self.gibbs
        if not np.isfinite(state.eps):
            state.eps = self.first
        dear = 20.0 * pass_seconds(problem.cost) > PATIENCE
        if status is Status.INTERRUPTED and dear and self.proof is None:
            return stopped(problem, "Sinkhorn", status, self.stats, _any_plan(problem, gibbs.rows, gibbs.cols), [])
        if status is Status.INTERRUPTED and dear:  # the potentials that were proven, not those since
            state.f, state.g, state.eps, *_ = self.proof.plan.coupling
        elif not status.ok:  # f may still be that of a larger eps
            state.f = gibbs.softmin(state.f, state.g, state.eps, EXACT)
            self._prove()
        proof, unit, whole = self.proof, self.unit, total(problem.a)
        f, g = state.of_all_points(problem)
        eps = self.options.eps if status.ok and self.options.eps is not None else state.eps * unit
        entropic = Entropic(float(eps), whole * state.value() * unit, proof.error, f * unit, g * unit)
        gibbs.forget()
        return Result(
            problem,
            "Sinkhorn",
            status,
            self.stats,
            proof.primal,
            proof.paid,
            partial(same, proof.plan),
            partial(same, proof.dual),
            entropic,
        )

    @property
    def stats(self) -> Stats:
        return Stats(self.clock.seconds, self.state.iterations)


def _any_plan(problem: Problem, rows: np.ndarray, cols: np.ndarray) -> Plan:
    """A feasible plan at once: the north-west corner in the order given."""
    a, b = problem.a[rows] / total(problem.a), problem.b[cols] / total(problem.b)
    return north_west((rows, cols), problem.shape, a, b, total(problem.a))


def _unbegun(problem: Problem) -> Result:
    """After Ctrl-C before the first sweep was prepared."""
    plan = _any_plan(problem, np.flatnonzero(problem.a), np.flatnonzero(problem.b))
    return stopped(problem, "Sinkhorn", Status.INTERRUPTED, Stats(0.0, 0), plan, [])


def _start(start: object, problem: Problem) -> np.ndarray:
    """The column potentials of what the caller wants to go on from."""
    from otkit.measures import numbers

    g = start.g if hasattr(start, "g") else start[1] if isinstance(start, tuple | list) and len(start) == 2 else None
    if g is None:
        raise Unsupported(
            f"start is of type {type(start).__name__}: pass a Result.entropic, a Result.potentials, or a pair (f, g)."
        )
    g = numbers(g, "start's g", Unsupported)
    if g.shape != (problem.b.size,):
        raise Unsupported(f"start's g has shape {g.shape}: there are {problem.b.size} columns.")
    return g
