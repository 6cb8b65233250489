"""Newton's step on the dual of Sinkhorn's problem, from the entries of the plan that matter.

In the potentials (f, -g) the Hessian is -1 / eps times the Laplacian of the bipartite graph whose edges are the entries
of the plan: L = [[diag(P 1), -P], [-P^T, diag(P^T 1)]]. At small eps the plan is sparse, so that a product with L costs
a hundredth of a sweep, and the graph falls into clusters that hardly anything joins: there sweeps, and conjugate
gradients with the diagonal, take a number of steps that grows like 1 / (the weakest link). The spanning tree of the
heaviest entries as a preconditioner does not mind: however weak an edge of the tree, others that cross it are weaker.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.exp2 import exp2
from otkit.kernels.jit import njit
from otkit.kernels.softmin import GROUP, TILE, row_paid, segments_of
from otkit.kernels.start import find

NOISE = 1e-14  # of all mass: what sums of columns are rounded by


class Entries(NamedTuple):
    """The plan's entries by rows (CSR), and their costs; P_ij = a_i b_j 2^(F_i + G_j - k c_ij)."""

    first: np.ndarray  # (n + 1,) int64
    cols: np.ndarray  # int32
    cost: np.ndarray
    mass: np.ndarray


class Forest(NamedTuple):
    """The spanning forest of the heaviest entries; nodes are rows, and columns after them."""

    order: np.ndarray  # (n + m,) int32: parents before children
    parent: np.ndarray  # (n + m,) int32, -1 at a root
    edge: np.ndarray  # (n + m,) int64: the entry between a node and its parent


class Room(NamedTuple):
    """What the conjugate gradients write on, (n + m,) each."""

    residual: np.ndarray
    direction: np.ndarray
    image: np.ndarray
    scaled: np.ndarray
    flow: np.ndarray
    inverse: np.ndarray


@njit
def collect(ground, boxes, masses, f, potentials, levels, found, memory, work, task):
    """Finds the entries with P_ij > level * min(a_i, b_j), which is density_ij > level * min(1, b_j / a_i).

    Modifies counts (n, levels) where `counting`: how many each row has, of each level. Else writes the entries of
    levels[0] to cols and cost, a row's from first[i] on.
    """
    a, b = masses
    counting, first, counts, cols, cost = found
    scratch, density, bounds, segments = work.cost[task], work.density[task], work.bounds[task], work.segments[task]
    for start in range(task * GROUP, a.shape[0], work.columns.shape[0] * GROUP):
        stop = min(a.shape[0], start + GROUP)
        number = segments_of(ground, boxes, f, start, stop, potentials, memory, work.box[task], bounds, segments)
        for i in range(start, stop):
            place = first[i]
            for s in range(number):
                lo = segments[s, 0]
                while lo < segments[s, 1]:
                    end = min(segments[s, 1], lo + TILE)
                    row_paid(ground, i, lo, end, potentials, f[i], scratch, density)
                    for j in range(lo, end):
                        ratio = density[j] / min(1.0, b[j] / a[i])
                        if ratio <= levels[0]:
                            continue
                        if counting:
                            for v in range(levels.shape[0]):
                                counts[i, v] += ratio > levels[v]
                        else:
                            cols[place], cost[place] = j, scratch[j - lo]
                            place += 1
                    lo = end


@njit
def weigh(entries, a, f, h, k):
    """Modifies entries.mass: of the plan with scaled potentials f and h = G + log2 b."""
    for i in range(a.shape[0]):
        lo, hi = entries.first[i], entries.first[i + 1]
        row = entries.mass[lo:hi]
        for t in range(row.shape[0]):
            row[t] = f[i] + h[entries.cols[lo + t]] - k * entries.cost[lo + t]
        exp2(row)
        for t in range(row.shape[0]):
            row[t] *= a[i]


@njit
def span(entries, heaviest, forest):
    """Modifies forest: Kruskal's, over the entries in the order `heaviest`."""
    n = entries.first.shape[0] - 1
    size = forest.parent.shape[0]
    group, row = np.arange(size), np.empty(entries.cols.shape[0], np.int64)
    for i in range(n):
        row[entries.first[i] : entries.first[i + 1]] = i
    chosen, count, degree = np.empty(size, np.int64), 0, np.zeros(size + 1, np.int64)
    for e in heaviest:
        left, right = find(group, row[e]), find(group, n + entries.cols[e])
        if left != right:
            group[left] = right
            chosen[count] = e
            count += 1
            degree[row[e] + 1] += 1
            degree[n + entries.cols[e] + 1] += 1
    start = np.cumsum(degree)
    fill, joined = start.copy(), np.empty(2 * count, np.int64)
    for c in range(count):
        e = chosen[c]
        left, right = row[e], n + entries.cols[e]
        joined[fill[left]], joined[fill[right]] = e, e
        fill[left] += 1
        fill[right] += 1
    forest.parent[:] = -2
    done = 0
    for root in range(size):
        if forest.parent[root] != -2:
            continue
        forest.parent[root], forest.edge[root] = -1, -1
        forest.order[done] = root
        now, done = done, done + 1
        while now < done:
            node = forest.order[now]
            now += 1
            for t in range(start[node], start[node + 1]):
                e = joined[t]
                other = row[e] if node >= n else n + entries.cols[e]
                if forest.parent[other] == -2:
                    forest.parent[other], forest.edge[other] = node, e
                    forest.order[done] = other
                    done += 1


@njit
def _gather(forest, residual, flow):
    """Modifies flow: what every node has to send to its parent."""
    flow[:] = residual
    for t in range(forest.order.shape[0] - 1, -1, -1):
        node = forest.order[t]
        if forest.parent[node] >= 0:
            flow[forest.parent[node]] += flow[node]


@njit
def _invert(forest, mass, flow, inverse):
    """Modifies inverse: 1 / mass of the edge to the parent, or 0 where neither that nor the flow is above rounding: the
    step over such an edge would be 1e38, made of last digits, and all that conjugate gradients see."""
    for node in forest.order:
        inverse[node] = 0.0
        if forest.parent[node] >= 0:
            weight = mass[forest.edge[node]]
            if weight > NOISE or (weight > 0.0 and abs(flow[node]) > NOISE):
                inverse[node] = 1.0 / weight


@njit
def _by_forest(forest, inverse, residual, flow, out):
    """Modifies out: what solves the forest's own Laplacian; what a tree has too much stays at its root."""
    _gather(forest, residual, flow)
    for node in forest.order:
        up = forest.parent[node]
        out[node] = out[up] + flow[node] * inverse[node] if up >= 0 else 0.0


@njit
def damp(forest, step):
    """Modifies step: a difference along an edge of the forest is by how much the logarithm of its mass changes. Where
    that is more than 1 it is the logarithm of the mass that the linear model wanted."""
    before = step.copy()
    for node in forest.order:
        up = forest.parent[node]
        if up >= 0:
            change = before[node] - before[up]
            if abs(change) > 1.0:
                change = np.copysign(1.0 + np.log(abs(change)), change)
            step[node] = step[up] + change


@njit
def _product(entries, v, out):
    """Modifies out = L v, summed from differences: the ends of a heavy edge are nearly alike."""
    n = entries.first.shape[0] - 1
    out[:] = 0.0
    for i in range(n):
        total = 0.0
        for t in range(entries.first[i], entries.first[i + 1]):
            j = n + entries.cols[t]
            moved = entries.mass[t] * (v[i] - v[j])
            total += moved
            out[j] -= moved
        out[i] = total


@njit
def solve(entries, forest, missing, tol, most, room, step):
    """Modifies step: L step = missing, by conjugate gradients with the forest, until the residual has shrunk by `tol`
    or `most` products are made. Returns how many were.

    The residual is measured in L1, as mass. In the norm of the forest the weakest link would hide all others.
    """
    residual, direction, image, scaled, flow = room.residual, room.direction, room.image, room.scaled, room.flow
    inverse = room.inverse
    residual[:] = missing
    step[:] = 0.0
    _gather(forest, missing, flow)
    _invert(forest, entries.mass, flow, inverse)
    _by_forest(forest, inverse, residual, flow, scaled)
    direction[:] = scaled
    size, goal = np.dot(residual, scaled), tol * np.abs(missing).sum()
    for count in range(most):
        if not (size > 0.0 and np.abs(residual).sum() > goal):
            return count
        _product(entries, direction, image)
        curvature = np.dot(direction, image)
        if not curvature > 0.0:
            return count
        length = size / curvature
        for t in range(step.shape[0]):
            step[t] += length * direction[t]
            residual[t] -= length * image[t]
        _by_forest(forest, inverse, residual, flow, scaled)
        before, size = size, np.dot(residual, scaled)
        for t in range(step.shape[0]):
            direction[t] = scaled[t] + size / before * direction[t]
    return most
