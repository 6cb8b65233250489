"""How steep a function is between samples: the slope of its steepest pair, over all pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from otkit.certificate import row_slices
from otkit.costs import Cost
from otkit.workers import share_out

NOISE = 2.0**-18  # of the range of values: what float32 leaves of a network's last digits
TASKS = 16  # of one round, which all begin with the slope of the round before


class Slope(NamedTuple):
    """The largest (v_i - w_j) / c_ij at a distance, at least 0, and the pair (i, j) that attains it; None where nothing
    rises. `jump` is the largest v_i - w_j between points in one place, at least 0."""

    value: float
    pair: tuple[int, int] | None
    jump: float


def sized(v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """v and w divided by the power of two that leaves them below 2 in size, and that power.

    Differences of values near 1e308 would overflow, and slopes of values below 1e-308 would have no digits.
    """
    largest = max(float(np.abs(v).max()), float(np.abs(w).max()))
    size = math.ldexp(1.0, max(math.frexp(largest)[1] - 1, -1074))
    return v / size, w / size, size


def steepest(cost: Cost, v: np.ndarray, w: np.ndarray) -> Slope:
    """The steepest rise from w (m,) to v (n,), both `sized`, over all pairs: O(nm) time, less through the boxes;
    O(n + m) memory.

    A jump above NOISE of the range of values makes the slope inf: they are no values of one function. A smaller one is
    what the critic's own rounding does to one point in two batches, and must be taken off v - w by whoever needs a
    bound. In units of v over those of the cost divided by its scale; inf where the quotient overflows.
    """
    from otkit.kernels.slope import block_min
    from otkit.kernels.slope import steepest as search

    order = cost.ordered
    v, w = v[order.rows], w[order.cols]
    least = np.empty(order.boxes.low.shape[1])
    block_min(w, least)
    best = _Steepest(0.0, 0.0, None, None)
    for rows in row_slices(cost, np.arange(v.size)):
        begin, end, start = int(rows[0]), int(rows[-1]) + 1, best.slope

        def task(k: int, begin: int = begin, end: int = end, start: float = start) -> _Steepest:
            pairs, jump = np.full((2, 2), -1), np.zeros(1)
            first, last = (begin + (end - begin) * part // TASKS for part in (k, k + 1))
            slope = search(order.ground, order.boxes, v, w, least, first, last, start, pairs, jump)
            return _Steepest(slope, float(jump[0]), *pairs)

        for found in share_out(task, TASKS):
            best = best.beside(found)
    if best.jump > NOISE * (max(v.max(), w.max()) - min(v.min(), w.min())):
        best = _Steepest(math.inf, best.jump, best.leap, best.leap)
    pair = None if best.pair is None else (int(order.rows[best.pair[0]]), int(order.cols[best.pair[1]]))
    return Slope(best.slope, pair, best.jump)


class _Steepest(NamedTuple):
    slope: float
    jump: float
    pair: np.ndarray | None  # in curve order
    leap: np.ndarray | None  # of the jump

    def beside(self, other: _Steepest) -> _Steepest:
        steeper, leaps = other.slope > self.slope, other.jump > self.jump
        return _Steepest(
            other.slope if steeper else self.slope,
            other.jump if leaps else self.jump,
            other.pair if steeper else self.pair,
            other.leap if leaps else self.leap,
        )
