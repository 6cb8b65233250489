"""Tree, pivot and sweep against a dense twin that recomputes everything from the arcs alone."""

import numpy as np
import pytest
from kernels.test_start import arcs_for, check_tree, masses
from kernels.twins import cloud, dense, ground_of_matrix, ground_of_points
from scipy.optimize import linprog

from otkit.kernels.ground import at
from otkit.kernels.pricing import Lists
from otkit.kernels.simplex import Work, chunk_of, sweep
from otkit.kernels.start import complete, greedy
from otkit.kernels.tree import pivot, set_potentials
from otkit.solvers.levels import new_tree

NONE = np.empty(0, np.int64)


def grounds(n, m):
    whole = np.random.default_rng(n).integers(-3, 4, (n, m)).astype(float)  # ties: most pivots move nothing
    return [ground_of_points(*cloud(n, m, 2)), ground_of_matrix(whole)]


def first(ground, a, b):
    n, m = a.size, b.size
    arcs, tree = arcs_for(n, m), new_tree(n + m)
    complete(ground, n, m, *arcs, greedy(NONE, NONE, a, b, *arcs), NONE, NONE, tree)
    return tree


def arcs_of(tree, n):
    out = {}
    for v, u in enumerate(tree.parent):
        if u >= 0:
            out[(v, u - n) if v < n else (int(u), v - n)] = int(tree.flow[v])
    return out


def naive_potentials(arcs, cost, n, m):
    """f + g = cost on the arcs and f[0] = 0, as a dense linear system."""
    system, right = np.zeros((n + m, n + m)), np.zeros(n + m)
    for k, (i, j) in enumerate(arcs):
        system[k, i] = system[k, n + j] = 1
        right[k] = cost[i, j]
    system[n + m - 1, 0] = 1
    solution = np.linalg.solve(system, right)
    return solution[:n], solution[n:]


def naive_room(arcs, i, j, n):
    """The units that the cycle of arc (i, j) can take: the smallest flow on its backward arcs, found by a search."""
    way = {i: []}
    queue = [i]
    for v in queue:
        for arc in arcs:
            ends = (arc[0], n + arc[1])
            if v in ends:
                w = ends[0] + ends[1] - v
                if w not in way:
                    way[w] = [*way[v], arc]
                    queue.append(w)
    path = way[n + j]
    return min(arcs[arc] for arc in path[::2])  # row to column along an arc takes flow off it


def work_for(nodes):
    chunk = chunk_of(nodes)
    return Work(np.zeros(nodes), np.zeros(nodes), np.zeros(nodes, np.int32), np.zeros(chunk, np.int64), np.zeros(chunk))


@pytest.mark.parametrize("n, m", [(1, 1), (4, 7), (13, 9)])
def test_potentials(n, m):
    a, b = masses(n, m, seed=1)
    for ground in grounds(n, m):
        tree = first(ground, a, b)
        cost = dense(ground)
        work = work_for(n + m)
        set_potentials(tree, work.pot, work.pot_error, work.big_pot)
        root = int(np.flatnonzero(tree.parent < 0)[0])
        assert work.pot[root] == 0 and not work.big_pot.any()
        f, g = work.pot[:n] - work.pot[0], work.pot[n:] + work.pot[0]
        expected = naive_potentials(arcs_of(tree, n), cost, n, m)
        np.testing.assert_allclose(f, expected[0], atol=1e-12)  # a sum of up to 22 costs below 10
        np.testing.assert_allclose(g, expected[1], atol=1e-12)


@pytest.mark.parametrize("n, m", [(2, 2), (6, 6), (5, 9), (9, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_every_pivot(n, m, seed):
    rng = np.random.default_rng(seed)
    for ground in grounds(n, m):
        a, b = masses(n, m, seed) if seed else (np.full(n, m), np.full(m, n))
        cost = dense(ground)
        tree = first(ground, a, b)
        value = sum(units * cost[arc] for arc, units in arcs_of(tree, n).items())
        for pair in rng.integers(0, n * m, 150):
            i, j = divmod(int(pair), m)
            arcs = arcs_of(tree, n)
            c = at(ground, i, j)  # as the tree has it, to the last bit
            if (i, j) in arcs:
                assert pivot(tree, n, i, j, c) == -1
                continue
            f, g = naive_potentials(arcs, cost, n, m)
            reduced = cost[i, j] - f[i] - g[j]
            moved = pivot(tree, n, i, j, c)
            after = arcs_of(tree, n)
            if reduced > -1e-9:
                assert moved == -1 and after == arcs
                continue
            assert moved == naive_room(arcs, i, j, n)
            assert (i, j) in after and len(after.keys() - arcs.keys()) == 1
            check_tree(tree, n, a, b, cost)
            value += moved * reduced
            assert sum(units * cost[arc] for arc, units in after.items()) == pytest.approx(value, abs=1e-9)


def optimum(cost, a, b):
    n, m = cost.shape
    marginals = np.zeros((n + m, n * m))
    for i in range(n):
        for j in range(m):
            marginals[i, i * m + j] = marginals[n + j, i * m + j] = 1
    answer = linprog(cost.ravel(), A_eq=marginals, b_eq=np.concatenate([a, b]), method="highs")
    assert answer.status == 0
    return answer.fun


def full_lists(cost):
    n, m = cost.shape
    return Lists(np.arange(n + 1) * m, np.full(n, m), np.tile(np.arange(m, dtype=np.int32), n), cost.ravel().copy())


@pytest.mark.parametrize("n, m", [(1, 1), (1, 4), (8, 8), (12, 7)])
@pytest.mark.parametrize("seed", range(3))
def test_sweeps_reach_the_optimum(n, m, seed):
    for ground in grounds(n, m):
        a, b = masses(n, m, seed) if seed else (np.full(n, m), np.full(m, n))
        cost = dense(ground)
        tree, lists, work = first(ground, a, b), full_lists(cost), work_for(n + m)
        for _ in range(1000):
            pivots, degenerate = sweep(tree, n, lists, np.arange(n), 3, work)
            assert 0 <= degenerate <= pivots <= 3
            check_tree(tree, n, a, b, cost)
            if pivots == 0:
                break
        assert pivots == 0
        value = sum(units * cost[arc] for arc, units in arcs_of(tree, n).items())
        assert value == pytest.approx(optimum(cost, a, b), rel=1e-9, abs=1e-9)
        f, g = naive_potentials(arcs_of(tree, n), cost, n, m)
        assert (f[:, None] + g - cost).max() <= 1e-9


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_artificial_arcs_leave_first(size):
    """All mass through an extra root at a cost above any other, however large the real costs are."""
    n, m = 5, 6
    cost = np.random.default_rng(0).integers(1, 9, (n, m)) * size
    a, b = masses(n, m, 2)
    tree = new_tree(n + m + 1)
    tree.parent[: n + m] = n + m
    tree.flow[: n + m] = np.concatenate([a, b])
    tree.big[: n + m] = 1
    work = work_for(n + m + 1)
    for _ in range(1000):
        pivots, _ = sweep(tree, n, full_lists(cost), np.arange(n), 10**6, work)
        if pivots == 0:
            break
    real = {arc: units for arc, units in arcs_of(tree, n).items() if arc[0] < n and 0 <= arc[1] < m}
    assert sum(real.values()) == a.sum()
    value = sum(units * cost[arc] for arc, units in real.items())
    assert value == pytest.approx(optimum(cost, a, b), rel=1e-9, abs=0)
