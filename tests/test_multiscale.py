"""Multiscale on problems of several levels: answers known beforehand, other solvers, and twins of itself."""

import math

import numba
import numpy as np
import pytest
from contract import MASS, check, check_bracket
from families import METRICS, mean_power, naive_cost, norm

import otkit
from otkit.errors import Unsupported
from otkit.result import Status
from otkit.solvers import Line, Multiscale, NetworkSimplex

N = 4000  # 4000, 1000, 250, 63: four levels
EPS = np.finfo(float).eps
ROUNDED = 1e-12  # x + v and the like are rounded: 1e-16 of coordinates below 10, distances above 0.01
SAMPLE = 150


def solved(x, y, **options):
    """The Result, checked: optimal, a vertex, exact marginals, potentials feasible for every pair of some points."""
    result = otkit.wasserstein(x, y, solver=Multiscale(), **options)
    assert result.status is Status.OPTIMAL and result.solver == "Multiscale"
    check_bracket(result)
    check_marginals(result, x, y, options.get("a"), options.get("b"))
    check_some_pairs(result, x, y, options.get("metric", "euclidean"), options.get("p", 1))
    return result


def shares(weights, n):
    weights = np.ones(n) if weights is None else np.asarray(weights, float)
    return weights / math.fsum(weights)


def check_marginals(result, x, y, a=None, b=None):
    plan, n, m = result.plan, len(x), len(y)
    assert len(plan) <= n + m - 1 and (plan.mass >= 0).all()
    assert np.unique(plan.rows.astype(np.int64) * m + plan.cols).size == len(plan)
    for index, weights, size in ((plan.rows, a, n), (plan.cols, b, m)):
        np.testing.assert_allclose(np.bincount(index, plan.mass, size), shares(weights, size), rtol=0, atol=MASS)


def check_some_pairs(result, x, y, metric, p):
    f, g = result.potentials
    rng = np.random.default_rng(0)
    rows, cols = rng.permutation(len(x))[:SAMPLE], rng.permutation(len(y))[:SAMPLE]
    for some, others in ((rows, slice(None)), (slice(None), cols)):
        cost = naive_cost(x[some], y[others], metric, p)
        mine, theirs = f[some][:, None], g[others]
        size = np.abs(mine) + np.abs(theirs) + cost
        assert (mine + theirs - cost <= (8 + 2 * x.shape[1]) * EPS * size).all()  # as in `contract.check_potentials`
    plan = result.plan
    tight = norm(x[plan.rows] - y[plan.cols], metric) ** p - f[plan.rows] - g[plan.cols]
    # complementary slackness, pair by pair: what a pair may lose is the gap divided by its mass
    assert (tight * plan.mass).max() <= 1e-12 * max(result.cost, 1e-300)


def weights_of(kind, n, seed=0):
    rng = np.random.default_rng(seed)
    a = {
        "uniform": lambda: np.ones(n),
        "random": lambda: rng.random(n),
        "ratio 1e15": lambda: 10.0 ** rng.uniform(-15, 0, n),
        "zeros": lambda: np.where(rng.random(n) < 0.4, 0.0, rng.exponential(size=n)),
    }[kind]()
    return a


# --- answers known beforehand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uniform", "random", "zeros"])
def test_gradient_of_a_convex_function(kind):
    """Brenier: y = grad of |x|^2 / 4 + sum_k |x - c_k| is optimal at p = 2, whatever the weights."""
    rng = np.random.default_rng(0)
    x, centres, a = rng.normal(size=(N, 2)), rng.normal(size=(4, 2)), weights_of(kind, N)
    ray = x[:, None, :] - centres
    image = 0.5 * x + (ray / np.linalg.norm(ray, axis=2, keepdims=True)).sum(axis=1)
    order = rng.permutation(N)
    result = solved(x, image[order], p=2, a=a, b=a[order])
    assert result.distance == pytest.approx(mean_power(norm(x - image, "euclidean"), 2, a), rel=ROUNDED, abs=0)


@pytest.mark.parametrize("kind", ["uniform", "ratio 1e15", "zeros"])
@pytest.mark.parametrize("p", [1, 1.5, 2])
def test_translation(p, kind):
    """Jensen: no plan moves less than the mean displacement."""
    rng = np.random.default_rng(1)
    x, v, a = rng.normal(size=(3000, 2)), np.array([0.75, -1.5]), weights_of(kind, 3000)
    order = rng.permutation(3000)
    result = solved(x, (x + v)[order], p=p, a=a, b=a[order])
    assert result.distance == pytest.approx(float(norm(v, "euclidean")), rel=ROUNDED, abs=0)


@pytest.mark.parametrize("ray", [(0.6, 0.8), (0.0, 1.0), (1.0, -2.0, 0.5)])
@pytest.mark.parametrize("p", [1, 2])
def test_a_line_in_space(p, ray):
    rng = np.random.default_rng(2)
    ray, a, b = np.array(ray), rng.random(2600), rng.random(2000)
    s, t = rng.normal(size=2600), np.round(rng.normal(size=2000) + 0.5, 2)  # t: many coincide
    expected = otkit.wasserstein(s, t, p=p, a=a, b=b, solver=Line()).distance * float(norm(ray, "euclidean"))
    result = solved(s[:, None] * ray, t[:, None] * ray, p=p, a=a, b=b)
    assert result.distance == pytest.approx(expected, rel=ROUNDED, abs=0)


def test_common_mass_stays():
    """W_1 depends on the difference of the measures alone."""
    rng = np.random.default_rng(3)
    common, x, y = rng.normal(size=(2000, 2)), rng.normal(size=(700, 2)), rng.normal(size=(700, 2)) + 0.3
    rest = otkit.wasserstein(x, y, solver=NetworkSimplex()).distance
    both = [np.random.default_rng(4).permutation(np.concatenate([common, side])) for side in (x, y)]
    result = solved(*both)
    assert result.distance == pytest.approx(rest * 700 / 2700, rel=ROUNDED, abs=0)


@pytest.mark.parametrize("n, m", [(5000, 700), (3000, 3), (300, 5)])
@pytest.mark.parametrize("metric, p", [("euclidean", 2), ("euclidean", 1), ("cityblock", 1.5), ("chebyshev", 2)])
def test_power_cells(n, m, metric, p):
    """x goes to the j of least c - g_j, and b is what arrives: optimal by duality, for any g, metric and p."""
    rng = np.random.default_rng(5)
    x, y, a, g = rng.random((n, 2)), rng.random((m, 2)), rng.random(n) + 0.1, 0.3 / m * rng.random(m)
    cost = naive_cost(x, y, metric, p)
    home = (cost - g).argmin(axis=1)
    b = np.bincount(home, a, m)
    expected = math.fsum(shares(a, n) * cost[np.arange(n), home]) ** (1 / p)
    for first, second in ((solved(x, y, metric=metric, p=p, a=a, b=b), "cells"), (None, "sides exchanged")):
        result = first if second == "cells" else solved(y, x, metric=metric, p=p, a=b, b=a)
        assert result.distance == pytest.approx(expected, rel=ROUNDED, abs=0), second


def test_grid_against_shifted_grid():
    """Whole coordinates: costs tie everywhere, and the answer is 5 to the last digits."""
    x = np.stack(np.meshgrid(np.arange(60.0), np.arange(60.0)), axis=-1).reshape(-1, 2)
    y = np.random.default_rng(6).permutation(x + np.array([3.0, -4.0]))
    for p in (1, 2):
        assert solved(x, y, p=p).distance == pytest.approx(5.0, rel=16 * EPS, abs=0)


def test_all_points_equal():
    x = np.full((3000, 2), 0.1)
    assert solved(x, x[:1700].copy(), p=2).cost == 0.0
    assert solved(x, x[:1700] + np.array([3.0, 4.0])).distance == pytest.approx(5.0, rel=16 * EPS, abs=0)


def test_the_same_measure():
    rng = np.random.default_rng(7)
    x, a, order = rng.normal(size=(3000, 2)), rng.random(3000), rng.permutation(3000)
    assert solved(x, x[order], a=a, b=a[order], p=2).cost == 0.0


# --- against the solver that knows no levels -------------------------------------------------------------------------


def simplex(x, y, **options):
    return otkit.wasserstein(x, y, solver=NetworkSimplex(), **options)


@pytest.mark.parametrize("p", [1, 2])
def test_ten_of_each(p):
    """Every point ten times, in pieces of 1/10 of its mass."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(300, 2)) + 0.5
    result = solved(np.repeat(x, 10, axis=0), rng.permutation(np.repeat(y, 10, axis=0)), p=p)
    assert result.cost == pytest.approx(simplex(x, y, p=p).cost, rel=ROUNDED, abs=0)


@pytest.mark.parametrize("p", [1, 2])
def test_two_images(p):
    """32 x 32 pixels, six of ten dark, whole brightness."""
    rng = np.random.default_rng(9)
    pixels = np.stack(np.meshgrid(np.arange(32.0), np.arange(32.0)), axis=-1).reshape(-1, 2)
    a, b = (np.where(rng.random(1024) < 0.6, 0, rng.integers(1, 256, 1024)).astype(float) for _ in range(2))
    result = solved(pixels, pixels, p=p, a=a, b=b)
    assert result.cost == pytest.approx(simplex(pixels, pixels, p=p, a=a, b=b).cost, rel=1e-13, abs=0)
    assert not result.plan.mass[(a[result.plan.rows] == 0) | (b[result.plan.cols] == 0)].any()


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_metrics(metric, p):
    rng = np.random.default_rng(10)
    x, y, a = rng.normal(size=(800, 2)), rng.normal(size=(700, 2)) + 0.5, rng.random(800)
    result = solved(x, y, metric=metric, p=p, a=a)
    assert result.cost == pytest.approx(simplex(x, y, metric=metric, p=p, a=a).cost, rel=1e-13, abs=0)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 9, 16])
def test_dimensions(d):
    """Planes are tilted up to 8 coordinates and level above; means are taken in any number."""
    rng = np.random.default_rng(11)
    x, y, a, b = rng.normal(size=(500, d)), rng.normal(size=(450, d)) + 0.5, rng.random(500), rng.random(450)
    result = otkit.wasserstein(x, y, a=a, b=b, p=2, solver=Multiscale())
    check(result, naive_cost(x, y, p=2), shares(a, 500), shares(b, 450), dimension=d)
    assert result.cost == pytest.approx(simplex(x, y, a=a, b=b, p=2).cost, rel=1e-13, abs=0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 2, 8])
def test_far_from_the_origin(d, metric):
    """Near 1e8 points lie on a lattice of 1.5e-8; their differences are exact, so the answer is that of near ones."""
    rng = np.random.default_rng(12)
    x, y, a = 2.0**-26 * rng.integers(-40, 40, (300, d)), 2.0**-26 * rng.integers(-20, 60, (280, d)), rng.random(300)
    options = {"p": 1, "a": a, "metric": metric}
    near = simplex(x, y, **options)
    result = solved(1e8 + x, 1e8 + y, **options)
    assert result.cost == pytest.approx(near.cost, rel=1e-12, abs=0)
    assert result.gap <= 1e-12


def test_weights_of_any_ratio():
    """Weights from 1e-15 to 1 that do not travel with their points."""
    rng = np.random.default_rng(13)
    x, y = rng.normal(size=(900, 2)), rng.normal(size=(800, 2))
    a, b = weights_of("ratio 1e15", 900, 1), weights_of("ratio 1e15", 800, 2)
    result = solved(x, y, p=2, a=a, b=b)
    assert result.cost == pytest.approx(simplex(x, y, p=2, a=a, b=b).cost, rel=1e-13, abs=0)


# --- against itself --------------------------------------------------------------------------------------------------


def random_case(n, p=2):
    rng = np.random.default_rng(14)
    x, y, a = rng.normal(size=(n, 2)), rng.normal(size=(n - n // 10, 2)) + 0.5, rng.random(n)
    return lambda **options: otkit.wasserstein(x, y, p=p, a=a, solver=Multiscale(**options))


def check_same(one, two):
    for mine, theirs in zip(
        (one.plan.rows, one.plan.cols, one.plan.mass), (two.plan.rows, two.plan.cols, two.plan.mass)
    ):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(one.potentials, two.potentials):
        np.testing.assert_array_equal(mine, theirs)
    assert (one.cost, one.dual_cost, one.stats.iterations) == (two.cost, two.dual_cost, two.stats.iterations)


@pytest.fixture
def threads():
    before = numba.get_num_threads()
    if before == 1:
        pytest.skip("one thread is all there is")
    yield before
    numba.set_num_threads(before)


@pytest.mark.parametrize("p", [1, 2])
def test_the_same_again(p):
    run = random_case(3000, p)
    check_same(run(seed=1), run(seed=1))


@pytest.mark.parametrize("p", [1, 2])
def test_threads_change_nothing(threads, p):
    run = random_case(3000, p)
    many = run()
    numba.set_num_threads(1)
    check_same(many, run())


def test_the_seed_changes_the_way_only():
    run = random_case(3000)
    results = [run(seed=seed) for seed in range(3)]
    assert [result.cost for result in results] == pytest.approx([results[0].cost] * 3, rel=1e-14, abs=0)
    assert len({result.stats.iterations for result in results}) > 1


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_tolerance(tol):
    run = random_case(N, p=1)
    tight, loose = run(), run(tol=tol)
    assert tight.status is Status.OPTIMAL and tight.gap <= 1e-12
    assert loose.status is Status.CONVERGED and 0 < loose.gap <= tol * (1 + 1e-12)
    assert loose.stats.iterations < 0.9 * tight.stats.iterations
    assert loose.lower <= tight.upper and tight.lower <= loose.upper


@pytest.mark.parametrize("p", [1, 2])
def test_levels_left_early_hand_down_a_feasible_pair(p):
    """2,700 and 3,900 pivots; from the potentials of their trees it was 65,000 and more, and passes were long."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6000, 2))
    loose = otkit.wasserstein(x, y + 0.5, p=p, solver=Multiscale(tol=0.1))
    assert loose.status is Status.CONVERGED and loose.gap <= 0.1
    assert loose.stats.iterations < 10_000


def test_fewer_pivots_than_without_levels():
    """A third and less: what levels are for."""
    rng = np.random.default_rng(15)
    x, y = rng.normal(size=(1500, 2)), rng.normal(size=(1500, 2)) + 0.5
    fine, plain = (otkit.wasserstein(x, y, p=2, solver=solver()) for solver in (Multiscale, NetworkSimplex))
    assert fine.cost == pytest.approx(plain.cost, rel=1e-13, abs=0)
    assert 3 * fine.stats.iterations < plain.stats.iterations


# --- refusals --------------------------------------------------------------------------------------------------------


def test_refuses_what_has_no_means():
    rng = np.random.default_rng(16)
    x, y = rng.normal(size=(2, 20, 2))
    advice = r"Multiscale does not answer .*it needs points and a metric by name.*Use solver=None or NetworkSimplex\("
    with pytest.raises(Unsupported, match=advice):
        otkit.transport(naive_cost(x, y), solver=Multiscale())
    with pytest.raises(Unsupported, match=advice):
        otkit.wasserstein(x, y, metric=lambda u, v: naive_cost(u, v), solver=Multiscale())


def test_refuses_limits_all_in_one_message():
    with pytest.raises(Unsupported, match=r"max_iter is -1.*time_limit is -2.*seed is 0\.5.*tol is 1\.0"):
        otkit.wasserstein(np.zeros((2, 2)), np.zeros((2, 2)), solver=Multiscale(-1, -2, 1.0, 0.5))


# --- large -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_large():
    """100,000 points with random weights: proven, exact in its marginals, and the same on one thread."""
    n = 100_000
    rng = np.random.default_rng(17)
    x, y, a, b = rng.random((n, 2)), rng.random((n, 2)) ** 2, rng.random(n), rng.random(n)
    result = solved(x, y, p=2, a=a, b=b)
    assert result.gap <= 1e-9


@pytest.mark.slow
def test_large_on_one_thread(threads):
    """Above 32,768 rows candidates are looked for in parallel, too."""
    run = random_case(40_000)
    many = run()
    numba.set_num_threads(1)
    check_same(many, run())
