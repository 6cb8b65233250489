"""Loosening against its definition: difference constraints checked pair by pair, shares of a chain known by hand."""

import numpy as np
import pytest
from kernels.twins import EUCLIDEAN, METRICS, cloud, dense, ground_of_points, lattice
from numba import config

from otkit.kernels.boxes import BLOCK, enclose
from otkit.kernels.complementary import Arcs, Clusters, centre, least_slack, loosen
from otkit.kernels.planes import planes_of

SMALL = bool(config.DISABLE_JIT)
N, M = (8, BLOCK + 5) if SMALL else (60, 3 * BLOCK + 3)


def found(ground, f, g, mine, theirs, wanted, begin=0, end=None):
    boxes = enclose(ground.yt)
    planes = planes_of(ground, boxes, g)
    column, slack = np.full((f.size, wanted), -9, np.int32), np.full((f.size, wanted), -9.0)
    end = f.size if end is None else end
    least_slack(ground, boxes, f, g, planes, mine, theirs, begin, end, column, slack)
    return column, slack


def twin(ground, f, g, mine, theirs, wanted):
    slack = dense(ground) - g - f[:, None]
    slack[mine[:, None] == theirs] = np.inf
    return np.sort(np.pad(slack, [(0, 0), (0, wanted)], constant_values=np.inf), axis=1)[:, :wanted]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("points", [cloud, lattice])
@pytest.mark.parametrize("wanted, nodes", [(1, 3), (5, 40), (M + 2, 2)])
def test_least_slack(metric, points, wanted, nodes):
    ground = ground_of_points(*points(N, M, 2), metric, 1.0)
    rng = np.random.default_rng(1)
    f, g = rng.normal(size=N), rng.normal(size=M)
    mine, theirs = rng.integers(0, nodes, N).astype(np.int32), rng.integers(0, nodes, M).astype(np.int32)
    column, slack = found(ground, f, g, mine, theirs, wanted)
    np.testing.assert_allclose(slack, twin(ground, f, g, mine, theirs, wanted), rtol=0, atol=1e-12)
    exact = dense(ground) - g - f[:, None]
    for i in range(N):
        real = column[i] >= 0
        assert (np.isfinite(slack[i]) == real).all() and np.unique(column[i][real]).size == real.sum()
        assert (theirs[column[i][real]] != mine[i]).all()
        np.testing.assert_allclose(slack[i][real], exact[i, column[i][real]], rtol=0, atol=1e-12)
    part = found(ground, f, g, mine, theirs, wanted, 2, N - 1)
    np.testing.assert_array_equal(part[1][2 : N - 1], slack[2 : N - 1])
    assert all((side[[0, 1, N - 1]] == -9).all() for side in part)


def test_least_slack_of_many_dimensions():
    ground = ground_of_points(*cloud(N, M, 7), EUCLIDEAN, 1.0)
    f, g = np.zeros(N), np.zeros(M)
    mine, theirs = np.zeros(N, np.int32), np.ones(M, np.int32)
    slack = found(ground, f, g, mine, theirs, 4)[1]
    np.testing.assert_allclose(slack, twin(ground, f, g, mine, theirs, 4), rtol=0, atol=1e-12)


# --- difference constraints ----------------------------------------------------------------------------------------


def both_ways(source, target, length, nodes):
    def arcs(here, there):
        order = np.argsort(here, kind="stable")
        start = np.searchsorted(np.asarray(here)[order], np.arange(nodes + 1))
        return Arcs(start, np.asarray(there, np.int32)[order], np.asarray(length, float)[order])

    return arcs(target, source), arcs(source, target)


def clusters(label):
    label = np.asarray(label, np.int32)
    member = np.argsort(label, kind="stable").astype(np.int32)
    return Clusters(label, np.searchsorted(label[member], np.arange(label.max() + 2)), member)


def left(source, target, length, h):
    return np.asarray(length, float) + h[source] - h[target]


def loosened(source, target, length, room, label=None, limit=0.0, h=None):
    nodes = room.size
    h = np.zeros(nodes) if h is None else h
    work = [np.empty(nodes, np.int32) for _ in range(3)]
    groups = clusters(np.arange(nodes) if label is None else label)
    loosen(*both_ways(source, target, length, nodes), groups, limit, room, h, *work)
    return h


def test_a_chain_shares_what_is_below_it():
    """0 -> 1 -> 2 -> 3 without slack, and 1 of it from 3 to the bottom 4, which has nothing above that is short."""
    source, target, length = [0, 1, 2, 3], [1, 2, 3, 4], [0.0, 0.0, 0.0, 1.0]
    h = loosened(source, target, [0.0, 0.0, 0.0, 1.0], np.full(5, 9.0))
    np.testing.assert_array_equal(h[[0, 4]], 0.0)  # no arc into 4 is short
    np.testing.assert_allclose(left(source, target, length, h), 0.25, rtol=0, atol=1e-15)
    bounded = loosened(source[:3], target[:3], length[:3], np.full(4, 0.4))
    np.testing.assert_allclose(bounded, [0.0, -0.1, -0.2, -0.3], rtol=0, atol=1e-15)


def test_clusters_move_as_one_and_rings_stay():
    """0 -> 1 = 2 (a ring of 0), 2 -> 3; taken one by one the ring has no order, and nothing behind it moves."""
    source, target, length = [0, 1, 2, 2], [1, 2, 1, 3], np.zeros(4)
    h = loosened(source, target, length, np.ones(4), label=[0, 1, 1, 2])
    np.testing.assert_allclose(h, [0.0, -1 / 3, -1 / 3, -2 / 3], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(loosened(source, target, length, np.ones(4)), np.zeros(4))


def random_graph(seed, nodes=30, arcs=150):
    """Arcs of length at least 0 at h = 0; a third of them has 0, and these lead from lower to higher numbers."""
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, nodes, (2, arcs))
    kept = source != target
    source, target = source[kept], target[kept]
    length = np.where((rng.random(source.size) < 0.5) & (source < target), 0.0, rng.random(source.size))
    return source, target, length, 0.1 + rng.random(nodes)


@pytest.mark.parametrize("seed", range(10))
def test_loosened_arcs_are_longer_and_no_other_breaks(seed):
    source, target, length, room = random_graph(seed)
    h = loosened(source, target, length, room)
    after = left(source, target, length, h)
    assert (after[length == 0] > 0).all() and (after >= -1e-15).all()
    assert (np.abs(h) <= room + 1e-15).all() and (h <= 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_centred_nodes_are_in_the_middle(seed):
    source, target, length, room = random_graph(seed)
    into, out = both_ways(source, target, length, room.size)
    h = loosened(source, target, length, room)
    before, once = left(source, target, length, h), h.copy()
    centre(into, out, room, once, 1)
    expected = h.copy()
    for k in range(room.size):
        high = min([room[k], *(length + expected[source])[target == k]])
        low = max([-room[k], *(expected[target] - length)[source == k]])
        expected[k] = 0.5 * (low + high)
    np.testing.assert_allclose(once, expected, rtol=0, atol=1e-15)
    centre(into, out, room, h, 300)
    after = left(source, target, length, h)
    assert before.min() > 0 and after.min() >= before.min() - 1e-15 and (np.abs(h) <= room).all()
    again = h.copy()
    centre(into, out, room, again, 1)
    np.testing.assert_allclose(again, h, rtol=0, atol=1e-5)  # what is fixed is in the middle everywhere


def test_nothing_moves_where_rounding_has_crossed_the_limits():
    into, out = both_ways([0, 1], [1, 0], [0.0, -1e-16], 2)
    h = np.zeros(2)
    centre(into, out, np.ones(2), h, 2)
    np.testing.assert_array_equal(h, np.zeros(2))
