"""The units a network is trained in, and the way back to those of the data."""

from __future__ import annotations

import torch
from torch import nn


class Units(nn.Module):
    """inner = (outer - shift) / scale: outer are the data's own units, inner those of training."""

    def __init__(self, shift: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, samples: torch.Tensor, kind: str) -> Units:
        """Of samples (n, ...): "none", "standard" (each coordinate), or "range" (all values alike)."""
        one = samples[0]
        if kind == "standard":
            shift, scale = samples.double().mean(dim=0), samples.double().std(dim=0, unbiased=False)
            shift, scale = shift.float(), torch.where(scale > 0, scale, 1.0).float()
        elif kind == "range":
            low, high = float(samples.min()), float(samples.max())
            half = 0.5 * (high - low) or 1.0
            shift, scale = torch.full_like(one, 0.5 * (low + high)), torch.full_like(one, half)
        else:
            shift, scale = torch.zeros_like(one), torch.ones_like(one)
        return cls(shift, scale)

    @property
    def trivial(self) -> bool:
        return not bool(self.shift.any()) and bool((self.scale == 1).all())

    def inner(self, samples: torch.Tensor) -> torch.Tensor:
        return (samples - self.shift) / self.scale

    def outer(self, samples: torch.Tensor) -> torch.Tensor:
        return samples * self.scale + self.shift


class InOuterUnits(nn.Module):
    """A network of inner units as one of outer units: a critic is fed through them, a generator read through them."""

    def __init__(self, net: nn.Module, units: Units, *, generator: bool) -> None:
        super().__init__()
        self.net, self.units, self.generator = net, units, generator

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        if self.generator:
            return self.units.outer(self.net(points))
        return self.net(self.units.inner(points))
