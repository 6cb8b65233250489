"""Convolutional networks for images, halving by stride."""

from __future__ import annotations

from math import prod

from torch import nn

from otkit.torch.networks.layers import (
    Activation,
    activation,
    critic_norm,
    dropout_layer,
    glorot_,
    he_,
    norm,
    normal_,
)
from otkit.torch.networks.pixels import halvings
from otkit.torch.networks.stack import Critic, Generator, output_layer, positive

WIDTH = 64
MOST = 8  # the widest layer, in units of the width


class DCGANGenerator(Generator):
    """A linear layer, then transposed 4x4 convolutions of stride 2: (B, noise_dim) -> (B, C, H, W).

    Parameters
    ----------
    shape : (C, H, W) of an image, sides of 8 pixels or more that halve down to 4 to 7 (8, 16, 28, 32, 48, 64, ...).
    noise_dim : numbers of one noise vector.
    width : channels before the last layer; they double with every halving, up to 8 width.
    depth : 3x3 convolutions at the smallest size; None: 1 for images that halve once only, else 0.
    activation, norm, output : as in `MLPGenerator`; the paper has a batch norm and tanh.

    First weights are N(0, 0.02^2) with a batch norm, as in the paper, else He's; biases 0.

    Raises
    ------
    Unsupported : a shape that does not halve so, sizes below 1, unknown activations, norms and outputs.

    Source: Radford, Metz, Chintala 2016.

    >>> import torch
    >>> DCGANGenerator((1, 28, 28), noise_dim=16, width=8)(torch.zeros(5, 16)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        noise_dim: int = 128,
        width: int = WIDTH,
        depth: int | None = None,
        activation: Activation = "relu",
        norm: str = "batch",
        output: str = "none",
    ) -> None:
        base, channels, depth = _plan(shape, width, depth)
        positive(noise_dim=noise_dim, channels=shape[0])
        bias = norm != "batch"
        layers = [nn.Linear(noise_dim, channels[-1] * prod(base)), nn.Unflatten(1, (channels[-1], *base))]
        layers += _after(norm, channels[-1], activation)
        for _ in range(depth):
            layers += [nn.Conv2d(channels[-1], channels[-1], 3, padding=1, bias=bias)]
            layers += _after(norm, channels[-1], activation)
        for before, after in zip(channels[:0:-1], channels[-2::-1]):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias), *_after(norm, after, activation)]
        last = nn.ConvTranspose2d(channels[0], shape[0], 4, 2, 1)
        super().__init__([*layers, last, output_layer(output, shape)], noise_dim, shape)
        if norm == "batch":
            normal_(self, 0.02)
        else:
            he_(self, activation)


class DCGANCritic(Critic):
    """4x4 convolutions of stride 2, then a linear layer: (B, C, H, W) -> (B, features).

    Parameters
    ----------
    shape, width, depth : as in `DCGANGenerator`.
    features : numbers a sample.
    activation : as in `MLP`; the paper has "leaky_relu".
    norm : "none" or "layer", between a convolution and its activation, the first one's aside.
    dropout : share of the numbers left out in training, behind every activation; 0 is none.

    First weights are He's, as a network without a batch norm wants, the last layer's Glorot's; biases 0.

    Raises : as `DCGANGenerator`; a batch norm is refused.

    Source: Radford, Metz, Chintala 2016; Gulrajani et al. 2017 (no batch norm in a critic).

    >>> import torch
    >>> DCGANCritic((3, 32, 32), width=8)(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        features: int = 1,
        width: int = WIDTH,
        depth: int | None = None,
        activation: Activation = "leaky_relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        base, channels, depth = _plan(shape, width, depth)
        positive(features=features, channels=shape[0])
        critic_norm(norm)
        layers = [nn.Conv2d(shape[0], channels[0], 4, 2, 1), *_after("none", channels[0], activation, dropout)]
        for before, after in zip(channels[:-1], channels[1:]):
            layers += [nn.Conv2d(before, after, 4, 2, 1), *_after(norm, after, activation, dropout)]
        for _ in range(depth):
            layers += [
                nn.Conv2d(channels[-1], channels[-1], 3, padding=1),
                *_after(norm, channels[-1], activation, dropout),
            ]
        last = nn.Linear(channels[-1] * prod(base), features)
        super().__init__([*layers, nn.Flatten(), last], shape, features)
        he_(self, activation)
        glorot_(last)


def _plan(shape: tuple[int, int, int], width: int, depth: int | None) -> tuple[tuple[int, int], list[int], int]:
    """(smallest sides, channels after each halving, 3x3 convolutions at the end)."""
    base, count = halvings(shape)
    positive(width=width)
    if depth is None:
        depth = 1 if count == 1 else 0  # one convolution alone sees too little
    elif depth != 0:
        positive(depth=depth)
    return base, [width * min(2**level, MOST) for level in range(count)], depth


def _after(norm_kind: str, channels: int, kind: Activation, dropout: float = 0.0) -> list[nn.Module | None]:
    return [norm(norm_kind, channels, 2), activation(kind), dropout_layer(dropout)]
