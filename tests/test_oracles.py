"""Against solvers that share no code with otkit: POT, HiGHS and SciPy's 1-D distance. Costs agree to 1e-9."""

import numpy as np
import pytest
from families import METRICS, ORDERS, naive_cost
from scipy.stats import wasserstein_distance

import otkit
from otkit.solvers import Assignment, Auto, Line, LinearProgram, NetworkSimplex

ORACLE = 1e-9  # what the issue promises; POT and HiGHS reach 1e-12 themselves on costs near 1


@pytest.fixture(scope="module")
def ot():
    return pytest.importorskip("ot")


def clouds(n, m, d, seed=0, weighted=True):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    a, b = (rng.exponential(size=n), rng.exponential(size=m)) if weighted else (np.ones(n), np.ones(m))
    return x, y, a / a.sum(), b / b.sum()


def by_pot(ot, a, b, cost):
    return float(ot.emd2(a, b, cost, numItermax=10_000_000, check_marginals=False))


def by_highs(a, b, cost):
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    n, m = cost.shape
    marginals = vstack([kron(eye_array(n), np.ones((1, m))), kron(np.ones((1, n)), eye_array(m))]).tocsc()
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    answer = linprog(cost.ravel(), A_eq=marginals, b_eq=np.concatenate([a, b]), method="highs", options=options)
    assert answer.status == 0, answer.message
    return answer.fun


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(
    "n, m, d, weighted", [(50, 70, 1, True), (120, 90, 2, True), (100, 100, 3, False), (80, 80, 12, False)]
)
def test_points_against_pot(ot, n, m, d, weighted, p, metric):
    x, y, a, b = clouds(n, m, d, seed=n + d, weighted=weighted)
    expected = by_pot(ot, a, b, naive_cost(x, y, metric, p))
    solvers = [Auto(), NetworkSimplex(), *([Line()] if d == 1 else []), *([] if weighted else [Assignment()])]
    for solver in solvers:
        result = otkit.wasserstein(x, y, p=p, a=a, b=b, metric=metric, solver=solver)
        assert result.cost == pytest.approx(expected, rel=ORACLE, abs=0), solver
        assert result.gap <= 1e-9


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("p, d", [(1, 2), (2, 2), (1, 16)])
def test_500_points_against_pot(ot, p, d, weighted):
    x, y, a, b = clouds(500, 500, d, seed=d, weighted=weighted)
    result = otkit.wasserstein(x, y, p=p, a=a, b=b)
    assert result.cost == pytest.approx(by_pot(ot, a, b, naive_cost(x, y, p=p)), rel=ORACLE, abs=0)
    assert result.gap <= 1e-9


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", ORDERS)
def test_points_against_highs(p, metric):
    x, y, a, b = clouds(40, 30, 2, seed=7)
    expected = by_highs(a, b, naive_cost(x, y, metric, p))
    for solver in (NetworkSimplex(), LinearProgram()):
        result = otkit.wasserstein(x, y, p=p, a=a, b=b, metric=metric, solver=solver)
        assert result.cost == pytest.approx(expected, rel=ORACLE, abs=0), solver


@pytest.mark.parametrize("seed", range(8))
def test_integer_matrices_against_both(ot, seed):
    """Small whole costs: nearly every pivot is degenerate, and optimal plans are many."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 60, 2)
    cost = rng.integers(0, 4, (n, m)).astype(float)
    a = rng.integers(0, 3, n) + (np.arange(n) == 0)
    b = rng.integers(0, 3, m) + (np.arange(m) == 0)
    a, b = a / a.sum(), b / b.sum()
    expected = by_highs(a, b, cost)
    assert by_pot(ot, a, b, cost) == pytest.approx(expected, rel=ORACLE, abs=1e-12)
    for solver in (NetworkSimplex(), NetworkSimplex(seed=1), LinearProgram()):
        # costs up to 3, so 1e-14 is ten roundings of the total
        assert otkit.transport(cost, a=a, b=b, solver=solver).cost == pytest.approx(expected, rel=ORACLE, abs=1e-14)


def test_negative_costs_against_highs():
    rng = np.random.default_rng(3)
    cost, a, b = rng.normal(size=(35, 25)), rng.random(35), rng.random(25)
    a, b = a / a.sum(), b / b.sum()
    expected = by_highs(a, b, cost)
    assert expected < 0
    for solver in (None, NetworkSimplex(), LinearProgram()):
        result = otkit.transport(cost, a=a, b=b, solver=solver)
        assert result.cost == result.distance == pytest.approx(expected, rel=ORACLE, abs=0)
        assert result.dual_cost == pytest.approx(expected, rel=ORACLE, abs=0)


@pytest.mark.parametrize("n, m", [(1, 1), (1000, 1000), (1000, 37), (499, 500)])
def test_line_against_scipy(n, m):
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=n), rng.standard_t(3, size=m) + 1
    for a, b in ((None, None), (rng.random(n) + 0.01, rng.exponential(size=m) + 0.01)):
        expected = wasserstein_distance(x, y, a, b)
        assert otkit.wasserstein(x, y, a=a, b=b).distance == pytest.approx(
            expected, rel=1e-12, abs=0
        )  # SciPy's own cumsum


def test_assignment_against_scipy():
    from scipy.optimize import linear_sum_assignment

    x, y, _, _ = clouds(200, 200, 20, seed=1, weighted=False)
    cost = naive_cost(x, y, p=2)
    rows, cols = linear_sum_assignment(cost)
    result = otkit.wasserstein(x, y, p=2, solver=Assignment())
    assert result.cost == pytest.approx(cost[rows, cols].mean(), rel=1e-13, abs=0)  # 200 sums of 20 squares
