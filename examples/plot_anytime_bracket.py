"""
A bracket at any time
=====================

A solve that is stopped early still proves something: the plan reached so far bounds the distance from above, the
potentials from below. So a time limit costs width, never truth, and `tol` stops as soon as the bracket is
narrow enough.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit
from otkit.solvers import NetworkSimplex

random = np.random.default_rng(0)
x, y = random.standard_normal((3000, 3)), 0.5 + random.standard_normal((3000, 3))
otkit.wasserstein(x[:100], y[:100])  # the first call compiles the kernels, or loads them from the disk

# %%
# **Time.** With `throw=False` a solve that ran out of time returns its result with the status TIME_LIMIT; by default it
# raises `NotConverged`, which carries the same result. Seconds differ between machines, the brackets are true on all.
# Every line is a solve of its own, and not every step narrows the bracket: potentials in the middle of a solve can be
# worse than those it started from.
exact = otkit.wasserstein(x, y)
print(exact, f"in {exact.stats.seconds:.2f} s")
limits = exact.stats.seconds * np.geomspace(0.02, 1.0, 12)
stopped = [otkit.wasserstein(x, y, solver=NetworkSimplex(time_limit=limit), throw=False) for limit in limits]
for result in stopped:
    assert result.lower <= exact.upper and exact.lower <= result.upper
    print(f"{result.stats.seconds:6.3f} s  [{result.lower:.6f}, {result.upper:.6f}]  {result.status.name}")

# %%
# **Tolerance.** `tol` is the relative gap of the cost that is good enough.
tolerances = [1e-1, 1e-2, 1e-3, 1e-4, 1e-6]
within = [otkit.wasserstein(x, y, solver=NetworkSimplex(tol=tol)) for tol in tolerances]
for tol, result in zip(tolerances, within):
    print(f"tol {tol:.0e}: certified gap {result.gap:.1e} after {result.stats.iterations} pivots, {result.status.name}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
seconds = [result.stats.seconds for result in stopped]
lower, upper = ([getattr(result, end) for result in stopped] for end in ("lower", "upper"))
left.fill_between(seconds, lower, upper, alpha=0.3, label="certified bracket")
left.plot(seconds, upper, "v-", ms=5, color="tab:blue", label="plan: upper")
left.plot(seconds, lower, "^-", ms=5, color="tab:blue", label="potentials: lower")
left.axhline(exact.distance, color="black", lw=1, ls=":", label=f"exact: {exact.distance:.6f}")
left.set(xlabel="seconds", ylabel="$W_1$", title="Stopped by time_limit", xscale="log")
left.legend()

gaps = [max(result.gap, 1e-16) for result in within]
right.loglog(tolerances, gaps, "o-", label="certified gap reached")
right.loglog(tolerances, tolerances, "k:", label="gap asked for")
for tol, gap, result in zip(tolerances, gaps, within):
    right.annotate(f"{result.stats.iterations} pivots", (tol, gap), (8, -12), textcoords="offset points")
right.set(xlim=(3e-7, 10), ylim=(1e-9, 1))
right.set(xlabel="tol", ylabel="relative gap of the cost", title="Stopped by tol")
right.legend(loc="upper left")

fig.savefig("anytime_bracket.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
