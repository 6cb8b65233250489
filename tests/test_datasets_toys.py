"""Toys against the settings of the papers and their moments; mode metrics on cases made by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import otkit
from otkit.datasets import (
    Toy,
    eight_gaussians,
    half_moons,
    mode_coverage,
    s_curve,
    swiss_roll,
    twentyfive_gaussians,
)
from otkit.errors import BadMeasure, Unsupported

MIXTURES = {"eight": eight_gaussians, "twentyfive": twentyfive_gaussians}
CURVES = {"swiss_roll": swiss_roll, "half_moons": half_moons, "s_curve": s_curve}
TOYS = MIXTURES | CURVES


@pytest.mark.parametrize("make", TOYS.values(), ids=TOYS)
def test_toys(make):
    toy = make(500, seed=1)
    assert isinstance(toy, Toy)
    assert toy.samples.shape == (500, 2) and np.isfinite(toy.samples).all()
    assert toy.centers.shape[1] == 2
    np.testing.assert_array_equal(toy.samples, make(500, seed=1).samples)
    assert not np.array_equal(toy.samples, make(500, seed=2).samples)
    assert "\n" not in repr(toy)
    with pytest.raises(BadMeasure, match="^n is 0"):
        make(0)
    with pytest.raises(Unsupported, match="seed is -3"):
        make(5, seed=-3)


@pytest.mark.parametrize(
    ("make", "count", "radius", "sigma", "unit"),
    [(eight_gaussians, 8, 2.0, 0.02, 1.414), (twentyfive_gaussians, 25, math.hypot(4, 4), 0.05, 2.828)],
)
def test_mixtures_have_the_papers_settings(make, count, radius, sigma, unit):
    n = 50_000
    toy = make(n)
    assert toy.sigma == sigma / unit
    assert len(np.unique(toy.centers.round(9), axis=0)) == count
    assert np.hypot(*toy.centers.T).max() == pytest.approx(radius / unit, rel=1e-12, abs=0)
    away = np.linalg.norm(toy.samples[:, None] - toy.centers, axis=2)
    mode = away.argmin(axis=1)
    noise = (toy.samples - toy.centers[mode]) / toy.sigma
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=4.5 / math.sqrt(n))
    np.testing.assert_allclose(np.cov(noise, rowvar=False), np.eye(2), atol=4.5 * math.sqrt(2 / n))
    expected, each = n / count, np.bincount(mode, minlength=count)
    assert ((each - expected) ** 2 / expected).sum() < count + 6 * math.sqrt(2 * count)  # chi squared


def test_ring_and_grid():
    ring = eight_gaussians(1).centers * 1.414
    np.testing.assert_allclose(np.hypot(*ring.T), 2.0, rtol=1e-14)
    turn = np.sort(np.angle(ring @ [1, 1j]))
    np.testing.assert_allclose(np.diff(turn), np.pi / 4, rtol=1e-12)
    grid = twentyfive_gaussians(1).centers * 2.828 / 2
    expected = {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    assert {tuple(row) for row in grid.round(12).astype(int).tolist()} == expected


def test_swiss_roll_is_the_spiral_of_the_paper():
    toy = swiss_roll(20_000)
    assert toy.sigma == 0.25 / 7.5
    assert toy.centers.shape == (0, 2)
    points = toy.samples * 7.5
    radius, angle = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
    turns = np.round((radius - angle) / (2 * np.pi))  # on the spiral the radius is the angle
    off = radius - (angle + 2 * np.pi * turns)
    assert off.mean() == pytest.approx(0.0, abs=0.01)
    assert off.std() == pytest.approx(0.25, abs=0.01)
    t = np.sort(radius)
    np.testing.assert_allclose(t[[1000, 10_000, 19_000]], 1.5 * np.pi * (1 + 2 * np.array([0.05, 0.5, 0.95])), atol=0.2)


def test_moons_and_s_lie_on_their_circles():
    moons = half_moons(20_000)
    upper = np.abs(np.hypot(*moons.samples.T) - 1.0)
    lower = np.abs(np.hypot(*(moons.samples - [1.0, 0.5]).T) - 1.0)
    assert np.minimum(upper, lower).max() < 6 * moons.sigma
    height, reach = moons.samples[:, 1], 6 * moons.sigma
    assert upper[height > 0.5 + reach].max() < reach  # each circle shows its half only
    assert lower[height < -reach].max() < reach
    np.testing.assert_allclose([(height > 0.5 + reach).mean(), (height < -reach).mean()], 0.5 * 0.41, atol=0.02)
    np.testing.assert_allclose(moons.samples.mean(axis=0), [0.5, 0.25], atol=0.03)
    curve = s_curve(20_000)
    top, bottom = (np.abs(np.hypot(*(curve.samples - [0.0, side]).T) - 1.0) for side in (1.0, -1.0))
    assert np.minimum(top, bottom).max() < 6 * curve.sigma
    np.testing.assert_allclose(curve.samples.mean(axis=0), 0.0, atol=0.04)
    assert np.abs(curve.samples).max() < 2 + 6 * curve.sigma
    cut = curve.samples[np.abs(curve.samples[:, 1] + 0.5) < 0.1]
    assert len(cut) > 100 and cut[:, 0].min() > 0.2  # an S: from the middle down it goes to the right, and ends there


def test_a_source_and_a_target_may_share_a_seed():
    x, y = half_moons(2000, seed=0).samples, s_curve(2000, seed=0).samples
    assert np.abs(np.corrcoef(x.T, y.T)[:2, 2:]).max() < 0.1
    assert otkit.wasserstein(x[:50], y[:50], p=2).distance > 0.5


# --- mode metrics --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MIXTURES.values(), ids=MIXTURES)
def test_the_data_itself(make):
    """In the plane 1 - exp(-4.5) of a Gaussian lies within 3 sigma."""
    n = 100_000
    toy = make(n)
    found = mode_coverage(*toy)
    share = 1 - math.exp(-4.5)
    assert share == pytest.approx(0.98889, abs=1e-5)
    assert abs(found.high_quality - share) < 4 * math.sqrt(share * (1 - share) / n)
    assert found.modes == len(toy.centers)
    assert 0 < found.kl < 4 * len(toy.centers) / (2 * n) + 1e-3
    assert found.nearest.sum() == n and found.counts.sum() == round(found.high_quality * n)
    assert (found.counts <= found.nearest).all()


def test_cases_by_hand():
    centers = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    samples = [[0.0, 0.3], [0.0, 0.31], [1.1, 0.0], [1.2, 0.0], [9.0, 0.0]]
    found = mode_coverage(samples, centers, 0.1)
    assert found.counts.tolist() == [1, 2, 0]
    assert mode_coverage([[0.375, 0.0]], centers, 0.125).counts.tolist() == [1, 0, 0]  # on the edge, in binary too
    assert found.nearest.tolist() == [2, 3, 0]
    assert (found.modes, found.high_quality) == (2, 0.6)
    assert found.kl == pytest.approx(0.4 * math.log(1.2) + 0.6 * math.log(1.8), rel=1e-14, abs=0)
    assert mode_coverage(samples, centers, 0.1, min_count=2).modes == 1
    assert mode_coverage(samples, centers, 0.1, radius=1.5).counts.tolist() == [0, 1, 0]
    assert mode_coverage(samples, centers, 0.1, radius=100).high_quality == 1.0
    assert "2 of 3 modes, 60.00 % high quality" in repr(found)


def test_extremes():
    toy = eight_gaussians(10)
    one = mode_coverage(np.repeat(toy.centers[:1], 100, axis=0), toy.centers, toy.sigma)
    assert (one.modes, one.high_quality) == (1, 1.0)
    assert one.kl == pytest.approx(math.log(8), rel=1e-14, abs=0)
    none = mode_coverage(np.full((5, 2), 50.0), toy.centers, toy.sigma)
    assert (none.modes, none.high_quality, none.counts.sum()) == (0, 0.0, 0)
    even = mode_coverage(np.repeat(toy.centers, 3, axis=0), toy.centers, toy.sigma)
    assert (even.modes, even.high_quality, even.kl) == (8, 1.0, 0.0)
    line = mode_coverage([0.0, 1.0, 1.01], [0.0, 1.0], 0.1)
    assert line.counts.tolist() == [1, 2]


@given(st.lists(st.integers(0, 30), min_size=2, max_size=10).filter(any), st.integers(1, 5))
def test_counts_planted_per_mode(planted, min_count):
    planted = np.array(planted)
    k = len(planted)
    centers = np.stack([10.0 * np.arange(k), np.zeros(k)], axis=1)
    found = mode_coverage(np.repeat(centers, planted, axis=0), centers, 1.0, min_count=min_count)
    np.testing.assert_array_equal(found.counts, planted)
    np.testing.assert_array_equal(found.nearest, planted)
    assert found.modes == sum(n >= min_count for n in planted)
    assert 0.0 <= found.kl <= math.log(k) + 1e-12


TWO = [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("samples", "centers", "sigma", "more", "error", "message"),
    [
        (TWO, np.empty((0, 2)), 0.1, {}, Unsupported, "centers is empty"),
        ([], TWO, 0.1, {}, BadMeasure, "samples is empty"),
        ([[0.0, np.inf]], TWO, 0.1, {}, BadMeasure, "samples has 1 entries"),
        (TWO, [[0.0, 0.0, 0.0]], 0.1, {}, BadMeasure, "samples have 2 coordinates, centers 3"),
        (TWO, TWO, 0.0, {}, BadMeasure, "^sigma is 0.0"),
        (TWO, TWO, math.nan, {}, BadMeasure, "^sigma is nan"),
        (TWO, TWO, [0.1, 0.2], {}, BadMeasure, "^sigma is"),
        (TWO, TWO, 0.1, {"radius": -1}, BadMeasure, "^radius is -1"),
        (TWO, TWO, 0.1, {"radius": math.inf}, BadMeasure, "^radius is inf"),
        (TWO, TWO, 0.1, {"min_count": 0}, BadMeasure, "^min_count is 0"),
    ],
)
def test_bad_input_is_named(samples, centers, sigma, more, error, message):
    with pytest.raises(error, match=message):
        mode_coverage(samples, centers, sigma, **more)


def test_toys_without_modes_are_refused():
    with pytest.raises(Unsupported, match="no modes to cover"):
        mode_coverage(*swiss_roll(10))
