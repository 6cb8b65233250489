"""W_2 between Gaussians against closed forms, the textbook formula and extended cases; the map that attains it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otkit
from otkit.errors import BadMeasure, Unsupported
from otkit.gaussian import gaussian_map, gaussian_wasserstein


def covariance(d, rng, rank=None):
    root = rng.normal(size=(d, rank or d))
    return root @ root.T / d


def orthogonal(d, rng):
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def textbook(mean_x, cov_x, mean_y, cov_y):
    """The formula with its traces, by eigenvalues of S_x S_y: good to half of the digits."""
    values = np.linalg.eigvals(cov_x @ cov_y)
    cross = np.sqrt(np.maximum(values.real, 0.0)).sum()
    return math.sqrt(((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * cross)


@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_textbook_formula(d):
    rng = np.random.default_rng(d)
    for _ in range(5):
        given_ = rng.normal(size=d), covariance(d, rng), rng.normal(size=d), covariance(d, rng)
        assert gaussian_wasserstein(*given_) == pytest.approx(textbook(*given_), rel=1e-9, abs=0)


@pytest.mark.parametrize("d", [2, 6, 30])
def test_commuting_covariances(d):
    rng = np.random.default_rng(d)
    q, s, t = orthogonal(d, rng), rng.exponential(size=d), rng.exponential(size=d)
    mean = rng.normal(size=d)
    expected = math.hypot(*mean, *(np.sqrt(s) - np.sqrt(t)))
    found = gaussian_wasserstein(mean, (q * s) @ q.T, np.zeros(d), (q * t) @ q.T)
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


number = st.floats(-1e3, 1e3)
variance = st.floats(0.0, 1e6)


@given(number, variance, number, variance)
def test_line(mean_x, var_x, mean_y, var_y):
    expected = math.hypot(mean_x - mean_y, math.sqrt(var_x) - math.sqrt(var_y))
    found = gaussian_wasserstein(mean_x, var_x, mean_y, var_y)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert gaussian_wasserstein([mean_x], [var_x], [mean_y], [[var_y]]) == found


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_metric(seed, d, rank_x, rank_y):
    """Symmetric, zero for equals, a triangle inequality, and unmoved by a rotation of space: for singular ones too."""
    rng = np.random.default_rng(seed)
    laws = [(rng.normal(size=d), covariance(d, rng, rank)) for rank in (rank_x, rank_y, d)]
    (xy, yz, xz), yx = (
        (gaussian_wasserstein(*laws[i], *laws[j]) for i, j in ((0, 1), (1, 2), (0, 2))),
        (gaussian_wasserstein(*laws[1], *laws[0])),
    )
    # noise in a null direction is 1e-16 of the variance, 1e-8 of the deviation, and adds to the square of the rest
    assert xy == pytest.approx(yx, rel=1e-9, abs=1e-8)
    assert xz <= (xy + yz) * (1 + 1e-9) + 1e-8
    for mean, cov in laws:
        assert gaussian_wasserstein(mean, cov, mean, cov) <= 1e-8
    q = orthogonal(d, rng)
    turned = [(q @ mean, q @ cov @ q.T) for mean, cov in laws]
    assert gaussian_wasserstein(*turned[0], *turned[1]) == pytest.approx(xy, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("d", [1, 3, 50])
def test_equal_laws_are_zero_to_rounding(d):
    rng = np.random.default_rng(d)
    mean, cov = rng.normal(size=d), covariance(d, rng)
    deviation = math.sqrt(np.trace(cov))
    assert gaussian_wasserstein(mean, cov, mean, cov) <= 1e-13 * deviation
    # and a distance of 1e-6 deviations keeps its digits: the formula with traces has an error of 1e-8 here
    scale = 1 + 1e-6
    near = gaussian_wasserstein(mean, cov, mean, cov * scale**2)
    assert near == pytest.approx(1e-6 * deviation, rel=1e-7, abs=0)


def test_singular_covariances():
    line, other = np.outer([1.0, 1.0], [1.0, 1.0]), np.outer([1.0, -1.0], [1.0, -1.0])
    zero = [0.0, 0.0]
    assert gaussian_wasserstein(zero, line, zero, other) == pytest.approx(2.0, abs=1e-14)  # nothing in common
    assert gaussian_wasserstein(zero, line, zero, 4 * line) == pytest.approx(math.sqrt(2), abs=1e-14)
    assert gaussian_wasserstein(zero, line, zero, np.zeros((2, 2))) == pytest.approx(math.sqrt(2), abs=1e-14)
    assert gaussian_wasserstein(zero, np.zeros((2, 2)), [3.0, 4.0], np.zeros((2, 2))) == 5.0


def test_coordinates_in_units_far_apart():
    """Variances 1e12 and 1e-12: the small coordinate counts where the large one is equal."""
    cov_x, cov_y = np.diag([1e12, 1e-12]), np.diag([1e12, 9e-12])
    assert gaussian_wasserstein([0, 0], cov_x, [0, 0], cov_y) == pytest.approx(2e-6, rel=1e-6, abs=0)


@pytest.mark.parametrize("size", [1e-140, 1e-8, 1e8, 1e140])
def test_any_scale(size):
    rng = np.random.default_rng(0)
    mean, cov_x, cov_y = rng.normal(size=3), covariance(3, rng), covariance(3, rng)
    expected = size * gaussian_wasserstein(mean, cov_x, np.zeros(3), cov_y)
    found = gaussian_wasserstein(size * mean, size**2 * cov_x, np.zeros(3), size**2 * cov_y)
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_float32_covariance_is_taken():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 40)).astype(np.float32)  # fewer than coordinates: eigenvalues near -1e-7
    centred = features - features.mean(axis=0)
    cov = centred.T @ centred / np.float32(19)
    assert np.linalg.eigvalsh(cov.astype(float))[0] < 0
    exact = np.cov(features.astype(float), rowvar=False)
    mean = np.zeros(40)
    assert gaussian_wasserstein(mean, cov, mean, np.eye(40)) == pytest.approx(
        gaussian_wasserstein(mean, exact, mean, np.eye(40)), rel=1e-3, abs=0
    )


def test_lower_bound_of_samples():
    """Gelbrich: the Gaussians of two samples' moments are no further apart than the samples."""
    rng = np.random.default_rng(1)
    x, y = rng.exponential(size=(80, 3)), rng.random((80, 3))
    moments = [part for z in (x, y) for part in (z.mean(axis=0), np.cov(z, rowvar=False, bias=True))]
    bound = gaussian_wasserstein(*moments)
    assert 0.5 * (exact := otkit.wasserstein(x, y, p=2).distance) < bound <= exact


@pytest.mark.parametrize("d", [1, 2, 7])
def test_map_carries_one_to_the_other_and_pays_the_distance(d):
    rng = np.random.default_rng(d)
    mean_x, mean_y = rng.normal(size=(2, d))
    cov_x, cov_y = covariance(d, rng) + 0.1 * np.eye(d), covariance(d, rng, max(1, d - 1))
    linear, offset = gaussian_map(mean_x, cov_x, mean_y, cov_y)
    np.testing.assert_array_equal(linear, linear.T)
    assert np.linalg.eigvalsh(linear)[0] > -1e-12
    np.testing.assert_allclose(linear @ cov_x @ linear, cov_y, atol=1e-12)
    np.testing.assert_allclose(linear @ mean_x + offset, mean_y, atol=1e-12)
    step = linear - np.eye(d)  # E |T x - x|^2
    paid = math.sqrt(((mean_x - mean_y) ** 2).sum() + np.trace(step @ cov_x @ step))
    assert paid == pytest.approx(gaussian_wasserstein(mean_x, cov_x, mean_y, cov_y), rel=1e-10, abs=0)


@pytest.mark.parametrize("cov", [np.zeros((2, 2)), np.ones((2, 2))])
def test_no_map_from_a_flat_gaussian(cov):
    with pytest.raises(Unsupported, match="cov_x is singular"):
        gaussian_map(np.zeros(2), cov, np.zeros(2), np.eye(2))


I2 = np.eye(2)


@pytest.mark.parametrize(
    ("mean_x", "cov_x", "mean_y", "cov_y", "message"),
    [
        ([[0, 0]], I2, [0, 0], I2, r"mean_x has shape \(1, 2\)"),
        ([], I2, [0, 0], I2, "mean_x has shape"),
        ([0, 0], I2, [0, np.nan], I2, "mean_y has 1 entries that are NaN"),
        ([0, 0], I2, [0, 0, 0], np.eye(3), "mean_x has 2 coordinates and mean_y 3"),
        ([0, 0], np.eye(3), [0, 0], I2, r"cov_x has shape \(3, 3\) but mean_x has 2"),
        ([0, 0], I2, [0, 0], [1, 1], r"cov_y has shape \(2,\).*np.diag\(cov_y\)"),
        ([0, 0], 1.0, [0, 0], I2, r"cov_x has shape \(\)"),
        ([0, 0], [[1, 0.5], [0.4, 1]], [0, 0], I2, r"cov_x is not symmetric: cov_x\[0, 1\] = 0.5"),
        ([0, 0], I2, [0, 0], [[1, 2], [2, 1]], "cov_y is not positive semi-definite: its least eigenvalue is -1"),
        (0.0, -1.0, 0.0, 1.0, "cov_x is not positive semi-definite"),
        (0.0, "one", 0.0, 1.0, "cov_x holds"),
    ],
)
def test_bad_input_is_named(mean_x, cov_x, mean_y, cov_y, message):
    with pytest.raises(BadMeasure, match=message):
        otkit.gaussian_wasserstein(mean_x, cov_x, mean_y, cov_y)
