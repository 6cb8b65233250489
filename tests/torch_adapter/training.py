"""What the tests of the trainer share: small data, small configurations, comparisons of weights."""

import csv

import numpy as np
import torch

from otkit.torch import TrainConfig

TINY = {"batch_size": 16, "hidden": (12, 12), "device": "cpu", "monitor_every": 0, "checkpoint_every": 0}


def points(n=128, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def tiny(method="wgan-gp", **changes):
    early = {"n_critic_early": 3, "early_steps": 1} if method == "wgan" else {}
    return TrainConfig.preset(method, **{**TINY, "steps": 4, **early, **changes})


def same_weights(one, other):
    """Bit for bit, every tensor of two modules."""
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def farthest(one, other):
    """The largest difference of two modules' tensors."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def same_runs(one, other):
    critics = one.critic is other.critic is None or same_weights(one.critic, other.critic)
    return same_weights(one.generator, other.generator) and critics


def table(folder, *, without=("seconds",)):
    """The rows of history.csv."""
    with open(folder / "history.csv", newline="") as handle:
        return [{k: v for k, v in row.items() if k not in without} for row in csv.DictReader(handle)]
