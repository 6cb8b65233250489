"""The dual of W_1 as a game: the critic raises real samples above fake ones, the generator raises the fake ones."""

from __future__ import annotations

import torch

from otkit.torch.losses.scores import average, by_name, scores


@by_name
def dual_estimate(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    r"""What the critic says W_1 is, E f(real) - E f(fake): a lower bound of it for a 1-Lipschitz critic.

    .. math:: W_1(P, Q) = \max_{|f|_{Lip} \le 1} E_P f - E_Q f

    Parameters
    ----------
    real, fake : critic outputs, (B,) or (B, 1); the batches may differ in size.
    real_weights, fake_weights : (B,) weights of the samples, not negative; each is taken relative to its sum.

    Returns
    -------
    A number, in float32 or wider (half precision is widened first).

    Raises
    ------
    TypeError : tensors passed by position, which could be swapped.
    BadCritic : outputs of another shape, integers, an empty batch, tensors on different devices.

    NaN is not looked for: that would make every step wait for the GPU. A critic that is not 1-Lipschitz bounds nothing
    until it is divided by its slope, which is what `otkit.torch.verify_critic` reports.

    Source: Arjovsky, Chintala, Bottou 2017.

    >>> dual_estimate(real=torch.tensor([2.0, 4.0]), fake=torch.tensor([[1.0]]))
    tensor(2.)
    """
    real, fake = scores(real=real, fake=fake)
    return average(real, real_weights, "real_weights") - average(fake, fake_weights, "fake_weights")


@by_name
def critic_loss(
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    real_weights: torch.Tensor | None = None,
    fake_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """The critic's loss of a Wasserstein GAN, to be minimised: -(E f(real) - E f(fake)), `-dual_estimate`.

    Parameters, shapes and Raises: as `dual_estimate`.

    Source: Arjovsky, Chintala, Bottou 2017.

    >>> critic_loss(real=torch.tensor([2.0, 4.0]), fake=torch.tensor([1.0]))
    tensor(-2.)
    """
    return -dual_estimate(real=real, fake=fake, real_weights=real_weights, fake_weights=fake_weights)


@by_name
def generator_loss(*, fake: torch.Tensor, fake_weights: torch.Tensor | None = None) -> torch.Tensor:
    """The generator's loss of a Wasserstein GAN, to be minimised: -E f(fake).

    Parameters, shapes and Raises: as `dual_estimate`.

    Source: Arjovsky, Chintala, Bottou 2017.

    >>> generator_loss(fake=torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    (fake,) = scores(fake=fake)
    return -average(fake, fake_weights, "fake_weights")
