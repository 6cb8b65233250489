r"""
Two parallel lines: why not Jensen-Shannon
==========================================

Example 1 of Arjovsky, Chintala, Bottou (2017): P is uniform on the segment {0} x [0, 1], and Q on {theta} x [0, 1].
Unless theta = 0 the two do not overlap. Total variation, Kullback-Leibler and Jensen-Shannon divergence only say so,
however near Q is. W_1 says how near, and going down its gradient moves Q toward P.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit

# %%
# Both segments are 64 points at the same heights here, and the values are those of the segments: mass moves straight
# across by abs(theta), and no plan is cheaper, as every plan moves the first coordinate by theta on average.
COUNT = 64
line = np.column_stack([np.zeros(COUNT), (np.arange(COUNT) + 0.5) / COUNT])


def kl(p, q):
    held = p > 0
    return np.inf if (q[held] == 0).any() else float(p[held] @ np.log(p[held] / q[held]))


def divergences(theta):
    """Total variation, Kullback-Leibler and Jensen-Shannon divergence, exactly."""
    points, where = np.unique(np.concatenate([line, line + [theta, 0]]), axis=0, return_inverse=True)
    p, q = (np.bincount(part, minlength=len(points)) / COUNT for part in np.split(where.ravel(), 2))
    return np.abs(p - q).sum() / 2, kl(p, q), (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def slopes(theta, result):
    """By theta: of W_1 from the plan, of W_1 from the exact critic, and of JS as a difference."""
    y, plan, step = line + [theta, 0], result.plan, abs(theta) / 2
    way = y[plan.cols] - line[plan.rows]
    of_plan = plan.mass @ (way[:, 0] / np.linalg.norm(way, axis=1))
    of_critic = -result.critic().gradient(y)[:, 0].mean()
    return of_plan, of_critic, (divergences(theta + step)[2] - divergences(theta - step)[2]) / (2 * step)


# %%
# W_1 has slope 1 on the right of 0 and -1 on the left; plan and critic agree on it. JS has slope 0 on both sides.
thetas = np.array([0.001, *np.arange(1, 11) / 10])
thetas = np.concatenate([-thetas[::-1], thetas])
results = [otkit.wasserstein(line, line + [theta, 0]) for theta in thetas]
w1 = np.array([result.distance for result in results])
tv, divergence, js = np.array([divergences(theta) for theta in thetas]).T
of_plan, of_critic, of_js = np.array([slopes(*pair) for pair in zip(thetas, results)]).T
print(f"{'theta':>5}{'W_1':>8}{'TV':>8}{'KL':>8}{'JS':>8} | slopes: W_1 by plan, by critic, JS")
for k in (21, 16, 12, 11):
    print(f"{thetas[k]:>5}{w1[k]:>8.4f}{tv[k]:>8.4f}{divergence[k]:>8}{js[k]:>8.4f} |", end="")
    print(f"{of_plan[k]:>20.4f}{of_critic[k]:>11.4f}{of_js[k]:>4.0f}")
print("    0" + "".join(f"{value:>8.4f}" for value in (otkit.wasserstein(line, line).distance, *divergences(0))) + " |")
assert np.allclose(w1, np.abs(thetas)) and (tv == 1).all() and np.isinf(divergence).all() and np.allclose(js, np.log(2))
assert np.allclose(of_plan, np.sign(thetas)) and np.allclose(of_critic, np.sign(thetas)) and np.allclose(of_js, 0)

# %%
# JS is log 2 plus half the largest value of mean log D(x) + mean log(1 - D(y)) over all D between 0 and 1. D = 1 on P
# and D = 0 on Q attain it, whatever D is elsewhere. So this smooth step is optimal, and it is flat on both lines.
x, y, result = line, line + [1.0, 0], results[-1]


def step(z):
    t = np.clip(2 * z[:, 0] - 0.5, 0, 1)
    return 1 - t**2 * (3 - 2 * t)


assert np.isclose(np.log(2) + (np.log(step(x)).mean() + np.log(1 - step(y)).mean()) / 2, js[-1])

# %%
# A potential of W_1 is never steeper than 1 and has to fall by 1 from P to Q: in between it has no choice.
across = np.column_stack([np.linspace(-0.5, 1.5, 401), np.full(401, line[COUNT // 2, 1])])
low, high = (critic(across) - critic(across[300:301]) for critic in (result.critic(), result.critic(anchors="y")))
fig, axes = plt.subplot_mosaic([["values", "across"], ["slopes", "across"]], figsize=(12, 6.4), layout="constrained")
for name, curves in {"values": (w1, tv, js), "slopes": (of_plan, 0 * tv, of_js)}.items():
    for curve, label, style in zip(curves, ("$W_1$", "TV", "JS"), ("C0", "C2--", "C1:")):
        for k, side in enumerate((slice(0, 11), slice(11, 22))):
            axes[name].plot(thetas[side], curve[side], style, lw=2.5, label=label if k == 0 else None)
axes["values"].plot([0], [0], "ko", ms=5, label=r"all at $\theta = 0$")
axes["values"].set(ylabel="value", title=r"KL is infinite unless $\theta = 0$", xlabel=r"$\theta$")
axes["slopes"].set(ylabel=r"slope by $\theta$", title=r"Only $W_1$ says where to go", xlabel=r"$\theta$")
axes["across"].fill_between(across[:, 0], low, high, color="C0", alpha=0.2, lw=0, label="where potentials may differ")
axes["across"].plot(across[:, 0], low, "C0", lw=2.5, label="potential of $W_1$: slope $-1$ from P to Q")
axes["across"].plot(across[:, 0], step(across), "C1:", lw=2.5, label="discriminator of JS: flat on P and on Q")
axes["across"].vlines([0, 1], -0.2, 1.2, color="0.5", lw=1)
axes["across"].set(ylim=(-0.6, 1.95), xlabel="first coordinate", ylabel="value")
axes["across"].set(title=r"The two critics across the gap, $\theta = 1$")
axes["across"].set_xticks([-0.5, 0, 0.5, 1, 1.5], ["-0.5", "0: P", "0.5", "1: Q", "1.5"])
for ax in axes.values():
    ax.legend()
fig.savefig("two_parallel_lines.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
