"""How well presets learn the papers' toy data: modes reached, samples near a mode, W_1 against its floor."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from otkit import wasserstein
from otkit.datasets import eight_gaussians, mode_coverage, twentyfive_gaussians
from otkit.torch import TrainConfig, Trainer

TOYS = {"8 gaussians": eight_gaussians, "25 gaussians": twentyfive_gaussians}
JUDGED, COMPARED = 10_000, 4000  # samples for modes, and of each side for W_1
SMALL = {"hidden": (128, 128, 128), "ema": 0.999, "lr_decay": "linear"}
FAST = {"lr_critic": 1e-3, "lr_generator": 5e-4, "betas": (0.5, 0.9)}
# what is changed of each preset; those of the first three found by hand on 8 gaussians with another seed, the others'
# taken from them untried
CHANGES: dict[str, dict[str, Any]] = {
    "wgan-lp": {**SMALL, **FAST, "penalty_weight": 1.0},
    "wgan-gp": {**SMALL, **FAST, "penalty_weight": 1.0},
    "gan": {**SMALL},
    "wgan": {**SMALL, "clip": 0.1, "lr_critic": 5e-4, "lr_generator": 5e-4},
    "sn-wgan": {**SMALL, **FAST},
    "ct-gan": {**SMALL, **FAST, "penalty_weight": 1.0, "dropout": 0.1},
    "ortho-wgan": {**SMALL, **FAST},
    "cramer-gan": {**SMALL, **FAST, "penalty_weight": 1.0},
    "sinkhorn-gan": {**SMALL},
    "primal": {**SMALL},
    "hinge-gan": {**SMALL},
}
STEPS = {"8 gaussians": 20_000, "25 gaussians": 38_000}


def row(toy: str, preset: str, steps: int | None, seed: int) -> dict[str, Any]:
    """One training run, judged on fresh data."""
    torch.set_num_threads(1)  # layers of 128: a second thread makes a step longer
    make = TOYS[toy]
    data, steps = make(20_000, seed=seed), steps or STEPS[toy]
    config = TrainConfig.preset(
        preset, steps=steps, seed=seed, monitor_every=max(1, steps // 20), monitor_size=500, device="cpu",
        **CHANGES[preset],
    )  # fmt: skip
    start = time.perf_counter()
    run = Trainer(config).fit(data.samples, toy=data)
    seconds = time.perf_counter() - start
    samples = run.sample(JUDGED, seed=seed + 1).astype(np.float64)
    coverage = mode_coverage(samples, data.centers, data.sigma)
    fresh, other = (make(COMPARED, seed=seed + 100 + k).samples for k in (0, 1))
    return {
        "toy": toy, "preset": preset, "steps": steps, "seconds": seconds, "changes": changed(config, preset),
        "modes": coverage.modes, "of": len(data.centers), "high_quality": coverage.high_quality,
        "w1": wasserstein(samples[:COMPARED], fresh).distance, "floor": wasserstein(other, fresh).distance,
        "rank_correlation": run.history.rank_correlation(), "slope": run.history.records[-1].get("slope"),
    }  # fmt: skip


def changed(config: TrainConfig, preset: str) -> dict[str, Any]:
    """What differs from the preset and decides the result."""
    before = TrainConfig.preset(preset).to_dict()
    free = ("seed", "steps", "device", "monitor_every", "monitor_size", "checkpoint_every", "noise_dim")
    return {key: value for key, value in config.to_dict().items() if key not in free and value != before[key]}
