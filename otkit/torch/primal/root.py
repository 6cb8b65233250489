"""From costs W_p^p to distances W_p."""

from __future__ import annotations

import torch


def root(costs: torch.Tensor, p: float) -> torch.Tensor:
    """costs**(1 / p); where a cost is 0 the gradient, which has no bound there, is 0."""
    if p == 1:
        return costs
    moved = costs > 0.0
    return torch.where(moved, torch.where(moved, costs, 1.0) ** (1.0 / p), 0.0)
