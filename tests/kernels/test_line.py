"""otkit.kernels.line against naive twins, exact rational sums, SciPy, and known answers."""

from fractions import Fraction
from math import fsum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from scipy.stats import wasserstein_distance

from otkit.kernels import line

JIT = not config.DISABLE_JIT
LARGE = 120_000 if JIT else 400  # beyond ALONE = 100000 points: all threads
ORDERS = [1.0, 1.5, 2.0, 2.7, 3.0]
ULP = np.finfo(float).eps


# Naive twins.


def naive_plan(a, b):
    rest_a, rest_b = [int(v) for v in a], [int(v) for v in b]
    entries = []
    for i in range(len(rest_a)):
        for j in range(len(rest_b)):
            move = min(rest_a[i], rest_b[j])
            if move > 0:
                entries.append((i, j, move))
                rest_a[i] -= move
                rest_b[j] -= move
    return entries


def costs(x, y, p):
    return np.abs(x[:, None] - y[None, :]) ** p


def plan(a, b):
    size = a.size + b.size - 1
    rows, cols, mass = np.full(size, -1), np.full(size, -1), np.full(size, -1)
    k = line.plan_sorted(a, b, rows, cols, mass)
    return rows[:k], cols[:k], mass[:k]


def potentials(x, a, y, b, p):
    f, g = np.full(x.size, np.nan), np.full(y.size, np.nan)
    line.potentials_sorted(x, a, y, b, p, f, g)
    return f, g


def c_transform(x, y, g, p):
    f = np.full(x.size, np.nan)
    line.c_transform_sorted(x, y, g, p, f)
    return f


def balanced(rng, n, m, high=9):
    """Random masses with zeros and equal totals; ties in the partial sums are common."""
    a, b = rng.integers(0, high, n), rng.integers(0, high, m)
    a[rng.integers(n)] += 1
    b[rng.integers(m)] += 1
    short = a.sum() - b.sum()
    if short > 0:
        b[rng.integers(m)] += short
    else:
        a[rng.integers(n)] -= short
    assert a.sum() == b.sum() > 0
    return a, b


def points(rng, n, kind):
    if kind == "ties":
        return np.sort(rng.integers(-3, 4, n).astype(float))
    if kind == "huge":
        return np.sort(rng.normal(size=n) * 1e60)
    if kind == "tiny":
        return np.sort(rng.normal(size=n) * 1e-60)
    if kind == "far":
        return np.sort(1e6 + rng.normal(size=n))
    return np.sort(rng.normal(size=n))


KINDS = ["normal", "ties", "huge", "tiny", "far"]
problems = st.tuples(
    st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6), st.sampled_from(ORDERS), st.sampled_from(KINDS)
)


def draw(problem):
    n, m, seed, p, kind = problem
    rng = np.random.default_rng(seed)
    a, b = balanced(rng, n, m)
    return points(rng, n, kind), a, points(rng, m, kind), b, p


# Costs.


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("n", [1, 127, 128, 300, LARGE])
def test_cost_sorted(p, n):
    rng = np.random.default_rng(n)
    x, y = points(rng, n, "normal"), points(rng, n, "normal")
    expected = fsum((np.abs(x - y) ** p).tolist())
    assert line.cost_sorted(x, y, p) == pytest.approx(expected, rel=2e-15, abs=0)


def test_cost_sorted_does_not_lose_small_terms():
    n = 2000
    x, y = np.zeros(n), np.ones(n)
    y[-1] = 1e15  # a plain sum keeps one digit of the other terms
    assert line.cost_sorted(x, y, 1.0) == pytest.approx(1e15 + n - 1, rel=2e-16, abs=0)


@given(problems)
@settings(max_examples=100, deadline=None)
def test_cost_weighted(problem):
    x, a, y, b, p = draw(problem)
    c = costs(x, y, p)
    expected = fsum(mass * c[i, j] for i, j, mass in naive_plan(a, b))
    assert line.cost_weighted(x, a, y, b, p) == pytest.approx(expected, rel=4e-15, abs=0.0)


@pytest.mark.parametrize("p", [1.0, 2.0, 2.7])
@pytest.mark.parametrize("shape", [(LARGE, LARGE // 3), (LARGE // 50, LARGE)])
def test_cost_weighted_large(p, shape):
    rng = np.random.default_rng(7)
    x, y = points(rng, shape[0], "normal"), points(rng, shape[1], "normal")
    a, b = balanced(rng, *shape)
    rows, cols, mass = plan(a, b)
    expected = fsum((mass * np.abs(x[rows] - y[cols]) ** p).tolist())
    assert line.cost_weighted(x, a, y, b, p) == pytest.approx(expected, rel=2e-15, abs=0)


@pytest.mark.parametrize("shape", [(6, 4), (5, 1), (LARGE, LARGE // 4 * 3)])
def test_one_mass_stands_for_equal_masses(shape):
    n, m = shape
    rng = np.random.default_rng(3)
    x, y = points(rng, n, "normal"), points(rng, m, "normal")
    g = np.gcd(n, m)
    a, b = np.array([m // g]), np.array([n // g])
    spelled = line.cost_weighted(x, np.full(n, a[0]), y, np.full(m, b[0]), 2.0)
    assert line.cost_weighted(x, a, y, b, 2.0) == pytest.approx(spelled, rel=1e-15, abs=0)
    value = line.cost_weighted(x, a, y, b, 1.0) / (n * m // g)
    assert value == pytest.approx(wasserstein_distance(x, y), rel=1e-12, abs=0)


@given(problems)
@settings(max_examples=50, deadline=None)
def test_weighted_distance_equals_scipy(problem):
    x, a, y, b, _ = draw(problem)
    scale = np.abs(x).max() + np.abs(y).max()
    value = line.cost_weighted(x, a, y, b, 1.0) / a.sum()
    assert value == pytest.approx(wasserstein_distance(x, y, a, b), rel=1e-12, abs=1e-14 * scale)


def test_translation_is_known():
    x = np.sort(np.random.default_rng(0).integers(-1000, 1000, 500).astype(float))
    a = np.arange(500)
    assert line.cost_weighted(x, a, x + 3.0, a, 2.0) == 9.0 * a.sum()
    assert line.cost_sorted(x, x + 3.0, 2.0) == 9.0 * 500
    assert line.cost_weighted(x, a, x, a, 1.0) == 0.0


def test_masses_up_to_2_to_the_62():
    a = np.array([2**62 - 5, 0, 5])
    b = np.array([3, 2**62 - 3])
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0])
    rows, cols, mass = plan(a, b)
    assert list(zip(rows.tolist(), cols.tolist(), mass.tolist(), strict=True)) == [
        (0, 0, 3), (0, 1, 2**62 - 8), (2, 1, 5),
    ]  # fmt: skip
    assert line.cost_weighted(x, a, y, b, 1.0) == float(2**62 - 3)
    big = np.full(LARGE, 2**62 // LARGE)
    zeros = np.zeros(LARGE)
    assert line.cost_weighted(zeros, big, zeros + 2.0, big, 1.0) == pytest.approx(
        2.0 * int(big[0]) * LARGE, rel=1e-15, abs=0
    )


# Plans.


@given(problems)
@settings(max_examples=100, deadline=None)
def test_plan_sorted(problem):
    _, a, _, b, _ = draw(problem)
    rows, cols, mass = plan(a, b)
    assert list(zip(rows.tolist(), cols.tolist(), mass.tolist(), strict=True)) == naive_plan(a, b)


def test_plan_of_zeros_is_empty():
    rows, _, _ = plan(np.zeros(3, np.int64), np.zeros(2, np.int64))
    assert rows.size == 0


# Potentials.


@given(problems)
@settings(max_examples=200, deadline=None)
def test_potentials_sorted(problem):
    x, a, y, b, p = draw(problem)
    f, g = potentials(x, a, y, b, p)
    c = costs(x, y, p)
    slack = c - (f[:, None] + g[None, :])
    # p = 1, 2 run in double-double; elsewhere the rounding of at most 24 powers, each up to the largest, adds up
    size = np.abs(f)[:, None] + np.abs(g)[None, :] + c
    allowed = 4 * ULP * size if p in (1.0, 2.0) else np.full(c.shape, 100 * ULP * c.max())
    assert np.all(slack >= -allowed)
    rows, cols, _ = plan(a, b)
    assert np.all(np.abs(slack[rows, cols]) <= allowed[rows, cols])


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_potentials_do_not_drift(p):
    n = 10 * LARGE
    rng = np.random.default_rng(11)
    x, y = points(rng, n, "normal"), points(rng, n, "normal") + 0.5
    a = rng.integers(0, 1000, n)
    b = a[rng.permutation(n)]
    f, g = potentials(x, a, y, b, p)
    assert f[0] == 0.0
    # plain floats are off by 1e3 ulp after the 2 n steps; the c-transform below accumulates nothing
    rows, cols, mass = plan(a, b)
    c = np.abs(x[rows] - y[cols]) ** p
    size = np.abs(f[rows]) + np.abs(g[cols]) + c
    assert np.all(np.abs(f[rows] + g[cols] - c) <= 2 * ULP * size)
    dual = fsum((a * f).tolist()) + fsum((b * g).tolist())
    cost = line.cost_weighted(x, a, y, b, p)
    spread = float(a.sum()) * (np.abs(f).max() + np.abs(g).max())
    assert abs(dual - cost) <= 2e-15 * spread
    assert cost == pytest.approx(fsum((mass * c).tolist()), rel=2e-15, abs=0)
    certified = c_transform(x, y, g, p)
    assert np.all(np.abs(certified - f) <= 4 * ULP * (np.abs(f) + np.abs(g).max() + 1.0))


def test_potentials_match_rational_recurrence():
    n = 300
    rng = np.random.default_rng(5)
    x, y = points(rng, n, "normal"), points(rng, n, "normal")
    ones = np.ones(n, np.int64)
    f, g = potentials(x, ones, y, ones, 2.0)
    exact_f, exact_g = [Fraction(0)], []
    for i in range(n):
        exact_g.append((Fraction(x[i]) - Fraction(y[i])) ** 2 - exact_f[i])
        if i + 1 < n:
            exact_f.append((Fraction(x[i + 1]) - Fraction(y[i])) ** 2 - exact_g[i])
    assert f.tolist() == [float(v) for v in exact_f]
    assert g.tolist() == [float(v) for v in exact_g]


# c-transform.


@given(problems, st.sampled_from(["random", "ties", "feasible"]))
@settings(max_examples=200, deadline=None)
def test_c_transform_sorted(problem, source):
    x, a, y, b, p = draw(problem)
    rng = np.random.default_rng(problem[2])
    largest = costs(x, y, p).max()
    if source == "random":
        g = rng.normal(size=y.size) * largest
    elif source == "ties":
        g = rng.integers(-1, 2, y.size) * largest
    else:
        g = potentials(x, a, y, b, p)[1]
    values = costs(x, y, p) - g
    size = (costs(x, y, p) + np.abs(g)).max(axis=1)
    assert np.all(np.abs(c_transform(x, y, g, p) - values.min(axis=1)) <= 4 * ULP * size)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("n", [1000 if JIT else 60, LARGE])
def test_c_transform_many_rows(p, n):
    rng = np.random.default_rng(n)
    m = 300 if JIT else 30
    x, y = points(rng, n, "normal"), points(rng, m, "normal")
    g = 0.1 * rng.normal(size=m)
    f = c_transform(x, y, g, p)
    sample = np.unique(np.r_[0, n - 1, rng.integers(0, n, 300)])
    values = costs(x[sample], y, p) - g
    size = (costs(x[sample], y, p) + np.abs(g)).max(axis=1)
    assert np.all(np.abs(f[sample] - values.min(axis=1)) <= 4 * ULP * size)


# Batches.


def scratch(threads, n, m):
    shape = (threads, n + m + max(n, m))
    return np.empty(shape), np.empty(shape, np.int64)


@pytest.mark.parametrize("p", [1.0, 2.0, 2.7])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 30, 30), (3, 12, 18), (2, 5000, 4000) if JIT else (2, 50, 40)])
@pytest.mark.parametrize("threads", [1, 3])
def test_cost_batch(p, shape, threads):
    k, n, m = shape
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(k, n)), rng.normal(size=(k, m))
    before = x.copy(), y.copy()
    out = np.full(k, np.nan)
    line.cost_batch(x, y, p, scratch(threads, n, m)[0], out)
    g = np.gcd(n, m)
    for r in range(k):
        xs, ys = np.repeat(np.sort(x[r]), m // g), np.repeat(np.sort(y[r]), n // g)
        assert out[r] == pytest.approx(np.mean(np.abs(xs - ys) ** p), rel=1e-12, abs=0)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 30, 20), (2, 5000, 4000) if JIT else (2, 50, 40)])
def test_cost_batch_weighted(shared, shape):
    k, n, m = shape
    rng = np.random.default_rng(n)
    x, y = np.round(rng.normal(size=(k, n)), 1), rng.normal(size=(k, m))
    drawn = [balanced(rng, n, m) for _ in range(1 if shared else k)]
    a, b = (np.array(side) for side in zip(*drawn, strict=True))
    out = np.full(k, np.nan)
    line.cost_batch_weighted(x, a, y, b, 1.0, *scratch(2, n, m), out)
    for r in range(k):
        row = 0 if shared else r
        assert out[r] == pytest.approx(wasserstein_distance(x[r], y[r], a[row], b[row]), rel=1e-12, abs=0)
