"""Which random numbers come from which stream, so that one never repeats another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from otkit.torch.training.config import TrainConfig


class Seeds(NamedTuple):
    """Seeds of a run: first weights and dropout, noise and alphas, order of samples, fresh samples, the monitor.

    >>> Seeds.of(3).weights, len(set(Seeds.of(3)))
    (3, 5)
    """

    weights: int
    noise: int
    order: int
    samples: int
    monitor: int

    @classmethod
    def of(cls, seed: int) -> Seeds:
        # one seed for all would give the first noise the very numbers that the first weights were drawn from
        return cls(seed, *map(int, np.random.SeedSequence(seed).generate_state(4, np.uint64) >> np.uint64(1)))


def noise_of(config: TrainConfig, count: int, random: torch.Generator) -> torch.Tensor:
    """(count, noise_dim) float32 on the device of `random`."""
    shape = (count, config.noise_dim)
    if config.noise == "normal":
        return torch.randn(shape, generator=random, device=random.device, dtype=torch.float32)
    return torch.rand(shape, generator=random, device=random.device, dtype=torch.float32) * 2.0 - 1.0
