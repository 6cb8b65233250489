"""Losses of adversarial games: functions of critic outputs, by name, and thin modules around them."""

from otkit.torch.losses.cramer import (
    CramerCritic,
    cramer_critic_loss,
    cramer_estimate,
    cramer_generator_loss,
    cramer_scores,
)
from otkit.torch.losses.hinge import (
    hinge_critic_loss,
    hinge_estimate,
    hinge_generator_loss,
    hinge_kr_critic_loss,
)
from otkit.torch.losses.least_squares import (
    least_squares_critic_loss,
    least_squares_estimate,
    least_squares_generator_loss,
)
from otkit.torch.losses.modules import CriticLoss, GeneratorLoss
from otkit.torch.losses.objectives import OBJECTIVES, Objective, objective
from otkit.torch.losses.relativistic import (
    relativistic_critic_loss,
    relativistic_estimate,
    relativistic_generator_loss,
)
from otkit.torch.losses.standard import (
    non_saturating_generator_loss,
    saturating_generator_loss,
    standard_critic_loss,
    standard_estimate,
)
from otkit.torch.losses.wasserstein import critic_loss, dual_estimate, generator_loss

__all__ = [
    "OBJECTIVES",
    "CramerCritic",
    "CriticLoss",
    "GeneratorLoss",
    "Objective",
    "cramer_critic_loss",
    "cramer_estimate",
    "cramer_generator_loss",
    "cramer_scores",
    "critic_loss",
    "dual_estimate",
    "generator_loss",
    "hinge_critic_loss",
    "hinge_estimate",
    "hinge_generator_loss",
    "hinge_kr_critic_loss",
    "least_squares_critic_loss",
    "least_squares_estimate",
    "least_squares_generator_loss",
    "non_saturating_generator_loss",
    "objective",
    "relativistic_critic_loss",
    "relativistic_estimate",
    "relativistic_generator_loss",
    "saturating_generator_loss",
    "standard_critic_loss",
    "standard_estimate",
]
