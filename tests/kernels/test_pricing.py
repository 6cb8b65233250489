"""Candidate columns against a sort of the dense row."""

import numpy as np
import pytest
from kernels.twins import METRICS, cloud, dense, ground_of_matrix, ground_of_points, lattice
from numba import config

from otkit.kernels.boxes import BLOCK, GROUP, enclose
from otkit.kernels.planes import planes_of
from otkit.kernels.pricing import NEW, Lists, Query, best_columns, c_transform, price, take_in

SMALL = bool(config.DISABLE_JIT)
M = 2 * BLOCK + 7 if SMALL else (GROUP + 9) * BLOCK + 7  # two groups
N = 5 if SMALL else 60


def grounds():
    yield ground_of_matrix(np.random.default_rng(1).normal(size=(N, M)))
    for metric in METRICS:
        yield ground_of_points(*cloud(N, M, 2), metric, 1.0)
    yield ground_of_points(*lattice(N, M, 2), 1, 2.0)
    yield ground_of_points(*cloud(N, M, 9), 0, 2.0)


def prepared(ground, seed=0, whole=False):
    rng = np.random.default_rng(seed)
    g = rng.integers(-3, 3, M).astype(float) if whole else rng.normal(size=M)
    boxes = enclose(ground.yt)
    planes = planes_of(ground, boxes, g)
    return g, boxes, planes


def new_lists(room):
    return Lists(np.arange(N + 1) * room, np.zeros(N, np.int64), np.zeros(N * room, np.int32), np.zeros(N * room))


def list_of(lists, i):
    part = slice(lists.start[i], lists.start[i] + lists.count[i])
    return dict(zip(lists.column[part].tolist(), lists.cost[part].tolist()))


@pytest.mark.parametrize("wanted", [1, 3, 8])
@pytest.mark.parametrize("ground", list(grounds()))
def test_best_columns(ground, wanted):
    g, boxes, planes = prepared(ground)
    cost = dense(ground)
    groups = planes.outer_top.shape[0]
    work = Query(np.empty(groups), np.empty(groups), np.empty(GROUP), np.empty(GROUP), np.empty(BLOCK))
    assert planes.outer_top.size == (1 if SMALL else 2)
    for i in range(N):
        reduced = cost[i] - g
        ascending = np.sort(reduced)
        for limit in (np.inf, ascending[5] + 1e-9, ascending[1] + 1e-9, ascending[0] - 1e-9):
            for first in (0, planes.top.size - 1):
                column, price_of, key = np.zeros(wanted, np.int32), np.zeros(wanted), np.zeros(wanted)
                found = best_columns(ground, boxes, g, planes, i, limit, first, work, column, price_of, key)
                expected = ascending[ascending < limit][:wanted]
                assert found == expected.size
                # costs of 1 to 100 whose last digits differ between NumPy and LLVM
                np.testing.assert_allclose(key[:found], expected, rtol=1e-13, atol=1e-13)
                np.testing.assert_allclose(reduced[column[:found]], expected, rtol=1e-13, atol=1e-13)
                np.testing.assert_allclose(price_of[:found], cost[i, column[:found]], rtol=1e-13)
                assert len(set(column[:found].tolist())) == found


@pytest.mark.parametrize("ground", list(grounds()))
def test_c_transform(ground):
    g, boxes, planes = prepared(ground)
    expected = (dense(ground) - g).min(axis=1)
    rows = np.random.default_rng(0).permutation(N)[: N - 2]
    for cap in (np.full(N, np.inf), expected + np.linspace(-1, 1, N), expected - 1.0):
        out = np.full(N, -99.0)
        c_transform(ground, boxes, cap, g, planes, rows, out)
        np.testing.assert_allclose(out[rows], np.minimum(cap, expected)[rows], rtol=1e-13, atol=1e-13)
        assert (np.delete(out, rows) == -99.0).all()


@pytest.mark.parametrize("ground", list(grounds()))
def test_price_fills_empty_lists(ground):
    g, boxes, planes = prepared(ground)
    reduced = dense(ground) - g
    lists, smallest = new_lists(NEW + 3), np.full(N, -99.0)
    price(ground, boxes, np.full(N, np.inf), g, planes, np.arange(N), lists, smallest)
    np.testing.assert_allclose(smallest, reduced.min(axis=1), rtol=1e-13, atol=1e-13)
    for i in range(N):
        held = list_of(lists, i)
        assert len(held) == NEW
        np.testing.assert_allclose(np.sort(reduced[i, list(held)]), np.sort(reduced[i])[:NEW], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(list(held.values()), dense(ground)[i, list(held)], rtol=1e-13)


@pytest.mark.parametrize("ground", list(grounds()))
def test_price_again_replaces_the_worst(ground):
    """Lists of 10: the second pass, with other prices, keeps the 10 best of what is held and what is new."""
    room = NEW + 2
    g, boxes, planes = prepared(ground)
    lists, smallest = new_lists(room), np.empty(N)
    price(ground, boxes, np.full(N, np.inf), g, planes, np.arange(N), lists, smallest)
    before = [list_of(lists, i) for i in range(N)]
    g, boxes, planes = prepared(ground, seed=7)
    reduced = dense(ground) - g
    f = np.sort(reduced, axis=1)[:, 6] + 1e-9  # seven columns violate
    rows = np.arange(0, N, 2)
    price(ground, boxes, f, g, planes, rows, lists, smallest)
    for i in range(N):
        held = list_of(lists, i)
        if i % 2:
            assert held == before[i]
            continue
        new = set(np.flatnonzero(reduced[i] < f[i]).tolist())
        assert new <= set(held)
        others = sorted(reduced[i, j] for j in before[i] if j not in new)
        kept = sorted(reduced[i, j] for j in held if j not in new)
        np.testing.assert_allclose(kept, others[: room - len(new)], rtol=1e-13, atol=1e-13)


def test_nothing_below_f_changes_nothing():
    ground = next(grounds())
    g, boxes, planes = prepared(ground)
    f = (dense(ground) - g).min(axis=1)
    lists, smallest = new_lists(4), np.empty(N)
    price(ground, boxes, f, g, planes, np.arange(N), lists, smallest)
    np.testing.assert_array_equal(smallest, f)
    assert (lists.count == 0).all()


def naive_take_in(held, by_column, room):
    """Lists as Python has them, [(column, cost), ...] a row: column by column, new pairs go to the end."""
    out = [list(pairs) for pairs in held]
    for j, pairs in enumerate(by_column):
        for i, cost in pairs:
            if len(out[i]) < room[i] and j not in [column for column, _ in out[i]]:
                out[i].append((j, cost))
    return out


def lists_of(held, room):
    """`held` in the kernels' form, with NaN and -1 in the room that is free."""
    start = np.concatenate([[0], np.cumsum(room)])
    lists = Lists(
        start, np.array([len(pairs) for pairs in held]), np.full(start[-1], -1, np.int32), np.full(start[-1], np.nan)
    )
    for begin, pairs in zip(start, held):
        for t, (column, cost) in enumerate(pairs):
            lists.column[begin + t], lists.cost[begin + t] = column, cost
    return lists


@pytest.mark.parametrize("seed", range(5))
def test_take_in(seed):
    """Lists that are full, empty and without any room, and pairs that both sides list, each at a cost of its own."""
    rng = np.random.default_rng(seed)
    n, m = 7, 11
    room = rng.integers(0, 6, n)
    room[:3] = 0, 4, 2
    filled = np.minimum(room, rng.integers(0, 6, n))
    filled[1:3] = 4, 0
    room[3:5], filled[3:5] = 5, 1
    held = [[(int(j), float(rng.random())) for j in rng.permutation(m)[:k]] for k in filled]
    width = rng.integers(2, n + 1, m)
    by_column = [[(int(i), 10.0 + float(rng.random())) for i in rng.permutation(n)[:k]] for k in width]
    expected = naive_take_in(held, by_column, room)
    assert len(expected[2]) == 2 and sum(map(len, expected)) > filled.sum() + 2
    lists, columns = lists_of(held, room), lists_of(by_column, np.full(m, n))
    before = [field.copy() for field in columns]
    take_in(lists, columns)
    for mine, asked in zip(lists, lists_of(expected, room)):
        np.testing.assert_array_equal(mine, asked)
    for mine, asked in zip(columns, before):
        np.testing.assert_array_equal(mine, asked)
