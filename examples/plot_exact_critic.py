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

result = otkit.wasserstein(x, y)
critic = result.critic()
print(result)
print(critic)

# %%
# It recovers W_1 to the last digits.
print(f"mean u(x) - mean u(y) = {critic(x).mean() - critic(y).mean():.12f}")
print(f"W_1                   = {result.distance:.12f}")

# %%
# It is 1-Lipschitz everywhere, not only at the samples: the steepest slope over a million random pairs.
points = random.uniform(-4, 4, (2, 1_000_000, 2))
u = critic(points.reshape(-1, 2)).reshape(2, -1)
slope = np.abs(u[0] - u[1]) / np.linalg.norm(points[0] - points[1], axis=1)
print(f"steepest slope between random points: {slope.max():.12f}")

# %%
# On the left the critic on the plane, with the segments of the plan. On the right pairs of samples: the critic never
# drops by more than the distance, and drops by exactly the distance where mass moves. So no function does better, and
# no plan is cheaper: that is duality in one picture.
side = np.linspace(-3.2, 3.2, 400)
grid = np.stack(np.meshgrid(side, side), axis=-1)
values = critic(grid.reshape(-1, 2)).reshape(400, 400)
plan = result.plan
distance = np.linalg.norm(x[:, None] - y, axis=2)
drop = critic(x)[:, None] - critic(y)
print("largest drop / distance", (drop / distance).max())

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
image = left.imshow(values, origin="lower", extent=(-3.2, 3.2, -3.2, 3.2), cmap="viridis")
left.contour(side, side, values, levels=20, colors="white", linewidths=0.4)
plan = result.plan
ends = np.stack([x[plan.rows], y[plan.cols], np.full((len(plan), 2), np.nan)], axis=1).reshape(-1, 2)
left.plot(*ends.T, color="black", lw=0.3, alpha=0.5)
left.plot(*x.T, ".", ms=4, color="white", label="x: eight clouds")
left.plot(*y.T, ".", ms=4, color="tab:red", label="y: three clouds")
left.legend(loc="lower left", framealpha=0.9, facecolor="0.6")
left.set_title(f"The exact critic $u$, $W_1$ = {result.distance:.4f}")
fig.colorbar(image, ax=left, label="$u$")
right.plot(distance[::4, ::4].ravel(), drop[::4, ::4].ravel(), ".", ms=1, color="0.6", label="pairs (1 in 16)")
right.plot(distance[plan.rows, plan.cols], drop[plan.rows, plan.cols], ".", color="tab:red", label="pairs of the plan")
right.axline((0, 0), slope=1, color="black", lw=0.8, label="slope 1")
right.set(xlabel="distance $|x_i - y_j|$", ylabel="$u(x_i) - u(y_j)$", title="No pair is steeper than 1")
right.legend()

fig.savefig("exact_critic.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
