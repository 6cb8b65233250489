"""Stopping before the end: limits, tolerance, Ctrl-C. Whatever was reached is a feasible plan and a valid bracket."""

import math
import pickle
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from contract import check
from families import naive_cost, planted_permutation

import otkit
from otkit import progress
from otkit.errors import BadMeasure, Infeasible, Interrupted, NotConverged
from otkit.result import Status
from otkit.solvers import Assignment, Auto, LinearProgram, NetworkSimplex, Sinkhorn, base

N = 250


def clouds(n=N, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.5


@pytest.fixture(scope="module", params=[1, 2], ids=["p=1", "p=2"])
def case(request):
    """Clouds, the order, and the distance."""
    x, y = clouds()
    return x, y, request.param, otkit.wasserstein(x, y, p=request.param).distance


def check_stopped(result, case, status):
    x, y, p, distance = case
    assert result.status is status and not status.ok
    uniform = np.full(N, 1 / N)
    vertex = result.solver not in ("LinearProgram", "Sinkhorn")
    check(result, naive_cost(x, y, p=p), uniform, uniform, dimension=2, exact=vertex)
    assert 0 <= result.lower <= distance * (1 + 1e-12) and distance <= result.upper * (1 + 1e-12)  # two float sums


STOPS = [
    (NetworkSimplex(max_iter=0), Status.MAX_ITER),
    (NetworkSimplex(max_iter=1), Status.MAX_ITER),
    (NetworkSimplex(max_iter=100), Status.MAX_ITER),
    (NetworkSimplex(time_limit=0), Status.TIME_LIMIT),
    (Assignment(max_iter=0), Status.MAX_ITER),
    (Assignment(max_iter=3), Status.MAX_ITER),
    (Assignment(time_limit=0), Status.TIME_LIMIT),
    (Auto(max_iter=2), Status.MAX_ITER),
    (Auto(time_limit=0), Status.TIME_LIMIT),
    (LinearProgram(max_iter=0), Status.MAX_ITER),
    (LinearProgram(max_iter=5), Status.MAX_ITER),
    (LinearProgram(time_limit=0), Status.TIME_LIMIT),
    (Sinkhorn(eps=0.05, max_iter=0), Status.MAX_ITER),
    (Sinkhorn(eps=0.05, max_iter=1), Status.MAX_ITER),
    (Sinkhorn(eps=1e-3, max_iter=30), Status.MAX_ITER),
    (Sinkhorn(eps=1e-3, max_iter=120), Status.MAX_ITER),  # within Newton's steps
    (Sinkhorn(eps=0.05, time_limit=0), Status.TIME_LIMIT),
    (Sinkhorn(gap=1e-6, max_iter=0), Status.MAX_ITER),
    (Sinkhorn(gap=1e-6, max_iter=40), Status.MAX_ITER),
    (Sinkhorn(gap=1e-6, time_limit=0), Status.TIME_LIMIT),
]


@pytest.mark.parametrize("solver, status", STOPS, ids=str)
def test_limits(case, solver, status):
    x, y, p, _ = case
    quiet = otkit.wasserstein(x, y, p=p, solver=solver, throw=False)
    check_stopped(quiet, case, status)
    with pytest.raises(NotConverged) as caught:
        otkit.wasserstein(x, y, p=p, solver=solver)
    assert caught.value.result.status is status
    assert status.remedy in str(caught.value) and status.name in str(caught.value)
    assert not isinstance(caught.value, KeyboardInterrupt)


@pytest.mark.parametrize("steps", [0, 5, 60, 10**6])
def test_weighted_and_rectangular(steps):
    rng = np.random.default_rng(1)
    x, y, a, b = rng.normal(size=(150, 2)), rng.normal(size=(110, 2)) + 1, rng.random(150), rng.random(110)
    a[::7] = 0
    result = otkit.wasserstein(x, y, a=a, b=b, solver=NetworkSimplex(max_iter=steps), throw=False)
    assert result.status is (Status.OPTIMAL if steps == 10**6 else Status.MAX_ITER)
    check(result, naive_cost(x, y), a / math.fsum(a), b / math.fsum(b), dimension=2)


@pytest.mark.parametrize("solver", [NetworkSimplex(max_iter=4), Assignment(max_iter=4)])
def test_matrix_with_negative_costs(solver):
    planted = planted_permutation(80)
    result = otkit.transport(planted.matrix, solver=solver, throw=False)
    check(result, planted.matrix, planted.a, planted.b)
    assert result.status is Status.MAX_ITER
    assert result.dual_cost <= planted.cost <= result.cost


def test_sparse_stopped_before_a_plan_exists():
    """With no pivots all mass is on artificial arcs: there is no upper bound yet, and that must show."""
    from scipy.sparse import coo_array

    cost = coo_array(([2.0, 3.0, 4.0], ([0, 1, 1], [0, 0, 1])))
    result = otkit.transport(cost, solver=NetworkSimplex(max_iter=0), throw=False)
    assert result.status is Status.MAX_ITER
    assert result.lower <= 3.0 <= result.upper


@pytest.mark.parametrize("tol", [0.5, 0.1, 1e-2, 1e-4])
@pytest.mark.parametrize("solver", [NetworkSimplex, Auto])
def test_tolerance(case, solver, tol):
    x, y, p, distance = case
    result = otkit.wasserstein(x, y, p=p, solver=solver(tol=tol))
    assert result.status in (Status.CONVERGED, Status.OPTIMAL)
    assert result.gap <= tol * (1 + 1e-12) + 1e-13  # masses are rounded to units and back
    uniform = np.full(N, 1 / N)
    check(result, naive_cost(x, y, p=p), uniform, uniform, dimension=2)
    assert result.lower <= distance * (1 + 1e-12) and distance <= result.upper * (1 + 1e-12)


def test_a_wide_tolerance_stops_early():
    x, y = clouds(400)
    loose, tight = (otkit.wasserstein(x, y, p=2, solver=NetworkSimplex(tol=tol)) for tol in (0.5, 0.0))
    assert loose.status is Status.CONVERGED and tight.status is Status.OPTIMAL
    assert loose.stats.iterations < tight.stats.iterations


def test_seed_changes_no_optimum():
    x, y = clouds()
    costs = [otkit.wasserstein(x, y, solver=NetworkSimplex(seed=seed)).cost for seed in range(3)]
    assert costs == pytest.approx([costs[0]] * 3, rel=1e-13, abs=0)
    again = otkit.wasserstein(x, y, solver=NetworkSimplex(seed=0))
    first = otkit.wasserstein(x, y, solver=NetworkSimplex(seed=0))
    np.testing.assert_array_equal(again.plan.toarray(), first.plan.toarray())


CTRL_C = """
    import signal, sys, threading, os
    import numpy as np
    import otkit
    from otkit.errors import Interrupted, NotConverged
    from otkit.solvers import Assignment, NetworkSimplex, Sinkhorn
    solver, d = {
        "simplex": (NetworkSimplex(), 2),
        "assignment": (Assignment(), 16),
        "sinkhorn": (Sinkhorn(eps=0.1, tol=1e-12), 16),
    }[sys.argv[1]]
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 100, d))
    otkit.wasserstein(*small, solver=solver)  # compiled or loaded, so that the signal meets a solve
    x, y = rng.normal(size=(2, 20000, d))
    y += 0.5
    threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        otkit.wasserstein(x, y, solver=solver)
    except KeyboardInterrupt as caught:
        assert type(caught) is Interrupted and isinstance(caught, NotConverged), repr(caught)
        result = caught.result
        assert result.status.name == "INTERRUPTED"
        mine, theirs = result.plan.marginals()
        assert abs(mine - 1 / 20000).max() < 1e-14 and abs(theirs - 1 / 20000).max() < 1e-14
        assert 0 <= result.lower < result.upper < np.inf  # 0 where it met the first pass over the pairs
        print(f"{result.lower!r} {result.upper!r} {result.stats.iterations}")
"""


@pytest.fixture
def often(monkeypatch):
    """Reports fifty times a second: a fast machine solves these problems between two of the usual ones."""
    monkeypatch.setattr(base, "REPORT_EVERY", 0.02)


@pytest.mark.parametrize(
    "solver, after", [("simplex", 0.5), ("simplex", 3.0), ("assignment", 1.5), ("sinkhorn", 0.5), ("sinkhorn", 4.0)]
)
def test_ctrl_c(solver, after):
    """20000 points take a minute; the answer after Ctrl-C is a bracket. The limit only says that it comes at all."""
    code = textwrap.dedent(CTRL_C)
    done = subprocess.run([sys.executable, "-c", code, solver, str(after)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    lower, upper, _ = done.stdout.split()
    assert 0 <= float(lower) < float(upper)


def test_ctrl_c_in_the_middle(often):
    """A KeyboardInterrupt from the progress report, where a real one is as likely as anywhere."""

    def interrupt(event):
        raise KeyboardInterrupt

    x, y = clouds(3000)
    with progress.listen(interrupt), pytest.raises(Interrupted) as caught:
        otkit.wasserstein(x, y, solver=NetworkSimplex())
    result = caught.value.result
    assert result.status is Status.INTERRUPTED and 0 < result.lower <= result.upper
    assert isinstance(caught.value, KeyboardInterrupt) and isinstance(caught.value, NotConverged)
    assert not isinstance(caught.value, (ValueError, BadMeasure))


def test_ctrl_c_between_sweeps(often):
    """The potentials reached, and with them the way to go on."""
    count = []

    def interrupt(event):
        count.append(event)
        if len(count) == 3:
            raise KeyboardInterrupt

    x, y = clouds(3000)
    with progress.listen(interrupt), pytest.raises(Interrupted) as caught:
        otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=2e-3, tol=1e-12))
    result = caught.value.result
    assert result.status is Status.INTERRUPTED and 0 < result.lower <= result.upper
    assert result.entropic.eps > 0 and np.isfinite(result.entropic.f).all() and np.isfinite(result.entropic.g).all()
    assert result.stats.iterations > 0
    np.testing.assert_allclose(result.plan.marginals()[0], 1 / 3000, rtol=1e-12)


@pytest.mark.parametrize("solver, d", [(NetworkSimplex(), 2), (Assignment(), 8), (Sinkhorn(eps=0.05, tol=1e-12), 2)])
def test_progress(monkeypatch, solver, d):
    monkeypatch.setattr(base, "REPORT_EVERY", -1.0)  # a fast machine is done before the first fifth of a second
    events = []
    x, y = clouds(3000, d)
    with progress.listen(events.append):
        otkit.wasserstein(x, y, solver=solver)
    assert events
    for event in events:
        assert event.solver == type(solver).__name__ and event.message
        assert event.done is None or 0 <= event.done <= 1
        if event.lower is not None:
            assert event.lower <= event.upper
    before = len(events)
    otkit.wasserstein(x[:50], y[:50], solver=solver)
    assert len(events) == before and not progress.listening()


def test_a_listener_that_fails_is_heard(often):
    def fail(event):
        raise ZeroDivisionError

    x, y = clouds(3000)
    with progress.listen(fail), pytest.raises(ZeroDivisionError):
        otkit.wasserstein(x, y, solver=NetworkSimplex())
    assert not progress.listening()


@pytest.mark.parametrize("d", [1, 2, 10])
def test_pickled_results(d):
    x, y = clouds(60, d)
    for result in (
        otkit.wasserstein(x, y, p=2),
        otkit.wasserstein(x, y, solver=NetworkSimplex(max_iter=1), throw=False) if d > 1 else otkit.wasserstein(x, y),
        otkit.wasserstein(x, y, metric=lambda u, v: naive_cost(u, v)),
        otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=0.1)),
        otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=0.1, max_iter=2), throw=False),
    ):
        twin = pickle.loads(pickle.dumps(result))
        assert repr(twin) == repr(result) and twin.status is result.status
        np.testing.assert_array_equal(twin.plan.toarray(), result.plan.toarray())
        np.testing.assert_array_equal(twin.potentials.f, result.potentials.f)


def test_pickled_errors():
    """Worker processes send their errors home; `pairwise` will need that."""
    from scipy.sparse import coo_array

    x, y = clouds(60)
    with pytest.raises(NotConverged) as stopped:
        otkit.wasserstein(x, y, solver=NetworkSimplex(max_iter=1))
    with pytest.raises(Infeasible) as infeasible:
        otkit.transport(coo_array((2, 2)))
    interrupted = Interrupted(stopped.value.result)
    for error in (stopped.value, infeasible.value, interrupted):
        twin = pickle.loads(pickle.dumps(error))
        assert type(twin) is type(error) and str(twin) == str(error)
        assert twin.result.status is error.result.status


def test_sigint_handler_is_left_alone():
    before = signal.getsignal(signal.SIGINT)
    otkit.wasserstein(*clouds(50))
    assert signal.getsignal(signal.SIGINT) is before
