"""Sinkhorn's plan: everything it does is what its dense array does; and where a solve may start."""

import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_sinkhorn import clouds, solve

import otkit
from otkit import entropic
from otkit.errors import BadMeasure, NotConverged, Unsupported
from otkit.result import Status
from otkit.solvers import Sinkhorn

MASS = 1e-15  # of the total 1: sums of 50 masses


@pytest.fixture(params=[1.0, 0.03, 1e-4], ids="eps={}".format)
def plan(request):
    x, y, a, b = clouds()
    a[[3, 39]], b[0] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    solver = Sinkhorn(eps=request.param, tol=1e-3, max_iter=150)  # so that rounding has something to make up for
    return otkit.wasserstein(x, y, p=2, a=a, b=b, solver=solver, throw=False).plan


def test_it_does_what_its_array_does(plan):
    dense = plan.toarray()
    rng = np.random.default_rng(1)
    for shape in ((), (1,), (3,)):
        u, v = rng.normal(size=(40, *shape)), rng.normal(size=(50, *shape))
        np.testing.assert_allclose(plan.apply(v), dense @ v, rtol=0, atol=1e-14)
        # costs of rows and of columns round differently, and exponents are 1e5 at eps = 1e-4
        np.testing.assert_allclose(plan.apply_transposed(u), dense.T @ u, rtol=1e-9, atol=1e-12)
    for mine, theirs in zip(plan.marginals(), (dense.sum(1), dense.sum(0))):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=MASS)
    y = rng.normal(size=(50, 2))
    image, held = plan.barycentric_map(y), dense.sum(1) > 0
    np.testing.assert_allclose(image[held], (dense @ y)[held] / dense.sum(1)[held, None], rtol=1e-10)
    assert np.isnan(image[[3, 39]]).all() and not np.isnan(image[held]).any()
    rebuilt = np.zeros_like(dense)
    rebuilt[plan.rows, plan.cols] = plan.mass
    np.testing.assert_array_equal(rebuilt, dense)
    assert len(plan) == (dense > 0).sum()


@pytest.mark.parametrize("block", [50, 170, 2**22])  # one row at a time, a few, all
def test_entries_above_a_threshold(plan, block, monkeypatch):
    dense = plan.toarray()
    monkeypatch.setattr(entropic, "ENTRIES", block)
    np.testing.assert_array_equal(plan.toarray(), dense)
    for threshold in (0.0, 1e-12, 1e-4, 1e-3, 2.0):
        sparse = plan.tosparse(threshold)
        np.testing.assert_array_equal(sparse.toarray(), np.where(dense > threshold, dense, 0.0))
        assert sparse.nnz == (dense > threshold).sum()  # every pair once


def test_mass_that_powers_cut_is_none():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    plan = otkit.wasserstein(x, x + [0.0, 0.1], p=2, solver=Sinkhorn(eps=1e-4)).plan
    np.testing.assert_array_equal(plan.toarray() > 0, np.eye(3, dtype=bool))
    assert len(plan) == 3


def test_a_threshold_needs_memory_for_what_is_above_it_only():
    """4e6 pairs: 100 MB of entries with their indices, of which 1 % are asked for."""
    x, y = np.random.default_rng(0).random((2, 2000, 2))
    plan = otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=1e-3, tol=1e-2)).plan
    plan.tosparse(1.0)
    tracemalloc.start()
    try:
        sparse = plan.tosparse(1e-6)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2000 <= sparse.nnz < 200_000
    assert peak < 3 * 8 * entropic.ENTRIES + 100 * sparse.nnz  # a dense block, its mask, what is kept


def test_threads_share_a_plan():
    x, y, a, b = clouds(900, 800)
    plan = otkit.wasserstein(x, y, p=2, a=a, b=b, solver=Sinkhorn(eps=0.05)).plan
    v = np.random.default_rng(2).normal(size=800)
    expected = [plan.apply(v), plan.marginals()[1], plan.toarray()]
    calls = [lambda: plan.apply(v), lambda: plan.marginals()[1], plan.toarray] * 8
    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(lambda call: call(), calls)):
            np.testing.assert_array_equal(found, expected[k % 3])


def test_a_result_does_not_hold_what_sweeps_needed():
    x, y = np.random.default_rng(0).normal(size=(2, 1500, 64))
    result = otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=10.0))
    assert len(pickle.dumps(result)) < 12_000_000  # points, twice; products alone are 9 MB
    held = result.plan.gibbs.__dict__
    assert not held["_kept"] and not held["_works"] and held["_last"] is None and "transposed" not in held


def test_bad_vectors(plan):
    with pytest.raises(BadMeasure, match="vectors has 40 points but the plan has 50 columns"):
        plan.apply(np.ones(40))
    with pytest.raises(BadMeasure, match="vectors has 50 points but the plan has 40 columns"):
        plan.apply_transposed(np.ones(50))
    with pytest.raises(BadMeasure, match="y has 3 points"):
        plan.barycentric_map(np.ones((3, 2)))


# --- where to start ------------------------------------------------------------------------------------------------


def sweeps(x, y, a, b, start, eps=0.02):
    return solve(x, y, eps, a=a, b=b, tol=1e-9, start=start).stats.iterations


def test_going_on_from_an_answer():
    x, y, a, b = clouds()
    first = solve(x, y, 0.02, a=a, b=b, tol=1e-9)
    cold = first.stats.iterations
    entropic = first.entropic
    for start in (entropic, (entropic.f, entropic.g), [None, entropic.g.tolist()]):
        assert sweeps(x, y, a, b, start) <= 3 < cold
    exact = otkit.wasserstein(x, y, p=2, a=a, b=b).potentials
    again = solve(x, y, 1e-3, a=a, b=b, tol=1e-6, start=exact)
    assert again.status is Status.CONVERGED
    same = solve(x, y, 1e-3, a=a, b=b, tol=1e-6)
    assert again.entropic.objective == pytest.approx(same.entropic.objective, rel=1e-6, abs=0)


def test_a_run_that_was_stopped_goes_on():
    x, y, a, b = clouds()
    with pytest.raises(NotConverged) as stopped:
        solve(x, y, 0.01, a=a, b=b, tol=1e-10, max_iter=25)
    reached = stopped.value.result
    went_on = solve(x, y, 0.01, a=a, b=b, tol=1e-10, start=reached.entropic)
    assert went_on.status is Status.CONVERGED


@pytest.mark.parametrize("most", [0, 1, 2, 5, 9, 10, 11, 12, 13, 30])
def test_what_is_left_after_a_limit_belongs_together(most):
    """eps, f, g and the error, wherever the limit came: also just after eps was lowered."""
    x, y, a, b = clouds()
    result = otkit.wasserstein(x, y, p=2, a=a, b=b, solver=Sinkhorn(eps=1e-3, max_iter=most), throw=False)
    f, g, eps = result.entropic.f, result.entropic.g, result.entropic.eps
    plan = a[:, None] * b * np.exp((f[:, None] + g - ((x[:, None] - y) ** 2).sum(2)) / eps)
    np.testing.assert_allclose(plan.sum(1), a, rtol=1e-9)
    assert np.abs(plan.sum(0) - b).sum() == pytest.approx(result.entropic.marginal_error, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    "start, words",
    [
        (3.0, "start is of type float: pass a Result.entropic"),
        ((1, 2, 3), "start is of type tuple"),
        ((None, np.ones(3)), r"start's g has shape \(3,\): there are 50 columns"),
        ((None, [np.nan] * 50), "start's g"),
    ],
)
def test_bad_starts(start, words):
    x, y, a, b = clouds()
    with pytest.raises(Unsupported, match=words):
        solve(x, y, 0.1, a=a, b=b, start=start)


def test_a_start_is_refused_where_it_would_not_be_used():
    with pytest.raises(Unsupported, match="start is given together with gap"):
        otkit.wasserstein([0.0, 1.0], [2.0, 3.0], solver=Sinkhorn(gap=0.1, start=(None, [0.0, 0.0])))


def test_float32_does_not_claim_what_float64_denies():
    x, y, a, b = clouds()
    with pytest.raises(NotConverged) as caught:
        solve(x, y, 0.01, a=a, b=b, tol=1e-9, dtype="float32", max_iter=300)
    assert caught.value.result.entropic.marginal_error > 1e-9
    fine = solve(x, y, 0.5, a=a, b=b, tol=1e-3, dtype="float32")
    assert fine.status is Status.CONVERGED and fine.entropic.marginal_error <= 1e-3
