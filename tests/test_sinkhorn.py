"""Sinkhorn's answer against the textbook's iteration, POT, closed forms, its limits, and what must not change it."""

import math

import numpy as np
import pytest
from contract import check
from entropic import gaussian_covariance, gaussian_objective, kullback_leibler, naive_plan, naive_sinkhorn
from families import METRICS, naive_cost

import otkit
from otkit.result import Status
from otkit.solvers import Sinkhorn

TIGHT = 1e-12  # marginal error; float64 adds up 50 masses to 1e-15
# Potentials answer to a marginal error r by eps * r / (1 - contraction); at eps >= 0.03 of the mean cost that is 1e4.
SAME = 1e-8


def clouds(n=40, m=50, d=2, seed=0):
    """Points and weights, no two alike."""
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=n) + 0.01, rng.exponential(size=m) + 0.01
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5, a / math.fsum(a), b / math.fsum(b)


def solve(x, y, eps, p=2.0, a=None, b=None, metric="euclidean", **options):
    options = {"tol": TIGHT, "dtype": "float64"} | options
    return otkit.wasserstein(x, y, p=p, a=a, b=b, metric=metric, solver=Sinkhorn(eps=eps, **options))


def same_potentials(found, expected, eps, tolerance=SAME):
    """Equal up to the constant that moves between f and g."""
    shift = np.median(found.f - expected[0])
    np.testing.assert_allclose(found.f - shift, expected[0], rtol=0, atol=tolerance * eps)
    np.testing.assert_allclose(found.g + shift, expected[1], rtol=0, atol=tolerance * eps)


# --- against the textbook ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [10.0, 1.0, 0.1, 0.03])
@pytest.mark.parametrize(
    "p, d, metric",
    [
        (2.0, 2, "euclidean"),
        (1.0, 3, "euclidean"),
        (1.5, 2, "chebyshev"),
        (2.7, 5, "cityblock"),
        (2.0, 12, "euclidean"),
    ],
)
def test_against_the_textbook(p, d, metric, share):
    x, y, a, b = clouds(d=d)
    cost = naive_cost(x, y, metric, p)
    eps = share * cost.mean()
    f, g = naive_sinkhorn(cost, a, b, eps)
    plan = naive_plan(cost, a, b, f, g, eps)
    result = solve(x, y, eps, p, a, b, metric)
    assert result.status is Status.CONVERGED and result.entropic.marginal_error <= TIGHT
    assert result.entropic.eps == pytest.approx(eps, rel=1e-15, abs=0)
    check(result, cost, a, b, dimension=d, exact=False)
    same_potentials(result.entropic, (f, g), eps)
    np.testing.assert_allclose(result.plan.toarray(), plan, rtol=0, atol=SAME * plan.max())
    objective = a @ f + b @ g
    size = a @ np.abs(f) + b @ np.abs(g)
    assert result.entropic.objective == pytest.approx(objective, rel=0, abs=1e-11 * size + 2 * eps * TIGHT)
    # strong duality: the value of the plan itself
    assert (cost * plan).sum() + eps * kullback_leibler(plan, a, b) == pytest.approx(objective, rel=1e-10, abs=0)
    assert result.cost == pytest.approx((cost * plan).sum(), rel=1e-9, abs=0)


@pytest.mark.parametrize("p, d", [(2, 2), (1, 3), (2, 12), (1, 12)])
def test_float32_first_ends_where_float64_does(p, d, monkeypatch):
    """As large problems do; of 12 coordinates costs come from a product of matrices, all but the last ones."""
    monkeypatch.setattr("otkit.solvers.schrodinger.FEW_PAIRS", 0)
    x, y, a, b = clouds(d=d)
    cost = naive_cost(x, y, p=p)
    eps = 0.03 * cost.mean()
    result = solve(x, y, eps, p, a, b)
    assert result.status is Status.CONVERGED
    check(result, cost, a, b, dimension=d, exact=False)
    same_potentials(result.entropic, naive_sinkhorn(cost, a, b, eps), eps)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-8])
def test_the_objective_answers_to_the_marginal_error(tol):
    """The dual value never exceeds the minimum, and misses it by about eps * marginal error."""
    x, y, a, b = clouds()
    cost = naive_cost(x, y, p=2)
    eps = 0.05 * cost.mean()
    f, g = naive_sinkhorn(cost, a, b, eps)
    for dtype in ("float64", "auto"):
        found = solve(x, y, eps, a=a, b=b, tol=tol, dtype=dtype).entropic
        assert found.marginal_error <= tol
        rounding = 1e-12 if dtype == "float64" else 4e-7  # float32 potentials
        missed = (a @ f + b @ g) - found.objective
        assert -rounding * cost.max() <= missed <= 2 * eps * tol + rounding * cost.max()


def test_marginal_error_is_that_of_the_potentials():
    x, y, a, b = clouds()
    eps = 0.2
    result = solve(x, y, eps, a=a, b=b, tol=1e-3)
    plan = naive_plan(naive_cost(x, y, p=2), a, b, result.entropic.f, result.entropic.g, eps)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-10)  # the rows are made exact by every sweep
    error = np.abs(plan.sum(axis=0) - b).sum()
    assert 0 < error <= 1e-3
    assert error == pytest.approx(result.entropic.marginal_error, rel=1e-3, abs=0)


def test_zero_weights_and_duplicates():
    """Points without mass get the softmin; two points in one place share one potential."""
    x, y, a, b = clouds(30, 24)
    x[3], y[5] = x[2], y[4]
    a[[0, 7, 29]], b[[1, 23]] = 0.0, 0.0
    a, b = a / math.fsum(a), b / math.fsum(b)
    cost, eps = naive_cost(x, y, p=2), 0.3
    f, g = naive_sinkhorn(cost, a, b, eps)
    result = solve(x, y, eps, a=a, b=b)
    same_potentials(result.entropic, (f, g), eps)
    assert result.entropic.f[3] == pytest.approx(result.entropic.f[2], rel=0, abs=1e-13)
    check(result, cost, a, b, dimension=2, exact=False)
    plan = result.plan.toarray()
    assert not plan[a == 0].any() and not plan[:, b == 0].any()
    np.testing.assert_allclose(plan, naive_plan(cost, a, b, f, g, eps), rtol=0, atol=SAME * plan.max())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_matrices_with_costs_of_any_sign_and_any_total(sign):
    rng = np.random.default_rng(1)
    cost = rng.normal(size=(20, 33)) + sign
    a, b = rng.random(20), rng.random(33)
    b *= a.sum() / b.sum()
    whole, eps = math.fsum(a), 0.2
    f, g = naive_sinkhorn(cost, a / whole, b / whole, eps)
    result = otkit.transport(cost, a=a, b=b, solver=Sinkhorn(eps=eps, tol=TIGHT))
    check(result, cost, a, b, exact=False)
    same_potentials(result.entropic, (f, g), eps)
    assert result.entropic.objective == pytest.approx(a @ f + b @ g, rel=1e-10, abs=0)
    plan = whole * naive_plan(cost, a / whole, b / whole, f, g, eps)
    np.testing.assert_allclose(result.plan.toarray(), plan, rtol=0, atol=SAME * plan.max())
    exact = otkit.transport(cost, a=a, b=b).cost
    assert result.dual_cost <= exact + 1e-12 * whole and exact <= result.cost + 1e-12 * whole


@pytest.mark.parametrize("metric", METRICS)
def test_a_callable_metric_is_the_named_one(metric):
    x, y, a, b = clouds(d=3)
    named = solve(x, y, 0.5, a=a, b=b, metric=metric)
    called = solve(x, y, 0.5, a=a, b=b, metric=lambda u, v: naive_cost(u, v, metric))
    np.testing.assert_allclose(called.plan.toarray(), named.plan.toarray(), rtol=0, atol=1e-12)
    assert called.cost == pytest.approx(named.cost, rel=1e-11, abs=0)


# --- against POT ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 0.1, 0.02])
@pytest.mark.parametrize("n, m, d, p", [(50, 50, 2, 2), (40, 70, 2, 1), (30, 45, 8, 2), (60, 20, 1, 3)])
def test_against_pot(n, m, d, p, share):
    """POT minimises <C, P> + reg sum P log P: the same plan, since the masses of P are given."""
    ot = pytest.importorskip("ot")
    x, y, a, b = clouds(n, m, d, seed=n)
    cost = naive_cost(x, y, p=p)
    eps = share * cost.mean()
    expected = ot.sinkhorn(a, b, cost, eps, method="sinkhorn_log", numItermax=50_000, stopThr=1e-11, warn=False)
    result = solve(x, y, eps, p, a, b)
    # POT stops at a marginal error of 1e-11, and entries answer to that by up to 1 / (1 - contraction)
    assert np.abs(result.plan.toarray() - expected).sum() <= 1e-6
    assert result.cost == pytest.approx((cost * expected).sum(), rel=1e-6, abs=0)
    exact = ot.emd2(a, b, cost, check_marginals=False)
    assert result.dual_cost <= exact * (1 + 1e-12) and exact <= result.cost * (1 + 1e-12)


# --- closed form ---------------------------------------------------------------------------------------------------


def gaussian_points(n, mean, sigma):
    """Gauss's quadrature of N(mean, sigma^2): the softmin's integrals, of Gaussians, are then exact but for terms that
    fall geometrically with n, so the closed form holds to rounding. Some weights are 1e-30."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return mean + sigma * nodes, weights / math.fsum(weights)


@pytest.mark.parametrize("eps", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("shift, s, t", [(0.0, 1.0, 1.0), (1.5, 1.0, 2.0), (-3.0, 0.5, 1.5)])
def test_gaussians_on_the_line(shift, s, t, eps):
    (x, a), (y, b) = gaussian_points(60, 0.0, s), gaussian_points(60, shift, t)
    result = solve(x, y, eps, a=a, b=b)
    found = result.plan
    covariance = x @ found.apply(y) - (a @ x) * (b @ y)
    # eps = 1 with s = t = 2 is where 60 points fall short first, by 1e-9
    assert covariance == pytest.approx(gaussian_covariance(s, t, eps), rel=1e-7, abs=0)
    assert result.entropic.objective == pytest.approx(gaussian_objective(shift, s, t, eps), rel=1e-8, abs=0)
    expected = shift**2 + s**2 + t**2 - 2 * gaussian_covariance(s, t, eps)
    assert result.cost == pytest.approx(expected, rel=1e-8, abs=0)


def test_gaussians_in_the_plane():
    """The cost is a sum over coordinates, and so is the answer."""
    sides, eps, count = ((1.0, 1.2, 0.8), (-0.5, 0.7, 1.0)), 4.0, 24
    axes = [(gaussian_points(count, 0.0, s), gaussian_points(count, shift, t)) for shift, s, t in sides]
    (x, a), (y, b) = (
        (
            np.stack(np.meshgrid(axes[0][k][0], axes[1][k][0], indexing="ij"), axis=-1).reshape(-1, 2),
            np.outer(axes[0][k][1], axes[1][k][1]).ravel(),
        )
        for k in (0, 1)
    )
    result = solve(x, y, eps, a=a, b=b)
    expected = sum(gaussian_objective(shift, s, t, eps) for shift, s, t in sides)
    assert result.entropic.objective == pytest.approx(expected, rel=1e-8, abs=0)
    covariance = x.T @ result.plan.apply(y) - np.outer(a @ x, b @ y)
    diagonal = [gaussian_covariance(s, t, eps) for _, s, t in sides]
    np.testing.assert_allclose(covariance, np.diag(diagonal), rtol=0, atol=1e-7)


def test_gaussian_quantiles():
    """Equal weights, small eps: 400 midpoints of N(0, 1) have a variance 0.5 % short, which is taken into account."""
    from families import normal_quantiles

    z = normal_quantiles(400)
    for s, eps in ((2.0, 0.1), (0.5, 0.5)):
        result = solve(z, 1 + s * z, eps, tol=1e-8)
        size = z.std()
        assert result.entropic.objective == pytest.approx(gaussian_objective(1, size, s * size, eps), rel=2e-3, abs=0)
        assert z @ result.plan.apply(z) == pytest.approx(gaussian_covariance(size, s * size, eps) / s, rel=5e-3, abs=0)


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p, d", [(2, 2), (1, 2), (2, 6)])
def test_small_eps_is_exact(p, d):
    """<C, P_eps> <= exact + eps * min(H(a), H(b)), and it falls with eps."""
    x, y, a, b = clouds(d=d)
    cost = naive_cost(x, y, p=p)
    exact = otkit.wasserstein(x, y, p=p, a=a, b=b)
    entropy = min(-a @ np.log(a), -b @ np.log(b))
    costs = []
    for share in (1.0, 0.1, 0.01, 1e-3):
        eps = share * cost.mean()
        result = otkit.wasserstein(x, y, p=p, a=a, b=b, solver=Sinkhorn(eps=eps, tol=1e-7))
        assert result.lower <= exact.distance * (1 + 1e-12) and exact.distance <= result.upper * (1 + 1e-12)
        assert result.cost <= exact.cost + eps * entropy + 2e-7 * cost.max()  # rounding moves at most tol
        costs.append(result.cost)
    assert all(later < earlier for earlier, later in zip(costs, costs[1:]))
    assert costs[-1] <= exact.cost * 1.02


def test_large_eps_is_the_product():
    x, y, a, b = clouds()
    cost = naive_cost(x, y, p=2)
    for eps in (1e6 * cost.mean(), 1e12, 1e100):
        result = solve(x, y, eps, a=a, b=b)
        np.testing.assert_allclose(result.plan.toarray(), np.outer(a, b), rtol=2 * cost.max() / eps + 1e-12)
        assert result.cost == pytest.approx(a @ cost @ b, rel=cost.max() / eps + 1e-12, abs=0)
        assert result.entropic.objective == pytest.approx(a @ cost @ b, rel=cost.max() / eps + 1e-9, abs=0)


@pytest.mark.parametrize("kind", ["points", "matrix", "p = 1", "d = 12"])
@pytest.mark.parametrize("share", [1e-9, 1e-7, 1e-5])
def test_tiny_eps_still_ends_with_a_bracket(kind, share):
    x, y, a, b = clouds(60, 80, 12 if kind == "d = 12" else 2)
    p = 1 if kind == "p = 1" else 2
    cost = naive_cost(x, y, p=p)
    exact = otkit.wasserstein(x, y, p=p, a=a, b=b).cost
    for dtype in ("auto", "float32", "float64"):
        solver = Sinkhorn(eps=share * np.median(cost), max_iter=40, dtype=dtype)
        with pytest.raises(otkit.errors.NotConverged) as caught:
            if kind == "matrix":
                otkit.transport(cost, a=a, b=b, solver=solver)
            else:
                otkit.wasserstein(x, y, p=p, a=a, b=b, solver=solver)
        result = caught.value.result
        assert result.status is Status.MAX_ITER and result.stats.iterations <= 40
        check(result, cost, a, b, dimension=x.shape[1], exact=False)
        assert result.dual_cost <= exact * (1 + 1e-12) and exact <= result.cost * (1 + 1e-12)
        assert np.isfinite(result.entropic.f).all() and np.isfinite(result.entropic.objective)


# --- what changes nothing ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    x, y, a, b = clouds(35, 27, 2, seed=5)
    return x, y, a, b, solve(x, y, 0.4, a=a, b=b)


def same_answer(found, expected, objective=1.0):
    np.testing.assert_allclose(found.plan.toarray(), expected.plan.toarray(), rtol=0, atol=SAME * 0.1)
    assert found.entropic.objective == pytest.approx(objective * expected.entropic.objective, rel=1e-10, abs=0)


def test_order_of_points(plain):
    x, y, a, b, expected = plain
    rows, cols = (np.random.default_rng(k).permutation(len(z)) for k, z in enumerate((x, y)))
    found = solve(x[rows], y[cols], 0.4, a=a[rows], b=b[cols])
    np.testing.assert_allclose(found.plan.toarray(), expected.plan.toarray()[np.ix_(rows, cols)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.entropic.f, expected.entropic.f[rows], rtol=0, atol=1e-8)
    assert found.cost == pytest.approx(expected.cost, rel=1e-10, abs=0)


def test_translation_and_reflection(plain):
    x, y, a, b, expected = plain
    same_answer(solve(x + 100, y + 100, 0.4, a=a, b=b), expected)  # 1e-14 of coordinates is lost, 1e-12 of costs
    same_answer(solve(-x, -y, 0.4, a=a, b=b), expected)


@pytest.mark.parametrize("scale", [1e-5, 0.125, 3.0, 1e4])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_scale(scale, p):
    x, y, a, b = clouds(25, 30)
    plain = solve(x, y, 0.4, p, a, b)
    same_answer(solve(scale * x, scale * y, 0.4 * scale**p, p, a, b), plain, scale**p)


def test_rows_and_columns_exchanged(plain):
    x, y, a, b, expected = plain
    found = solve(y, x, 0.4, a=b, b=a)
    np.testing.assert_allclose(found.plan.toarray().T, expected.plan.toarray(), rtol=0, atol=1e-9)
    assert found.entropic.objective == pytest.approx(expected.entropic.objective, rel=1e-10, abs=0)


def test_a_point_in_two_pieces(plain):
    x, y, a, b, expected = plain
    pieces = np.append(a, 0.25 * a[4])
    pieces[4] *= 0.75
    found = solve(np.concatenate([x, x[4:5]]), y, 0.4, a=pieces, b=b)
    dense = found.plan.toarray()
    np.testing.assert_allclose(dense[-1] * 3, dense[4], rtol=1e-7, atol=1e-12)
    dense[4] += dense[-1]
    np.testing.assert_allclose(dense[:-1], expected.plan.toarray(), rtol=0, atol=1e-9)
    assert found.entropic.objective == pytest.approx(expected.entropic.objective, rel=1e-10, abs=0)


def test_points_without_mass_change_nothing(plain):
    x, y, a, b, expected = plain
    far = np.array([[1e6, -1e6]])
    found = solve(np.concatenate([x, far]), np.concatenate([far, y]), 0.4, a=np.append(a, 0.0), b=np.append(0.0, b))
    np.testing.assert_allclose(found.plan.toarray()[:-1, 1:], expected.plan.toarray(), rtol=0, atol=1e-9)
    assert found.cost == pytest.approx(expected.cost, rel=1e-10, abs=0)


def test_a_matrix_plus_row_and_column_terms():
    """c + u + v moves the objective by a @ u + b @ v and no plan."""
    rng = np.random.default_rng(2)
    cost, u, v = rng.random((18, 22)), rng.normal(size=18), rng.normal(size=22)
    a, b = np.full(18, 1 / 18), np.full(22, 1 / 22)
    plain, moved = (otkit.transport(c, solver=Sinkhorn(eps=0.1, tol=TIGHT)) for c in (cost, cost + u[:, None] + v))
    np.testing.assert_allclose(moved.plan.toarray(), plain.plan.toarray(), rtol=0, atol=1e-10)
    expected = plain.entropic.objective + a @ u + b @ v
    assert moved.entropic.objective == pytest.approx(expected, rel=0, abs=1e-11)


def test_threads_change_nothing():
    import numba

    x, y, a, b = clouds(2500, 2400)  # two tasks
    before = numba.get_num_threads()
    try:
        found = []
        for threads in (1, before):
            numba.set_num_threads(threads)
            result = otkit.wasserstein(x, y, p=2, a=a, b=b, solver=Sinkhorn(eps=0.2))
            found.append((result.lower, result.upper, result.entropic.objective))
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]
