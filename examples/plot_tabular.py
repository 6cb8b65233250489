"""
A table from a WGAN
===================

Rows of a table are points, and their columns depend on each other. A WGAN learns five columns of 569 tumours. The exact
W_1 to rows that training never saw is held against its floor and two simple models: a Gaussian law, and columns drawn
independently.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

import otkit
from otkit.torch import TrainConfig, Trainer

torch.set_num_threads(1)  # layers this small are slower with two
COLUMNS = ("mean_radius", "mean_texture", "mean_concavity", "mean_concave_points", "area_error")


def read(name: str) -> np.ndarray:
    with otkit.data.path(name).open() as file:
        columns = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",")
    return table[:, [columns.index(column) for column in COLUMNS]]


# %%
# Benign and malignant tumours together. A third, drawn at random, is held out. Columns have units of their own, so each
# is taken in its standard deviations over the rows to learn from.
table = np.random.default_rng(0).permutation(np.concatenate([read("breast_benign"), read("breast_malignant")]))
held, train = table[:190], table[190:]
mean, deviation = train.mean(axis=0), train.std(axis=0)
held, train = (held - mean) / deviation, (train - mean) / deviation

# %%
# WGAN-LP with small networks and larger rates than the paper's, which fall to zero. Training knows nothing of the rows
# held out: the last state is taken, not the best.
config = TrainConfig.preset(
    "wgan-lp", steps=2000, batch_size=128, penalty_weight=1.0, hidden=(64, 64, 64), noise_dim=8, lr_critic=1e-3,
    lr_generator=5e-4, betas=(0.5, 0.9), lr_decay="linear", ema=0.99, holdout=0.0, monitor_every=0, device="cpu",
)  # fmt: skip
with tempfile.TemporaryDirectory() as folder:
    run = Trainer(config).fit(train, out=folder)

# %%
# As many rows as are held out, ten times from each model. Rows to learn from, drawn without change, are the floor: no
# model of them can be expected to come much nearer. Independent columns have the right law each, and no correlations.
DRAWS = 10
random = np.random.default_rng(1)
models = {
    "rows to learn from": lambda seed: random.permutation(train)[: len(held)],
    "WGAN": lambda seed: run.sample(len(held), seed=seed).astype(float),
    "Gaussian": lambda seed: random.multivariate_normal(train.mean(axis=0), np.cov(train.T), len(held)),
    "independent columns": lambda seed: random.permuted(train, axis=0)[: len(held)],
}
draws = {name: [model(seed) for seed in range(DRAWS)] for name, model in models.items()}
found = {name: np.array([otkit.wasserstein(rows, held).distance for rows in sets]) for name, sets in draws.items()}
print(f"{'rows of':<20}{'W_1 to rows held out':>24}{'error of correlations':>24}")
for name, values in found.items():
    wrong = np.abs(np.corrcoef(np.concatenate(draws[name]).T) - np.corrcoef(held.T)).sum() / 20  # pairs twice
    print(f"{name:<20}{values.mean():>15.3f} +- {values.std(ddof=1):.3f}{wrong:>24.3f}")
order = sorted(list(found)[1:], key=lambda name: found[name].mean())
print("nearest to farthest: " + ", ".join(order))

# %%
# Is the generator a copy of the rows it learned from? Then its rows would be nearer to them than rows held out are.
near = [np.sqrt(((rows[:, None] - train) ** 2).sum(axis=2).min(axis=1)).mean() for rows in (draws["WGAN"][0], held)]
print(f"distance to the nearest row learned from: {near[0]:.2f} for generated rows, {near[1]:.2f} for rows held out")

# %%
# Two of the five columns under each model, on top of the rows held out, and the distances in all five.
figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
colours = dict(zip(models, ("0.4", "tab:blue", "tab:orange", "tab:green")))
shown = [COLUMNS.index(name) for name in ("mean_radius", "mean_concave_points")]
for ax, name in zip(axes.ravel(), list(models)[1:]):
    for rows, colour, label in ((held, "0.65", "held out"), (draws[name][0], colours[name], name)):
        ax.scatter(*(mean + deviation * rows)[:, shown].T, s=14, color=colour, label=label)
    ax.set(xlabel="mean radius", ylabel="mean concave points", title=f"{name}: $W_1$ {found[name].mean():.3f}")
    ax.set(xlim=(3, 30), ylim=(-0.08, 0.26))
    ax.legend(loc="upper left")
last = axes[1, 1]
for place, (name, values) in enumerate(found.items()):
    last.scatter(values, np.full(DRAWS, place), s=26, alpha=0.5, color=colours[name])
    last.plot([values.mean()] * 2, [place - 0.25, place + 0.25], color=colours[name], lw=2.5)
last.axvline(found["rows to learn from"].mean(), color="0.4", ls="--", lw=1)
last.set_yticks(range(len(found)), [name.replace(" ", "\n", 1) for name in found])
last.set(
    xlabel="$W_1$ to rows held out, all five columns, standard deviations", title="ten draws of each, and their mean"
)
last.invert_yaxis()
figure.savefig("tabular.png", dpi=120)
