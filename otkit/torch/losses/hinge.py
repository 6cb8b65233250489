"""Hinge losses: a critic that gains nothing beyond a margin, alone or beside the dual of W_1."""

from __future__ import annotations

import math

import torch

from otkit.errors import Unsupported
from otkit.torch.losses.scores import average, by_name, scores
from otkit.torch.losses.wasserstein import critic_loss, generator_loss


@by_name
def hinge_critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The critic's hinge loss, E (1 - f(real))_+ + E (1 + f(fake))_+, to be minimised.

    Over all critics its least value is 2 - 2 TV(P, Q). Parameters, shapes and Raises: as `dual_estimate`.

    Source: Lim and Ye 2017; Miyato et al. 2018.

    >>> hinge_critic_loss(real=torch.tensor([3.0, 0.0]), fake=torch.tensor([-3.0]))
    tensor(0.5000)
    """
    return _hinges(real, fake, real_weights, fake_weights, margin=1.0)


@by_name
def hinge_generator_loss(*, fake: torch.Tensor, fake_weights: torch.Tensor | None = None) -> torch.Tensor:
    """The generator's loss against a hinge critic: -E f(fake), the same as `generator_loss`.

    Source: Lim and Ye 2017; Miyato et al. 2018.

    >>> hinge_generator_loss(fake=torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return generator_loss(fake=fake, fake_weights=fake_weights)


@by_name
def hinge_estimate(*, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """1 - hinge_critic_loss / 2: on the population, a lower bound of the total variation for any critic.

    Source: Lim and Ye 2017.

    >>> hinge_estimate(real=torch.tensor([1.0]), fake=torch.tensor([-1.0]))
    tensor(1.)
    """
    return 1 - hinge_critic_loss(real=real, fake=fake) / 2


@by_name
def hinge_kr_critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    alpha: float = 10.0,
    margin: float = 1.0,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""The dual of W_1 with a hinge, for a 1-Lipschitz critic that also separates real from fake by a margin.

    .. math:: -(E f(real) - E f(fake)) + \alpha \tfrac12 (E (m - f(real))_+ + E (m + f(fake))_+)

    Parameters
    ----------
    alpha : weight of the hinge, >= 0; 0 is `critic_loss`.
    margin : m, > 0, in units of distance: with a 1-Lipschitz critic, a sample of score m stays real under any move < m.

    The rest of the parameters, shapes and Raises: as `dual_estimate`.

    Source: Serrurier et al. 2021.

    >>> hinge_kr_critic_loss(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([-1.0]), alpha=4.0)
    tensor(-1.)
    """
    for name, value, least in (("alpha", alpha, "not negative"), ("margin", margin, "positive")):
        if not (math.isfinite(value) and value >= 0) or (least == "positive" and value == 0):
            raise Unsupported(f"{name} is {value}: pass a finite number that is {least}.")
    dual = critic_loss(real=real, fake=fake, real_weights=real_weights, fake_weights=fake_weights)
    return dual + alpha / 2 * _hinges(real, fake, real_weights, fake_weights, margin)


def _hinges(
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None,
    fake_weights: torch.Tensor | None,
    margin: float,
) -> torch.Tensor:
    real, fake = scores(real=real, fake=fake)
    above = average(torch.relu(margin - real), real_weights, "real_weights")
    return above + average(torch.relu(margin + fake), fake_weights, "fake_weights")
