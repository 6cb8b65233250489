r"""The Cramer GAN: the energy distance between embeddings h, and the critic whose dual estimate stands in for it.

Three independent samples meet in each row: x real, y and y' fake. |.| is the Euclidean norm of an embedding.
"""

from __future__ import annotations

import torch
from torch import nn

from otkit.errors import BadCritic
from otkit.torch.losses.scores import by_name, embeddings


@by_name
def cramer_generator_loss(*, real: torch.Tensor, fake: torch.Tensor, fake2: torch.Tensor | None = None) -> torch.Tensor:
    r"""The generator's loss of a Cramer GAN: the energy distance of the embeddings, less what no generator changes.

    .. math:: E |h(x) - h(y)| + E |h(x) - h(y')| - E |h(y) - h(y')|

    It is the energy distance plus E |h(x) - h(x')|: without bias, and least, for fixed h, where the laws of h agree.

    Parameters
    ----------
    real, fake, fake2 : embeddings (B, k) of x, y and y', row i of one with row i of the others. Without fake2, the y'
        of row i is row i + 1 of fake (of the last, row 0): as independent, and one call of the generator less.

    Raises
    ------
    TypeError : tensors passed by position.
    BadCritic : shapes that are not (B, k) or differ, integers, an empty batch, tensors on different devices; B = 1
        without fake2.

    O(B k) time and memory. Source: Bellemare et al. 2017 (algorithm 1).

    >>> cramer_generator_loss(real=torch.zeros(2, 1), fake=torch.tensor([[1.0], [3.0]]))
    tensor(2.)
    """
    real, fake, fake2 = _samples(real, fake, fake2)
    return (norm(real - fake) + norm(real - fake2) - norm(fake - fake2)).mean()


@by_name
def cramer_scores(*, features: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """The critic of a Cramer GAN as a number a sample, f(x) = |h(x) - h(y')| - |h(x)|, (B,).

    Parameters
    ----------
    features, anchors : embeddings (B, k), of x and of independent fake samples y', row by row.

    This f is what a penalty of gradients is about: h may have any slope. Twice differentiable, with slope 0 of a norm
    at 0. Raises as `cramer_generator_loss`. Source: Bellemare et al. 2017 (algorithm 1).

    >>> cramer_scores(features=torch.tensor([[3.0, 4.0]]), anchors=torch.tensor([[0.0, 0.0]]))
    tensor([0.])
    """
    features, anchors = embeddings(features=features, anchors=anchors)
    return norm(features - anchors) - norm(features)


@by_name
def cramer_estimate(*, real: torch.Tensor, fake: torch.Tensor, fake2: torch.Tensor | None = None) -> torch.Tensor:
    """What the critic of a Cramer GAN maximises, E f(x) - E f(y) with the f of `cramer_scores`.

    A lower bound of W_1 where f is 1-Lipschitz. It takes |h(x)| for the distance to a second real sample, so it can
    vanish for laws that differ, which the energy distance cannot. Parameters and Raises: as `cramer_generator_loss`.

    Source: Bellemare et al. 2017 (algorithm 1).

    >>> cramer_estimate(real=torch.zeros(2, 1), fake=torch.tensor([[1.0], [3.0]]))
    tensor(2.)
    """
    real, fake, fake2 = _samples(real, fake, fake2)
    return (cramer_scores(features=real, anchors=fake2) - cramer_scores(features=fake, anchors=fake2)).mean()


@by_name
def cramer_critic_loss(*, real: torch.Tensor, fake: torch.Tensor, fake2: torch.Tensor | None = None) -> torch.Tensor:
    """The critic's loss of a Cramer GAN, -(E f(x) - E f(y)), `-cramer_estimate`, to be minimised.

    Parameters and Raises: as `cramer_generator_loss`. Source: Bellemare et al. 2017 (algorithm 1).

    >>> cramer_critic_loss(real=torch.zeros(2, 1), fake=torch.tensor([[1.0], [3.0]]))
    tensor(-2.)
    """
    return -cramer_estimate(real=real, fake=fake, fake2=fake2)


class CramerCritic(nn.Module):
    """The critic of a Cramer GAN as one fixed function, f(x) = mean_j |h(x) - h(y_j)| - |h(x)|: (B, ...) -> (B,).

    Parameters
    ----------
    net : h, (B, ...) -> (B, k).
    samples : (m, ...) fake samples y_j, kept as a buffer.

    It is what `otkit.torch.verify_critic` and `save_critic` take; O((B + m) k + B m k) time.

    Source: Bellemare et al. 2017.

    >>> CramerCritic(nn.Identity(), torch.tensor([[1.0], [3.0]]))(torch.tensor([[0.0], [2.0]]))
    tensor([ 2., -1.])
    """

    def __init__(self, net: nn.Module, samples: torch.Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("samples", samples.detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features, anchors = self.net(x), self.net(self.samples)
        exact = "donot_use_mm_for_euclid_dist"  # products cancel for points that are close
        return torch.cdist(features, anchors, compute_mode=exact).mean(1) - norm(features)


def norm(vectors: torch.Tensor) -> torch.Tensor:
    """Euclidean norms (B,) of rows (B, k), whose derivatives of every order are 0, not NaN, at 0."""
    squares = vectors.square().sum(1)
    zero = squares == 0
    return squares.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def _samples(real: torch.Tensor, fake: torch.Tensor, fake2: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
    if fake2 is not None:
        return embeddings(real=real, fake=fake, fake2=fake2)
    real, fake = embeddings(real=real, fake=fake)
    if len(fake) < 2:
        raise BadCritic("fake holds one sample: pass fake2 of other noise, or a batch of two at least.")
    return real, fake, fake.roll(-1, 0)
