"""Critics of the trainer's presets on problems whose gradient is known: the mean cosine of the W_1 benchmark.

The setting of Korotin, Kolesov, Burnaev 2022 ([D, max(2D, 128) x 2, 1], batch 1024, Adam 2e-4 (0, 0.9)): no generator
is trained, both laws are sampled afresh, so critic steps of the trainer are made and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import truth_measure
from benchmarks.truth_published import published
from benchmarks.truth_trained import BATCH, BETAS, LEARNING_RATE, LEAST_WIDTH, Network
from otkit.datasets import funnels
from otkit.datasets.problem import W1Problem
from otkit.torch import GroupSort, McShaneCritic, MLPCritic, TrainConfig
from otkit.torch.training.networks import networks_of
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.steps import Steps

FRESH = 4096
CONES = 256
GROUP = 8  # channels; after 6000 steps on 16 funnels in the plane: 0.59 for 2, 0.69 for 8, 0.68 for 32
ADAM = {"optimizer": "adam", "lr_critic": LEARNING_RATE, "betas": BETAS}


class Setting(NamedTuple):
    """A preset, what is changed, the iterations, the name its published cosines have (with as many iterations), and
    the critic in place of the preset's perceptron, from some samples of x and its width."""

    preset: str
    changes: dict[str, Any]
    steps: int
    published: str = ""
    critic: Callable[[torch.Tensor, int], torch.nn.Module] | None = None


def sorting(samples: torch.Tensor, width: int, group: int | None = None) -> torch.nn.Module:
    """Channels sorted in groups, or all, as published; the preset sorts pairs."""
    return MLPCritic(samples.shape[1:], hidden=(width, width), activation=lambda: GroupSort(group or width))


def cones(samples: torch.Tensor, width: int) -> torch.nn.Module:
    return McShaneCritic.at(samples[:CONES])


SETTINGS = {
    "clip": Setting("wgan", {**ADAM, "clip": 0.04}, 5_000, "WGAN"),
    "GP": Setting("wgan-gp", ADAM, 60_000, "WGAN-GP"),
    "LP": Setting("wgan-lp", ADAM, 60_000, "WGAN-LP"),
    "SN": Setting("sn-wgan", ADAM, 10_000, "SN"),
    "ortho": Setting("ortho-wgan", ADAM, 25_000, "sorted"),
    "sort": Setting("ortho-wgan", ADAM, 25_000, "sorted", sorting),
    "groups": Setting("ortho-wgan", ADAM, 25_000, "sorted", partial(sorting, group=GROUP)),
    "cones": Setting(
        "wgan",
        {"lipschitz": (), "optimizer": "adam", "lr_critic": 5e-3, "betas": (0.5, 0.99), "lr_decay": "linear"},
        4_000, critic=cones,
    ),
}  # fmt: skip


def row(name: str, n_funnels: int, d: int, most: int | None, seed: int) -> dict[str, Any]:
    """One critic, trained as long as published, `most` steps at most, and its mean cosine at fresh points."""
    torch.set_num_threads(1)
    setting, problem = SETTINGS[name], funnels(8, d, n_funnels=n_funnels, seed=seed)
    steps = min(setting.steps, most or setting.steps)
    start = time.perf_counter()
    critic, estimate = trained(problem, setting, d, steps, seed)
    seconds = time.perf_counter() - start
    x, y = problem.fresh(FRESH, seed=seed + 1)
    found = {
        "preset": name, "n_funnels": n_funnels, "d": d, "steps": steps, "published_steps": setting.steps,
        "seconds": seconds, "cosine_x": cosine(critic, problem, x), "cosine_y": cosine(critic, problem, y),
        "estimate": estimate, "distance": problem.distance,
    }  # fmt: skip
    return {**found, "published": published(n_funnels, d).get(setting.published)}


def trained(problem: W1Problem, setting: Setting, d: int, steps: int, seed: int) -> tuple[torch.nn.Module, float]:
    """The preset's critic after so many of the trainer's critic steps."""
    width = max(2 * d, LEAST_WIDTH)
    config = TrainConfig.preset(
        setting.preset, steps=steps, batch_size=BATCH, hidden=(width, width), noise_dim=1, monitor_every=0, seed=seed,
        device="cpu", **setting.changes,
    )  # fmt: skip
    place = torch.device("cpu")
    torch.manual_seed(seed)
    batches = fresh(problem, seed)
    critic = setting.critic and setting.critic(batches()[0], width)
    if critic is not None:
        config = config.changed(hidden=None)
    generator, critic, _ = networks_of(config, (d,), None, critic, place)
    made = Steps(generator, critic, config, place, Ranks(place))
    for step in range(steps):
        real, fake = batches()
        made.critic(real, fake)
        made.decay(step + 1)
        if step % 100 == 0 and step < steps - 100:
            estimate = made.means()
    estimate = made.means()
    return made.net_c.eval(), estimate["critic_estimate"]


def fresh(problem: W1Problem, seed: int) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """New batches of both laws, drawn many at a time."""
    draws, many = np.random.default_rng(seed), 16
    held: list[tuple[torch.Tensor, torch.Tensor]] = []

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        if not held:
            x, y = (torch.from_numpy(side).float() for side in problem.fresh(many * BATCH, seed=draws))
            held.extend(zip(x.split(BATCH), y.split(BATCH)))
        return held.pop()

    return batch


def cosine(critic: torch.nn.Module, problem: W1Problem, points: np.ndarray) -> float:
    """The mean cosine between the critic's gradient and the true one, as all critics of the benchmark are measured."""
    return truth_measure.cosine(Network(critic).gradient(points), problem.gradient(points))[0]
