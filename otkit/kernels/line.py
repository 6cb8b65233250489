"""Optimal transport on the line, in closed form: sorted points are matched in order (north-west corner).

Points are sorted; masses are int64 with equal totals, in the order of the points. A mass array of one entry stands for
that mass at every point. The cost |x - y|**p, p >= 1, is Monge, which is why the north-west corner is optimal, its
staircase duals are feasible, and row minima of `c - g` lie on a monotone path.

Sums carry their rounding error along (two-sum), so a cost over 1e6 points is right to about 1e-15.
"""

import numpy as np
from numba import prange

from otkit.kernels.ground import CITYBLOCK, FINITE, _power, raise_power
from otkit.kernels.jit import njit
from otkit.kernels.sort import sort_into
from otkit.kernels.tree import two_sum

BLOCK = 128  # plain vectorised sum inside, two-sum across: 16 terms per vector lane cost 3 ulp at most on average
ALONE = 100_000  # points below which one thread does it all: a parallel region takes up to 24 ms on a busy machine
SPLIT = 134217729.0  # 2**27 + 1


@njit(fastmath=FINITE)
def _differences(xs, ys, lo, hi, p, out):
    """Modifies out[:hi - lo] = |xs - ys|**p."""
    for t in range(hi - lo):
        out[t] = abs(xs[lo + t] - ys[lo + t])
    raise_power(CITYBLOCK, p, out, hi - lo)


@njit(fastmath={"reassoc", "nnan", "ninf", "nsz", "contract"})
def _sum(values, width):
    total = 0.0
    for t in range(width):
        total += values[t]
    return total


@njit
def _cost_range(xs, ys, p, lo, hi):
    """Sum of |xs - ys|**p over lo .. hi-1, as a value and its error."""
    buffer = np.empty(BLOCK)
    total = 0.0
    error = 0.0
    for start in range(lo, hi, BLOCK):
        end = min(start + BLOCK, hi)
        _differences(xs, ys, start, end, p, buffer)
        total, e = two_sum(total, _sum(buffer, end - start))
        error += e
    return total, error


@njit
def _gathered(part):
    """The sum of all pieces, each a value and its error."""
    total, error = 0.0, 0.0
    for t in range(part.shape[0]):
        total, e = two_sum(total, part[t, 0])
        error += e + part[t, 1]
    return total + error


@njit(parallel=True)
def cost_sorted(xs, ys, p):
    """Sum of |xs_i - ys_i|**p (not the mean), on all threads; the result does not depend on their number."""
    n = xs.size
    if n < ALONE:
        total, error = _cost_range(xs, ys, p, 0, n)
        return total + error
    pieces = 64
    part = np.empty((pieces, 2))
    for t in prange(pieces):
        part[t, 0], part[t, 1] = _cost_range(xs, ys, p, n * t // pieces, n * (t + 1) // pieces)
    return _gathered(part)


@njit
def _walk(xs, a, ys, b, p, i, j, left_a, left_b, todo):
    """Cost of the next `todo` units of mass of the north-west corner from cell (i, j), where left_a and left_b units
    of row i and column j remain. Returns the sum and its error. Branch-free but for the loop: the next row or column
    is a coin toss, and a wrong guess costs 5 ns."""
    n, m = xs.size, ys.size
    step_a = 0 if a.size == 1 else 1
    step_b = 0 if b.size == 1 else 1
    total = 0.0
    error = 0.0
    while todo > 0:
        mass = min(min(left_a, left_b), todo)
        total, e = two_sum(total, np.float64(mass) * _power(CITYBLOCK, p, abs(xs[i] - ys[j])))
        error += e
        todo -= mass
        left_a -= mass
        left_b -= mass
        i = min(i + (left_a == 0), n - 1)
        j = min(j + (left_b == 0), m - 1)
        left_a = a[i * step_a] if left_a == 0 else left_a
        left_b = b[j * step_b] if left_b == 0 else left_b
    return total, error


@njit
def _total(a, n):
    if a.size == 1:
        return a[0] * n
    total = np.int64(0)
    for i in range(n):
        total += a[i]
    return total


@njit
def _seek(a, starts, n, mass):
    """The point inside which the cumulated mass passes `mass`, and how much of it is left. starts[t] is the cumulated
    mass before point n * t // pieces."""
    pieces = starts.size - 1
    if a.size == 1:
        i = mass // a[0]
        return i, a[0] * (i + 1) - mass
    t = np.searchsorted(starts, mass, side="right") - 1
    i = n * min(t, pieces - 1) // pieces
    done = starts[min(t, pieces - 1)]
    while done + a[i] <= mass:
        done += a[i]
        i += 1
    return i, done + a[i] - mass


@njit
def _cost_weighted(xs, a, ys, b, p):
    """Serial twin of cost_weighted."""
    total, error = _walk(xs, a, ys, b, p, 0, 0, a[0], b[0], _total(a, xs.size))
    return total + error


@njit(parallel=True)
def cost_weighted(xs, a, ys, b, p):
    """Sum of mass * |x - y|**p over the north-west corner: the cost times the total mass, on all threads."""
    n, m = xs.size, ys.size
    if n + m < ALONE:
        return _cost_weighted(xs, a, ys, b, p)
    pieces = 64
    before = np.zeros((2, pieces + 1), np.int64)
    for t in prange(2 * pieces):
        s = t % pieces
        if t < pieces:
            if a.size > 1:
                before[0, s + 1] = a[n * s // pieces : n * (s + 1) // pieces].sum()
        elif b.size > 1:
            before[1, s + 1] = b[m * s // pieces : m * (s + 1) // pieces].sum()
    for s in range(pieces):
        before[0, s + 1] += before[0, s]
        before[1, s + 1] += before[1, s]
    whole = before[0, pieces] if a.size > 1 else a[0] * n
    share = whole // pieces + 1
    part = np.zeros((pieces, 2))
    for t in prange(pieces):
        lo = min(share * t, whole)
        todo = min(share, whole - lo)
        if todo > 0:
            i, left_a = _seek(a, before[0], n, lo)
            j, left_b = _seek(b, before[1], m, lo)
            part[t, 0], part[t, 1] = _walk(xs, a, ys, b, p, i, j, left_a, left_b, todo)
    return _gathered(part)


@njit
def plan_sorted(a, b, rows, cols, mass):
    """Modifies rows[:k], cols[:k], mass[:k]: the north-west corner. Returns k <= n + m - 1, entries with mass > 0."""
    n, m = a.size, b.size
    i = 0
    j = 0
    left_a = a[0]
    left_b = b[0]
    k = 0
    while True:
        move = min(left_a, left_b)
        if move > 0:
            rows[k] = i
            cols[k] = j
            mass[k] = move
            k += 1
        left_a -= move
        left_b -= move
        next_i = i + (left_a == 0)
        next_j = j + (left_b == 0)
        if next_i == n or next_j == m:  # equal totals: only zeros can remain on the other side
            return k
        left_a = a[next_i] if left_a == 0 else left_a
        left_b = b[next_j] if left_b == 0 else left_b
        i = next_i
        j = next_j


@njit(inline="always")
def _exact_cost(x, y, p):
    """|x - y|**p as an unevaluated sum of two floats: exact for p = 1, to 1e-32 for p = 2, rounded otherwise."""
    high, low = two_sum(x, -y)
    if p == 1.0:
        if high < 0.0:
            return -high, -low
        return high, low
    if p == 2.0:
        square = high * high
        t = SPLIT * high
        top = t - (t - high)
        rest = high - top
        error = ((top * top - square) + 2.0 * top * rest) + rest * rest
        return square, error + 2.0 * high * low
    return _power(CITYBLOCK, p, abs(high)), 0.0


@njit
def potentials_sorted(xs, a, ys, b, p, f, g):
    """Modifies f, g: f_i + g_j <= |x_i - y_j|**p for all pairs, equal where the north-west corner has mass; f_0 = 0.

    The recurrence f_i = c_ij - g_j, g_j = c_ij - f_i along the staircase runs in double-double: its 2e6 steps would
    lose 3 digits in plain floats. For p other than 1 and 2 the rounding of the powers themselves adds up.
    """
    n, m = xs.size, ys.size
    i = 0
    j = 0
    left_a = a[0]
    left_b = b[0]
    f_high, f_low = 0.0, 0.0
    g_high, g_low = _exact_cost(xs[0], ys[0], p)
    f[0] = 0.0
    g[0] = g_high
    while i < n - 1 or j < m - 1:
        move = min(left_a, left_b)
        left_a -= move
        left_b -= move
        if j == m - 1 or (left_a == 0 and i < n - 1):
            i += 1
            left_a = a[i]
            high, low = _exact_cost(xs[i], ys[j], p)
            s, e = two_sum(high, -g_high)
            f_high, f_low = two_sum(s, e + (low - g_low))
            f[i] = f_high
        else:
            j += 1
            left_b = b[j]
            high, low = _exact_cost(xs[i], ys[j], p)
            s, e = two_sum(high, -f_high)
            g_high, g_low = two_sum(s, e + (low - f_low))
            g[j] = g_high


@njit(fastmath=FINITE)
def _best(x, ys, g, p, lo, hi, buffer):
    """min over lo <= j <= hi of |x - y_j|**p - g_j, and where. Modifies buffer."""
    best = np.inf
    where = lo
    for start in range(lo, hi + 1, BLOCK):
        width = min(BLOCK, hi + 1 - start)
        for t in range(width):
            buffer[t] = abs(x - ys[start + t])
        raise_power(CITYBLOCK, p, buffer, width)
        low = buffer[0] - g[start]
        for t in range(width):
            buffer[t] -= g[start + t]
            low = min(low, buffer[t])
        if low < best:
            best = low
            t = 0
            while buffer[t] > low:
                t += 1
            where = start + t
    return best, where


@njit
def _levels(xs, ys, g, p, f, where, first, last, stride, stop):
    """Modifies f, where at rows first + stride, first + 3 * stride, ... below last, then with half the stride, while
    stride >= stop. Rows first (unless -1) and last (unless n) are known already."""
    n, m = xs.size, ys.size
    buffer = np.empty(BLOCK)
    while stride >= stop:
        for i in range(first + stride, last, 2 * stride):
            lo = where[i - stride] if i >= stride else 0
            hi = where[i + stride] if i + stride < n else m - 1
            f[i], where[i] = _best(xs[i], ys, g, p, lo, hi, buffer)
        stride //= 2


@njit(parallel=True)
def c_transform_sorted(xs, ys, g, p, f):
    """Modifies f: f_i = min_j |x_i - y_j|**p - g_j, in O((n + m) log n).

    Any minimiser of a row bounds those of the rows above and below (c - g is Monge). Rows are answered level by level,
    n / 2, then n / 4 and 3 n / 4, ...; after six levels the gaps between rows go to the threads.
    """
    n, m = xs.size, ys.size
    where = np.empty(n, np.int64)
    top = 1
    while 2 * top <= n:
        top *= 2
    if n + m < ALONE:
        _levels(xs, ys, g, p, f, where, -1, n, top, 1)
        return
    gap = max(top // 32, 1)
    _levels(xs, ys, g, p, f, where, -1, n, top, gap)
    for t in prange((n + gap) // gap):
        _levels(xs, ys, g, p, f, where, t * gap - 1, min((t + 1) * gap - 1, n), gap // 2, 1)


@njit(parallel=True)
def cost_batch(x, y, p, work, out):
    """Modifies out (k,): the mean cost of each row pair of x (k, n) and y (k, m), unsorted, uniform weights.

    Rows are shared among threads = work.shape[0]; work (threads, n + m + max(n, m)) is scratch, best from np.empty,
    whose large arrays use huge pages (numba's do not).
    """
    k, n = x.shape
    m = y.shape[1]
    threads = work.shape[0]
    high, low = n, m
    while low > 0:
        high, low = low, high % low
    a = np.full(1, m // high, np.int64)
    b = np.full(1, n // high, np.int64)
    for t in prange(threads):
        xs, ys, tmp = work[t, :n], work[t, n : n + m], work[t, n + m :]
        for r in range(k * t // threads, k * (t + 1) // threads):
            sort_into(x[r], None, xs, None, tmp, None)
            sort_into(y[r], None, ys, None, tmp, None)
            if n == m:
                total, error = _cost_range(xs, ys, p, 0, n)
                out[r] = (total + error) / n
            else:
                out[r] = _cost_weighted(xs, a, ys, b, p) / (np.float64(a[0]) * n)


@njit(parallel=True)
def cost_batch_weighted(x, a, y, b, p, work, loads, out):
    """Modifies out (k,): the mean cost of each row pair of x (k, n), y (k, m) with masses a (k or 1, n), b (k or 1, m);
    one row of masses is shared by all. work as in cost_batch, loads: int64 scratch of the same shape."""
    k, n = x.shape
    m = y.shape[1]
    threads = work.shape[0]
    for t in prange(threads):
        xs, ys, tmp = work[t, :n], work[t, n : n + m], work[t, n + m :]
        us, vs, load = loads[t, :n], loads[t, n : n + m], loads[t, n + m :]
        for r in range(k * t // threads, k * (t + 1) // threads):
            sort_into(x[r], a[r if a.shape[0] > 1 else 0], xs, us, tmp, load)
            sort_into(y[r], b[r if b.shape[0] > 1 else 0], ys, vs, tmp, load)
            out[r] = _cost_weighted(xs, us, ys, vs, p) / _total(us, n)
