"""The assignment kernel against SciPy's dense solver, and its lists against a sort of the dense row."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from scipy.optimize import linear_sum_assignment

from otkit.kernels import assignment, candidates
from otkit.kernels.assignment import DONE, FAILED, MATCHED, PRICES, SEARCH, STAGE, advance, new_assignment
from otkit.kernels.ground import CHEBYSHEV, CITYBLOCK, EUCLIDEAN, MATRIX, Ground

SMALL = bool(config.DISABLE_JIT)
SIZE = 24 if SMALL else 400


def ground_of_points(x, y, metric=EUCLIDEAN, p=2.0):
    return Ground(metric, float(p), np.ascontiguousarray(x), np.ascontiguousarray(y.T), np.zeros((0, 0)))


def ground_of_matrix(cost):
    n = len(cost)
    return Ground(MATRIX, 1.0, np.zeros((n, 0)), np.zeros((0, n)), np.ascontiguousarray(cost, dtype=float))


def dense(ground):
    if ground.metric == MATRIX:
        return ground.matrix
    difference = np.abs(ground.x[:, None, :] - ground.yt.T[None, :, :])
    if ground.metric == EUCLIDEAN:
        return np.sqrt((difference**2).sum(axis=2)) ** ground.p
    reduce = difference.sum if ground.metric == CITYBLOCK else difference.max
    return reduce(axis=2) ** ground.p


def cloud(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.5


def run(ground, width=8, budget=10**9):
    n = ground.matrix.shape[0] if ground.metric == MATRIX else ground.x.shape[0]
    state = new_assignment(n, width)
    for _ in range(4 + 2 * n):  # every slice ends a stage, some rows or at least one path
        stage = advance(state, ground, budget)
        check_partial(state, dense(ground)) if n <= 40 else None
        if stage in (DONE, FAILED):
            break
    assert stage == DONE
    return state


def check_partial(state, cost):
    """What an early stop leaves: a partial matching, feasible potentials, equality on matched pairs."""
    n = len(cost)
    if state.counts[STAGE] == PRICES:
        assert (state.col_of_row == -1).all()
        return
    slack = cost - state.f[:, None] - state.g
    tolerance = 1e-13 * max(np.abs(cost).max(), np.finfo(float).tiny)
    assert slack.min() >= -tolerance
    rows = np.flatnonzero(state.col_of_row >= 0)
    cols = state.col_of_row[rows]
    assert (state.row_of_col[cols] == rows).all()
    assert (state.row_of_col >= 0).sum() == len(rows)
    if state.counts[STAGE] >= SEARCH:
        assert state.counts[MATCHED] == len(rows)
        assert len(rows) == 0 or np.abs(slack[rows, cols]).max() <= tolerance
    assert np.isfinite(state.f).all() and np.isfinite(state.g).all() and len(state.f) == n


def check_optimal(state, cost):
    n = len(cost)
    check_partial(state, cost)
    assert sorted(state.col_of_row) == list(range(n))
    rows, cols = linear_sum_assignment(cost)
    best = cost[rows, cols].sum()
    scale = np.abs(cost[rows, cols]).sum() + np.finfo(float).tiny
    assert abs(cost[np.arange(n), state.col_of_row].sum() - best) <= 1e-12 * scale
    assert abs(state.f.sum() + state.g.sum() - best) <= 1e-12 * max(scale, np.abs(cost).max() * n)


@pytest.mark.parametrize("d", [2, 8, 64])
def test_points(d):
    ground = ground_of_points(*cloud(SIZE, d))
    check_optimal(run(ground), dense(ground))


@pytest.mark.parametrize("metric", [EUCLIDEAN, CITYBLOCK, CHEBYSHEV])
@pytest.mark.parametrize("p", [1.0, 2.0, 2.5])
def test_metrics(metric, p):
    ground = ground_of_points(*cloud(SIZE // 4, 3), metric, p)
    check_optimal(run(ground), dense(ground))


@pytest.mark.parametrize("width", [1, 2, 5, 64, 10**6])
def test_any_list_width_is_exact(width):
    ground = ground_of_points(*cloud(SIZE // 2, 5))
    state = run(ground, width)
    check_optimal(state, dense(ground))
    assert state.lists.key.shape[1] == min(width, SIZE // 2)


@pytest.mark.parametrize("budget", [1, 2000])
def test_every_slice_leaves_a_feasible_pair_and_a_partial_matching(budget):
    ground = ground_of_points(*cloud(40, 4))
    once = run(ground, 4)
    sliced = run(ground, 4, budget)  # `run` checks each slice
    assert (sliced.col_of_row == once.col_of_row).all() and (sliced.g == once.g).all()


def test_one_point():
    ground = ground_of_points(np.array([[1.0, 2.0]]), np.array([[4.0, 6.0]]))
    state = run(ground)
    assert state.col_of_row.tolist() == [0] and state.f[0] + state.g[0] == 25.0


@pytest.mark.parametrize("width", [3, 16])
def test_equal_costs(width):
    cost = np.full((SIZE // 2, SIZE // 2), 7.0)
    check_optimal(run(ground_of_matrix(cost), width), cost)


def test_duplicates():
    x, y = cloud(SIZE // 8, 3)
    ground = ground_of_points(np.repeat(x, 8, axis=0), np.tile(y, (8, 1)))
    check_optimal(run(ground), dense(ground))


def test_equal_clouds_cost_nothing():
    x, _ = cloud(SIZE, 6)
    state = run(ground_of_points(x, x[::-1]))
    assert (state.col_of_row == np.arange(SIZE)[::-1]).all()
    assert math.fsum([*state.f, *state.g]) == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e150])
@pytest.mark.parametrize("kind", ["integers", "negative", "spread", "product"])
def test_matrices(kind, scale):
    rng = np.random.default_rng(3)
    n = SIZE // 4
    cost = {
        "integers": lambda: rng.integers(0, 4, (n, n)).astype(float),
        "negative": lambda: rng.normal(size=(n, n)) - 100.0,
        "spread": lambda: 10.0 ** rng.uniform(-8, 8, (n, n)),
        "product": lambda: np.outer(np.arange(1.0, n + 1), np.arange(1.0, n + 1)),  # the worst case of Machol and Wien
    }[kind]() * scale
    check_optimal(run(ground_of_matrix(cost)), cost)


@settings(max_examples=15 if SMALL else 60, deadline=None)
@given(n=st.integers(1, 12), width=st.integers(1, 12), levels=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_small_integer_matrices(n, width, levels, seed):
    cost = np.random.default_rng(seed).integers(-levels, levels + 1, (n, n)).astype(float)
    check_optimal(run(ground_of_matrix(cost), width, budget=1), cost)


@pytest.mark.filterwarnings("ignore:invalid value")  # inf - inf, said by NumPy only where the JIT is off
@pytest.mark.parametrize("where", ["row", "column"])
def test_overflow_fails_and_does_not_hang(where):
    cost = np.arange(9.0).reshape(3, 3)
    cost[(1, slice(None)) if where == "row" else (slice(None), 1)] = np.inf
    state = new_assignment(3, 2)
    stages = [advance(state, ground_of_matrix(cost), 1) for _ in range(12)]
    assert stages[-1] == FAILED and DONE not in stages


@pytest.mark.parametrize("start, stop", [(0, 40), (7, 33)])
def test_lists_are_the_head_of_the_sorted_row(start, stop):
    n, width = 40, 6
    ground = ground_of_points(*cloud(n, 3))
    g = np.random.default_rng(1).normal(size=n)
    lists = candidates.new_lists(n, n, width)
    candidates.read_rows(lists, ground, g, start, stop)
    reduced = dense(ground) - g
    for i in range(start, stop):
        np.testing.assert_array_equal(lists.column[i], np.argsort(reduced[i])[:width])
        np.testing.assert_allclose(lists.key[i], np.sort(reduced[i])[:width], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(lists.cost[i], dense(ground)[i, lists.column[i]], rtol=1e-13)
        lower = g.copy()
        lower[lists.column[i, 0]] -= 100.0  # a fall of prices: best_two reads them anew
        first, second, at_first, _ = candidates.best_two(lists, lower, i)
        assert at_first >= 0 and first == np.sort(lists.cost[i] - lower[lists.column[i]])[0] and second >= first
        assert candidates.outside(lists, g, i) == lists.key[i, -1]
    assert (lists.key[:start] == 0.0).all() and (lists.key[stop:] == 0.0).all()


def test_minima_are_those_of_the_rows_read():
    ground = ground_of_points(*cloud(40, 3))
    least = np.full(40, np.inf)
    candidates.lower_minima(least, ground, 5, 17)
    np.testing.assert_allclose(least, dense(ground)[5:17].min(axis=0), rtol=1e-13)
    candidates.lower_minima(least, ground, 0, 40)
    np.testing.assert_allclose(least, dense(ground).min(axis=0), rtol=1e-13)


def test_full_heap_keeps_what_counts():
    n = 3
    dist, closed = np.array([1.0, 2.0, 5.0]), np.array([False, True, False])
    key = np.array([1.0, 2.0, 4.0, 6.0, 5.0])
    item = np.array([0, 1, n + 1, 2, 2])  # closed column 1 and the longer way to column 2 go
    size = assignment._compact(key, item, 5, dist, closed)
    assert sorted(zip(key[:size].tolist(), item[:size].tolist(), strict=True)) == [(1.0, 0), (4.0, n + 1), (5.0, 2)]
