r"""
A classifier for a camera it never saw labels from
==================================================

Digits with labels (upright, white on black), and digits without (turned by 30 degrees, grey on grey): a network learns
from the first and is used on the second. With the exact transport cost between the two sets of features added to its
loss, it learns features in which both sets look alike, and no label of the second set is read.
"""

# %%
# Both domains come from one data set, split in halves so that no digit is in both. Each is centred and scaled by
# itself, so that contrast is not what makes the difference.

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from otkit.torch import WassersteinLoss

STEPS, BATCH, WEIGHT = 600, 128, 0.1
images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
order = np.random.default_rng(0).permutation(len(images))
source, target = order[:900], order[900:]
turned = np.clip(rotate(images[target], 30, axes=(1, 2), reshape=False, order=1), 0, 1) * 0.6 + 0.2
x, y = (torch.from_numpy((side - side.mean()) / side.std()).float().flatten(1) for side in (images[source], turned))
of_x, of_y = torch.from_numpy(labels[source]), torch.from_numpy(labels[target])

# %%
# The plan between two batches pairs features that are near; the loss pulls each pair together (p = 2).

alignment = WassersteinLoss(p=2)


def train(weight: float) -> tuple[nn.Module, nn.Module, list[float]]:
    """Features, head, and the accuracy on the second domain every 20 steps."""
    torch.manual_seed(0)
    features = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
    head = nn.Sequential(nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam([*features.parameters(), *head.parameters()], lr=1e-3)
    curve = []
    for step in range(STEPS):
        some, others = torch.randint(len(x), (BATCH,)), torch.randint(len(y), (BATCH,))
        seen, unlabelled = features(x[some]), features(y[others])
        loss = cross_entropy(head(seen), of_x[some])
        if weight:
            loss = loss + weight * alignment(seen, unlabelled)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            with torch.no_grad():
                curve.append((head(features(y)).argmax(1) == of_y).float().mean().item())
    return features, head, curve


runs = {"source only": train(0.0), "with transport": train(WEIGHT)}
for name, (_, _, curve) in runs.items():
    print(f"{name}: {curve[-1]:.1%} of the turned digits are read right")

# %%
# Features of both domains in the plane of largest variance, by digit: apart without the transport term, together with
# it.

figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for ax, (name, (features, _, curve)) in zip(axes, runs.items()):
    with torch.no_grad():
        both = torch.cat([features(x), features(y)])
    plane = torch.pca_lowrank(both, 2)[2]
    flat = ((both - both.mean(0)) @ plane).numpy()
    for k, (marker, digits) in enumerate((("o", of_x), ("x", of_y))):
        part = flat[:900] if k == 0 else flat[900:]
        ax.scatter(*part.T, c=digits, cmap="tab10", marker=marker, s=14, linewidths=0.7, alpha=0.7)
    ax.set(title=f"{name}: {curve[-1]:.0%} right", xticks=[], yticks=[])
for name, (_, _, curve) in runs.items():
    axes[2].plot(np.arange(1, len(curve) + 1) * 20, curve, label=name)
axes[2].set(xlabel="step", ylabel="accuracy on the turned digits", ylim=(0, 1))
axes[2].legend()
figure.suptitle("features: labelled upright digits (o) and unlabelled turned ones (x), coloured by digit")
figure.savefig("domain_adaptation.png", dpi=110)
