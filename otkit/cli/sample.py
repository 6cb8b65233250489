"""`otkit sample RUN -n 1000 -o S.npy`: samples of a trained generator, or of a toy, in a file."""

import os
from importlib.util import find_spec
from typing import Annotated

import numpy as np
import typer

from otkit.cli import options, picture
from otkit.cli.output import check_writable
from otkit.cli.record import print_record
from otkit.cli.source import is_toy, toy_of
from otkit.errors import BadMeasure, Unsupported

SUFFIXES = (".npy", ".npz", ".csv", ".png")


def sample(
    source: Annotated[str, typer.Argument(metavar="RUN", help="folder of a finished run, or toy:NAME as in train")],
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", metavar="S.npy",
            help=".npy or .npz (array samples), shaped as the data; .csv, one row each; .png, a picture of them",
        ),
    ],
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="how many")] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="the same seed gives the same samples")] = 0,
    as_json: options.AsJson = False,
) -> int:  # fmt: skip
    """Draw samples from a trained generator, in the units of its data."""
    check_writable("--out", out, SUFFIXES, ())
    if out.lower().endswith(".png"):
        picture.check_matplotlib("--out")
    toy = toy_of(source)(n, seed=seed) if is_toy(source) else None
    samples, shape = (toy.samples, ()) if toy is not None else _drawn(source, n, seed)
    _write(samples, out, shape, toy)
    if as_json:
        shown = {"source": source, "n": n, "seed": seed, "shape": samples.shape[1:], "out": out}
        print_record(shown | {"mean": samples.mean(), "low": samples.min(), "high": samples.max()})
    else:
        each = f"{samples[0].size} numbers" if samples.ndim == 2 else f"shape {samples.shape[1:]}"
        seen = f"values {samples.min():.4g} to {samples.max():.4g}"
        print(f"{out}: {n} samples of {each} from {source}, seed {seed}, {seen}")
    return 0


def _drawn(folder: str, n: int, seed: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Samples as the data were, and the shape that rows were folded into for training, or ()."""
    if not os.path.isdir(folder):
        raise Unsupported(
            f"{folder}: no such folder; name the folder of a run (otkit train DATA --out RUN), or toy:NAME"
        )
    if find_spec("torch") is None:
        raise Unsupported("otkit sample needs torch; install it with: pip install 'otkit[torch]'")
    from otkit.torch.training.run import read_config, sample_folder

    samples = sample_folder(folder, n, seed=seed)
    if not np.isfinite(samples).all():
        raise BadMeasure(f"{folder}: its generator makes values that are NaN or infinite; train again")
    shape = read_config(folder).shape
    return (samples.reshape(n, -1) if shape else samples), shape


def _write(samples: np.ndarray, path: str, shape: tuple[int, ...], toy) -> None:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".png":
        import otkit.plot

        drawn = samples.reshape(-1, *shape) if shape else samples
        failed = picture.draw(lambda ax: otkit.plot.samples(drawn, ax, toy=toy), path)
        if failed:
            raise Unsupported(f"--out {path}: the picture was not drawn ({failed})")
    elif suffix == ".csv":
        np.savetxt(path, samples.reshape(len(samples), -1), fmt="%.9g", delimiter=",")
    else:
        with open(path, "wb") as handle:
            if suffix == ".npy":
                np.save(handle, samples)
            else:
                np.savez(handle, samples=samples)
