"""Residual networks for images."""

from __future__ import annotations

from math import prod

from torch import nn

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
from otkit.torch.networks.pixels import halvings
from otkit.torch.networks.stack import Critic, Generator, Stack, output_layer, positive

WIDTH = 128


class ResNetGenerator(Generator):
    """A linear layer, residual blocks that double the sides, a 3x3 convolution: (B, noise_dim) -> (B, C, H, W).

    Parameters
    ----------
    shape, noise_dim : as in `DCGANGenerator`.
    width : channels of every block.
    depth : blocks at the smallest size, before the doublings; the paper has none.
    activation, norm, output : as in `MLPGenerator`; the paper has "relu", a batch norm and tanh.

    A block is norm, activation, (nearest doubling,) 3x3 convolution, norm, activation, 3x3 convolution, beside a 1x1
    convolution of the doubled image. First weights are He's in the branches, else Glorot's; biases 0.

    Raises
    ------
    Unsupported : a shape that does not halve to 4 to 7, sizes below 1, unknown activations, norms and outputs.

    Source: Gulrajani et al. 2017 (its CIFAR-10 network); Miyato et al. 2018.

    >>> import torch
    >>> ResNetGenerator((3, 16, 16), noise_dim=8, width=8)(torch.zeros(5, 8)).shape
    torch.Size([5, 3, 16, 16])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        noise_dim: int = 128,
        width: int = WIDTH,
        depth: int = 0,
        activation: Activation = "relu",
        norm: str = "batch",
        output: str = "none",
    ) -> None:
        base, count = halvings(shape)
        positive(noise_dim=noise_dim, width=width, channels=shape[0], **({"depth": depth} if depth != 0 else {}))
        first = glorot_(nn.Linear(noise_dim, width * prod(base)))
        blocks = [_block(width, activation, norm) for _ in range(depth)]
        blocks += [_block(width, activation, norm, up=True) for _ in range(count)]
        last = glorot_(nn.Conv2d(width, shape[0], 3, padding=1))
        end = [*_before(norm, width, activation), last, output_layer(output, shape)]
        super().__init__([first, nn.Unflatten(1, (width, *base)), *blocks, *end], noise_dim, shape)


class ResNetCritic(Critic):
    """Residual blocks that halve the sides, a mean over positions, a linear layer: (B, C, H, W) -> (B, features).

    Parameters
    ----------
    shape : as in `DCGANGenerator`; 32 pixels come down to 8, as in the papers, 64 to 8, 28 to 14, 8 to 4.
    features : numbers a sample.
    width : channels of every block.
    depth : blocks at the smallest size, which keep it; the papers have 2.
    activation : as in `MLP`; the papers have "relu".
    norm : "none" or "layer".
    dropout : share of the numbers left out in training, behind every block but the first; 0 is none.

    Means are `torch.nn.AvgPool2d`. First weights are He's in the branches, else Glorot's; biases 0.

    Raises : as `ResNetGenerator`; a batch norm is refused.

    Source: Gulrajani et al. 2017 (its CIFAR-10 network); Miyato et al. 2018.

    >>> import torch
    >>> ResNetCritic((3, 16, 16), width=8)(torch.zeros(5, 3, 16, 16)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        features: int = 1,
        width: int = WIDTH,
        depth: int = 2,
        activation: Activation = "relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        _, count = halvings(shape)
        positive(features=features, width=width, channels=shape[0], **({"depth": depth} if depth != 0 else {}))
        critic_norm(norm)
        halved = max(1, count - 1)
        sides = tuple(side // 2**halved for side in shape[1:])
        blocks: list[nn.Module | None] = [_first(shape[0], width, activation, norm)]
        for level in range(halved - 1 + depth):
            blocks += [_block(width, activation, norm, down=level < halved - 1), dropout_layer(dropout)]
        last = glorot_(nn.Linear(width, features))
        end = [*_before("none", width, activation), nn.AvgPool2d(sides), nn.Flatten(), last]
        super().__init__([*blocks, *end], shape, features)


def _block(width: int, kind: Activation, norm_kind: str, *, up: bool = False, down: bool = False) -> Residual:
    """A block before whose convolutions the activations stand."""
    bias = norm_kind != "batch"
    resized = [nn.Upsample(scale_factor=2, mode="nearest")] if up else [nn.AvgPool2d(2)] if down else []
    branch = Stack(
        [
            *_before(norm_kind, width, kind),
            *(resized if up else []),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            *_before(norm_kind, width, kind),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            *(resized if down else []),
        ]
    )
    he_(branch, kind)
    return Residual(branch, Stack([*resized, glorot_(nn.Conv2d(width, width, 1, bias=bias))]) if resized else None)


def _first(channels: int, width: int, kind: Activation, norm_kind: str) -> Residual:
    """The critic's first block, which halves: no activation before the image's own convolution."""
    branch = Stack(
        [
            nn.Conv2d(channels, width, 3, padding=1),
            *_before(norm_kind, width, kind),
            nn.Conv2d(width, width, 3, padding=1),
            nn.AvgPool2d(2),
        ]
    )
    he_(branch, kind)
    return Residual(branch, Stack([nn.AvgPool2d(2), glorot_(nn.Conv2d(channels, width, 1))]))


def _before(norm_kind: str, width: int, kind: Activation) -> list[nn.Module | None]:
    return [norm(norm_kind, width, 2), activation(kind)]
