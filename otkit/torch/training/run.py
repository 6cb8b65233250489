"""What training leaves behind: networks, records, samples; in memory and in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from otkit.errors import BadMeasure, Unsupported
from otkit.torch.programs import evaluating, home, load_program
from otkit.torch.training import checkpoint
from otkit.torch.training.config import TrainConfig
from otkit.torch.training.history import History
from otkit.torch.training.seeds import noise_of
from otkit.torch.training.units import InOuterUnits, Units
from otkit.torch.training.whole import written_whole

if TYPE_CHECKING:
    from otkit.duality import DualityReport

CONFIG = "config.json"
GENERATOR = "generator.pt2"
BATCH = 4096


@dataclass(eq=False, repr=False)
class Run:
    """A trained generator and critic with the records of their training.

    Attributes
    ----------
    generator, critic : modules in the units of training, in eval mode, on the device of the run; the generator has the
        moving average of its weights where `config.ema` is above 0. critic is None where the objective has none.
    history : `History`: `.records`, `.best()`, `.rank_correlation()`.
    config, shape, steps, stopped : the configuration, the shape of a sample, the steps made, and why it ended.
    units : `Units`: `.outer(samples)` brings samples of training to those of the data, `.inner(samples)` back.
    report : `DualityReport` of the last look at held-out samples, in the units of training; None without a monitor,
        without a critic, and where monitor_size is above what is compared exactly.
    folder : where its files are; None without.

    >>> from otkit.torch import TrainConfig, Trainer
    >>> config = TrainConfig.preset("wgan", steps=1, batch_size=8, hidden=(8,), early_steps=0, monitor_every=0)
    >>> run = Trainer(config).fit(np.random.default_rng(0).normal(size=(32, 2)))
    >>> run.sample(5).shape, run.stopped
    ((5, 2), 'all steps made')
    """

    generator: nn.Module
    critic: nn.Module | None
    history: History
    config: TrainConfig
    shape: tuple[int, ...]
    units: Units
    steps: int
    stopped: str
    report: DualityReport | None = None
    folder: Path | None = None

    def sample(self, n: int, *, seed: int = 0) -> np.ndarray:
        """n new samples (n, *shape) in the units of the data, float32; the same for the same seed on one device."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise BadMeasure(f"n is {n!r}: how many samples, a whole number from 1 on.")
        device, _ = home(self.generator)
        units = self.units.to(device)
        return drawn(InOuterUnits(self.generator, units, generator=True), int(n), self.config, seed, device)

    def __repr__(self) -> str:
        best, name = self.history.best(), self.history.distance
        reached = "" if best is None else f", best {name} {best[name]:.4g} at step {best['step']}"
        return f"Run({self.config.method}, {self.steps} steps, {self.stopped}{reached})"


def drawn(net: nn.Module, n: int, config: TrainConfig, seed: int, device: torch.device) -> np.ndarray:
    """n samples of a generator; noise is drawn on the CPU, so that a seed means the same on every device."""
    random = torch.Generator().manual_seed(seed)
    return in_batches(net, lambda count: noise_of(config, count, random).to(device), n).numpy()


def in_batches(net: nn.Module, noise: Callable[[int], torch.Tensor], n: int) -> torch.Tensor:
    """n outputs of a generator in eval mode, float32 on the CPU, `BATCH` at a time."""
    with evaluating(net), torch.no_grad():
        counts = [min(BATCH, n - begin) for begin in range(0, n, BATCH)]
        return torch.cat([net(noise(count)).float().cpu() for count in counts])


def sample_folder(folder: str | os.PathLike, n: int, *, seed: int = 0) -> np.ndarray:
    """n samples of the generator that a finished run left in its folder."""
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / GENERATOR).exists():
        raise Unsupported(f"{folder}: no {GENERATOR} in this folder; the run has not ended. Go on with --resume.")
    net = load_program(str(folder / GENERATOR))
    config = config.changed(noise_dim=int(net.inputs[0].shape[1]))  # None in the file where the shape of data decided
    return drawn(net, n, config, seed, torch.device("cpu"))


def write_config(folder: Path, config: TrainConfig) -> None:
    with written_whole(folder / CONFIG) as unfinished:
        unfinished.write_text(json.dumps(config.to_dict(), indent=2) + "\n")


def read_config(folder: Path) -> TrainConfig:
    path = Path(folder) / CONFIG
    if not path.exists():
        raise Unsupported(f"{folder}: no {CONFIG} in this folder; it is not one of a training run.")
    try:
        return TrainConfig(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise Unsupported(f"{path}: no configuration of this version ({error}).") from None


def holds_a_run(folder: Path) -> bool:
    """Whether a run was started in this folder."""
    return any((folder / name).exists() for name in (CONFIG, checkpoint.FILE))
