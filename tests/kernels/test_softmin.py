"""Sinkhorn's passes against the dense density in NumPy, in float64 and from the very numbers the kernel is given."""

from typing import NamedTuple

import numpy as np
import pytest
from kernels.twins import (
    METRICS,
    ORDERS,
    cloud,
    dense,
    density_exponents,
    ground_of_matrix,
    ground_of_points,
    lattice,
    log2_sums,
)
from numba import config

from otkit.costs import curve_order
from otkit.kernels.boxes import BLOCK, enclose
from otkit.kernels.ground import EUCLIDEAN, SQUARES, Ground
from otkit.kernels.softmin import GROUP, TILE, TOO_FAR, Memory, Potentials, Work, apply, densities, measure, sweep

SMALL = bool(config.DISABLE_JIT)
UNSEEN = -7.0
SINGLE, MIXED, DOUBLE = KINDS = ((np.float32, np.float32), (np.float64, np.float32), (np.float64, np.float64))
REACH = {SINGLE: 34.0, MIXED: 38.0, DOUBLE: 64.0}
names = {SINGLE: "single", MIXED: "mixed", DOUBLE: "double"}.get


class Case(NamedTuple):
    """What a pass is given, in its types, and the dense exponents of the same numbers in float64."""

    ground: Ground
    boxes: object
    a: np.ndarray
    b: np.ndarray
    g: np.ndarray
    k: float
    cost: np.ndarray
    kinds: tuple
    scale: np.ndarray  # of the columns of a plan

    @property
    def potentials(self):
        peak = np.maximum.reduceat(self.g, np.arange(0, self.g.size, BLOCK))
        h = (self.g + np.log2(self.b)).astype(self.kinds[0])
        return Potentials(h, self.k, peak, REACH[self.kinds], self.g, self.scale)

    def exponents(self, f):
        return density_exponents(self.cost, f, self.g, self.b, self.k)

    def rounding(self, f):
        """Of the exponents that count, log2: some rounding a coordinate, of potentials and k c. Then the sums: float32
        powers are good to 3e-7 and a sum of 1100 in 8 lanes rounds as much again; float64 takes 1e-13."""
        terms = np.abs(f)[:, None] + np.abs(self.g) + np.abs(np.log2(self.b)) + self.k * np.abs(self.cost)
        e = self.exponents(f)
        size = np.where(e > e.max(axis=1, keepdims=True) - 30, terms, 0).max(axis=1)
        d = self.ground.x.shape[1]
        return (8 + d) * np.finfo(self.kinds[0]).eps * size + (2e-6 if self.kinds[1] is np.float32 else 1e-13)


def case_of(ground, kinds=DOUBLE, eps=0.1, seed=0):
    """eps is relative to the mean cost."""
    n, m = ground.matrix.shape if ground.matrix.size else (len(ground.x), ground.yt.shape[1])
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.05, rng.exponential(size=m) + 1e-3
    typed = ground._replace(
        x=ground.x.astype(kinds[0]), yt=ground.yt.astype(kinds[0]), matrix=ground.matrix.astype(kinds[0])
    )
    wide = typed._replace(x=typed.x.astype(float), yt=typed.yt.astype(float), matrix=typed.matrix.astype(float))
    cost = _of_squares(wide.matrix, ground.p) if ground.metric == SQUARES else dense(wide)
    k = float(np.float32(1 / (eps * np.log(2) * max(np.abs(cost).mean(), 1e-3))))
    g = (0.3 * rng.normal(size=m) * np.abs(cost).mean() * k).astype(kinds[0]).astype(float)
    return Case(typed, enclose(typed.yt), a / a.sum(), b / b.sum(), g, k, cost, kinds, rng.uniform(0.5, 1.0, m))


def _of_squares(squares, p):
    """Rounding may leave them below 0, where only p = 2 has a power."""
    return squares if p == 2 else np.maximum(squares, 0.0) ** (p / 2)


def work_of(case, tasks):
    kind, density = case.kinds
    m, (d, blocks) = case.b.size, case.boxes.low.shape
    return Work(
        np.empty((tasks, TILE), kind),
        np.full((tasks, m), UNSEEN, density),
        np.empty((tasks, m), density),
        np.zeros((tasks, m)),
        np.empty((tasks, blocks)),
        np.empty((tasks, blocks + 1, 2), np.int64),
        np.empty((tasks, 2, d)),
        np.array([[0, m]]),
    )


def nothing_remembered():
    return Memory(np.empty((0, 0), np.int16), np.empty(0), np.empty(0))


def sweep_all(case, shift, tasks=1):
    """New potentials, column sums, the number of rescued rows, and the workspace as it was left."""
    work, new = work_of(case, tasks), np.full(case.a.size, np.nan)
    args = case.ground, case.boxes, (case.a, case.b), shift, case.potentials, new, nothing_remembered(), work
    rescued = sum(sweep(*args, task) for task in range(tasks))
    return new, work.columns.sum(axis=0), rescued, work


def near(case, seed=1, spread=3.0):
    """A shift some factors of 2 off, as the last sweep's potentials are."""
    exact = -log2_sums(case.exponents(np.zeros(case.a.size)))
    return exact + np.random.default_rng(seed).uniform(-spread, spread, case.a.size)


def check_sweep(case, shift, tasks=1):
    new, columns, rescued, work = sweep_all(case, shift, tasks)
    exact = -log2_sums(case.exponents(np.zeros(case.a.size)))
    reach = REACH[case.kinds]
    tolerance = case.rounding(exact) + case.rounding(shift)
    total = np.exp2(shift - exact)  # with this shift; what is left out is below 2^-reach of it, or 2^-22 of the sum
    left_out = np.where((total < 2.0 ** (TOO_FAR - reach)) | (total > 2.0**100), 0.0, 1.5 * 2.0**-reach / total)
    assert (np.abs(new - exact) <= tolerance + left_out).all()
    plan = case.a[:, None] * np.exp2(case.exponents(exact))
    slack = plan.T @ (np.expm1(np.minimum(0.7 * tolerance, 60.0)) + 1e-12) + case.b * (case.a @ left_out) + 1e-18
    assert (np.abs(columns - plan.sum(axis=0)) <= slack).all()
    assert columns.sum() == pytest.approx(1.0, rel=2 * tolerance.max(), abs=1.5 * left_out.max())
    return rescued, work


def sorted_cloud(n, m, d, make=cloud, seed=0):
    x, y = make(n, m, d, seed)
    rows, cols = curve_order(x, y)
    return x[rows], y[cols]


def square(n, m, d, seed=0):
    """Evenly dense: the nearest point is near everywhere."""
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng.random((m, d))


@pytest.mark.parametrize("d", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("metric", METRICS)
def test_metrics(metric, p, d):
    ground = ground_of_points(*sorted_cloud(19, 2 * BLOCK + 6, d), metric, p)
    for kinds in KINDS:
        case = case_of(ground, kinds)
        assert check_sweep(case, near(case))[0] == 0


EDGES = [(1, 1), (1, 33), (15, 31), (16, 32), (17, 511), (31, 512), (33, 513), (33, 1100), (513, 1), (1100, 17)]
if SMALL:
    EDGES = [(1, 1), (1, 33), (15, 31), (16, 32), (17, 33), (2, 511), (2, 513), (33, 1)]
assert (GROUP, BLOCK, TILE) == (16, 32, 512), "EDGES stand around other numbers"


@pytest.mark.parametrize("kinds", KINDS, ids=names)
@pytest.mark.parametrize("n, m", EDGES)
@pytest.mark.parametrize("p, d", [(2.0, 2), (1.0, 5)])  # the loop with costs inside, and the one after `fill`
def test_sizes(p, d, n, m, kinds):
    case = case_of(ground_of_points(*sorted_cloud(n, m, d), EUCLIDEAN, p), kinds)
    for tasks in (1, 3, 70):  # 70: most have no rows at all
        check_sweep(case, near(case), tasks)


def test_tasks_change_nothing():
    """Each row is summed alike whoever takes it; only the columns' partial sums are added in another order."""
    case = case_of(ground_of_points(*sorted_cloud(5 * GROUP + 3, 70, 2)))
    one, columns, _, _ = sweep_all(case, near(case), 1)
    for tasks in (2, 5, 9):
        new, others, _, _ = sweep_all(case, near(case), tasks)
        np.testing.assert_array_equal(new, one)
        np.testing.assert_allclose(others, columns, rtol=1e-14)  # 6 partial sums in float64


@pytest.mark.parametrize("kinds", [MIXED, DOUBLE], ids=names)
def test_matrices(kinds):
    """Both signs; a matrix has no boxes, so all is looked at."""
    for n, m in ((1, 1), (18, 40), (40, 18)):
        case = case_of(ground_of_matrix(np.random.default_rng(n).normal(size=(n, m))), kinds)
        assert check_sweep(case, near(case))[0] == 0


@pytest.mark.parametrize("p, kinds", [(2.0, SINGLE), (2.0, DOUBLE), (1.0, MIXED), (2.7, DOUBLE), (3.0, MIXED)])
def test_squares(p, kinds):
    """Squared distances from a product of matrices: those that rounding made negative do no harm."""
    x, y = cloud(18, 40, 9)
    y[:5] = x[:5]
    squares = ((x[:, None] - y) ** 2).sum(axis=2)
    squares[np.arange(5), np.arange(5)] = -1e-7
    ground = Ground(SQUARES, p, np.empty((18, 0)), np.empty((0, 40)), squares)
    case = case_of(ground, kinds)
    assert check_sweep(case, near(case))[0] == 0


@pytest.mark.parametrize("kinds", KINDS, ids=names)
@pytest.mark.parametrize("eps", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("metric, p, d", [(0, 2.0, 2), (0, 1.0, 1), (1, 1.5, 2), (2, 2.7, 3), (0, 2.0, 12)])
def test_pruning_changes_no_sum(metric, p, d, eps, kinds):
    """The smaller eps, the fewer columns are looked at, and the sums are those of all of them."""
    n, m = (GROUP + 4, 7 * BLOCK) if SMALL else (5 * GROUP + 4, 20 * BLOCK + 3)
    case = case_of(ground_of_points(*sorted_cloud(n, m, d, square), metric, p), kinds, eps)
    case = case._replace(g=np.zeros(m))
    _, work = check_sweep(case, near(case), tasks=-(-n // GROUP))  # one group of rows a task
    if eps <= 1e-3 and d < 3:
        assert (work.density == UNSEEN).any(), "nothing was left out"


@pytest.mark.parametrize("kinds", KINDS, ids=names)
@pytest.mark.parametrize("eps", [1e-1, 1e-4])
@pytest.mark.parametrize("off", [60, 110, 130, 255, 256, 300, 384, 512, 520, 640, 1030, 2048, 4096, 4100, 1e4, 1e6])
def test_rescued_rows(off, eps, kinds):
    """A shift so far off that powers overflow, wrap around or vanish: the row is done again. 512 and 4096 are where the
    exponents' bits come round to those of 1."""
    case = case_of(ground_of_points(*sorted_cloud(2 * GROUP + 3, 3 * BLOCK + 5, 2)), kinds, eps)
    exact = near(case, spread=0.0)
    shift = exact.copy()
    shift[1::4] += off
    shift[3::4] -= off
    new, columns, rescued, _ = sweep_all(case, shift, 2)
    assert (np.abs(new - exact) <= case.rounding(exact) + case.rounding(shift)).all()
    plan = case.a[:, None] * np.exp2(case.exponents(exact))
    tolerance = np.minimum(0.7 * (case.rounding(exact) + case.rounding(shift)), 60.0)
    slack = plan.T @ np.expm1(tolerance) + 1e-7 * case.b
    assert (np.abs(columns - plan.sum(axis=0)) <= slack).all()
    above, below = off > 100, off > REACH[kinds] - TOO_FAR
    assert rescued >= shift[1::4].size * above + shift[3::4].size * below


@pytest.mark.parametrize("kinds", KINDS, ids=names)
def test_points_that_coincide(kinds):
    """Whole coordinates, many equal: costs of 0 and ties, and whole blocks that are one point."""
    for n, m in ((40, 90), (17, 33)):
        case = case_of(ground_of_points(*sorted_cloud(n, m, 2, lattice)), kinds, 1e-2)
        check_sweep(case, near(case))
        same = np.ones((n, 2)), np.ones((m, 2))
        case = case_of(ground_of_points(*same), kinds)
        check_sweep(case, near(case))


# --- the passes of the rounded plan, in float64 --------------------------------------------------------------------


def solved(case):
    """Potentials of rows that give each its mass: as the plan's are."""
    return -log2_sums(case.exponents(np.zeros(case.a.size)))


def plans():
    yield "small eps", case_of(ground_of_points(*sorted_cloud(35, 6 * BLOCK + 5, 2), EUCLIDEAN, 2.0), eps=1e-3)
    for metric in METRICS:
        for p, d in ((1.0, 1), (2.0, 3), (2.7, 5)):
            yield f"metric {metric}, p {p}", case_of(ground_of_points(*sorted_cloud(19, 70, d), metric, p))
    yield "matrix", case_of(ground_of_matrix(np.random.default_rng(0).normal(size=(18, 40))))
    yield "one", case_of(ground_of_points(*cloud(1, 1, 2)))
    yield "wide", case_of(ground_of_points(*sorted_cloud(3, TILE + 1, 2)))


PLANS = dict(plans())


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("name", PLANS)
def test_measure(name, normalised, tasks):
    case = PLANS[name]
    for f in (solved(case), solved(case) - 1.5):  # potentials are taken as they are
        work, sums = work_of(case, tasks), np.full((case.a.size, 3), np.nan)
        for task in range(tasks):
            held = case.a, f, case.potentials, normalised, sums, nothing_remembered()
            measure(case.ground, case.boxes, *held, work, task)
        density = np.exp2(case.exponents(f)) * case.scale
        rtol = case.rounding(f)[:, None]
        expected = np.stack([(density * c).sum(axis=1) for c in (1, case.cost, np.abs(case.cost))], axis=1)
        size = np.stack([(density * c).sum(axis=1) for c in (1, np.abs(case.cost), np.abs(case.cost))], axis=1)
        left_out = 2.0**-64 * np.array([1.0, np.abs(case.cost).max(), np.abs(case.cost).max()])
        assert (np.abs(sums - expected) <= rtol * size + left_out).all()
        mass = case.a / density.sum(axis=1) if normalised else case.a
        columns = (mass[:, None] * density).sum(axis=0)
        slack = (mass[:, None] * density * 2 * rtol).sum(axis=0) + 2.0**-62 * case.b
        assert (np.abs(work.columns.sum(axis=0) - columns) <= slack).all()


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("name", PLANS)
def test_apply_and_densities(name, tasks):
    case = PLANS[name]
    f = solved(case)
    density, rtol = np.exp2(case.exponents(f)) * case.scale, case.rounding(f)[:, None]
    for r in (0, 1, 4):
        vectors = np.random.default_rng(r).normal(size=(case.b.size, r))
        work, out = work_of(case, tasks), np.full((case.a.size, r), np.nan)
        for task in range(tasks):
            vt = np.ascontiguousarray(vectors.T)
            apply(case.ground, case.boxes, f, case.potentials, vt, out, nothing_remembered(), work, task)
        slack = rtol * (density @ np.abs(vectors)) + 2.0**-64 * (case.b @ np.abs(vectors))
        assert (np.abs(out - density @ vectors) <= slack).all()
    out = np.full(density.shape, np.nan)
    densities(case.ground, f, case.potentials, out, work_of(case, 1))
    tolerance = 20 * np.finfo(float).eps * (np.abs(f)[:, None] + np.abs(case.g) + 20 + case.k * np.abs(case.cost))
    np.testing.assert_array_less(np.abs(out - density), tolerance * density + 1e-200)
