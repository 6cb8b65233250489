"""Newton's step from the entries of the plan, against dense linear algebra; and what passes remember, against none."""

import numpy as np
import pytest
from kernels.twins import cloud
from numba import config

from otkit.costs import point_cost
from otkit.gibbs import DOUBLE, SINGLE, Gibbs
from otkit.kernels import newton
from otkit.problem import Problem

SMALL = bool(config.DISABLE_JIT)
N, M = (12, 9) if SMALL else (60, 45)


def gibbs_of(n=N, m=M, d=2, p=2, seed=0):
    x, y = cloud(n, m, d, seed)
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.05, rng.random(m) + 0.05
    return Gibbs.of(Problem(a / a.sum(), b / b.sum(), point_cost(x, y, "euclidean", p)))


def potentials(gibbs, eps, sweeps=30):
    f, g = np.zeros(gibbs.a.size), np.zeros(gibbs.b.size)
    for _ in range(sweeps):
        swept = gibbs.sweep(f, g, eps, DOUBLE)
        f, before, g = swept.f, g, swept.g
    return f, before, swept


def plan_of(gibbs, f, g, eps):
    return gibbs.dense(gibbs.coupling(f, g, eps), slice(0, gibbs.a.size))


def dense_entries(entries, shape):
    out = np.zeros(shape)
    for i in range(shape[0]):
        part = slice(entries.first[i], entries.first[i + 1])
        out[i, entries.cols[part]] = entries.mass[part]
    return out


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("eps", [1.0, 0.1, 0.01])
def test_entries_are_those_above_the_level(eps, p):
    gibbs = gibbs_of(p=p)
    f, g, _ = potentials(gibbs, eps)
    plan = plan_of(gibbs, f, g, eps)
    least = np.minimum(gibbs.a[:, None], gibbs.b)
    from otkit.gibbs import LEVELS

    counts = [(plan > level * least).sum() for level in LEVELS]
    for most in (N * M, counts[-1]):
        level = next(level for level, count in zip(LEVELS, counts) if count <= most)
        entries = gibbs.entries(f, g, eps, most)
        gibbs.spanned(entries, f, g, eps)  # weighs them
        found = dense_entries(entries, gibbs.shape)
        np.testing.assert_array_equal(found > 0, plan > level * least)
        np.testing.assert_allclose(
            found[found > 0], plan[found > 0], rtol=1e-11
        )  # exponents up to 1000, in another order
    assert gibbs.entries(f, g, eps, counts[-1] - 1) is None


def laplacian(plan):
    return np.block([[np.diag(plan.sum(1)), -plan], [-plan.T, np.diag(plan.sum(0))]])


@pytest.mark.parametrize("eps", [1.0, 0.1, 0.02])
def test_the_solution_is_that_of_dense_algebra(eps):
    gibbs = gibbs_of()
    f, g, _ = potentials(gibbs, eps)
    entries = gibbs.entries(f, g, eps, N * M)
    forest = gibbs.spanned(entries, f, g, eps)
    dense = laplacian(dense_entries(entries, gibbs.shape))
    right = np.random.default_rng(1).normal(size=N + M)
    right -= right.mean()
    room, step = newton.Room(*(np.empty(N + M) for _ in range(6))), np.empty(N + M)
    products = newton.solve(entries, forest, right, 1e-10, 5 * (N + M), room, step)
    assert products < 5 * (N + M)
    assert np.abs(dense @ step - right).sum() <= 1e-6 * np.abs(right).sum()  # in dense sums, which cancel
    twin = np.linalg.lstsq(dense, right, rcond=1e-15)[0]
    if eps >= 0.1:  # below, the weakest link is lost in dense float64
        np.testing.assert_allclose(step - step.mean(), twin - twin.mean(), rtol=0, atol=1e-5 * np.abs(twin).max())


def test_the_forest_has_the_heaviest_entries():
    gibbs, eps = gibbs_of(), 0.05
    f, g, _ = potentials(gibbs, eps)
    entries = gibbs.entries(f, g, eps, N * M)
    forest = gibbs.spanned(entries, f, g, eps)
    plan = dense_entries(entries, gibbs.shape)
    assert sorted(forest.order) == list(range(N + M)) and (forest.parent == -1).sum() == 1
    place = np.empty(N + M, int)
    place[forest.order] = np.arange(N + M)
    below = np.flatnonzero(forest.parent >= 0)
    assert (place[forest.parent[below]] < place[below]).all(), "parents come first"
    from scipy.sparse.csgraph import minimum_spanning_tree

    cost = np.zeros((N + M, N + M))
    cost[:N, N:] = np.where(plan > 0, -np.log(plan, where=plan > 0, out=np.zeros_like(plan)) + 1.0, 0.0)  # all > 0
    expected = minimum_spanning_tree(cost).sum() - len(below)
    assert -np.log(entries.mass[forest.edge[below]]).sum() == pytest.approx(expected, rel=1e-9, abs=0)


def test_two_clusters_and_the_link_between_them():
    """Two pairs far apart, one with mass for the other: the only link has 1e-40 of it; a few steps open it."""
    x, y = np.array([[0.0], [9.6]]), np.array([[0.0], [9.6]])
    eps = 1.0
    gibbs = Gibbs.of(Problem(np.array([0.6, 0.4]), np.array([0.5, 0.5]), point_cost(x, y, "euclidean", 2)))
    f, g, swept = potentials(gibbs, eps, 2)
    error = swept.error
    for _ in range(8):
        entries = gibbs.entries(f, g, eps, 4)
        g = g + gibbs.newton(entries, gibbs.spanned(entries, f, g, eps), swept, g, eps)
        swept = gibbs.sweep(f, g, eps, DOUBLE)
        f = swept.f
    assert error > 0.1 and swept.error < 1e-9


@pytest.mark.parametrize("precision", [SINGLE, DOUBLE], ids=["single", "double"])
@pytest.mark.parametrize("eps", [0.3, 0.03, 0.003])
def test_what_is_remembered_changes_no_sum(precision, eps):
    """Potentials that jump: blocks left out before may matter now. Those of rows that grew were forgotten to be."""
    n, m = (40, 70) if SMALL else (400, 700)
    gibbs, rng = gibbs_of(n, m), np.random.default_rng(2)
    f, g = np.zeros(n), np.zeros(m)
    for k in range(3 if SMALL else 12):
        swept = gibbs.sweep(f, g, eps, precision)
        fresh = Gibbs(gibbs.ground, gibbs.boxes, gibbs.a, gibbs.b, gibbs.rows, gibbs.cols)
        expected = fresh.sweep(swept.f, g, eps, precision).f
        if k and k % 4 != 1:  # after a jump the shifts are far off, and blocks are left out by what they were
            rounding = 1e-12 if precision is DOUBLE else 2e-6 + 1e-6 * np.abs(f).max() / eps
            assert np.abs(swept.f - expected).max() <= rounding * eps
        f, g = swept.f, swept.g
        if k % 4 == 0:
            g = g + 12 * eps * rng.normal(size=m)
