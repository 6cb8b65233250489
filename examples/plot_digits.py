"""
Digits from a convolutional WGAN
================================

A generator of 8x8 images learns from 1400 of scikit-learn's digits, in a minute or two. The exact W_2 between its
samples and 397 digits that training never saw says how far it has come, and a floor what is left to gain.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

import otkit
from otkit.torch import TrainConfig, Trainer

torch.set_num_threads(1)  # layers this small are slower with two

# %%
# Rows of 64 numbers from 0 to 16, which `shape` folds into images.
images = np.random.default_rng(0).permutation(load_digits().data)
held, train = images[:397], images[397:]

# %%
# WGAN-GP with small convolutional networks, one critic step a generator step, and larger rates than the paper's. A
# callback that returns True ends the run, and the next call goes on from its folder: W_2 is measured in between.
STAGES, DRAWS, SHOWN = (500, 1000, 2000, 4000), 5, 49
config = TrainConfig.preset(
    "wgan-gp", steps=STAGES[-1], shape=(1, 8, 8), normalize="range", width=48, noise_dim=32, batch_size=64, n_critic=1,
    lr_critic=1e-3, lr_generator=1e-3, betas=(0.5, 0.9), lr_decay="linear", ema=0.995, monitor_every=500, device="cpu",
)  # fmt: skip


def at_a_stage(trainer: Trainer, record: dict) -> bool:
    return record["step"] in STAGES


def distances(draws: list[np.ndarray]) -> np.ndarray:
    """Exact W_2 of each draw to the digits held out."""
    return np.array([otkit.wasserstein(draw.reshape(-1, 64), held, p=2).distance for draw in draws])


random = np.random.default_rng(1)
floor = distances([random.permutation(train)[: len(held)] for _ in range(DRAWS)])
print(f"floor: W_2 {floor.mean():.2f} +- {floor.std(ddof=1):.2f}, digits learned from against digits held out")
seen, grids = [], {"digits held out": held.reshape(-1, 8, 8)}
with tempfile.TemporaryDirectory() as folder:
    for steps in STAGES:
        run = Trainer(config).fit(train, holdout=held, out=folder, resume=True, callbacks=[at_a_stage])
        found = distances([run.sample(len(held), seed=seed).astype(float) for seed in range(DRAWS)])
        print(f"step {steps:5d}: W_2 {found.mean():.2f} +- {found.std(ddof=1):.2f}")
        seen.append(found)
        if steps in (STAGES[0], STAGES[-1]):
            grids[f"generated, step {steps}: $W_2$ {found.mean():.2f}"] = run.sample(SHOWN, seed=DRAWS)[:, 0]

# %%
# Most of W_2 is what 397 points in 64 dimensions cost: the digits that the generator learned from have it too. What is
# above that floor is the generator's own. Does it copy? Its samples would then be nearer to the digits learned from
# than digits held out are.
samples = run.sample(len(held), seed=DRAWS).reshape(-1, 64).astype(float)
near, near_held = (np.sqrt(((rows[:, None] - train) ** 2).sum(-1).min(1)).mean() for rows in (samples, held))
print(f"distance to the nearest digit learned from: {near:.1f} for samples, {near_held:.1f} for digits held out")

# %%
# Some samples can be read, others are between two digits. A minute is short: docs/training.md shows samples of a larger
# network that had 7 to 9 minutes, and docs/benchmarks.md has its figures. Below right, the grey band is a standard
# deviation of the floor's draws to each side.
fig, axes = plt.subplots(2, 2, figsize=(10, 10.4), layout="constrained")
for ax, (title, pictures) in zip(axes.ravel(), grids.items()):
    otkit.plot.samples(pictures[:SHOWN], ax)
    ax.set(title=title, xlabel="")
axes[1, 1].errorbar(STAGES, np.mean(seen, axis=1), np.std(seen, axis=1, ddof=1), fmt="o-", capsize=3, label="generated")
axes[1, 1].axhspan(floor.mean() - floor.std(ddof=1), floor.mean() + floor.std(ddof=1), color="0.85")
axes[1, 1].axhline(floor.mean(), color="0.4", ls="--", label="floor: digits learned from")
axes[1, 1].set(
    xscale="log", xlabel="generator steps", title="exact $W_2$ to digits held out, standard deviation of draws"
)
axes[1, 1].set_xticks(STAGES, [str(steps) for steps in STAGES])
axes[1, 1].minorticks_off()
axes[1, 1].legend()
fig.savefig("digits.png", dpi=120)
