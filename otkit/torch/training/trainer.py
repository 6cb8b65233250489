"""The trainer: its door, and what is checked before the first step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from otkit.datasets import Toy
from otkit.errors import Unsupported
from otkit.torch.lines import first_line
from otkit.torch.training.config import TrainConfig
from otkit.torch.training.feed import split_of
from otkit.torch.training.folder import begun, checked_folder
from otkit.torch.training.loop import Callback, Loop
from otkit.torch.training.networks import networks_of, refuse_unexportable, with_plain_weights
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.run import Run, write_config


class Trainer:
    r"""Trains a generator against a critic and says, on held-out samples, how far it is from the data in W_1.

    .. math:: \min_\theta \max_{f\,1\text{-Lipschitz}} \; E f(x) - E f(G_\theta(z))

    One critic step sees real and generated samples in one batch; penalties are taken in float32; one backward a step. A
    checkpoint holds everything random, so a run that was killed goes on bit for bit on one CPU.

    Parameters
    ----------
    config : a `TrainConfig`, for instance `TrainConfig.preset("wgan-gp", steps=2000)`.

    Source: Arjovsky, Chintala, Bottou 2017; Gulrajani et al. 2017.

    >>> import numpy as np
    >>> config = TrainConfig.preset("wgan-gp", steps=2, batch_size=16, hidden=(8,), monitor_every=0, device="cpu")
    >>> run = Trainer(config).fit(np.random.default_rng(0).normal(size=(64, 2)))
    >>> run.sample(3).shape, run.stopped
    ((3, 2), 'all steps made')
    """

    def __init__(self, config: TrainConfig) -> None:
        if not isinstance(config, TrainConfig):
            raise Unsupported(
                f"config is a {type(config).__name__}: pass a TrainConfig, such as TrainConfig.preset(...)."
            )
        self.config = config

    def fit(
        self,
        samples: Any,
        *,
        out: str | os.PathLike | None = None,
        holdout: Any = None,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        toy: Any = None,
        resume: bool = False,
        force: bool = False,
        tensorboard: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Run:
        """Trains on samples and returns the `Run`.

        Parameters
        ----------
        samples : (n, ...) array or tensor, bytes (uint8) as numbers from -1 to 1; a `Toy`; a path (a file as `otkit
            distance` reads it, an .npy of any shape, or a folder of images); a torch Dataset or DataLoader (labels are
            ignored, a loader's batches are batch_size); or `sampler(n, random)`, which gives fresh samples with the
            NumPy generator it is handed.
        out : folder of the run: config.json, history.csv, checkpoint.pt, at the end generator.pt2 and critic.pt2.
        holdout : (k, ...) samples for the monitor, half of them for its floor; None takes `config.holdout` of the
            samples, or fresh ones of a sampler. Loaders need it, or monitor_every=0.
        generator, critic : networks of your own, (B, noise_dim) -> (B, ...) and (B, ...) -> (B,) or (B, 1). Copies of
            them are trained; yours stay as they are.
        toy : an `otkit.datasets.Toy`, whose mode coverage is recorded; that of samples unless given.
        resume : go on from the folder's checkpoint, or begin where there is none. force : overwrite the run there.
        tensorboard : records also in `out`/tensorboard.
        callbacks : each is called as callback(trainer, record) after every record; one that returns True ends the run.

        The first Ctrl-C ends the step and writes a checkpoint. torch's own random numbers are those of config.seed
        inside and the caller's again after. Threads are torch's.

        Raises
        ------
        BadMeasure, BadCritic, Unsupported : the input, by argument name, before anything is written. Diverged : a value
        that is NaN, with the tensor and the step; the last checkpoint stays. TrainingInterrupted : Ctrl-C, with the run
        so far. OSError : a file that could not be written, such as on a full disk; the one before stays.
        """
        config = self.config
        if tensorboard and out is None:
            raise Unsupported("tensorboard needs out: the folder of the run, which gets its events.")
        if toy is None and isinstance(samples, Toy):
            toy = samples
        device = _device(config.device)
        folder = checked_folder(out, config, resume=resume, force=force)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            ranks = Ranks(device)
            loop = self._prepared(samples, holdout, generator, critic, toy, device, ranks, folder, tensorboard)
            try:
                self._begin(loop, resume)
                return loop.run(self, callbacks)
            finally:
                loop.data.feed.close()

    def _prepared(self, samples: Any, holdout: Any, generator: nn.Module | None, critic: nn.Module | None, toy: Any,
                  device: torch.device, ranks: Ranks, folder: Path | None, tensorboard: bool) -> Loop:  # fmt: skip
        """Data, networks and optimisers; nothing is written."""
        config = self.config
        torch.manual_seed(config.seed)
        data = split_of(samples, config, device, holdout)
        try:
            net_g, net_c, noise_dim = networks_of(config, data.shape, generator, critic, device)
            if config.noise_dim is None:
                config = config.changed(noise_dim=noise_dim)
            if folder is not None:  # in every process: one that went on alone would wait for the others
                given = (("generator", generator, net_g, (noise_dim,)), ("critic", critic, net_c, data.shape))
                for name, theirs, net, shape in given:
                    if theirs is not None:
                        refuse_unexportable(with_plain_weights(net), torch.zeros(1, *shape), name)
            return Loop(config, data, (net_g, net_c), device, ranks, folder, toy, tensorboard)
        except BaseException:
            data.feed.close()
            raise

    def _begin(self, loop: Loop, resume: bool) -> None:
        """The folder made ready, or the state it holds."""
        if loop.folder is None:
            return
        loop.ranks.wait()  # until every process has looked at the folder
        if loop.ranks.first:
            begun(loop.folder, resume=resume)
        loop.ranks.wait()
        if resume:
            loop.restore()
        if loop.ranks.first:
            write_config(loop.folder, loop.config)


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and "LOCAL_RANK" in os.environ:
        wanted = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise Unsupported(
            f"device is {wanted!r}, but torch cannot use one here ({first_line(error)}). Use 'cpu' or 'auto'."
        ) from None
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device
