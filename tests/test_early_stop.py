"""Stopping before the end: limits, tolerance, Ctrl-C. Whatever was reached is a feasible plan and a valid bracket."""

import math
import pickle
import re
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
from otkit.solvers import Assignment, Auto, LinearProgram, Multiscale, NetworkSimplex, Sinkhorn, base

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
    (Multiscale(max_iter=0), Status.MAX_ITER),
    (Multiscale(max_iter=1), Status.MAX_ITER),
    (Multiscale(max_iter=100), Status.MAX_ITER),
    (Multiscale(time_limit=0), Status.TIME_LIMIT),
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
@pytest.mark.parametrize("solver", [NetworkSimplex, Multiscale])
def test_weighted_and_rectangular(solver, steps):
    rng = np.random.default_rng(1)
    x, y, a, b = rng.normal(size=(150, 2)), rng.normal(size=(110, 2)) + 1, rng.random(150), rng.random(110)
    a[::7] = 0
    result = otkit.wasserstein(x, y, a=a, b=b, solver=solver(max_iter=steps), throw=False)
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
@pytest.mark.parametrize("solver", [NetworkSimplex, Multiscale, Auto])
def test_tolerance(case, solver, tol):
    x, y, p, distance = case
    result = otkit.wasserstein(x, y, p=p, solver=solver(tol=tol))
    assert result.status in (Status.CONVERGED, Status.OPTIMAL)
    assert result.gap <= tol * (1 + 1e-12) + 1e-13  # masses are rounded to units and back
    uniform = np.full(N, 1 / N)
    check(result, naive_cost(x, y, p=p), uniform, uniform, dimension=2)
    assert result.lower <= distance * (1 + 1e-12) and distance <= result.upper * (1 + 1e-12)


@pytest.mark.parametrize("solver", [NetworkSimplex, Multiscale])
def test_a_wide_tolerance_stops_early(solver):
    x, y = clouds(400)
    loose, tight = (otkit.wasserstein(x, y, p=2, solver=solver(tol=tol)) for tol in (0.5, 0.0))
    assert loose.status is Status.CONVERGED and tight.status is Status.OPTIMAL
    assert loose.stats.iterations < tight.stats.iterations


@pytest.mark.parametrize("solver", [NetworkSimplex, Multiscale])
def test_seed_changes_no_optimum(solver):
    x, y = clouds()
    costs = [otkit.wasserstein(x, y, solver=solver(seed=seed)).cost for seed in range(3)]
    assert costs == pytest.approx([costs[0]] * 3, rel=1e-13, abs=0)
    again = otkit.wasserstein(x, y, solver=solver(seed=0))
    first = otkit.wasserstein(x, y, solver=solver(seed=0))
    np.testing.assert_array_equal(again.plan.toarray(), first.plan.toarray())


MESSAGE = r"(\d+ x \d+, \d+ columns a row, )?(\d+) pivots"


def pivots_by_level(events):
    """The numbers of pivots told of, by what stands before them."""
    told = {}
    for event in events:
        level, pivots = re.fullmatch(MESSAGE, event.message).groups()
        told.setdefault(level and level.split(",")[0], []).append(int(pivots))
    return told


@pytest.mark.parametrize("p", [1, 2])
def test_stopped_on_a_coarser_level(monkeypatch, p):
    """Levels of 3000, 750, 188 and 47 points: stopped amid the pivots of each, with a plan of all 3000 and a bracket
    that is better than nothing."""
    monkeypatch.setattr(base, "REPORT_EVERY", -1.0)
    x, y = clouds(3000)
    events = []
    with progress.listen(events.append):
        whole = otkit.wasserstein(x, y, p=p, solver=Multiscale())
    told = pivots_by_level(events)
    for size in ("188 x 188", "750 x 750", "3000 x 3000"):
        first, last = told[size][0], told[size][-1]
        assert last - first > 20
        events.clear()
        with progress.listen(events.append):
            solver = Multiscale(max_iter=(first + last) // 2)
            result = otkit.wasserstein(x, y, p=p, solver=solver, throw=False)
        assert events[-1].message.startswith(size)
        assert result.status is Status.MAX_ITER and result.stats.iterations == solver.max_iter
        uniform = np.full(3000, 1 / 3000)
        if size == "750 x 750":  # a second for 9 million pairs
            check(result, naive_cost(x, y, p=p), uniform, uniform, dimension=2)
        np.testing.assert_allclose(result.plan.marginals(), [uniform, uniform], rtol=0, atol=1e-14)
        assert result.lower <= whole.upper and whole.lower <= result.upper
        assert result.lower > 0.5 * whole.distance and result.upper < 1.5 * whole.distance


CTRL_C = """
    import signal, sys, threading, os
    import numpy as np
    import otkit
    from otkit.errors import Interrupted, NotConverged
    from otkit.solvers import Assignment, Multiscale, NetworkSimplex, Sinkhorn
    solver, d, n = {
        "simplex": (NetworkSimplex(), 2, 20000),
        "multiscale": (Multiscale(), 3, 60000),
        "assignment": (Assignment(), 16, 20000),
        "sinkhorn": (Sinkhorn(eps=0.1, tol=1e-12), 16, 20000),
    }[sys.argv[1]]
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 100, d))
    otkit.wasserstein(*small, solver=solver)  # compiled or loaded, so that the signal meets a solve
    x, y = rng.normal(size=(2, n, d))
    y += 0.5
    threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        otkit.wasserstein(x, y, solver=solver)
    except KeyboardInterrupt as caught:
        assert type(caught) is Interrupted and isinstance(caught, NotConverged), repr(caught)
        result = caught.result
        assert result.status.name == "INTERRUPTED"
        mine, theirs = result.plan.marginals()
        assert abs(mine - 1 / n).max() < 1e-14 and abs(theirs - 1 / n).max() < 1e-14
        assert 0 <= result.lower < result.upper < np.inf  # 0 where it met the first pass over the pairs
        print(f"{result.lower!r} {result.upper!r} {result.stats.iterations}")
"""


@pytest.fixture
def often(monkeypatch):
    """Reports fifty times a second: a fast machine solves these problems between two of the usual ones."""
    monkeypatch.setattr(base, "REPORT_EVERY", 0.02)


HEARD = [("simplex", 0.5), ("simplex", 3.0), ("assignment", 1.5), ("sinkhorn", 0.5), ("sinkhorn", 4.0)]
HEARD += [("multiscale", 0.3), ("multiscale", 2.0)]


@pytest.mark.parametrize("solver, after", HEARD)
def test_ctrl_c(solver, after):
    """20000 points, or 60000 in space coarse to fine, take half a minute; the answer after Ctrl-C is a bracket. The
    limit only says that it comes at all."""
    code = textwrap.dedent(CTRL_C)
    call = [sys.executable, "-X", "faulthandler", "-c", code, solver, str(after)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    lower, upper, _ = done.stdout.split()
    assert 0 <= float(lower) < float(upper)


@pytest.mark.parametrize("solver", [NetworkSimplex(), Multiscale()])
def test_ctrl_c_in_the_middle(often, solver):
    """A KeyboardInterrupt from the progress report, where a real one is as likely as anywhere."""

    def interrupt(event):
        raise KeyboardInterrupt

    x, y = clouds(3000)
    with progress.listen(interrupt), pytest.raises(Interrupted) as caught:
        otkit.wasserstein(x, y, solver=solver)
    result = caught.value.result
    assert result.status is Status.INTERRUPTED and 0 < result.lower <= result.upper
    assert isinstance(caught.value, KeyboardInterrupt) and isinstance(caught.value, NotConverged)
    assert not isinstance(caught.value, (ValueError, BadMeasure))


@pytest.mark.parametrize("size", ["47 x 47", "750 x 750", "3000 x 3000"])
def test_ctrl_c_on_every_level(monkeypatch, size):
    """Interrupted while the level named is worked on: all 3000 points keep their mass, and the bracket holds."""
    monkeypatch.setattr(base, "REPORT_EVERY", -1.0)

    def interrupt(event):
        if event.message.startswith(size):
            raise KeyboardInterrupt

    x, y = clouds(3000)
    with progress.listen(interrupt), pytest.raises(Interrupted) as caught:
        otkit.wasserstein(x, y, p=2, solver=Multiscale())
    result = caught.value.result
    assert result.status is Status.INTERRUPTED
    np.testing.assert_allclose(result.plan.marginals(), np.full((2, 3000), 1 / 3000), rtol=0, atol=1e-14)
    best = otkit.wasserstein(x, y, p=2).distance
    assert 0 < result.lower <= best <= result.upper
    assert (
        result.upper < (3 if size == "47 x 47" else 1.2) * best
    )  # on the coarsest: the north-west corner of the curve


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


REPORTING = [(NetworkSimplex(), 2), (Multiscale(), 2), (Assignment(), 8), (Sinkhorn(eps=0.05, tol=1e-12), 2)]


@pytest.mark.parametrize("solver, d", REPORTING)
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


def test_progress_through_the_levels(monkeypatch):
    """Coarse to fine, pivots that only grow, more than one column a row, and a bracket of the answer that narrows."""
    monkeypatch.setattr(base, "REPORT_EVERY", -1.0)
    events = []
    x, y = clouds(3000)
    with progress.listen(events.append):
        result = otkit.wasserstein(x, y[:2500], p=1, solver=Multiscale())
    told = pivots_by_level(events)
    assert list(told) == [None, "47 x 40", "188 x 157", "750 x 625", "3000 x 2500"]
    pivots = [number for level in told.values() for number in level]
    assert pivots == sorted(pivots) and 0 < pivots[-1] <= result.stats.iterations
    columns = [int(re.search(r"(\d+) columns", event.message)[1]) for event in events if "columns" in event.message]
    assert all(1 <= number <= 2500 for number in columns)
    brackets = [(event.lower, event.upper) for event in events if event.lower is not None]
    assert len(brackets) > 1 and all(event.lower is None for event in events if not event.message.startswith("3000"))
    for (lower, upper), (later_lower, later_upper) in zip(brackets, brackets[1:]):
        assert lower <= later_lower and later_upper <= upper * (1 + 1e-12)
    assert brackets[-1][0] <= result.upper and result.lower <= brackets[-1][1] * (1 + 1e-12)
    assert brackets[-1][1] - brackets[-1][0] < brackets[0][1] - brackets[0][0]


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
