"""The first plan and the first tree: forests with the right marginals, and a strongly feasible spanning tree."""

import numpy as np
import pytest
from kernels.twins import cloud, dense, ground_of_points

from otkit.kernels.start import GROUP, complete, greedy, hand_down
from otkit.solvers.levels import new_tree


def masses(n, m, seed, largest=6):
    """Whole masses of equal totals, small ones, so that many marginals are met at once."""
    rng = np.random.default_rng(seed)
    a = rng.integers(1, largest, n)
    b = np.ones(m, np.int64)
    if a.sum() < m:
        a[0] += m - a.sum()
    b += np.bincount(rng.integers(0, m, a.sum() - m), minlength=m)
    return a.astype(np.int64), b


def arcs_for(n, m):
    return [np.full(n + m, -1, np.int64) for _ in range(3)]


def plan_of(arcs, count, n, m):
    dense_plan = np.zeros((n, m), np.int64)
    np.add.at(dense_plan, (arcs[0][:count], arcs[1][:count]), arcs[2][:count])
    return dense_plan


def check_forest(arcs, count, a, b):
    n, m = a.size, b.size
    plan = plan_of(arcs, count, n, m)
    assert (arcs[2][:count] > 0).all() and np.count_nonzero(plan) == count
    np.testing.assert_array_equal(plan.sum(axis=1), a)
    np.testing.assert_array_equal(plan.sum(axis=0), b)
    parent = list(range(n + m))

    def find(v):
        while parent[v] != v:
            v = parent[v]
        return v

    for i, j in zip(arcs[0][:count], arcs[1][:count]):
        u, v = find(int(i)), find(int(n + j))
        assert u != v, "a cycle"
        parent[u] = v


def naive_greedy(order, a, b):
    a, b = a.copy(), b.copy()
    plan = np.zeros((a.size, b.size), np.int64)
    corner = [(i, j) for i in range(a.size) for j in range(b.size)]
    for i, j in [*order, *corner]:  # what the list leaves, in the order of rows, then columns: the north-west corner
        move = min(a[i], b[j])
        plan[i, j] += move
        a[i] -= move
        b[j] -= move
    return plan


@pytest.mark.parametrize("n, m", [(1, 1), (1, 6), (6, 1), (9, 13), (20, 20)])
@pytest.mark.parametrize("listed", [0, 5, 60])
def test_greedy(n, m, listed):
    rng = np.random.default_rng(listed)
    a, b = masses(n, m, seed=n + m)
    pairs = rng.permutation(n * m)[:listed]
    rows, cols = pairs // m, pairs % m
    arcs = arcs_for(n, m)
    count = greedy(rows, cols, a, b, *arcs)
    np.testing.assert_array_equal(plan_of(arcs, count, n, m), naive_greedy(list(zip(rows, cols)), a, b))
    check_forest(arcs, count, a, b)


def naive_hand_down(coarse, a, b):
    """Each coarse arc, by row and column, gives its mass to its children in order."""
    a, b = a.copy(), b.copy()
    plan = np.zeros((a.size, b.size), np.int64)
    for row, col in zip(*np.nonzero(coarse)):
        mass = coarse[row, col]
        for i in range(row * GROUP, min(a.size, (row + 1) * GROUP)):
            for j in range(col * GROUP, min(b.size, (col + 1) * GROUP)):
                move = min(mass, a[i], b[j])
                plan[i, j] += move
                mass -= move
                a[i] -= move
                b[j] -= move
    return plan


@pytest.mark.parametrize("n, m", [(1, 1), (4, 4), (5, 3), (17, 30), (33, 32)])
@pytest.mark.parametrize("seed", range(4))
def test_hand_down(n, m, seed):
    a, b = masses(n, m, seed)
    coarse_a, coarse_b = (np.add.reduceat(side, np.arange(0, side.size, GROUP)) for side in (a, b))
    rng = np.random.default_rng(seed)
    order = rng.permutation(coarse_a.size * coarse_b.size)
    coarse_arcs = arcs_for(coarse_a.size, coarse_b.size)
    count = greedy(order // coarse_b.size, order % coarse_b.size, coarse_a, coarse_b, *coarse_arcs)
    coarse = plan_of(coarse_arcs, count, coarse_a.size, coarse_b.size)
    rows, cols = np.nonzero(coarse)
    arcs = arcs_for(n, m)
    count = hand_down(rows, cols, coarse[rows, cols], a, b, *arcs)
    np.testing.assert_array_equal(plan_of(arcs, count, n, m), naive_hand_down(coarse, a, b))
    check_forest(arcs, count, a, b)


def check_tree(tree, n, a, b, cost):
    """One root, no cycle, arcs between rows and columns only, strongly feasible, flows that meet the marginals."""
    nodes = tree.parent.size
    assert (tree.parent < 0).sum() == 1
    excess = np.concatenate([a, b])
    for v in range(nodes):
        u, steps = v, 0
        while tree.parent[u] >= 0:
            u, steps = tree.parent[u], steps + 1
            assert steps < nodes, "a cycle"
        u = tree.parent[v]
        if u < 0:
            continue
        assert (v < n) != (u < n)
        i, j = (v, u - n) if v < n else (u, v - n)
        assert tree.cost[v] == pytest.approx(cost[i, j], rel=1e-13, abs=0)
        assert tree.flow[v] >= 0
        assert tree.flow[v] > 0 or v < n, "an arc without flow must lead from its row up"
        excess[u] -= tree.flow[v]
        excess[v] -= tree.flow[v]
    assert not excess.any()
    assert not tree.big.any()


@pytest.mark.parametrize("n, m", [(1, 1), (1, 5), (5, 1), (12, 12), (30, 17)])
@pytest.mark.parametrize("extra", [0, 6, 200])
@pytest.mark.parametrize("uniform", [True, False])
def test_complete(n, m, extra, uniform):
    x, y = cloud(n, m, 2, seed=n)
    ground = ground_of_points(x, y)
    a, b = masses(n, m, seed=extra) if not uniform else (np.full(n, m), np.full(m, n))
    rng = np.random.default_rng(extra)
    pairs = rng.permutation(n * m)[:extra]
    arcs = arcs_for(n, m)
    count = greedy(np.empty(0, np.int64), np.empty(0, np.int64), a, b, *arcs)
    tree = new_tree(n + m)
    assert complete(ground, n, m, *arcs, count, pairs // m, pairs % m, tree) == n + m
    check_tree(tree, n, a, b, dense(ground))
    real = [(v, tree.parent[v]) if v < n else (tree.parent[v], v) for v in range(n + m) if tree.flow[v] > 0]
    held = {(int(i), int(j - n)) for i, j in real}
    assert held == set(zip(arcs[0][:count].tolist(), arcs[1][:count].tolist()))
