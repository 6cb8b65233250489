r"""
5000 particles flow onto a picture
==================================

A cloud of particles goes down the gradient of the Sinkhorn divergence to a picture: each moves against the gradient of
:math:`S_\varepsilon`, which pulls it to where the plan sends its mass and keeps it away from the others. Nothing is
learned and nothing is unrolled: a step costs one solve, in memory of the order of the points.
"""

# %%
# The picture is a density, from which 5000 points are drawn; the particles begin as a disc.

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import gaussian_gradient_magnitude
from sklearn.datasets import load_sample_image

from otkit.torch import SinkhornDivergence

COUNT, STEPS = 5000, 12
photo = load_sample_image("flower.jpg")[:400, 120:520].mean(axis=2)
density = gaussian_gradient_magnitude(photo, 3.0)[::2, ::2] ** 2  # large at the edges of petals
random = np.random.default_rng(0)
chosen = random.choice(density.size, COUNT, p=density.ravel() / density.sum())
row, col = np.divmod(chosen, density.shape[1])
target = np.column_stack([col, density.shape[0] - row]) / density.shape[0] + random.uniform(0, 0.005, (COUNT, 2))
angle, radius = 2 * np.pi * random.random(COUNT), 0.1 * np.sqrt(random.random(COUNT))
start = 0.5 + np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

# %%
# The gradient in one particle carries its mass, 1 / 5000, and that of a squared distance a factor 2: a step of
# 5000 / 2 would move every particle all the way. Steps of 0.4 of it show the way there.

loss = SinkhornDivergence(eps=1e-3, tol=1e-3)
y = torch.from_numpy(target)
particles = torch.from_numpy(start).requires_grad_()
seen, costs = {}, []
for step in range(STEPS + 1):
    cost = loss(particles, y)
    costs.append(cost.item())
    if step in (0, 1, 3, STEPS):
        seen[step] = particles.detach().numpy().copy()
    (pull,) = torch.autograd.grad(cost, particles)
    with torch.no_grad():
        particles -= 0.4 * COUNT / 2 * pull
print(f"divergence {costs[0]:.4f} at the start, {costs[-1]:.2e} after {STEPS} steps")

# %%
# The divergence falls by the same factor at every step, as along a geodesic, until the blur of eps is reached.

figure, axes = plt.subplots(2, 3, figsize=(10, 6.8))
for ax, (step, points) in zip(axes.ravel(), seen.items()):
    ax.scatter(*points.T, s=1.0, color="C0")
    ax.set_title(f"step {step}")
axes[1, 1].scatter(*target.T, s=1.0, color="C1")
axes[1, 1].set_title("the picture")
for ax in axes.ravel()[:5]:
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
axes[1, 2].semilogy(costs, marker="o")
axes[1, 2].set(title="divergence", xlabel="step", ylabel=r"$S_\varepsilon$")
figure.tight_layout()
figure.savefig("gradient_flow.png", dpi=120)
