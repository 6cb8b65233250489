"""What is true of W_p for all measures: hypothesis looks for one where it is not."""

import math

import numpy as np
import pytest
from contract import check
from families import METRICS, naive_cost, norm
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import otkit
from otkit.solvers import LinearProgram, NetworkSimplex

settings.register_profile(
    "house", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
house = settings.get_profile("house")
ORDER = st.sampled_from([1.0, 1.3, 2.0, 3.0])
METRIC = st.sampled_from(METRICS)
# Coordinates are below 64 and eighths: sums, differences and squares are exact, so 1e-12 is for roots, powers and sums.
ROUNDING = 1e-12


@st.composite
def clouds(draw, sets=2, dimension=None):
    """A few measures on a lattice of eighths, in one dimension: ties, duplicates and zero weights are common."""
    d = draw(st.integers(1, 3)) if dimension is None else dimension
    reach = draw(st.sampled_from([1, 4, 511]))
    measures = []
    for _ in range(sets):
        n = draw(st.integers(1, 14))
        cells = draw(st.lists(st.integers(-reach, reach), min_size=n * d, max_size=n * d))
        weights = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n).filter(any))
        measures.append((np.array(cells, float).reshape(n, d) / 8, np.array(weights, float)))
    return measures


def distance(left, right, p, metric="euclidean", **options):
    (x, a), (y, b) = left, right
    return otkit.wasserstein(x, y, p=p, a=a, b=b, metric=metric, **options).distance


def same(one, other, p):
    """Equal to rounding: of the cost, so a distance near 0 (below the p-th root of rounding) is 0."""
    assert one == pytest.approx(other, rel=ROUNDING, abs=64 * ROUNDING ** (1 / p))


@house
@given(clouds(), ORDER, METRIC)
def test_contract(measures, p, metric):
    (x, a), (y, b) = measures
    cost = naive_cost(x, y, metric, p)
    solvers = (None, NetworkSimplex(), LinearProgram())
    results = [otkit.wasserstein(x, y, p=p, a=a, b=b, metric=metric, solver=solver) for solver in solvers]
    for result in results:
        check(result, cost, a / math.fsum(a), b / math.fsum(b), dimension=x.shape[1])
        assert result.cost == pytest.approx(results[0].cost, rel=1e-9, abs=1e-14 * cost.max())


@house
@given(clouds(), ORDER, METRIC)
def test_symmetric(measures, p, metric):
    x, y = measures
    same(distance(x, y, p, metric), distance(y, x, p, metric), p)


@house
@given(clouds(sets=3), ORDER, METRIC)
def test_triangle_inequality(measures, p, metric):
    x, y, z = measures
    direct = distance(x, z, p, metric)
    assert direct <= (distance(x, y, p, metric) + distance(y, z, p, metric)) * (1 + ROUNDING)


@house
@given(clouds(), ORDER, METRIC)
def test_zero_only_for_the_same_measure(measures, p, metric):
    (x, a), (y, b) = measures
    order = np.random.default_rng(0).permutation(len(x))
    # weights of different order may be rounded apart by a unit of 2^-60 each, which then moves across the cloud
    dust = (len(x) * 2.0**-60) ** (1 / p) * naive_cost(x, x, metric).max()
    assert distance((x, a), (x[order], a[order]), p, metric) <= dust
    assert distance((x, a), (x, a), p, metric) == 0.0
    mean_gap = float(norm(a @ x / a.sum() - b @ y / b.sum(), metric))
    assert distance((x, a), (y, b), p, metric) >= mean_gap * (1 - ROUNDING) - ROUNDING  # Jensen


@house
@given(clouds(), ORDER, METRIC, st.integers(-64, 64))
def test_translation_of_both(measures, p, metric, shift):
    (x, a), (y, b) = measures
    same(distance((x + shift / 4, a), (y + shift / 4, b), p, metric), distance((x, a), (y, b), p, metric), p)


@house
@given(clouds(), st.integers(-64, 64))
def test_translation_of_one(measures, shift):
    """W_2^2 grows by |v|^2 + 2 v . (mean y - mean x)."""
    (x, a), (y, b) = measures
    v = np.full(x.shape[1], shift / 4)
    means = b @ y / b.sum() - a @ x / a.sum()
    before = otkit.wasserstein(x, y, p=2, a=a, b=b).cost
    after = otkit.wasserstein(x, y + v, p=2, a=a, b=b).cost
    size = before + v @ v + 2 * np.abs(v) @ np.abs(means)
    assert after == pytest.approx(before + v @ v + 2 * v @ means, abs=ROUNDING * size)


@house
@given(clouds(), ORDER, METRIC, st.sampled_from([1e-160, 1e-9, 3.0, 1e7, 1e160]))
def test_scaling(measures, p, metric, scale):
    (x, a), (y, b) = measures
    plain = distance((x, a), (y, b), p, metric)
    scaled = distance((x * scale, a), (y * scale, b), p, metric)
    same(scaled / scale, plain, p)


@house
@given(clouds(), ORDER, METRIC, st.floats(1e-3, 1e3))
def test_weights_count_in_proportion(measures, p, metric, factor):
    (x, a), (y, b) = measures
    same(distance((x, a * factor), (y, b), p, metric), distance((x, a), (y, b), p, metric), p)


@house
@given(clouds(), ORDER, METRIC, st.randoms(use_true_random=False))
def test_order_of_points(measures, p, metric, random):
    (x, a), (y, b) = measures
    order = list(range(len(x)))
    random.shuffle(order)
    same(distance((x[order], a[order]), (y, b), p, metric), distance((x, a), (y, b), p, metric), p)


@house
@given(clouds(), ORDER, METRIC, st.integers(1, 5))
def test_a_point_in_two_pieces(measures, p, metric, share):
    (x, a), (y, b) = measures
    k = int(np.argmax(a))
    pieces = np.append(a, a[k] * share / 6)
    pieces[k] *= 1 - share / 6
    split = (np.concatenate([x, x[k : k + 1]]), pieces)
    same(distance(split, (y, b), p, metric), distance((x, a), (y, b), p, metric), p)


@house
@given(clouds(), METRIC)
def test_grows_with_p(measures, metric):
    x, y = measures
    values = [distance(x, y, p, metric) for p in (1.0, 1.5, 2.0, 3.0, 4.5)]
    for lower, higher in zip(values, values[1:]):
        assert lower <= higher * (1 + ROUNDING)


@house
@given(clouds(), ORDER)
def test_metrics_in_order(measures, p):
    x, y = measures
    chebyshev, euclidean, cityblock = (distance(x, y, p, m) for m in ("chebyshev", "euclidean", "cityblock"))
    assert chebyshev <= euclidean * (1 + ROUNDING) <= cityblock * (1 + ROUNDING) ** 2


@house
@given(clouds(dimension=1), ORDER)
def test_the_line_in_the_plane(measures, p):
    (x, a), (y, b) = measures
    flat = [np.concatenate([side, np.zeros_like(side)], axis=1) for side in (x, y)]
    same(distance((flat[0], a), (flat[1], b), p), distance((x, a), (y, b), p), p)


@house
@given(clouds())
def test_critic_attains_the_distance(measures):
    (x, a), (y, b) = measures
    result = otkit.wasserstein(x, y, a=a, b=b)
    critic = result.critic()
    f, g = critic(x), critic(y)
    everywhere = np.concatenate([x, y, x + 0.125])
    values = critic(everywhere)
    slack = naive_cost(everywhere, everywhere) - np.abs(values[:, None] - values)
    assert slack.min() >= -1e-12  # values below 200: a few ulps of those
    raw = math.fsum(a * f) / math.fsum(a) - math.fsum(b * g) / math.fsum(b)
    assert raw == pytest.approx(result.distance, rel=1e-9, abs=1e-12)


@house
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_a_matrix_plus_row_and_column_terms(n, m, seed):
    """c_ij + u_i + v_j moves the cost by a @ u + b @ v and no optimal plan."""
    rng = np.random.default_rng(seed)
    cost, u, v = rng.integers(-9, 9, (n, m)), rng.integers(-9, 9, n), rng.integers(-9, 9, m)
    a = rng.integers(0, 5, n) + (np.arange(n) == 0)
    b = np.bincount(rng.integers(0, m, a.sum()), minlength=m)
    assume(b.sum() == a.sum())
    plain = otkit.transport(cost, a=a, b=b)
    moved = otkit.transport(cost + u[:, None] + v, a=a, b=b)
    assert moved.cost == pytest.approx(plain.cost + a @ u + b @ v, abs=1e-13 * 30 * a.sum())  # costs below 30
    assert plain.cost == pytest.approx(round(plain.cost), abs=1e-13 * 30 * a.sum())  # whole data, whole optimum
