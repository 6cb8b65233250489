"""Primal losses: distances between two sample sets, as functions and as modules, with gradients autograd can use."""

from otkit.torch.primal.energy import EnergyDistance, energy_cost
from otkit.torch.primal.sinkhorn import SinkhornDivergence, SinkhornSolution, sinkhorn_cost
from otkit.torch.primal.sliced import (
    MaxSlicedWasserstein,
    SlicedEstimate,
    SlicedWasserstein,
    max_sliced_cost,
    sliced_cost,
)
from otkit.torch.primal.wasserstein import WassersteinLoss, wasserstein_cost

__all__ = [
    "EnergyDistance",
    "MaxSlicedWasserstein",
    "SinkhornDivergence",
    "SinkhornSolution",
    "SlicedEstimate",
    "SlicedWasserstein",
    "WassersteinLoss",
    "energy_cost",
    "max_sliced_cost",
    "sinkhorn_cost",
    "sliced_cost",
    "wasserstein_cost",
]
