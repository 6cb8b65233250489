"""Critics trained with a gradient penalty, as published for the W_1 benchmark. The only file here that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit.datasets.problem import W1Problem

if TYPE_CHECKING:
    import torch

# Korotin, Kolesov, Burnaev 2022; they make 60,000 iterations
BATCH = 1024
LEAST_WIDTH = 128
LEARNING_RATE = 2e-4
BETAS = (0.0, 0.9)
PENALTY = 10.0
EXCESS: dict[str, Callable] = {
    "WGAN-GP": lambda excess: excess,  # of the length of a gradient over 1, two-sided
    "WGAN-LP": lambda excess: excess.relu(),  # one-sided
}


@dataclass(frozen=True)
class Network:
    """A float32 torch module as a critic of float64 points."""

    module: torch.nn.Module

    def __call__(self, points: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            return self.module(torch.from_numpy(points).float()).double().numpy()[:, 0]

    def gradient(self, points: np.ndarray) -> np.ndarray:
        import torch

        z = torch.from_numpy(points).float().requires_grad_()
        (slopes,) = torch.autograd.grad(self.module(z).sum(), z)
        return slopes.double().numpy()


def trained(problem: W1Problem, method: str, iterations: int, seed: int) -> Network:
    """A critic after so many steps of Adam, each on a fresh batch of both populations."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    d = problem.x.shape[1]
    width = max(2 * d, LEAST_WIDTH)
    layers = nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    module = nn.Sequential(*layers)
    adam = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, betas=BETAS)
    draws = np.random.default_rng(seed)
    for _ in range(iterations):
        real, fake = (torch.from_numpy(side).float() for side in problem.fresh(BATCH, seed=draws))
        share = torch.rand(BATCH, 1)
        between = (share * real + (1.0 - share) * fake).requires_grad_()
        (slopes,) = torch.autograd.grad(module(between).sum(), between, create_graph=True)
        excess = EXCESS[method](slopes.norm(dim=1) - 1.0)
        loss = module(fake).mean() - module(real).mean() + PENALTY * (excess**2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return Network(module)
