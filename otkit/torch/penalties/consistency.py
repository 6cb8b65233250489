"""CT-GAN's consistency term: two passes of one sample through a critic with dropout should agree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from otkit.errors import BadCritic, Unsupported
from otkit.torch.penalties.graph import (
    floating,
    full_precision,
    one_score_each,
    refuse_batch_norm,
    refuse_frozen,
    refuse_no_grad,
)

FEATURE_WEIGHT = 0.1  # of the paper


def consistency_penalty(
    critic: nn.Module,
    real: Tensor,
    *,
    margin: float = 0.0,
    feature_weight: float = FEATURE_WEIGHT,
    output_layer: str | None = None,
) -> Tensor:
    r"""How far two passes of real samples through a critic with dropout are apart: a scalar, without its factor.

    .. math:: \frac{1}{B} \sum_i \max\Big( (f(x_i') - f(x_i''))^2
              + w \tfrac{1}{K} \lVert h(x_i') - h(x_i'') \rVert^2 - M,\ 0 \Big)

    Here h are the K features that enter the critic's last layer, dropout included; the factor, the paper's lambda_2, is
    left to the caller. The paper writes distances d without saying which; squares, and the mean over features, are
    what its authors' program computes, with lambda_2 = 2 and M = 0.

    Parameters
    ----------
    critic : a module in training mode with Dropout. Its features are what enters its output layer, read by a hook.
    real : (B, ...) real samples (not generated ones: the term is on the data's manifold).
    margin : M, in units of score squared.
    feature_weight : w; 0 leaves the features out.
    output_layer : name of the output layer in `critic.named_modules()`; the last Linear or convolution unless given.

    One critic pass over 2 B samples: dropout draws its masks for each row. In float32 outside autocast.

    Raises
    ------
    Unsupported : no module; no Dropout that is on (eval mode, p = 0); BatchNorm over the batch; a frozen critic; an
        output layer that is not there or is not called once a pass; a negative margin.
    BadMeasure, BadCritic : as `gradient_penalty`.

    Source: Wei et al. 2018.

    >>> critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
    >>> consistency_penalty(critic, torch.randn(16, 2)).item() > 0.0
    True
    """
    refuse_no_grad()
    refuse_inconsistent(critic)
    real = floating("real", real)
    with full_precision(real.device):
        scores, features = scores_and_features(critic, torch.cat([real, real]), output_layer)
        return consistency_of(scores, features, margin=margin, feature_weight=feature_weight)


def scores_and_features(critic: nn.Module, points: Tensor, output_layer: str | None = None) -> tuple[Tensor, Tensor]:
    """One pass: scores (B,) or (B, 1) of points (B, ...), and what entered the critic's output layer for them.

    Raises as `consistency_penalty` does of scores and of output layers.

    >>> scores, features = scores_and_features(nn.Sequential(nn.Flatten(), nn.Linear(8, 1)), torch.zeros(4, 2, 4))
    >>> scores.shape, features.shape
    (torch.Size([4, 1]), torch.Size([4, 8]))
    """
    with entering(critic, output_layer) as features:
        scores = critic(points)
    one_score_each(scores, points)
    if len(features) != 1:
        raise Unsupported(
            f"critic's output layer was called {len(features)} times in one pass: name the layer that is called "
            "once with output_layer=, one of critic.named_modules()."
        )
    return scores, features[0]


def consistency_of(
    scores: Tensor, features: Tensor, *, margin: float = 0.0, feature_weight: float = FEATURE_WEIGHT
) -> Tensor:
    """The penalty of scores (2 B,) and features (2 B, ...) whose halves are two passes of the same B samples.

    For a trainer that has them from a larger pass, `scores_and_features`; formula and options of `consistency_penalty`.

    Source: Wei et al. 2018.

    >>> consistency_of(torch.tensor([1.0, 3.0]), torch.tensor([[0.0, 0.0], [0.0, 2.0]]), feature_weight=0.5).item()
    5.0
    """
    for name, number in (("margin", margin), ("feature_weight", feature_weight)):
        if not (math.isfinite(number) and number >= 0):
            raise Unsupported(f"{name} is {number!r}: pass a number from 0 on.")
    first, second = scores.reshape(2, -1)
    apart = (first - second).square()
    if feature_weight:
        first, second = features.reshape(2, len(apart), -1)
        apart = apart + feature_weight * (first - second).square().mean(1)
    return (apart - margin).clamp_min(0.0).mean()


@contextmanager
def entering(critic: nn.Module, output_layer: str | None = None) -> Iterator[list[Tensor]]:
    """A list that, while open, gets what enters the critic's output layer at each call, with its graph.

    >>> critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> with entering(critic) as features:
    ...     scores = critic(torch.zeros(4, 2))
    >>> features[0].shape
    torch.Size([4, 8])
    """
    caught: list[Tensor] = []
    layer = _output_layer(critic, output_layer)
    handle = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        yield caught
    finally:
        handle.remove()


def _output_layer(critic: nn.Module, name: str | None) -> nn.Module:
    if name is not None:
        parts = dict(critic.named_modules())
        if name not in parts:
            raise Unsupported(f"output_layer is {name!r}, which critic ({type(critic).__name__}) does not have.")
        return parts[name]
    layers = [part for part in critic.modules() if isinstance(part, (nn.Linear, _ConvNd))]
    if not layers:
        raise Unsupported(
            "critic has no Linear and no convolution, so no output layer is known: name it, output_layer=."
        )
    return layers[-1]


def refuse_inconsistent(critic: nn.Module) -> None:
    """Refuses a critic of which no consistency term can be taken: without Dropout that is on, with BatchNorm, frozen.

    O(modules); a trainer asks once a run.
    """
    if not isinstance(critic, nn.Module):
        raise BadCritic(
            f"critic is a {type(critic).__name__}: the consistency term needs a torch.nn.Module with Dropout."
        )
    dropouts = [part for part in critic.modules() if isinstance(part, _DropoutNd)]
    if not dropouts:
        raise Unsupported(
            "critic has no Dropout, so two passes of one sample agree exactly and the consistency term is 0: add "
            "nn.Dropout(0.5) after its hidden activations."
        )
    if not any(part.training and part.p > 0 for part in dropouts):
        raise Unsupported(
            "critic's Dropout is off (eval mode, or p = 0), so two passes of one sample agree exactly: call "
            "critic.train()."
        )
    refuse_batch_norm(critic)
    refuse_frozen(critic)
