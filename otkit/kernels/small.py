"""Sinkhorn on many small dense problems: the Gibbs matrix of each is held, and a sweep is two products with it.

Potentials far from those the matrix was made with are absorbed into a new one (Schmitzer 2019), so nothing overflows.
A sweep takes 0.4 ns a pair, an eighth of the exponentials it saves.
"""

from typing import NamedTuple

import numpy as np

from otkit.kernels.anderson import Past, accelerate, forget
from otkit.kernels.exp2 import exp2
from otkit.kernels.gradient import pull
from otkit.kernels.ground import Ground, fill
from otkit.kernels.jit import njit
from otkit.kernels.softmin import add, dot

FACTOR = 4.0  # between one eps and the next; 2 and 8 took as many sweeps in all
ROUGH, MOST_ROUGH = 0.1, 20  # marginal error, or sweeps, at which a larger eps is left
LIGHT = 2.0**-60  # masses that no marginal error sees: their potentials are the softmin of the others'
FAR = 30.0  # bits of drift at which potentials are absorbed
LEAST, MOST = 2.0**-40, 2.0**60  # row sums and column ratios between which nothing has been lost
SMALLEST, LARGEST = 2.0**-100, 2.0**60  # eps over the costs: beyond them float64 sees no change, and overflows
FLAT = 2.0**-17  # exponents below which three half steps from 0 are exact, and the logarithms of sweeps are not
LN2 = np.log(2.0)
EPS = 2.0**-52


class Room(NamedTuple):
    """What one task writes on."""

    cost: np.ndarray  # (n, m)
    gibbs: np.ndarray  # (n, m) 2^(F0_i + G0_j - k c_ij)
    f: np.ndarray  # (n,) scaled potentials, now
    f0: np.ndarray  # (n,) and as absorbed
    sums: np.ndarray  # (n,) of rows
    g: np.ndarray  # (m,)
    g0: np.ndarray  # (m,)
    image: np.ndarray  # (m,) of g under a sweep
    ahead: np.ndarray  # (m,) the next g to try
    v: np.ndarray  # (m,) b_j 2^(G_j - G0_j)
    columns: np.ndarray  # (m,) sum_i a_i P_ij / b_j
    line: np.ndarray  # (max(n, m),) scratch
    past: Past


class Goal(NamedTuple):
    eps: np.ndarray  # (k,)
    tol: float
    max_iter: int
    own: bool = False  # whether both sides are one measure


class Answers(NamedTuple):
    """Of every problem: what it cost, how well it converged, its potentials and gradients."""

    paid: np.ndarray  # (k,) of the rounded plan
    objective: np.ndarray  # (k,)
    error: np.ndarray  # (k,)
    iterations: np.ndarray  # (k,) int64
    f: np.ndarray  # (k, n) regularised
    g: np.ndarray  # (k, m)
    upper_f: np.ndarray  # (k, n) feasible without regularisation, but for rounding
    upper_g: np.ndarray  # (k, m)
    pull_x: np.ndarray  # (k, n, d) gradient in the points of x; (0, ...) where it is not wanted
    pull_y: np.ndarray  # (k, m, d)


@njit
def _row(cost, shift, g, k, out):
    """Modifies out = 2^(shift + g_j - k c_j), added up as in `_exact`: of exponents of 2^60 only equal ones cancel."""
    for t in range(out.shape[0]):
        out[t] = (g[t] - k * cost[t]) + shift
    exp2(out)


@njit
def _absorb(room, k):
    room.f0[:] = room.f
    room.g0[:] = room.g
    for i in range(room.f.shape[0]):
        _row(room.cost[i], room.f0[i], room.g0, k, room.gibbs[i])


@njit
def _exact(costs, potential, masses, k, line):
    """The scaled softmin of one row or column, from the maximum of its exponents; line is scratch."""
    best = -np.inf
    for t in range(masses.shape[0]):
        if masses[t] > 0.0:
            best = max(best, potential[t] - k * costs[t])
    for t in range(masses.shape[0]):
        line[t] = min(potential[t] - k * costs[t] - best, 0.0)  # only points without mass can be above 0
    exp2(line[: masses.shape[0]])
    return -(best + np.log2(dot(line[: masses.shape[0]], masses)))


@njit
def _sweep(room, a, b, k):
    """Modifies f, image, sums, columns: one full iteration from g. Returns the marginal error of (f, g)."""
    n, m = room.gibbs.shape
    v, columns = room.v, room.columns
    drift = 0.0
    for j in range(m):
        v[j] = room.g[j] - room.g0[j]
        drift = max(drift, abs(v[j]))
    if drift > FAR:
        _absorb(room, k)
        v[:] = 0.0
    exp2(v)
    for j in range(m):
        room.line[j] = v[j] * b[j]
    columns[:] = 0.0
    weighted = room.line[:m]
    for i in range(n):
        total = dot(room.gibbs[i], weighted)
        if not (LEAST <= total and total <= MOST):
            room.f0[i] = _exact(room.cost[i], room.g, b, k, room.image)
            _row(room.cost[i], room.f0[i], room.g0, k, room.gibbs[i])
            total = dot(room.gibbs[i], weighted)
        room.sums[i] = total
        room.f[i] = room.f0[i] - np.log2(total)
        add(a[i] / total, room.gibbs[i], columns)
    error = 0.0
    for j in range(m):
        columns[j] *= v[j]
        if b[j] > 0.0:  # others may have a column sum of inf
            error += b[j] * abs(columns[j] - 1.0)
    for j in range(m):
        if LEAST < columns[j] and columns[j] <= MOST:
            room.image[j] = room.g[j] - np.log2(columns[j])
        else:
            room.image[j] = _exact(room.cost[:, j], room.f, a, k, room.line)
    return error


@njit
def _flat_row(costs, potential, masses, k, line):
    """`_exact` where the exponents of points with mass are below FLAT: to the last digits of the costs.

    A sum of powers near 1 knows its logarithm to 1e-16, which times eps is no small part of the costs.
    """
    total = 0.0
    for t in range(masses.shape[0]):
        total += masses[t] * np.expm1(LN2 * (potential[t] - k * costs[t]))
    if total < -0.5:  # a point without mass, far from all others
        return _exact(costs, potential, masses, k, line)
    return -np.log1p(total) / LN2


@njit
def _flat(room, a, b, k):
    """Modifies f, g: the scaled potentials, by three half steps from 0. Errors fall by a factor FLAT in each."""
    n, m = room.cost.shape
    room.g[:] = 0.0
    for i in range(n):
        room.f[i] = _flat_row(room.cost[i], room.g, b, k, room.line)
    for j in range(m):
        room.g[j] = _flat_row(room.cost[:, j], room.f, a, k, room.line)
    for i in range(n):
        room.f[i] = _flat_row(room.cost[i], room.g, b, k, room.line)


@njit
def _symmetrise(room, a, k):
    """Modifies f, g: those of a measure with itself are one. At small eps what they differ by dies away slowest, and it
    does no harm but between points with mass and those without."""
    n = room.f.shape[0]
    for i in range(n):
        room.g[i] = 0.5 * (room.f[i] + room.g[i])
    for i in range(n):
        room.f[i] = room.g[i] if a[i] >= LIGHT else _exact(room.cost[i], room.g, a, k, room.line)
    room.g[:] = room.f


@njit
def _centre(room, a, b):
    """Modifies f, g: a constant moves from one to the other, so that each has half of the dual value."""
    shift = 0.5 * (dot(b, room.g) - dot(a, room.f))
    room.f[:] += shift
    room.g[:] -= shift


@njit
def _solve(room, a, b, goal_eps, goal, first):
    """Modifies room: the scaled potentials f, g at goal_eps. Returns sweeps and marginal error."""
    room.f[:] = 0.0
    room.g[:] = 0.0
    iterations, error = 0, np.inf
    eps = max(first, goal_eps)
    while True:
        final = eps <= 1.5 * goal_eps
        if final:
            eps = goal_eps
        k = 1.0 / (eps * LN2)
        room.f[:] *= k
        room.g[:] *= k
        forget(room.past)
        _absorb(room, k)
        done = 0
        while iterations < goal.max_iter:
            error = _sweep(room, a, b, k)
            iterations, done = iterations + 1, done + 1
            if error <= (goal.tol if final else ROUGH) or (not final and done >= MOST_ROUGH):
                break
            if iterations == goal.max_iter:
                break
            objective = dot(a, room.f) + dot(b, room.g)
            accelerate(room.past, room.g, room.image, b, objective, 1e-11, room.ahead)
            room.g[:] = room.ahead
        if final or iterations >= goal.max_iter:
            if not final:  # potentials of a larger eps are potentials of this one, if worse
                room.f[:] *= eps / goal_eps
                room.g[:] *= eps / goal_eps
                k = 1.0 / (goal_eps * LN2)
                _absorb(room, k)
                error = _sweep(room, a, b, k)
            return iterations, error
        room.f[:] /= k
        room.g[:] /= k
        eps = max(goal_eps, eps / FACTOR)


@njit
def _rounded_cost(room, a, b):
    """The cost of the plan with columns scaled down to their mass and the rest moved by a north-west corner."""
    n, m = room.cost.shape
    shrink, missing = room.ahead, room.image
    missing[:] = 0.0
    shrink[:] = 0.0
    last = 0  # column with mass: what rounding leaves over must not go to one that is far and has none
    for j in range(m):
        if b[j] > 0.0:
            ratio = room.columns[j]
            missing[j] = b[j] * max(0.0, 1.0 - ratio)
            shrink[j] = b[j] * room.v[j] / max(1.0, ratio)
            last = j
    paid = 0.0
    j = 0
    for i in range(n):
        row = a[i] / room.sums[i]
        kept = 0.0
        for t in range(m):
            mass = row * (room.gibbs[i, t] * shrink[t])  # 2^1023 where shrink is 0
            kept += mass
            paid += mass * room.cost[i, t]
        left = max(0.0, a[i] - kept)
        while left > 0.0:
            move = min(left, missing[j]) if j < last else left
            paid += move * room.cost[i, j]
            left -= move
            missing[j] -= move
            if missing[j] <= 0.0 and j < last:
                j += 1
    return paid


@njit
def _feasible(room, a, b, k, f, g):
    """Modifies f, g: the c-transforms of the potentials, feasible without regularisation.

    Points without mass come last: far ones have potentials whose rounding would lower those that count.
    """
    n, m = room.cost.shape
    for i in range(n):
        f[i] = np.inf
        for j in range(m):
            if b[j] > 0.0:
                f[i] = min(f[i], room.cost[i, j] - room.g[j] / k)
    for j in range(m):
        g[j] = np.inf
        for i in range(n):
            if a[i] > 0.0:
                g[j] = min(g[j], room.cost[i, j] - f[i])
        g[j] -= 4.0 * EPS * abs(g[j])
    for i in range(n):
        f[i] = np.inf
        for j in range(m):
            f[i] = min(f[i], room.cost[i, j] - g[j])


@njit
def _gradients(here, there, room, a, b, pull_x, pull_y):
    """Modifies the gradients of the regularised cost in the points (d / d x_i = sum_j P_ij d c_ij)."""
    n, m = room.cost.shape
    for i in range(n):
        for j in range(m):
            room.gibbs[i, j] *= a[i] / room.sums[i] * room.v[j] * b[j]
    pull_x[:] = 0.0
    pull_y[:] = 0.0
    for i in range(n):
        pull(here, i, 0, m, room.gibbs[i], 1.0, pull_x[i])
    for j in range(m):
        room.line[:n] = room.gibbs[:, j]
        pull(there, j, 0, n, room.line[:n], 1.0, pull_y[j])


@njit
def solve_batch(metric, p, points, masses, goal, room, answers, first, last):
    """Modifies answers[first:last]: the problems x[q] (n, d) against y[q] (m, d) with masses a[q], b[q] of total 1 (one
    row where all share theirs)."""
    x, y = points
    nothing = np.empty((0, 0))
    n, m = room.cost.shape
    for q in range(first, last):
        here = Ground(metric, p, x[q], np.ascontiguousarray(y[q].T), nothing)
        a, b = masses[0][min(q, masses[0].shape[0] - 1)], masses[1][min(q, masses[1].shape[0] - 1)]
        mean, largest, heavy = 0.0, 0.0, 0.0  # heavy: the largest between points with mass
        for i in range(n):
            fill(here, i, 0, m, room.cost[i])
            for j in range(m):
                mean += room.cost[i, j] / (n * m)
                largest = max(largest, room.cost[i, j])
                if a[i] > 0.0 and b[j] > 0.0:
                    heavy = max(heavy, room.cost[i, j])
        eps = min(max(goal.eps[q], SMALLEST * largest), LARGEST * largest) if largest > 0.0 else 1.0
        answers.iterations[q], answers.error[q] = _solve(room, a, b, eps, goal, mean)
        k = 1.0 / (eps * LN2)
        for j in range(m):
            if b[j] < LIGHT:
                room.g[j] = room.image[j]
        if k * heavy < FLAT:
            _flat(room, a, b, k)
        elif goal.own:
            _symmetrise(room, a, k)
        _centre(room, a, b)
        answers.objective[q] = (dot(a, room.f) + dot(b, room.g)) / k
        answers.f[q] = room.f / k
        answers.g[q] = room.g / k
        _feasible(room, a, b, k, answers.upper_f[q], answers.upper_g[q])
        answers.paid[q] = _rounded_cost(room, a, b)
        if answers.pull_x.shape[0] > 0:
            there = Ground(metric, p, y[q], np.ascontiguousarray(x[q].T), nothing)
            _gradients(here, there, room, a, b, answers.pull_x[q], answers.pull_y[q])
