"""The relativistic average GAN: how much more real than the average fake, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn.functional import softplus

from otkit.torch.losses.scores import average, by_name, scores

Side = tuple[str, torch.Tensor, torch.Tensor | None]  # its name, scores, weights


@by_name
def relativistic_critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The critic's loss of a relativistic average GAN, to be minimised.

    .. math:: -E \log \sigma(f(real) - E f(fake)) - E \log(1 - \sigma(f(fake) - E f(real)))

    The inner means are those of the batch and carry gradients. Parameters, shapes and Raises: as `dual_estimate`.

    Source: Jolicoeur-Martineau 2019.

    >>> relativistic_critic_loss(real=torch.zeros(3), fake=torch.zeros(2))
    tensor(1.3863)
    """
    real, fake = scores(real=real, fake=fake)
    return _loss(("real", real, real_weights), ("fake", fake, fake_weights))


@by_name
def relativistic_generator_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The generator's loss of a relativistic average GAN: the critic's with real and fake exchanged.

    .. math:: -E \log \sigma(f(fake) - E f(real)) - E \log(1 - \sigma(f(real) - E f(fake)))

    It needs the scores of real samples too: their second term moves the mean of the fake ones. Parameters, shapes and
    Raises: as `dual_estimate`.

    Source: Jolicoeur-Martineau 2019.

    >>> relativistic_generator_loss(real=torch.tensor([1.0]), fake=torch.tensor([3.0])).item() < 0.3
    True
    """
    real, fake = scores(real=real, fake=fake)
    return _loss(("fake", fake, fake_weights), ("real", real, real_weights))


@by_name
def relativistic_estimate(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """2 log 2 - relativistic_critic_loss: a lower bound of the divergence that the critic maximises; 0 for P = Q.

    Source: Jolicoeur-Martineau 2019.

    >>> relativistic_estimate(real=torch.zeros(3), fake=torch.zeros(2))
    tensor(0.)
    """
    return 2 * math.log(2) - relativistic_critic_loss(real=real, fake=fake)


def _loss(above: Side, below: Side) -> torch.Tensor:
    """E softplus(E below - above) + E softplus(below - E above)."""
    mean_above, mean_below = _mean(above), _mean(below)
    missed = _mean(above, lambda f: softplus(mean_below - f))
    return missed + _mean(below, lambda f: softplus(f - mean_above))


def _mean(side: Side, of: Callable[[torch.Tensor], torch.Tensor] | None = None) -> torch.Tensor:
    name, f, weights = side
    return average(f if of is None else of(f), weights, f"{name}_weights")
