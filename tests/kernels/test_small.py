"""The parts of small dense problems, and the whole, against NumPy and the textbook's iteration."""

import math

import numpy as np
import pytest
from entropic import kullback_leibler, naive_plan, naive_sinkhorn
from families import naive_cost
from kernels.twins import METRICS, NAMES, cloud, cost_gradient, density_exponents, ground_of_points, lattice, log2_sums
from numba import config
from scipy.special import logsumexp

from otkit.kernels import small
from otkit.kernels.anderson import new_past

SMALL = bool(config.DISABLE_JIT)
N, M = (7, 9) if SMALL else (20, 27)
LN2 = math.log(2.0)
SUMS = 1e-13  # 27 terms, each good to some 1e-16 times its exponent, which is below 100 where it counts


def room_of(cost):
    """Everything that nobody may read before it is written is NaN."""
    n, m = cost.shape
    lines = (np.full(size, np.nan) for size in (n, n, n, m, m, m, m, m, m, max(n, m)))
    return small.Room(cost.copy(), np.full((n, m), np.nan), *lines, new_past(m))


def masses(n, m, seed=0, zeros=False):
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=n) + 0.05, rng.exponential(size=m) + 0.05
    if zeros:
        a[::3], b[1::4] = 0.0, 0.0
    return a / math.fsum(a), b / math.fsum(b)


def scaled(n=N, m=M, share=0.1, p=2.0, zeros=False, seed=0):
    """A cost, masses, k, and potentials of columns of about the size that the solution has."""
    x, y = cloud(n, m, 2, seed)
    cost = naive_cost(x, y, p=p)
    a, b = masses(n, m, seed, zeros)
    k = 1.0 / (share * cost.mean() * LN2)
    g = 0.3 * np.random.default_rng(seed + 1).normal(size=m) * k * cost.mean()
    return cost, a, b, k, g


def softmin(cost, potential, weights, k):
    """In base 2, over columns."""
    with np.errstate(divide="ignore"):
        exponents = density_exponents(cost, np.zeros(len(cost)), potential, weights, k)
    return -log2_sums(exponents)


def swept(cost, a, b, k, g, f0=None, g0=None):
    """The room after one sweep from g, with a Gibbs matrix made at f0, g0, and the error it returned."""
    room = room_of(cost)
    room.f[:], room.g[:] = 0.0 if f0 is None else f0, 0.0 if g0 is None else g0
    small._absorb(room, k)
    room.g[:] = g
    with np.errstate(over="ignore"):  # sums of columns without mass, where nothing is compiled
        return room, small._sweep(room, a, b, k)


# --- a sweep -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("share", [100.0, 1.0, 0.1, 1e-2, 1e-4, 1e-9])
@pytest.mark.parametrize("absorbed", ["nothing", "nearly", "far off"])
def test_sweep(absorbed, share, zeros):
    """Whatever the Gibbs matrix was made with, and however small eps: the same sums, a plan with rows a."""
    cost, a, b, k, g = scaled(share=share, zeros=zeros)
    f = softmin(cost, g, b, k)
    f0, g0 = {"nothing": (None, None), "nearly": (f + 1.5, g - 7.0), "far off": (f - 1e5, g[::-1] + 300.0)}[absorbed]
    room, error = swept(cost, a, b, k, g, f0, g0)
    rounding = SUMS * (1.0 + np.abs(f).max() + np.abs(g).max() + k * cost.max())
    np.testing.assert_allclose(room.f, f, rtol=0, atol=rounding)
    image = softmin(cost.T, f, a, k)
    np.testing.assert_allclose(room.image, image, rtol=0, atol=2 * rounding)
    columns = np.exp2(np.minimum(g - image, 1000.0))
    held = b > 0
    # at share 1e-9 rounding is 1e-4 bits
    assert error == pytest.approx((b * np.abs(columns - 1.0))[held].sum(), rel=2 * rounding + 1e-12, abs=2 * rounding)
    np.testing.assert_array_equal(room.g, g)


def test_sweep_of_points_that_coincide():
    x, y = np.ones((4, 2)), np.ones((3, 2))
    a, b = masses(4, 3)
    room, error = swept(naive_cost(x, y), a, b, 1.0, np.zeros(3))
    assert error <= 1e-15
    np.testing.assert_allclose(room.f, 0.0, atol=1e-15)
    np.testing.assert_allclose(room.image, 0.0, atol=1e-15)


@pytest.mark.parametrize("light", [1e-30, 1e-300, 5e-324])
def test_sweep_with_masses_near_the_end_of_float64(light):
    cost, a, b, k, g = scaled()
    a[2], b[3] = light, light
    room, error = swept(cost, a, b, k, g)
    f = softmin(cost, g, b, k)
    np.testing.assert_allclose(room.f, f, rtol=0, atol=1e-11)
    np.testing.assert_allclose(room.image, softmin(cost.T, f, a, k), rtol=0, atol=1e-11)
    assert np.isfinite(error)


def test_exact_and_flat_rows():
    """A softmin whatever its size; and to the digits of the costs where all exponents are tiny."""
    cost, _, b, k, g = scaled(3, M, zeros=True)
    cost = cost[:1]
    line = np.full(M, np.nan)
    for far in (0.0, 1e3, -1e7):
        found = small._exact(cost[0], g + far, b, k, line)
        assert found == pytest.approx(softmin(cost, g + far, b, k)[0], rel=1e-14, abs=1e-12)
    for tiny in (1e-6, 1e-30, 1e-250):
        found = small._flat_row(cost[0], tiny * g, b, tiny * k, line)
        # to first order the mean; the second is a variance
        mean = (b * (k * cost[0] - g)).sum()
        assert found / tiny == pytest.approx(mean, rel=0, abs=2 * tiny * (np.abs(k * cost).max() + 50) ** 2 + 1e-13 * k)
    assert small._flat_row(cost[0] + 1e5, g, b, k, line) == pytest.approx(
        softmin(cost + 1e5, g, b, k)[0], rel=1e-12, abs=0
    )


# --- solved --------------------------------------------------------------------------------------------------------


def solved(cost, a, b, eps, tol=1e-13, most=3000):
    room = room_of(cost)
    goal = small.Goal(np.array([eps]), tol, most)
    iterations, error = small._solve(room, a, b, eps, goal, cost.mean())
    return room, iterations, error


def plan_in(room, a, b):
    """The plan that the room holds after a sweep."""
    return a[:, None] / room.sums[:, None] * room.gibbs * room.v * b


@pytest.mark.parametrize("share", [1e4, 1.0, 0.2] if SMALL else [1e4, 1.0, 0.2, 0.05])
@pytest.mark.parametrize("zeros", [False, True])
def test_solve(zeros, share):
    cost, a, b, _, _ = scaled(zeros=zeros)
    eps = share * cost.mean()
    k = 1.0 / (eps * LN2)
    room, iterations, error = solved(cost, a, b, eps)
    assert error <= 1e-13 and 0 < iterations < 200
    f, g = naive_sinkhorn(cost, a, b, eps)
    shift = np.median(room.f / k - f)
    np.testing.assert_allclose(room.f / k - shift, f, rtol=0, atol=1e-8 * eps)
    np.testing.assert_allclose(room.g / k + shift, g, rtol=0, atol=1e-8 * eps)
    plan = naive_plan(cost, a, b, f, g, eps)
    np.testing.assert_allclose(plan_in(room, a, b), plan, rtol=0, atol=1e-9 * plan.max())
    objective = (a @ room.f + b @ room.g) / k
    expected = (cost * plan).sum() + eps * kullback_leibler(plan, a, b)
    assert objective == pytest.approx(expected, rel=0, abs=1e-11 * cost.max() + 1e-14 * eps)
    small._centre(room, a, b)
    assert a @ room.f == pytest.approx(b @ room.g, rel=1e-9, abs=0)
    assert (a @ room.f + b @ room.g) / k == pytest.approx(objective, rel=0, abs=1e-12 * cost.max() + 1e-14 * eps)


@pytest.mark.parametrize("most", [1, 2, 5, 20])
def test_solve_stops(most):
    """At most so many sweeps; the plan is then one of this eps, with rows a, and the error is its own."""
    cost, a, b, _, _ = scaled(share=1e-3)
    eps = 1e-3 * cost.mean()
    k = 1.0 / (eps * LN2)
    room, iterations, error = solved(cost, a, b, eps, most=most)
    assert iterations == most and error > 1e-3
    plan = plan_in(room, a, b)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-12)
    assert np.abs(plan.sum(axis=0) - b).sum() == pytest.approx(error, rel=1e-9, abs=0)
    np.testing.assert_allclose(room.f, softmin(cost, room.g, b, k), rtol=0, atol=1e-9)


@pytest.mark.parametrize("share", [1e6, 1e9, 1e15, 1e18])
def test_flat(share):
    """Where all costs are nothing to eps: potentials to the digits of the costs, which sums near 1 do not have. The
    twin is the expansion f_i = sum_j b_j c_ij - const - (a variance) / (2 eps), good to c^2 / eps."""
    cost, a, b, _, _ = scaled(zeros=True)
    eps = share * cost.max()
    k = 1.0 / (eps * LN2)
    room = room_of(cost)
    small._flat(room, a, b, k)
    small._centre(room, a, b)
    half = 0.5 * (a @ cost @ b)
    tolerance = 2 * cost.max() / share + 1e-14 * cost.max()
    np.testing.assert_allclose(room.f / k, cost @ b - half, rtol=0, atol=tolerance)
    np.testing.assert_allclose(room.g / k, a @ cost - half, rtol=0, atol=tolerance)


def test_flat_is_what_sweeps_find():
    """At the eps from which it is used: rounding of sweeps is 1e-16 eps, 1e-11 of the costs."""
    cost, a, b, _, _ = scaled(zeros=True)
    eps = 1.01 * cost.max() / (small.FLAT * LN2)
    k = 1.0 / (eps * LN2)
    room, _, _ = solved(cost, a, b, eps)
    small._centre(room, a, b)
    f, g = room.f / k, room.g / k
    small._flat(room, a, b, k)
    small._centre(room, a, b)
    np.testing.assert_allclose(room.f / k, f, rtol=0, atol=20 * np.finfo(float).eps * eps)
    np.testing.assert_allclose(room.g / k, g, rtol=0, atol=20 * np.finfo(float).eps * eps)
    with np.errstate(divide="ignore"):
        softmins = -eps * logsumexp((room.g / k - cost) / eps + np.log(b), axis=1)
    np.testing.assert_allclose(room.f / k, softmins, rtol=0, atol=20 * np.finfo(float).eps * eps)


# --- bounds --------------------------------------------------------------------------------------------------------


def rounded(plan, a, b):
    """The plan of `_rounded_cost`, as a textbook has it: columns scaled down, the rest by a north-west corner."""
    plan = plan * np.minimum(1.0, b / np.maximum(plan.sum(axis=0), 1e-300))
    left, missing = a - plan.sum(axis=1), b - plan.sum(axis=0)
    i = j = 0
    while i < a.size and j < b.size:
        move = max(0.0, min(left[i], missing[j]))
        plan[i, j] += move
        left[i] -= move
        missing[j] -= move
        if left[i] <= missing[j]:
            i += 1
        else:
            j += 1
    return plan


@pytest.mark.parametrize("most", [1, 3, 10, 300])
@pytest.mark.parametrize("share", [1.0, 0.05, 1e-6])
@pytest.mark.parametrize("zeros", [False, True])
def test_rounded_cost(zeros, share, most):
    cost, a, b, _, _ = scaled(zeros=zeros)
    room, _, _ = solved(cost, a, b, share * cost.mean(), most=most)
    expected = rounded(plan_in(room, a, b), a, b)
    np.testing.assert_allclose(expected.sum(axis=1), a, rtol=0, atol=1e-14)
    np.testing.assert_allclose(expected.sum(axis=0), b, rtol=0, atol=1e-14)
    assert small._rounded_cost(room, a, b) == pytest.approx((expected * cost).sum(), rel=1e-11, abs=0)


def test_what_rounding_leaves_over_goes_to_no_far_column_without_mass():
    """A mass of 1e-17 moved to a column at 1e12 would cost 1e-5."""
    cost, a, b, _, _ = scaled()
    room, _, _ = solved(cost, a, b, 0.1 * cost.mean())
    far = np.concatenate([cost, np.full((N, 1), 1e12)], axis=1)
    more, _, _ = solved(far, a, np.append(b, 0.0), 0.1 * cost.mean())
    found = small._rounded_cost(more, a, np.append(b, 0.0))
    assert found == pytest.approx(small._rounded_cost(room, a, b), rel=1e-9, abs=0)


@pytest.mark.parametrize("most", [1, 5, 300])
@pytest.mark.parametrize("share", [1.0, 0.05, 1e-6])
@pytest.mark.parametrize("zeros", [False, True])
def test_feasible(zeros, share, most):
    cost, a, b, _, _ = scaled(zeros=zeros)
    eps = share * cost.mean()
    k = 1.0 / (eps * LN2)
    room, _, _ = solved(cost, a, b, eps, most=most)
    f, g = np.full(N, np.nan), np.full(M, np.nan)
    small._feasible(room, a, b, k, f, g)
    size = np.abs(f)[:, None] + np.abs(g) + cost
    assert (f[:, None] + g - cost <= 2e-16 * size).all()
    held = (cost - room.g / k)[:, b > 0].min(axis=1)
    twice = (cost - held[:, None])[a > 0].min(axis=0)
    third = (cost - twice).min(axis=1)
    np.testing.assert_allclose(g, twice, rtol=0, atol=1e-14 * size.max())
    np.testing.assert_allclose(f, third, rtol=0, atol=1e-14 * size.max())
    # never worse than the potentials it was given, made feasible by their first c-transform
    first = (cost - room.g / k).min(axis=1)
    assert a @ f + b @ g >= a @ first + b @ room.g / k - 1e-13 * size.max()


def test_a_far_point_without_mass_costs_no_digits():
    """Its potential is 1e12, which rounds to 1e-4: more than the others can spare."""
    cost, a, b, _, _ = scaled()
    eps = 1e-2 * cost.mean()
    k = 1.0 / (eps * LN2)
    values = []
    for far in (False, True):
        if far:
            cost = np.concatenate([cost, np.full((1, M), 1e12)])
            cost = np.concatenate([cost, 1e12 + np.random.default_rng(0).random((N + 1, 1))], axis=1)
            a, b = np.append(a, 0.0), np.append(b, 0.0)
        room, _, _ = solved(cost, a, b, eps)
        f, g = np.empty(a.size), np.empty(b.size)
        small._feasible(room, a, b, k, f, g)
        values.append(a @ f + b @ g)
    assert values[1] == pytest.approx(values[0], rel=1e-9, abs=0)


# --- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("make", [cloud, lattice])
def test_gradients(make, metric, p):
    n, m = N // 2, M // 2
    x, y = make(n, m, 3)
    here, there = ground_of_points(x, y, metric, p), ground_of_points(y, x, metric, p)
    cost = naive_cost(x, y, NAMES[metric], p)
    a, b = masses(n, m, zeros=True)
    room, _, _ = solved(cost, a, b, 0.2 * cost.mean())
    plan = plan_in(room, a, b)
    pull_x, pull_y = np.full((n, 3), np.nan), np.full((m, 3), np.nan)
    small._gradients(here, there, room, a, b, pull_x, pull_y)
    terms = plan[:, :, None] * cost_gradient(x, y, NAMES[metric], p)
    back = plan.T[:, :, None] * cost_gradient(y, x, NAMES[metric], p)
    np.testing.assert_allclose(pull_x, terms.sum(axis=1), rtol=0, atol=1e-13 * np.abs(terms).sum(axis=1).max())
    np.testing.assert_allclose(pull_y, back.sum(axis=1), rtol=0, atol=1e-13 * np.abs(back).sum(axis=1).max())
    assert not pull_x[a == 0].any() and not pull_y[b == 0].any()


# --- the whole -----------------------------------------------------------------------------------------------------


def answers_of(x, y, a, b, eps, metric=0, p=2.0, gradients=True, part=None, tol=1e-12, most=3000):
    k, n, d = x.shape
    m = y.shape[1]
    shapes = ((k, n, d), (k, m, d)) if gradients else ((0, 0, 0), (0, 0, 0))
    answers = small.Answers(
        *(np.full(k, np.nan) for _ in range(3)),
        np.full(k, -1, np.int64),
        *(np.full((k, size), np.nan) for size in (n, m, n, m)),
        *(np.full(shape, np.nan) for shape in shapes),
    )
    room, goal = room_of(np.full((n, m), np.nan)), small.Goal(np.broadcast_to(eps, (k,)).copy(), tol, most)
    small.solve_batch(metric, p, (x, y), (a, b), goal, room, answers, *(part or (0, k)))
    return answers


@pytest.mark.parametrize("shared", [False, True])
def test_solve_batch(shared):
    """One room serves problem after problem, each with its own eps."""
    k, n, m = 3, N // 2, M // 2
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(k, n, 2)), rng.normal(size=(k, m, 2)) + 0.5
    a, b = (np.stack(side) for side in zip(*(masses(n, m, seed) for seed in range(1 if shared else k))))
    eps = np.array([0.5, 2.0, 1.0])
    found = answers_of(x, y, a, b, eps)
    for q in range(k):
        mine, theirs = (a[0], b[0]) if shared else (a[q], b[q])
        cost = naive_cost(x[q], y[q], p=2)
        f, g = naive_sinkhorn(cost, mine, theirs, eps[q])
        plan = naive_plan(cost, mine, theirs, f, g, eps[q])
        assert found.objective[q] == pytest.approx(mine @ f + theirs @ g, rel=1e-10, abs=0)
        shift = 0.5 * (theirs @ g - mine @ f)
        np.testing.assert_allclose(found.f[q], f + shift, rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.g[q], g - shift, rtol=0, atol=1e-8)
        assert found.paid[q] == pytest.approx((plan * cost).sum(), rel=1e-9, abs=0)
        assert found.error[q] <= 1e-12 and found.iterations[q] > 0
        pull = (plan[:, :, None] * cost_gradient(x[q], y[q])).sum(axis=1)
        np.testing.assert_allclose(found.pull_x[q], pull, rtol=0, atol=1e-9)


def test_solve_batch_writes_its_part_and_no_more():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(4, 3, 1)), rng.normal(size=(4, 5, 1))
    a, b = masses(3, 5)
    found = answers_of(x, y, a[None], b[None], 1.0, part=(1, 3))
    for values in (found.paid, found.objective, found.error, found.f[:, 0], found.upper_g[:, 0], found.pull_y[:, 0, 0]):
        np.testing.assert_array_equal(np.isfinite(values), [False, True, True, False])
    assert answers_of(x, y, a[None], b[None], 1.0, gradients=False).pull_x.size == 0


@pytest.mark.parametrize("eps", [0.0, 5e-324, 1e-300, 1e-12, 1e12, 1e100, 1e300, np.inf])
@pytest.mark.parametrize("equal", [False, True])
def test_solve_batch_whatever_eps(equal, eps):
    """0 and inf are what eps in units of a scaled cost may have become."""
    x, y = cloud(N, M, 2)
    if equal:
        x[:], y[:] = 1.0, 1.0
    a, b = masses(N, M, zeros=True)
    found = answers_of(x[None], y[None], a[None], b[None], eps, most=20)
    for values in found:
        assert np.isfinite(values).all()
    cost = naive_cost(x, y, p=2)
    value = a @ found.upper_f[0] + b @ found.upper_g[0]
    assert value <= found.paid[0] * (1 + 1e-12) <= cost.max() * (1 + 2e-12)
    assert -1e-12 <= found.objective[0] <= a @ cost @ b * (1 + 1e-12)
    if equal:
        assert found.paid[0] == found.objective[0] == 0.0 and found.error[0] <= 1e-15
    elif eps >= 1e12:
        assert found.paid[0] == pytest.approx(a @ cost @ b, rel=1e-10, abs=0)
        assert found.objective[0] == pytest.approx(a @ cost @ b, rel=1e-10, abs=0)


def test_a_measure_with_itself():
    """f is g, also where there is no mass and eps is small: there what f and g differ by would die away last."""
    x, _ = cloud(N, 1, 2)
    a, _ = masses(N, 1, zeros=True)
    cost = naive_cost(x, x, p=2)
    eps = 0.05 * cost.mean()
    k = 1.0 / (eps * LN2)
    room, _, _ = solved(cost, a, a, eps, tol=1e-6)
    room.f[:] += 30.0 * np.sin(np.arange(N))  # a large part of that kind
    room.g[:] -= 30.0 * np.sin(np.arange(N))
    small._symmetrise(room, a, k)
    np.testing.assert_array_equal(room.f, room.g)
    h = np.zeros(N)
    for _ in range(60):  # the mean of an argument and its image: the symmetric iteration, which halves errors
        h = 0.5 * (h + softmin(cost, h * k, a, k) / k)
    np.testing.assert_allclose((room.f / k)[a > 0], h[a > 0], rtol=0, atol=1e-5 * eps)
    expected = softmin(cost, h * k, a, k) / k
    np.testing.assert_allclose((room.f / k)[a == 0], expected[a == 0], rtol=0, atol=1e-5 * eps)


@pytest.mark.parametrize("light", [0.0, 1e-30, 1e-300])
def test_potentials_of_masses_that_no_error_sees(light):
    """The softmin of the others', not what an extrapolation has left there."""
    x, y = cloud(N, M, 2)
    a, b = masses(N, M, zeros=True)
    a[a == 0], b[b == 0] = light, light
    eps = 0.1 * naive_cost(x, y, p=2).mean()
    k = 1.0 / (eps * LN2)
    found = answers_of(x[None], y[None], a[None], b[None], eps, tol=1e-3)
    rows, cols = (softmin(c, h * k, w, k) / k for c, h, w in zip(*both(naive_cost(x, y, p=2), found, a, b)))
    np.testing.assert_allclose(found.f[0], rows, rtol=0, atol=1e-12 * (1 + np.abs(rows).max()))
    few = b <= light
    np.testing.assert_allclose(found.g[0][few], cols[few], rtol=0, atol=1e-12 * (1 + np.abs(cols).max()))
    assert np.abs(found.g[0] - cols).max() > 1e-9  # as it is with mass, so that the tolerance is known to see it


def both(cost, found, a, b):
    """What the potentials of rows, and of columns, are softmins of."""
    return (cost, cost.T), (found.g[0], found.f[0]), (b, a)
