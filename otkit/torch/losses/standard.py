"""The losses of the first GAN. The critic's output is a logit: D = sigmoid(f), and no sigmoid is ever taken."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import softplus

from otkit.torch.losses.scores import average, by_name, scores


@by_name
def standard_critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The discriminator's cross-entropy, -E log D(real) - E log(1 - D(fake)), from logits f, D = sigmoid(f).

    Taken as E softplus(-f(real)) + E softplus(f(fake)), which neither overflows nor loses its gradient. Over all
    critics its least value is 2 log 2 - 2 JS(P, Q). Parameters, shapes and Raises: as `dual_estimate`.

    Source: Goodfellow et al. 2014.

    >>> standard_critic_loss(real=torch.zeros(3), fake=torch.zeros(2))
    tensor(1.3863)
    """
    real, fake = scores(real=real, fake=fake)
    missed = average(softplus(-real), real_weights, "real_weights")
    return missed + average(softplus(fake), fake_weights, "fake_weights")


@by_name
def standard_estimate(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """log 2 - standard_critic_loss / 2, in nats: on the population, a lower bound of the Jensen-Shannon divergence.

    Source: Goodfellow et al. 2014.

    >>> standard_estimate(real=torch.zeros(3), fake=torch.zeros(2))
    tensor(0.)
    """
    return math.log(2) - standard_critic_loss(real=real, fake=fake) / 2


@by_name
def saturating_generator_loss(*, fake: torch.Tensor, fake_weights: torch.Tensor | None = None) -> torch.Tensor:
    """The generator's side of the minimax game, E log(1 - D(fake)) = -E softplus(f(fake)), to be minimised.

    Its gradient vanishes where the critic is sure that a sample is fake. Shapes and Raises: as `dual_estimate`.

    Source: Goodfellow et al. 2014.

    >>> saturating_generator_loss(fake=torch.tensor([0.0]))
    tensor(-0.6931)
    """
    (fake,) = scores(fake=fake)
    return -average(softplus(fake), fake_weights, "fake_weights")


@by_name
def non_saturating_generator_loss(*, fake: torch.Tensor, fake_weights: torch.Tensor | None = None) -> torch.Tensor:
    """The generator's loss that is used in practice, -E log D(fake) = E softplus(-f(fake)), to be minimised.

    Its gradient is largest where the critic is sure that a sample is fake. Shapes and Raises: as `dual_estimate`.

    Source: Goodfellow et al. 2014.

    >>> non_saturating_generator_loss(fake=torch.tensor([0.0]))
    tensor(0.6931)
    """
    (fake,) = scores(fake=fake)
    return average(softplus(-fake), fake_weights, "fake_weights")
