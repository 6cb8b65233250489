"""Every solver on every family of known answers, through one contract."""

import math

import numpy as np
import pytest
from contract import check
from families import FAMILIES, METRICS, ORDERS, naive_cost, normal_quantiles, planted_permutation, planted_plan
from scipy.sparse import coo_array, csr_array

import otkit
from otkit.errors import Unsupported
from otkit.solvers import Assignment, Auto, Line, LinearProgram, Multiscale, NetworkSimplex, Sinkhorn

SOLVERS = {type(s).__name__: s for s in (Auto(), Line(), Multiscale(), NetworkSimplex(), Assignment(), LinearProgram())}
SMALL, LARGE = 23, 280  # 280: several levels of the simplex's coarsening, and more than 8 blocks of boxes


def normalised(weights, n):
    weights = np.ones(n) if weights is None else np.asarray(weights, float)
    return weights / math.fsum(weights)


def refused(solver, family):
    """Whether the solver must say no: written from its documentation, not from its code."""
    dimension = 1 if np.ndim(family.x) == 1 else np.shape(family.x)[1]
    if solver == "Line":
        return dimension > 1
    a, b = normalised(family.a, len(family.x)), normalised(family.b, len(family.y))
    return solver == "Assignment" and not (len(a) == len(b) and (a == a[0]).all() and (b == b[0]).all())


def run(family, solver):
    return otkit.wasserstein(
        family.x, family.y, p=family.p, a=family.a, b=family.b, metric=family.metric, solver=SOLVERS[solver]
    )


def check_family(family, solver):
    if refused(solver, family):
        with pytest.raises(Unsupported, match=rf"{solver} does not answer .*Use solver=None or \w+\("):
            run(family, solver)
        return
    result = run(family, solver)
    assert result.status.name == "OPTIMAL"
    a, b = normalised(family.a, len(family.x)), normalised(family.b, len(family.y))
    dimension = 1 if np.ndim(family.x) == 1 else family.x.shape[1]
    check(result, naive_cost(family.x, family.y, family.metric, family.p), a, b, dimension=dimension)
    assert abs(result.distance - family.distance) <= family.rtol * family.distance, family.why
    assert result.lower <= family.distance * (1 + family.rtol), family.why


def answered(orders, metrics):
    """The families with a closed form for p and metric."""
    grid = [(name, p, metric) for name in FAMILIES for p in orders for metric in metrics]
    return [case for case in grid if FAMILIES[case[0]](*case[1:], 2) is not None]


@pytest.mark.parametrize("name, p, metric", answered(ORDERS, METRICS))
@pytest.mark.parametrize("solver", SOLVERS)
def test_small(solver, name, p, metric):
    check_family(FAMILIES[name](p, metric, SMALL), solver)


def check_entropic(family, **options):
    """Sinkhorn's answer is approximate, but its proof is not."""
    x, y, p, metric = family.x, family.y, family.p, family.metric
    result = otkit.wasserstein(x, y, p=p, a=family.a, b=family.b, metric=metric, solver=Sinkhorn(**options))
    assert result.status.name == "CONVERGED"
    a, b = normalised(family.a, len(x)), normalised(family.b, len(y))
    check(result, naive_cost(x, y, metric, p), a, b, dimension=1 if x.ndim == 1 else x.shape[1], exact=False)
    slack = 1e-14 + family.rtol
    assert result.lower <= family.distance * (1 + slack), family.why
    assert family.distance <= result.upper * (1 + slack), family.why
    return result


@pytest.mark.parametrize("name, p, metric", answered(ORDERS, METRICS))
def test_entropic(name, p, metric):
    family = FAMILIES[name](p, metric, SMALL)
    weights = normalised(family.a, len(family.x)), normalised(family.b, len(family.y))
    mean = weights[0] @ naive_cost(family.x, family.y, metric, p) @ weights[1]
    result = check_entropic(family, eps=0.02 * mean if mean else 0.1)
    assert result.entropic.marginal_error <= 1e-6


NEAR = "midpoints"  # W_2^2 is 1e-4 of the typical cost, and 5 % of that takes too many sweeps


@pytest.mark.parametrize(
    "name, p, metric", [case for case in answered((1.0, 2.0, 2.7), METRICS)[::2] if case[0] != NEAR]
)
def test_entropic_to_a_gap(name, p, metric):
    """The gap asked for; of a distance of 0, where no relative gap can be had, an upper end of 0 to rounding."""
    family = FAMILIES[name](p, metric, SMALL)
    result = check_entropic(family, gap=0.05)
    if family.distance > 0:
        assert result.gap <= 0.05
    else:
        assert result.cost <= 1e-15 * naive_cost(family.x, family.y, metric, p).max()


@pytest.mark.parametrize("name, p, metric", answered((1.0, 2.0, 2.7), METRICS)[::2])  # 2.7: no formula of its own
@pytest.mark.parametrize("solver", ["Auto", "Multiscale", "NetworkSimplex", "Assignment"])
def test_large(solver, name, p, metric):
    check_family(FAMILIES[name](p, metric, LARGE), solver)


@pytest.mark.parametrize("solver", ["Auto", "NetworkSimplex", "Assignment", "LinearProgram"])
@pytest.mark.parametrize("n", [1, 2, 17, 60])
def test_planted_permutation(n, solver):
    planted = planted_permutation(n, seed=n)
    result = otkit.transport(planted.matrix, solver=SOLVERS[solver])
    check(result, planted.matrix, planted.a, planted.b)
    assert result.cost == pytest.approx(planted.cost, rel=planted.rtol, abs=1e-10), planted.why  # costs of 1000 cancel


@pytest.mark.parametrize("gap", [0.1, 1e-3])
@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (20, 31), (90, 70)])
def test_planted_plan_within_a_gap(shape, gap):
    planted = planted_plan(*shape, seed=sum(shape))
    result = otkit.transport(planted.matrix, a=planted.a, b=planted.b, solver=Sinkhorn(gap=gap))
    check(result, planted.matrix, planted.a, planted.b, exact=False)
    size = planted.a @ np.abs(planted.matrix).max(axis=1)
    assert result.gap <= gap
    assert result.dual_cost <= planted.cost + 1e-13 * size and planted.cost <= result.cost + 1e-13 * size, planted.why


@pytest.mark.parametrize("solver", ["Auto", "NetworkSimplex", "LinearProgram"])
@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (20, 31), (90, 70)])
@pytest.mark.parametrize("kind", [np.asarray, csr_array, "holes"])
def test_planted_plan(shape, solver, kind):
    planted = planted_plan(*shape, seed=sum(shape))
    dense = planted.matrix
    given = dense
    if kind == "holes":  # forbid half of what the optimum does not use
        reduced_cost_free = otkit.transport(dense, a=planted.a, b=planted.b).plan.toarray() > 0
        holes = (np.random.default_rng(0).random(shape) < 0.5) & ~reduced_cost_free
        dense = np.where(holes, np.inf, dense)
        rows, cols = np.nonzero(~holes)
        given = coo_array((dense[rows, cols], (rows, cols)), shape=shape)
    elif kind is csr_array:
        rows, cols = np.indices(shape).reshape(2, -1)
        given = coo_array((dense.ravel(), (rows, cols)), shape=shape).tocsr()  # keeps costs of 0 as allowed pairs
    result = otkit.transport(given, a=planted.a, b=planted.b, solver=SOLVERS[solver])
    check(result, dense, planted.a, planted.b)
    size = planted.a @ np.abs(planted.matrix).max(axis=1)
    assert result.cost == pytest.approx(planted.cost, rel=planted.rtol, abs=1e-14 * size), planted.why


@pytest.mark.parametrize("solver", ["Auto", "NetworkSimplex", "LinearProgram"])
def test_sparse_cost_refused_by_nobody_but_the_special_ones(solver):
    cost = coo_array(([1.0, 2.0, 3.0], ([0, 1, 1], [0, 0, 1])))
    assert otkit.transport(cost, solver=SOLVERS[solver]).cost == 2.0
    for special in (Line(), Assignment(), Multiscale(), Sinkhorn(eps=1.0)):
        with pytest.raises(Unsupported, match="does not answer"):
            otkit.transport(cost, solver=special)


@pytest.mark.parametrize("given", [np.asarray, coo_array])
def test_multiscale_refuses_what_has_no_means(given):
    """A matrix of any kind, with the solver that takes it named, options and all; that one answers."""
    cost = given([[1.0, 2.0], [3.0, 1.0]])
    with pytest.raises(
        Unsupported, match="Multiscale does not answer .*it needs points and a metric by name"
    ) as caught:
        otkit.transport(cost, solver=Multiscale())
    assert "Use solver=None or NetworkSimplex(" in str(caught.value)
    assert otkit.transport(cost, solver=NetworkSimplex()).cost == otkit.transport(cost).cost == 1.0


def test_linear_program_refuses_what_it_cannot_hold():
    x = np.zeros((2001, 2))
    with pytest.raises(Unsupported, match="at most 4000000 pairs.*4004001.*NetworkSimplex"):
        otkit.wasserstein(x, x, solver=LinearProgram())


@pytest.mark.parametrize("solver", ["Auto", "Line", "Multiscale", "NetworkSimplex"])
def test_gaussians_in_the_limit(solver):
    """W_2(N(0, 1), N(mu, s^2))^2 = mu^2 + (s - 1)^2; of 2000 midpoints the variance is 1e-3 short."""
    z = normal_quantiles(2000 if solver != "NetworkSimplex" else 400)
    tolerance = 2e-3 if z.size == 2000 else 1e-2
    for mu, s in ((1.0, 2.0), (0.0, 3.0), (2.0, 1.0)):
        result = otkit.wasserstein(z, mu + s * z[::-1], p=2, solver=SOLVERS[solver])
        assert result.distance == pytest.approx(math.hypot(mu, s - 1), rel=tolerance, abs=0)
        assert result.gap <= 1e-9


@pytest.mark.parametrize("p", [1, 2])
def test_a_callable_metric_is_the_named_one(p):
    rng = np.random.default_rng(0)
    x, y, a = rng.normal(size=(40, 3)), rng.normal(size=(55, 3)), rng.random(40)
    for metric in METRICS:
        named = otkit.wasserstein(x, y, p=p, a=a, metric=metric)
        called = otkit.wasserstein(x, y, p=p, a=a, metric=lambda u, v, metric=metric: naive_cost(u, v, metric))
        assert called.cost == pytest.approx(named.cost, rel=1e-13, abs=0)  # the distances' own last digits
        check(called, naive_cost(x, y, metric, p), normalised(a, 40), normalised(None, 55), dimension=3)


def test_auto_says_why():
    from otkit.costs import point_cost
    from otkit.problem import Problem

    half = np.array([0.5, 0.5])
    for d, solver in ((1, "Line"), (2, "Multiscale"), (64, "Assignment")):
        x = np.arange(2.0 * d).reshape(2, d)
        selection = Auto().select(Problem(half, half, point_cost(x, x, "euclidean", 1)))
        assert type(selection.solver).__name__ == solver and len(selection.why) > 10
        assert otkit.wasserstein(x, x).solver == solver
