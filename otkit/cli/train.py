"""`otkit train DATA --out RUN`: a generator against a critic, with the exact W_1 beside what the critic says."""

import os
import re
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from otkit.cli import options, picture
from otkit.cli.messages import print_notes
from otkit.cli.pace import Pace
from otkit.cli.progress import shown
from otkit.cli.record import print_record
from otkit.cli.settings import make_config
from otkit.cli.source import read_source
from otkit.cli.trained import PAGE, PICTURE, lines_of, record_of, resume_command
from otkit.errors import Diverged, OtkitError, TrainingInterrupted, Unsupported

METHOD = "wgan-gp"
_AGAIN = "go on with resume=True"  # what the trainer says where a checkpoint was written


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="rows of numbers: .csv, .npy, ... as `otkit distance` reads them, file.csv:a,b; images: a folder, or "
            ".npy (n, C, H, W); or toy:eight-gaussians, toy:twentyfive-gaussians, toy:swiss-roll, toy:half-moons, "
            "toy:s-curve, fresh samples at every step",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="RUN", help="folder of the run")],
    method: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="wgan, wgan-gp (the default), wgan-lp, sn-wgan, ct-gan, ortho-wgan, cramer-gan, sinkhorn-gan, "
            "primal, hinge-gan or gan: the settings of their papers",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="generator steps")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="of everything random")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="D", help="auto (cuda where there is one), cpu, cuda, cuda:1, mps")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="any other field of otkit.torch.TrainConfig, many times: --set hidden=512,512 --set batch_size=64",
        ),
    ] = None,
    holdout: Annotated[
        str | None, typer.Option(metavar="FILE", help="samples for the monitor; without it a share of DATA")
    ] = None,
    header: options.HeaderLine = options.Header.auto,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="records also in RUN/tensorboard")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the checkpoint in RUN, as it was set")] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite the run in RUN")] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Train a generator against a critic; the exact W_1 to held-out data is in the records, beside the critic's."""
    if os.environ.get("RANK", "0") != "0":  # another process of torchrun: the first one speaks for all, for good
        sys.stdout = sys.stderr = open(os.devnull, "w")
    _check(tensorboard)
    named = {"steps": steps, "seed": seed, "device": device}
    how = {"out": out, "resume": resume, "force": force, "tensorboard": tensorboard}
    start = time.perf_counter()
    try:
        before = _before(out, resume, method)
        config = make_config(method or METHOD, before, named, settings or ())
        source = read_source(data, holdout, header.value)
        print_notes(_notes(source, out, resume, before), quiet)
        with shown(quiet, Pace(config.method, config.steps)):
            run, stopped = _fit(config, source, how, data)
    except Diverged as error:
        if as_json:
            print_record(
                {"method": config.method, "data": data, "out": out, "steps": error.step, "stopped": "diverged"}
            )
        return _say(str(error), 3)
    seconds = time.perf_counter() - start
    undrawn = [*_draw(run, out), *_write_page(run, out, data, source.toy)]
    if as_json:
        print_record(record_of(run, data, out, seconds))
    else:
        print("\n".join(lines_of(run, data, out, seconds)))
    print_notes(undrawn, quiet)
    if stopped is None:
        return 0
    again = f"go on with: {resume_command(data, out, holdout, tensorboard)}"
    return _say(stopped.replace(_AGAIN, again), 3)


def _check(tensorboard: bool) -> None:
    if find_spec("torch") is None:
        raise Unsupported("otkit train needs torch; install it with: pip install 'otkit[torch]'")
    if tensorboard and find_spec("tensorboard") is None:
        raise Unsupported("--tensorboard needs the package tensorboard; install it with: pip install 'otkit[torch]'")


def _before(out: str, resume: bool, method: str | None):
    """The configuration of the run to go on with; None where a run begins."""
    if not (resume and (Path(out) / "config.json").exists()):
        return None
    from otkit.torch.training.run import read_config

    before = read_config(Path(out))
    if method not in (None, before.method):
        raise Unsupported(
            f"--method {method}: the run in {out} is of {before.method}; leave --method out with --resume"
        )
    return before


def _notes(source, out: str, resume: bool, before: Any) -> list[str]:
    new = [f"there is no run in {out} yet; it begins at step 0"] if resume and before is None else []
    return [*source.notes, *new]


def _fit(config, source, how: dict[str, Any], data: str):
    """The run, and why it is not finished."""
    from otkit.torch.training.trainer import Trainer

    try:
        trainer = Trainer(config)
        return trainer.fit(source.samples, holdout=source.held_out, toy=source.toy, **how), None
    except TrainingInterrupted as error:
        return error.run, str(error)
    except OtkitError as error:
        raise type(error)(_in_shell_words(str(error), data)) from None


def _in_shell_words(message: str, data: str) -> str:
    """Arguments and fields as they are typed."""
    message = re.sub(r"^samples\b", data, re.sub(r"^TrainConfig: ", "", message))
    message = re.sub(r"^(out|holdout)\b", r"--\1", message)
    message = re.sub(r"^resume and force are both True", "--resume and --force are both given", message)
    return re.sub(r"\b(resume|force)=True", r"--\1", message)


def _draw(run, out: str) -> list[str]:
    """RUN/training.png; what went wrong, if anything did: the run itself is safe."""
    if os.environ.get("RANK", "0") != "0" or not run.history.records:
        return []
    if find_spec("matplotlib") is None:
        return [f"no {PICTURE}, which needs matplotlib; install it with: pip install 'otkit[plot]'"]
    import otkit.plot

    path = os.path.join(out, PICTURE)
    failed = picture.draw(lambda ax: otkit.plot.training(run, ax), path)
    return [f"{path}: the picture was not drawn ({failed})"] if failed else []


def _write_page(run, out: str, data: str, toy: Any) -> list[str]:
    """RUN/report.html; what went wrong, if anything did."""
    if os.environ.get("RANK", "0") != "0":
        return []
    from otkit.pages.training import page_of

    try:
        page_of(run, data, toy).write(os.path.join(out, PAGE))
    except OSError as error:
        return [f"{os.path.join(out, PAGE)}: the page was not written ({error.strerror or error})"]
    return []


def _say(message: str, code: int) -> int:
    print(f"otkit: {' '.join(message.split())}", file=sys.stderr)
    return code
