"""Planes above the potentials, and the bounds they give, against the kernel's own costs and no tolerance at all."""

import numpy as np
import pytest
from kernels.twins import METRICS, cloud, dense, ground_of_matrix, ground_of_points
from numba import config

from otkit.costs import curve_order
from otkit.kernels.boxes import BLOCK, GROUP, enclose, lower_bounds
from otkit.kernels.ground import CITYBLOCK, EUCLIDEAN, MATRIX, SQUARES, Ground, fill
from otkit.kernels.planes import DIMENSIONS, _solve, blocks_below, groups_below, planes_of
from otkit.kernels.pricing import c_transform

SMALL = bool(config.DISABLE_JIT)
M = 2 * BLOCK + 7 if SMALL else (GROUP + 3) * BLOCK + 5  # two groups, and a last block that is not full
N = 3 if SMALL else 10
COORDINATES = (1, 2) if SMALL else (1, 2, 3, 8)
STEP = 2.0**-26  # an ulp near 1e8


def layouts(d):
    """Points of the two sides, by name."""
    rng = np.random.default_rng(d)
    near = curve_cloud(d)
    yield "cloud", near
    yield "lattice", (rng.integers(0, 4, (N, d)).astype(float), np.sort(rng.integers(0, 4, (M, d)), axis=0) * 1.0)
    yield "duplicates", (near[1][:N], np.repeat(near[1][: -(-M // 5)], 5, axis=0)[:M])
    yield "all equal", (rng.normal(size=(N, d)), np.full((M, d), 0.3))
    yield "one for all", (np.full((N, d), 0.3), np.full((M, d), 0.3))
    ray = rng.normal(size=d)
    yield "collinear", (rng.normal(size=(N, 1)) * ray, np.sort(rng.normal(size=(M, 1)), axis=0) * ray)
    yield "far", tuple(1e8 + side for side in near)
    far = 1e8 + STEP * rng.integers(0, 3, (M, d))
    yield "far and small", (1e8 - 1.0 - rng.integers(0, 3, (N, d)), far)


def curve_cloud(d):
    x, y = cloud(N, M, d, seed=d)
    rows, cols = curve_order(x, y)
    return x[rows], y[cols]


def potentials(ground):
    """g of several kinds, by name."""
    rng = np.random.default_rng(5)
    yield "random", rng.normal(size=M)
    yield "whole", rng.integers(-3, 4, M).astype(float)
    yield "zero", np.zeros(M)
    cost = dense(ground)
    yield "c-transform", (cost - cost.min(axis=1, keepdims=True) - rng.random((len(cost), 1))).min(axis=0)
    yield "huge", 1e12 * rng.normal(size=M)


def parts(values, width):
    return [values[k : k + width] for k in range(0, M, width)]


def own_costs(ground):
    """The costs that the kernels work with, to the last bit."""
    out = np.empty((len(ground.x), M))
    for i, row in enumerate(out):
        fill(ground, i, 0, M, row)
    return out


def check_planes(planes, ground, boxes, g):
    """g <= top + slope . (y - centre) for all columns of all boxes: what the plane is raised by covers the rounding."""
    for width, low, high, top, slope in (
        (BLOCK, boxes.low, boxes.high, planes.top, planes.slope),
        (BLOCK * GROUP, boxes.outer_low, boxes.outer_high, planes.outer_top, planes.outer_slope),
    ):
        assert np.isfinite(top).all() and np.isfinite(slope).all()
        box = np.arange(M) // width
        height = top[box]
        if slope.shape[0]:
            centre = 0.5 * (low + high)
            height = height + (slope[:, box] * (ground.yt - centre[:, box])).sum(axis=0)
        assert (g <= height).all(), f"a plane lies {(g - height).max()} too low"


def bounds(planes, ground, boxes, i):
    groups, blocks = planes.outer_top.size, planes.top.size
    outer, inner = np.full(groups, np.nan), np.full(blocks, np.nan)
    groups_below(ground, boxes, planes, i, outer, np.empty(groups))
    for begin in range(0, blocks, GROUP):
        end = min(blocks, begin + GROUP)
        # more room than there are blocks, as in `best_columns`
        some = np.full(GROUP, -99.0)
        blocks_below(ground, boxes, planes, i, begin, end, some, np.empty(GROUP))
        inner[begin:end] = some[: end - begin]
        assert (some[end - begin :] == -99.0).all()
    return outer, inner


def check_bounds(planes, ground, boxes, g, costs):
    for i, row in enumerate(costs):
        reduced = row - g  # rounded as `best_columns` rounds it
        for width, below in zip((BLOCK * GROUP, BLOCK), bounds(planes, ground, boxes, i)):
            smallest = np.array([part.min() for part in parts(reduced, width)])
            assert (below <= smallest).all(), f"row {i}: a bound is {(below - smallest).max()} above the minimum"


@pytest.mark.parametrize("d", COORDINATES)
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("metric", METRICS)
def test_never_above(metric, p, d):
    for layout, (x, y) in layouts(d):
        ground = ground_of_points(x, y, metric, p)
        boxes, costs = enclose(ground.yt), own_costs(ground)
        for kind, g in potentials(ground):
            planes = planes_of(ground, boxes, g)
            assert planes.slope.shape == (d, planes.top.size) and planes.outer_slope.shape == (d, planes.outer_top.size)
            assert SMALL or planes.outer_top.size == 2
            try:
                check_planes(planes, ground, boxes, g)
                check_bounds(planes, ground, boxes, g, costs)
            except AssertionError as failed:
                raise AssertionError(f"{layout}, g {kind}: {failed}") from None


@pytest.mark.parametrize("metric", METRICS)
def test_the_centre_of_a_box_is_rounded(metric):
    """Between two neighbouring floats there is no middle: half a side from the centre may not reach the nearer end."""
    low = 1e8 + STEP  # odd in its last place, so that the middle goes to the upper end
    ground = ground_of_points(np.array([[1e8 - 1.0]]), np.array([[low], [low + STEP]]), metric, 1.0)
    boxes, g = enclose(ground.yt), np.zeros(2)
    planes = planes_of(ground, boxes, g)
    out = np.empty(1)
    blocks_below(ground, boxes, planes, 0, 0, 1, out, np.empty(1))
    assert out[0] <= 1.0 + STEP  # the cost of the nearer one
    # and what comes of it: a c-transform from a limit just above the answer
    smallest = np.empty(1)
    c_transform(ground, boxes, np.array([1.0 + STEP + 1e-9]), g, planes, np.arange(1), smallest)
    assert smallest[0] == 1.0 + STEP


@pytest.mark.parametrize("metric", METRICS)
def test_never_above_at_a_high_power(metric):
    d = COORDINATES[-1]
    for _, (x, y) in layouts(d):
        ground = ground_of_points(x, y, metric, 30.0)
        boxes, costs = enclose(ground.yt), own_costs(ground)
        for _, g in potentials(ground):
            planes = planes_of(ground, boxes, g)
            check_planes(planes, ground, boxes, g)
            check_bounds(planes, ground, boxes, g, costs)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_level_in_many_coordinates(metric, p):
    for _, (x, y) in layouts(DIMENSIONS + 1):
        ground = ground_of_points(x, y, metric, p)
        boxes, costs = enclose(ground.yt), own_costs(ground)
        for _, g in potentials(ground):
            planes = planes_of(ground, boxes, g)
            assert planes.slope.shape == (0, planes.top.size) and planes.outer_slope.shape[0] == 0
            np.testing.assert_array_equal(planes.top, [part.max() for part in parts(g, BLOCK)])
            np.testing.assert_array_equal(planes.outer_top, [part.max() for part in parts(g, BLOCK * GROUP)])
            check_bounds(planes, ground, boxes, g, costs)


@pytest.mark.parametrize("metric", [MATRIX, SQUARES])
def test_a_matrix_is_never_refuted(metric):
    cost = np.random.default_rng(0).random((N, M))
    ground = (
        ground_of_matrix(cost) if metric == MATRIX else Ground(SQUARES, 2.0, np.ones((N, 2)), np.ones((2, M)), cost)
    )
    boxes = enclose(ground.yt)
    g = np.random.default_rng(1).normal(size=M)
    planes = planes_of(ground, boxes, g)
    assert planes.slope.shape == (0, planes.top.size)
    np.testing.assert_array_equal(planes.top, [part.max() for part in parts(g, BLOCK)])
    for below in bounds(planes, ground, boxes, 1):
        assert (below == -np.inf).all()


@pytest.mark.parametrize("d", COORDINATES)
def test_least_squares(d):
    """The slope of the box's own columns, as np.linalg.lstsq has it with a constant beside."""
    x, y = curve_cloud(d)
    ground = ground_of_points(x, y)
    boxes = enclose(ground.yt)
    for g in (y @ np.arange(1.0, d + 1) + 7.0, np.random.default_rng(0).normal(size=M)):
        planes = planes_of(ground, boxes, g)
        for b in range(M // BLOCK):  # the last block may have fewer columns than a slope needs
            part = slice(b * BLOCK, (b + 1) * BLOCK)
            system = np.column_stack([y[part], np.ones(BLOCK)])
            expected = np.linalg.lstsq(system, g[part], rcond=None)[0][:d]
            # the ridge takes 1e-9 of the trace, times the condition of a block's points
            np.testing.assert_allclose(planes.slope[:, b], expected, rtol=1e-5, atol=1e-5)


def test_the_bound_is_the_minimum_over_the_box():
    """p = 2: of |x - y|^2 - slope . (y - centre) over the box, less the top, found on a fine grid of the box."""
    x, y = curve_cloud(2)
    ground = ground_of_points(x, y)
    boxes = enclose(ground.yt)
    for kind, g in potentials(ground):
        if kind == "huge":
            continue
        planes = planes_of(ground, boxes, g)
        for i in range(N):
            _, inner = bounds(planes, ground, boxes, i)
            for b in range(inner.size):
                axes = [np.linspace(boxes.low[k, b], boxes.high[k, b], 201) for k in range(2)]
                centre = 0.5 * (boxes.low[:, b] + boxes.high[:, b])
                values = [
                    ((x[i, k] - axes[k]) ** 2 - planes.slope[k, b] * (axes[k] - centre[k])).min() for k in range(2)
                ]
                step = max(np.diff(axis[:2])[0] for axis in axes)
                expected = sum(values) - planes.top[b]
                assert expected - 0.5 * step**2 - 1e-12 <= inner[b] <= expected + 1e-12


@pytest.mark.parametrize("metric, p", [(EUCLIDEAN, 1.0), (EUCLIDEAN, 3.0), (CITYBLOCK, 1.0), (2, 2.0)])
def test_the_tangent_is_near_for_a_small_box(metric, p):
    """Seen from afar a box of side h hides h^2: the tangent's bound is off by the curvature of the cost, no more."""
    rng = np.random.default_rng(3)
    y = 5e-5 * rng.random((BLOCK // 2, 2))
    y = 1.0 + np.concatenate([y, -y])
    x = np.array([[4.0, -1.5]])
    ground = ground_of_points(x, y, metric, p)
    boxes = enclose(ground.yt)
    cost = dense(ground)[0]
    planes = planes_of(ground, boxes, cost)  # g = c: all reduced costs are 0
    outer, inner = bounds(planes, ground, boxes, 0)
    assert -1e-6 < inner[0] <= 0 and outer[0] == inner[0]  # a level bound is off by 1e-4 times the slope, 5e-4 and more


@pytest.mark.skipif(SMALL, reason="a handful of blocks says nothing about how many are refuted")
def test_planes_refute_more_than_level_tops():
    """Of 64 x 64 points and the optimal g of y = A x, which is a quadratic: blocks that a row has to look into."""
    rng = np.random.default_rng(0)
    x, stretch = rng.random((4096, 2)), np.array([[1.6, 0.3], [0.3, 0.7]])
    x = x[curve_order(x, x @ stretch)[0]]
    y = x @ stretch
    y = y[curve_order(x, y)[1]]
    ground = ground_of_points(x, y)
    g = (y * y).sum(axis=1) - (y * np.linalg.solve(stretch, y.T).T).sum(axis=1)
    f = (x * x).sum(axis=1) - (x * (x @ stretch)).sum(axis=1)
    boxes = enclose(ground.yt)
    planes, peak = planes_of(ground, boxes, g), np.array([g[k : k + BLOCK].max() for k in range(0, 4096, BLOCK)])
    tilted = level = 0
    for i in range(0, 4096, 16):
        size, low = planes.top.size, np.empty(planes.top.size)
        below = np.concatenate(
            [_blocks(planes, ground, boxes, i, begin, min(size, begin + GROUP)) for begin in range(0, size, GROUP)]
        )
        lower_bounds(ground, boxes.low, boxes.high, x[i], x[i], low)
        tilted += (below < f[i] + 1e-9).sum()
        level += (low - peak < f[i] + 1e-9).sum()
    assert 256 <= tilted and 3 * tilted <= level  # 9 a row and 36 where it was written


def _blocks(planes, ground, boxes, i, begin, end):
    out = np.empty(end - begin)
    blocks_below(ground, boxes, planes, i, begin, end, out, np.empty(end - begin))
    return out


@pytest.mark.parametrize("d", range(1, 9))
def test_solve(d):
    rng = np.random.default_rng(d)
    for _ in range(5):
        root = rng.normal(size=(d, d + 2))
        a, r = root @ root.T, rng.normal(size=d)
        expected, solution = np.linalg.solve(a, r), r.copy()
        _solve(a.copy(), solution)
        np.testing.assert_allclose(solution, expected, rtol=1e-13 * np.linalg.cond(a))
