"""Generators and critics: perceptrons, DCGAN and residual networks for images, convolutions for sequences."""

from otkit.torch.networks.dcgan import DCGANCritic, DCGANGenerator
from otkit.torch.networks.factory import kind_for, networks_for
from otkit.torch.networks.layers import Residual
from otkit.torch.networks.mcshane import McShaneCritic
from otkit.torch.networks.mlp import MLP, MLPCritic, MLPGenerator
from otkit.torch.networks.resnet import ResNetCritic, ResNetGenerator
from otkit.torch.networks.sequence import SequenceCritic, SequenceGenerator
from otkit.torch.networks.stack import Critic, Generator

__all__ = [
    "MLP",
    "Critic",
    "DCGANCritic",
    "DCGANGenerator",
    "Generator",
    "MLPCritic",
    "MLPGenerator",
    "McShaneCritic",
    "ResNetCritic",
    "ResNetGenerator",
    "Residual",
    "SequenceCritic",
    "SequenceGenerator",
    "kind_for",
    "networks_for",
]
