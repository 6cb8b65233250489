"""Proofs: potentials made feasible for the full cost, and the value of the bound they give.

Every solver ends here, and so do the tests. A pass looks at every pair in blocks, never at an n x m array; with good
potentials at hand the boxes refute nearly all pairs unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from otkit.costs import CURVE_DIMENSIONS, TINY, Cost, SparseCost, nonnegative, part
from otkit.measures import total
from otkit.result import Certificate

if TYPE_CHECKING:
    from otkit.kernels.boxes import Boxes
    from otkit.kernels.ground import Ground

Slices = Callable[[np.ndarray], Iterator[np.ndarray]]  # rows, in pieces between which the clock may be asked

EPS = 2.0**-52
SAMPLE = 128  # rows on which a guess of potentials is judged
PAIRS_PER_CALL = 10**8  # coordinates looked at in one kernel call: 0.1 s, so that Ctrl-C is heard
LOOKED_AT = 2**12  # of a row's coordinates, in few dimensions


def certify(cost: Cost, a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray) -> Certificate:
    """The feasible pair nearest below (f, g), for weights a (n,), b (m,); entries of f and g that are inf are unknown.

    O(nm) time (less through the boxes), O(n + m) memory. Columns without a known potential get theirs from the known
    rows; then every f[i] becomes min(f[i], min_j c_ij - g[j]).
    """
    known, wanted = np.isfinite(f), ~np.isfinite(g)
    if wanted.any():
        rows = np.flatnonzero(known)
        held = part(cost, rows, np.arange(g.size))
        g = conjugate(held.transposed(), f[rows], np.where(wanted, np.inf, g))
        g[~np.isfinite(g)] = 0.0  # a column that no allowed pair reaches binds nobody
        # these columns carry no mass, or are made feasible again below: a little less keeps their rounding out of f
        g[wanted] -= 4.0 * EPS * np.abs(g[wanted])
    shift = centre(a, b, np.where(known, f, 0.0), g)
    g = g - shift
    f = conjugate(cost, g, f + shift)
    f[~np.isfinite(f)] = 0.0
    return proven(cost, a, b, f, g)


def from_columns(cost: Cost, a: np.ndarray, b: np.ndarray, g: np.ndarray, *, both_sides: bool = True) -> Certificate:
    """What potentials of columns are worth that belong to no optimum: the c-transform f of g and, with `both_sides`,
    the c-transform of that in place of g, a pass each.

    Entries of g may be inf (unknown). g = 0 gives the bound by row and column minima, which for x and y that nearly
    coincide is the optimum, free of the rounding that potentials of a spanning tree gather.
    """
    unknown = np.full(a.size, np.inf)
    known = np.isfinite(g)
    if not both_sides and known.all():
        return certify(cost, a, b, unknown, g)
    cols = np.flatnonzero(known)
    held = part(cost, np.arange(a.size), cols)
    return certify(cost, a, b, conjugate(held, g[cols], unknown), np.full(b.size, np.inf))


def most_promising(cost: Cost, a: np.ndarray, b: np.ndarray, guesses: list[np.ndarray]) -> np.ndarray:
    """The g whose c-transform gives the largest dual value, judged on SAMPLE rows; inf in g is unknown."""
    rows = np.random.default_rng(0).permutation(a.size)[:SAMPLE]
    some = cost.take(rows, np.arange(b.size))

    def promise(g: np.ndarray) -> float:
        known = np.isfinite(g)
        g = np.where(known, g, 0.0)
        f = conjugate(some, g, np.full(rows.size, np.inf))
        return float(a[rows] @ f) * float(a.sum() / max(a[rows].sum(), TINY)) + float(b @ g)

    return max(guesses, key=promise)


def feasible_as_is(cost: Cost, a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray) -> Certificate:
    """The certificate of a pair known to be feasible to rounding, without a pass."""
    slack = 4.0 * EPS * float(np.abs(f).max() + np.abs(g).max())
    return proven(cost, a, b, f - slack, g)


def without_work(cost: Cost, a: np.ndarray, b: np.ndarray) -> Certificate:
    """The bound that needs no pass between points: 0, or the row minima of a matrix."""
    if nonnegative(cost):
        return Certificate(np.zeros_like(a), np.zeros_like(b), 0.0)
    if isinstance(cost, SparseCost):
        return certify(cost, a, b, np.full(a.size, np.inf), np.zeros_like(b))
    return proven(cost, a, b, cost.matrix.min(axis=1), np.zeros_like(b))


def pass_seconds(cost: Cost) -> float:
    """What a full pass takes, roughly: 0.1 ns a coordinate of a pair, a tenth of that where boxes help."""
    n, m = cost.shape
    dimension = getattr(cost, "dimension", 0)
    return (1e-11 if 0 < dimension <= CURVE_DIMENSIONS else 1e-10) * n * m * (1 + dimension)


def proven(cost: Cost, a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray) -> Certificate:
    """The certificate of f = c-transform of g as computed: rounding is taken off the potentials and off the value."""
    f = f - EPS * np.abs(f)  # c - g was rounded: this keeps f + g <= c true without rounding
    whole = total(a)  # shares of it, so that totals near 1e308 do not overflow halfway
    dual = whole * float(value_below(a / whole, b / whole, f, g))
    if dual < 0.0 and nonnegative(cost):  # the pair 0, 0 is feasible then, and better
        return Certificate(np.zeros_like(f), np.zeros_like(g), 0.0)
    return Certificate(f, g, dual)


def value_below(a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """a @ f + b @ g less its rounding; of several problems at once where there are more axes than the last."""
    rows, cols = a * f, b * g
    rounding = 2.0 * EPS * (np.abs(rows).sum(axis=-1) + np.abs(cols).sum(axis=-1))
    return rows.sum(axis=-1) + cols.sum(axis=-1) - rounding


def centre(a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray) -> float:
    """The constant to move from g to f so that both halves of the dual value are equal and rounding stays small."""
    whole = total(a)
    return 0.5 * float(b / whole @ g - a / whole @ f)


def conjugate(cost: Cost, g: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """The c-transform capped: min(limit[i], min_j c_ij - g[j]) for every row, in the caller's order, shape (n,)."""
    if isinstance(cost, SparseCost):
        out = limit.copy()
        np.minimum.at(out, cost.row_of, cost.values - g[cost.indices])
        return out
    order = cost.ordered
    smallest = c_transformed(order.ground, order.boxes, g[order.cols], limit[order.rows], partial(row_slices, cost))
    return restored(smallest, order.rows)


def c_transformed(ground: Ground, boxes: Boxes, g: np.ndarray, limit: np.ndarray, slices: Slices) -> np.ndarray:
    """min(limit_i, min_j c_ij - g_j) for every row, all in the order of the curve."""
    from otkit.kernels.planes import planes_of
    from otkit.kernels.pricing import c_transform
    from otkit.threads import launch

    planes, smallest = planes_of(ground, boxes, g), np.empty_like(limit)
    for rows in slices(np.arange(limit.size)):
        with launch():
            c_transform(ground, boxes, limit, g, planes, rows, smallest)
    return smallest


def restored(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Values in curve order, or sorted, back in the caller's order: `values[k]` belongs to the caller's `order[k]`."""
    out = np.empty_like(values)
    out[order] = values
    return out


def row_slices(cost: Cost, rows: np.ndarray) -> Iterator[np.ndarray]:
    """`rows` in pieces of about 0.1 s of pricing each. Where boxes refute, a row is looked at in part: at n = 250,000
    pieces of every pair's size, 200 rows, took four times as long as these."""
    per_row = cost.shape[1] * max(1, getattr(cost, "dimension", 1))
    if 0 < getattr(cost, "dimension", 0) <= CURVE_DIMENSIONS:
        per_row = min(per_row, LOOKED_AT)
    step = max(64, PAIRS_PER_CALL // per_row)
    for begin in range(0, rows.size, step):
        yield rows[begin : begin + step]
