"""otkit.kernels.sort against NumPy's stable sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import config

from otkit.kernels import sort

JIT = not config.DISABLE_JIT
LARGE = 30_000 if JIT else 5_000  # beyond SMALL = 4096: both scatters run
PARALLEL = (3_000, 310_000) if JIT else (5_000, 50)  # beyond ALONE = 300000: the thread regions run
finite = st.floats(allow_nan=False, allow_infinity=False, width=64)

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "scales": lambda rng, n: 10.0 ** rng.uniform(-300, 300, n) * rng.choice([-1.0, 1.0], n),
    "full range": lambda rng, n: rng.choice([-1.7e308, -1.0, 5e-324, 1.7e308], n),  # the range overflows
    "subnormal": lambda rng, n: rng.integers(-9, 9, n) * 5e-324,  # the scale overflows
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "outlier": lambda rng, n: np.append(rng.normal(size=n - 1), 1e200),
    "clump": lambda rng, n: np.append(rng.normal(size=n // 2), 1e-9 * rng.normal(size=n - n // 2)),
    "constant": lambda rng, n: np.full(n, 3.0),
    "zeros": lambda rng, n: rng.choice([0.0, -0.0], n),
    "descending": lambda rng, n: -np.arange(n, dtype=float),
}


def sorted_with_order(x):
    n = x.size
    out, order = np.full(n, np.nan), np.full(n, -1)
    sort.sort_into(x, np.arange(n), out, order, np.empty(n), np.empty(n, np.int64))
    return out, order


def sorted_alone(x):
    out = np.full(x.size, np.nan)
    sort.sort_into(x, None, out, None, np.empty(x.size), None)
    return out


def check(x):
    before = x.copy()
    out, order = sorted_with_order(x)
    np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(out, np.sort(x))
    np.testing.assert_array_equal(sorted_alone(x), np.sort(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 24, 25, 300, LARGE])
def test_sort_into(kind, n):
    check(KINDS[kind](np.random.default_rng(n), n))


@given(arrays(np.float64, st.integers(1, 80), elements=finite))
@settings(max_examples=100, deadline=None)
def test_sort_into_any_floats(x):
    check(x)


@given(arrays(np.float64, st.integers(25, 60), elements=st.sampled_from([-1.0, -0.0, 0.0, 1e-310, 0.5, 1.0])))
@settings(max_examples=50, deadline=None)
def test_sort_into_ties(x):
    check(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 40, 300, LARGE])
def test_radix(kind, n):
    x = KINDS[kind](np.random.default_rng(n), n)
    lo, hi = n // 5, n - n // 7
    out, order = np.full(n, np.nan), np.full(n, -1)
    sort.radix(x.copy(), np.arange(n), lo, hi, out, order)
    np.testing.assert_array_equal(order[lo:hi], lo + np.argsort(x[lo:hi], kind="stable"))
    np.testing.assert_array_equal(out[lo:hi], np.sort(x[lo:hi]))
    assert np.all(np.isnan(out[:lo])) and np.all(np.isnan(out[hi:])), "wrote outside lo:hi"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 7), (100, LARGE), PARALLEL])
def test_sort_pair(kind, shape):
    n, m = shape
    rng = np.random.default_rng(n)
    x, y = KINDS[kind](rng, n), KINDS["normal"](rng, m)
    check_pair_sort(x, y)
    check_pair_sort(KINDS[kind](rng, m), KINDS[kind](rng, n))


def check_pair_sort(x, y):
    xs, ys = np.full(x.size, np.nan), np.full(y.size, np.nan)
    sort.sort_pair(x, y, xs, ys, np.empty(x.size), np.empty(y.size))
    np.testing.assert_array_equal(xs, np.sort(x))
    np.testing.assert_array_equal(ys, np.sort(y))


@pytest.mark.parametrize("n", [30, 160_000 if JIT else 5_000])
def test_sort_pair_carry(n):
    rng = np.random.default_rng(n)
    x, y = np.round(rng.normal(size=n), 2), rng.standard_cauchy(n)
    xs, ys, u, v = np.empty(n), np.empty(n), np.full(n, -1), np.full(n, -1)
    sort.sort_pair_carry(x, np.arange(n), y, np.arange(n), xs, u, ys, v)
    np.testing.assert_array_equal(u, np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(v, np.argsort(y, kind="stable"))
    np.testing.assert_array_equal(xs, x[u])
    np.testing.assert_array_equal(ys, y[v])
