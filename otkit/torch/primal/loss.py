"""What all primal losses are: modules that return a cost, and its root on demand."""

from __future__ import annotations

import torch
from torch import nn


class PrimalLoss(nn.Module):
    """A cost between two sample sets, a module called with (x, y) or (x, y, a, b); it is a distance to some power."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self._power = power

    def distance(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The root of the cost, in units of distance. Its gradient grows without bound towards 0; at 0 it is set to
        0."""
        return root(self(x, y, a, b), self._power)


def root(costs: torch.Tensor, power: float) -> torch.Tensor:
    """costs**(1 / power); where a cost is 0 the gradient, which has no bound there, is 0."""
    if power == 1:
        return costs
    moved = costs > 0.0
    return torch.where(moved, torch.where(moved, costs, 1.0) ** (1.0 / power), 0.0)
