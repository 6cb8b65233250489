"""Candidate lists: for every row the `width` columns of smallest c_ij - g_j, sorted, found without an n x m array.

Prices g only ever decrease, so `key` (c_ij - g_j when the row was read) stays a lower bound of c_ij - g_j now, and the
last key of a row is a lower bound for every column outside its list.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from otkit.kernels.ground import FINITE, fill
from otkit.kernels.jit import njit

SEGMENT = 512  # columns per segment: 512 x 64 coordinates are 256 KiB, which stay in L2 while BLOCK rows pass over them
BLOCK = 32  # rows per task
TASKS = 8  # tasks of `lower_minima`, each with m numbers of its own


class Lists(NamedTuple):
    column: np.ndarray  # (n, width) int32
    cost: np.ndarray  # (n, width) c_ij as `fill` gave it, so no search computes a distance again
    key: np.ndarray  # (n, width) c_ij - g_j at the time of reading, ascending


def new_lists(n, m, width):
    """Width m makes the lists complete; a smaller width leaves `outside` finite."""
    width = min(width, m)
    return Lists(np.zeros((n, width), np.int32), np.zeros((n, width)), np.zeros((n, width)))


@njit
def outside(lists, g, i):
    """Lower bound of c_ij - g_j over the columns that are not in the list of row i."""
    width = lists.key.shape[1]
    return lists.key[i, width - 1] if width < g.shape[0] else np.inf


@njit
def best_two(lists, g, i):
    """Smallest and second smallest c_ij - g_j in the list, and their places (-1: none)."""
    key, cost, column = lists.key[i], lists.cost[i], lists.column[i]
    first, second = np.inf, np.inf
    at_first, at_second = -1, -1
    for t in range(key.shape[0]):
        if key[t] >= second:  # keys ascend and bound from below: usually 5 of 64 entries are read
            break
        value = cost[t] - g[column[t]]
        if value < first:
            second, at_second = first, at_first
            first, at_first = value, t
        elif value < second:
            second, at_second = value, t
    return first, second, at_first, at_second


@njit
def _sink(key, cost, column, place, size):
    """Modifies the max-heap key[:size] and its two satellites: moves `place` down."""
    top_key, top_cost, top_column = key[place], cost[place], column[place]
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and key[child + 1] > key[child]:
            child += 1
        if key[child] <= top_key:
            break
        key[place], cost[place], column[place] = key[child], cost[child], column[child]
        place = child
    key[place], cost[place], column[place] = top_key, top_cost, top_column


@njit(fastmath=FINITE)
def _reduced(cost, g, value, width):
    """Modifies value[:width] = cost - g; returns the minimum, so that most segments need no scalar loop."""
    least = np.inf
    for t in range(width):
        value[t] = cost[t] - g[t]
        least = min(least, value[t])
    return least


@njit
def _offer(lists, g, i, lo, hi, cost, value):
    """Modifies list i (a max-heap while it is read) and value: takes the columns lo..hi-1 that beat its largest key."""
    key, kept, column = lists.key[i], lists.cost[i], lists.column[i]
    width = hi - lo
    root = key[0]
    if _reduced(cost, g[lo:hi], value, width) >= root:
        return
    t = i % width  # where costs tie, rows must not all take the same columns
    for _ in range(width):
        if value[t] < root:
            key[0], kept[0], column[0] = value[t], cost[t], lo + t
            _sink(key, kept, column, 0, key.shape[0])
            root = key[0]
        t += 1
        if t == width:
            t = 0


@njit
def _sort(lists, i):
    """Modifies list i: max-heap to ascending order."""
    key, cost, column = lists.key[i], lists.cost[i], lists.column[i]
    for end in range(key.shape[0] - 1, 0, -1):
        key[0], key[end] = key[end], key[0]
        cost[0], cost[end] = cost[end], cost[0]
        column[0], column[end] = column[end], column[0]
        _sink(key, cost, column, 0, end)


@njit
def _clear(lists, i):
    """Modifies list i. A function: numba 0.68 drops `lists.key[first:last] = inf` inside prange, without a word."""
    key = lists.key[i]
    for t in range(key.shape[0]):
        key[t] = np.inf


@njit(parallel=True)
def read_rows(lists, ground, g, start, stop):
    """Modifies the lists of rows start..stop-1: reads these rows in full."""
    m = g.shape[0]
    segments = (m + SEGMENT - 1) // SEGMENT
    for block in prange((stop - start + BLOCK - 1) // BLOCK):
        first = start + block * BLOCK
        last = min(stop, first + BLOCK)
        cost, value = np.empty(SEGMENT), np.empty(SEGMENT)
        for i in range(first, last):
            _clear(lists, i)
        for s in range(segments):
            lo = (s + first // BLOCK) % segments * SEGMENT
            hi = min(m, lo + SEGMENT)
            for i in range(first, last):
                fill(ground, i, lo, hi, cost)
                _offer(lists, g, i, lo, hi, cost, value)
        for i in range(first, last):
            _sort(lists, i)


@njit
def read_row(lists, ground, g, i, row, value):
    """Modifies row (m,) = c_i., list i and the workspace value (SEGMENT,)."""
    m = g.shape[0]
    _clear(lists, i)
    for lo in range(0, m, SEGMENT):
        hi = min(m, lo + SEGMENT)
        fill(ground, i, lo, hi, row[lo:hi])
        _offer(lists, g, i, lo, hi, row[lo:hi], value)
    _sort(lists, i)


@njit(fastmath=FINITE)
def _lower(least, cost, width):
    for t in range(width):
        least[t] = min(least[t], cost[t])


@njit(parallel=True)
def lower_minima(least, ground, start, stop):
    """Modifies least (m,) = min(least, c_ij over rows start..stop-1)."""
    m = least.shape[0]
    share = (stop - start + TASKS - 1) // TASKS
    part = np.full((TASKS, m), np.inf)
    for task in prange(TASKS):
        cost = np.empty(SEGMENT)
        for lo in range(0, m, SEGMENT):
            hi = min(m, lo + SEGMENT)
            for i in range(start + task * share, min(stop, start + (task + 1) * share)):
                fill(ground, i, lo, hi, cost)
                _lower(part[task, lo:hi], cost, hi - lo)
    for task in range(TASKS):
        _lower(least, part[task], m)
