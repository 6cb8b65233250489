"""
Entropic transport: what eps costs, and what is still proven
============================================================

Sinkhorn's iteration solves a smoothed problem, in which every point sends some mass everywhere; the smaller `eps`, the
less. So its plan is dearer than the best one, and the bracket says by how much at most. It is about the problem without
smoothing: its upper end is the cost of a plan with the exact marginals, its lower end the value of potentials that are
feasible for every pair. The samples are made up: a ring and three clouds.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import otkit
from otkit.solvers import Sinkhorn

random = np.random.default_rng(1)
angle = random.uniform(0, 2 * np.pi, 90)
x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * random.standard_normal((90, 2))
thirds = np.repeat(np.pi * np.array([1 / 2, 7 / 6, 11 / 6]), 30)
y = 2.2 * np.stack([np.cos(thirds), np.sin(thirds)], axis=1) + 0.22 * random.standard_normal((90, 2))

exact = otkit.wasserstein(x, y, p=2)
print(exact)

# %%
# **eps** is in units of cost, here of squared distance. `result.entropic` holds what belongs to the smoothed problem:
# its objective and its potentials, from which the next, smaller eps starts.
scales = np.geomspace(3.0, 3e-3, 13)
results = []
for eps in scales:
    start = results[-1].entropic if results else None
    results.append(otkit.wasserstein(x, y, p=2, solver=Sinkhorn(eps=eps, start=start)))
for result in results:
    assert result.lower <= exact.upper and exact.lower <= result.upper
    bracket = f"[{result.lower:.5f}, {result.upper:.5f}]"
    print(f"eps {result.entropic.eps:7.4f}  {bracket}  gap {result.gap:.1e}  {result.stats.iterations} sweeps")

# %%
# **gap** instead of eps: the relative error one can bear. The solver finds an eps that is small enough.
within = otkit.wasserstein(x, y, p=2, solver=Sinkhorn(gap=1e-3))
print(within)

# %%
# Above, the bracket and what it is made of. Below, the plan at three values of eps, every entry as a segment whose
# strength is its mass: at a large eps every point goes to whole clouds, at a small one to one or two places.
fig, axes = plt.subplot_mosaic("AAABBB;CCDDEE", figsize=(12, 8.6), layout="constrained", height_ratios=[1, 1.25])
left, right = axes["A"], axes["B"]
lower, upper = ([getattr(result, end) for result in results] for end in ("lower", "upper"))
left.fill_between(scales, lower, upper, alpha=0.25, color="tab:blue", label="certified bracket")
left.semilogx(scales, upper, "v-", ms=5, color="tab:blue", label="rounded plan: upper")
left.semilogx(scales, lower, "^-", ms=5, color="tab:blue", label="feasible potentials: lower")
left.axhline(exact.distance, color="black", lw=1, ls=":", label=f"exact: {exact.distance:.5f}")
left.set(xlabel="eps", ylabel="$W_2$", title="The bracket narrows as eps falls")
left.legend()

excess = [result.cost - exact.cost for result in results]
missing = [exact.cost - result.dual_cost for result in results]
smoothed = [result.entropic.objective - exact.cost for result in results]
right.loglog(scales, smoothed, "s-", ms=4, color="tab:orange", label="smoothed objective above $W_2^2$")
right.loglog(scales, excess, "v-", ms=5, color="tab:blue", label="plan above $W_2^2$")
right.loglog(scales, missing, "^-", ms=5, color="tab:green", label="potentials below $W_2^2$")
right.loglog(scales, scales, "k:", lw=1, label="eps itself")
right.set(xlabel="eps", ylabel="units of cost", title="What each part is off by")
right.legend()

for name, k in zip("CDE", (1, 6, 12)):
    ax, result = axes[name], results[k]
    entries = result.plan.tosparse(1e-3 / len(x))  # below a thousandth of a point's mass nothing could be seen
    segments = np.stack([x[entries.row], y[entries.col]], axis=1)
    strength = np.minimum(1.0, entries.data * len(x))
    ax.add_collection(LineCollection(segments, colors=[(0, 0, 0, s) for s in strength], linewidths=0.8))
    ax.plot(*x.T, "o", ms=3.5, color="tab:blue", label="x")
    ax.plot(*y.T, "o", ms=3.5, color="tab:orange", label="y")
    ax.set(aspect="equal", xlim=(-2.8, 2.8), ylim=(-2.1, 3.0), xticks=[], yticks=[])
    ax.set_title(f"eps = {scales[k]:.2g}, cost {result.cost / exact.cost - 1:+.2%}")
axes["C"].legend(loc="upper right")

fig.savefig("entropic_bracket.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
