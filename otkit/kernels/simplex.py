"""The network simplex on candidate lists: sweeps over the rows, a chunk at a time, the most negative candidate first.

Between two chunks all potentials are computed anew, which at n = 40,000 took three quarters of the time with chunks of
256 rows: so a chunk is a quarter of the rows (`chunk_of`), and candidates that stopped to pay since are refused by
`pivot`, one cycle each.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from otkit.kernels.jit import njit
from otkit.kernels.tree import pivot, set_potentials

SMALLEST_CHUNK = 256  # rows
CHUNKS = 4  # of large problems; 8 and 2 were within 15 % at n = 10,000 and 40,000, 64 twice as slow
TRIES = 2**15  # candidates tried in one chunk, 0.03 s at n = 40,000: what is left is found again by the next sweep
TASKS = 64
ALONE = 2**13  # rows below which one thread looks for candidates
NONE = np.inf
BEFORE_ALL = -1e300  # order of candidates that lower artificial cost


class Work(NamedTuple):
    pot: np.ndarray  # (nodes,) float64
    pot_error: np.ndarray  # (nodes,) float64, what pot was rounded by
    big_pot: np.ndarray  # (nodes,) int32
    entry: np.ndarray  # (chunk,) int64, the best candidate of each row
    key: np.ndarray  # (chunk,) float64, its reduced cost, NONE where nothing pays


def chunk_of(n):
    """Rows whose candidates are found with one set of potentials."""
    return max(SMALLEST_CHUNK, n // CHUNKS)


@njit
def _select_rows(n, lists, rows, work, begin, end):
    """Serial twin of `_select`, for rows[begin:end]."""
    pot, big_pot = work.pot, work.big_pot
    for r in range(begin, end):
        i = rows[r]
        best, best_big, entry = 0.0, 0, -1
        for s in range(lists.start[i], lists.start[i] + lists.count[i]):
            j = n + lists.column[s]
            value = lists.cost[s] - pot[i] - pot[j]
            big = -big_pot[i] - big_pot[j]
            if big < best_big or (big == best_big and value < best):
                best, best_big, entry = value, big, s
        work.entry[r] = entry
        work.key[r] = NONE if entry < 0 else best if best_big == 0 else BEFORE_ALL * -best_big


@njit(parallel=True)
def _select(n, lists, rows, work):
    """Modifies entry and key: the most negative candidate in the list of each row."""
    count = rows.shape[0]
    if count < ALONE:
        _select_rows(n, lists, rows, work, 0, count)
        return
    for task in prange(TASKS):
        _select_rows(n, lists, rows, work, task * count // TASKS, (task + 1) * count // TASKS)


@njit
def sweep(tree, n, lists, rows, limit, work):
    """Modifies tree: one pass over the lists of `rows`, at most `limit` pivots. Returns (pivots, degenerate ones).

    Nothing pays in the lists of `rows` when it returns no pivots for them.
    """
    chunk = work.entry.shape[0]
    pivots = degenerate = 0
    changed = True
    for begin in range(0, rows.shape[0], chunk):
        if changed:
            set_potentials(tree, work.pot, work.pot_error, work.big_pot)
            changed = False
        some = rows[begin : begin + chunk]
        _select(n, lists, some, work)
        paying = np.flatnonzero(work.key[: some.shape[0]] < NONE)
        for k in paying[np.argsort(work.key[paying])][:TRIES]:
            if pivots == limit:
                return pivots, degenerate
            s = work.entry[k]
            moved = pivot(tree, n, some[k], lists.column[s], lists.cost[s])
            if moved >= 0:
                pivots += 1
                changed = True
                degenerate += moved == 0
    return pivots, degenerate
