"""
A WGAN whose curve means something
==================================

A generator learns eight Gaussians from a critic. While it trains, the exact W_1 to held-out data is measured beside
what the critic says of it. Does a falling curve mean better samples? And how much of W_1 does a trained critic see?
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

import otkit
from otkit.torch import TrainConfig, Trainer

torch.set_num_threads(1)  # for layers this small; a second thread waits for the first, and beside other work for ever


def sampler(n: int, random: np.random.Generator) -> np.ndarray:
    """Fresh data for every batch."""
    return otkit.datasets.eight_gaussians(n, seed=random).samples


# %%
# The settings of WGAN-LP, with smaller networks and larger steps than the paper's, so that a minute is enough. 200
# generator steps first, in a folder from which the training goes on below.
toy = otkit.datasets.eight_gaussians(1000, seed=1)
config = TrainConfig.preset(
    "wgan-lp", steps=200, penalty_weight=1.0, hidden=(96, 96, 96), lr_critic=1e-3, lr_generator=1e-3, betas=(0.5, 0.9),
    lr_decay="linear", ema=0.99, monitor_every=50, monitor_size=500, device="cpu",
)  # fmt: skip
folder = tempfile.TemporaryDirectory()
young = Trainer(config).fit(sampler, out=folder.name, toy=toy)
print(young)

# %%
# Its critic, on fresh data and its own generator's samples, beside the exact critic of the same two samples. The raw
# value is above W_1, as nothing holds its slope to 1 but a penalty; divided by the slope it is a lower bound.
real, generated = toy.samples, young.sample(1000)
report = otkit.torch.verify_critic(young.critic, real, generated)
print(report)
assert report.critic.rescaled <= report.primal

# %%
# The same run goes on to 1200 steps. The rank correlation of the critic's estimate and the exact W_1 says what the
# curve is worth; the floor is W_1 between two halves of the held-out data, which no generator can be expected to beat.
run = Trainer(config.changed(steps=1200)).fit(sampler, out=folder.name, toy=toy, resume=True)
folder.cleanup()
best = run.history.best()
print(run)
print(f"rank correlation of the critic's estimate and W_1: {run.history.rank_correlation():.2f}")
print(f"W_1 {best['w1']:.4f} at step {best['step']}, floor {best['floor']:.4f}")

# %%
# Above, where the generator has come to, and how. Below, the critic after 200 steps beside the exact one: the network
# is smooth where the exact critic has a cone at every sample, and both fall from the modes to what is generated.
fig, ((left, right), (below, last)) = plt.subplots(2, 2, figsize=(12.5, 10), layout="constrained")
otkit.plot.samples(run.sample(1000), left, toy=toy)
otkit.plot.training(run, right)
otkit.plot.critic(report.function, real, generated, below)
otkit.plot.critic(report.result.critic(), real, generated, last)
left.set_title(f"step {run.steps}: {left.get_title()}")
below.set_title(f"trained critic, step 200, slope {report.critic.slope:.2f}: {below.get_title()}")
last.set_title(f"exact critic, slope 1: {last.get_title()}")

fig.savefig("train_wgan.png", dpi=110)
if plt.get_backend().lower() != "agg":
    plt.show()
