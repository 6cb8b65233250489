"""
Characters from a WGAN
======================

A text is no point, but one-hot letters are. A generator with a softmax at every place learns dates such as
`29 Feb 09:45` from a critic with a gradient penalty (Gulrajani et al. 2017). A calendar says which of its strings are
dates, and the exact W_1 in changed characters says how far their law is from the true one. The dates are synthetic.
"""

import tempfile
from datetime import datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np
import torch

import otkit
from otkit.torch import TrainConfig, Trainer
from otkit.torch.networks import SequenceCritic, SequenceGenerator

torch.set_num_threads(1)  # layers this small are slower with two

# %%
# All minutes of a leap year, 20000 draws to learn from, and two samples of 500 fresh ones.
MINUTES = [f"{datetime(2024, 1, 1) + timedelta(minutes=k):%d %b %H:%M}" for k in range(366 * 24 * 60)]
CALENDAR, random = set(MINUTES), np.random.default_rng(0)
train, fresh, other = ([MINUTES[k] for k in random.integers(len(MINUTES), size=n)] for n in (20_000, 500, 500))
ALPHABET = sorted(set("".join(train)))


def one_hot(texts: list[str]) -> np.ndarray:
    return np.array([[[letter == one for letter in text] for one in ALPHABET] for text in texts], dtype=float)


def letters(samples: np.ndarray) -> list[str]:
    return ["".join(ALPHABET[place] for place in row) for row in samples.argmax(axis=1)]


def distance(texts: list[str]) -> float:
    """W_1 to fresh dates, where two strings are as far apart as they have places with different letters."""
    x, y = (one_hot(some).reshape(len(some), -1) for some in (texts, fresh))
    return otkit.wasserstein(x, y, metric="cityblock").distance / 2


# %%
# Two things to compare with. Fresh dates against fresh dates are the floor. Letters drawn independently, each with the
# frequencies of its place, are what a model without memory would write.
memoryless = ["".join(row) for row in zip(*(random.permutation(list(column)) for column in zip(*train)))]
floor, far, guessed = distance(other), distance(memoryless[:500]), np.mean([text in CALENDAR for text in memoryless])
print(f"fresh dates: W_1 {floor:.2f} characters; independent letters: {far:.2f} characters, {guessed:.1%} valid")

# %%
# WGAN-GP with smaller networks than the paper's, one critic step a generator step, and larger rates, found by hand.
# The same run is taken up again with twice as many steps each time.
STAGES, JUDGED, SHOWN = (250, 500, 1000, 2000), 2000, 12
config = TrainConfig.preset(
    "wgan-gp", batch_size=64, n_critic=1, penalty_weight=1.0, lr_critic=2e-3, lr_generator=1e-3, betas=(0.5, 0.9),
    ema=0.99, holdout=0.0, monitor_every=0, device="cpu",
)  # fmt: skip
learned = one_hot(train)
torch.manual_seed(0)
generator = SequenceGenerator(learned.shape[1:], noise_dim=64, width=40, depth=2, output="softmax")
critic = SequenceCritic(learned.shape[1:], width=40, depth=2)
seen, written = {}, {}
with tempfile.TemporaryDirectory() as folder:
    for steps in STAGES:
        trainer = Trainer(config.changed(steps=steps))
        run = trainer.fit(learned, out=folder, resume=True, generator=generator, critic=critic)
        texts = letters(run.sample(JUDGED))
        seen[steps] = np.mean([text in CALENDAR for text in texts]), distance(texts[: len(fresh)])
        written[steps] = texts[:SHOWN]
        print(f"step {steps:5d}: {seen[steps][0]:.1%} valid, W_1 {seen[steps][1]:.2f}: {', '.join(texts[:4])}")

# %%
# Valid is not all: one date again and again would be valid, and so would be copies of dates learned from.
good = {text for text in texts if text in CALENDAR}
print(f"last step: {len(set(texts))} different strings of {JUDGED}, {len(good)} valid, {len(good - set(train))} new")

# %%
# Left, the share of valid strings, in the middle W_1, both against steps; right, what is written, red where no date.
figure, axes = plt.subplots(1, 3, figsize=(14, 4.8), layout="constrained", width_ratios=(1, 1, 1.1))
axes[1].axhline(floor, color="0.4", ls="--", label="floor: fresh dates")
lines = zip(axes, zip(*seen.values()), (guessed, far), ("share of valid dates", "exact $W_1$, changed characters"))
for ax, values, simple, title in lines:
    ax.plot(STAGES, values, "o-", label="generated")
    ax.axhline(simple, color="tab:orange", ls=":", label="independent letters")
    ax.set(xscale="log", xlabel="generator steps", title=title)
    ax.set_xticks(STAGES, [str(steps) for steps in STAGES])
    ax.minorticks_off()
    ax.legend()
axes[0].set_ylim(0, 1)
for column, steps in enumerate((STAGES[0], STAGES[-1])):
    axes[2].text(column, -1, f"step {steps}", ha="center", weight="bold")
    for row, text in enumerate(written[steps]):
        colour = "black" if text in CALENDAR else "tab:red"
        axes[2].text(column, row, text, ha="center", family="monospace", size=11, color=colour)
axes[2].set(xlim=(-0.5, 1.5), ylim=(SHOWN, -1.8), title="strings of the same noise")
axes[2].axis("off")
figure.savefig("text.png", dpi=120)
