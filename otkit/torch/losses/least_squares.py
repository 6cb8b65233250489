"""Least squares towards 1 for real and 0 for fake."""

from __future__ import annotations

import torch

from otkit.torch.losses.scores import average, by_name, scores


@by_name
def least_squares_critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The critic's loss of a least-squares GAN, E (f(real) - 1)^2 / 2 + E f(fake)^2 / 2, to be minimised.

    Its best critic is p / (p + q). Parameters, shapes and Raises: as `dual_estimate`.

    Source: Mao et al. 2017.

    >>> least_squares_critic_loss(real=torch.tensor([1.0, 0.0]), fake=torch.tensor([1.0]))
    tensor(0.7500)
    """
    real, fake = scores(real=real, fake=fake)
    missed = average((real - 1).square(), real_weights, "real_weights")
    return (missed + average(fake.square(), fake_weights, "fake_weights")) / 2


@by_name
def least_squares_estimate(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    r"""2 - 8 least_squares_critic_loss: on the population, a lower bound of the triangular discrimination.

    .. math:: \int (p - q)^2 / (p + q) \in [0, 2]

    Source: Mao et al. 2017.

    >>> least_squares_estimate(real=torch.tensor([0.5]), fake=torch.tensor([0.5]))
    tensor(0.)
    """
    return 2 - 8 * least_squares_critic_loss(real=real, fake=fake)


@by_name
def least_squares_generator_loss(*, fake: torch.Tensor, fake_weights: torch.Tensor | None = None) -> torch.Tensor:
    """The generator's loss of a least-squares GAN, E (f(fake) - 1)^2 / 2, to be minimised.

    Shapes and Raises: as `dual_estimate`.

    Source: Mao et al. 2017.

    >>> least_squares_generator_loss(fake=torch.tensor([0.0, 1.0]))
    tensor(0.2500)
    """
    (fake,) = scores(fake=fake)
    return average((fake - 1).square(), fake_weights, "fake_weights") / 2
