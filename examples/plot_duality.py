"""
What a critic proves
====================

Any function proves a lower bound of W_1, once it is divided by its slope. How good are the bounds of a few critics of
one pair of real samples: 357 benign and 212 malignant tumours, by texture and smoothness of their cell nuclei?
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit


def read(name: str) -> np.ndarray:
    with otkit.data.path(name).open() as file:
        columns = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",")
    return table[:, [columns.index("mean_texture"), columns.index("mean_smoothness")]]


# %%
# Distances are in standard deviations of both samples together.
x, y = read("breast_benign"), read("breast_malignant")
scale = np.concatenate([x, y]).std(axis=0)
x, y = x / scale, y / scale

# %%
# Four critics. The exact one is the potential of the optimal plan. The linear one rises along the difference of the
# means. The classifier tells the samples apart well enough, but all its rise is in a narrow strip. The last knows
# nothing.
exact = otkit.wasserstein(x, y).critic()
direction = x.mean(axis=0) - y.mean(axis=0)
middle = 0.5 * (x.mean(axis=0) + y.mean(axis=0))
critics = {
    "exact": exact,
    "linear": lambda z: z @ direction,
    "classifier": lambda z: np.tanh(4 * (z - middle) @ direction),
    "constant": lambda z: np.ones(len(z)),
}
reports = {name: otkit.verify(x, y, critic=critic) for name, critic in critics.items()}

# %%
# The raw value mean f(x) - mean f(y), by which a critic is trained, says nothing by itself: the linear critic's is more
# than W_1. Divided by the slope it is a proof. c-transforms then repair what can be repaired between samples, and they
# prove something of no critic at all: `nearest`, from distances to nearest samples. What a critic captures beyond that
# is its own.
print(reports["exact"])
print()
print(f"{'critic':<11}" + "".join(f"{name:>11}" for name in ("raw", "slope", "rescaled", "tightened", "captured")))
for name, report in reports.items():
    of = report.critic
    print(f"{name:<11}{of.raw:>11.4f}{of.slope:>11.4f}{of.rescaled:>11.4f}{of.tightened:>11.4f}{of.captured:>11.2%}")
    assert of.rescaled <= of.tightened <= report.primal
print(f"W_1 = {report.primal:.4f}; nearest samples alone prove {of.nearest:.4f}")

# %%
# Above, two critics on the plane with the segments of the optimal plan. Below, all their slopes: no pair is above the
# line, and the diamond, the mean over the plan, is as far below it as raw / slope is below W_1. The linear critic has
# nearly every pair of the plan near the line. The classifier is divided by its steepest pair, and is flat elsewhere.
fig, ((above, beside), (below, last)) = plt.subplots(2, 2, figsize=(12, 9.5), layout="constrained")
for name, upper, lower in (("linear", above, below), ("classifier", beside, last)):
    reports[name].plot(upper)
    otkit.plot.slopes(reports[name], ax=lower)
    upper.set(xlabel="texture, standard deviations", ylabel="smoothness, standard deviations")
    upper.set_title(f"{name}: {upper.get_title()}")
    lower.set_title(f"{name}: raw / slope = {reports[name].critic.rescaled:.4f}")

fig.suptitle("x: benign, y: malignant")

fig.savefig("duality.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
