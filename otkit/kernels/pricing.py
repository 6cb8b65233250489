"""Pricing: the columns of smallest reduced cost in each row, kept in one short candidate list a row.

A full pricing pass looks at every pair (through the boxes), in parallel over rows. The simplex then works on the lists
alone, whose costs are stored, until nothing in them pays; so the passes are few (10 to 20) and the price of one is
shared by thousands of pivots.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from otkit.kernels.boxes import BLOCK, GROUP
from otkit.kernels.ground import FINITE, MATRIX, fill
from otkit.kernels.jit import njit
from otkit.kernels.planes import blocks_below, groups_below

NEW = 8  # best columns taken from one pass over a row
AT_ONCE = 64  # columns of a matrix; 32 and 128 were within 10 %
TASKS = 64  # pieces a pass is cut into: rows differ in how many of their boxes are opened
ALONE = 2**20  # coordinates below which one thread does it all: on a busy machine the second comes 8 to 24 ms late
EPS = 2.0**-52


class Lists(NamedTuple):
    """Row i's candidates are column and cost [start[i] : start[i] + count[i]]; its room ends at start[i + 1]."""

    start: np.ndarray  # (n + 1,) int64
    count: np.ndarray  # (n,) int64
    column: np.ndarray  # (start[n],) int32
    cost: np.ndarray  # (start[n],) float64


class Query(NamedTuple):
    """Work arrays of `best_columns`."""

    outer: np.ndarray  # (groups,)
    outer_size: np.ndarray  # (groups,)
    inner: np.ndarray  # (GROUP,)
    inner_size: np.ndarray  # (GROUP,)
    cost: np.ndarray  # (BLOCK,)


@njit
def new_query(planes):
    groups = planes.outer_top.shape[0]
    return Query(np.empty(groups), np.empty(groups), np.empty(GROUP), np.empty(GROUP), np.empty(BLOCK))


@njit(fastmath=FINITE | {"reassoc"})
def _smallest(buf, g):
    best = np.inf
    for t in range(g.shape[0]):
        best = min(best, buf[t] - g[t])
    return best


@njit
def _take(j, c, value, found, column, cost, key):
    """Modifies column, cost, key: sorted by key, with column j among the `found` there were, where it is one of the
    smallest. Returns how many there are."""
    wanted = key.shape[0]
    place = found if found < wanted else wanted - 1
    while place > 0 and key[place - 1] > value:
        key[place], column[place], cost[place] = key[place - 1], column[place - 1], cost[place - 1]
        place -= 1
    key[place], column[place], cost[place] = value, j, c
    return min(found + 1, wanted)


@njit
def _best_of_row(row, g, limit, column, cost, key):
    """`best_columns` of a row of a matrix: 1.5 ns a pair where blocks, which refute nothing there, took 3.6 ns."""
    wanted, found = key.shape[0], 0
    for lo in range(0, g.shape[0], AT_ONCE):
        hi = min(g.shape[0], lo + AT_ONCE)
        if _smallest(row[lo:hi], g[lo:hi]) >= limit:
            continue
        for j in range(lo, hi):
            value = row[j] - g[j]
            if value < limit:
                found = _take(j, row[j], value, found, column, cost, key)
                if found == wanted:
                    limit = key[wanted - 1]
    return found


@njit
def best_columns(ground, boxes, g, planes, i, limit, first, work, column, cost, key):
    """The columns of row i with the smallest c(x_i, y_j) - g_j below limit, ascending; the group of block `first` comes
    first. planes: `planes_of` g.

    Modifies column, cost, key (their length is how many are wanted) and work. Returns how many were found.
    """
    if ground.metric == MATRIX:
        return _best_of_row(ground.matrix[i], g, limit, column, cost, key)
    m, wanted, found = g.shape[0], key.shape[0], 0
    outer, bounds, buf = work.outer, work.inner, work.cost
    groups, blocks = outer.shape[0], planes.top.shape[0]
    groups_below(ground, boxes, planes, i, outer, work.outer_size)
    here = first // GROUP
    for turn in range(groups):
        u = here if turn == 0 else (turn - 1 if turn <= here else turn)
        if outer[u] >= limit:
            continue
        begin = u * GROUP
        end = min(blocks, begin + GROUP)
        blocks_below(ground, boxes, planes, i, begin, end, bounds, work.inner_size)
        start = first - begin if turn == 0 else 0
        for shift in range(end - begin):
            at = start if shift == 0 else (shift - 1 if shift <= start else shift)
            b = begin + at
            if bounds[at] >= limit:
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
                found = _take(lo + t, buf[t], value, found, column, cost, key)
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
def take_in(lists, by_column):
    """Modifies lists: the pairs listed by column join the lists of their rows, where there is room and they are new."""
    for j in range(by_column.count.shape[0]):
        for t in range(by_column.start[j], by_column.start[j] + by_column.count[j]):
            i = by_column.column[t]
            end = lists.start[i] + lists.count[i]
            known = end == lists.start[i + 1]
            for s in range(lists.start[i], end):
                known = known or lists.column[s] == j
            if not known:
                lists.column[end], lists.cost[end] = j, by_column.cost[t]
                lists.count[i] += 1


@njit
def _price_rows(ground, boxes, f, g, planes, rows, lists, smallest):
    """Serial twin of `price`."""
    work = new_query(planes)
    column = np.empty(NEW, np.int32)
    cost = np.empty(NEW)
    key = np.empty(NEW)
    near = 0
    for i in rows:
        limit = f[i] - EPS * abs(f[i]) if f[i] < np.inf else np.inf
        found = best_columns(ground, boxes, g, planes, i, limit, near, work, column, cost, key)
        smallest[i] = f[i]
        if found > 0:
            smallest[i] = key[0]
            near = column[0] // BLOCK
        _merge(lists, i, g, column, cost, key, found)


@njit(parallel=True)
def price(ground, boxes, f, g, planes, rows, lists, smallest):
    """Modifies lists and smallest: for every row i of `rows`, smallest[i] = min(f_i, min_j c_ij - g_j), and the NEW
    best columns with c_ij - g_j < f_i join the list. With f = inf that is the c-transform of g.

    Ties within rounding of f are no candidates. planes: `planes_of` g.
    """
    count = rows.shape[0]
    if count * g.shape[0] * (ground.yt.shape[0] + 1) < ALONE:
        _price_rows(ground, boxes, f, g, planes, rows, lists, smallest)
        return
    for task in prange(TASKS):
        part = rows[task * count // TASKS : (task + 1) * count // TASKS]
        _price_rows(ground, boxes, f, g, planes, part, lists, smallest)


@njit
def _transform_rows(ground, boxes, f, g, planes, rows, smallest):
    """Serial twin of `c_transform`."""
    work = new_query(planes)
    column = np.empty(1, np.int32)
    cost = np.empty(1)
    key = np.empty(1)
    near = 0
    for i in rows:
        smallest[i] = f[i]
        if best_columns(ground, boxes, g, planes, i, f[i], near, work, column, cost, key) > 0:
            smallest[i] = key[0]
            near = column[0] // BLOCK


@njit(parallel=True)
def c_transform(ground, boxes, f, g, planes, rows, smallest):
    """Modifies smallest[i] = min(f_i, min_j c_ij - g_j) for every row i of `rows`: the certificate's pass, no slack."""
    count = rows.shape[0]
    if count * g.shape[0] * (ground.yt.shape[0] + 1) < ALONE:
        _transform_rows(ground, boxes, f, g, planes, rows, smallest)
        return
    for task in prange(TASKS):
        part = rows[task * count // TASKS : (task + 1) * count // TASKS]
        _transform_rows(ground, boxes, f, g, planes, part, smallest)
