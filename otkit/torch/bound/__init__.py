"""Certified upper bounds of Lipschitz constants."""

from otkit.torch.bound.network import lipschitz_bound

__all__ = ["lipschitz_bound"]
