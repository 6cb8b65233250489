"""Generator steps a second of the trainer and of a loop written by hand, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gan_loops import BATCH, NOISE, plain
from otkit.datasets import eight_gaussians
from otkit.torch import PRESETS, TrainConfig
from otkit.torch.training.feed import split_of
from otkit.torch.training.loop import Loop
from otkit.torch.training.networks import networks_of
from otkit.torch.training.ranks import Ranks

WITHOUT_LOOP = ("sinkhorn-gan",)  # its loss is otkit's own: there is no plain one to compare with


def rows(hidden: tuple[int, ...], rounds: int, device: str) -> list[dict[str, Any]]:
    """One row a preset: medians of milliseconds for a generator step, and their ratio."""
    samples = torch.from_numpy(eight_gaussians(20_000, seed=0).samples).float().to(device)
    found = []
    for preset in PRESETS:
        if preset in WITHOUT_LOOP:
            continue
        steps = {"plain": plain(preset, samples, hidden), "otkit": ours(preset, samples, hidden, device)}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for k in range(rounds + 2):
            for name, step in steps.items():
                seconds = timed(step, device)
                if k >= 2:  # the first two warm up
                    times[name].append(1e3 * seconds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        best = min(times["plain"]) / min(times["otkit"])
        found.append({"preset": preset, **medians, "ratio": medians["plain"] / medians["otkit"], "ratio_best": best})
    return found


def ours(preset: str, samples: torch.Tensor, hidden: tuple[int, ...], device: str) -> Callable[[], None]:
    """The trainer's loop, a generator step at a time, monitor off; it looks for NaN as it does in a run."""
    torch.manual_seed(0)
    config = TrainConfig.preset(
        preset, hidden=hidden, noise_dim=NOISE, batch_size=BATCH, monitor_every=0, checkpoint_every=0, device=device,
        steps=10**9, n_critic_early=0,
    )  # fmt: skip
    place = torch.device(device)
    data = split_of(samples, config, place)
    networks = networks_of(config, data.shape, None, None, place)
    loop = Loop(config, data, networks[:2], place, Ranks(place), None, None, False)
    return loop.advance


def timed(step: Callable[[], None], device: str) -> float:
    start = time.perf_counter()
    step()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start
