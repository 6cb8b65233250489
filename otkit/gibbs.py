"""The Gibbs density exp((f_i + g_j - c_ij) / eps) of one problem: its row and column sums, never the matrix itself.

Sinkhorn, the divergence and the rounded plan all read the density through the passes of this module. Points without
mass are left out; the others stand in curve order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from threading import RLock
from typing import NamedTuple

import numpy as np

from otkit.certificate import restored
from otkit.costs import Cost, part
from otkit.kernels import newton, softmin
from otkit.kernels.boxes import BLOCK, Boxes, enclose
from otkit.kernels.ground import EUCLIDEAN, MATRIX, SQUARES, Ground, transposed
from otkit.kernels.newton import Entries
from otkit.kernels.softmin import GROUP, TILE, TOO_FAR, Work
from otkit.measures import total
from otkit.problem import Problem
from otkit.workers import share_out

LN2 = float(np.log(2.0))
PRODUCT_FROM = 9  # coordinates: from here squared distances come from a product of matrices, 3 times faster at 64
CHUNK = 2**20  # entries of such a product in one piece: 4 MB in float32, which stays in the last-level cache
CACHE = 2**27  # bytes of products that are kept from sweep to sweep: all of n = m = 5000, half the time of a sweep
PAIRS_PER_TASK = 2**22  # handing out a task costs 0.05 ms, 2 % of the time of so many pairs
MOST_TASKS = 32
MOST_REMEMBERED = 2**26  # blocks, 2 bytes each: up to n = m = 185,000
# Parts of the smaller of the two masses above which an entry of the plan matters to Newton's step. Where only 1e-200
# joins two clusters of points, one of which has mass for the other, that is the link which has to be found
LEVELS = (1e-250, 1e-60, 1e-18, 1e-10, 1e-7, 1e-5)
PRODUCTS = 200  # with the entries, at least, for one step; or as many as take about the time of a sweep
FORCING = 1e-2  # what is left of the residual of Newton's equation: 1e-3 took as many steps
PAIRS_PER_CALL = 2 * 10**8  # of one kernel call: about 0.1 s, so that Ctrl-C is heard


class Precision(NamedTuple):
    """Types of costs and of exponentials, and the largest -log2 of a density that is not left out."""

    cost: type
    density: type
    reach: float
    product: bool = True  # whether squared distances in many dimensions may come from a product of matrices


SINGLE = Precision(np.float32, np.float32, 34.0)  # potentials carry 6e-8 of max cost / eps
MIXED = Precision(np.float64, np.float32, 38.0)  # sums are good to 3e-7, whatever eps is
DOUBLE = Precision(np.float64, np.float64, 64.0)
ALL = DOUBLE._replace(product=False, reach=900.0)  # nothing is left out that exp2 does not cut
EXACT = DOUBLE._replace(product=False)  # costs to the last bits, also of points that nearly coincide: the certificate's


class Swept(NamedTuple):
    """After a full iteration: f gives every row its mass; g is the update of the columns; `error` is the L1 distance of
    the column sums from b before that update, for total mass 1."""

    f: np.ndarray
    g: np.ndarray
    error: float


class Coupling(NamedTuple):
    """The plan rows_i b_j exp((f_i + g_j - c_ij) / eps) cols_j.

    The factors are apart from the potentials since (f + g - c) / eps, when it is 1e9, cannot say what 1 + 1e-8 is.
    """

    f: np.ndarray
    g: np.ndarray
    eps: float
    rows: np.ndarray  # (n,) a, but for a rounded plan
    cols: np.ndarray  # (m,) ones, but for a rounded plan


class _Last(NamedTuple):
    """The scaled potentials of the last pass, and the densities they had."""

    k: float
    reach: float
    f: np.ndarray
    g: np.ndarray
    peaks: np.ndarray


@dataclass(eq=False)
class Gibbs:
    """The points with mass of a problem, in curve order, with masses of total 1. Potentials are in units of cost."""

    ground: Ground
    boxes: Boxes
    a: np.ndarray
    b: np.ndarray
    rows: np.ndarray  # the caller's index of every row
    cols: np.ndarray

    def __post_init__(self) -> None:
        self._lock = RLock()
        self._ones = np.ones(self.b.size)
        self._forget()

    def _forget(self) -> None:
        self._grounds: dict = {}
        self._works: dict = {}  # of one precision
        self._kept: dict[int, np.ndarray] = {}
        self._kept_type: np.dtype | None = None
        self._room: np.ndarray | None = None
        self._last: _Last | None = None
        self.__dict__.pop("transposed", None)

    def __reduce__(self) -> tuple:
        return Gibbs, (self.ground, self.boxes, self.a, self.b, self.rows, self.cols)

    @classmethod
    def of(cls, problem: Problem) -> Gibbs:
        rows, cols = np.flatnonzero(problem.a), np.flatnonzero(problem.b)
        order = part(problem.cost, rows, cols).ordered
        rows, cols = rows[order.rows], cols[order.cols]
        a, b = problem.a[rows], problem.b[cols]
        return cls(order.ground, order.boxes, a / total(a), b / total(b), rows, cols)

    @property
    def tasks(self) -> int:
        """A number that does not depend on the threads, so that sums do not either."""
        return min(MOST_TASKS, 1 + self.a.size * self.b.size // PAIRS_PER_TASK)

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.size, self.b.size

    @cached_property
    def transposed(self) -> Gibbs:
        flipped = transposed(self.ground)
        return Gibbs(flipped, enclose(flipped.yt), self.b, self.a, self.cols, self.rows)

    def some_rows(self, rows: np.ndarray) -> Gibbs:
        """The same columns, fewer rows."""
        ground = self.ground
        fewer = ground._replace(x=np.ascontiguousarray(ground.x[rows]))
        if ground.metric == MATRIX:
            fewer = fewer._replace(matrix=np.ascontiguousarray(ground.matrix[rows]))
        return Gibbs(fewer, self.boxes, self.a[rows], self.b, self.rows[rows], self.cols)

    def sweep(self, f: np.ndarray, g: np.ndarray, eps: float, precision: Precision) -> Swept:
        """One full iteration: f from g, then g from f. The given f is only a shift, but a near one saves time.

        O(nm) time, less where eps is small; O(n + m) memory.
        """
        new, columns = self._row_update(f, g, eps, precision)
        error = float(np.abs(columns - self.b).sum())
        # as in the kernel: of a smaller sum, more than 2^-22 may have been left out, or it has vanished altogether
        good = (columns > self.b * 2.0 ** (TOO_FAR - precision.reach)) & (columns < np.inf)
        with np.errstate(divide="ignore"):
            update = g - eps * np.log(columns / self.b)
        bad = np.flatnonzero(~good)
        if bad.size:
            update[bad] = self.transposed.some_rows(bad).softmin(g[bad], new, eps, precision)
        return Swept(new, update, error)

    def softmin(self, f: np.ndarray, g: np.ndarray, eps: float, precision: Precision) -> np.ndarray:
        """-eps log sum_j b_j exp((g_j - c_ij) / eps) for every row; f as in `sweep`."""
        return self._row_update(f, g, eps, precision)[0]

    def extended(self, cost: Cost, rows: np.ndarray, g: np.ndarray, eps: float) -> np.ndarray:
        """The softmin at rows of the caller's cost that are not among these: points without mass."""
        order = cost.take(rows, self.cols).ordered
        there = Gibbs(order.ground, order.boxes, np.ones(rows.size), self.b[order.cols], order.rows, order.cols)
        return restored(there.softmin(np.zeros(rows.size), g[order.cols], eps, EXACT), order.rows)

    def entries(self, f: np.ndarray, g: np.ndarray, eps: float, most: int) -> Entries | None:
        """The entries of the plan that matter most, at most so many; None where there are more that do. Two passes."""
        potentials, scaled = self._scaled(f, g, eps, ALL)
        counts = np.zeros((self.a.size, len(LEVELS)), np.int64)
        first, nothing = np.zeros(self.a.size + 1, np.int64), (np.empty(0, np.int32), np.empty(0))
        self._collect(scaled, potentials, np.array(LEVELS), (True, first, counts, *nothing))
        fits = np.flatnonzero(counts.sum(axis=0) <= most)
        if not fits.size:
            return None
        np.cumsum(counts[:, fits[0]], out=first[1:])
        held = np.empty(first[-1], np.int32), np.empty(first[-1])
        self._collect(scaled, potentials, np.array(LEVELS[fits[0] :]), (False, first, counts, *held))
        return Entries(first, *held, np.empty(first[-1]))

    def _collect(self, scaled: np.ndarray, potentials: softmin.Potentials, levels: np.ndarray, found: tuple) -> None:
        counting, first, counts, cols, cost = found
        with self._pass(scaled, potentials, ALL) as (work, memory):
            for ground, boxes, rows in self._pieces(ALL):
                part = counting, first[rows], counts[rows], cols, cost
                held = (self.a[rows], self.b), scaled[rows], potentials, levels, part, _of(memory, rows)
                share_out(partial(newton.collect, ground, boxes, *held, work), self.tasks)

    def spanned(self, entries: Entries, f: np.ndarray, g: np.ndarray, eps: float) -> newton.Forest:
        """The forest of the entries that are heaviest with these potentials."""
        self._weigh(entries, f, g, eps)
        forest = newton.Forest(*(np.empty(sum(self.shape), kind) for kind in (np.int32, np.int32, np.int64)))
        newton.span(entries, np.argsort(-entries.mass), forest)
        return forest

    def _weigh(self, entries: Entries, f: np.ndarray, g: np.ndarray, eps: float) -> None:
        k = 1.0 / (eps * LN2)
        newton.weigh(entries, self.a, f * k, g * k + np.log2(self.b), k)

    def newton(self, entries: Entries, forest: newton.Forest, swept: Swept, g: np.ndarray, eps: float) -> np.ndarray:
        """Newton's step for g towards the maximum of the objective, after a sweep from g.

        Where a link is too weak for the mass that is to cross it the step is far longer than eps. The mass grows
        exponentially with it, and not linearly as the model has it, so the logarithm is taken, link by link.
        """
        n, m = self.shape
        self._weigh(entries, swept.f, g, eps)
        missing = np.zeros(n + m)
        missing[n:] = self.b * np.expm1((g - swept.g) / eps)  # the columns' sums less b: upwards in -g
        step, room = np.empty(n + m), newton.Room(*(np.empty(n + m) for _ in range(6)))
        products = max(PRODUCTS, n * m // (8 * (1 + entries.cols.size)))
        newton.solve(entries, forest, missing, FORCING, products, room, step)
        newton.damp(forest, step)
        return eps * (np.median(step[n:]) - step[n:])

    def coupling(self, f: np.ndarray, g: np.ndarray, eps: float) -> Coupling:
        """The plan of these potentials as they are."""
        return Coupling(f, g, eps, self.a, self._ones)

    def flipped(self, plan: Coupling) -> Coupling:
        """The same plan for `transposed`."""
        return Coupling(plan.g, plan.f, plan.eps, self.b * plan.cols, plan.rows / self.a)

    def normalised(self, f: np.ndarray, g: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
        """Of the plan with these potentials, in float64: its row sums over a, and the column sums it has when every row
        is scaled to its mass."""
        sums, columns = self._measured(self.coupling(f, g, eps), True)
        return sums[:, 0].copy(), columns

    def measure(self, plan: Coupling) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Of a plan, in float64: row sums, column sums, <C, P> and <|C|, P>."""
        sums, columns = self._measured(plan, False)
        sums *= plan.rows[:, None]
        return sums[:, 0].copy(), columns, float(sums[:, 1].sum()), float(sums[:, 2].sum())

    def _measured(self, plan: Coupling, normalised: bool) -> tuple[np.ndarray, np.ndarray]:
        potentials, scaled = self._scaled(plan.f, plan.g, plan.eps, EXACT, plan.cols)
        sums = np.empty((self.a.size, 3))
        with self._pass(scaled, potentials, EXACT) as (work, memory):
            for ground, boxes, rows in self._pieces(EXACT):
                held = plan.rows[rows], scaled[rows], potentials, normalised, sums[rows], _of(memory, rows)
                share_out(partial(softmin.measure, ground, boxes, *held, work), self.tasks)
            return sums, work.columns.sum(axis=0)

    def apply(self, plan: Coupling, vectors: np.ndarray) -> np.ndarray:
        """A plan times vectors (m, r), in float64; shape (n, r)."""
        return self._rows_of_plan(softmin.apply, plan, vectors.shape[1], np.ascontiguousarray(vectors.T))

    def gradient(self, plan: Coupling) -> np.ndarray:
        """sum_j P_ij d c(x_i, y_j) / d x_i of a plan between points; shape (n, d)."""
        return self._rows_of_plan(softmin.gradient, plan, self.ground.yt.shape[0])

    def _rows_of_plan(self, kernel: Callable, plan: Coupling, width: int, *more: np.ndarray) -> np.ndarray:
        """What a kernel makes of every row of the plan, (n, width)."""
        potentials, scaled = self._scaled(plan.f, plan.g, plan.eps, EXACT, plan.cols)
        out = np.empty((self.a.size, width))
        with self._pass(scaled, potentials, EXACT) as (work, memory):
            for ground, boxes, rows in self._pieces(EXACT):
                args = ground, boxes, scaled[rows], potentials, *more, out[rows], _of(memory, rows), work
                share_out(partial(kernel, *args), self.tasks)
        return out * plan.rows[:, None]

    def dense(self, plan: Coupling, rows: slice) -> np.ndarray:
        """Some rows of a plan, in float64."""
        first, last, _ = rows.indices(self.a.size)
        potentials, scaled = self._scaled(plan.f, plan.g, plan.eps, EXACT, plan.cols)
        out = np.empty((last - first, self.b.size))
        ground = self.ground._replace(x=self.ground.x[rows], matrix=self.ground.matrix[rows])
        with self._lock:
            softmin.densities(ground, scaled[rows], potentials, out, self._work(EXACT))
        return out * plan.rows[rows, None]

    def _row_update(
        self, f: np.ndarray, g: np.ndarray, eps: float, precision: Precision
    ) -> tuple[np.ndarray, np.ndarray]:
        """New potentials of rows, and the column sums of the plan they make."""
        potentials, scaled = self._scaled(f, g, eps, precision)
        new = np.empty_like(scaled)
        with self._pass(scaled, potentials, precision, new) as (work, memory):
            for ground, boxes, rows in self._pieces(precision):
                masses = self.a[rows], self.b
                args = ground, boxes, masses, scaled[rows], potentials, new[rows], _of(memory, rows), work
                share_out(partial(softmin.sweep, *args), self.tasks)
            return new * (eps * LN2), work.columns.sum(axis=0)

    @contextmanager
    def _pass(
        self, f: np.ndarray, potentials: softmin.Potentials, precision: Precision, new: np.ndarray | None = None
    ) -> Iterator[tuple[Work, softmin.Memory]]:
        """Work arrays and memory for a pass from potentials f (scaled) that leaves them, or makes `new`. One pass at a
        time: they share both. After Ctrl-C nothing is remembered, nor where a finer precision follows: its exponents
        may differ by more than it leaves out."""
        with self._lock:
            last, self._last = self._last, None
            work, g = self._work(precision), potentials.g
            groups, blocks = -(-self.a.size // GROUP), potentials.gmax.size
            if groups * blocks > MOST_REMEMBERED:
                yield work, softmin.Memory(np.empty((0, 0), np.int16), np.empty(0), np.empty(0))
                return
            rows, cols = np.zeros(groups), np.zeros(blocks)
            if last is None or last.k != potentials.k or last.reach < potentials.reach:
                peaks = np.full((groups, blocks), softmin.UNKNOWN, np.int16)
            else:
                peaks = last.peaks
                rows = np.maximum.reduceat(f - last.f, np.arange(0, f.size, GROUP))
                cols = np.maximum.reduceat(g - last.g, np.arange(0, g.size, BLOCK))
            yield work, softmin.Memory(peaks, rows, cols)
            self._last = _Last(potentials.k, potentials.reach, f if new is None else new, g, peaks)

    def forget(self) -> None:
        """Drops what only makes the next pass faster: up to 0.3 GB that a result would hold on to."""
        with self._lock:
            self._forget()

    def _scaled(
        self, f: np.ndarray, g: np.ndarray, eps: float, precision: Precision, cols: np.ndarray | None = None
    ) -> tuple[softmin.Potentials, np.ndarray]:
        k = 1.0 / (eps * LN2)
        scaled = g * k
        h = (scaled + np.log2(self.b)).astype(self._cost_type(precision))
        peak = np.maximum.reduceat(scaled, np.arange(0, g.size, BLOCK))
        return softmin.Potentials(h, k, peak, precision.reach, scaled, self._ones if cols is None else cols), f * k

    def _multiplies(self, precision: Precision) -> bool:
        """Whether squared distances come from a product of matrices."""
        return precision.product and self.ground.metric == EUCLIDEAN and self.ground.yt.shape[0] >= PRODUCT_FROM

    def _cost_type(self, precision: Precision) -> type:
        """Costs stay in float64 where a float32 copy would take room (a matrix), and where the root of a product's
        rounding would be felt: 3e-4 of the diameter for two equal points."""
        if self.ground.metric == MATRIX or (self._multiplies(precision) and self.ground.p != 2.0):
            return np.float64
        return precision.cost

    def _pieces(self, precision: Precision) -> Iterator[tuple[Ground, Boxes, slice]]:
        """The rows in pieces of one kernel call each, with their costs in the type wanted."""
        n, m = self.shape
        multiplies, kind = self._multiplies(precision), self._cost_type(precision)
        ground, boxes = self._typed(kind, multiplies)
        step = max(GROUP * self.tasks, PAIRS_PER_CALL // (m * max(1, ground.yt.shape[0] // 4)))
        if multiplies:
            step = min(step, CHUNK // m)
        step = max(1, step // GROUP) * GROUP
        for first in range(0, n, step):
            rows = slice(first, min(n, first + step))
            if multiplies:
                yield self._squares(ground, rows), boxes, rows
            else:
                yield ground._replace(x=ground.x[rows], matrix=ground.matrix[rows]), boxes, rows

    def _squares(self, ground: Ground, rows: slice) -> Ground:
        """Squared distances of some rows of augmented points; kept while there is room, else made anew each time."""
        kind, m = ground.x.dtype, ground.yt.shape[1]
        if self._kept_type != kind:
            self._kept, self._kept_type, self._room = {}, kind, None
        squares = self._kept.get(rows.start)
        if squares is None:
            size = rows.stop - rows.start
            if (sum(len(part) for part in self._kept.values()) + size) * m * kind.itemsize <= CACHE:
                squares = self._kept[rows.start] = ground.x[rows] @ ground.yt
            else:
                if self._room is None or len(self._room) < size:
                    self._room = np.empty((size, m), kind)
                squares = np.matmul(ground.x[rows], ground.yt, out=self._room[:size])
        nothing = np.empty((len(squares), 0), kind), np.empty((0, m), kind)
        return Ground(SQUARES, ground.p, *nothing, squares)

    def _typed(self, kind: type, multiplies: bool) -> tuple[Ground, Boxes]:
        """The ground in float32, or for products, has its origin among the points: it has no digits to spare."""
        if (kind, multiplies) not in self._grounds:
            ground, boxes = self.ground, self.boxes
            if multiplies or kind == np.float32:
                centre = 0.5 * (ground.x.mean(axis=0) + ground.yt.mean(axis=1))
                x, yt = ground.x - centre, ground.yt - centre[:, None]
                boxes = enclose(yt if not multiplies else yt[:0])
                ground = Ground(ground.metric, ground.p, x.astype(kind), yt.astype(kind), ground.matrix.astype(kind))
                ground = _augmented(ground) if multiplies else ground
            self._grounds[kind, multiplies] = ground, boxes
        return self._grounds[kind, multiplies]

    def _work(self, precision: Precision) -> Work:
        kind = self._cost_type(precision), precision.density
        if kind not in self._works:
            m, (d, blocks) = self.b.size, self.boxes.low.shape
            self._works.clear()  # 38 MB of every type at m = 50,000
            self._works[kind] = Work(
                np.empty((self.tasks, TILE), kind[0]),
                np.empty((self.tasks, m), kind[1]),
                np.empty((self.tasks, m), kind[1]),
                np.empty((self.tasks, m)),
                np.empty((self.tasks, blocks)),
                np.empty((self.tasks, blocks + 1, 2), np.int64),
                np.empty((self.tasks, 2, d)),
                np.array([[0, m]]),
            )
        self._works[kind].columns[:] = 0.0
        return self._works[kind]


def _of(memory: softmin.Memory, rows: slice) -> softmin.Memory:
    """The memory of some rows, from the first of a group."""
    groups = slice(rows.start // GROUP, -(-rows.stop // GROUP))
    return softmin.Memory(memory.peaks[groups], memory.rows[groups], memory.cols)


def _augmented(ground: Ground) -> Ground:
    """Points with two more coordinates, so that x @ yt is |x|^2 + |y|^2 - 2 x y: one product and nothing after it."""
    x, yt = ground.x, ground.yt
    ones = np.ones((len(x), 1), x.dtype), np.ones((1, yt.shape[1]), x.dtype)
    left = np.concatenate([x, (x * x).sum(axis=1, keepdims=True), ones[0]], axis=1)
    right = np.concatenate([-2.0 * yt, ones[1], (yt * yt).sum(axis=0, keepdims=True)], axis=0)
    return ground._replace(x=left, yt=right.astype(x.dtype))
