"""`otkit distance --solver sinkhorn`: what it prints, writes and refuses, and what it says while it runs."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import otkit
from otkit.cli import distance as command
from otkit.cli.progress import compilation_mentioned
from otkit.data import path

COMMAND = "distance"
IRIS = [str(path("iris_setosa")), str(path("iris_virginica"))]
SINKHORN = ["--solver", "sinkhorn"]
LEFT_OUT = 1e-9  # what --help promises of the file of a plan


@pytest.fixture(scope="module")
def samples():
    return [np.loadtxt(name, delimiter=",", skiprows=1) for name in IRIS]


@pytest.fixture(autouse=True, scope="module")
def compiled(samples):
    """Kernels first, so that no test waits long enough to see progress where it expects an empty stderr."""
    for p in (1, 2):
        otkit.wasserstein(*samples, p=p, solver=otkit.solvers.Sinkhorn(eps=1.0, tol=1e-12))


# --- answers ---


@pytest.mark.parametrize("option", [["--eps", 0.1], ["--gap", 0.01]])
@pytest.mark.parametrize("p", [1, 2])
def test_the_answer_is_that_of_the_library(shell, samples, option, p):
    name, value = option
    solver = otkit.solvers.Sinkhorn(**{name.removeprefix("--"): value})
    expected = otkit.wasserstein(*samples, p=p, solver=solver)
    code, out, err = shell(*IRIS, *SINKHORN, *option, "--p", p, "--json")
    record = json.loads(out)
    assert code == 0 and err == "" and out.count("\n") == 1
    assert record["solver"] == "sinkhorn" and record["status"] == "CONVERGED"
    assert record["upper"] == pytest.approx(expected.upper, rel=1e-9, abs=0)
    assert record["lower"] == pytest.approx(expected.lower, rel=1e-9, abs=0)
    assert sorted(record["entropic"]) == ["eps", "marginal_error", "objective"]
    assert record["entropic"]["eps"] == pytest.approx(expected.entropic.eps, rel=1e-9, abs=0)
    assert record["entropic"]["objective"] == pytest.approx(expected.entropic.objective, rel=1e-9, abs=0)
    exact = otkit.wasserstein(*samples, p=p).distance
    assert record["lower"] <= exact <= record["upper"]
    if name == "--gap":
        assert record["gap"] <= value
    else:
        assert record["entropic"]["eps"] == pytest.approx(value, rel=1e-12, abs=0)


def test_lines(shell):
    code, out, err = shell(*IRIS, *SINKHORN, "--eps", 0.1, "--tol", 1e-9)
    lines = out.splitlines()
    assert code == 0 and err == "" and len(lines) == 5
    assert lines[0].startswith("W_1       at most ")  # the cost of a plan: an entropic answer is never exact
    assert re.fullmatch(r"solver    sinkhorn: converged, \d+ sweeps, \S+ s", lines[3])
    found = re.fullmatch(r"entropic  eps 0\.1, regularised objective (\S+), marginal error (\S+)", lines[4])
    assert float(found[1]) > 0 and 0 <= float(found[2]) <= 1e-9


def test_other_solvers_have_no_entropic_part(shell):
    code, out, _ = shell(*IRIS, "--json")
    assert code == 0 and json.loads(out)["entropic"] is None
    assert "entropic" not in shell(*IRIS)[1]


# --- the plan ---


def stored(name="plan.npz"):
    with np.load(name) as plan:
        assert sorted(plan.files) == ["cols", "mass", "rows", "shape"]
        dense = np.zeros(plan["shape"])
        np.add.at(dense, (plan["rows"], plan["cols"]), plan["mass"])
        return dense, len(plan["mass"])


@pytest.mark.parametrize("eps, fewest, most", [(10.0, 2500, 2500), (0.02, 50, 1500)])
def test_the_plan_keeps_all_mass_that_matters(shell, samples, eps, fewest, most):
    code, out, _ = shell(*IRIS, *SINKHORN, "--p", 2, "--eps", eps, "--plan", "plan.npz")
    dense, entries = stored()
    assert code == 0 and out.splitlines()[-1] == f"plan      plan.npz: {entries} entries, all but 1e-09 of the mass"
    assert 1 - LEFT_OUT - 1e-15 <= dense.sum() <= 1 + 1e-15
    np.testing.assert_allclose(dense.sum(0), 1 / 50, rtol=0, atol=LEFT_OUT)
    np.testing.assert_allclose(dense.sum(1), 1 / 50, rtol=0, atol=LEFT_OUT)
    full = otkit.wasserstein(*samples, p=2, solver=otkit.solvers.Sinkhorn(eps=eps)).plan.toarray()
    np.testing.assert_allclose(dense, full, rtol=1e-9, atol=LEFT_OUT)
    assert fewest <= entries <= most


def test_exact_plans_are_written_as_before(shell):
    code, out, _ = shell(*IRIS, "--plan", "plan.npz")
    dense, entries = stored()
    assert code == 0 and out.splitlines()[-1] == f"plan      plan.npz: {entries} entries"
    np.testing.assert_allclose(dense.sum(1), 1 / 50, rtol=1e-12)


def test_a_plan_of_too_many_entries_costs_the_file_only(shell, monkeypatch):
    monkeypatch.setattr(command, "_MOST_ENTRIES", 2000)
    code, out, err = shell(*IRIS, *SINKHORN, "--eps", 10, "--plan", "plan.npz", "--json")
    assert code == 2 and json.loads(out)["status"] == "CONVERGED" and json.loads(out)["plan"] is None
    assert "more than 2000 entries; a smaller --eps has fewer" in err and err.count("\n") == 1
    assert os.listdir() == []
    assert shell(*IRIS, *SINKHORN, "--p", 2, "--eps", 0.02, "--plan", "plan.npz")[0] == 0  # counted, and few enough
    assert stored()[1] < 2000


# --- refusals ---

REFUSED = {
    "neither": (SINKHORN, r"--eps or --gap.* mean cost .* so --eps [\d.]+ is sensible .*--gap 0\.01"),
    "both": ([*SINKHORN, "--eps", "1", "--gap", "0.1"], "--eps and --gap are both given"),
    "eps zero": ([*SINKHORN, "--eps", "0"], r"--eps is 0\.0: .* > 0"),
    "eps negative": ([*SINKHORN, "--eps", "-1"], r"--eps is -1\.0"),
    "eps nan": ([*SINKHORN, "--eps", "nan"], "--eps is nan"),
    "eps inf": ([*SINKHORN, "--eps", "inf"], "--eps is inf"),
    "eps a word": ([*SINKHORN, "--eps", "small"], "'--eps'"),
    "gap of one": ([*SINKHORN, "--gap", "1"], r"--gap is 1\.0: a relative gap"),
    "gap with tol": ([*SINKHORN, "--gap", "0.1", "--tol", "1e-3"], "--gap and --tol are both given"),
    "negative limit": ([*SINKHORN, "--eps", "1", "--max-iter", "-1"], "--max-iter is -1"),
    "eps of auto": (["--eps", "1"], "--solver auto does not take --eps; .* --solver sinkhorn"),
    "gap of auto": (["--gap", "0.1"], "--solver auto does not take --gap; .* --solver sinkhorn"),
    "eps of another": (["--solver", "assignment", "--eps", "1"], "--solver assignment does not take --eps; .*sinkhorn"),
    "both of another": (["--solver", "line", "--eps", "1", "--gap", "0.1"], "does not take --eps, --gap"),
    "a slip": (["--solver", "sinkhron", "--eps", "1"], r"did you mean sinkhorn\?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_line(shell, case):
    options, pattern = REFUSED[case]
    code, out, err = shell(*IRIS, *options, "--plan", "plan.npz")
    assert (code, out) == (2, "") and os.listdir() == []
    assert err.startswith("otkit: ") and err.count("\n") == 1 and re.search(pattern, err), err


def test_the_eps_named_as_sensible_is_accepted(shell):
    eps = re.search(r"--eps (\S+) is sensible", shell(*IRIS, *SINKHORN)[2])[1]
    assert shell(*IRIS, *SINKHORN, "--eps", eps)[0] == 0


# --- not converged ---


@pytest.mark.parametrize("limit, status", [(["--max-iter", 3], "MAX_ITER"), (["--time-limit", 0], "TIME_LIMIT")])
@pytest.mark.parametrize("goal", [["--eps", 0.01], ["--gap", 1e-6]])
def test_a_limit_leaves_the_bracket(shell, samples, limit, status, goal):
    code, out, err = shell(*IRIS, *SINKHORN, *goal, *limit, "--json")
    record = json.loads(out)
    assert code == 3 and record["status"] == status and record["stats"]["iterations"] <= 3
    exact = otkit.wasserstein(*samples).distance
    assert 0 <= record["lower"] <= exact <= record["upper"] < np.inf
    assert err.count("\n") == 1 and status in err and limit[0] in err
    lines = shell(*IRIS, *SINKHORN, *goal, *limit)[1].splitlines()
    assert lines[0].startswith("W_1       at most") and lines[1].startswith("bracket")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_prints_the_bracket_reached():
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((4000, 2)))
    np.save("y.npy", rng.standard_normal((4000, 2)) + 0.5)
    arguments = ["distance", "x.npy", "y.npy", "--p", "2", *SINKHORN, "--gap", "1e-9", "--json"]
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "otkit", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        first = next(line for line in child.stderr if "sinkhorn: eps" in line)  # compilation may be mentioned before
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=240)
    assert "marginal error" in first and child.returncode == 3 and "Traceback" not in err, err
    record = json.loads(out)
    assert record["status"] == "INTERRUPTED" and 0 <= record["lower"] <= record["upper"]


# --- while it runs ---


def test_compilation_is_mentioned_once_and_only_when_it_takes_long(monkeypatch):
    from numba.core import event

    def compiles(seconds):
        with event.trigger_event("numba:compile"), event.trigger_event("numba:compile"):
            time.sleep(seconds)

    monkeypatch.setattr("otkit.cli.progress._COMPILING", 0.2)
    said = []
    with compilation_mentioned(said.append):
        compiles(0.0)
        time.sleep(0.4)  # a long solve is no compilation
        assert said == []
        compiles(0.4)
        compiles(0.4)
    assert len(said) == 1 and "compiling" in said[0]
    with compilation_mentioned(said.append):
        for _ in range(4):  # many short ones add up
            compiles(0.1)
    assert len(said) == 2
