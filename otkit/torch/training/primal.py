"""Objectives without a critic: the distance between a batch of fakes and a batch of data, minimised itself."""

from __future__ import annotations

import torch
from torch import nn

from otkit.torch.primal import EnergyDistance, SinkhornDivergence, SlicedWasserstein, WassersteinLoss
from otkit.torch.training.config import TrainConfig


def primal_loss(config: TrainConfig, random: torch.Generator) -> nn.Module | None:
    """The loss (fake, real) -> cost of `config.objective`, for batches (n, d); None of an objective with a critic."""
    if config.objective == "sinkhorn":
        return SinkhornDivergence(config.eps, p=config.p)
    if config.objective == "exact":
        return WassersteinLoss(config.p)
    if config.objective == "sliced":
        return SlicedWasserstein(config.p, config.n_projections, generator=random)
    return EnergyDistance() if config.objective == "energy" else None
