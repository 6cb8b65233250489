r"""
A Wasserstein auto-encoder of digits
====================================

An auto-encoder becomes a generator when its codes have a law that can be sampled. Here the exact transport cost between
a batch of codes and a batch of normal samples is added to the error of reconstruction: codes move along the plan to the
normal law, and the decoder then makes digits from noise (Tolstikhin, Bousquet, Gelly, Schoelkopf 2018).
"""

# %%
# Small networks, codes in the plane.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import pad

import otkit
from otkit.torch import WassersteinLoss

STEPS, BATCH, WEIGHT = 2000, 200, 0.05
images, labels = load_digits(return_X_y=True)
data = torch.from_numpy(images).float() / 16
torch.manual_seed(0)


def layers(*sizes: int) -> nn.Module:
    """Linear layers with SiLU between them."""
    parts = [[nn.Linear(a, b), nn.SiLU()] for a, b in zip(sizes, sizes[1:])]
    return nn.Sequential(*[part for pair in parts for part in pair][:-1])


encoder, decoder = layers(64, 128, 128, 2), nn.Sequential(layers(2, 128, 128, 64), nn.Sigmoid())
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, STEPS)
to_normal = WassersteinLoss(p=2)

# %%
# A step: reconstruction in squared error a pixel, and W_2^2 of the codes to fresh normal samples.

errors, costs = [], []
for _ in range(STEPS):
    batch = data[torch.randint(len(data), (BATCH,))]
    codes = encoder(batch)
    error = (decoder(codes) - batch).square().mean()
    cost = to_normal(codes, torch.randn(BATCH, 2))
    optimizer.zero_grad()
    (error + WEIGHT * cost).backward()
    optimizer.step()
    schedule.step()
    errors.append(error.item())
    costs.append(cost.item())

# %%
# How near the law of all codes is to the normal one, with its certificate, beside two normal samples of the same size.

with torch.no_grad():
    codes = encoder(data)
normal, other = np.random.default_rng(0).normal(size=(2, len(data), 2))
reached, floor = otkit.wasserstein(codes.numpy(), normal, p=2), otkit.wasserstein(other, normal, p=2)
print(f"error a pixel {np.mean(errors[-100:]):.4f}")
print(f"W_2 of the codes to normal samples {reached.distance:.3f} (gap {reached.gap:.1e}), floor {floor.distance:.3f}")

# %%
# Left the codes by digit, in the middle what the decoder makes of a grid of normal quantiles, right the two losses.

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.5), layout="constrained")
points = axes[0].scatter(*codes.T, c=labels, cmap="tab10", s=8)
figure.colorbar(points, ax=axes[0], ticks=range(10))
axes[0].set(title="codes", aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
side = torch.special.ndtri(torch.linspace(0.03, 0.97, 14))
grid = torch.cartesian_prod(-side, side)[:, [1, 0]]
with torch.no_grad():
    made = pad(decoder(grid).reshape(14, 14, 8, 8), (1, 2, 1, 2)).permute(0, 2, 1, 3).reshape(14 * 11, 14 * 11)
axes[1].imshow(made, cmap="gray_r")
axes[1].set(title="decoded quantiles of the normal law", xticks=[], yticks=[])
for values, name in ((errors, "error of reconstruction"), (costs, r"$W_2^2$ of codes to noise, a batch")):
    axes[2].semilogy(np.convolve(values, np.full(20, 0.05), "valid"), label=name)
axes[2].set(title="losses, mean of 20 steps", xlabel="step")
axes[2].legend()
figure.savefig("wasserstein_autoencoder.png", dpi=110)
