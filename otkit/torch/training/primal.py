"""Objectives without a critic: the distance between a batch of fakes and a batch of data, minimised itself."""

from __future__ import annotations

import torch
from torch import nn

from otkit.errors import Interrupted, NotConverged, Unsupported
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


def primal_cost(loss: nn.Module, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """The loss of two batches, as rows of numbers; Unsupported where its eps is too small for them."""
    fake, real = fake.flatten(1), real.flatten(1)
    try:
        return loss(fake, real)
    except Interrupted:
        raise
    except NotConverged as error:
        mean = float(torch.cdist(fake.detach(), real).pow(loss.p).mean())
        raise Unsupported(
            f"objective sinkhorn did not converge in {loss.max_iter} sweeps at eps {loss.eps:g}, where the mean cost "
            f"of two batches is {mean:.3g}: eps is in units of distance**p of the data as trained on. "
            f"Set eps={0.05 * mean:.2g} or so."
        ) from error
