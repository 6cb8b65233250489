"""The parts that networks are made of: activations, norms, residual branches, first weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from otkit.errors import Unsupported
from otkit.torch.activations import LeakyReLU, MaxMin, ReLU

Activation = str | Callable[[], nn.Module]

PLAIN = {
    "relu": ReLU,
    "leaky_relu": lambda: LeakyReLU(0.2),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "maxmin": MaxMin,
}
NORMS = ("batch", "layer", "none")


def activation(kind: Activation) -> nn.Module:
    """A new activation: "relu", "leaky_relu" (0.2), "elu", "silu", "softplus", "tanh", "maxmin", or what kind() makes.

    >>> activation("leaky_relu"), activation(nn.GELU)
    (LeakyReLU(negative_slope=0.2), GELU(approximate='none'))
    """
    if isinstance(kind, str) and kind in PLAIN:
        return PLAIN[kind]()
    made = None if isinstance(kind, str | nn.Module) or not callable(kind) else kind()
    if not isinstance(made, nn.Module):
        raise Unsupported(
            f"activation is {kind!r}: choose one of {', '.join(PLAIN)}, or pass a class such as "
            "torch.nn.GELU or a function of no arguments that makes the module."
        )
    return made


def norm(kind: str, channels: int, dims: int) -> nn.Module | None:
    """A norm over `channels` of (B, channels) and `dims` more dimensions; "layer" is over all of one sample.

    >>> norm("layer", 8, 2).num_groups, norm("none", 8, 2) is None
    (1, True)
    """
    if kind not in NORMS:
        raise Unsupported(f"norm is {kind!r}: choose one of {', '.join(NORMS)}.")
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    return (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d)[dims](channels) if kind == "batch" else None


def critic_norm(kind: str) -> str:
    """`kind`, where it may stand in a critic: "none" or "layer".

    >>> critic_norm("batch")
    Traceback (most recent call last):
    otkit.errors.Unsupported: critic_norm is 'batch': choose none or layer. A batch norm makes the critic's value of ...
    """
    if kind not in ("none", "layer"):
        raise Unsupported(
            f"critic_norm is {kind!r}: choose none or layer. A batch norm makes the critic's value of one sample "
            "depend on the others: no function of a point, and no gradient penalty."
        )
    return kind


def dropout_layer(rate: float) -> nn.Module | None:
    """Dropout of a share `rate` of the numbers, 0 <= rate < 1; none for 0.

    >>> dropout_layer(0.5), dropout_layer(0.0) is None
    (Dropout(p=0.5, inplace=False), True)
    """
    if not 0 <= rate < 1:
        raise Unsupported(f"dropout is {rate}: a share of the numbers, from 0 up to, not including, 1.")
    return nn.Dropout(rate) if rate else None


class Residual(nn.Module):
    """shortcut(x) + branch(x). Its Lipschitz constant is at most the sum of both.

    Attributes
    ----------
    branch : module from x to the shape that comes out.
    shortcut : module from x to the same shape; `torch.nn.Identity()` where none is given.

    Source: He et al. 2016.

    >>> Residual(nn.Flatten())(torch.ones(1, 2))
    tensor([[2., 2.]])
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.branch(x)


def he_(net: nn.Module, kind: Activation) -> None:
    """First weights that keep the variance through `kind`, uniform; orthogonal for maxmin; biases 0. In place.

    Source: He et al. 2015; Anil, Lucas, Grosse 2019.

    >>> net = nn.Linear(6, 5)
    >>> he_(net, "relu")
    >>> bool(net.weight.abs().max() <= 1), net.bias.abs().sum().item()
    (True, 0.0)
    """
    for layer in linear_layers(net):
        if kind == "maxmin":
            nn.init.orthogonal_(layer.weight)
        else:
            bound = _gain(kind) * math.sqrt(3 / fan_in(layer))
            nn.init.uniform_(layer.weight, -bound, bound)
        _zero_bias(layer)


def glorot_(layer: nn.Module) -> nn.Module:
    """First weights of layers without an activation behind them, uniform; biases 0. In place, and returned.

    Source: Glorot and Bengio 2010.

    >>> glorot_(nn.Linear(2, 1)).bias.item()
    0.0
    """
    for part in linear_layers(layer):
        nn.init.xavier_uniform_(part.weight)
        _zero_bias(part)
    return layer


def normal_(net: nn.Module, std: float) -> None:
    """First weights N(0, std^2), biases 0. In place.

    >>> normal_(nn.Linear(2, 1), 0.02)
    """
    for layer in linear_layers(net):
        nn.init.normal_(layer.weight, 0.0, std)
        _zero_bias(layer)


def linear_layers(net: nn.Module) -> list[nn.Module]:
    """Every Linear and convolution of net.

    >>> len(linear_layers(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Conv1d(1, 1, 1))))
    2
    """
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
    return [layer for layer in net.modules() if isinstance(layer, kinds)]


def fan_in(layer: nn.Module) -> float:
    """Products that make one number that comes out of a linear layer.

    >>> fan_in(nn.Linear(5, 2)), fan_in(nn.ConvTranspose2d(3, 8, 4, 2))
    (5, 12.0)
    """
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()


def _gain(kind: Activation) -> float:
    if isinstance(kind, str) and kind in ("leaky_relu", "tanh"):
        return nn.init.calculate_gain(kind, 0.2 if kind == "leaky_relu" else None)
    return math.sqrt(2.0)


def _zero_bias(layer: nn.Module) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
