"""Gradients of exact costs in points against finite differences, and many problems at once against one by one."""

import numpy as np
import pytest

import otkit
from otkit import many
from otkit.costs import point_cost
from otkit.errors import Interrupted, NotConverged, Unsupported
from otkit.problem import Problem
from otkit.result import Status
from otkit.sensitivity import point_gradients

STEP = 1e-6


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("scale", [1.0, 1e30])
def test_finite_differences(rng, metric, p, scale):
    x, y = rng.normal(size=(7, 3)) * scale, rng.normal(size=(5, 3)) * scale
    a = rng.random(7)
    gradients = point_gradients(otkit.wasserstein(x, y, p=p, a=a, metric=metric))
    direction = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))

    def cost(t):
        moved = x + t * scale * direction[0], y + t * scale * direction[1]
        return otkit.wasserstein(*moved, p=p, a=a, metric=metric).cost

    slope = (cost(STEP) - cost(-STEP)) / (2 * STEP * scale)
    assert slope == pytest.approx(sum(np.vdot(g, v) for g, v in zip(gradients, direction)), rel=1e-6, abs=0)


def test_kinks_have_the_symmetric_subgradient(rng):
    x = rng.normal(size=(4, 2))
    for metric in ("euclidean", "cityblock", "chebyshev"):
        for p in (1, 2, 1.5):
            for side in point_gradients(otkit.wasserstein(x, x, p=p, metric=metric)):
                np.testing.assert_array_equal(side, 0.0)


def test_a_matrix_has_no_points():
    with pytest.raises(Unsupported, match="matrix"):
        point_gradients(otkit.transport([[0.0, 1.0], [1.0, 0.0]]))


def problems(rng, count, n):
    masses = rng.random((count, n)) + 0.1
    return [
        Problem(a / a.sum(), np.full(n, 1.0 / n), point_cost(*rng.normal(size=(2, n, 2)), "euclidean", 2.0))
        for a in masses
    ]


@pytest.mark.parametrize("n", [10, 200])  # below and above what is worth a thread
def test_each_is_as_alone(rng, n):
    some = problems(rng, 5, n)
    for problem, result in zip(some, many.solve_each(some)):
        alone = otkit.solve(problem)
        assert result.problem is problem and result.status is Status.OPTIMAL
        assert result.cost == alone.cost and np.array_equal(result.plan.cols, alone.plan.cols)


@pytest.mark.parametrize("n", [10, 200])
def test_one_that_stops_short_says_so(rng, n):
    some, solver = problems(rng, 3, n), otkit.solvers.NetworkSimplex(max_iter=1)
    with pytest.raises(NotConverged) as raised:
        many.solve_each(some, solver)
    assert raised.value.result.problem is some[0]
    assert {result.status for result in many.solve_each(some, solver, throw=False)} == {Status.MAX_ITER}


@pytest.mark.parametrize("n", [10, 200])
def test_an_interrupt_leaves_the_rest_alone(rng, n):
    solved = []

    class Interrupting:
        def solve(self, problem):
            solved.append(problem)
            result = otkit.solvers.NetworkSimplex(max_iter=1).solve(problem)
            object.__setattr__(result, "status", Status.INTERRUPTED)
            return result

    with pytest.raises(Interrupted):
        many.solve_each(problems(rng, 20, n), Interrupting())
    assert len(solved) < 20
