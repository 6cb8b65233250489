"""Bounding boxes of blocks of consecutive columns: a lower bound of c(x_i, y) over a block without looking into it.

With the columns in the order of a space-filling curve a block of 32 is a small box, and in low dimension all but a few
blocks are refuted by their bound (15 of 125 are opened at d = 2, n = 4000). GROUP of them share an outer box, so
that a row looks at m / 1024 of those and at the blocks of a few; it helps with the bounds of `planes.py` only.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.ground import CITYBLOCK, EUCLIDEAN, FINITE, MATRIX, SQUARES, raise_power
from otkit.kernels.jit import njit

BLOCK = 32  # columns
GROUP = 32  # blocks


class Boxes(NamedTuple):
    low: np.ndarray  # (d, blocks)
    high: np.ndarray  # (d, blocks)
    outer_low: np.ndarray  # (d, groups)
    outer_high: np.ndarray  # (d, groups)


@njit
def _hull(lows, highs, width, low, high):
    """Modifies low, high: the boxes of `width` consecutive ones of lows, highs (d, count)."""
    d, count = lows.shape
    for k in range(d):
        for b in range(low.shape[1]):
            low[k, b] = lows[k, b * width]
            high[k, b] = highs[k, b * width]
            for j in range(b * width, min(count, (b + 1) * width)):
                low[k, b] = min(low[k, b], lows[k, j])
                high[k, b] = max(high[k, b], highs[k, j])


def enclose(yt):
    """Boxes of the columns of yt (d, m) in blocks of BLOCK, and of these in groups of GROUP."""
    d, m = yt.shape
    blocks, groups = -(-m // BLOCK), -(-m // (BLOCK * GROUP))
    boxes = Boxes(np.empty((d, blocks)), np.empty((d, blocks)), np.empty((d, groups)), np.empty((d, groups)))
    _hull(yt, yt, BLOCK, boxes.low, boxes.high)
    _hull(boxes.low, boxes.high, GROUP, boxes.outer_low, boxes.outer_high)
    return boxes


@njit(fastmath=FINITE)
def lower_bounds(ground, lows, highs, least, most, out):
    """Modifies out[b] <= c(x, y) for every y in box b of lows, highs (d, boxes) and every x between the corners `least`
    and `most` (d,), one point's coordinates twice where the bound is for one row. A matrix has no geometry: -inf."""
    blocks = out.shape[0]
    if ground.metric == MATRIX or ground.metric == SQUARES:
        for b in range(blocks):
            out[b] = -np.inf
        return
    for b in range(blocks):
        out[b] = 0.0
    for k in range(ground.yt.shape[0]):
        a, z = least[k], most[k]
        low, high = lows[k], highs[k]
        if ground.metric == EUCLIDEAN:
            for b in range(blocks):
                e = max(max(low[b] - z, a - high[b]), 0.0)
                out[b] += e * e
        elif ground.metric == CITYBLOCK:
            for b in range(blocks):
                out[b] += max(max(low[b] - z, a - high[b]), 0.0)
        else:
            for b in range(blocks):
                out[b] = max(out[b], max(low[b] - z, a - high[b]))
    raise_power(ground.metric, ground.p, out, blocks)
