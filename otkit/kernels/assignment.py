"""Exact assignment (n = m, uniform weights): Jonker-Volgenant on lazy candidate lists, O(n * width) memory.

1. PRICES: g_j = min_i c_ij.
2. LISTS: the columns of smallest c_ij - g_j of every row.
3. REDUCE: augmenting row reduction (an auction with eps = 0) matches 85 to 98 % of the rows.
4. SEARCH: one shortest augmenting path for each row left, by Dijkstra on the lists. A list ends at a key below which
   no other column can lie, so its row enters the heap a second time with that key; where it is popped before a free
   column, and only there, the row is read in full.

`advance` does one slice of the work. After any slice past PRICES `f`, `g` are feasible and `col_of_row` is a partial
matching; past REDUCE, f_i + g_j = c_ij on its pairs (both to rounding).
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.candidates import (
    SEGMENT,
    Lists,
    best_two,
    lower_minima,
    new_lists,
    outside,
    read_row,
    read_rows,
)
from otkit.kernels.ground import MATRIX
from otkit.kernels.jit import njit

PRICES, LISTS, REDUCE, SEARCH, DONE = 0, 1, 2, 3, 4
FAILED = -1  # a row or column without a finite cost: overflow, since the border refuses infinite input

STAGE, CURSOR, MATCHED, LIST_SCANS, FULL_SCANS, SEARCHES = 0, 1, 2, 3, 4, 5

BIDS_PER_ROW = 20  # n = 4000, d = 64: 2, 5, 20 bids a row leave 24, 10, 3 % of the rows free; they cost 1, 3, 10 ms


class Assignment(NamedTuple):
    counts: np.ndarray  # (6,) int64, indexed by STAGE .. SEARCHES
    col_of_row: np.ndarray  # (n,) int64, -1 while unmatched
    row_of_col: np.ndarray  # (n,) int64
    f: np.ndarray  # (n,)
    g: np.ndarray  # (n,); only ever decreases once PRICES is over
    paid: np.ndarray  # (n,) c_ij of the matched pair of row i
    lists: Lists
    queue: np.ndarray  # (n,) int64, rows that wait for a bid
    dist: np.ndarray  # (n,) running column minima, then the distances of a search: inf between two searches
    closed: np.ndarray  # (n,) bool, columns whose distance is final: False between two searches
    parent: np.ndarray  # (n,) int64, row from which a column was reached
    toll: np.ndarray  # (n,) c_ij of that step
    heap_key: np.ndarray  # (4 n,)
    heap_item: np.ndarray  # (4 n,) int64: column j, or n + i for the end of list i
    every: np.ndarray  # (n,) int32: 0 .. n - 1, the columns of a full row
    row: np.ndarray  # (n,) one full row of costs
    value: np.ndarray  # (SEGMENT,)


def new_assignment(n, width=64):
    """Width 64 is best or within 15 % of it for d = 16 to 128; 32 wins by 20 % at d = 8."""
    return Assignment(
        counts=np.zeros(6, np.int64),
        col_of_row=np.full(n, -1),
        row_of_col=np.full(n, -1),
        f=np.zeros(n),
        g=np.zeros(n),
        paid=np.zeros(n),
        lists=new_lists(n, n, width),
        queue=np.zeros(n, np.int64),
        dist=np.full(n, np.inf),
        closed=np.zeros(n, np.bool_),
        parent=np.zeros(n, np.int64),
        toll=np.zeros(n),
        heap_key=np.zeros(4 * n + 1),
        heap_item=np.zeros(4 * n + 1, np.int64),
        every=np.arange(n, dtype=np.int32),
        row=np.zeros(n),
        value=np.zeros(SEGMENT),
    )


@njit
def _reduce(state):
    """Modifies matching, g, queue. Each bid lowers one price until the column is as good as the row's second choice."""
    n = state.g.shape[0]
    g, lists, queue = state.g, state.lists, state.queue
    for i in range(n):
        queue[i] = n - 1 - i
    waiting = n
    for _ in range(BIDS_PER_ROW * n):  # finite by count: on real costs the last few rows can bid almost for ever
        if waiting == 0:
            return
        waiting -= 1
        i = queue[waiting]
        first, second, t, t_second = best_two(lists, g, i)
        limit = outside(lists, g, i)
        if first > limit or t < 0:  # a column outside the list may be better (or all overflow): left to the search
            continue
        column = lists.column[i, t]
        fall = min(second, limit) - first
        if fall == np.inf:  # n = 1
            fall = 0.0
        if fall == 0.0 and state.row_of_col[column] >= 0:
            if t_second >= 0 and second == first and state.row_of_col[lists.column[i, t_second]] < 0:
                t = t_second
                column = lists.column[i, t]
        before = g[column]
        g[column] = before - fall
        loser = state.row_of_col[column]
        state.row_of_col[column] = i
        state.col_of_row[i] = column
        state.paid[i] = lists.cost[i, t]
        if loser >= 0:
            state.col_of_row[loser] = -1
            if g[column] < before:  # else a tie: two rows could take the column from each other for ever
                queue[waiting] = loser
                waiting += 1


@njit
def _settle(state):
    """Modifies f, MATCHED: tight on matched pairs, feasible on the other rows."""
    matched = 0
    for i in range(state.g.shape[0]):
        if state.col_of_row[i] >= 0:
            state.f[i] = state.paid[i] - state.g[state.col_of_row[i]]
            matched += 1
        else:
            state.f[i] = min(best_two(state.lists, state.g, i)[0], outside(state.lists, state.g, i))
    state.counts[MATCHED] = matched


@njit
def _push(heap_key, heap_item, size, key, item):
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap_key[parent] <= key:
            break
        heap_key[place], heap_item[place] = heap_key[parent], heap_item[parent]
        place = parent
    heap_key[place], heap_item[place] = key, item
    return size + 1


@njit
def _pop(heap_key, heap_item, size):
    """Removes the root; the caller has read it."""
    size -= 1
    key, item = heap_key[size], heap_item[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap_key[child + 1] < heap_key[child]:
            child += 1
        if heap_key[child] >= key:
            break
        heap_key[place], heap_item[place] = heap_key[child], heap_item[child]
        place = child
    heap_key[place], heap_item[place] = key, item
    return size


@njit
def _compact(heap_key, heap_item, size, dist, closed):
    """Modifies the heap: drops columns that were closed, or reached by a shorter way, since they were pushed. At most n
    columns and n list ends stay, so the 4 n places never run out and this is rare."""
    n = dist.shape[0]
    kept = 0
    for t in range(size):
        key, item = heap_key[t], heap_item[t]
        if item >= n or (key == dist[item] and not closed[item]):
            kept = _push(heap_key, heap_item, kept, key, item)
    return kept


@njit
def _shortest_path(state, ground, start):
    """Modifies dist, closed, parent, toll, heap, counts and lists of rows read in full: Dijkstra from a free row.
    Returns the nearest free column (-1: none can be reached).

    One long function with its arrays in locals: a helper per step that takes `state` made the search 8 times slower
    (0.93 s against 0.11 s, n = 4000, d = 64), because numba passes every field of every array.
    """
    g, f, dist, closed, parent, toll = state.g, state.f, state.dist, state.closed, state.parent, state.toll
    heap_key, heap_item, lists = state.heap_key, state.heap_item, state.lists
    row_of_col, col_of_row = state.row_of_col, state.col_of_row
    n, width = g.shape[0], lists.key.shape[1]
    size, limit = 0, np.inf  # limit: distance of the nearest free column so far; nothing beyond it matters
    i, base, full = start, 0.0, False
    while True:
        if full:
            read_row(lists, ground, g, i, state.row, state.value)
            state.counts[FULL_SCANS] += 1
            columns, costs, stop = state.every, state.row, n
        else:
            state.counts[LIST_SCANS] += 1
            columns, costs, stop = lists.column[i], lists.cost[i], width
        key, potential = lists.key[i], f[i]
        for t in range(stop):
            if not full and base + (key[t] - potential) >= limit:
                break
            j = columns[t]
            distance = base + max(0.0, costs[t] - g[j] - potential)
            if distance < dist[j] and distance < limit:
                dist[j], parent[j], toll[j] = distance, i, costs[t]
                if size == heap_key.shape[0]:
                    size = _compact(heap_key, heap_item, size, dist, closed)
                size = _push(heap_key, heap_item, size, distance, j)
                if row_of_col[j] < 0:
                    limit = distance
        if not full:
            end = base + max(0.0, outside(lists, g, i) - potential)
            if end < limit:
                if size == heap_key.shape[0]:
                    size = _compact(heap_key, heap_item, size, dist, closed)
                size = _push(heap_key, heap_item, size, end, n + i)
        item = -1
        while size > 0 and item < 0:
            base, item = heap_key[0], heap_item[0]
            size = _pop(heap_key, heap_item, size)
            if item < n and (closed[item] or base != dist[item]):
                item = -1
        if item < 0:
            return -1
        full = item >= n
        if full:
            i = item - n
            base = 0.0 if i == start else dist[col_of_row[i]]
        else:
            closed[item] = True
            i = row_of_col[item]
            if i < 0:
                return item


@njit
def _search(state, ground, start):
    """Modifies everything: matches the free row `start` along a shortest augmenting path. Returns DONE or FAILED."""
    g, dist, closed = state.g, state.dist, state.closed
    state.counts[SEARCHES] += 1
    if best_two(state.lists, g, start)[0] > outside(state.lists, g, start):
        state.counts[FULL_SCANS] += 1
        read_row(state.lists, ground, g, start, state.row, state.value)
    potential = best_two(state.lists, g, start)[0]
    if not np.isfinite(potential):
        return FAILED
    state.f[start] = potential
    free = _shortest_path(state, ground, start)
    length = dist[free] if free >= 0 else 0.0
    for j in range(g.shape[0]):
        if closed[j] and free >= 0:
            g[j] -= length - dist[j]
            i = state.row_of_col[j]
            if i >= 0:
                state.f[i] = state.paid[i] - g[j]  # tight by construction, so rounding does not pile up in f
        closed[j] = False
        dist[j] = np.inf
    if free < 0:
        return FAILED
    i, j = -1, free
    while i != start:
        i = state.parent[j]
        following = state.col_of_row[i]
        state.row_of_col[j], state.col_of_row[i] = i, j
        state.paid[i] = state.toll[j]
        state.f[i] = state.paid[i] - g[j]
        j = following
    state.counts[MATCHED] += 1
    return DONE


@njit
def _begin(state, stage):
    state.counts[STAGE] = stage
    state.counts[CURSOR] = 0


@njit
def advance(state, ground, budget):
    """Modifies state: looks at about `budget` pairs, and at least at 256 rows or one path. Returns the stage reached:
    DONE when the matching is complete, or FAILED. O(n) memory beside the state."""
    n = state.g.shape[0]
    counts = state.counts
    stage, cursor = counts[STAGE], counts[CURSOR]
    if stage == PRICES or stage == LISTS:
        # Prices of a matrix in one slice: it is read at memory speed, and where it is negative f = g = 0 is infeasible.
        rows = n if ground.metric == MATRIX and stage == PRICES else max(256, budget // n)
        stop = min(n, cursor + rows)
        if stage == PRICES:
            lower_minima(state.dist, ground, cursor, stop)
        else:
            read_rows(state.lists, ground, state.g, cursor, stop)
            state.f[cursor:stop] = state.lists.key[cursor:stop, 0]
        counts[CURSOR] = stop
        if stop == n:
            if stage == PRICES:
                if not np.isfinite(state.dist).all():
                    return FAILED
                state.g[:] = state.dist
                state.dist[:] = np.inf
            _begin(state, stage + 1)
    elif stage == REDUCE:
        _reduce(state)
        _settle(state)
        _begin(state, SEARCH)
    elif stage == SEARCH:
        width = state.lists.key.shape[1]
        enough = budget + counts[LIST_SCANS] * width + counts[FULL_SCANS] * n
        while cursor < n and counts[LIST_SCANS] * width + counts[FULL_SCANS] * n < enough:
            if state.col_of_row[cursor] < 0 and _search(state, ground, cursor) == FAILED:
                return FAILED
            cursor += 1
            counts[CURSOR] = cursor
        if cursor == n:
            _begin(state, DONE)
    return counts[STAGE]
