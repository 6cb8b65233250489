"""Planes above the potentials of a box: what the box can still hide from a row.

In every box of columns g_j <= top + slope . (y_j - centre), with the least-squares slope of the box's own columns. So
c(x, y) - g >= min over the box of c(x, y) - slope . (y - centre) - top, which is off by the curvature of g in the box,
where the largest g alone is off by its slope times the side: at d = 2, n = 40,000 and the optimum a row looks into 8
blocks or fewer and not into 60.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.boxes import BLOCK, GROUP, lower_bounds
from otkit.kernels.ground import CITYBLOCK, EUCLIDEAN, FINITE, MATRIX, SQUARES, raise_power
from otkit.kernels.jit import njit

DIMENSIONS = 8  # above, boxes refute next to nothing, tilted or not
RIDGE = 1e-9  # of the trace: columns on a line have no slope across it
ROUNDING = 2.0**-46  # of all numbers that a bound is made of: `pow` is right to 2^-50, sums over 8 coordinates too


class Planes(NamedTuple):
    """`slope` has no rows where all are level: then top is the largest g of a box."""

    top: np.ndarray  # (blocks,)
    slope: np.ndarray  # (d, blocks)
    outer_top: np.ndarray  # (groups,)
    outer_slope: np.ndarray  # (d, groups)


@njit
def _solve(a, r):
    """Modifies a (d, d), positive definite, and r (d,) = the solution of a v = r, by elimination."""
    d = r.shape[0]
    for k in range(d):
        for q in range(k + 1, d):
            factor = a[q, k] / a[k, k]
            for t in range(k + 1, d):
                a[q, t] -= factor * a[k, t]
            r[q] -= factor * r[k]
    for k in range(d - 1, -1, -1):
        for t in range(k + 1, d):
            r[k] -= a[k, t] * r[t]
        r[k] /= a[k, k]


@njit
def _fit(yt, g, lows, highs, width, top, slope):
    """Modifies top and slope: the plane of `width` consecutive columns for each of the boxes."""
    d, m = yt.shape
    tilted = slope.shape[0] > 0
    a, r, e, total = np.empty((d, d)), np.empty(d), np.empty(d), np.empty(d)
    for b in range(top.shape[0]):
        lo, hi = b * width, min(m, (b + 1) * width)
        mean = 0.0
        for j in range(lo, hi):
            mean += g[j] / (hi - lo)
        if tilted:
            a[:] = 0.0
            r[:] = 0.0
            total[:] = 0.0
            for j in range(lo, hi):
                for k in range(d):
                    e[k] = yt[k, j] - 0.5 * (lows[k, b] + highs[k, b])
                for k in range(d):
                    total[k] += e[k]
                    r[k] += e[k] * (g[j] - mean)
                    for q in range(d):
                        a[k, q] += e[k] * e[q]
            trace = 0.0
            for k in range(d):
                for q in range(d):
                    a[k, q] -= total[k] * total[q] / (hi - lo)
                trace += a[k, k]
            if trace > 0.0:
                for k in range(d):
                    a[k, k] += RIDGE * trace
                _solve(a, r)
            for k in range(d):
                slope[k, b] = r[k] if np.isfinite(r[k]) else 0.0
        best, size = -np.inf, 0.0
        for j in range(lo, hi):
            value, largest = g[j], abs(g[j])
            if tilted:
                for k in range(d):
                    fall = slope[k, b] * (yt[k, j] - 0.5 * (lows[k, b] + highs[k, b]))
                    value -= fall
                    largest += abs(fall)
            best = max(best, value)
            size = max(size, largest)
        top[b] = best + ROUNDING * size if tilted else best


def planes_of(ground, boxes, g):
    """The Planes of potentials g (m,). O(m d^2)."""
    d, blocks = boxes.low.shape
    groups = boxes.outer_low.shape[1]
    if ground.metric == MATRIX or ground.metric == SQUARES or d > DIMENSIONS:
        d = 0
    planes = Planes(np.empty(blocks), np.empty((d, blocks)), np.empty(groups), np.empty((d, groups)))
    _fit(ground.yt, g, boxes.low, boxes.high, BLOCK, planes.top, planes.slope)
    _fit(ground.yt, g, boxes.outer_low, boxes.outer_high, BLOCK * GROUP, planes.outer_top, planes.outer_slope)
    return planes


@njit(fastmath=FINITE)
def _squares_below(x, lows, highs, slope, out, size):
    """Modifies out and size: min over each box of |x - y|^2 - slope . (y - centre), coordinate by coordinate."""
    for k in range(x.shape[0]):
        at, low, high, tilt = x[k], lows[k], highs[k], slope[k]
        for b in range(out.shape[0]):
            y = min(max(at + 0.5 * tilt[b], low[b]), high[b])
            square, fall = (at - y) * (at - y), tilt[b] * (y - 0.5 * (low[b] + high[b]))
            out[b] += square - fall
            size[b] += square + abs(fall)


@njit(fastmath=FINITE)
def _tangents_below(metric, p, x, lows, highs, slope, out, size):
    """Modifies out and size: a bound of the same kind for any convex cost, from its tangent at the box's centre."""
    d, boxes = lows.shape
    for k in range(d):
        at, low, high = x[k], lows[k], highs[k]
        for b in range(boxes):
            e = abs(0.5 * (low[b] + high[b]) - at)
            if metric == EUCLIDEAN:
                out[b] += e * e
            elif metric == CITYBLOCK:
                out[b] += e
            else:
                out[b] = max(out[b], e)
    for b in range(boxes):
        size[b] = np.sqrt(out[b]) if metric == EUCLIDEAN else out[b]  # the distance
    raise_power(metric, p, out, boxes)
    for b in range(boxes):
        distance, cost = size[b], out[b]
        rise = p * cost / distance if distance > 0.0 else 0.0  # of the cost with the distance
        size[b] = cost
        for k in range(d):
            e = 0.5 * (lows[k, b] + highs[k, b]) - x[k]
            if metric == EUCLIDEAN:
                gradient = rise * (e / distance) if distance > 0.0 else 0.0
            elif metric == CITYBLOCK or abs(e) == distance:
                gradient = rise * np.sign(e)
            else:
                gradient = 0.0
            if metric != EUCLIDEAN and metric != CITYBLOCK and abs(e) == distance:
                distance = -1.0  # Chebyshev: one of the largest coordinates, not all of them
            centre = 0.5 * (lows[k, b] + highs[k, b])  # as rounded: far from the origin not in the middle
            half = max(highs[k, b] - centre, centre - lows[k, b]) * (1.0 + ROUNDING)
            out[b] -= abs(gradient - slope[k, b]) * half
            size[b] += (abs(gradient) + abs(slope[k, b])) * half


@njit
def _below(ground, lows, highs, x, top, slope, out, size):
    boxes = out.shape[0]
    if slope.shape[0] == 0:
        lower_bounds(ground, lows, highs, x, x, out)
        for b in range(boxes):
            if out[b] > 0.0:  # a matrix has -inf
                out[b] -= ROUNDING * out[b]
            out[b] -= top[b]
        return
    for b in range(boxes):
        out[b] = 0.0
        size[b] = 0.0
    if ground.metric == EUCLIDEAN and ground.p == 2.0:
        _squares_below(x, lows, highs, slope, out, size)
    else:
        _tangents_below(ground.metric, ground.p, x, lows, highs, slope, out, size)
    for b in range(boxes):
        out[b] -= top[b] + ROUNDING * size[b]


@njit
def groups_below(ground, boxes, planes, i, out, size):
    """Modifies out (groups,) and the scratch size: out[u] <= c(x_i, y_j) - g_j for every column j of group u."""
    _below(ground, boxes.outer_low, boxes.outer_high, ground.x[i], planes.outer_top, planes.outer_slope, out, size)


@njit
def blocks_below(ground, boxes, planes, i, begin, end, out, size):
    """Modifies out and the scratch size: out[b - begin] <= c(x_i, y_j) - g_j for every column j of blocks
    begin..end-1."""
    _below(
        ground, boxes.low[:, begin:end], boxes.high[:, begin:end], ground.x[i],
        planes.top[begin:end], planes.slope[:, begin:end], out[: end - begin], size[: end - begin],
    )  # fmt: skip
