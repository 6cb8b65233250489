"""Convolutional networks for sequences (C, L): C letters, one-hot, or C real channels."""

from __future__ import annotations

import torch
from torch import nn

from otkit.errors import Unsupported
from otkit.torch.networks.layers import (
    Activation,
    Residual,
    activation,
    critic_norm,
    dropout_layer,
    glorot_,
    he_,
    norm,
)
from otkit.torch.networks.stack import Critic, Generator, Stack, checked_shape, output_layer, positive

WIDTH, DEPTH, KERNEL = 128, 5, 5
START = 0.3  # of a branch's last weights: the paper multiplies the branch by it


class SequenceGenerator(Generator):
    """A linear layer, residual blocks of convolutions of length 5, a last one of length 1: (B, noise_dim) -> (B, C, L).

    Parameters
    ----------
    shape : (C, L) of a sequence, of any length.
    noise_dim : numbers of one noise vector.
    width : channels of every block; the paper has 512.
    depth : blocks.
    activation, norm, output : as in `MLPGenerator`; output="softmax" makes letters, as in the paper.

    First weights are He's in the branches, the last of each at 0.3 of that, so that a block starts as the paper's,
    which multiplies the branch by 0.3; else Glorot's; biases 0.

    Raises
    ------
    Unsupported : a shape that is no (C, L), sizes below 1, unknown activations, norms and outputs.

    Source: Gulrajani et al. 2017 (its language model).

    >>> import torch
    >>> SequenceGenerator((4, 30), noise_dim=8, width=8, output="softmax")(torch.zeros(5, 8)).shape
    torch.Size([5, 4, 30])
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        noise_dim: int = 128,
        width: int = WIDTH,
        depth: int = DEPTH,
        activation: Activation = "relu",
        norm: str = "none",
        output: str = "none",
    ) -> None:
        channels, length = _sequence(shape)
        positive(noise_dim=noise_dim, width=width, depth=depth)
        first = glorot_(nn.Linear(noise_dim, width * length))
        blocks = [_block(width, activation, norm) for _ in range(depth)]
        last = glorot_(nn.Conv1d(width, channels, 1))
        end = [last, output_layer(output, shape)]
        super().__init__([first, nn.Unflatten(1, (width, length)), *blocks, *end], noise_dim, shape)


class SequenceCritic(Critic):
    """A convolution of length 1, residual blocks of length 5, a linear layer: (B, C, L) -> (B, features).

    Parameters
    ----------
    shape, width, depth, activation : as in `SequenceGenerator`.
    features : numbers a sample.
    norm : "none" or "layer".
    dropout : share of the numbers left out in training, behind every block; 0 is none.

    Raises : as `SequenceGenerator`; a batch norm is refused.

    Source: Gulrajani et al. 2017 (its language model).

    >>> import torch
    >>> SequenceCritic((4, 30), width=8)(torch.zeros(5, 4, 30)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        features: int = 1,
        width: int = WIDTH,
        depth: int = DEPTH,
        activation: Activation = "relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        channels, length = _sequence(shape)
        positive(features=features, width=width, depth=depth)
        critic_norm(norm)
        first = glorot_(nn.Conv1d(channels, width, 1))
        blocks: list[nn.Module | None] = []
        for _ in range(depth):
            blocks += [_block(width, activation, norm), dropout_layer(dropout)]
        last = glorot_(nn.Linear(width * length, features))
        super().__init__([first, *blocks, nn.Flatten(), last], shape, features)


def _sequence(shape: tuple[int, int]) -> tuple[int, int]:
    shape = checked_shape(shape)
    if len(shape) != 2:
        raise Unsupported(f"shape is {shape}: sequences are (C, L); kind='mlp' takes any shape.")
    return shape


def _block(width: int, kind: Activation, norm_kind: str) -> Residual:
    last = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
    branch = Stack(
        [
            norm(norm_kind, width, 1),
            activation(kind),
            nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, bias=norm_kind != "batch"),
            norm(norm_kind, width, 1),
            activation(kind),
            last,
        ]
    )
    he_(branch, kind)
    with torch.no_grad():
        last.weight.mul_(START)
    return Residual(branch)
