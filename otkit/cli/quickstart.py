"""`otkit quickstart`: the three jobs end to end on data that ship with otkit, and a page of what they found."""

import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from otkit.cli.pace import Pace
from otkit.cli.progress import shell_name, shown
from otkit.cli.trained import proved
from otkit.data import path
from otkit.errors import TrainingInterrupted, Unsupported
from otkit.files import read_pair

FOLDER, PAGE, RUN = "otkit-quickstart", "report.html", "eight-gaussians"
PLANE = ("alcohol", "flavanoids")  # the two columns that are drawn
TRAINING = {
    "steps": 2500, "hidden": (64, 64, 64), "ema": 0.99, "lr_decay": "linear", "lr_critic": 1e-3, "lr_generator": 5e-4,
    "betas": (0.5, 0.9), "penalty_weight": 1.0, "monitor_every": 125, "monitor_size": 500, "device": "cpu",
}  # fmt: skip


def quickstart(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="folder for the page and the run")] = Path(
        FOLDER
    ),
    steps: Annotated[int | None, typer.Option(metavar="N", help="generator steps of the small WGAN")] = None,
) -> int:
    """Compare two real sample sets, verify a critic, train a small WGAN, and write a page of what was found."""
    from otkit.pages.page import Page

    _check(out)
    page = Page("otkit quickstart")
    page.text(
        "Three things on data that ship with otkit: the exact Wasserstein distance between two sample sets, what a "
        "critic proves of it, and a small WGAN whose critic is held against the exact distance."
    )
    first, second = (_short(path(f"wine_cultivar_{k}")) for k in (1, 2))
    _compare(page, first, second)
    _verify(page, first, second)
    interrupted = _train(page, out, steps)
    page.heading("Next")
    following = (
        f"otkit distance {first} {second} --p 2",
        f"otkit distance {first}:alcohol,hue {second}:alcohol,hue --json",
        "otkit distance your_x.csv your_y.csv --plan plan.npz",
        "otkit train your_x.csv --out run",
    )
    page.commands(*following)
    out.mkdir(parents=True, exist_ok=True)
    page.write(out / PAGE)
    print("Next:", *following, sep="\n  ")
    print()
    print(f"All of it, with pictures: {out / PAGE}")
    return 3 if interrupted else 0


def _check(out: Path) -> None:
    """Before any work: a folder that something else lives in is left alone."""
    if out.is_dir() and any(out.iterdir()) and not (out / PAGE).is_file():
        raise Unsupported(f"--out {out}: the folder holds something else; name another, or a new one.")
    if out.exists() and not out.is_dir():
        raise Unsupported(f"--out {out}: that is a file; name a folder.")


def _compare(page, first: str, second: str) -> None:
    """All columns of two cultivars of wine."""
    import otkit
    from otkit.pages.sections import add_result

    inputs = read_pair(first, second)
    scale = np.concatenate([inputs.x, inputs.y]).std(axis=0)
    with shown():
        otkit.wasserstein(inputs.x[:8], inputs.y[:9])  # so that the seconds below are those of the solver
    with shown():
        raw = otkit.wasserstein(inputs.x, inputs.y)
        scaled = otkit.wasserstein(inputs.x / scale, inputs.y / scale)
    names = inputs.names or ()
    squares, _, _ = _movement(raw.plan, inputs.x, inputs.y)
    top = int(squares.argmax())
    _, sizes, shifts = _movement(scaled.plan, inputs.x / scale, inputs.y / scale)
    moving = [(names[k], sizes[k], shifts[k]) for k in np.argsort(-sizes)[:5]]
    said = f"Two cultivars of wine: {len(inputs.x)} and {len(inputs.y)} analyses of {len(names)} quantities."
    proof = (
        "Each bracket is a proof: the upper end is the cost of a feasible plan, the lower end that of a feasible dual."
    )
    caveat = f"{squares[top] / squares.sum():.2%} of the squared movement is {names[top]}, the largest numbers"

    print(f"{said}\n")
    print("W_1, columns as they are in the files")
    _print_answer(raw)
    print(f"  but {caveat}\n")
    print("W_1, every column divided by its standard deviation")
    _print_answer(scaled)
    print("  what moves most under the optimal plan, in standard deviations (mean size, mean signed shift):")
    for name, size, shift in moving:
        print(f"    {name:<28} {size:5.2f}  {shift:+5.2f}")
    print(f"\n{proof}\n")

    page.heading("Two sample sets")
    page.text(said, "W_1 with the columns as they are in the files:")
    add_result(page, raw)
    page.text(f"But {caveat}. Every column divided by its standard deviation:")
    add_result(page, scaled)
    page.text(proof, "What moves most under the optimal plan, in standard deviations:")
    page.numbers([(name, f"{size:.2f}", f"mean size; mean signed shift {shift:+.2f}") for name, size, shift in moving])


def _verify(page, first: str, second: str) -> None:
    """Two columns: the plan, and a simple critic against the exact one."""
    import otkit
    from otkit.pages.sections import add_critic, add_plan, share

    columns = ",".join(PLANE)
    inputs = read_pair(f"{first}:{columns}", f"{second}:{columns}")
    scale = np.concatenate([inputs.x, inputs.y]).std(axis=0)
    x, y = inputs.x / scale, inputs.y / scale
    direction = x.mean(axis=0) - y.mean(axis=0)
    direction /= np.linalg.norm(direction)
    with shown():
        report = otkit.verify(x, y, critic=lambda points: points @ direction)
    found = report.critic
    print(f"Dual against primal, on {PLANE[0]} and {PLANE[1]} in standard deviations")
    print(f"  exact W_1 {report.primal:.6g}")
    print("  the coordinate along the difference of the means proves", end=" ")
    print(f"{found.rescaled:.6g}, {share(found.rescaled, report)},")
    print(f"  and {found.tightened:.6g} after c-transforms, {share(found.tightened, report)}\n")
    page.heading("A critic against the exact distance")
    page.text(
        f"Two of the quantities, {PLANE[0]} and {PLANE[1]}, in standard deviations. The critic is the simplest there "
        "is: the coordinate along the difference of the means. By Kantorovich-Rubinstein duality any function divided "
        "by its slope proves a lower bound of W_1."
    )
    add_plan(page, report.result, x, y)
    add_critic(page, report, "the critic along the difference of the means")


def _train(page, out: Path, steps: int | None) -> bool:
    """A small WGAN-GP on eight Gaussians; whether it was interrupted."""
    page.heading("A WGAN whose curve means something")
    if find_spec("torch") is None:
        missing = (
            "The third part trains a WGAN and needs torch: pip install 'otkit[torch]', then otkit quickstart again."
        )
        print(f"{missing}\n")
        page.text(missing)
        return False
    from otkit.datasets import eight_gaussians
    from otkit.pages.sections import add_run
    from otkit.torch import TrainConfig, Trainer
    from otkit.torch.threads import one_thread

    changes = TRAINING | ({} if steps is None else {"steps": steps, "monitor_every": max(1, steps // 20)})
    config = TrainConfig.preset("wgan-gp", **changes)
    toy, start, interrupted = eight_gaussians(1), time.perf_counter(), False
    try:
        with one_thread(), shown(False, Pace(config.method, config.steps)):
            run = Trainer(config).fit(
                lambda n, random: eight_gaussians(n, seed=random).samples, toy=toy, out=out / RUN, force=True
            )
    except TrainingInterrupted as error:
        run, interrupted = error.run, True
    print(f"WGAN-GP on eight Gaussians, {run.steps} steps in {time.perf_counter() - start:.0f} s")
    last = run.history.records[-1] if run.history.records else {}
    if last:
        print(f"  W_1 to held-out data {last['w1']:.4g} (data against data: {last['floor']:.4g})")
        print(f"  {last['modes']} of 8 modes, {last['high_quality']:.1%} of samples within 3 sigma of one")
    if run.report is not None:
        found = run.report.critic
        print(f"  its critic: raw {found.raw:.4g}, slope {found.slope:.4g}, so it proves {proved(found)}")
        print(f"  of W_1 {run.report.primal:.4g}")
    print()
    page.text(
        "A generator learns eight Gaussians on a circle against a critic with a gradient penalty (WGAN-GP). At every "
        "record the exact W_1 between generated and held-out samples is computed beside the critic's estimate: whether "
        "a falling loss meant better samples is measured, not hoped."
    )
    add_run(page, run, toy)
    return interrupted


def _short(file: Path) -> str:
    """The path from here or the absolute one, whichever is shorter."""
    try:
        return min(os.path.relpath(file), str(file), key=len)
    except ValueError:  # another drive
        return str(file)


def _movement(plan, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per column, the plan's mean squared movement, mean size of the movement, and mean signed movement."""
    moves = y[plan.cols] - x[plan.rows]
    return plan.mass @ moves**2, plan.mass @ np.abs(moves), plan.mass @ moves


def _print_answer(result) -> None:
    print(f"  {result.distance:.10g}, certified between {result.lower:.10g} and {result.upper:.10g}")
    print(f"  solved by {shell_name(result.solver)} in {result.stats.seconds:.2g} s")
