"""Multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from otkit.torch.networks.layers import Activation, activation, critic_norm, dropout_layer, glorot_, he_, norm
from otkit.torch.networks.stack import Critic, Generator, Stack, checked_shape, output_layer, positive

HIDDEN = (512, 512, 512)


class MLP(Stack):
    """Linear layers with activations between them: (B, in_features) -> (B, out_features).

    Parameters
    ----------
    hidden : width of each hidden layer; () is one linear layer.
    activation : "relu", "leaky_relu" (0.2), "elu", "silu", "softplus", "tanh", "maxmin" (even widths), or a function of
        no arguments that makes a module.
    norm : "none", "layer" or "batch", between a hidden layer and its activation.

    First weights are He's, the last layer's Glorot's, biases 0, all drawn from torch's generator (`torch.manual_seed`).

    Raises
    ------
    Unsupported : sizes that are no whole numbers from 1 on, unknown activations and norms.

    Source: Gulrajani et al. 2017 (the toy problems: 3 x 512, ReLU).

    >>> import torch
    >>> MLP(2, 1, hidden=(64, 64))(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        hidden: Sequence[int] = HIDDEN,
        activation: Activation = "relu",
        norm: str = "none",
    ) -> None:
        super().__init__(mlp_layers(in_features, out_features, hidden, activation, norm))


class MLPGenerator(Generator):
    """An `MLP` from noise to samples of any shape: (B, noise_dim) -> (B, *shape).

    Parameters
    ----------
    shape, noise_dim : of one sample, and numbers of one noise vector.
    hidden, activation, norm : as in `MLP`.
    output : "none", "tanh", "sigmoid", or "softmax" over the channels of a sequence.

    Raises : as `MLP`.

    Source: Gulrajani et al. 2017.

    >>> import torch
    >>> MLPGenerator((1, 8, 8), noise_dim=4, hidden=(16,))(torch.zeros(5, 4)).shape
    torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        noise_dim: int,
        hidden: Sequence[int] = HIDDEN,
        activation: Activation = "relu",
        norm: str = "none",
        output: str = "none",
    ) -> None:
        shape = checked_shape(shape)
        layers = mlp_layers(noise_dim, prod(shape), hidden, activation, norm)
        unflat = nn.Unflatten(1, shape) if len(shape) > 1 else None
        super().__init__([*layers, unflat, output_layer(output, shape)], noise_dim, shape)


class MLPCritic(Critic):
    """An `MLP` over samples of any shape: (B, *shape) -> (B, features).

    Parameters
    ----------
    shape, features : of one sample, and numbers that come out for it.
    hidden, activation : as in `MLP`.
    norm : "none" or "layer".
    dropout : share of the numbers left out in training, behind every activation; 0 is none.

    Raises : as `MLP`; a batch norm is refused.

    Source: Gulrajani et al. 2017; Wei et al. 2018 (dropout).

    >>> import torch
    >>> MLPCritic((2,), hidden=(16,))(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        features: int = 1,
        hidden: Sequence[int] = HIDDEN,
        activation: Activation = "relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        shape = checked_shape(shape)
        flat = nn.Flatten() if len(shape) > 1 else None
        layers = mlp_layers(prod(shape), features, hidden, activation, critic_norm(norm), dropout)
        super().__init__([flat, *layers], shape, features)


def mlp_layers(
    n_in: int, n_out: int, hidden: Sequence[int], kind: Activation, norm_kind: str, dropout: float = 0.0
) -> list[nn.Module]:
    """The layers of an `MLP`, with their first weights.

    >>> [type(layer).__name__ for layer in mlp_layers(2, 1, (8,), "relu", "none")]
    ['Linear', 'ReLU', 'Linear']
    """
    positive(**{"in_features": n_in, "out_features": n_out}, **{f"hidden[{i}]": h for i, h in enumerate(hidden)})
    layers: list[nn.Module | None] = []
    sizes = [n_in, *hidden]
    for before, after in pairwise(sizes):
        linear = nn.Linear(before, after, bias=norm_kind != "batch")  # which would take the bias away again
        he_(linear, kind)
        layers += [linear, norm(norm_kind, after, 0), activation(kind), dropout_layer(dropout)]
    return [layer for layer in layers if layer is not None] + [glorot_(nn.Linear(sizes[-1], n_out))]
