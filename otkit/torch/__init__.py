"""The PyTorch adapter: torch critics against the exact distance. Imports torch on first use of a name."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otkit.torch.activations import GroupSort, MaxMin
    from otkit.torch.bound import lipschitz_bound
    from otkit.torch.constraints import clip_weights_, orthonormalize, spectral_normalize
    from otkit.torch.critics import TorchCritic, load_critic, save_critic
    from otkit.torch.losses import (
        OBJECTIVES,
        CramerCritic,
        CriticLoss,
        GeneratorLoss,
        Objective,
        cramer_critic_loss,
        cramer_estimate,
        cramer_generator_loss,
        cramer_scores,
        critic_loss,
        dual_estimate,
        generator_loss,
        hinge_critic_loss,
        hinge_estimate,
        hinge_generator_loss,
        hinge_kr_critic_loss,
        least_squares_critic_loss,
        least_squares_estimate,
        least_squares_generator_loss,
        non_saturating_generator_loss,
        objective,
        relativistic_critic_loss,
        relativistic_estimate,
        relativistic_generator_loss,
        saturating_generator_loss,
        standard_critic_loss,
        standard_estimate,
    )
    from otkit.torch.networks import (
        MLP,
        Critic,
        DCGANCritic,
        DCGANGenerator,
        Generator,
        McShaneCritic,
        MLPCritic,
        MLPGenerator,
        Residual,
        ResNetCritic,
        ResNetGenerator,
        SequenceCritic,
        SequenceGenerator,
        kind_for,
        networks_for,
    )
    from otkit.torch.penalties import (
        consistency_penalty,
        gradient_norms,
        gradient_penalty,
        interpolates,
        penalty_of,
        refuse_batch_norm,
    )
    from otkit.torch.training.config import PRESETS, TrainConfig
    from otkit.torch.training.run import Run
    from otkit.torch.training.trainer import Trainer
    from otkit.torch.verify import verify_critic

_HOME = {
    "GroupSort": "otkit.torch.activations",
    "MaxMin": "otkit.torch.activations",
    "lipschitz_bound": "otkit.torch.bound",
    "clip_weights_": "otkit.torch.constraints",
    "orthonormalize": "otkit.torch.constraints",
    "spectral_normalize": "otkit.torch.constraints",
    "TorchCritic": "otkit.torch.critics",
    "load_critic": "otkit.torch.critics",
    "save_critic": "otkit.torch.critics",
    "OBJECTIVES": "otkit.torch.losses",
    "CramerCritic": "otkit.torch.losses",
    "CriticLoss": "otkit.torch.losses",
    "GeneratorLoss": "otkit.torch.losses",
    "Objective": "otkit.torch.losses",
    "cramer_critic_loss": "otkit.torch.losses",
    "cramer_estimate": "otkit.torch.losses",
    "cramer_generator_loss": "otkit.torch.losses",
    "cramer_scores": "otkit.torch.losses",
    "critic_loss": "otkit.torch.losses",
    "dual_estimate": "otkit.torch.losses",
    "generator_loss": "otkit.torch.losses",
    "hinge_critic_loss": "otkit.torch.losses",
    "hinge_estimate": "otkit.torch.losses",
    "hinge_generator_loss": "otkit.torch.losses",
    "hinge_kr_critic_loss": "otkit.torch.losses",
    "least_squares_critic_loss": "otkit.torch.losses",
    "least_squares_estimate": "otkit.torch.losses",
    "least_squares_generator_loss": "otkit.torch.losses",
    "non_saturating_generator_loss": "otkit.torch.losses",
    "objective": "otkit.torch.losses",
    "relativistic_critic_loss": "otkit.torch.losses",
    "relativistic_estimate": "otkit.torch.losses",
    "relativistic_generator_loss": "otkit.torch.losses",
    "saturating_generator_loss": "otkit.torch.losses",
    "standard_critic_loss": "otkit.torch.losses",
    "standard_estimate": "otkit.torch.losses",
    "MLP": "otkit.torch.networks",
    "Critic": "otkit.torch.networks",
    "DCGANCritic": "otkit.torch.networks",
    "DCGANGenerator": "otkit.torch.networks",
    "Generator": "otkit.torch.networks",
    "MLPCritic": "otkit.torch.networks",
    "MLPGenerator": "otkit.torch.networks",
    "McShaneCritic": "otkit.torch.networks",
    "ResNetCritic": "otkit.torch.networks",
    "ResNetGenerator": "otkit.torch.networks",
    "Residual": "otkit.torch.networks",
    "SequenceCritic": "otkit.torch.networks",
    "SequenceGenerator": "otkit.torch.networks",
    "kind_for": "otkit.torch.networks",
    "networks_for": "otkit.torch.networks",
    "PRESETS": "otkit.torch.training.config",
    "TrainConfig": "otkit.torch.training.config",
    "Run": "otkit.torch.training.run",
    "Trainer": "otkit.torch.training.trainer",
    "verify_critic": "otkit.torch.verify",
    "consistency_penalty": "otkit.torch.penalties",
    "gradient_norms": "otkit.torch.penalties",
    "gradient_penalty": "otkit.torch.penalties",
    "interpolates": "otkit.torch.penalties",
    "penalty_of": "otkit.torch.penalties",
    "refuse_batch_norm": "otkit.torch.penalties",
}

__all__ = [
    "CramerCritic",
    "Critic",
    "CriticLoss",
    "DCGANCritic",
    "DCGANGenerator",
    "Generator",
    "GeneratorLoss",
    "GroupSort",
    "MLP",
    "MLPCritic",
    "MLPGenerator",
    "MaxMin",
    "McShaneCritic",
    "OBJECTIVES",
    "Objective",
    "PRESETS",
    "ResNetCritic",
    "ResNetGenerator",
    "Residual",
    "Run",
    "SequenceCritic",
    "SequenceGenerator",
    "TorchCritic",
    "TrainConfig",
    "Trainer",
    "clip_weights_",
    "consistency_penalty",
    "cramer_critic_loss",
    "cramer_estimate",
    "cramer_generator_loss",
    "cramer_scores",
    "critic_loss",
    "dual_estimate",
    "generator_loss",
    "gradient_norms",
    "gradient_penalty",
    "hinge_critic_loss",
    "hinge_estimate",
    "hinge_generator_loss",
    "hinge_kr_critic_loss",
    "interpolates",
    "kind_for",
    "least_squares_critic_loss",
    "least_squares_estimate",
    "least_squares_generator_loss",
    "lipschitz_bound",
    "load_critic",
    "networks_for",
    "non_saturating_generator_loss",
    "objective",
    "orthonormalize",
    "penalty_of",
    "refuse_batch_norm",
    "relativistic_critic_loss",
    "relativistic_estimate",
    "relativistic_generator_loss",
    "saturating_generator_loss",
    "save_critic",
    "spectral_normalize",
    "standard_critic_loss",
    "standard_estimate",
    "verify_critic",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'otkit.torch' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name != "torch":
            raise
        raise ImportError(
            "otkit.torch needs torch, which is not installed; install it with: pip install 'otkit[torch]'", name="torch"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
