"""The Sinkhorn divergence against three naive problems, closed forms, its limits, and differences of its own values."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from entropic import gaussian_objective
from families import METRICS, naive_cost
from kernels.twins import cost_gradient, gaussian_points, naive_divergence

import otkit
from otkit import progress, sinkhorn_divergence
from otkit.errors import BadCost, BadMeasure, Interrupted, NotConverged, OtkitError, Unsupported
from otkit.result import Status
from otkit.solvers import base

TIGHT = 1e-12  # marginal error; float64 adds up 30 masses to 1e-15
# Potentials and plans answer to a marginal error r by r / (1 - contraction); at eps >= 0.1 of the mean cost that is 1e4
SAME = 1e-8
GRADIENTS = ("grad_x", "grad_y", "grad_a", "grad_b")


def clouds(n=18, m=23, d=2, seed=0):
    """Points and weights of total 1, no two alike."""
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=n) + 0.05, rng.exponential(size=m) + 0.05
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5, a / math.fsum(a), b / math.fsum(b)


def divergence(x, y, eps, **options):
    return sinkhorn_divergence(x, y, eps=eps, **{"tol": TIGHT} | options)


def check_like_twin(found, expected, size, eps, tol=TIGHT):
    """size is of the costs: their gradients are no larger here, where points are about 1 apart."""
    value, gradients = expected
    assert found.status is Status.CONVERGED and found.marginal_error <= tol
    assert found.value == pytest.approx(value, rel=0, abs=1e-11 * size)
    atol = max(SAME, 10 * tol) * (size + eps)
    for name in GRADIENTS:
        np.testing.assert_allclose(getattr(found, name), gradients[name], rtol=0, atol=atol)


# --- against three naive problems ----------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [10.0, 0.2])
@pytest.mark.parametrize("d, metric", [(2, "euclidean"), (3, "cityblock"), (2, "chebyshev"), (12, "euclidean")])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_against_three_problems(p, d, metric, share):
    x, y, a, b = clouds(d=d)
    size = naive_cost(x, y, metric, p).mean()
    eps = share * size
    tol = 1e-8 if d == 12 and p == 1 else TIGHT  # see test_many_coordinates_at_a_tight_tolerance
    found = divergence(x, y, eps, p=p, a=a, b=b, metric=metric, tol=tol)
    assert found.eps == pytest.approx(eps, rel=1e-15, abs=0)
    check_like_twin(found, naive_divergence(x, y, a, b, eps, p, metric), size, eps, tol)
    # the constant of the gradients in the weights
    assert a @ found.grad_a + b @ found.grad_b == pytest.approx(found.value, rel=0, abs=1e-11 * size)


def test_many_coordinates_at_a_tight_tolerance():
    """Sweeps whose costs come from a product converge elsewhere, 3e-9 away, and would never see the tolerance."""
    x, y, a, b = clouds(d=12)
    assert divergence(x, y, 1.0, p=1, a=a, b=b, max_iter=500).status is Status.CONVERGED


@pytest.mark.parametrize("p", [1, 2])
def test_zero_weights_and_duplicates(p):
    """Points without mass have a gradient in their weight, and none in their place."""
    x, y, a, b = clouds()
    x[3], y[5], y[7] = x[2], y[4], x[0]
    a[[0, 7, 17]], b[[1, 22]] = 0.0, 0.0
    a, b = a / math.fsum(a), b / math.fsum(b)
    found = divergence(x, y, 0.5, p=p, a=a, b=b)
    check_like_twin(found, naive_divergence(x, y, a, b, 0.5, p), naive_cost(x, y, p=p).mean(), 0.5)
    assert not found.grad_x[a == 0].any() and not found.grad_y[b == 0].any()
    assert np.abs(found.grad_a[a == 0]).max() > 0.1


@pytest.mark.parametrize(
    "eps, light", [(1.0, 0.0), (1.0, 1e-30), (0.1, 1e-30), (0.1, 1e-300), (0.01, 0.0), (0.01, 1e-300), (0.01, 5e-324)]
)
def test_masses_that_no_marginal_error_sees(eps, light):
    """Their gradients are as good as the others', which tol bounds: no leftover of an extrapolation. (A mass counts in
    its problem with itself where -eps log(mass) is below the costs around it: 1e-30 would at eps = 0.01.)"""
    x, y, a, b = clouds()
    b[[1, 5, 9]], a[[2, 3]] = 0.0, 0.0
    best = divergence(x, y, eps, a=a, b=b, tol=1e-11)
    b[[1, 5, 9]], a[[2, 3]] = light, light
    for given in ((x, y), (x[None], y[None])):
        found = divergence(*given, eps, a=a, b=b, tol=1e-7)
        assert np.ravel(found.value)[0] == pytest.approx(best.value, rel=0, abs=1e-7)
        # eps * tol / (1 - contraction), and what the costs' last digits are
        np.testing.assert_allclose(found.grad_a.ravel(), best.grad_a, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.grad_b.ravel(), best.grad_b, rtol=0, atol=1e-5)


def test_weights_are_normalised():
    x, y, a, b = clouds()
    plain, found = divergence(x, y, 0.5, a=a, b=b), divergence(x, y, 0.5, a=7 * a, b=1e-200 * b)
    assert found.value == pytest.approx(plain.value, rel=1e-13, abs=0)
    np.testing.assert_allclose(found.grad_a, plain.grad_a, rtol=0, atol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_a_callable_metric_is_the_named_one(metric):
    x, y, a, b = clouds(d=3)
    named = divergence(x, y, 1.0, a=a, b=b, metric=metric)
    called = divergence(x, y, 1.0, a=a, b=b, metric=lambda u, v: naive_cost(u, v, metric))
    assert called.value == pytest.approx(named.value, rel=1e-11, abs=0)
    np.testing.assert_allclose(called.grad_a, named.grad_a, rtol=0, atol=1e-8)
    for name in ("grad_x", "grad_y"):
        with pytest.raises(Unsupported, match="metric"):
            getattr(called, name)


# --- never negative, zero for equal measures -----------------------------------------------------------------------


@pytest.mark.parametrize("eps", [1e-3, 0.1, 1.0, 30.0, 1e4, 1e7, 1e12])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_zero_for_equal_samples(p, eps):
    x, _, a, _ = clouds()
    order = np.random.default_rng(1).permutation(len(x))
    zero = divergence(x, x, eps, p=p, a=a, b=a, tol=1e-6)
    assert zero.value == 0.0
    assert sinkhorn_divergence(x, x.copy(), eps=eps, p=p).value == 0.0
    shuffled = divergence(x, x[order], eps, p=p, a=a, b=a[order], tol=1e-9)  # other iterates: tol is in between
    assert 0.0 <= shuffled.value <= 1e-12 * naive_cost(x, x, p=p).mean()
    # each point in two pieces: another problem, whose values round elsewhere: 1e-15 of eps where that is large
    pieces, twice = np.concatenate([0.25 * a, 0.75 * a]), np.concatenate([x, x])
    size = naive_cost(x, x, p=p).mean()
    split = divergence(x, twice, eps, p=p, a=a, b=pieces, tol=1e-9)
    assert 0.0 <= split.value <= 1e-12 * size + min(1e-14 * eps, 1e-7 * size) + min(eps, size) * 1e-9


@pytest.mark.parametrize("p", [1, 2])
def test_gradients_are_zero_for_equal_samples(p):
    """Zero is the least value there is, so these are critical points."""
    x, _, a, _ = clouds()
    found = divergence(x, x, 0.3, p=p, a=a, b=a)
    for name in ("grad_x", "grad_y"):
        np.testing.assert_allclose(getattr(found, name), 0.0, rtol=0, atol=1e-9)
    for name in ("grad_a", "grad_b"):
        np.testing.assert_allclose(getattr(found, name), 0.0, rtol=0, atol=1e-8)


@pytest.mark.parametrize("tol", [1e-2, 1e-6])
@pytest.mark.parametrize("p, metric", [(1, "euclidean"), (1.5, "euclidean"), (2, "euclidean"), (1, "cityblock")])
def test_never_negative(p, metric, tol):
    """exp(-metric**p / eps) is a positive kernel for these. Samples near one another, few and many, at any eps."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(3 + 5 * seed, 2))
        for apart in (0.0, 1e-9, 1e-4, 1e-2):
            y = np.concatenate([x, x[:2]]) + apart * rng.normal(size=(len(x) + 2, 2))
            for eps in (1e-3, 0.1, 10.0, 1e5, 1e9):
                found = sinkhorn_divergence(x, y, eps=eps, p=p, metric=metric, tol=tol, max_iter=100, throw=False)
                assert found.value >= 0.0


def test_a_true_negative_is_not_hidden():
    """For p = 4 the limit of large eps is -3 (var x - var y)^2 on the line: no kernel, and no rounding either."""
    x, y = np.array([-1.0, 1.0]), np.array([-2.0, 2.0])
    for given in ((x, y), (x[None, :, None], y[None, :, None])):
        found = divergence(*given, 1e9, p=4)
        assert found.value == pytest.approx(-27.0, rel=1e-6, abs=0)


# --- known answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [0.05, 1.0, 50.0, 1e12])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_translation(d, eps):
    """S(x, x + v) = |v|^2 for p = 2, whatever eps; the gradient is 2 v on either side, in shares of mass."""
    x, _, a, _ = clouds(d=d)
    v = np.linspace(1.0, -2.0, d) + 0.25
    found = divergence(x, x + v, eps, a=a, b=a, tol=1e-10)
    size = naive_cost(x, x + v, p=2).mean()
    # three values, each good to 1e-14 of the costs and, where sweeps see the costs, of eps; and to eps * tol
    assert found.value == pytest.approx(v @ v, rel=0, abs=1e-11 * size)
    np.testing.assert_allclose(found.grad_x, -2 * a[:, None] * v, rtol=0, atol=SAME * size)
    np.testing.assert_allclose(found.grad_y, 2 * a[:, None] * v, rtol=0, atol=SAME * size)


@pytest.mark.parametrize("eps", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("shift, s, t", [(0.0, 1.0, 1.5), (1.5, 1.0, 2.0), (-3.0, 0.5, 1.5)])
def test_gaussians(shift, s, t, eps):
    """Janati, Muzellec, Peyre, Cuturi 2020."""
    (x, a), (y, b) = gaussian_points(60, 0.0, s), gaussian_points(60, shift, t)
    found = divergence(x, y, eps, a=a, b=b)
    own = gaussian_objective(0, s, s, eps) + gaussian_objective(0, t, t, eps)
    # eps = 1 with t = 2 is where 60 points fall short first, by 1e-7 of N(., 2^2) with itself
    assert found.value == pytest.approx(gaussian_objective(shift, s, t, eps) - 0.5 * own, rel=1e-6, abs=0)
    # the mean moves by shift: d S / d shift = 2 shift
    assert found.grad_y.sum() == pytest.approx(2 * shift, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("p, d", [(1, 2), (2, 2), (3, 1), (2, 6)])
def test_small_eps_is_the_exact_cost(p, d):
    """OT_eps is above W by eps times an entropy at most, and OT_eps(x, x) between 0 and that."""
    x, y, a, b = clouds(d=d)
    cost = naive_cost(x, y, p=p)
    exact = otkit.wasserstein(x, y, p=p, a=a, b=b).cost
    entropies = -a @ np.log(a), -b @ np.log(b)
    distances = []
    for share in (0.1, 0.01, 3e-3):
        eps = share * cost.mean()
        found = sinkhorn_divergence(x, y, eps=eps, p=p, a=a, b=b, tol=1e-4)
        slack = 1e-4 * cost.mean()  # a marginal error of 1e-4, of potentials that differ by costs
        assert exact - eps * sum(entropies) / 2 - slack <= found.value <= exact + eps * min(entropies) + slack
        distances.append(abs(found.value - exact))
    assert distances[-1] < min(distances[0], 0.03 * exact)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("eps", [1e5, 1e8, 1e12, 1e100, 1e300])
def test_large_eps_is_the_energy_distance(eps, p, batched):
    """<C, a x b> - <C, a x a> / 2 - <C, b x b> / 2 but for c^2 / eps, and the gradients of that."""
    x, y, a, b = clouds()
    across, own_x, own_y = naive_cost(x, y, p=p), naive_cost(x, x, p=p), naive_cost(y, y, p=p)
    value = a @ across @ b - 0.5 * (a @ own_x @ a + b @ own_y @ b)
    largest = max(across.max(), own_x.max(), own_y.max())
    found = divergence(*((x[None], y[None]) if batched else (x, y)), eps, p=p, a=a, b=b)
    # batches expand in c / eps. Single solves have potentials good to some 1e-15 eps until <C, P> is nearer: 2^26 costs
    rounding = 1e-12 * largest if batched else min(1e-14 * eps, 1e-6 * largest)
    tolerance = 3 * largest**2 / eps + rounding
    assert np.ravel(found.value)[0] == pytest.approx(value, rel=0, abs=tolerance)
    pull = (a[:, None, None] * b[:, None] * cost_gradient(x, y, p=p)).sum(axis=1)
    pull -= (a[:, None, None] * a[:, None] * cost_gradient(x, x, p=p)).sum(axis=1)
    np.testing.assert_allclose(found.grad_x.reshape(x.shape), pull, rtol=0, atol=tolerance)
    for name, grown in (("grad_a", across @ b - own_x @ a), ("grad_b", a @ across - b @ own_y)):
        gradient = getattr(found, name).ravel()
        np.testing.assert_allclose(gradient - gradient[0], grown - grown[0], rtol=0, atol=4 * tolerance)


# --- gradients are differences of values ---------------------------------------------------------------------------


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("p, metric", [(1, "euclidean"), (2, "euclidean"), (3, "euclidean"), (1.5, "cityblock")])
def test_finite_differences_in_points(p, metric, batched):
    x, y, a, b = clouds(8, 9, seed=6)  # no two coordinates within 1e-3: cityblock has a kink where they agree
    if batched:
        x, y = x[None], y[None]

    def value(x, y):
        return np.ravel(divergence(x, y, 1.0, p=p, a=a, b=b, metric=metric).value)[0]

    found, h = divergence(x, y, 1.0, p=p, a=a, b=b, metric=metric), 1e-4
    for side, gradient in ((0, found.grad_x), (1, found.grad_y)):
        for index in list(np.ndindex(gradient.shape))[side::3]:
            step = [np.zeros(x.shape), np.zeros(y.shape)]
            step[side][index] = h
            difference = (value(x + step[0], y + step[1]) - value(x - step[0], y - step[1])) / (2 * h)
            # h^2 times a third derivative of about 10, weights of 0.1, and 1e-14 / h of rounding
            assert gradient[index] == pytest.approx(difference, rel=0, abs=1e-7)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("p", [1, 2])
def test_finite_differences_in_weights(p, batched):
    """Mass moves from one point to another; also to one that has none yet."""
    x, y, a, b = clouds(8, 9, seed=4)
    a[2] = 0.0
    a /= math.fsum(a)
    if batched:
        x, y = x[None], y[None]

    def value(a, b):
        return np.ravel(divergence(x, y, 1.0, p=p, a=a, b=b).value)[0]

    found, h = divergence(x, y, 1.0, p=p, a=a, b=b), 1e-5
    grad_a, grad_b = found.grad_a.ravel(), found.grad_b.ravel()
    for i, j in ((0, 1), (5, 3), (7, 6)):
        step = np.zeros(9)
        step[i], step[j] = h, -h
        difference = (value(a, b + step) - value(a, b - step)) / (2 * h)
        assert grad_b[i] - grad_b[j] == pytest.approx(difference, rel=0, abs=1e-7)
        difference = (value(a + step[:8], b) - value(a - step[:8], b)) / (2 * h)
        assert grad_a[i] - grad_a[j] == pytest.approx(difference, rel=0, abs=1e-7)
    step = np.zeros(8)
    step[2], step[4] = h, -h
    ahead = [(value(a + t * step, b) - value(a, b)) / (t * h) for t in (1, 2)]
    assert grad_a[2] - grad_a[4] == pytest.approx(2 * ahead[0] - ahead[1], rel=0, abs=1e-6)  # one-sided, second order


def test_points_on_the_line():
    """(n,) in, (n,) out; each side as it came."""
    x, y, a, b = clouds(d=1)
    full = divergence(x, y, 0.5, a=a, b=b)
    flat = divergence(x[:, 0], y[:, 0], 0.5, a=a, b=b)
    mixed = divergence(x[:, 0], y, 0.5, a=a, b=b)
    assert flat.value == mixed.value == full.value
    assert flat.grad_x.shape == mixed.grad_x.shape == (18,) and flat.grad_y.shape == (23,)
    assert full.grad_x.shape == (18, 1) and mixed.grad_y.shape == full.grad_y.shape == (23, 1)
    np.testing.assert_array_equal(flat.grad_x, full.grad_x[:, 0])
    np.testing.assert_array_equal(flat.grad_y, full.grad_y[:, 0])
    batch = divergence(x[None], y[None, :, 0], 0.5, a=a, b=b)
    assert batch.grad_x.shape == (1, 18, 1) and batch.grad_y.shape == (1, 23)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_gradients_at_kinks_are_finite(metric, batched):
    """p = 1 with points of x on points of y, points of x on one another, and equal coordinates."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (9, 2)).astype(float), rng.integers(0, 3, (11, 2)).astype(float)
    found = divergence(*((x[None], y[None]) if batched else (x, y)), 0.5, p=1, metric=metric)
    for name in GRADIENTS:
        assert np.isfinite(getattr(found, name)).all()
    expected = naive_divergence(x, y, np.full(9, 1 / 9), np.full(11, 1 / 11), 0.5, 1.0, metric)[1]
    np.testing.assert_allclose(found.grad_x.reshape(9, 2), expected["grad_x"], rtol=0, atol=SAME)
    same = divergence(np.ones((4, 2)), np.ones((6, 2)), 0.5, p=1, metric=metric)
    assert same.value == 0.0 and not same.grad_x.any()


# --- what changes nothing ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    x, y, a, b = clouds()
    return x, y, a, b, divergence(x, y, 0.4, a=a, b=b)


def check_same(found, expected, rows=slice(None), cols=slice(None)):
    assert found.value == pytest.approx(expected.value, rel=1e-10, abs=0)
    for name, part in zip(GRADIENTS, (rows, cols, rows, cols)):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name)[part], rtol=0, atol=SAME)


def test_sides_exchanged(plain):
    x, y, a, b, expected = plain
    found = divergence(y, x, 0.4, a=b, b=a)
    assert found.value == pytest.approx(expected.value, rel=1e-11, abs=0)
    np.testing.assert_allclose(found.grad_y, expected.grad_x, rtol=0, atol=SAME)
    np.testing.assert_allclose(found.grad_a, expected.grad_b, rtol=0, atol=SAME)


def test_order_and_place(plain):
    x, y, a, b, expected = plain
    rows, cols = (np.random.default_rng(s).permutation(len(z)) for s, z in enumerate((x, y)))
    check_same(divergence(x[rows], y[cols], 0.4, a=a[rows], b=b[cols]), expected, rows, cols)
    check_same(divergence(x + 1e3, y + 1e3, 0.4, a=a, b=b), expected)  # 1e-13 of coordinates is lost


@pytest.mark.parametrize("p", [8, 20, 64])
def test_high_orders(p):
    """Costs differ by 1e40, so what costs are to eps does too; value and gradients are those of a batch."""
    x, y, a, b = clouds()
    size = naive_cost(x, y, p=p).mean()
    found = sinkhorn_divergence(x, y, eps=0.1 * size, p=p, a=a, b=b, tol=1e-9)
    batch = sinkhorn_divergence(x[None], y[None], eps=0.1 * size, p=p, a=a, b=b, tol=1e-9)
    assert found.value == pytest.approx(batch.value[0], rel=1e-7, abs=0)
    for name in GRADIENTS:
        one, other = getattr(found, name), getattr(batch, name)[0]
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 * np.abs(one).max())


@pytest.mark.parametrize("scale", [1e-5, 0.125, 1e4, 1e60, 1e-60])
@pytest.mark.parametrize("p", [1, 2])
def test_scale(scale, p):
    x, y, a, b = clouds()
    expected = divergence(x, y, 0.5, p=p, a=a, b=b)
    for given in ((x, y), (x[None], y[None])):
        found = divergence(*(scale * z for z in given), 0.5 * scale**p, p=p, a=a, b=b)
        assert np.ravel(found.value)[0] == pytest.approx(scale**p * expected.value, rel=1e-10, abs=0)
        np.testing.assert_allclose(found.grad_x.reshape(x.shape) / scale ** (p - 1), expected.grad_x, rtol=0, atol=SAME)
        np.testing.assert_allclose(found.grad_a.ravel() / scale**p, expected.grad_a, rtol=0, atol=SAME)


def test_later_changes_of_the_input_do_not_reach_the_result():
    """Gradients are computed when they are asked for."""
    x, y, a, b = clouds()
    for given in ((x, y), (x[None], y[None])):
        x, y = (z.copy() for z in given)
        mine, theirs = a.copy(), b.copy()
        expected, found = (divergence(x, y, 0.5, a=mine, b=theirs) for _ in range(2))
        before = {name: getattr(expected, name).copy() for name in GRADIENTS}
        for array in (x, y, mine, theirs):
            array[:] = 9.0
        for name in GRADIENTS:
            np.testing.assert_array_equal(getattr(found, name), before[name])


@pytest.mark.parametrize("eps", [1, 1.0, np.float32(1.0), np.float64(1.0), np.int64(1), Fraction(1)])
def test_options_of_any_type(eps, plain):
    """A float32 eps must not make float32 potentials."""
    x, y, a, b, _ = plain
    expected, found = divergence(x, y, 1.0, a=a, b=b), divergence(x, y, eps, a=a, b=b, max_iter=np.int64(900))
    assert found.value == expected.value
    assert isinstance(found.value, float) and isinstance(found.eps, float)
    np.testing.assert_array_equal(found.grad_x, expected.grad_x)
    np.testing.assert_array_equal(
        divergence(x[None], y[None], eps, a=a, b=b).value, divergence(x[None], y[None], 1.0, a=a, b=b).value
    )


# --- batches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("p, metric, d", [(1, "euclidean", 2), (2, "euclidean", 3), (1.5, "cityblock", 1)])
@pytest.mark.parametrize("kind", ["none", "shared", "each", "zeros"])
def test_a_batch_is_a_loop(kind, p, metric, d, k):
    rng = np.random.default_rng(7)
    n, m = 14, 17
    x, y = rng.normal(size=(k, n, d)), rng.normal(size=(k, m, d)) + 0.5
    a, b = {
        "none": (None, None),
        "shared": (rng.random(n), rng.random(m)),
        "each": (rng.random((k, n)), rng.random((k, m))),
        "zeros": (np.where(rng.random((k, n)) < 0.3, 0.0, 1.0), rng.random(m)),
    }[kind]
    found = divergence(x, y, 0.6, p=p, a=a, b=b, metric=metric)
    assert found.value.shape == (k,) and found.status is Status.CONVERGED
    assert found.grad_x.shape == x.shape and found.grad_y.shape == y.shape
    assert found.grad_a.shape == (k, n) and found.grad_b.shape == (k, m)
    for q in range(k):
        mine, theirs = (side if side is None or side.ndim == 1 else side[q] for side in (a, b))
        one = divergence(x[q], y[q], 0.6, p=p, a=mine, b=theirs, metric=metric)
        assert found.value[q] == pytest.approx(one.value, rel=0, abs=1e-11)
        for name in GRADIENTS:
            np.testing.assert_allclose(getattr(found, name)[q], getattr(one, name), rtol=0, atol=SAME)


def test_a_batch_of_equal_samples():
    x = np.random.default_rng(0).normal(size=(3, 12, 2))
    order = np.random.default_rng(1).permutation(12)
    for eps in (0.1, 1.0, 1e6, 1e12):
        assert (divergence(x, x, eps).value == 0.0).all()
        size = naive_cost(x[0], x[0], p=2).mean()
        # batches expand in c / eps from 2^17 costs on; below, sweeps are good to 1e-16 eps
        assert (divergence(x, x[:, order], eps).value <= 1e-14 * size + 1e-15 * min(eps, 2**17 * size)).all()


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batched", [False, True])
def test_not_converged_carries_the_result(batched):
    x, y, a, b = clouds()
    given = (x[None], y[None]) if batched else (x, y)
    with pytest.raises(NotConverged, match="MAX_ITER") as caught:
        sinkhorn_divergence(*given, eps=0.02, a=a, b=b, max_iter=15)
    found = caught.value.result
    assert isinstance(found, otkit.DivergenceResult) and found.status is Status.MAX_ITER
    assert found.iterations == 15 and found.marginal_error > 1e-6
    quiet = sinkhorn_divergence(*given, eps=0.02, a=a, b=b, max_iter=15, throw=False)
    np.testing.assert_array_equal(quiet.value, found.value)
    assert not isinstance(caught.value, (OtkitError, KeyboardInterrupt))


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("eps", [1e-12, 1e-9, 1e-3, 0.1])
@pytest.mark.parametrize("most", [0, 1, 2, 7, 50])
def test_stopped_early_nothing_is_nan(most, eps, batched):
    """Potentials of a larger eps make no plan of this one: one more half step does, and everything is finite."""
    x, y, a, b = clouds()
    a[3] = 0.0
    given = (x[None], y[None]) if batched else (x, y)
    found = sinkhorn_divergence(*given, eps=eps, a=a, b=b, max_iter=most, throw=False)
    assert found.status is Status.MAX_ITER and found.iterations <= max(1, most)
    assert np.isfinite(found.value).all() and 0 < found.marginal_error <= 2.0
    size = naive_cost(x, y, p=2).max()
    assert (np.abs(found.value) <= 2 * size).all()
    for name in GRADIENTS:
        gradient = getattr(found, name)
        assert np.isfinite(gradient).all()
        if name in ("grad_x", "grad_y"):  # of plans whose rows, or whose columns, have their masses
            assert np.abs(gradient).max() <= 4 * math.sqrt(size)


@pytest.mark.parametrize("batched", [False, True])
def test_max_iter_exactly_reached(batched):
    x, y, a, b = clouds()
    given = (x[None], y[None]) if batched else (x, y)
    plain = sinkhorn_divergence(*given, eps=0.2, a=a, b=b)
    enough = sinkhorn_divergence(*given, eps=0.2, a=a, b=b, max_iter=plain.iterations)
    assert enough.status is Status.CONVERGED
    np.testing.assert_array_equal(enough.value, plain.value)
    with pytest.raises(NotConverged):
        sinkhorn_divergence(*given, eps=0.2, a=a, b=b, max_iter=plain.iterations - 1)
    unlimited = sinkhorn_divergence(*given, eps=0.2, a=a, b=b, max_iter=None)
    np.testing.assert_array_equal(unlimited.value, plain.value)


@pytest.mark.parametrize("after, most", [(1, None), (3, None), (20, None), (60, 1000), (15, 10)])
def test_ctrl_c(monkeypatch, after, most):
    """From the progress report, where a real one is as likely as anywhere. Nothing is begun after it. Last: the first
    problem runs into max_iter, the second is interrupted, and that is an interruption."""
    monkeypatch.setattr(base, "REPORT_EVERY", -1.0)  # every sweep is told
    events = []

    def interrupt(event):
        events.append(event)
        if len(events) == after:
            raise KeyboardInterrupt

    x, y, a, b = clouds()
    with progress.listen(interrupt), pytest.raises(Interrupted) as caught:
        sinkhorn_divergence(x, y, eps=0.01, a=a, b=b, max_iter=most)
    found = caught.value.result
    assert len(events) == after and events[0].message and events[0].solver == "Sinkhorn divergence"
    assert isinstance(caught.value, KeyboardInterrupt) and found.status is Status.INTERRUPTED
    assert found.eps >= 0.01 and np.isfinite(found.eps) and np.isfinite(found.value)
    size = naive_cost(x, y, p=2).max()
    for name in GRADIENTS:
        assert np.isfinite(getattr(found, name)).all()
    assert np.abs(found.grad_x).max() <= 4 * math.sqrt(size)
    events.clear()
    with progress.listen(interrupt):
        quiet = sinkhorn_divergence(x, y, eps=0.01, a=a, b=b, max_iter=most, throw=False)
    assert quiet.status is Status.INTERRUPTED and quiet.value == found.value


def test_shown_in_one_line():
    x, y, a, b = clouds()
    for given in ((x, y), (x[None], y[None])):
        shown = repr(divergence(*given, 0.5, a=a, b=b))
        assert "\n" not in shown and len(shown) < 150
        assert "DivergenceResult" in shown and "CONVERGED" in shown and "eps 0.5" in shown
    assert f"{divergence(x, y, 0.5).value:.6g}" in repr(divergence(x, y, 0.5))


def test_pickled():
    """Results cross processes, before their gradients were asked for and after; so do the errors that carry them."""
    x, y, a, b = clouds()
    found = divergence(x, y, 0.5, a=a, b=b)
    early = pickle.loads(pickle.dumps(found))
    for name in GRADIENTS:
        np.testing.assert_array_equal(getattr(early, name), getattr(found, name))
    late = pickle.loads(pickle.dumps(found))
    assert late.value == found.value and late.status is Status.CONVERGED
    with pytest.raises(NotConverged) as caught:
        sinkhorn_divergence(x, y, eps=0.01, max_iter=3)
    assert pickle.loads(pickle.dumps(caught.value)).result.value == caught.value.result.value


# --- refusals ------------------------------------------------------------------------------------------------------

X, Y = np.random.default_rng(0).normal(size=(2, 5, 2))


@pytest.mark.parametrize(
    "given, error, match",
    [
        ({"eps": 0.0}, Unsupported, "eps is 0.0"),
        ({"eps": -0.1}, Unsupported, "eps is -0.1"),
        ({"eps": math.nan}, Unsupported, "eps is nan"),
        ({"eps": math.inf}, Unsupported, "eps is inf"),
        ({"eps": None}, Unsupported, "eps is None"),
        ({"eps": "0.1"}, Unsupported, "eps is '0.1'"),
        ({"eps": True}, Unsupported, "eps is True"),
        ({"eps": [0.1]}, Unsupported, r"eps is \[0.1\]"),
        ({"tol": -1e-3}, Unsupported, "tol is -0.001"),
        ({"max_iter": -1}, Unsupported, "max_iter is -1"),
        ({"p": 0.9}, Unsupported, "p is 0.9"),
        ({"p": 64.5}, Unsupported, "p is 64.5"),
        ({"p": math.nan}, Unsupported, "p is nan"),
        ({"p": "2"}, Unsupported, "p is '2'"),
        ({"metric": "l2"}, BadCost, "metric is 'l2'"),
        ({"metric": lambda u, v: np.zeros(3)}, BadCost, "metric"),
        ({"x": []}, BadMeasure, "x is empty"),
        ({"y": np.zeros((0, 2))}, BadMeasure, "y is empty"),
        ({"x": np.where(X == X[2, 1], np.nan, X)}, BadMeasure, r"x has 1 entries that are NaN .* \(2, 1\)"),
        ({"y": [[1.0, np.inf]]}, BadMeasure, "y has 1 entries"),
        ({"x": [[1.0, 2.0], [3.0]]}, BadMeasure, "x is ragged"),
        ({"y": np.zeros((1, 1, 5, 2))}, BadMeasure, "y has shape"),
        ({"y": np.zeros((5, 3))}, BadMeasure, "x has 2 coordinates and y has 3"),
        ({"a": [1, 1]}, BadMeasure, "a has shape"),
        ({"b": np.ones((2, 5))}, BadMeasure, "b has shape"),
        ({"a": [1, -1, 1, 1, 1]}, BadMeasure, "a has 1 negative"),
        ({"x": 1e150 * X, "y": 1e150 * Y, "p": 3}, Unsupported, "x and y"),
        ({"x": 1e-200 * X, "y": 1e-200 * Y}, Unsupported, "x and y"),
        # batches
        ({"x": X[None]}, BadMeasure, "y has|x has"),
        ({"x": X[None], "y": np.stack([Y, Y])}, BadMeasure, "x has 1 problems and y has 2"),
        ({"x": X[None], "y": Y[None, :, :1]}, BadMeasure, "x has 2 coordinates and y has 1"),
        ({"x": X[None, :0], "y": Y[None]}, BadMeasure, "x has shape"),
        ({"x": X[None], "y": Y[None], "metric": naive_cost}, Unsupported, "metric is a callable"),
        ({"x": X[None], "y": Y[None], "a": np.ones((2, 5))}, BadMeasure, "a has shape"),
        ({"x": X[None], "y": Y[None], "eps": 0.0}, Unsupported, "eps is 0.0"),
        ({"x": X[None], "y": Y[None], "eps": None}, Unsupported, "eps is None"),
        ({"x": X[None], "y": np.where(Y == Y[0, 0], np.nan, Y)[None]}, BadMeasure, "y has 1 entries"),
        ({"x": np.zeros((1, 3000, 1)), "y": np.zeros((1, 4, 1))}, Unsupported, "3000 x 3000 points"),
    ],
)
def test_refuses(given, error, match):
    given = {"x": X, "y": Y, "eps": 0.1} | given
    x, y = given.pop("x"), given.pop("y")
    with pytest.raises(error, match=match) as caught:
        sinkhorn_divergence(x, y, **given)
    assert "\n" not in str(caught.value)
