"""`otkit verify`: the table and the record, every kind of critic, and one line for everything that is wrong with it."""

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
from otkit.cli import main
from otkit.data import path
from otkit.errors import Interrupted

COMMAND = "verify"
IRIS = [str(path("iris_setosa")), str(path("iris_virginica"))]
UNSEEN = [str(path("iris_setosa")), str(path("iris_versicolor"))]
FILE = """
import numpy as np

print("a critic may print")
weights = [1, 2]


def critic(z):
    print("and again")
    return -z[:, 2]


def score(z):
    return np.tanh(-z).sum(axis=1, keepdims=True)


def raises(z):
    return 1 / len(z[:0])


def leaves(z):
    raise SystemExit(0)


def short(z):
    return z[:3, 0]


def logarithm(z):
    return np.log(z[:, 0] - z[:, 0].mean())


class Net:
    pass
"""


def petals(z):
    return -z[:, 2]


@pytest.fixture(scope="module")
def samples():
    return [np.loadtxt(name, delimiter=",", skiprows=1) for name in IRIS]


@pytest.fixture(scope="module")
def unseen():
    return [np.loadtxt(name, delimiter=",", skiprows=1) for name in UNSEEN]


@pytest.fixture(autouse=True, scope="module")
def compiled(samples):
    """Kernels first, so that no test waits long enough to see progress where it expects an empty stderr."""
    otkit.verify(*samples, critic=petals)
    otkit.verify(*samples, critic=petals, solver=otkit.solvers.Sinkhorn(gap=0.01))


@pytest.fixture(autouse=True)
def file(in_tmp):
    with open("file.py", "w") as handle:
        handle.write(FILE)


def same(record, report):
    """The record of the shell beside the report of the library; counts exactly, numbers to rounding."""
    for key, value in report.items():
        if isinstance(value, dict):
            same(record[key], value)
        elif isinstance(value, float):
            assert record[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
        else:
            assert record[key] == json.loads(json.dumps(value)), key


# --- answers ---


def test_the_table_is_that_of_the_library(shell, samples):
    code, out, err = shell(*IRIS)
    assert (code, out, err) == (0, f"{otkit.verify(*samples)}\n", "")


def test_the_record_is_that_of_the_library(shell, samples, unseen):
    report = otkit.verify(*samples, critic=petals, holdout=tuple(unseen), n_bootstrap=50, seed=3)
    options = ["--holdout", *UNSEEN, "--n-bootstrap", 50, "--seed", 3, "--json", "--quiet"]
    code, out, _ = shell(*IRIS, "--critic", "file.py", *options)
    record = json.loads(out)
    assert code == 0 and out.count("\n") == 1
    same(record, report.to_dict())
    assert record["paths"] == {"x": IRIS[0], "y": IRIS[1], "holdout": UNSEEN, "critic": "file.py"}
    assert record["holdout"]["status"] == "OPTIMAL" and record["otkit"] == otkit.__version__
    assert record["solver"] == "multiscale" and record["columns"][0] == "sepal_length" and record["notes"] == []
    assert record["stats"]["seconds"] > 0


def test_a_holdout_without_a_critic_is_scored_by_the_exact_one(shell, samples, unseen):
    record = json.loads(shell(*IRIS, "--holdout", *UNSEEN, "--json")[1])
    same(record, otkit.verify(*samples, holdout=tuple(unseen)).to_dict())
    assert record["critic"] is None and 0 < record["holdout"]["captured"] <= 1


def test_what_is_not_finite_is_null(shell):
    np.save("x.npy", [[0.0], [1.0]])
    np.savez("values.npz", x=[1.0, 0.0], y=[0.0, 0.0])  # 0 has two values: no slope is steep enough
    record = json.loads(shell("x.npy", "x.npy", "--critic", "values.npz", "--json")[1])
    assert record["critic"]["slope"] is None and record["critic"]["pair"] == [0, 0]


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
def test_metric(shell, samples, metric):
    record = json.loads(shell(*IRIS, "--metric", metric, "--json")[1])
    same(record, otkit.verify(*samples, metric=metric).to_dict())


def test_a_bracket_by_sinkhorn(shell, samples):
    code, out, _ = shell(*IRIS, "--critic", "file.py", "--solver", "sinkhorn", "--gap", 0.01, "--json")
    record = json.loads(out)
    assert code == 0 and (record["solver"], record["status"]) == ("sinkhorn", "CONVERGED")
    assert record["dual"] <= otkit.wasserstein(*samples).cost <= record["primal"] and record["gap"] <= 0.01


def test_weights(shell, samples, unseen):
    heavy = np.arange(1.0, 51.0)
    np.save("w.npy", heavy)
    options = ["--weights-x", "w.npy", "--weights-y", "w.npy", "--holdout", *UNSEEN]
    record = json.loads(shell(*IRIS, *options, "--weights-holdout", "uniform", "w.npy", "--json")[1])
    same(record, otkit.verify(*samples, a=heavy, b=heavy, holdout=(*unseen, None, heavy)).to_dict())


def test_columns_are_matched_by_name_in_all_four_files(shell):
    for name, text in (("x", "a,b\n0,9\n"), ("y", "b,a\n9,4\n"), ("x2", "b,a\n9,1\n"), ("y2", "a,b\n7,9\n")):
        with open(f"{name}.csv", "w") as handle:
            handle.write(text)
    code, out, err = shell("x.csv", "y.csv", "--holdout", "x2.csv", "y2.csv", "--json")
    record = json.loads(out)
    assert code == 0 and (record["primal"], record["holdout"]["primal"]) == (4, 6)
    assert err.count("matched by name") == 2 and len(record["notes"]) == 2


# --- critics ---


@pytest.mark.parametrize("spec", ["file.py", "file.py:critic", "values.npz", "values.npz:f,g"])
def test_the_same_critic_in_every_form(shell, samples, spec):
    x, y = map(petals, samples)
    np.savez("values.npz", x=x, y=y[:, None], f=x, g=y.astype(np.longdouble))
    code, out, _ = shell(*IRIS, "--critic", spec, "--json")
    assert code == 0
    same(json.loads(out)["critic"], otkit.verify(*samples, critic=petals).critic.to_dict())


def test_what_a_critic_prints_is_no_part_of_the_answer(shell):
    out, err = shell(*IRIS, "--critic", "file.py", "--json")[1:]
    assert out.count("\n") == 1 and err == "a critic may print\nand again\nand again\n"


def test_a_file_may_import_what_lies_beside_it_and_hides_nothing(shell):
    os.mkdir("nets")
    with open("nets/helper.py", "w") as handle:
        handle.write("def critic(z): return -z[:, 2]")
    with open("nets/json.py", "w") as handle:
        handle.write("raise ImportError('this is no json')")
    with open("nets/c.py", "w") as handle:
        handle.write("from helper import critic")
    assert shell(*IRIS, "--critic", "nets/c.py", "--json")[0] == 0


BAD_CRITICS = {
    "no file": ("none.py:f", "no such file: none.py"),
    "no folder": ("run", "no such file or folder: run"),
    "no name": ("file.py:scores", "no 'scores' in this file; it has 'critic', 'score'"),
    "an empty name": ("file.py:", "no name after the colon"),
    "a list": ("file.py:weights", "'weights' in this file is of type list"),
    "a class": ("file.py:Net", "'Net' in this file is a class"),
    "no function": ("empty.py", "no 'critic' in this file; there is no function in it"),
    "a file that raises": ("broken.py", "raised ZeroDivisionError: division by zero (line 2 of broken.py)"),
    "a file of no Python": ("syntax.py", "raised SyntaxError"),
    "a file that leaves": ("exit.py", "called exit(0) (line 1 of exit.py)"),
    "what is not installed": ("absent.py", "No module named 'no_such_package'"),
    "a folder": ("folder.py:f", "leave out :f"),
    "no archive": ("junk.npz", "not a NumPy .npz file"),
    "no key": ("values.npz", "no array 'y'; it holds 'x', 'bad'"),
    "one key": ("values.npz:x", "two keys are needed"),
    "NaN": ("values.npz:bad,bad", "critic(x) is NaN or infinite at 1 of 50 points, first nan at x[1]"),
    "text": ("values.npz:text,x", "holds <U1 where numbers are needed"),
    "too few values": ("values.npz:few,x", "critic(x) has shape (3,) but x has 50 points"),
    "one array": ("values.npy", "numpy.savez"),
    "a state": ("net.pt", "otkit.torch.save_critic"),
    "another file": ("values.csv", "this is no critic; a critic is file.py:name"),
}


@pytest.mark.parametrize("case", BAD_CRITICS)
def test_bad_critics(failed, case):
    spec, fragment = BAD_CRITICS[case]
    sources = {"empty": "", "broken": "\n1 / 0", "syntax": "def f(:", "exit": "exit(0)"}
    for name, text in (sources | {"absent": "import no_such_package"}).items():
        with open(f"{name}.py", "w") as handle:
            handle.write(text)
    os.mkdir("folder.py")
    x, bad = np.zeros(50), np.where(np.arange(50) == 1, np.nan, 0.0)
    np.savez("values.npz", x=x, bad=bad, text=np.array(["a"] * 50), few=x[:3])
    for name in ("junk.npz", "values.npy", "net.pt", "values.csv"):
        with open(name, "wb") as handle:
            handle.write(b"junk")
    with open("file.py", "w") as handle:
        handle.write(FILE.replace('print("a critic may print")', ""))
    err = failed(*IRIS, "--critic", spec)
    assert err.startswith(f"otkit: --critic {spec}: ") and fragment in err


BAD_FUNCTIONS = {
    "raises": r"it raised ZeroDivisionError when called with x, an array of shape \(50, 4\): .* \(line 18 of file.py\)",
    "leaves": r"the function called exit\(0\)",
    "short": r"critic\(x\) has shape \(3,\) but x has 50 points",
    "logarithm": r"critic\(x\) is NaN or infinite at \d+ of 50 points",
}


@pytest.mark.parametrize("name", BAD_FUNCTIONS)
def test_bad_functions(failed, monkeypatch, name):
    with open("file.py", "w") as handle:
        handle.write(FILE.replace('print("a critic may print")', ""))
    monkeypatch.setattr(otkit.solvers.Auto, "solve", lambda *_: pytest.fail("solved first"))
    err = failed(*IRIS, "--critic", f"file.py:{name}")
    assert re.search(BAD_FUNCTIONS[name], err), err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(failed):
    os.chmod("file.py", 0)
    assert "it could not be read" in failed(*IRIS, "--critic", "file.py")


def test_values_say_nothing_of_a_holdout(failed):
    np.savez("values.npz", x=np.zeros(50), y=np.zeros(50))
    assert "--holdout" in failed(*IRIS, "--critic", "values.npz", "--holdout", *UNSEEN)


# --- torch critics ---


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """The folder of a run: its critic is petals; beside it what is no critic."""
    torch = pytest.importorskip("torch")
    from otkit.torch import save_critic

    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    net = torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        net.weight[:] = torch.tensor([0.0, 0.0, -1.0, 0.0])
    save_critic(net, folder, torch.zeros(1, 4))
    save_critic(torch.nn.Linear(3, 1), folder / "three.pt2", torch.zeros(1, 3))
    torch.save(net.state_dict(), folder / "state.pt2")
    (folder / "junk.pt2").write_bytes(b"junk")
    (folder / "half.pt2").write_bytes((folder / "critic.pt2").read_bytes()[:2000])
    return folder


@pytest.mark.parametrize("name", ["", "critic.pt2"])
def test_a_torch_critic(shell, samples, run_folder, name):
    code, out, err = shell(*IRIS, "--critic", run_folder / name, "--json")
    assert (code, err) == (0, "")
    same(json.loads(out)["critic"], otkit.verify(*samples, critic=petals).critic.to_dict())


def test_a_torch_module_in_a_python_file(shell, run_folder):
    with open("net.py", "w") as handle:
        handle.write("import torch\n\nnet = torch.nn.Linear(4, 1)\n")
    code, out, _ = shell(*IRIS, "--critic", "net.py:net", "--json")
    assert code == 0 and json.loads(out)["critic"]["captured"] >= 0


@pytest.mark.parametrize(
    "name, fragment",
    [
        ("three.pt2", "takes samples of shape (3,)"),
        ("state.pt2", "it holds weights without their network"),
        ("junk.pt2", "no exported program"),
        ("half.pt2", "no exported program"),
        ("critic.pt2:net", "leave out :net"),
        ("..", "critic.pt2: no such file"),
    ],
)
def test_bad_torch_critics(failed, run_folder, name, fragment):
    assert fragment in failed(*IRIS, "--critic", run_folder / name)


def test_torch_is_not_installed(failed, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("otkit.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    os.mkdir("run")
    assert "pip install 'otkit[torch]'" in failed(*IRIS, "--critic", "run")


# --- options ---

BAD_OPTIONS = {
    "metric": (["--metric", "euclidaen"], "euclidean"),
    "solver": (["--solver", "simplex"], "network-simplex"),
    "limit": (["--solver", "line", "--max-iter", "3"], "--solver line does not take --max-iter"),
    "sinkhorn alone": (["--solver", "sinkhorn"], "--eps or --gap"),
    "negative limit": (["--solver", "network-simplex", "--time-limit", "-1"], "--time-limit is -1.0"),
    "n-bootstrap": (["--n-bootstrap", "0"], "'--n-bootstrap'"),
    "seed": (["--seed", "-1"], "'--seed'"),
    "half a holdout": (["--holdout", IRIS[0]], "'--holdout' requires 2"),
    "no holdout": (["--holdout", "none.csv", IRIS[1]], "none.csv: no such file"),
    "two pipes": (["--holdout", "-", "-"], "X2 and Y2 are both '-'"),
    "other columns": (["--holdout", f"{IRIS[0]}:1,2", IRIS[1]], "X and X2 have different columns"),
    "other dimension": (["--holdout", "x.npy", "x.npy"], "X and X2 differ in dimension"),
    "weights of no holdout": (["--weights-holdout", "uniform", "uniform"], "give --holdout X2 Y2 too"),
    "weights of the holdout": (
        ["--holdout", *IRIS, "--weights-holdout", "x.npy", "uniform"],
        "--weights-holdout x.npy",
    ),
    "plot suffix": (["--plot", "plot.gif"], "it is written as .png, .pdf or .svg; name it plot.png"),
    "plot folder": (["--plot", "nowhere/plot.png"], "cannot be written"),
    "plot over a critic": (["--critic", "c.svg", "--plot", "c.svg"], "this is an input file"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(failed, case):
    options, fragment = BAD_OPTIONS[case]
    np.save("x.npy", np.zeros((2, 3)))
    open("c.svg", "w").close()
    before = os.listdir()
    assert fragment in failed(*IRIS, *options)
    assert os.listdir() == before


# --- not converged ---


def test_not_converged_prints_the_bracket_and_exits_3(shell, samples):
    arguments = [*IRIS, "--critic", "file.py:score", "--solver", "network-simplex", "--max-iter", 1, "--quiet"]
    code, out, err = shell(*arguments, "--json")
    record = json.loads(out)
    assert code == 3 and record["status"] == "MAX_ITER"
    assert "otkit: not converged (MAX_ITER)" in err and "raise --max-iter" in err
    assert record["dual"] <= otkit.wasserstein(*samples).cost <= record["primal"]
    code, out, _ = shell(*arguments)
    assert code == 3 and "MAX_ITER" in out.splitlines()[0] and "an upper bound" in out


def test_a_holdout_that_is_not_solved_is_told(shell):
    limit = ["--solver", "network-simplex", "--max-iter", 20]
    np.save("x.npy", [[0.0, 0.0]])
    code, out, err = shell("x.npy", "x.npy", "--holdout", f"{IRIS[0]}:1,2", f"{IRIS[1]}:1,2", *limit, "--json")
    record = json.loads(out)
    assert code == 3 and (record["status"], record["holdout"]["status"]) == ("OPTIMAL", "MAX_ITER")
    assert err.count("\n") == 1 and "not converged (holdout, MAX_ITER)" in err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_after_the_primal_leaves_its_bracket(shell, samples, monkeypatch, options):
    result = otkit.wasserstein(*samples)

    def interrupted(*_, **__):
        raise Interrupted(result)

    monkeypatch.setattr(otkit, "verify", interrupted)
    code, out, err = shell(*IRIS, *options, "--plot", "plot.png")
    assert code == 3 and "INTERRUPTED" in out and "not converged (INTERRUPTED)" in err and err.count("\n") == 1
    assert not os.path.exists("plot.png")
    if options:
        record = json.loads(out)
        assert (record["primal"], record["dual"]) == (result.cost, result.dual_cost) and record["critic"] is None
    else:
        assert f"{result.cost:.10g}" in out


def test_ctrl_c_before_any_bracket(failed, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(otkit, "verify", interrupted)
    assert "interrupted before a bracket" in failed(*IRIS, code=130)


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_in_the_primal_still_makes_the_report():
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((8000, 3)))
    np.save("y.npy", rng.standard_normal((8000, 3)) + 0.5)
    options = ["--critic", "file.py:score", "--n-bootstrap", "2", "--solver", "network-simplex", "--json"]
    command = [sys.executable, "-m", "otkit", "verify", "x.npy", "y.npy", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        first = next(line for line in child.stderr if "network-simplex" in line)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=240)
    assert first.startswith("otkit: ") and child.returncode == 3 and "Traceback" not in err
    record = json.loads(out)
    assert record["status"] == "INTERRUPTED" and record["dual"] <= record["primal"]
    assert 0 <= record["critic"]["captured"] <= 1


# --- the picture ---


@pytest.mark.parametrize(
    "name, magic", [("plot.png", b"\x89PNG"), ("plot.pdf", b"%PDF"), ("plot.SVG", b"<?xml")]
)  # fmt: skip
def test_plot(shell, name, magic):
    pytest.importorskip("matplotlib")
    pytest.importorskip("otkit.plot")
    columns = [f"{name}:1,2" for name in IRIS]
    with open("file.py", "a") as handle:
        handle.write("\n\ndef plane(z):\n    return -z[:, 0]\n")
    code, out, _ = shell(*columns, "--critic", "file.py:plane", "--plot", name)
    assert code == 0 and out.startswith("W_1 of the samples")
    with open(name, "rb") as handle:
        assert handle.read().startswith(magic)


def test_a_picture_that_fails_costs_nothing_but_itself(shell, monkeypatch):
    pytest.importorskip("matplotlib")

    def broken(*_, **__):
        raise RuntimeError("no\nink")

    monkeypatch.setattr(otkit.DualityReport, "plot", broken)
    code, out, err = shell(*IRIS, "--json", "--plot", "plot.png")
    assert code == 2 and json.loads(out)["status"] == "OPTIMAL"
    assert err == "otkit: --plot plot.png: the picture was not drawn (RuntimeError: no ink)\n"


def test_matplotlib_is_not_installed(failed, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(otkit, "verify", lambda *_, **__: pytest.fail("computed first"))
    assert "pip install 'otkit[plot]'" in failed(*IRIS, "--plot", "plot.png")


# --- the whole ---


def test_help_says_that_a_file_is_executed(capfd):
    assert main(["verify", "--help"]) == 0
    assert "is executed" in " ".join(capfd.readouterr().out.split())
