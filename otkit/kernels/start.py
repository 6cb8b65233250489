"""The first tree of the network simplex: a coarse plan handed down, completed to a strongly feasible spanning tree.

Rows and columns come in the order of a space-filling curve, GROUP consecutive ones form a node of the next coarser
level. `hand_down` gives the mass of each coarse arc to its children in order (a nested north-west corner), which leaves
a forest; `complete` joins its pieces by arcs without flow, cheapest first, that lead from a row up to its parent.
"""

import numpy as np

from otkit.kernels.ground import at
from otkit.kernels.jit import njit

GROUP = 4


@njit
def hand_down(coarse_rows, coarse_cols, coarse_units, a, b, rows, cols, units):
    """Modifies rows, cols, units (n + m - 1 long): the arcs of a plan between a (n,) and b (m,) that refines the coarse
    one. Returns how many.
    """
    n, m = a.shape[0], b.shape[0]
    left_a, left_b = a.copy(), b.copy()
    coarse_n = (n + GROUP - 1) // GROUP
    coarse_m = (m + GROUP - 1) // GROUP
    next_row = np.empty(coarse_n, np.int64)
    next_col = np.empty(coarse_m, np.int64)
    for i in range(coarse_n):
        next_row[i] = i * GROUP
    for j in range(coarse_m):
        next_col[j] = j * GROUP
    count = 0
    for k in range(coarse_rows.shape[0]):
        row, col, mass = coarse_rows[k], coarse_cols[k], coarse_units[k]
        while mass > 0:
            i, j = next_row[row], next_col[col]
            move = min(mass, min(left_a[i], left_b[j]))
            if move > 0:
                rows[count], cols[count], units[count] = i, j, move
                count += 1
                mass -= move
                left_a[i] -= move
                left_b[j] -= move
            if left_a[i] == 0:
                next_row[row] += 1
            if left_b[j] == 0:
                next_col[col] += 1
    return count


@njit
def _pour(left_a, left_b, i, j, rows, cols, units, count):
    """Modifies all but count: as much mass as fits from i to j, an arc if there is any. Returns the number of arcs."""
    move = min(left_a[i], left_b[j])
    if move > 0:
        rows[count], cols[count], units[count] = i, j, move
        count += 1
        left_a[i] -= move
        left_b[j] -= move
    return count


@njit
def greedy(order_rows, order_cols, a, b, rows, cols, units):
    """Modifies rows, cols, units (n + m - 1 long): as much as fits on each arc in the order given, then the rest by the
    north-west corner (with no arcs at all: the north-west-corner plan). Returns the number of arcs, which is a forest.
    """
    left_a, left_b = a.copy(), b.copy()
    count = 0
    for k in range(order_rows.shape[0]):
        count = _pour(left_a, left_b, order_rows[k], order_cols[k], rows, cols, units, count)
    i = j = 0
    while True:
        count = _pour(left_a, left_b, i, j, rows, cols, units, count)
        if left_a[i] == 0:
            if i + 1 == a.shape[0]:
                return count
            i += 1
        else:
            j += 1


@njit
def find(above, v):
    while above[v] != v:
        above[v] = above[above[v]]
        v = above[v]
    return v


@njit
def _link(kept, n, rows, cols, costs, units, tree):
    """Modifies tree: hangs the spanning tree of arcs `kept` from node 0 (breadth first)."""
    nodes = tree.parent.shape[0]
    degree = np.zeros(nodes + 1, np.int64)
    for k in kept:
        degree[rows[k] + 1] += 1
        degree[n + cols[k] + 1] += 1
    first = np.cumsum(degree)
    fill = first[:-1].copy()
    incident = np.empty(2 * kept.shape[0], np.int64)
    for k in kept:
        incident[fill[rows[k]]] = k
        fill[rows[k]] += 1
        incident[fill[n + cols[k]]] = k
        fill[n + cols[k]] += 1
    seen = np.zeros(nodes, np.bool_)
    queue = np.empty(nodes, np.int64)
    queue[0] = 0
    seen[0] = True
    tree.parent[0] = -1
    tree.flow[0] = 0
    tree.cost[0] = 0.0
    tree.big[:] = 0
    head, tail = 0, 1
    while head < tail:
        v = queue[head]
        head += 1
        for t in range(first[v], first[v + 1]):
            k = incident[t]
            w = n + cols[k] if v < n else rows[k]
            if not seen[w]:
                seen[w] = True
                tree.parent[w] = v
                tree.flow[w] = units[k]
                tree.cost[w] = costs[k]
                queue[tail] = w
                tail += 1
    return tail


@njit
def complete(ground, n, m, rows, cols, units, count, extra_row, extra_col, tree):
    """Modifies tree: the forest of the first `count` arcs, joined by arcs of the list `extra` (in the order given,
    those that fit) and by others where the list does not reach. Returns the number of nodes hung, n + m.

    An arc (i, j) may join a piece to another only through a row i of the piece that holds the piece's own top, so that
    with the top hung below j no other arc without flow is turned round. Row 0's piece is never hung: it has the root.
    """
    nodes = n + m
    above = np.arange(nodes)  # union-find over everything joined
    for k in range(count):
        u, v = find(above, rows[k]), find(above, n + cols[k])
        if u != v:
            above[u] = v
    piece = np.empty(nodes, np.int64)
    for v in range(nodes):
        piece[v] = find(above, v)
    top = np.arange(nodes)  # top[find(v)]: the piece at the top of v's cluster
    arcs_rows = np.empty(nodes - 1, np.int64)
    arcs_cols = np.empty(nodes - 1, np.int64)
    arcs_units = np.empty(nodes - 1, np.int64)
    for k in range(count):
        arcs_rows[k], arcs_cols[k], arcs_units[k] = rows[k], cols[k], units[k]
    total = count
    main = piece[0]
    for k in range(extra_row.shape[0]):
        i, j = extra_row[k], extra_col[k]
        u, v = find(above, i), find(above, n + j)
        if u != v and top[u] == piece[i] and piece[i] != main:
            above[u] = v
            arcs_rows[total], arcs_cols[total], arcs_units[total] = i, j, 0
            total += 1
    column = np.empty(nodes, np.int64)  # one column of every piece
    for k in range(m):
        column[piece[n + k]] = k
    last = column[main]  # pieces the list left alone hang from the one before them on the curve
    for i in range(n):
        u, v = find(above, i), find(above, main)
        if u != v and top[u] == piece[i]:
            above[u] = v
            arcs_rows[total], arcs_cols[total], arcs_units[total] = i, last, 0
            total += 1
            last = column[piece[i]]
    costs = np.empty(total)
    for k in range(total):
        costs[k] = at(ground, arcs_rows[k], arcs_cols[k])
    return _link(np.arange(total), n, arcs_rows, arcs_cols, costs, arcs_units, tree)
