"""Potentials that are tight where they must be and nowhere else: difference constraints loosened on a sparse graph.

Nodes are groups of samples whose potentials move together by h_k, f + h and g - h. An arc k -> l of length s says
h_l - h_k <= s, from a pair (x_i of l, y_j of k) with slack s; it is tight where nothing is left of that.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.boxes import BLOCK
from otkit.kernels.ground import fill
from otkit.kernels.jit import njit
from otkit.kernels.planes import blocks_below


class Arcs(NamedTuple):
    """Node k's arcs are [start[k] : start[k + 1]]; `node` is the other end."""

    start: np.ndarray  # (nodes + 1,) int64
    node: np.ndarray  # (arcs,) int32
    length: np.ndarray  # (arcs,) float64


class Clusters(NamedTuple):
    """Nodes that move as one: the members of cluster c are member[first[c] : first[c + 1]]."""

    label: np.ndarray  # (nodes,) int32
    first: np.ndarray  # (clusters + 1,) int64
    member: np.ndarray  # (nodes,) int32


@njit
def least_slack(ground, boxes, f, g, planes, mine, theirs, begin, end, column, slack):
    """Modifies column and slack (n, wanted) of rows begin to end: the columns of smallest c(x_i, y_j) - g_j - f_i,
    ascending, among those of another node than row i: theirs[j] != mine[i]. -1 and inf where there are fewer.

    planes: `planes_of` g.
    """
    m, wanted = g.shape[0], slack.shape[1]
    bounds, size, buf = np.empty(planes.top.shape[0]), np.empty(planes.top.shape[0]), np.empty(BLOCK)
    first = 0
    for i in range(begin, end):
        key, col = slack[i], column[i]
        key[:] = np.inf
        col[:] = -1
        blocks_below(ground, boxes, planes, i, 0, bounds.shape[0], bounds, size)
        for turn in range(bounds.shape[0]):
            b = first if turn == 0 else (turn - 1 if turn <= first else turn)
            if bounds[b] - f[i] >= key[wanted - 1]:
                continue
            lo = b * BLOCK
            width = min(m, lo + BLOCK) - lo
            fill(ground, i, lo, lo + width, buf)
            for t in range(width):
                value = buf[t] - g[lo + t] - f[i]
                if value >= key[wanted - 1] or theirs[lo + t] == mine[i]:
                    continue
                at = wanted - 1
                while at > 0 and key[at - 1] > value:
                    key[at], col[at] = key[at - 1], col[at - 1]
                    at -= 1
                key[at], col[at] = value, lo + t
        first = max(col[0], 0) // BLOCK


@njit
def _from_the_top(into, out, clusters, limit, h, order, depth, degree):
    """Modifies order, depth, degree (clusters,): clusters with every arc of at most `limit` between two of them leading
    on, and the most such arcs on a way into each. Returns how many are in order: all, unless arcs make a ring."""
    label, first, member = clusters
    count = 0
    for c in range(first.shape[0] - 1):
        depth[c], degree[c] = 0, 0
        for q in range(first[c], first[c + 1]):
            k = member[q]
            for e in range(into.start[k], into.start[k + 1]):
                other = into.node[e]
                if label[other] != c and into.length[e] + h[other] - h[k] <= limit:
                    degree[c] += 1
        if degree[c] == 0:
            order[count] = c
            count += 1
    at = 0
    while at < count:
        c = order[at]
        at += 1
        for q in range(first[c], first[c + 1]):
            k = member[q]
            for e in range(out.start[k], out.start[k + 1]):
                to = label[out.node[e]]
                if to != c and out.length[e] + h[k] - h[out.node[e]] <= limit:
                    depth[to] = max(depth[to], depth[c] + 1)
                    degree[to] -= 1
                    if degree[to] == 0:
                        order[count] = to
                        count += 1
    return count


@njit
def loosen(into, out, clusters, limit, room, h, order, depth, degree):
    """Modifies h (nodes,): lowers clusters, last ones first, so that every arc of at most `limit` between two of them
    gets longer; no constraint breaks, and |h| <= room. Work arrays order, depth, degree (clusters,) int32.

    A cluster with p arcs on its longest way from the top takes p / (p + 1) of the room below it: a chain shares
    what is below its end in equal parts. Halves would leave the tenth of a chain 0.1 % of it, the fortieth nothing.
    """
    label, first, member = clusters
    for z in range(_from_the_top(into, out, clusters, limit, h, order, depth, degree) - 1, -1, -1):
        c = order[z]
        move = np.inf
        for q in range(first[c], first[c + 1]):
            k = member[q]
            move = min(move, room[k] + h[k])
            for e in range(out.start[k], out.start[k + 1]):
                if label[out.node[e]] != c:
                    move = min(move, out.length[e] + h[k] - h[out.node[e]])
        if move > 0.0:
            move *= depth[c] / (depth[c] + 1.0)
            for q in range(first[c], first[c + 1]):
                h[member[q]] -= move


@njit
def centre(into, out, room, h, sweeps):
    """Modifies h (nodes,): moves every node to the middle of what its arcs and |h| <= room leave it, node after node
    and back again. The shorter of what is left of its arcs in and out never gets shorter."""
    nodes = h.shape[0]
    for sweep in range(sweeps):
        for q in range(nodes):
            k = q if sweep % 2 == 0 else nodes - 1 - q
            high, low = room[k], -room[k]
            for e in range(into.start[k], into.start[k + 1]):
                high = min(high, into.length[e] + h[into.node[e]])
            for e in range(out.start[k], out.start[k + 1]):
                low = max(low, h[out.node[e]] - out.length[e])
            if low <= high:  # rounding of a tight arc may cross them
                h[k] = 0.5 * (low + high)
