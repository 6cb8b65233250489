"""The steepest pair: the largest (v_i - w_j) / c(x_i, y_j), every pair looked at or refuted by its box."""

import numpy as np

from otkit.kernels.boxes import BLOCK, lower_bounds
from otkit.kernels.ground import FINITE, fill
from otkit.kernels.jit import njit


@njit
def block_min(values, out):
    """Modifies out[b] = the smallest of values in block b."""
    for b in range(out.shape[0]):
        best = np.inf
        for j in range(b * BLOCK, min(values.shape[0], (b + 1) * BLOCK)):
            best = min(best, values[j])
        out[b] = best


@njit(fastmath=FINITE)
def _steeper(buf, w, v, slope, width):
    """How many columns of the segment rise more than `slope`: a product each, where a division takes five times as
    long."""
    count = 0
    for t in range(width):
        count += v - w[t] > slope * buf[t]
    return count


@njit
def steepest(ground, boxes, v, w, wmin, begin, end, slope, pairs, jump):
    """Modifies pairs (2, 2) int64 and jump (1,); returns the largest (v_i - w_j) / c(x_i, y_j) over rows begin..end-1
    and columns at a distance, where that is above `slope` >= 0, and the pair in pairs[0]; otherwise `slope`, and the
    pair stays. Likewise the largest v_i - w_j between points in one place, in jump and pairs[1]. inf where the quotient
    overflows; then the search ends.

    v (n,) and w (m,) are below 2 in size, wmin is `block_min` of w.
    """
    m = w.shape[0]
    bounds, buf = np.empty(wmin.shape[0]), np.empty(BLOCK)
    for i in range(begin, end):
        lower_bounds(ground, boxes.low, boxes.high, ground.x[i], ground.x[i], bounds)
        for b in range(wmin.shape[0]):
            if v[i] - wmin[b] <= slope * max(bounds[b], 0.0):  # of a matrix the bound is -inf
                continue
            lo = b * BLOCK
            width = min(m, lo + BLOCK) - lo
            fill(ground, i, lo, lo + width, buf)
            if _steeper(buf, w[lo : lo + width], v[i], slope, width) == 0:
                continue
            for t in range(width):
                rise = v[i] - w[lo + t]
                if rise <= slope * buf[t]:
                    continue
                if buf[t] == 0.0:
                    if rise > jump[0]:
                        jump[0], pairs[1, 0], pairs[1, 1] = rise, i, lo + t
                    continue
                slope, pairs[0, 0], pairs[0, 1] = max(slope, rise / buf[t]), i, lo + t
                if slope == np.inf:
                    return slope
    return slope
