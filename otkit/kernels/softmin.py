"""Sinkhorn's pass over all pairs, fused: costs, exponentials, row sums and column sums, never an n x m array.

With potentials scaled to base 2, F = f / (eps ln 2), and k = 1 / (eps ln 2), the density of the plan is
e_ij = 2^(F_i + G_j - k c_ij). One pass updates every F_i so that its row has mass a_i (the softmin) and, from the same
exponentials divided by their row sums, adds up the columns: both half steps for one exponential a pair.

The old F_i is the shift that keeps exponentials in range, so no running maximum is needed; a row whose sum says that
the shift was wrong is done again from its exact maximum.

Rows and columns lie on a Hilbert curve, and 16 rows share the list of the blocks of 32 columns that matter to them. The
first sweep bounds a block's density by the distance of boxes, which is loose: f varies inside a box by more than eps.
Afterwards every block remembers the largest density it had (its column sums tell, at no cost a pair), and how far the
potentials have drifted since bounds what it can have now: at n = 10000, d = 2, eps = 0.001 of the mean cost that leaves
out ten times as many pairs.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.boxes import BLOCK, lower_bounds
from otkit.kernels.exp2 import exp2
from otkit.kernels.gradient import pull
from otkit.kernels.ground import EUCLIDEAN, FINITE, MATRIX, SQUARES, fill
from otkit.kernels.jit import njit

GROUP = 16  # rows that share a list of segments
TILE = 512  # columns of one sweep of the inner loops: cost and exponentials stay in the first-level cache
SUM = FINITE | {"reassoc", "contract"}
TOO_FAR = 22.0  # a sum below 2^(22 - reach) may have lost more than 2^-22 of itself to blocks left out
PER_BIT = 64.0  # steps of a remembered exponent: drift is rounded up to one at every sweep
UNKNOWN = 32767
HIGHEST = 2.0**100
CUT = 2.0**-899.5  # exp2 gives 2^-900 for all that is less


class Potentials(NamedTuple):
    """What a pass knows of the columns, scaled to base 2."""

    h: np.ndarray  # (m,) G + log2 b, of the cost's type
    k: float  # 1 / (eps ln 2)
    gmax: np.ndarray  # (blocks,) the largest G of every block
    reach: float  # blocks whose density is below 2^-reach are left out
    g: np.ndarray  # (m,) G itself, float64
    scale: np.ndarray  # (m,) factors of a rounded plan's columns, float64; a sweep does not see them


class Memory(NamedTuple):
    """What the last sweep saw, of every group of rows and block of columns; no rows where nothing is remembered."""

    peaks: np.ndarray  # (groups, blocks) int16: at least PER_BIT * log2 of the largest density, or UNKNOWN
    rows: np.ndarray  # (groups,) by how much F has grown since, at most
    cols: np.ndarray  # (blocks,) by how much G has grown since, at most


class Work(NamedTuple):
    """What the tasks write on; one row a task. Task k of t takes the groups of rows k, k + t, k + 2t, ..."""

    cost: np.ndarray  # (t, TILE), of the cost's type
    density: np.ndarray  # (t, m), of the exponentials' type: float32, or float64
    group: np.ndarray  # (t, m), the same type: columns of one group of rows, before they are added to the rest
    columns: np.ndarray  # (t, m) float64
    bounds: np.ndarray  # (t, blocks) float64
    segments: np.ndarray  # (t, blocks + 1, 2) int64
    box: np.ndarray  # (t, 2, d) float64
    everything: np.ndarray  # (1, 2) int64: the segment of all columns


@njit(fastmath=SUM)
def _exponents(cost, h, shift, k, out):
    for t in range(out.shape[0]):
        out[t] = shift + h[t] - k * cost[t]


@njit(fastmath=SUM)
def _exponents_1d(a0, y0, h, shift, k, squared, out):
    if squared:
        for t in range(out.shape[0]):
            e0 = a0 - y0[t]
            out[t] = shift + h[t] - k * (e0 * e0)
    else:
        for t in range(out.shape[0]):
            out[t] = shift + h[t] - k * abs(a0 - y0[t])


@njit(fastmath=SUM)
def _exponents_2d(a0, a1, y0, y1, h, shift, k, squared, out):
    if squared:
        for t in range(out.shape[0]):
            e0, e1 = a0 - y0[t], a1 - y1[t]
            out[t] = shift + h[t] - k * (e0 * e0 + e1 * e1)
    else:
        for t in range(out.shape[0]):
            e0, e1 = a0 - y0[t], a1 - y1[t]
            out[t] = shift + h[t] - k * np.sqrt(e0 * e0 + e1 * e1)


@njit(fastmath=SUM)
def _exponents_3d(a0, a1, a2, y0, y1, y2, h, shift, k, squared, out):
    if squared:
        for t in range(out.shape[0]):
            e0, e1, e2 = a0 - y0[t], a1 - y1[t], a2 - y2[t]
            out[t] = shift + h[t] - k * (e0 * e0 + e1 * e1 + e2 * e2)
    else:
        for t in range(out.shape[0]):
            e0, e1, e2 = a0 - y0[t], a1 - y1[t], a2 - y2[t]
            out[t] = shift + h[t] - k * np.sqrt(e0 * e0 + e1 * e1 + e2 * e2)


@njit
def _log_density(ground, i, lo, hi, h, shift, k, cost, out):
    """Modifies out[: hi - lo] = shift + h_j - k c_ij; cost is scratch. One loop for the common costs in few dimensions,
    which is half the time of costs first and exponents after."""
    x, yt = ground.x, ground.yt
    d = yt.shape[0]
    if ground.metric == EUCLIDEAN and (ground.p == 2.0 or ground.p == 1.0) and d <= 3:
        squared = ground.p == 2.0
        if d == 1:
            _exponents_1d(x[i, 0], yt[0, lo:hi], h[lo:hi], shift, k, squared, out)
        elif d == 2:
            _exponents_2d(x[i, 0], x[i, 1], yt[0, lo:hi], yt[1, lo:hi], h[lo:hi], shift, k, squared, out)
        else:
            y0, y1, y2 = yt[0, lo:hi], yt[1, lo:hi], yt[2, lo:hi]
            _exponents_3d(x[i, 0], x[i, 1], x[i, 2], y0, y1, y2, h[lo:hi], shift, k, squared, out)
        return
    if ground.metric == MATRIX or (ground.metric == SQUARES and ground.p == 2.0):
        _exponents(ground.matrix[i, lo:hi], h[lo:hi], shift, k, out)
        return
    fill(ground, i, lo, hi, cost)
    _exponents(cost[: hi - lo], h[lo:hi], shift, k, out)


@njit(fastmath=SUM)
def _sum(values):
    total = values[0] * 0
    for t in range(values.shape[0]):
        total += values[t]
    return total


@njit(fastmath=SUM)
def _largest(values):
    best = values[0]
    for t in range(values.shape[0]):
        best = max(best, values[t])
    return best


@njit(fastmath=SUM)
def dot(values, other):
    total = 0.0
    for t in range(values.shape[0]):
        total += values[t] * other[t]
    return total


@njit(fastmath=SUM)
def _paid(values, cost):
    """The parts of sum values * cost of positive and of negative cost, both as positive numbers."""
    plus, minus = 0.0, 0.0
    for t in range(values.shape[0]):
        plus += values[t] * max(cost[t], 0.0)
        minus += values[t] * max(-cost[t], 0.0)
    return plus, minus


@njit(fastmath=SUM)
def _multiply(scale, out):
    """Modifies out *= scale. What exp2 has cut is no density: a plan has no mass there."""
    for t in range(out.shape[0]):
        out[t] = scale[t] * out[t] if out[t] > CUT else 0.0


@njit(fastmath=SUM)
def add(scale, values, out):
    for t in range(values.shape[0]):
        out[t] += scale * values[t]


@njit
def _bounds(ground, boxes, f, first, last, potentials, bounds, box):
    """Modifies bounds: of the log2 density of the rows [first, last) in every block, by the distance of boxes."""
    x, low, high = ground.x, box[0], box[1]
    peak = f[first]
    for i in range(first, last):
        peak = max(peak, f[i])
    for c in range(x.shape[1]):
        low[c] = x[first, c]
        high[c] = low[c]
        for i in range(first, last):
            low[c] = min(low[c], x[i, c])
            high[c] = max(high[c], x[i, c])
    lower_bounds(ground, boxes.low, boxes.high, low, high, bounds)
    for b in range(bounds.shape[0]):
        bounds[b] = peak + potentials.gmax[b] - potentials.k * bounds[b]


@njit
def _remembered(memory, group, bounds):
    """Modifies bounds: what the last sweep saw, and the drift since; remembers that bound for blocks left out now."""
    peaks = memory.peaks[group]
    for b in range(bounds.shape[0]):
        drift = memory.rows[group] + memory.cols[b]
        bounds[b] = peaks[b] / PER_BIT + drift
        peaks[b] = max(-UNKNOWN, min(UNKNOWN - 1, np.ceil(PER_BIT * bounds[b])))


@njit
def segments_of(ground, boxes, f, first, last, potentials, memory, box, bounds, segments):
    """Modifies segments: the runs of columns that the rows [first, last) may have density 2^-reach on. Their number."""
    group = first // GROUP
    if memory.peaks.shape[0] > 0 and memory.peaks[group, 0] != UNKNOWN:
        _remembered(memory, group, bounds)
    else:
        _bounds(ground, boxes, f, first, last, potentials, bounds, box)
    count = 0
    for b in range(bounds.shape[0]):
        if bounds[b] < -potentials.reach:
            continue
        if count > 0 and segments[count - 1, 1] == b * BLOCK:
            segments[count - 1, 1] += BLOCK
        else:
            segments[count, 0] = b * BLOCK
            segments[count, 1] = (b + 1) * BLOCK
            count += 1
    if count > 0:
        segments[count - 1, 1] = min(segments[count - 1, 1], potentials.h.shape[0])
    return count


@njit
def _remember(peaks, segments, count, group, share, rise, b, bounds):
    """Modifies peaks after a sweep of one group of rows, whose column sums are in `group`: none of the densities is
    larger than group_j / (b_j * share), share being the smallest mass of the rows. Of blocks that were left out it is
    known how large they were with the shifts, and that F has grown by `rise` at most."""
    for t in range(bounds.shape[0]):
        peaks[t] = max(-UNKNOWN, min(UNKNOWN - 1, np.ceil(PER_BIT * (bounds[t] + rise))))
    for s in range(count):
        lo = segments[s, 0]
        while lo < segments[s, 1]:
            stop = min(segments[s, 1], lo + BLOCK)
            largest = 0.0
            for j in range(lo, stop):
                largest = max(largest, group[j] / b[j])
            bound = np.ceil(PER_BIT * np.log2(largest / share))
            peaks[lo // BLOCK] = max(-UNKNOWN, min(UNKNOWN - 1, bound))
            lo = stop


@njit
def _row(ground, i, segments, count, h, shift, k, peak, cost, density):
    """Modifies density = 2^(shift + h_j - k c_ij) in the first `count` segments. Returns its sum; with `peak` the
    largest exponent instead, and density holds exponents."""
    kk = cost.dtype.type(k)
    ss = cost.dtype.type(shift)
    total = -np.inf if peak else 0.0
    for s in range(count):
        lo = segments[s, 0]
        while lo < segments[s, 1]:
            stop = min(segments[s, 1], lo + TILE)
            out = density[lo:stop]
            _log_density(ground, i, lo, stop, h, ss, kk, cost, out)
            if peak:
                total = max(total, np.float64(_largest(out)))
            else:
                exp2(out)
                total += _sum(out)
            lo = stop
    return total


@njit
def row_paid(ground, i, lo, hi, potentials, shift, cost, density):
    """Modifies density[lo:hi] as `_row` does, times the columns' scale. Returns its sum, the sum of density * cost, and
    of density * |cost|."""
    h, k, scale = potentials.h, potentials.k, potentials.scale
    total, paid, absolute = 0.0, 0.0, 0.0
    while lo < hi:
        stop = min(hi, lo + TILE)
        out = density[lo:stop]
        fill(ground, i, lo, stop, cost)
        _exponents(cost[: stop - lo], h[lo:stop], shift, k, out)
        exp2(out)
        _multiply(scale[lo:stop], out)
        total += _sum(out)
        plus, minus = _paid(out, cost)
        paid += plus - minus
        absolute += plus + minus
        lo = stop
    return total, paid, absolute


@njit
def sweep(ground, boxes, masses, f, potentials, new, memory, work, task):
    """Modifies new: the scaled potentials that give the task's rows their masses a; adds the columns of the plan they
    make to work.columns[task]; updates the memory. f is the shift, near `new` to save time. Returns how many rows had
    to be done again."""
    a, b = masses
    h, k, reach = potentials.h, potentials.k, potentials.reach
    cost, density, group, columns = work.cost[task], work.density[task], work.group[task], work.columns[task]
    bounds, segments, everything = work.bounds[task], work.segments[task], work.everything
    lowest = 2.0 ** (TOO_FAR - reach)
    rescued = 0
    for start in range(task * GROUP, a.shape[0], work.columns.shape[0] * GROUP):
        stop = min(a.shape[0], start + GROUP)
        count = segments_of(ground, boxes, f, start, stop, potentials, memory, work.box[task], bounds, segments)
        for s in range(count):
            group[segments[s, 0] : segments[s, 1]] = 0
        before, share, rise = rescued, a[start], -np.inf
        for i in range(start, stop):
            shift, total, attempt = f[i], 0.0, 0
            while attempt < 3:  # the old shift; where that fails, look for the largest exponent, and take that
                where, length = (segments, count) if attempt == 0 else (everything, 1)
                total = _row(ground, i, where, length, h, shift, k, attempt == 1, cost, density)
                if attempt == 0 and lowest <= total and total <= HIGHEST:
                    break
                if attempt == 0:
                    shift = 0.0
                elif attempt == 1:
                    shift = -total
                attempt += 1
            if attempt == 0:
                scale = group.dtype.type(a[i] / total)
                for s in range(count):
                    lo, hi = segments[s, 0], segments[s, 1]
                    add(scale, density[lo:hi], group[lo:hi])
            else:
                rescued += 1
                add(a[i] / total, density, columns)
            new[i] = shift - np.log2(total)
            share, rise = min(share, a[i]), max(rise, new[i] - f[i])
        for s in range(count):
            lo, hi = segments[s, 0], segments[s, 1]
            add(1.0, group[lo:hi], columns[lo:hi])
        if memory.peaks.shape[0] > 0:
            if rescued > before:
                memory.peaks[start // GROUP] = UNKNOWN
            else:
                _remember(memory.peaks[start // GROUP], segments, count, group, share, rise, b, bounds)
    return rescued


@njit
def measure(ground, boxes, a, f, potentials, normalised, sums, memory, work, task):
    """Modifies sums (n, 3): of every row of the density its sum, that of density * cost and of density * |cost|; adds
    the columns of the plan to work.columns[task]. The rows of the plan are those of the density times a, or where
    `normalised`, scaled to the sum a. The potentials are taken as they are."""
    cost, density, columns = work.cost[task], work.density[task], work.columns[task]
    bounds, segments = work.bounds[task], work.segments[task]
    for start in range(task * GROUP, a.shape[0], work.columns.shape[0] * GROUP):
        stop = min(a.shape[0], start + GROUP)
        count = segments_of(ground, boxes, f, start, stop, potentials, memory, work.box[task], bounds, segments)
        for i in range(start, stop):
            sums[i] = 0.0
            for s in range(count):
                lo, hi = segments[s, 0], segments[s, 1]
                total, paid, absolute = row_paid(ground, i, lo, hi, potentials, f[i], cost, density)
                sums[i, 0] += total
                sums[i, 1] += paid
                sums[i, 2] += absolute
            mass = a[i]
            if normalised:
                mass = a[i] / sums[i, 0] if sums[i, 0] > 0.0 else 0.0
            for s in range(count):
                lo, hi = segments[s, 0], segments[s, 1]
                add(mass, density[lo:hi], columns[lo:hi])


@njit
def apply(ground, boxes, f, potentials, vt, out, memory, work, task):
    """Modifies out (n, r): the density times the r rows of vt (r, m)."""
    cost, density, bounds, segments = work.cost[task], work.density[task], work.bounds[task], work.segments[task]
    for start in range(task * GROUP, f.shape[0], work.columns.shape[0] * GROUP):
        stop = min(f.shape[0], start + GROUP)
        count = segments_of(ground, boxes, f, start, stop, potentials, memory, work.box[task], bounds, segments)
        for i in range(start, stop):
            for c in range(vt.shape[0]):
                out[i, c] = 0.0
            for s in range(count):
                lo, hi = segments[s, 0], segments[s, 1]
                row_paid(ground, i, lo, hi, potentials, f[i], cost, density)
                for c in range(vt.shape[0]):
                    out[i, c] += dot(density[lo:hi], vt[c, lo:hi])


@njit
def gradient(ground, boxes, f, potentials, out, memory, work, task):
    """Modifies out (n, d): the density times the gradients of the costs in the points of the rows."""
    cost, density, bounds, segments = work.cost[task], work.density[task], work.bounds[task], work.segments[task]
    for start in range(task * GROUP, f.shape[0], work.columns.shape[0] * GROUP):
        stop = min(f.shape[0], start + GROUP)
        count = segments_of(ground, boxes, f, start, stop, potentials, memory, work.box[task], bounds, segments)
        for i in range(start, stop):
            for c in range(out.shape[1]):
                out[i, c] = 0.0
            for s in range(count):
                lo, hi = segments[s, 0], segments[s, 1]
                row_paid(ground, i, lo, hi, potentials, f[i], cost, density)
                pull(ground, i, lo, hi, density[lo:hi], 1.0, out[i])


@njit
def densities(ground, f, potentials, out, work):
    """Modifies out (n, m): the density itself, as `measure` and `apply` see it."""
    for i in range(f.shape[0]):
        row_paid(ground, i, 0, out.shape[1], potentials, f[i], work.cost[0], out[i])
