"""`otkit train` and `otkit sample`: a run as a new user makes it, goes on with it, verifies its critic; what fails."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import otkit
from otkit.cli import main
from otkit.cli.pace import Pace
from otkit.cli.settings import make_config
from otkit.cli.source import TOYS
from otkit.data import path
from otkit.progress import Progress

torch = pytest.importorskip("torch")

COMMAND = "train"
TOY = "toy:eight-gaussians"
DIGITS = str(path("digits_3"))
SMALL = ["hidden=8", "batch_size=16", "monitor_every=4", "monitor_size=50", "checkpoint_every=3", "lr_critic=1e-3"]
TINY = [part for setting in SMALL for part in ("--set", setting)]
IMAGES = ["--set", "width=4", *TINY[2:]]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """Kernels first, so that no test waits long enough to see progress where it expects an empty stderr."""
    x, y = np.random.default_rng(0).normal(size=(2, 50, 2))
    otkit.verify(x, y, critic=lambda z: z[:, 0])


@pytest.fixture
def other(capfd):
    """Another command than train."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run; no test writes to it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", TOY, "--out", str(folder), "--steps", "8", *TINY, "--quiet"]) == 0
    return folder


def table(folder="run"):
    with open(os.path.join(folder, "history.csv"), newline="") as handle:
        return list(csv.DictReader(handle))


# --- one after the other ---


def test_train_sample_verify_as_the_summary_says(shell, other):
    code, out, err = shell(TOY, "--out", "run", "--steps", 8, "--seed", 3, *TINY, "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith("wgan-gp      step 8 of 8, all steps made, ")
    assert re.search(r"^W_1          best \S+ at step \d+, last \S+$", out, re.MULTILINE)
    assert "curve        2 records, too few for a rank correlation" in out
    assert sorted(os.listdir("run")) == sorted(
        ["config.json", "history.csv", "training.png", "report.html", "checkpoint.pt", "generator.pt2", "critic.pt2"]
    )
    assert [row["step"] for row in table()] == ["4", "8"]
    commands = [line[13:].split()[1:] for line in out.splitlines() if line[13:].startswith("otkit ")]
    assert [command[0] for command in commands] == ["sample", "sample", "verify"]
    found = [other(*command) for command in commands]
    assert [code for code, _, _ in found] == [0, 0, 0] and not any(err for _, _, err in found)
    assert found[0][1].startswith("run.npy: 1000 samples of 2 numbers from run, seed 0, values ")
    assert np.load("run.npy").shape == np.load("real.npy").shape == (1000, 2)
    assert "critic on the samples" in found[2][1]


def test_the_record(shell):
    code, out, err = shell(TOY, "--out", "run", "--steps", 12, "--method", "wgan-lp", *TINY, "--json", "--quiet")
    record = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert (record["method"], record["steps"], record["stopped"]) == ("wgan-lp", 12, "all steps made")
    assert record["config"]["sided"] == "above" and record["config"]["hidden"] == [8] and record["shape"] == [2]
    rows = table()
    best = min(rows, key=lambda row: float(row["w1"]))
    assert record["best"]["step"] == int(best["step"]) and record["best"]["w1"] == float(best["w1"])
    assert record["last"]["captured"] == float(rows[-1]["captured"]) and record["records"] == 3
    assert -1 <= record["rank_correlation"] <= 1
    assert record["report"]["primal"] == pytest.approx(record["last"]["w1"], rel=1e-12, abs=0)
    assert record["otkit"] == otkit.__version__ and "critic.pt2" in record["files"]


def test_more_steps_later_are_the_same_as_at_once(shell):
    for folder, steps in (("whole", 9), ("part", 5)):
        assert shell(TOY, "--out", folder, "--steps", steps, *TINY, "--quiet")[0] == 0
    code, out, err = shell(TOY, "--out", "part", "--resume", "--steps", 9)
    assert (code, err) == (0, "") and out.startswith("wgan-gp      step 9 of 9")
    whole, part = (torch.load(f"{name}/checkpoint.pt", weights_only=True)["generator"] for name in ("whole", "part"))
    assert all(torch.equal(whole[key], part[key]) for key in whole)


def test_resuming_where_nothing_is_begins_and_says_so(shell):
    code, out, err = shell(TOY, "--out", "run", "--resume", "--steps", 2, *TINY)
    assert code == 0 and "step 2 of 2" in out
    assert err == "otkit: note: there is no run in run yet; it begins at step 0\n"


def test_overwriting_is_asked_for(shell, failed):
    assert shell(TOY, "--out", "run", "--steps", 2, *TINY)[0] == 0
    err = failed(TOY, "--out", "run", "--steps", 2, *TINY)
    assert err.startswith("otkit: --out run: there is a run in this folder.") and "--resume" in err and "--force" in err
    assert shell(TOY, "--out", "run", "--steps", 4, *TINY, "--force")[0] == 0
    assert [row["step"] for row in table()] == ["4"]


def test_a_table_with_a_holdout_whose_columns_are_in_another_order(shell, other):
    rows = np.random.default_rng(0).normal(size=(80, 2)) * [1.0, 30.0] + [0.0, 500.0]
    np.savetxt("data.csv", rows, delimiter=",", header="a,b", comments="")
    np.savetxt("unseen.csv", rows[:40, ::-1], delimiter=",", header="b,a", comments="")
    options = ["--holdout", "unseen.csv", "--set", "normalize=standard"]
    code, out, err = shell("data.csv", "--out", "run", "--steps", 4, *TINY, *options)
    assert code == 0 and "matched by name" in err and "in the units of training" in out
    assert other("sample", "run", "-n", 60, "-o", "s.npy")[0] == 0
    assert abs(np.load("s.npy")[:, 1].mean() - 500.0) < 200.0
    record = json.loads(other("verify", "data.csv", "s.npy", "--critic", "run", "--json")[1])
    assert record["n"] == 80 and record["critic"]["slope"] >= 0


def test_rows_folded_into_images(shell, other):
    """Rows go in and rows come out: what the generator makes lies beside its data."""
    fold = ["--set", "shape=1,8,8", "--set", "normalize=range"]
    code, out, err = shell(DIGITS, "--out", "run", "--steps", 2, *IMAGES, *fold)
    assert code == 0, err
    for name in ("s.npy", "s.npz", "s.csv", "s.png"):
        assert other("sample", "run", "-n", 12, "-o", name)[::2] == (0, "")
    rows = np.load("s.npy")
    assert rows.shape == (12, 64) and 0 <= rows.min() and rows.max() <= 16
    np.testing.assert_array_equal(np.load("s.npz")["samples"], rows)
    np.testing.assert_array_equal(np.loadtxt("s.csv", delimiter=",", dtype=np.float32), rows)
    code, out, err = other("verify", DIGITS, "s.npy", "--critic", "run", "--json")
    assert (code, err) == (0, "") and json.loads(out)["d"] == 64


@pytest.mark.parametrize("form", ["array", "folder"])
def test_images(shell, other, form):
    pixels = np.random.default_rng(0).integers(0, 256, size=(40, 1, 8, 8)).astype(np.uint8)
    if form == "array":
        np.save("images.npy", pixels)
    else:
        Image = pytest.importorskip("PIL.Image")
        os.mkdir("images")
        for k, image in enumerate(pixels):
            Image.fromarray(image[0]).save(f"images/{k}.png")
    data = "images.npy" if form == "array" else "images"
    code, out, err = shell(data, "--out", "run", "--steps", 2, *IMAGES, "--set", "output=tanh")
    assert (code, err) == (0, "") and "otkit sample run -n 1000 -o run.png" in out
    assert other("sample", "run", "-n", 9, "-o", "s.npy")[1].startswith("s.npy: 9 samples of shape (1, 8, 8) from run")
    assert np.load("s.npy").shape == (9, 1, 8, 8)
    assert other("sample", "run", "-n", 9, "-o", "s.png")[0] == 0
    assert other("sample", "run", "-n", 9, "-o", "s.csv")[0] == 0
    np.save("real.npy", pixels.reshape(40, -1) / 127.5 - 1.0)
    assert other("verify", "real.npy", "s.csv", "--critic", "run")[0] == 0


def test_arrays_of_three_dimensions_are_sequences_and_a_note_says_so(shell):
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 4, 12)))
    code, _, err = shell("x.npy", "--out", "run", "--steps", 1, *IMAGES)
    assert code == 0 and "--set shape=1,4,12" in err and err.count("\n") == 1


def test_no_critic_no_critic(shell, other):
    code, out, _ = shell(TOY, "--out", "run", "--method", "sinkhorn-gan", "--steps", 3, *TINY[:-2])
    assert code == 0 and not os.path.exists("run/critic.pt2") and "otkit distance real.npy run.npy" in out
    np.save("x.npy", np.zeros((3, 2)))
    code, _, err = other("verify", "x.npy", "x.npy", "--critic", "run")
    assert code == 2 and err.count("\n") == 1 and "--critic run: this run was trained without a critic" in err
    os.unlink("run/generator.pt2")  # as of a run that was interrupted
    assert "--critic run: this run has not ended" in other("verify", "x.npy", "x.npy", "--critic", "run")[2]
    assert "the run has not ended" in other("sample", "run", "-o", "s.npy")[2]


def test_the_curve_may_be_missing(shell, monkeypatch):
    code, out, err = shell(TOY, "--out", "run", "--steps", 2, "--set", "hidden=8", "--set", "monitor_every=0")
    assert (
        (code, err) == (0, "")
        and "curve        no records as monitor_every is 0" in out
        and not os.path.exists("run/training.png")
    )
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = shell(TOY, "--out", "other", "--steps", 2, *TINY)
    assert code == 0 and err == (
        "otkit: note: no training.png, which needs matplotlib; install it with: pip install 'otkit[plot]'\n"
    )


# --- samples ---


def test_the_same_seed_gives_the_same_samples(other, finished):
    for name, seed in (("a.npy", 1), ("b.npy", 1), ("c.npy", 2)):
        assert other("sample", finished, "-n", 5, "--seed", seed, "-o", name)[0] == 0
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    assert (a == b).all() and (a != c).all()


@pytest.mark.parametrize("name", TOYS)
def test_toys(other, name):
    code, out, err = other("sample", f"toy:{name}", "-n", 40, "-o", "s.npy", "--json")
    record = json.loads(out)
    assert (code, err, record["n"], record["shape"]) == (0, "", 40, [2])
    expected = getattr(otkit.datasets, TOYS[name])(40, seed=0).samples
    np.testing.assert_array_equal(np.load("s.npy"), expected)
    assert other("sample", f"toy:{name}", "-n", 40, "-o", "s.png")[0] == 0


BAD_SAMPLES = {
    "no folder": (["none"], "none: no such folder; name the folder of a run"),
    "no run": (["."], "no config.json in this folder"),
    "not finished": (["begun"], "no generator.pt2 in this folder; the run has not ended"),
    "no toy": (["toy:eight-gausians"], "no such toy; did you mean eight-gaussians?"),
    "no samples": (["begun", "-n", 0], "'-n'"),
    "a suffix": ([TOY, "-o", "s.jpg"], "it is written as .npy, .npz, .csv or .png; name it s.npy"),
    "nowhere": ([TOY, "-o", "none/s.npy"], "cannot be written"),
}


@pytest.mark.parametrize("case", BAD_SAMPLES)
def test_bad_samples(other, case):
    arguments, fragment = BAD_SAMPLES[case]
    os.mkdir("begun")
    with open("begun/config.json", "w") as handle:
        json.dump(make_config("wgan-gp", None, {}, []).to_dict(), handle)
    output = [] if "-o" in arguments else ["-o", "s.npy"]
    code, out, err = other("sample", *arguments, *output)
    assert (code, out, err.count("\n")) == (2, "", 1) and fragment in err
    assert os.listdir() == ["begun"]


def test_numbers_that_cannot_be_drawn(other):
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 3)))
    assert main(["train", "x.npy", "--out", "run", "--steps", "1", *TINY, "--quiet"]) == 0
    code, _, err = other("sample", "run", "-o", "s.png")
    assert code == 2 and "--out s.png: the picture was not drawn (samples has shape (1000, 3)" in err


# --- bad input ---

BAD = {
    "no file": (["none.csv"], "none.csv: no such file"),
    "no toy": (["toy:9-gaussians"], "toy:9-gaussians: no such toy;"),
    "no method": ([TOY, "--method", "wgangp"], "--method wgangp: no such method, did you mean wgan-gp?"),
    "no device": ([TOY, "--device", "gpu"], "device is 'gpu'"),
    "an empty folder": (["empty"], "empty: no image in this folder"),
    "five dimensions": (["five.npy"], "five.npy: the array has shape (2, 1, 1, 1, 1)"),
    "NaN": (["nan.npy"], "nan.npy: row 2, column 1 is nan"),
    "NaN in images": (["images.npy"], "images.npy has 1 entries that are NaN"),
    "too few": (["few.npy", "--set", "monitor_every=0"], "few.npy has 4 points to train on and batch_size is 256"),
    "another shape": (["few.npy", "--set", "shape=1,8,8"], "few.npy has 2 numbers a sample, and shape is (1, 8, 8)"),
    "a holdout that is not there": ([TOY, "--holdout", "none.csv"], "none.csv: no such file"),
    "a holdout of another dimension": (["few.npy", "--holdout", "three.npy"], "DATA and --holdout differ in dimension"),
    "steps": ([TOY, "--steps", 0], "steps is 0: a whole number from 1 on is needed"),
    "no equals sign": ([TOY, "--set", "steps"], "steps: write it as key=value"),
    "twice": ([TOY, "--steps", 5, "--set", "steps=6"], "steps is given twice, also as --steps"),
    "twice again": ([TOY, "--set", "ema=0", "--set", "ema=0.5"], "ema is given twice"),
    "method": ([TOY, "--set", "method=gan"], "method is no setting; it is --method"),
    "both": ([TOY, "--resume", "--force"], "--resume and --force are both given"),
    "a file": ([TOY, "--out", "few.npy"], "--out few.npy is a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(failed, case):
    arguments, fragment = BAD[case]
    os.mkdir("empty")
    images = np.zeros((40, 1, 8, 8))
    images[3, 0, 2, 2] = np.nan
    arrays = {"few": np.zeros((5, 2)), "three": np.zeros((5, 3)), "five": np.zeros((2, 1, 1, 1, 1)), "images": images}
    for name, array in (arrays | {"nan": [[0.0], [np.nan]]}).items():
        np.save(f"{name}.npy", array)
    output = [] if "--out" in arguments else ["--out", "run"]
    assert fragment in failed(*arguments, *output, "--quiet")
    assert not os.path.exists("run/history.csv")


def test_all_wrong_settings_in_one_line(failed):
    wrong = ["hiden=64", "ema=2", "batch_size=many", "compile=perhaps", "betas=0.5", "hidden=a,b"]
    options = [part for setting in wrong for part in ("--set", setting)]
    err = failed(TOY, "--out", "run", "--method", "none", "--steps", -1, *options)
    for fragment in (
        "--method none: no such method, choose one of wgan, wgan-gp,",
        "hiden: no such setting, did you mean hidden?",
        "batch_size is 'many': a whole number is needed",
        "compile is 'perhaps': true or false is needed",
        "hidden is 'a,b': a list of whole numbers with commas is needed",
        "ema is 2.0: a number from 0 to 0.999999 is needed",
        "betas is (0.5,): two numbers",
        "steps is -1: a whole number from 1 on is needed",
    ):
        assert fragment in err


@pytest.mark.parametrize(
    "options, fragment",
    [
        (["--method", "wgan"], "--method wgan: the run in run is of wgan-gp; leave --method out with --resume"),
        (["--set", "lr_critic=1"], "lr_critic 0.001 is now 1.0"),
        (["--seed", "1"], "seed 0 is now 1"),
    ],
)
def test_a_run_is_not_resumed_as_another(shell, failed, options, fragment):
    assert shell(TOY, "--out", "run", "--steps", 2, *TINY)[0] == 0
    before = {name: os.stat(f"run/{name}").st_mtime_ns for name in os.listdir("run")}
    assert fragment in failed(TOY, "--out", "run", "--resume", *options)
    assert {name: os.stat(f"run/{name}").st_mtime_ns for name in os.listdir("run")} == before


@pytest.mark.parametrize("junk", [b"", b"junk", None])
def test_a_checkpoint_that_is_none(shell, failed, junk):
    assert shell(TOY, "--out", "run", "--steps", 2, *TINY)[0] == 0
    if junk is None:
        torch.save({"a": torch.zeros(1)}, "run/checkpoint.pt")
    else:
        with open("run/checkpoint.pt", "wb") as handle:
            handle.write(junk)
    assert "checkpoint.pt: " in failed(TOY, "--out", "run", "--resume", "--steps", 4)


def test_torch_is_not_installed(failed, other, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert (
        failed(TOY, "--out", "run") == "otkit: otkit train needs torch; install it with: pip install 'otkit[torch]'\n"
    )
    os.mkdir("run")
    code, _, err = other("sample", "run", "-o", "s.npy")
    assert code == 2 and "otkit sample needs torch" in err


def test_tensorboard_is_not_installed(failed, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert "pip install 'otkit[torch]'" in failed(TOY, "--out", "run", "--tensorboard")
    assert not os.path.exists("run")


# --- not finished ---


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nan_is_told_with_the_tensor_and_exits_3(shell, form):
    huge = ["--set", "lr_critic=1e38", "--set", "lr_generator=1e38"]
    code, out, err = shell(TOY, "--out", "run", "--steps", 50, *TINY[:-2], *huge, *form, "--quiet")
    assert code == 3 and err.count("\n") == 1 and "training diverged at step" in err and "lr_critic" in err
    assert (json.loads(out)["stopped"] if form else out) == ("diverged" if form else "")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(shell):
    options = [*TINY, "--steps", "1000000"]
    command = [sys.executable, "-m", "otkit", "train", TOY, "--out", "my run", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as child:
        first = next(line for line in child.stderr if "wgan-gp" in line)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=120)
    assert re.match(r"otkit: wgan-gp: step \d+ of 1000000", first)
    assert child.returncode == 3 and "Traceback" not in err
    assert re.match(r"wgan-gp      step \d+ of 1000000, interrupted, ", out) and "otkit sample" not in out
    again = re.fullmatch(
        r"otkit: training stopped at step (\d+) of 1000000; the checkpoint of step \1 is in my run, go on with: "
        r"otkit (train toy:eight-gaussians --out 'my run' --resume)",
        err.splitlines()[-1],
    )
    assert again, err
    steps = int(again[1]) + 3
    code, out, err = shell(TOY, "--out", "my run", "--resume", "--steps", steps)
    assert code == 0 and out.startswith(f"wgan-gp      step {steps} of {steps}")


def test_ctrl_c_before_the_first_step(failed, monkeypatch):
    from otkit.torch.training.trainer import Trainer

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "fit", interrupted)
    assert failed(TOY, "--out", "run", code=130) == "otkit: interrupted before the first step\n"


# --- progress, several processes, help ---


def test_the_pace_is_that_of_this_call(monkeypatch):
    """Of a run that goes on at step 500 of 1000, and makes 100 in 10 s; what solvers report on the way is left out."""
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("otkit.cli.pace.time.perf_counter", lambda: next(clock))
    pace = Pace("gan", 1000)
    assert pace(Progress("network-simplex", "10 pivots", 0.5)) is None
    first = Progress("gan", "step 500 of 1000", 0.5)
    assert pace(first) == first
    assert pace(Progress("gan", "step 600 of 1000", 0.6)).message == "step 600 of 1000, 10 steps/s, 40 s left"


@pytest.mark.slow
def test_two_processes_speak_once():
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29531"]
    command = [*launch, "-m", "otkit", "train", TOY, "--out", "run", "--steps", "4", *TINY]
    run = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("step 4 of 4, all steps made") == 1 and "training.png" in os.listdir("run")


def test_help_names_the_methods_and_the_toys(capfd):
    from otkit.torch.training.config import PRESETS

    assert main(["train", "--help"]) == 0
    text = re.sub(r"-\s+", "-", " ".join(capfd.readouterr().out.split()))
    listed = re.search(r"--method M (.*?): the settings of their papers", text)[1]
    assert set(re.split(r", | or ", listed.replace(" (the default)", ""))) == set(PRESETS)
    assert all(f"toy:{name}" in text for name in TOYS)


def test_the_page_has_every_preset_and_every_column():
    from otkit.torch.training.config import PRESETS
    from otkit.torch.training.history import COLUMNS

    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    presets, columns = page.split("## Presets")[1].split("## Columns of history.csv")
    first = [re.findall(r"^\| (`[^|]*?) \|", part, re.MULTILINE) for part in (presets, columns.split("## ")[0])]
    assert [re.sub("`", "", row) for row in first[0]] == ["--method", *PRESETS]
    assert set(re.findall(r"`(\w+)`", " ".join(first[1]))) == set(COLUMNS)
