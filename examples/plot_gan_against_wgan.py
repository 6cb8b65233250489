"""
A GAN against a WGAN
====================

Eight Gaussians on a circle and 25 on a grid, learned by a GAN, whose discriminator tells real from generated, and by a
WGAN, whose critic estimates W_1. Which modes does each reach, how far from the data are its samples, and does its curve
say so?
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import otkit
from otkit.torch import TrainConfig, Trainer

torch.set_num_threads(1)  # layers this small are slower with two

# %%
# Both have the same networks and see as many batches of fresh data; the rates of both were found by hand, and those of
# the GAN are its preset's. It takes a generator step after every step of its discriminator, the WGAN after two of its
# critic's.
BATCHES, LOOKS, JUDGED = 4000, 20, 4000
TOYS = {"8 Gaussians": otkit.datasets.eight_gaussians, "25 Gaussians": otkit.datasets.twentyfive_gaussians}
SMALL = {"hidden": (96, 96, 96), "ema": 0.99, "lr_decay": "linear", "monitor_size": 500, "device": "cpu"}
CHANGES = {
    "gan": {},
    "wgan-lp": {"n_critic": 2, "penalty_weight": 1.0, "lr_critic": 2e-3, "lr_generator": 2e-3, "betas": (0.5, 0.9)},
}


def train(name: str, method: str) -> otkit.torch.Run:
    config = TrainConfig.preset(method, **CHANGES[method], **SMALL)
    steps = BATCHES // config.n_critic
    config = config.changed(steps=steps, monitor_every=steps // LOOKS)
    return Trainer(config).fit(lambda n, random: TOYS[name](n, seed=random).samples, toy=TOYS[name](1, seed=1))


runs = {(name, method): train(name, method) for name in TOYS for method in CHANGES}

# %%
# Each generator is judged by 4000 samples: how many modes they reach, what part of them is within three standard
# deviations of one, and their exact W_1 to fresh data. One sample there reaches a mode, so the first number must be
# read beside the second: samples spread all over the plane reach all modes. The floor is W_1 of fresh data to as much
# other data. The column `curve` is the rank correlation, over all looks during training, of what the critic estimates
# and the exact W_1: near 1, a falling curve means better samples.
print(f"{'data':<13}{'method':<9}{'modes':>9}{'in 3 sigma':>12}{'W_1':>9}{'floor':>9}{'curve':>8}{'seconds':>9}")
titles = {}
for (name, method), run in runs.items():
    fresh, other = (TOYS[name](JUDGED, seed=seed) for seed in (2, 3))
    samples = run.sample(JUDGED, seed=1).astype(np.float64)
    found = otkit.datasets.mode_coverage(samples, fresh.centers, fresh.sigma)
    w1, floor = (otkit.wasserstein(points, fresh.samples).distance for points in (samples, other.samples))
    rank, modes = run.history.rank_correlation(), f"{found.modes} of {len(fresh.centers)}"
    seconds = run.history.records[-1]["seconds"]
    print(
        f"{name:<13}{method:<9}{modes:>9}{found.high_quality:>12.1%}{w1:>9.4f}{floor:>9.4f}{rank:>8.2f}{seconds:>9.1f}"
    )
    titles[name, method] = f"{name}, {method}: {modes} modes,\n{found.high_quality:.0%} within 3 sigma, $W_1$ {w1:.3f}"

# %%
# Left and in the middle the samples; crosses are the centres of modes. Right, against batches seen, the exact W_1 of
# both, and dashed what their critics estimate. W_1 is of 500 samples here, so its floor is higher than in the table.
# The WGAN's estimate is in the units of W_1. The GAN's bounds the Jensen-Shannon divergence from below, which is log 2
# for laws that do not overlap, however far apart they are.
fig, axes = plt.subplots(2, 3, figsize=(15, 9.6), layout="constrained")
for row, name in zip(axes, TOYS):
    for ax, (method, colour) in zip(row, zip(CHANGES, ("tab:orange", "tab:blue"))):
        run = runs[name, method]
        otkit.plot.samples(run.sample(1000), ax, toy=TOYS[name](1, seed=1))
        ax.set(title=titles[name, method], xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
        ax.get_legend().remove()
        seen = [record["step"] * run.config.n_critic for record in run.history.records]
        w1, estimate = ([record[key] for record in run.history.records] for key in ("w1", "critic_estimate"))
        row[2].plot(seen, w1, color=colour, lw=2, label=f"{method}: exact $W_1$")
        row[2].plot(seen, estimate, "--", color=colour, label=f"{method}: estimate of its critic")
    row[2].axhline(run.history.records[-1]["floor"], color="0.5", ls=":", label="floor of $W_1$, 500 samples")
    row[2].set(title=f"{name}: curves", xlabel="batches of data seen", ylim=(0, None))
    row[2].legend()
fig.savefig("gan_against_wgan.png", dpi=120)
