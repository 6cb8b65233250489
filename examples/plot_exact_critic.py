r"""
The exact critic
================

A Wasserstein GAN trains a network to be the 1-Lipschitz function u that makes mean u(x) - mean u(y) as large as can be;
the largest value is W_1. Between samples the exact u is at hand: `Result.critic()`, a function on the whole plane.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit

# %%
# Eight clouds on a ring, as a generator should have them, against a generator that found only three of them.
random = np.random.default_rng(1)
angle = np.arange(8) * np.pi / 4
ring = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
x = ring[random.integers(8, size=400)] + 0.12 * random.standard_normal((400, 2))
y = ring[random.integers(3, size=400)] + 0.12 * random.standard_normal((400, 2))

report = otkit.verify(x, y)
critic = report.result.critic()
print(report)
print(critic)

# %%
# It recovers W_1 to the last digits.
print(f"mean u(x) - mean u(y) = {critic(x).mean() - critic(y).mean():.12f}")
print(f"W_1                   = {report.primal:.12f}")

# %%
# It is 1-Lipschitz everywhere, not only at the samples: the steepest slope over all pairs of 10,000 random points.
points = random.uniform(-4, 4, (10_000, 2))
print(f"steepest slope between random points: {critic.slope(points):.12f}")

# %%
# The samples fix its values at the samples only. `u(z) = max_i u(x_i) - |z - x_i|` is the smallest 1-Lipschitz
# function with these values; `critic(anchors="y")`, `min_j u(y_j) + |z - y_j|`, is the largest; every exact critic with
# these values lies between the two. Where no mass has to pass they can differ a lot.
largest = report.result.critic(anchors="y")
room = largest(points) - critic(points)
print(f"largest less smallest exact critic: {abs(largest(x) - critic(x)).max():.1e} at the samples,")
print(f"    {room.mean():.3f} on average over the square and {room.max():.3f} at most")

# %%
# Almost everywhere it has a gradient, of length 1, which is what a gradient penalty asks of a network. It bends on the
# ridges between two anchors, which no random point meets, and no y whose mass comes from one side: potentials that are
# tight elsewhere are of no use there. So the gradient at y is that of W_1, with which a generator learns.
length = np.linalg.norm(critic.gradient(points), axis=1)
print(f"length of the gradient at random points: {np.nanmin(length):.12f} to {np.nanmax(length):.12f}")
print(f"on a ridge: {np.isnan(length).sum()} of {len(points)} random points, ", end="")
gradient, plan = critic.gradient(y), report.result.plan
print(f"{np.isnan(gradient[:, 0]).sum()} of {len(y)} y")
move = y[plan.cols] - x[plan.rows]
pull = np.zeros_like(y)
pull[plan.cols] = move / np.linalg.norm(move, axis=1, keepdims=True)
print(f"largest difference from the plan's directions: {np.nanmax(np.abs(gradient + pull)):.1e}")

# %%
# On the left the critic on the plane, with the segments of the plan, which cross its level lines at right angles. On
# the right pairs of samples: the critic never drops by more than the distance, and drops by exactly the distance where
# mass moves. So no function does better, and no plan is cheaper: that is duality in one picture.
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
otkit.plot.duality(report, ax=left)
otkit.plot.slopes(report, ax=right)
left.set_title(f"The exact critic, $W_1$ = {report.primal:.4f}")
right.set_title("No pair is steeper than 1")

fig.savefig("exact_critic.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
