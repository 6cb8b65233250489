"""What a training run came to: some lines for a person, one record for a program."""

import shlex
from pathlib import Path
from typing import Any

from otkit.cli.source import is_toy

PICTURE, PAGE = "training.png", "report.html"
FILES = ("config.json", "history.csv", PICTURE, PAGE, "checkpoint.pt", "generator.pt2", "critic.pt2", "tensorboard")


def row(label: str, text: str) -> str:
    """One line of the summary."""
    return f"{label:<13}{text}"


def resume_command(data: str, out: str, holdout: str | None, tensorboard: bool) -> str:
    """What goes on with the run."""
    held = ["--holdout", holdout] if holdout else []
    return shlex.join(["otkit", "train", data, "--out", out, *held, *["--tensorboard"] * tensorboard, "--resume"])


def files_of(out: str) -> list[str]:
    return [name for name in FILES if (Path(out) / name).exists()]


def lines_of(run, data: str, out: str, seconds: float) -> list[str]:
    """The summary: numbers of the curve, the critic's last report, files, what to type next."""
    lines = [row(run.config.method, f"step {run.steps} of {run.config.steps}, {run.stopped}, {seconds:.3g} s")]
    lines += [*_w1(run), *_modes(run), *_curve(run), *_critic(run)]
    lines.append(row("files", f"{out}: {', '.join(files_of(out))}"))
    if run.stopped != "interrupted":
        lines += [row("" if k else "next", command) for k, command in enumerate(_next(run, data, out))]
    return lines


def record_of(run, data: str, out: str, seconds: float) -> dict[str, Any]:
    """For --json."""
    records = run.history.records
    return {
        "method": run.config.method, "data": data, "out": out, "steps": run.steps, "stopped": run.stopped,
        "seconds": seconds, "best": run.history.best(), "last": records[-1] if records else None,
        "rank_correlation": run.history.rank_correlation(), "records": len(records),
        "report": None if run.report is None else run.report.to_dict(),
        "config": run.config.to_dict(), "shape": run.shape, "files": files_of(out),
    }  # fmt: skip


def _w1(run) -> list[str]:
    best, name = run.history.best(), run.history.distance
    if best is None:
        return []
    last, word = run.history.records[-1], "W_1" if name == "w1" else "sliced W_1"
    floor = best.get("floor" if name == "w1" else "sliced_floor")
    unit = "" if run.units.trivial else ", in the units of training"
    lines = [row(word, f"best {best[name]:.4g} at step {best['step']}, last {last[name]:.4g}{unit}")]
    if floor is not None:
        lines.append(row("floor", f"{floor:.4g}, {word} of held-out data against held-out data"))
    return lines


def _modes(run) -> list[str]:
    last = run.history.records[-1] if run.history.records else {}
    if last.get("modes") is None:
        return []
    return [row("modes", f"{last['modes']} reached, {last['high_quality']:.1%} of the samples within 3 sigma of one")]


def _curve(run) -> list[str]:
    records, rank = run.history.records, run.history.rank_correlation()
    if not records:
        return [row("curve", f"no records {'yet' if run.config.monitor_every else 'as monitor_every is 0'}")]
    if rank is None:
        few = len(records) < 3
        return [row("curve", f"{len(records)} records, {'too few for' if few else 'without'} a rank correlation")]
    return [row("curve", f"rank correlation of critic estimate and W_1 {rank:.2f} over {len(records)} records")]


def _critic(run) -> list[str]:
    if run.report is None or run.report.critic is None:
        return []
    found, primal = run.report.critic, run.report.primal
    return [
        row("critic", f"raw {found.raw:.4g}, slope {found.slope:.4g}: proves {proved(found)} of W_1 {primal:.4g}"),
        row("", f"{found.tightened:.4g} after c-transforms, which prove {found.nearest:.4g} without a critic"),
    ]


def proved(found) -> str:
    """The lower bound of W_1 that a critic's values prove."""
    return f"{found.rescaled:.4g}" if found.rescaled > 0.0 else "nothing"


def _next(run, data: str, out: str) -> list[str]:
    """Commands that work as they stand, where the samples are rows of numbers."""
    samples = f"{Path(out).name}.npy" if len(run.shape) == 1 or run.config.shape else f"{Path(out).name}.png"
    found = [["otkit", "sample", out, "-n", "1000", "-o", samples]]
    if samples.endswith(".npy"):
        real = "real.npy" if is_toy(data) else data
        if is_toy(data):
            found.append(["otkit", "sample", data, "-n", "1000", "-o", real])
        if (Path(out) / "critic.pt2").exists():
            found.append(["otkit", "verify", real, samples, "--critic", out])
        else:
            found.append(["otkit", "distance", real, samples])
    return [shlex.join(command) for command in found]
