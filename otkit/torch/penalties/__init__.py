"""Penalties on a critic's slope: gradient penalties of every kind, and CT-GAN's consistency term."""

from otkit.torch.penalties.consistency import (
    consistency_of,
    consistency_penalty,
    entering,
    refuse_inconsistent,
    scores_and_features,
)
from otkit.torch.penalties.gradient import gradient_norms, gradient_penalty, interpolates, penalty_of
from otkit.torch.penalties.graph import refuse_batch_norm

__all__ = [
    "consistency_of",
    "consistency_penalty",
    "entering",
    "gradient_norms",
    "gradient_penalty",
    "interpolates",
    "penalty_of",
    "refuse_batch_norm",
    "refuse_inconsistent",
    "scores_and_features",
]
