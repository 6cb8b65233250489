"""Entropic transport of many small problems at once, each with its bracket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit.certificate import EPS, value_below
from otkit.costs import METRICS, TINY, point_cost, safe_scale
from otkit.errors import BadMeasure, NotConverged, Unsupported
from otkit.kernels import small
from otkit.kernels.anderson import new_past
from otkit.measures import numbers, weight_rows
from otkit.result import Status
from otkit.workers import share_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MOST_PAIRS = 2**22  # of one problem: 64 MB a thread
LEAST_TASKS = 64
PAIRS_PER_TASK = 2**18  # some 10 ms of sweeps, so that Ctrl-C is heard; handing out a task costs 0.05 ms


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """The answers to k problems: arrays (k,), and `lower <= W_p <= upper` for each of them.

    Attributes
    ----------
    cost, dual_cost, gap, distance, lower, upper : as in `Result`, for each problem.
    objective : of the regularised problem, as in `Entropic`. eps : the regularisation, in units of cost.
    marginal_error, iterations : before rounding, and sweeps.
    f (k, n), g (k, m) : regularised potentials; each has half of the objective.
    grad_x (k, n, d), grad_y (k, m, d) : of the objective in the points (envelope theorem); None where not asked for.
    converged : (k,) whether the marginal error is within tol. status : CONVERGED where all are.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 3, 20, 2))
    >>> otkit.solvers.Sinkhorn(eps=0.1).batch(x, y, p=2).f.shape
    (3, 20)
    """

    p: float
    scale: np.ndarray  # (k,)
    eps: float
    tol: float
    answers: small.Answers  # divided by scale**p
    dual: np.ndarray

    @property
    def cost(self) -> np.ndarray:
        return self._in_units(self.answers.paid)

    @property
    def dual_cost(self) -> np.ndarray:
        return self._in_units(self.dual)

    @property
    def gap(self) -> np.ndarray:
        return (self.answers.paid - self.dual) / np.maximum(self.answers.paid, TINY)

    @property
    def upper(self) -> np.ndarray:
        return self.answers.paid ** (1.0 / self.p) * self.scale

    @property
    def lower(self) -> np.ndarray:
        return np.minimum(self.dual ** (1.0 / self.p) * self.scale, self.upper)

    @property
    def distance(self) -> np.ndarray:
        return self.upper

    @property
    def objective(self) -> np.ndarray:
        return self._in_units(self.answers.objective)

    @property
    def marginal_error(self) -> np.ndarray:
        return self.answers.error

    @property
    def iterations(self) -> np.ndarray:
        return self.answers.iterations

    @property
    def f(self) -> np.ndarray:
        return self._in_units(self.answers.f)

    @property
    def g(self) -> np.ndarray:
        return self._in_units(self.answers.g)

    @property
    def grad_x(self) -> np.ndarray | None:
        return self._pulled(self.answers.pull_x)

    @property
    def grad_y(self) -> np.ndarray | None:
        return self._pulled(self.answers.pull_y)

    @property
    def converged(self) -> np.ndarray:
        return self.answers.error <= self.tol

    @property
    def status(self) -> Status:
        return Status.CONVERGED if self.converged.all() else Status.MAX_ITER

    def _in_units(self, values: np.ndarray) -> np.ndarray:
        """In the caller's units of cost, from those of each problem; what exceeds float64 is inf."""
        with np.errstate(over="ignore"):
            return values * (self.scale**self.p).reshape(-1, *[1] * (values.ndim - 1))

    def _pulled(self, gradient: np.ndarray) -> np.ndarray | None:
        return self._in_units(gradient) / self.scale[:, None, None] if gradient.size else None

    def __len__(self) -> int:
        return self.dual.size

    def __repr__(self) -> str:
        worst = float(self.marginal_error.max())
        done = int(self.converged.sum())
        return f"Batch({len(self)} problems, {done} converged, eps {self.eps:.3g}, largest marginal error {worst:.1e})"


def point_batch(value: object, name: str) -> np.ndarray:
    """k samples of equal size as (k, n, d); (k, n) is k samples on the line."""
    array = numbers(value, name)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or 0 in array.shape:
        raise BadMeasure(f"{name} has shape {array.shape}: a batch is (k, n, d), or (k, n) on the line.")
    return array if array.flags.writeable else array.copy()  # kernels are compiled for arrays that are


def solve_batch(
    x: ArrayLike,
    y: ArrayLike,
    p: float,
    weights: tuple[ArrayLike | None, ArrayLike | None],
    metric: str,
    goal: tuple[float, float, int],
    gradients: bool = False,
    own: bool = False,
) -> Batch:
    """The batch of `Sinkhorn.batch`; `goal` is eps, tol and max_iter. own: x is y, a is b, and f is to be g."""
    x, y = point_batch(x, "x"), point_batch(y, "y")
    if len(x) != len(y):
        raise BadMeasure(f"x has {len(x)} problems and y has {len(y)}: a batch pairs them one to one.")
    (k, n, d), m = x.shape, y.shape[1]
    if n * m > MOST_PAIRS:
        raise Unsupported(
            f"{n} x {m} points: a batch holds all pairs of a problem, at most {MOST_PAIRS}. Loop instead."
        )
    if callable(metric):
        raise Unsupported(f"metric is a callable: a batch knows {', '.join(METRICS)}.")
    p = point_cost(x[0], y[0], metric, p).p  # or what is wrong with them
    a, b = (np.stack(side) for side in zip(*weight_rows(*weights, k, n, m)))
    eps, tol, max_iter = goal
    points, scale = _scaled(x, y, p)
    with np.errstate(over="ignore"):
        aim = small.Goal(float(eps) / unit_of(scale, p), float(tol), max(1, int(max_iter)), own)
    shape = (k, n, d) if gradients else (0, 0, 0), (k, m, d) if gradients else (0, 0, 0)
    answers = small.Answers(
        *(np.empty(k) for _ in range(3)),
        np.empty(k, np.int64),
        *(np.empty((k, size)) for size in (n, m, n, m)),
        *(np.empty(size) for size in shape),
    )
    tasks = min(k, max(LEAST_TASKS, k * n * m // PAIRS_PER_TASK))
    interrupted = False

    def task(t: int) -> None:
        nonlocal interrupted
        if interrupted:
            return
        part = t * k // tasks, (t + 1) * k // tasks
        try:
            small.solve_batch(METRICS.index(metric), p, points, (a, b), aim, _room(n, m), answers, *part)
        except KeyboardInterrupt:  # the other threads would go on to the last task
            interrupted = True
            raise

    share_out(task, tasks)
    f = answers.upper_f - EPS * np.abs(answers.upper_f)
    dual = np.clip(value_below(a, b, f, answers.upper_g), 0.0, answers.paid)
    return Batch(p, scale, float(eps), tol, answers, dual)


def unit_of(scale: np.ndarray | float, p: float) -> np.ndarray | float:
    """scale**p, in which costs are held. eps is given in units of cost, so float64 has to have a number for it."""
    with np.errstate(over="ignore", under="ignore"):
        unit = np.float64(scale) ** p
    if not (np.min(unit) >= TINY and np.max(unit) < np.inf):
        raise Unsupported(
            f"eps is in units of cost, and metric**{p:g} of these points is beyond float64. Rescale x and y."
        )
    return unit


def _scaled(x: np.ndarray, y: np.ndarray, p: float) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The points of every problem divided by a power of two of its own, as `point_cost` does with those of one."""
    low, high = np.minimum(x.min(axis=1), y.min(axis=1)), np.maximum(x.max(axis=1), y.max(axis=1))
    with np.errstate(over="ignore"):
        extent = np.minimum((high - low).max(axis=1), np.finfo(np.float64).max)
    scale = np.array([safe_scale(side, p) for side in extent.tolist()])
    if (scale == 1.0).all():
        return (x, y), scale
    factor = scale[:, None, None]
    origin = np.where(factor > 1.0, 0.5 * x[:, :1] + 0.5 * y[:, :1], np.where(factor < 1.0, x[:, :1], 0.0))
    return ((x - origin) / factor, (y - origin) / factor), scale


def _room(n: int, m: int) -> small.Room:
    lines = (np.empty(size) for size in (n, n, n, m, m, m, m, m, m, max(n, m)))
    return small.Room(np.empty((n, m)), np.empty((n, m)), *lines, new_past(m))


def refuse_unconverged(batch: Batch) -> Batch:
    """The batch, where all of it has converged; otherwise NotConverged, which carries it."""
    if not batch.status.ok:
        raise NotConverged(batch)
    return batch
