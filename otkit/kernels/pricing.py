"""Pricing: the columns of smallest reduced cost in each row, kept in one short candidate list a row.

A full pricing pass looks at every pair (through the boxes), in parallel over rows. The simplex then works on the lists
alone, whose costs are stored, until nothing in them pays; so the passes are few (10 to 20) and the price of one is
shared by thousands of pivots.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from otkit.kernels.boxes import BLOCK, lower_bounds
from otkit.kernels.ground import FINITE, fill
from otkit.kernels.jit import njit

NEW = 8  # best columns taken from one pass over a row
TASKS = 64  # pieces a pass is cut into: rows differ in how many of their boxes are opened
ALONE = 2**20  # coordinates below which one thread does it all: on a busy machine the second comes 8 to 24 ms late
EPS = 2.0**-52


class Lists(NamedTuple):
    """Row i's candidates are column and cost [start[i] : start[i] + count[i]]; its room ends at start[i + 1]."""

    start: np.ndarray  # (n + 1,) int64
    count: np.ndarray  # (n,) int64
    column: np.ndarray  # (start[n],) int32
    cost: np.ndarray  # (start[n],) float64


@njit(fastmath=FINITE | {"reassoc"})
def _smallest(buf, g):
    best = np.inf
    for t in range(g.shape[0]):
        best = min(best, buf[t] - g[t])
    return best


@njit
def best_columns(ground, boxes, g, gmax, i, limit, first, bounds, buf, column, cost, key):
    """The columns of row i with the smallest c(x_i, y_j) - g_j below limit, ascending; block `first` comes first.

    Modifies column, cost, key (their length is how many are wanted) and the work arrays bounds, buf. Returns how many
    were found.
    """
    m = g.shape[0]
    wanted = key.shape[0]
    found = 0
    lower_bounds(ground, boxes, ground.x[i], ground.x[i], bounds)
    for turn in range(bounds.shape[0]):
        b = first if turn == 0 else (turn - 1 if turn <= first else turn)
        if bounds[b] - gmax[b] >= limit:
            continue
        lo = b * BLOCK
        width = min(m, lo + BLOCK) - lo
        fill(ground, i, lo, lo + width, buf)
        if _smallest(buf, g[lo : lo + width]) >= limit:
            continue
        for t in range(width):
            value = buf[t] - g[lo + t]
            if value >= limit:
                continue
            at = found if found < wanted else wanted - 1
            while at > 0 and key[at - 1] > value:
                key[at], column[at], cost[at] = key[at - 1], column[at - 1], cost[at - 1]
                at -= 1
            key[at], column[at], cost[at] = value, lo + t, buf[t]
            if found < wanted:
                found += 1
            if found == wanted:
                limit = key[wanted - 1]
    return found


@njit
def _merge(lists, i, g, column, cost, key, found):
    """Modifies list i: takes the found columns in; where it is full, those of largest reduced cost give way."""
    begin, room = lists.start[i], lists.start[i + 1] - lists.start[i]
    for t in range(found):
        known = False
        worst, at = -np.inf, begin
        for s in range(begin, begin + lists.count[i]):
            if lists.column[s] == column[t]:
                known = True
                break
            value = lists.cost[s] - g[lists.column[s]]
            if value > worst:
                worst, at = value, s
        if known:
            continue
        if lists.count[i] < room:
            at = begin + lists.count[i]
            lists.count[i] += 1
        elif worst <= key[t]:
            continue
        lists.column[at] = column[t]
        lists.cost[at] = cost[t]


@njit
def _price_rows(ground, boxes, f, g, gmax, rows, lists, smallest):
    """Serial twin of `price`."""
    bounds = np.empty(gmax.shape[0])
    buf = np.empty(BLOCK)
    column = np.empty(NEW, np.int32)
    cost = np.empty(NEW)
    key = np.empty(NEW)
    near = 0
    for i in rows:
        limit = f[i] - EPS * abs(f[i]) if f[i] < np.inf else np.inf
        found = best_columns(ground, boxes, g, gmax, i, limit, near, bounds, buf, column, cost, key)
        smallest[i] = f[i]
        if found > 0:
            smallest[i] = key[0]
            near = column[0] // BLOCK
        _merge(lists, i, g, column, cost, key, found)


@njit(parallel=True)
def price(ground, boxes, f, g, gmax, rows, lists, smallest):
    """Modifies lists and smallest: for every row i of `rows`, smallest[i] = min(f_i, min_j c_ij - g_j), and the NEW
    best columns with c_ij - g_j < f_i join the list. With f = inf that is the c-transform of g.

    Ties within rounding of f are no candidates. gmax: `block_max` of g.
    """
    count = rows.shape[0]
    if count * g.shape[0] * (ground.yt.shape[0] + 1) < ALONE:
        _price_rows(ground, boxes, f, g, gmax, rows, lists, smallest)
        return
    for task in prange(TASKS):
        part = rows[task * count // TASKS : (task + 1) * count // TASKS]
        _price_rows(ground, boxes, f, g, gmax, part, lists, smallest)


@njit
def _transform_rows(ground, boxes, f, g, gmax, rows, smallest):
    """Serial twin of `c_transform`."""
    bounds = np.empty(gmax.shape[0])
    buf = np.empty(BLOCK)
    column = np.empty(1, np.int32)
    cost = np.empty(1)
    key = np.empty(1)
    near = 0
    for i in rows:
        smallest[i] = f[i]
        if best_columns(ground, boxes, g, gmax, i, f[i], near, bounds, buf, column, cost, key) > 0:
            smallest[i] = key[0]
            near = column[0] // BLOCK


@njit(parallel=True)
def c_transform(ground, boxes, f, g, gmax, rows, smallest):
    """Modifies smallest[i] = min(f_i, min_j c_ij - g_j) for every row i of `rows`: the certificate's pass, no slack."""
    count = rows.shape[0]
    if count * g.shape[0] * (ground.yt.shape[0] + 1) < ALONE:
        _transform_rows(ground, boxes, f, g, gmax, rows, smallest)
        return
    for task in prange(TASKS):
        part = rows[task * count // TASKS : (task + 1) * count // TASKS]
        _transform_rows(ground, boxes, f, g, gmax, part, smallest)
