"""Large cost matrices, solved by way of a sample of their rows and columns."""

import numpy as np
import pytest
from contract import check
from families import planted_permutation, planted_plan

import otkit
from otkit.costs import MatrixCost
from otkit.result import Status
from otkit.solvers import NetworkSimplex
from otkit.solvers.levels import SAMPLED, SHARE, levels_of


@pytest.fixture(scope="module", params=["permutation", "plan"])
def planted(request):
    return planted_permutation(SAMPLED) if request.param == "permutation" else planted_plan(SAMPLED + 300, SAMPLED)


def solved(planted, **limits):
    solver = NetworkSimplex(**limits)
    return otkit.transport(planted.matrix, a=planted.a, b=planted.b, solver=solver, throw=False)


def within(result, planted):
    check(result, planted.matrix, planted.a, planted.b)
    room = 1e-13 * (planted.a @ np.abs(planted.matrix).max(axis=1))
    assert result.dual_cost <= planted.cost + room and planted.cost - room <= result.cost


def test_the_optimum(planted):
    result = solved(planted)
    within(result, planted)
    assert result.status is Status.OPTIMAL
    size = planted.a @ np.abs(planted.matrix).max(axis=1)
    assert result.cost == pytest.approx(planted.cost, rel=planted.rtol, abs=1e-13 * size), planted.why


@pytest.mark.parametrize("max_iter", [0, 1, 100, 1000, 5000])
def test_stopped_within_the_sample_or_after_it(planted, max_iter):
    result = solved(planted, max_iter=max_iter)
    within(result, planted)
    assert result.status is Status.MAX_ITER and result.stats.iterations == max_iter


def test_stopped_before_the_sample_or_in_it(planted):
    result = solved(planted, time_limit=0)
    within(result, planted)
    assert result.status is Status.TIME_LIMIT


@pytest.mark.parametrize("tol", [0.5, 0.01])
def test_a_tolerance(planted, tol):
    result = solved(planted, tol=tol)
    within(result, planted)
    assert result.status.ok and abs(result.cost - result.dual_cost) <= tol * abs(result.cost)


def test_one_row_has_nearly_all_the_mass():
    rng = np.random.default_rng(0)
    matrix, a = rng.random((SAMPLED, SAMPLED)), np.full(SAMPLED, 1e-9)
    a[17] = 1.0
    a, b = a / a.sum(), np.full(SAMPLED, 1 / SAMPLED)
    result = otkit.transport(matrix, a=a, b=b)
    check(result, matrix, a, b)
    assert result.status is Status.OPTIMAL and result.gap < 1e-12
    assert matrix[17].mean() - 2e-6 <= result.cost <= matrix[17].mean()


@pytest.mark.parametrize("shape, levels", [((SAMPLED - 1, 3 * SAMPLED), 1), ((SAMPLED, 2 * SAMPLED), 2)])
def test_samples_carry_equal_masses(shape, levels):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(1, 2**40, size) for size in shape)
    found = levels_of(MatrixCost(rng.random(shape)), a, b, coarse=False)
    assert len(found) == levels and found[0].rows is None
    for level in found[1:]:
        n, m = level.shape
        assert level.ground.matrix.shape == (n, m) == (shape[0] // SHARE, shape[1] // SHARE)
        assert level.a.sum() == level.b.sum() and level.a.min() > 0 and level.b.min() > 0
        picked = a[level.rows]
        np.testing.assert_allclose(level.a / level.a.sum(), picked / picked.sum(), rtol=0, atol=1e-9)
