"""Ground costs c(x_i, y_j), one row segment or one pair at a time, never as an n x m array.

`Ground` is how a cost crosses into the kernels. Points are kept as `x (n, d)` and `yt (d, m)`: the columns of one
coordinate lie next to each other, so a row segment is filled by vector instructions for every metric and dimension.
SQUARES is a matrix of squared Euclidean distances, still to be raised to p / 2: what a product of matrices gives in
many dimensions, negative where it rounded.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.jit import njit

EUCLIDEAN, CITYBLOCK, CHEBYSHEV, MATRIX, SQUARES = 0, 1, 2, 3, 4

# Inputs are finite (the border checks), so NaN and signed-zero rules only cost vectorisation of min and max. `reassoc`
# and `contract` are left out: `fill` and `at` must agree to the last bit, or an arc of the plan can look infeasible.
FINITE = {"nnan", "ninf", "nsz"}


class Ground(NamedTuple):
    metric: int
    p: float
    x: np.ndarray  # (n, d); (n, 0) for a matrix
    yt: np.ndarray  # (d, m); (0, m) for a matrix
    matrix: np.ndarray  # (n, m); (0, 0) for points


def transposed(ground):
    """The same costs with rows and columns exchanged."""
    if ground.metric == MATRIX:
        return ground._replace(x=ground.yt.T, yt=ground.x.T, matrix=np.ascontiguousarray(ground.matrix.T))
    return ground._replace(x=np.ascontiguousarray(ground.yt.T), yt=np.ascontiguousarray(ground.x.T))


@njit(inline="always")
def _power(metric, p, value):
    """distance**p from the accumulated coordinate sum (squared for EUCLIDEAN)."""
    if metric == EUCLIDEAN:
        if p == 2.0:
            return value
        if p == 1.0:
            return np.sqrt(value)
        if p == 3.0:
            return value * np.sqrt(value)
        if p == 1.5:
            root = np.sqrt(value)
            return root * np.sqrt(root)
        return value ** (0.5 * p)
    if p == 1.0:
        return value
    if p == 2.0:
        return value * value
    if p == 3.0:
        return value * value * value
    if p == 1.5:
        return value * np.sqrt(value)
    return value**p


@njit(fastmath=FINITE)
def raise_power(metric, p, out, width):
    """Modifies out[:width]. One branch per segment: `pow` costs 20 ns a value, a vectorised square root under 1 ns."""
    if metric == EUCLIDEAN:
        if p == 1.0:
            for t in range(width):
                out[t] = np.sqrt(out[t])
        elif p == 3.0:
            for t in range(width):
                out[t] = out[t] * np.sqrt(out[t])
        elif p == 1.5:
            for t in range(width):
                root = np.sqrt(out[t])
                out[t] = root * np.sqrt(root)
        elif p != 2.0:
            for t in range(width):
                out[t] = out[t] ** (0.5 * p)
    elif p == 2.0:
        for t in range(width):
            out[t] = out[t] * out[t]
    elif p == 3.0:
        for t in range(width):
            out[t] = out[t] * out[t] * out[t]
    elif p == 1.5:
        for t in range(width):
            out[t] = out[t] * np.sqrt(out[t])
    elif p != 1.0:
        for t in range(width):
            out[t] = out[t] ** p


@njit(fastmath=FINITE)
def _sum_of_squares(x, yt, i, lo, width, out):
    d = yt.shape[0]
    hi = lo + width  # slices, not yt[k, lo + t]: the test for a negative index stops vectorisation, 6 times slower
    k = 0
    while k + 4 <= d:  # four coordinates per sweep: the segment is loaded and stored d / 4 times, not d times
        a0, a1, a2, a3 = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
        y0, y1, y2, y3 = yt[k, lo:hi], yt[k + 1, lo:hi], yt[k + 2, lo:hi], yt[k + 3, lo:hi]
        for t in range(width):
            e0 = a0 - y0[t]
            e1 = a1 - y1[t]
            e2 = a2 - y2[t]
            e3 = a3 - y3[t]
            out[t] += (e0 * e0 + e1 * e1) + (e2 * e2 + e3 * e3)
        k += 4
    while k + 2 <= d:
        a0, a1 = x[i, k], x[i, k + 1]
        y0, y1 = yt[k, lo:hi], yt[k + 1, lo:hi]
        for t in range(width):
            e0 = a0 - y0[t]
            e1 = a1 - y1[t]
            out[t] += e0 * e0 + e1 * e1
        k += 2
    if k < d:
        a0 = x[i, k]
        y0 = yt[k, lo:hi]
        for t in range(width):
            e0 = a0 - y0[t]
            out[t] += e0 * e0


@njit(fastmath=FINITE)
def fill(ground, i, lo, hi, out):
    """Modifies out[:hi - lo] = c(x_i, y_lo .. y_hi-1)."""
    width = hi - lo
    if ground.metric == MATRIX:
        row = ground.matrix[i, lo:hi]
        for t in range(width):
            out[t] = row[t]
        return
    if ground.metric == SQUARES:
        row = ground.matrix[i, lo:hi]
        for t in range(width):
            out[t] = max(row[t], 0)
        raise_power(EUCLIDEAN, ground.p, out, width)
        return
    x, yt = ground.x, ground.yt
    for t in range(width):
        out[t] = 0.0
    if ground.metric == EUCLIDEAN:
        _sum_of_squares(x, yt, i, lo, width, out)
    elif ground.metric == CITYBLOCK:
        for k in range(yt.shape[0]):
            a = x[i, k]
            y = yt[k, lo:hi]
            for t in range(width):
                out[t] += abs(a - y[t])
    else:
        for k in range(yt.shape[0]):
            a = x[i, k]
            y = yt[k, lo:hi]
            for t in range(width):
                out[t] = max(out[t], abs(a - y[t]))
    raise_power(ground.metric, ground.p, out, width)


@njit
def _square(x, yt, i, j):
    """|x_i - y_j|^2, added up in the order of `_sum_of_squares`."""
    d = yt.shape[0]
    value = 0.0
    k = 0
    while k + 4 <= d:
        e0, e1 = x[i, k] - yt[k, j], x[i, k + 1] - yt[k + 1, j]
        e2, e3 = x[i, k + 2] - yt[k + 2, j], x[i, k + 3] - yt[k + 3, j]
        value += (e0 * e0 + e1 * e1) + (e2 * e2 + e3 * e3)
        k += 4
    while k + 2 <= d:
        e0, e1 = x[i, k] - yt[k, j], x[i, k + 1] - yt[k + 1, j]
        value += e0 * e0 + e1 * e1
        k += 2
    if k < d:
        e0 = x[i, k] - yt[k, j]
        value += e0 * e0
    return value


@njit
def at(ground, i, j):
    """c(x_i, y_j) of one pair."""
    if ground.metric == MATRIX:
        return ground.matrix[i, j]
    if ground.metric == EUCLIDEAN:
        return _power(EUCLIDEAN, ground.p, _square(ground.x, ground.yt, i, j))
    value = 0.0
    for k in range(ground.yt.shape[0]):
        e = abs(ground.x[i, k] - ground.yt[k, j])
        value = value + e if ground.metric == CITYBLOCK else max(value, e)
    return _power(ground.metric, ground.p, value)
