"""The shell as a person meets it: answers, exit codes, one line per error, JSON and nothing else."""

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import otkit
from otkit.cli import main
from otkit.cli.record import plain
from otkit.data import path

COMMAND = "distance"
IRIS = [str(path("iris_setosa")), str(path("iris_virginica"))]


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """Kernels first, so that no test waits long enough to see progress where it expects an empty stderr."""
    for p in (1, 2):
        otkit.wasserstein(*(np.loadtxt(name, delimiter=",", skiprows=1) for name in IRIS), p=p)


def write(name, content):
    with open(name, "wb") as handle:
        handle.write(content if isinstance(content, bytes) else content.encode())
    return name


def process(*arguments, **options):
    command = [sys.executable, "-m", "otkit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


# --- answers ---


def test_the_answer_is_that_of_the_library(shell):
    x, y = (np.loadtxt(name, delimiter=",", skiprows=1) for name in IRIS)
    expected = otkit.wasserstein(x, y)
    code, out, err = shell(*IRIS)
    assert code == 0 and err == ""
    assert f"{expected.distance:.12g}" in out.splitlines()[0]
    assert "50 against 50 in 4 dimensions" in out


def test_json_is_one_object_and_nothing_else(shell):
    code, out, err = shell(*IRIS, "--json", "--p", 2)
    record = json.loads(out)
    assert code == 0 and err == "" and out.count("\n") == 1
    assert record["lower"] <= record["distance"] <= record["upper"]
    assert record["gap"] <= 1e-9 and record["cost"] == pytest.approx(record["distance"] ** 2, rel=1e-12, abs=0)
    assert (record["n"], record["m"], record["d"], record["p"], record["status"]) == (50, 50, 4, 2.0, "OPTIMAL")
    assert record["columns"] == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert record["solver"] == "multiscale" and record["otkit"] == otkit.__version__


@pytest.mark.parametrize("metric, distance", [("euclidean", 5), ("cityblock", 7), ("chebyshev", 4)])
def test_metric(shell, metric, distance):
    np.save("x.npy", np.zeros((1, 2)))
    np.save("y.npy", np.array([[3.0, 4.0]]))
    record = json.loads(shell("x.npy", "y.npy", "--metric", metric, "--json")[1])
    assert record["distance"] == pytest.approx(distance, rel=1e-12, abs=0) and record["metric"] == metric


@pytest.mark.parametrize("solver", ["auto", "multiscale", "network-simplex", "assignment", "linear-program"])
def test_every_solver_gives_the_same_distance(shell, solver):
    code, out, _ = shell(*IRIS, "--solver", solver, "--json")
    assert code == 0
    assert json.loads(out)["distance"] == pytest.approx(
        json.loads(shell(*IRIS, "--json")[1])["distance"], rel=1e-9, abs=0
    )


def test_one_column_is_a_problem_on_the_line(shell):
    write("x.csv", "a,b\n0,9\n1,9\n")
    write("y.csv", "a,c\n5,0\n6,1\n")
    for solver in ("line", "auto"):
        record = json.loads(shell("x.csv:a", "y.csv:a", "--json", "--solver", solver)[1])
        assert record["distance"] == pytest.approx(5, rel=1e-12, abs=0) and record["d"] == 1


def test_weights_of_both_sides(shell):
    write("x.csv", "a,b,w\n0,0,3\n1,0,1\n")
    write("y.csv", "a,b\n0,0\n")
    write("w.csv", "2\n")
    code, out, err = shell("x.csv", "y.csv", "--weights-x", "x.csv:w", "--weights-y", "w.csv", "--json")
    assert code == 0 and "note: x.csv: 'w' is the weight" in err
    assert json.loads(out)["distance"] == pytest.approx(0.25, rel=1e-12, abs=0)
    assert shell("x.csv", "y.csv", "--weights-x", "x.csv:w", "-q")[2] == ""


def test_the_plan_is_a_coupling_of_the_samples(shell):
    code, out, _ = shell(*IRIS, "--plan", "plan.npz")
    assert code == 0 and "plan.npz" in out
    with np.load("plan.npz") as plan:
        assert sorted(plan.files) == ["cols", "mass", "rows", "shape"]
        dense = np.zeros(plan["shape"])
        np.add.at(dense, (plan["rows"], plan["cols"]), plan["mass"])
    np.testing.assert_allclose(dense.sum(0), 1 / 50, rtol=1e-12)
    np.testing.assert_allclose(dense.sum(1), 1 / 50, rtol=1e-12)


def test_standard_input(shell, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(open(IRIS[0], "rb").read())))
    assert shell("-", IRIS[1], "--json")[0] == 0


def test_samples_against_themselves(shell):
    record = json.loads(shell(IRIS[0], IRIS[0], "--json")[1])
    assert record["distance"] == record["lower"] == 0 or record["distance"] < 1e-12


# --- refusals ---

BAD_FILES = {
    "missing.csv": (None, "no such file"),
    "empty.csv": (b"", "empty (0 bytes)"),
    "header.csv": (b"a,b,c,d\n", "only a header line"),
    "binary.csv": (bytes(range(256)), "binary"),
    "gap.csv": (b"a,b\n1,\n", "line 2, column 'b' is empty"),
    "text.csv": (b"a,b\n1,x\n2,y\n", "text.csv:a"),
    "junk.npy": (b"abc", "not a NumPy .npy file"),
    "junk.npz": (b"abc", "not a NumPy .npz file"),
    "junk.parquet": (b"abc", "not a readable parquet"),
    "sheet.xlsx": (b"PK", "save the sheet as .csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("side", [0, 1])
def test_bad_files(failed, name, side):
    content, fragment = BAD_FILES[name]
    if content is not None:
        write(name, content)
    arguments = [name, IRIS[0]] if side == 0 else [IRIS[0], name]
    assert fragment in failed(*arguments)


BAD_OPTIONS = {
    "p below one": (["--p", "0.5"], "p"),
    "p nan": (["--p", "nan"], "p"),
    "p inf": (["--p", "inf"], "p"),
    "p a word": (["--p", "two"], "'--p'"),
    "metric": (["--metric", "euclidaen"], "euclidean"),
    "solver": (["--solver", "simplex"], "network-simplex"),
    "solver upper case": (["--solver", "Line"], "did you mean line?"),
    "line in 4-D": (["--solver", "line"], ""),
    "a limit that is not taken": (["--solver", "line", "--max-iter", "3"], "--max-iter"),
    "header": (["--header", "maybe"], "maybe"),
    "unknown option": (["--sover", "line"], "--sover"),
    "max-iter": (["--solver", "network-simplex", "--max-iter", "1.5"], "'--max-iter'"),
    "negative limit": (["--solver", "network-simplex", "--time-limit", "-1"], "--time-limit is -1.0"),
    "plan suffix": (["--plan", "plan.csv"], "plan.npz"),
    "plan folder": (["--plan", "nowhere/plan.npz"], "cannot be written"),
    "third file": (["extra.csv"], "extra.csv"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(failed, case):
    options, fragment = BAD_OPTIONS[case]
    assert fragment in failed(*IRIS, *options)
    assert os.listdir() == []


def test_missing_arguments_and_commands(capfd):
    assert main(["distance"]) == 2
    assert main(["distance", "x.csv"]) == 2
    assert main(["distanec", "x.csv"]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3 and "distance" in lines[2]


def test_the_plan_may_not_replace_an_input(failed):
    np.savez("x.npz", np.zeros((2, 4)))
    before = open("x.npz", "rb").read()
    assert "input file" in failed("x.npz", IRIS[0], "--plan", "./x.npz")
    assert open("x.npz", "rb").read() == before


def test_an_unwritable_plan_is_known_before_the_work(failed, monkeypatch):
    os.mkdir("plan.npz")
    monkeypatch.setattr(otkit, "wasserstein", lambda *a, **k: pytest.fail("computed first"))
    assert "cannot be written" in failed(*IRIS, "--plan", "plan.npz")


@pytest.mark.parametrize(
    "error, code, fragment",
    [(MemoryError(), 2, "memory"), (KeyboardInterrupt(), 130, "interrupted"), (TypeError("a\nb"), 1, "internal error")],
)
def test_whatever_happens_inside_is_one_line(failed, monkeypatch, error, code, fragment):
    def broken(*a, **k):
        raise error

    monkeypatch.setattr(otkit, "wasserstein", broken)
    assert fragment in failed(*IRIS, code=code)


# --- not converged ---


def test_not_converged_prints_the_bracket_and_exits_3(shell):
    arguments = [*IRIS, "--solver", "network-simplex", "--max-iter", 1, "--json"]
    code, out, err = shell(*arguments)
    record = json.loads(out)
    assert code == 3 and record["status"] == "MAX_ITER"
    exact = json.loads(shell(*IRIS, "--json")[1])["distance"]
    assert record["lower"] <= exact * (1 + 1e-12) and exact <= record["upper"] * (1 + 1e-12)
    assert err.count("\n") == 1 and "MAX_ITER" in err
    code, out, _ = shell(*arguments[:-1])
    assert code == 3 and out.splitlines()[1].startswith("bracket")


def test_json_has_no_nan_and_no_infinity():
    found = plain({"a": float("nan"), "b": (np.float64(np.inf), np.int64(2), np.array([1.0, np.nan])), "c": True})
    assert json.loads(json.dumps(found, allow_nan=False)) == {"a": None, "b": [None, 2, [1.0, None]], "c": True}


# --- real processes ---


def test_python_m_otkit():
    done = process("distance", *IRIS, "--json", "--quiet")  # a slow machine mentions compilation
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout)["status"] == "OPTIMAL"
    done = process("distance", "no.csv", "no.csv")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "otkit: no.csv: no such file\n")


def test_version_and_help():
    assert process("--version").stdout == f"otkit {otkit.__version__}\n"
    for arguments in ([], ["--help"], ["distance", "--help"], ["quickstart", "--help"]):
        done = process(*arguments)
        assert done.returncode == 0 and done.stderr == "" and "Usage: otkit" in done.stdout


def test_a_closed_pipe_is_no_error():
    command = [sys.executable, "-m", "otkit", "distance", *IRIS, "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(240) == 0


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_prints_the_bracket_reached():
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((20000, 3)))
    np.save("y.npy", rng.standard_normal((20000, 3)) + 0.5)
    command = [sys.executable, "-m", "otkit", "distance", "x.npy", "y.npy", "--solver", "network-simplex", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        first = child.stderr.readline()  # the first line of progress: the solver is running
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=240)
    assert first.startswith("otkit: ") and child.returncode == 3 and "Traceback" not in err
    record = json.loads(out)
    assert record["status"] == "INTERRUPTED" and record["lower"] <= record["upper"]


def test_quickstart():
    """With few steps: what is said does not depend on how good the samples are."""
    done = process("quickstart", "--steps", "20", "--out", "found")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "59 and 71 analyses of 13 quantities" in done.stdout and "proline" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(os.path.join("found", "report.html"))
    page = open("found/report.html", encoding="utf-8").read()
    trained = importlib.util.find_spec("torch") is not None
    assert page.count("data:image/png;base64") == (7 if trained else 3)
    assert ("20 of 20 steps" if trained else "otkit[torch]") in page
    again = process("quickstart", "--steps", "20", "--out", "found")  # its own folder is written again
    assert again.returncode == 0
    os.mkdir("mine")
    open("mine/thesis.tex", "w").close()
    refused = process("quickstart", "--out", "mine")
    assert refused.returncode == 2 and refused.stdout == "" and "holds something else" in refused.stderr
    assert os.listdir("mine") == ["thesis.tex"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk(shell):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "otkit", "distance", *IRIS],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=240,
        )
    assert done.returncode == 2 and "No space left" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    os.symlink("/dev/full", "plan.npz")
    code, out, err = shell(*IRIS, "--plan", "plan.npz", "--json")
    assert code == 2 and "the plan was not written" in err and err.count("\n") == 1
    assert json.loads(out)["plan"] is None and json.loads(out)["status"] == "OPTIMAL"


@pytest.mark.skipif(os.name == "nt", reason="closes descriptors in a POSIX shell")
@pytest.mark.parametrize(
    "redirection, code, out, err",
    [
        (">&-", 2, "", "nowhere to put"),
        ("2>&-", 0, "bracket", ""),
        ("--sover 2>&-", 2, "", ""),
        ("< /dev/zero", 2, "", "binary"),
    ],
)
def test_closed_and_endless_streams(redirection, code, out, err):
    x = "-" if redirection.startswith("<") else IRIS[0]
    line = f'"{sys.executable}" -m otkit distance "{x}" "{IRIS[1]}" {redirection}'
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=240)
    assert done.returncode == code and out in done.stdout and err in done.stderr
    assert bool(done.stdout) == bool(out) and done.stderr.count("\n") == bool(err)
