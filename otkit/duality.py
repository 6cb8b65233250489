"""Dual against primal: how much of W_1 a critic sees, and the proof of each number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from otkit import measures, progress
from otkit.certificate import EPS, certify, conjugate, from_columns, value_below
from otkit.costs import Cost, PointCost, point_cost
from otkit.critic import rise, tightened
from otkit.errors import BadMeasure, Interrupted, NotConverged, Unsupported
from otkit.front import solve
from otkit.problem import Problem
from otkit.result import Status
from otkit.scores import scored
from otkit.slope import Slope, sized, steepest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from otkit.result import Result
    from otkit.scores import CriticLike
    from otkit.solvers import Solver

LEVEL = 0.95  # of the bootstrap interval
RESAMPLED = 2**22  # values drawn at once: 32 MB of indices and as much of values


@dataclass(frozen=True)
class CriticReport:
    """What a critic f is worth on one pair of sample sets, whose own W_1 is `primal`.

    Attributes
    ----------
    raw : mean f(x) - mean f(y), weighted; in units of f. By itself no bound of anything.
    interval : 95 % bootstrap interval of raw: how far the populations' value may be from it.
    slope : largest (f(x_i) - f(y_j)) / metric(x_i, y_j) over all pairs; 0 where f never rises from y to x. inf where a
        point of both samples has two values; differences there below 4e-6 of the range of f are taken for rounding,
        and taken off `rescaled`.
    pair : the (i, j) that attains the slope; None where f never rises.
    rescaled : raw / slope, less its rounding: a lower bound of `primal` for any f. 0 where the slope is 0 or inf.
    tightened : the value of f / slope after c-transforms, a lower bound of `primal` that is at least `rescaled` and 0.
    captured : tightened / primal, in [0, 1]; 0 where the slope is 0 or inf, or primal is 0.
    nearest : the bound that c-transforms make of no critic at all (f = 0), from distances to nearest samples alone.
        Where it is near `primal`, as in many dimensions, `captured` says little, and rescaled / primal says more.
    primal : W_1 of these samples; an upper bound of it unless the status is OPTIMAL.
    status : how the solver of `primal` ended.
    """

    raw: float
    slope: float
    pair: tuple[int, int] | None
    rescaled: float
    tightened: float
    captured: float
    interval: tuple[float, float]
    nearest: float
    primal: float
    status: Status

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"status": self.status.name}


@dataclass(frozen=True, repr=False)
class DualityReport:
    """The answer of `otkit.verify`. Prints as a table; `.to_dict()` is ready for JSON; `.plot()` draws it.

    Attributes
    ----------
    primal, dual : cost of the optimal plan, value of its potentials: the bracket of W_1 of the samples.
    gap : (primal - dual) / primal.
    lipschitz : largest slope of the optimal potential over all pairs of samples, 1 to rounding where metric is one.
    critic : `CriticReport` of the given critic on the samples; None without one.
    holdout : `CriticReport` of the same critic (without one, of the exact critic) on unseen samples; None without them.
    result : the `Result` behind primal and dual, with plan, potentials and status.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).normal(size=(2, 50, 2)) + [[[0.0, 0.0]], [[1.0, 0.0]]]
    >>> report = otkit.verify(x, y, critic=lambda z: -z[:, 0])
    >>> report.critic.rescaled <= report.critic.tightened <= report.primal
    True
    """

    primal: float
    dual: float
    gap: float
    lipschitz: float
    critic: CriticReport | None
    holdout: CriticReport | None
    result: Result
    metric: str
    samples: _Samples = field(compare=False)
    held_out: _Samples | None = field(compare=False)
    given: Callable | None = field(compare=False)

    @property
    def status(self) -> Status:
        return self.result.status

    @cached_property
    def function(self) -> Callable | None:
        """The critic as a function of points: the given one; without one, the exact critic, made on first use. None
        where it is known by its values alone."""
        if self.given is not None or self.samples.values is not None or not isinstance(self.samples.cost, PointCost):
            return self.given
        return self.result.critic()

    @cached_property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """The critic at x (n,) and y (m,); without one, the exact critic."""
        if self.samples.values is not None:
            return self.samples.values
        f, g = tightened(self.samples.cost, self.result.certificate.f)
        return f * self.samples.cost.scale, -g * self.samples.cost.scale

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings and None only; nested reports are dictionaries."""
        n, m, d = self.samples.sizes
        numbers = {name: getattr(self, name) for name in ("primal", "dual", "gap", "lipschitz")}
        reports = {
            name: None if report is None else report.to_dict()
            for name, report in (("critic", self.critic), ("holdout", self.holdout))
        }
        described = {"status": self.status.name, "metric": self.metric, "n": n, "m": m, "d": d}
        if self.held_out is not None:
            reports["holdout"] |= dict(zip(("n", "m"), self.held_out.sizes))
        return numbers | reports | described

    def plot(self, ax: Axes | None = None) -> Axes:
        """In two dimensions the critic's heat map with samples and transport rays; otherwise differences of values
        against distances of pairs. See `otkit.plot.duality`."""
        from otkit import plot

        return plot.duality(self, ax=ax)

    def __str__(self) -> str:
        return "\n".join(_table(self))

    def __repr__(self) -> str:
        seen = "" if self.critic is None else f", critic captured {self.critic.captured:.4g}"
        unseen = "" if self.holdout is None else f", on holdout {self.holdout.captured:.4g}"
        return f"DualityReport(W_1 = {self.primal:.10g}, gap {self.gap:.2g}, {self.status.name}{seen}{unseen})"


class _Samples(NamedTuple):
    """Two sample sets with their cost and weights, and the critic's values on them."""

    x: np.ndarray  # in the shape the caller gave
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    cost: Cost
    values: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, given: tuple, names: tuple[str, str, str, str], metric: str | Callable) -> _Samples:
        x, y = (measures.samples(side, name) for side, name in zip(given[:2], names))
        a, b = (
            measures.probabilities(weight, name, len(side), of)
            for weight, name, side, of in zip(given[2:], names[2:], (x, y), names)
        )
        cost = point_cost(x, y, metric, 1)
        return cls(*(side.reshape(-1) if np.ndim(one) == 1 else side for side, one in zip((x, y), given)), a, b, cost)

    @property
    def sizes(self) -> tuple[int, int, int]:
        return len(self.x), len(self.y), 1 if self.x.ndim == 1 else self.x.shape[1]

    def scored_by(self, critic: CriticLike, names: tuple[str, str]) -> _Samples:
        return self._replace(values=scored(critic, self.x, self.y, names))


def verify(
    x: ArrayLike,
    y: ArrayLike,
    *,
    critic: CriticLike | None = None,
    holdout: tuple[ArrayLike, ...] | None = None,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    metric: str | Callable = "euclidean",
    solver: Solver | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    throw: bool = True,
) -> DualityReport:
    r"""W_1 of two sample sets from above and from below, and how much of it a critic sees.

    .. math:: \frac{\sum_i a_i f(x_i) - \sum_j b_j f(y_j)}{\max_{ij} (f(x_i) - f(y_j)) / metric(x_i, y_j)}
              \;\le\; W_1(x, y) \;=\; \min_P \sum_{ij} P_{ij}\, metric(x_i, y_j)

    holds for every f that rises somewhere, so any function proves a lower bound, the better the nearer it is to a
    Kantorovich potential. For a WGAN x are real samples and y generated ones: f is high on real.

    Parameters
    ----------
    x, y : (n, d) and (m, d) samples, or (n,) and (m,) on the line.
    critic : a function of points, called once with x and once with y in the shape they were given and returning (n,) or
        (n, 1) numbers; or the pair (values at x, values at y). None: only primal, dual and the exact critic on holdout.
        A torch module: `otkit.torch.verify_critic`.
    holdout : (x2, y2) or (x2, y2, a2, b2), unseen samples for the same critic.
    a, b : (n,) and (m,) weights, normalised to total 1; None is uniform.
    metric : "euclidean", "cityblock", "chebyshev", or a callable (x, y) -> (n, m) distances.
    solver : one of `otkit.solvers` for the primal; None is `Auto()`.
    n_bootstrap, seed : resamplings behind `CriticReport.interval`, and their seed.
    throw : raise `NotConverged` when the solver stops early; False reports the bracket it reached.

    Returns
    -------
    DualityReport
        `.primal`, `.dual`, `.gap`, `.lipschitz`, `.critic`, `.holdout`; prints as a table.

    Time beside the solver's: about 15 passes over the n m pairs, 0.1 ns a coordinate of a pair (n = m = 20,000 in 16
    dimensions: 15 s on two cores); O(n + m) memory, O((n + m)^2) with a callable metric.

    Raises
    ------
    BadMeasure, BadCost, Unsupported : the input, by argument name. BadCritic : a critic that raises, is not finite, or
    returns another number of values. NotConverged : carries the Result reached.

    Source: Villani 2009 (chapter 5); Arjovsky, Chintala, Bottou 2017; McShane 1934.

    >>> import otkit
    >>> report = otkit.verify([0.0, 1.0], [3.0, 5.0], critic=lambda z: -2 * z)
    >>> report.primal, report.critic.raw, report.critic.slope
    (3.5, 7.0, 2.0)
    """
    names = ("x", "y", "a", "b")
    given = _Samples.of((x, y, a, b), names, metric)
    unseen = None if holdout is None else _held_out(holdout, given, critic, metric)
    if isinstance(n_bootstrap, bool) or not isinstance(n_bootstrap, int | np.integer) or n_bootstrap < 1:
        raise Unsupported(f"n_bootstrap is {n_bootstrap!r}: how often values are resampled, a whole number from 1 on.")
    random = measures.generator(seed, "verify")
    if critic is not None:  # before the solve, which may take minutes
        given = given.scored_by(critic, names)
        if unseen is not None:
            unseen = unseen.scored_by(critic, _HELD)
    result = solve(Problem(given.a, given.b, given.cost), solver, throw=throw)
    exact = None
    try:
        seen = None if critic is None else _reported(given, result, random, n_bootstrap)
        held = None
        if unseen is not None:
            if critic is None:
                exact = result.critic()
                unseen = unseen.scored_by(exact, _HELD)
            held = _reported(unseen, _second(unseen, solver, throw), random, n_bootstrap)
        lipschitz = _lipschitz(given, result, metric)
    except KeyboardInterrupt as error:
        raise Interrupted(result) from error
    called = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
    function = critic if callable(critic) else exact
    return DualityReport(
        result.cost, result.dual_cost, result.gap, lipschitz, seen, held, result, called, given, unseen, function
    )


def _second(unseen: _Samples, solver: Solver | None, throw: bool) -> Result:
    """The solve of the holdout, whose errors say that they are not about x and y."""
    try:
        return solve(Problem(unseen.a, unseen.b, unseen.cost), solver, throw=throw)
    except NotConverged as error:
        error.args = (f"holdout: {error}",)
        raise


_HELD = ("holdout[0]", "holdout[1]", "holdout[2]", "holdout[3]")


def _held_out(holdout: tuple, given: _Samples, critic: object, metric: str | Callable) -> _Samples:
    if not isinstance(holdout, tuple | list) or len(holdout) not in (2, 4):
        raise BadMeasure("holdout is no pair of sample sets: pass (x2, y2) or (x2, y2, a2, b2).")
    if critic is not None and not callable(critic):
        raise Unsupported(
            "critic is given by its values, which say nothing about holdout: pass a function, or leave holdout out."
        )
    if critic is None and callable(metric):
        raise Unsupported("holdout needs a critic that reaches unseen points: pass one, or a metric by name.")
    unseen = _Samples.of((*holdout, None, None)[:4], _HELD, metric)
    if unseen.sizes[2] != given.sizes[2]:
        raise BadMeasure(f"holdout has {unseen.sizes[2]} coordinates and x has {given.sizes[2]}: they must agree.")
    return unseen


def _reported(samples: _Samples, result: Result, random: np.random.Generator, n_bootstrap: int) -> CriticReport:
    """All numbers of a critic whose values on the samples are known; in units of cost / scale until the end."""
    cost, a, b, scale = samples.cost, samples.a, samples.b, samples.cost.scale
    v, w, size = sized(*samples.values)
    v, w = _centred(v, w)
    progress.report(progress.Progress("verify", "slope of the critic over all pairs"))
    slope = steepest(cost, v, w)
    progress.report(progress.Progress("verify", "c-transforms of the critic"))
    rescaled, best = _bounds(cost, a, b, v, w, slope)
    nothing = np.zeros_like(v), np.zeros_like(w)
    captured = min(1.0, best * scale / result.cost) if result.cost > 0.0 else 0.0
    low, high = _bootstrap(a, b, v, w, random, n_bootstrap)
    return CriticReport(
        raw=float(a @ v - b @ w) * size,
        slope=slope.value / scale * size,
        pair=slope.pair,
        rescaled=rescaled * scale,
        tightened=best * scale,
        captured=captured,
        interval=(low * size, high * size),
        nearest=_transformed(cost, a, b, *nothing) * scale,
        primal=result.cost,
        status=result.status,
    )


def _centred(v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values less the middle of their range: a constant far above their differences would cost their digits."""
    low, high = min(v.min(), w.min()), max(v.max(), w.max())
    middle = 0.5 * low + 0.5 * high
    return v - middle, w - middle


def _bounds(
    cost: Cost, a: np.ndarray, b: np.ndarray, v: np.ndarray, w: np.ndarray, slope: Slope
) -> tuple[float, float]:
    """(rescaled, tightened): what v / slope proves, and what c-transforms of it prove. Both less their rounding."""
    if slope.value == 0.0 or slope.value == math.inf:
        return 0.0, 0.0
    with np.errstate(over="ignore"):
        v, w = v / slope.value, w / slope.value
    if not math.isfinite(max(np.abs(v).max(), np.abs(w).max())):
        return -np.finfo(np.float64).max, 0.0  # what rises 1e308 times more slowly than it falls proves nothing
    jump = slope.jump / slope.value  # raw <= slope * W_1 + jump
    # a quotient over a sum of squares is rounded (d + 8) / 2 times at most: so much more may be the true slope
    steeper = 1.0 + (getattr(cost, "dimension", 1) + 8) * EPS
    rescaled = float(value_below(a, b, v, -w)) - jump
    rescaled = rescaled / steeper if rescaled > 0.0 else rescaled
    return rescaled, max(rescaled, _transformed(cost, a, b, v, w))


def _transformed(cost: Cost, a: np.ndarray, b: np.ndarray, v: np.ndarray, w: np.ndarray) -> float:
    """The larger value of the two c-transforms: of w at y, which gives a potential at x, and of v at x."""
    from_y = from_columns(cost, a, b, -w)
    g = conjugate(cost.transposed(), v, np.full(w.size, np.inf))
    from_x = certify(cost, a, b, np.full(v.size, np.inf), g)
    return max(from_y.dual, from_x.dual)


def _lipschitz(samples: _Samples, result: Result, metric: str | Callable) -> float:
    """The largest slope of the optimal potential over all pairs of samples, x and y together, rounding left out."""
    cost = samples.cost
    f, g = tightened(cost, result.certificate.f)
    u = np.concatenate([f, -g])
    progress.report(progress.Progress("verify", "slope of the potential over all pairs"))
    if isinstance(cost, PointCost):
        points = np.concatenate([cost.x, cost.y])
        return rise(PointCost(points, points, cost.metric, 1.0), u, float(np.abs(u).max()))
    n, m, d = samples.sizes
    points = np.concatenate([samples.x.reshape(n, d), samples.y.reshape(m, d)])
    pairs = point_cost(points, points, metric, 1)
    u = u * (cost.scale / pairs.scale)
    return rise(pairs, u, float(np.abs(u).max()))


def _bootstrap(
    a: np.ndarray, b: np.ndarray, v: np.ndarray, w: np.ndarray, random: np.random.Generator, times: int
) -> tuple[float, float]:
    """The percentile interval of mean v - mean w when both samples are drawn again from themselves."""
    differences = _resampled(a, v, random, times) - _resampled(b, w, random, times)
    low, high = np.quantile(differences, [0.5 - 0.5 * LEVEL, 0.5 + 0.5 * LEVEL])
    return float(low), float(high)


def _resampled(weight: np.ndarray, values: np.ndarray, random: np.random.Generator, times: int) -> np.ndarray:
    """Means of `times` resamples; of weighted samples as many points as would be as informative without weights."""
    uniform = bool(np.all(weight == weight[0]))
    size = values.size if uniform else max(1, round(1.0 / float(weight @ weight)))
    cumulative = np.cumsum(weight)
    means = np.empty(times)
    step = max(1, RESAMPLED // size)
    for begin in range(0, times, step):
        shape = (min(step, times - begin), size)
        if uniform:
            drawn = random.integers(0, values.size, shape)
        else:
            at = np.searchsorted(cumulative, random.random(shape) * cumulative[-1], side="right")
            drawn = np.minimum(at, values.size - 1)
        means[begin : begin + step] = values[drawn].mean(axis=1)
    return means


def _table(report: DualityReport) -> list[str]:
    n, m, d = report.samples.sizes
    space = "on the line" if d == 1 else f"in {d} dimensions"
    early = "" if report.status.ok else f" ({report.status.name})"
    optimal = "cost of the optimal plan" if report.status is Status.OPTIMAL else "cost of a plan, an upper bound"
    lines = [
        f"W_1 of the samples, {n} against {m} {space}, {report.metric}{early}",
        _line("primal", report.primal, optimal),
        _line("dual", report.dual, f"value of its potentials, gap {report.gap:.2g}"),
        _line("lipschitz", report.lipschitz, "largest slope of the potential over all pairs"),
    ]
    if report.critic is not None:
        lines += ["critic on the samples", *_critic_lines(report.critic, "W_1 of the samples")]
    if report.holdout is not None:
        n, m, _ = report.held_out.sizes
        which, held = "critic" if report.critic is not None else "exact critic", report.holdout
        early = "" if held.status.ok else f" ({held.status.name})"
        exact = held.status is Status.OPTIMAL
        lines += [
            f"{which} on the holdout, {n} against {m}{early}",
            _line("primal", held.primal, "W_1 of the holdout" if exact else "an upper bound of W_1 of the holdout"),
            *_critic_lines(report.holdout, "W_1 of the holdout"),
        ]
    return lines


def _critic_lines(report: CriticReport, bounded: str) -> list[str]:
    low, high = report.interval
    pair = "it never rises from y to x" if report.pair is None else "steepest pair x[{}], y[{}]".format(*report.pair)
    return [
        _line("raw", report.raw, f"mean f(x) - mean f(y); 95 % bootstrap interval [{low:.6g}, {high:.6g}]"),
        _line("slope", report.slope, pair),
        _line("rescaled", report.rescaled, f"raw / slope, a lower bound of {bounded}"),
        _line("tightened", report.tightened, f"after c-transforms, a lower bound of {bounded}"),
        _line("nearest", report.nearest, "the same without any critic, from nearest samples"),
        f"  {'captured':<10} {report.captured:>16.2%}   tightened / primal",
    ]


def _line(name: str, value: float, meaning: str) -> str:
    return f"  {name:<10} {value:>16.10g}   {meaning}"
