"""Constraints on a critic's weights: clipped, of spectral norm 1, orthonormal."""

from otkit.torch.constraints.clip import clamp_, clip_weights_
from otkit.torch.constraints.weights import orthonormalize, spectral_normalize

__all__ = ["clamp_", "clip_weights_", "orthonormalize", "spectral_normalize"]
