"""Ground costs: how a cost is stored, scaled and ordered before kernels see it.

Three kinds, one surface: `shape`, `scale`, `p`, `at(rows, cols)`, `block(rows)`, `take(rows, cols)`, `ordered`. Values
are kept divided by `scale**p`, with `scale` a power of two (so nothing is rounded) that is 1 unless the data would
overflow or underflow when raised to p: points of size 1e150 and p = 3 have cost 1e450, which no float64 holds.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit.errors import BadCost, BadMeasure, Unsupported
from otkit.measures import numbers

if TYPE_CHECKING:
    from otkit.kernels.boxes import Boxes
    from otkit.kernels.ground import Ground

METRICS = ("euclidean", "cityblock", "chebyshev")
CURVE_DIMENSIONS = 3  # a curve through more coordinates no longer keeps neighbours together with 62 bits to share
TINY = np.finfo(np.float64).tiny
VANISHING = 2.0**-960  # squares of coordinates may have been lost below this
SAFE_EXPONENT = 400  # cost between 2^-400 and 2^400 (1e-120 .. 1e120) is left as it is: room for squares and sums
LARGEST_ORDER = 64  # at p = 64 distances down to 1e-7 of the largest still have a cost that is not 0
ALLOWED_PAIRS = 2**31 - 1


class Ordered(NamedTuple):
    """A cost with rows and columns in curve order; `rows[k]` is the caller's index of row k."""

    rows: np.ndarray
    cols: np.ndarray
    ground: Ground
    boxes: Boxes


@dataclass(frozen=True, eq=False)
class PointCost:
    """c(x_i, y_j) = metric(x_i, y_j)**p from the points alone; O(n + m) memory."""

    x: np.ndarray  # (n, d), divided by scale
    y: np.ndarray  # (m, d), divided by scale
    metric: str
    p: float
    scale: float = 1.0
    origin: float | np.ndarray = 0.0  # taken off the points before they were divided, where scale is not 1

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.x), len(self.y)

    @property
    def dimension(self) -> int:
        return self.x.shape[1]

    def take(self, rows: np.ndarray, cols: np.ndarray) -> PointCost:
        return PointCost(self.x[rows], self.y[cols], self.metric, self.p, self.scale, self.origin)

    def transposed(self) -> PointCost:
        return PointCost(self.y, self.x, self.metric, self.p, self.scale, self.origin)

    def at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Costs of the pairs (rows[k], cols[k]). A pair that moves costs at least TINY: an upper bound must not vanish
        because a square did."""
        difference = np.abs(self.x[rows] - self.y[cols])
        costs = self._power(self._reduce(difference))
        vanished = np.flatnonzero(costs < VANISHING)
        if vanished.size:
            largest = difference[vanished].max(axis=1)
            moved, largest = vanished[largest > 0], largest[largest > 0]
            with np.errstate(under="ignore"):
                distance = PointCost._reduce(replace(self, p=1.0), difference[moved] / largest[:, None]) * largest
                costs[moved] = np.maximum(distance**self.p, TINY)
        return costs

    def slopes(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Gradients of the costs of the pairs (rows[k], cols[k]) in x, shape (k, d), divided by scale**(p - 1); in y
        they are the negative of it. Where the cost has a kink (p = 1 and coinciding points, equal coordinates) the
        symmetric subgradient, 0."""
        difference = self.x[rows] - self.y[cols]
        if self.metric == "euclidean" and self.p == 2:
            return 2.0 * difference
        size = np.abs(difference)
        distance = replace(self, p=1.0)._reduce(size)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.metric == "euclidean":
                direction = np.where(distance > 0.0, difference / distance, 0.0)
            else:
                direction = np.sign(difference)
        if self.metric == "chebyshev":
            direction = np.where(np.arange(self.dimension) == size.argmax(axis=1)[:, None], direction, 0.0)
        return direction if self.p == 1 else self.p * distance ** (self.p - 1.0) * direction

    def block(self, rows: slice) -> np.ndarray:
        """Costs of some rows against every column, dense."""
        out = np.zeros((len(self.x[rows]), len(self.y)))
        for k in range(self.dimension):
            difference = np.abs(self.x[rows, k, None] - self.y[None, :, k])
            if self.metric == "euclidean":
                out += difference * difference
            elif self.metric == "cityblock":
                out += difference
            else:
                np.maximum(out, difference, out=out)
        return self._power(np.sqrt(out) if self.metric == "euclidean" and self.p != 2 else out)

    def _reduce(self, difference: np.ndarray) -> np.ndarray:
        if self.metric == "euclidean":
            squares = np.einsum("kd,kd->k", difference, difference)
            return squares if self.p == 2 else np.sqrt(squares)
        return difference.sum(axis=1) if self.metric == "cityblock" else difference.max(axis=1)

    def _power(self, distance: np.ndarray) -> np.ndarray:
        already = self.p == 1 or (self.metric == "euclidean" and self.p == 2)
        return distance if already else distance**self.p

    @cached_property
    def ordered(self) -> Ordered:
        from otkit.kernels.boxes import enclose

        rows, cols = curve_order(self.x, self.y)
        yt = np.ascontiguousarray(self.y[cols].T)
        return Ordered(rows, cols, _ground(METRICS.index(self.metric), self.p, self.x[rows], yt), enclose(yt))


@dataclass(frozen=True, eq=False)
class MatrixCost:
    """A dense cost matrix (n, m), divided by scale**p."""

    matrix: np.ndarray
    p: float = 1.0
    scale: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    def take(self, rows: np.ndarray, cols: np.ndarray) -> MatrixCost:
        return MatrixCost(self.matrix[np.ix_(rows, cols)], self.p, self.scale)

    def transposed(self) -> MatrixCost:
        return MatrixCost(np.ascontiguousarray(self.matrix.T), self.p, self.scale)

    def at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return self.matrix[rows, cols]

    def block(self, rows: slice) -> np.ndarray:
        return self.matrix[rows]

    @cached_property
    def ordered(self) -> Ordered:
        from otkit.kernels.boxes import enclose
        from otkit.kernels.ground import MATRIX

        n, m = self.shape
        boxes = enclose(np.empty((0, m)))
        return Ordered(np.arange(n), np.arange(m), _ground(MATRIX, self.p, matrix=self.matrix), boxes)


@dataclass(frozen=True, eq=False)
class SparseCost:
    """Costs of the allowed pairs only, row by row; every other pair is forbidden. O(pairs) memory."""

    indptr: np.ndarray  # (n + 1,) int64
    indices: np.ndarray  # (pairs,) int64, ascending within a row
    values: np.ndarray  # (pairs,) float64, divided by scale
    columns: int
    scale: float = 1.0
    p: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.indptr.size - 1, self.columns

    @property
    def row_of(self) -> np.ndarray:
        """The row of every allowed pair."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def take(self, rows: np.ndarray, cols: np.ndarray) -> SparseCost:
        new_row = np.full(self.shape[0], -1)
        new_row[rows] = np.arange(len(rows))
        new_col = np.full(self.columns, -1)
        new_col[cols] = np.arange(len(cols))
        row, col = new_row[self.row_of], new_col[self.indices]
        kept = (row >= 0) & (col >= 0)
        return _compressed(row[kept], col[kept], self.values[kept], (len(rows), len(cols)), self.scale)

    def transposed(self) -> SparseCost:
        n, m = self.shape
        return _compressed(self.indices, self.row_of, self.values, (m, n), self.scale)

    def at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Costs of pairs, all of them allowed."""
        keys = self.row_of * self.columns + self.indices
        return self.values[np.searchsorted(keys, np.asarray(rows) * self.columns + cols)]

    def block(self, rows: slice) -> np.ndarray:
        """Some rows, dense, with inf where a pair is forbidden."""
        start, stop, _ = rows.indices(self.shape[0])
        out = np.full((stop - start, self.columns), np.inf)
        part = slice(self.indptr[start], self.indptr[stop])
        out[self.row_of[part] - start, self.indices[part]] = self.values[part]
        return out


Cost = PointCost | MatrixCost | SparseCost


def part(cost: Cost, rows: np.ndarray, cols: np.ndarray) -> Cost:
    """`cost.take` of ascending rows and columns; the cost itself, with the order it has found, where they are all."""
    return cost if (rows.size, cols.size) == cost.shape else cost.take(rows, cols)


def nonnegative(cost: Cost) -> bool:
    """Whether no pair has a negative cost, known without looking at pairs of points."""
    values = getattr(cost, "matrix", getattr(cost, "values", None))
    return values is None or values.size == 0 or bool(values.min() >= 0.0)


def _compressed(
    row: np.ndarray, col: np.ndarray, values: np.ndarray, shape: tuple[int, int], scale: float
) -> SparseCost:
    order = np.lexsort((col, row))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))]).astype(np.int64)
    return SparseCost(indptr, col[order].astype(np.int64), values[order], shape[1], scale)


def _ground(
    metric: int, p: float, x: np.ndarray | None = None, yt: np.ndarray | None = None, matrix: np.ndarray | None = None
) -> Ground:
    from otkit.kernels.ground import Ground

    if matrix is None:
        return Ground(metric, p, x, yt, np.empty((0, 0)))
    n, m = matrix.shape
    return Ground(metric, p, np.empty((n, 0)), np.empty((0, m)), matrix)


MOST_AXES = 1024  # whose principal directions are found in 0.3 s; of 30,000 the matrix alone takes 7 GB


def curve_order(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both clouds in the order of one Hilbert curve through their bounding box.

    Beyond 3 coordinates the curve runs through the three principal directions of both clouds together.
    """
    from otkit.kernels.curve import KEY_BITS, hilbert_keys

    both = np.concatenate([x, y])
    low, high = both.min(axis=0), both.max(axis=0)
    if both.shape[1] > CURVE_DIMENSIONS:
        centred = (both - both.mean(axis=0)) / max(float((high - low).max()), np.finfo(float).tiny)
        if both.shape[1] > MOST_AXES:  # an order is all that is wanted: random axes keep distances well enough
            axes = np.random.default_rng(0).standard_normal((both.shape[1], MOST_AXES // 4))
            centred = centred @ axes / np.sqrt(both.shape[1])
        both = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -CURVE_DIMENSIONS:]
        low, high = both.min(axis=0), both.max(axis=0)
    bits = min(20, KEY_BITS // both.shape[1])
    side = max(float((high - low).max()), np.finfo(float).tiny)
    cells = ((both - low) / side * (2**bits - 1)).astype(np.int64)
    keys = np.empty(len(cells), np.int64)
    hilbert_keys(cells, bits, keys)
    return np.argsort(keys[: len(x)], kind="stable"), np.argsort(keys[len(x) :], kind="stable")


def safe_scale(largest: float, p: float) -> float:
    """A power of two by which to divide distances up to `largest`, so that their powers neither overflow nor vanish; 1
    where they are of a sound size already. High orders put the largest cost at 2^400, to leave room below."""
    if largest == 0.0:
        return 1.0
    exponent = math.frexp(largest)[1]
    if p <= 8.0 and abs(exponent) * max(p, 2.0) <= SAFE_EXPONENT:
        return 1.0
    room = int(SAFE_EXPONENT / p) if p > 8.0 else 0
    return math.ldexp(1.0, min(max(exponent - room, -1021), 1023))


def point_cost(x: np.ndarray, y: np.ndarray, metric: str | Callable, p: float) -> PointCost | MatrixCost:
    """The ground cost metric(x_i, y_j)**p of validated samples. A callable is asked once, for the whole matrix."""
    p = order_of(p)
    if x.shape[1] != y.shape[1]:
        raise BadMeasure(
            f"x has {x.shape[1]} coordinates and y has {y.shape[1]}: both samples must live in the same space."
        )
    _check_size(len(x), len(y))
    if callable(metric):
        return _called(metric, x, y, p)
    if not isinstance(metric, str) or metric not in METRICS:
        raise BadCost(_unknown(metric))
    scale = safe_scale(_extent(x, y), p)
    if scale == 1.0:
        return PointCost(x, y, metric, p)
    origin = 0.5 * x[0] + 0.5 * y[0] if scale > 1.0 else x[0]  # far coordinates divided by a small scale are inf
    return PointCost((x - origin) / scale, (y - origin) / scale, metric, p, scale, origin)


def _extent(x: np.ndarray, y: np.ndarray) -> float:
    """The longest side of the box around both samples."""
    low = np.minimum(x.min(axis=0), y.min(axis=0))
    high = np.maximum(x.max(axis=0), y.max(axis=0))
    with np.errstate(over="ignore"):
        return min(float((high - low).max()), np.finfo(np.float64).max)


def order_of(p: float) -> float:
    """p as a float, or why it is no order."""
    if isinstance(p, str) or not isinstance(p, Real | np.number):
        raise Unsupported(f"p is {p!r}: the order is a number, 1 <= p < inf.")
    p = float(p)
    if not 1.0 <= p < math.inf:
        raise Unsupported(f"p is {p}: W_p is a distance for 1 <= p < inf.")
    if p > LARGEST_ORDER:
        raise Unsupported(f"p is {p}: above {LARGEST_ORDER} short distances cost 0 in float64. Use a smaller p.")
    return p


def _check_size(n: int, m: int) -> None:
    if n + m > ALLOWED_PAIRS:
        raise Unsupported(f"{n} + {m} points exceed the {ALLOWED_PAIRS} that 32-bit node numbers hold. Subsample.")


def _unknown(metric: object) -> str:
    if isinstance(metric, str) and metric == "sqeuclidean":
        return f"metric is {metric!r}: the squared Euclidean cost is metric='euclidean' with p=2."
    also = {"l1": "cityblock", "manhattan": "cityblock", "l2": "euclidean", "linf": "chebyshev", "max": "chebyshev"}
    close = difflib.get_close_matches(str(metric).lower(), [*METRICS, *also], n=1)
    hint = f" Did you mean {also.get(close[0], close[0])!r}?" if close else ""
    shown = repr(metric) if isinstance(metric, str) else f"of type {type(metric).__name__}"
    return f"metric is {shown}.{hint} Known are {', '.join(METRICS)}, or a callable (x, y) -> (n, m) distances."


def _called(metric: Callable, x: np.ndarray, y: np.ndarray, p: float) -> MatrixCost:
    distances = numbers(metric(x, y), "metric(x, y)", BadCost)
    if distances.shape != (len(x), len(y)):
        raise BadCost(
            f"metric(x, y) returned shape {distances.shape} for {len(x)} and {len(y)} points: "
            f"a metric returns all distances, shape ({len(x)}, {len(y)})."
        )
    if distances.min() < 0:
        i, j = np.unravel_index(np.argmin(distances), distances.shape)
        raise BadCost(f"metric(x, y)[{i}, {j}] is {float(distances[i, j])!r}: a distance is never negative.")
    scale = safe_scale(float(distances.max()), p)
    return MatrixCost((distances / scale) ** p, p, scale)


def given_cost(value: object) -> MatrixCost | SparseCost:
    """A cost matrix as the caller holds it: anything dense, or a SciPy sparse array whose absent entries are
    forbidden."""
    if hasattr(value, "tocoo"):
        return _sparse(value)
    matrix = numbers(value, "cost", BadCost)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise BadCost(f"cost has shape {matrix.shape}: a cost is (n, m) with at least one row and one column.")
    _check_size(*matrix.shape)
    scale = safe_scale(max(abs(float(matrix.max())), abs(float(matrix.min()))), 1.0)
    return MatrixCost(matrix if scale == 1.0 else matrix / scale, 1.0, scale)


def _sparse(value: object) -> SparseCost:
    entries = value.tocoo()
    if entries.ndim != 2 or 0 in entries.shape:
        raise BadCost(f"cost has shape {entries.shape}: a cost is (n, m) with at least one row and one column.")
    _check_size(*entries.shape)
    values = numbers(entries.data, "cost", BadCost)
    row, col = (np.asarray(k, dtype=np.int64) for k in entries.coords)
    keys = row * entries.shape[1] + col
    if np.unique(keys).size != keys.size:
        raise BadCost("cost has entries given twice for one pair. Call cost.sum_duplicates(), or keep the cheaper one.")
    scale = safe_scale(float(np.abs(values).max(initial=0.0)), 1.0)
    return _compressed(row, col, values / scale, entries.shape, scale)
