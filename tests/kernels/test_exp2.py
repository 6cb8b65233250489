"""2^z against NumPy's, which is good to an ulp of its own in extended precision."""

import numpy as np
import pytest
from numba import config

from otkit.kernels.exp2 import exp2
from otkit.kernels.jit import njit

SMALL = bool(config.DISABLE_JIT)
COUNT = 400 if SMALL else 40_000
PROMISED = {np.float32: 2.2e-7, np.float64: 2.3e-16}  # the module's own words
LOWEST, HIGHEST = {np.float32: -90.0, np.float64: -900.0}, {np.float32: 127.99, np.float64: 1023.9}
KINDS = [np.float32, np.float64]


@njit
def _called(z):
    exp2(z)


def powers(z):
    """Compiled callers take the overload, Python callers the function: both are in use."""
    direct, compiled = z.copy(), z.copy()
    exp2(direct)
    _called(compiled)
    np.testing.assert_array_equal(direct, compiled)
    return direct


def error(z):
    """Relative to 2^z of the very number in z."""
    exact = np.exp2(z.astype(np.longdouble))
    return np.abs(powers(z).astype(np.longdouble) / exact - 1).max()


@pytest.mark.parametrize("kind", KINDS)
def test_everywhere(kind):
    rng = np.random.default_rng(0)
    for low, high in ((LOWEST[kind], HIGHEST[kind]), (-1, 1), (-1e-3, 1e-3), (-40, 0)):
        assert error(rng.uniform(low, high, COUNT).astype(kind)) <= PROMISED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_around_halves_and_whole_numbers(kind):
    """Where the nearest whole number changes, and where the fraction is 0."""
    middle = np.arange(-80, 120, 0.5).astype(kind)
    above, below = np.nextafter(middle, kind(np.inf)), np.nextafter(middle, kind(-np.inf))
    assert error(np.concatenate([middle, above, below])) <= PROMISED[kind]


def test_whole_numbers_in_double_are_exact():
    z = np.arange(-900.0, 1024.0)
    np.testing.assert_array_equal(powers(z), np.ldexp(1.0, z.astype(int)))


@pytest.mark.parametrize("kind", KINDS)
def test_far_below_is_a_small_positive_number(kind):
    """Not 0, not subnormal, never NaN: sums stay positive and arithmetic fast."""
    z = np.array([LOWEST[kind], LOWEST[kind] - 1, -1e4, -1e30, np.finfo(kind).min], dtype=kind)
    floor = powers(z)
    assert (floor == floor[0]).all()
    assert floor[0] == pytest.approx(2.0 ** LOWEST[kind], rel=PROMISED[kind], abs=0)
    assert floor[0] > np.finfo(kind).tiny


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 16, 17, 33])
def test_only_the_slice_is_written(kind, size):
    """Sizes around the width of a vector register; neighbours stay."""
    whole = np.full(size + 8, 3.0, kind)
    exp2(whole[4 : 4 + size])
    np.testing.assert_allclose(whole[4 : 4 + size], 8.0, rtol=PROMISED[kind])
    assert (whole[:4] == 3.0).all() and (whole[4 + size :] == 3.0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_never_falls(kind):
    """Larger exponents never give smaller powers by more than the error."""
    z = np.sort(np.random.default_rng(1).uniform(-30, 30, COUNT)).astype(kind)
    assert (np.diff(powers(z)) >= -2 * PROMISED[kind] * powers(z)[1:]).all()
