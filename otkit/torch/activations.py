"""Activations that keep the norm of gradients: permutations of channels, and signs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from otkit.errors import Unsupported


class GroupSort(nn.Module):
    """Sorts each group of consecutive channels, ascending: 1-Lipschitz, and its Jacobian a permutation.

    Input (B, C, ...), output alike; `group_size=C` sorts all channels. Without parameters; O(C log group_size).
    Between orthonormal layers it gives networks that approximate every 1-Lipschitz function, which ReLU does not.

    Raises `Unsupported` where group_size is no whole number from 2 on, or does not divide C.

    Source: Anil, Lucas, Grosse 2019.

    >>> GroupSort(2)(torch.tensor([[3.0, 1.0, 2.0, 5.0]]))
    tensor([[1., 3., 2., 5.]])
    """

    def __init__(self, group_size: int) -> None:
        super().__init__()
        if isinstance(group_size, bool) or not isinstance(group_size, int) or group_size < 2:
            raise Unsupported(f"group_size is {group_size!r}: channels in one group, a whole number from 2 on.")
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        _divisible(x, self.group_size)
        return x.unflatten(1, (-1, self.group_size)).sort(dim=2).values.flatten(1, 2)

    def extra_repr(self) -> str:
        return f"group_size={self.group_size}"


class MaxMin(nn.Module):
    """Channels i and i + C / 2 become their maximum and their minimum: GroupSort of pairs, without a sort.

    Input (B, C, ...), output alike: C / 2 maxima, then C / 2 minima. 1-Lipschitz; keeps the norm of gradients. O(C).
    Computed by differences: a value is right to the rounding of the larger one of its pair.

    Raises `Unsupported` where C is odd.

    Source: Anil, Lucas, Grosse 2019.

    >>> MaxMin()(torch.tensor([[3.0, 1.0, 2.0, 5.0]]))
    tensor([[3., 5., 2., 1.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        _divisible(x, 2)
        first, second = x.chunk(2, dim=1)
        above = (first - second).relu()  # torch.maximum has a backward pass 10 times as slow on a CPU, a sort 8 times
        return torch.cat([second + above, first - above], dim=1)


class Abs(nn.Module):
    """|x| of each number: 1-Lipschitz, and keeps the norm of gradients.

    Source: Anil, Lucas, Grosse 2019.

    >>> Abs()(torch.tensor([-2.0, 1.0]))
    tensor([2., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


def _divisible(x: Tensor, size: int) -> None:
    if x.ndim < 2 or x.shape[1] % size:
        raise Unsupported(
            f"input has shape {tuple(x.shape)}: channels are dimension 1, and {size} has to divide their number. "
            f"Choose a width that is a multiple of {size}."
        )
