"""
Categories: a ground cost says which mistakes are near
======================================================

Categories have no coordinates, but some are nearer to each other than others. A cost matrix says so, and `transport`
turns it into a distance between distributions of categories. All counts here are invented to make that one point.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit

# %%
# **Ordinal.** Answers on a scale of five; the cost is the number of steps. Both later surveys differ from the first by
# the same 30 of 100 people, so the total variation cannot tell them apart. Transport can: in one the people moved by a
# step, in the other across the whole scale.
steps = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
before = np.array([40, 20, 20, 10, 10])
later = {"one step": np.array([10, 50, 20, 10, 10]), "whole scale": np.array([10, 20, 20, 10, 40])}


def total_variation(a, b):
    """Half the sum of |a - b|: the mass that is not where it was."""
    return np.abs(a - b).sum() / 2


for name, answers in later.items():
    result = otkit.transport(steps, a=before, b=answers)
    print(f"{name:<12} total variation {total_variation(before, answers):.0f}, transport {result.cost:.0f} steps")

# %%
# **Semantic.** Labels of pictures on a small tree of ideas; the cost is the length of the way through the tree,
# which is a metric. Two classifiers are wrong equally often; one confuses cats with dogs, the other cats with trucks.
tree = {
    "cat": ("animal", "pet"),
    "dog": ("animal", "pet"),
    "horse": ("animal", "farm"),
    "car": ("vehicle", "road"),
    "truck": ("vehicle", "road"),
    "ship": ("vehicle", "sea"),
}
labels = list(tree)


def way(one, other):
    """Edges between two leaves: 0, 2 (same branch), 4 (same half) or 6 (through the root)."""
    return 0 if one == other else 6 - 2 * sum(s == t for s, t in zip(tree[one], tree[other]))


cost = np.array([[way(one, other) for other in labels] for one in labels])
truth = np.array([30, 10, 10, 20, 10, 20])
guesses = {"cats taken for dogs": [10, 30, 10, 20, 10, 20], "cats taken for trucks": [10, 10, 10, 20, 30, 20]}
answers = {name: otkit.transport(cost, a=truth, b=guess) for name, guess in guesses.items()}
for name, result in answers.items():
    print(f"{name:<22} total variation {total_variation(truth, guesses[name]):.0f}, transport {result.cost:.0f}")
    print("  proof:", result)

# %%
# The cost matrix, and the plan of each classifier: the diagonal is mass that was right from the start.
fig, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
pictures = [("ground cost: edges of the tree", cost)]
pictures += [(f"{name}: cost {result.cost:.0f}", result.plan.toarray()) for name, result in answers.items()]
for ax, (title, values) in zip(axes, pictures):
    ax.imshow(values, cmap="Blues", vmax=1.4 * values.max())
    for (i, j), value in np.ndenumerate(values):
        if value:
            ax.text(j, i, f"{value:.0f}", ha="center", va="center")
    ax.set_xticks(range(6), labels, rotation=45)
    ax.set_yticks(range(6), labels)
    ax.set_title(title)
for ax in axes[1:]:
    ax.set(xlabel="said", ylabel="true")

fig.savefig("categorical_metric.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
