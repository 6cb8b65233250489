"""The critic on all of space: it attains W_1, has slope one, and knows its gradient and where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from families import FAMILIES, naive_cost

import otkit
from otkit.errors import BadMeasure, Unsupported

METRICS = ("euclidean", "cityblock", "chebyshev")
DUAL = {"euclidean": 2, "cityblock": np.inf, "chebyshev": 1}  # order of the dual norm


def clouds(n=60, m=45, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


@pytest.mark.parametrize("anchors", ["x", "y"])
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_attains_the_distance_on_every_family(name, anchors):
    for metric in METRICS:
        family = FAMILIES[name](1.0, metric, 30)
        if family is None:
            continue
        x, y = (np.asarray(side, float).reshape(len(side), -1) for side in family[:2])
        a, b = (
            np.full(len(s), 1 / len(s)) if w is None else np.asarray(w, float) / math.fsum(w)
            for s, w in ((x, family.a), (y, family.b))
        )
        critic = otkit.wasserstein(x, y, a=family.a, b=family.b, metric=metric).critic(anchors=anchors)
        raw = math.fsum(a * critic(x)) - math.fsum(b * critic(y))
        size = naive_cost(x, y, metric).max()
        assert raw == pytest.approx(family.distance, rel=family.rtol, abs=1e-14 * size)
        assert critic.slope(np.concatenate([x, y])) <= 1 + 1e-12


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("anchors", ["x", "y"])
def test_values_are_the_formula(metric, anchors):
    x, y = clouds(d=3)
    result = otkit.wasserstein(x, y, metric=metric)
    critic = result.critic(anchors=anchors)
    z = np.random.default_rng(1).normal(size=(500, 3)) * 3
    f, g = critic(x), -critic(y)
    assert f.mean() + g.mean() == pytest.approx(result.distance, rel=1e-12, abs=0)
    np.testing.assert_allclose((naive_cost(x, y, metric) - f[:, None]).min(axis=0), g, rtol=0, atol=1e-12)
    np.testing.assert_allclose((naive_cost(x, y, metric) - g).min(axis=1), f, rtol=0, atol=1e-12)
    expected = {
        "x": (f - naive_cost(z, x, metric)).max(axis=1),
        "y": (naive_cost(z, y, metric) - g).min(axis=1),
    }
    np.testing.assert_allclose(critic(z), expected[anchors], rtol=0, atol=1e-12)


def test_the_two_anchors_are_the_smallest_and_the_largest():
    x, y = clouds()
    result = otkit.wasserstein(x, y)
    low, high = result.critic(), result.critic(anchors="y")
    samples, space = np.concatenate([x, y]), np.random.default_rng(2).normal(size=(2000, 2)) * 4
    np.testing.assert_allclose(low(samples), high(samples), rtol=0, atol=1e-12)
    assert (low(space) <= high(space) + 1e-12).all() and (low(space) < high(space) - 1e-3).mean() > 0.5


@pytest.mark.parametrize("unit", [1.0, 1e160, 1e-160])
def test_samples_of_any_size(unit):
    x, y = clouds()
    plain, far = otkit.wasserstein(x, y).critic(), otkit.wasserstein(x * unit, y * unit).critic()
    z = clouds(seed=7)[0]
    np.testing.assert_allclose(far(z * unit) / unit, plain(z), rtol=0, atol=1e-12)
    np.testing.assert_allclose(far.gradient(z * unit), plain.gradient(z), rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("anchors", ["x", "y"])
@pytest.mark.parametrize("d", [1, 2, 6])
def test_gradient_against_differences(metric, anchors, d):
    x, y = clouds(d=d)
    critic = otkit.wasserstein(x, y, metric=metric).critic(anchors=anchors)
    z = np.random.default_rng(3).normal(size=(300, d)) * 3
    gradient, step = critic.gradient(z), 1e-6
    assert np.isfinite(gradient).all()  # ties have measure zero
    np.testing.assert_allclose(np.linalg.norm(gradient, DUAL[metric], axis=1), 1.0, rtol=1e-12)
    differences = [(critic(z + step * e) - critic(z - step * e)) / (2 * step) for e in np.eye(d)]
    off = np.abs(gradient - np.stack(differences, axis=1)).max(axis=1)
    assert (off < 1e-5).mean() > 0.98  # but for points within a step of a kink


def test_the_gradient_points_along_the_plan():
    """Where x_i sends all its mass one way and u is differentiable, it rises toward x_i from the y_j it serves."""
    x, y = clouds(80, 80, 3)
    result = otkit.wasserstein(x, y)
    plan, seen = result.plan, 0
    for anchors, at in (("x", y), ("y", x)):
        gradient = result.critic(anchors=anchors).gradient(at)
        for i, j in zip(plan.rows, plan.cols):
            w = gradient[j] if anchors == "x" else gradient[i]
            if np.isfinite(w).all():
                seen += 1
                np.testing.assert_allclose(w, (x[i] - y[j]) / np.linalg.norm(x[i] - y[j]), rtol=0, atol=1e-7)
    assert seen == 160  # a permutation: every sample has one partner, and the critic a gradient at each


def test_where_there_is_no_gradient():
    critic = otkit.wasserstein([[-1.0, 0.0], [1.0, 0.0]], [[-1.0, 2.0], [1.0, 2.0]]).critic()
    critic = replace(critic, values=np.zeros(2))  # another optimal potential, whose bisector is known
    gradient = critic.gradient([[0.0, 5.0], [1.0, 0.0], [1.0, 2.0], [1e-13, 5.0], [1e-3, 5.0]])
    assert np.isnan(gradient[[0, 1, 3]]).all()  # a bisector, an anchor, and what cannot be told from a bisector
    np.testing.assert_allclose(gradient[2], [0.0, -1.0], rtol=0, atol=1e-15)
    assert gradient[4, 0] > 0


def test_slope_counts_every_pair():
    x, y = clouds()
    critic = otkit.wasserstein(x, y).critic()
    z = np.concatenate([x, y, np.random.default_rng(4).normal(size=(200, 2))])
    u, distance = critic(z), naive_cost(z, z)
    expected = (np.abs(u[:, None] - u) / np.where(distance > 0, distance, np.inf)).max()
    assert critic.slope(z) == pytest.approx(expected, rel=1e-9, abs=0)
    assert critic.slope(z[:1]) == 0.0
    assert critic.slope(np.repeat(z[:3], 40, axis=0) + 1e-15) <= 1 + 1e-12  # what rounding makes of no distance


def test_points_far_from_the_samples():
    critic = otkit.wasserstein(*clouds(d=3)).critic()
    far = np.array([[1e300, 1e300, 1e300], [0.0, 0.0, 0.0], [-1e300, 0.0, 0.0]])
    np.testing.assert_allclose(critic(far) / 1e300, [-math.sqrt(3), 0.0, -1.0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(critic.gradient(far)[[0, 2]], [[-(3**-0.5)] * 3, [1.0, 0.0, 0.0]], rtol=0, atol=1e-12)
    assert critic.slope(far) == pytest.approx(1.0, rel=1e-12, abs=0)
    with pytest.raises(BadMeasure, match="points"):
        otkit.wasserstein(*(side * 1e-200 for side in clouds(d=3))).critic()([[1e300, 0.0, 0.0]])


def test_any_number_of_threads():
    import numba

    x, y = clouds(200, 200)
    critic, z = otkit.wasserstein(x, y).critic(), np.random.default_rng(5).normal(size=(3000, 2))
    both = critic(z), critic.gradient(z), critic.slope(z)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        for one, two in zip((critic(z), critic.gradient(z), critic.slope(z)), both):
            np.testing.assert_array_equal(one, two)
    finally:
        numba.set_num_threads(before)


def test_on_the_line_points_may_be_numbers():
    critic = otkit.wasserstein([0.0, 1.0], [3.0, 5.0]).critic()
    np.testing.assert_array_equal(critic([2.0, 2.5]), critic([[2.0], [2.5]]))
    assert critic.gradient([2.0]).tolist() == [[-1.0]]


@pytest.mark.parametrize("method", ["__call__", "gradient", "slope"])
@pytest.mark.parametrize("points", [np.zeros((3, 3)), [[np.nan, 0.0]], np.zeros((0, 2)), [["a", "b"]]])
def test_bad_points_are_named(method, points):
    critic = otkit.wasserstein(*clouds()).critic()
    with pytest.raises(BadMeasure, match="points"):
        getattr(critic, method)(points)


def test_what_has_no_critic():
    x, y = clouds()
    for result in (otkit.wasserstein(x, y, p=2), otkit.transport(naive_cost(x, y))):
        with pytest.raises(Unsupported, match="p = 1"):
            result.critic()
    with pytest.raises(Unsupported, match="anchors"):
        otkit.wasserstein(x, y).critic(anchors="z")


def test_prints_well():
    x, y = clouds()
    assert repr(otkit.wasserstein(x, y).critic()) == "Critic(1-Lipschitz in euclidean on R^2, 60 anchors, x)"
