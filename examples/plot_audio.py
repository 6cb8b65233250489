"""
Tones from a WGAN
=================

Short waveforms of three pitches, with random phase and decay, learned by convolutions over time. Are the samples tones?
Two distances answer: W_1 between mean power spectra, in Hz, and the exact W_1 and W_2 between sets of waveforms. The
tones are synthetic.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch

import otkit
from otkit.torch import TrainConfig, Trainer
from otkit.torch.networks import SequenceCritic, SequenceGenerator

torch.set_num_threads(1)  # layers this small are slower with two
RATE, LENGTH, PITCHES, JUDGED = 4000, 64, (440, 660, 880), 500
time = np.arange(LENGTH) / RATE


def tones(count: int, random: np.random.Generator) -> np.ndarray:
    """16 milliseconds of decaying sines, (count, 64)."""
    pitch = random.choice(PITCHES, (count, 1))
    phase, decay = random.uniform(0, 2 * np.pi, (count, 1)), random.uniform(0.004, 0.016, (count, 1))
    return np.exp(-time / decay) * np.sin(2 * np.pi * pitch * time + phase)


random = np.random.default_rng(0)
train, fresh, other = (tones(count, random) for count in (20_000, JUDGED, JUDGED))

# %%
# WGAN-LP with small networks for sequences (1, 64), one critic step a generator step, and rates far above the paper's,
# found by hand, which fall to zero.
config = TrainConfig.preset(
    "wgan-lp", steps=3000, batch_size=32, n_critic=1, penalty_weight=0.1, lr_critic=3e-3, lr_generator=3e-3,
    betas=(0.5, 0.9), lr_decay="linear", ema=0.99, holdout=0.0, monitor_every=0, device="cpu",
)  # fmt: skip
torch.manual_seed(0)
generator = SequenceGenerator((1, LENGTH), noise_dim=8, width=16, depth=2)
critic = SequenceCritic((1, LENGTH), width=16, depth=2)
with tempfile.TemporaryDirectory() as folder:
    run = Trainer(config).fit(train[:, None], out=folder, generator=generator, critic=critic)

# %%
# Beside the generator stands Gaussian noise with the covariance of the tones, and so with nearly their mean power
# spectrum. But one waveform of it mixes pitches. `purity` is the share of a waveform's power within 100 Hz of its
# strongest frequency, in the mean over waveforms. Other fresh tones are the floor.
frequency = np.fft.rfftfreq(512, 1 / RATE)


def power(waves: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(waves, 512)) ** 2


def purity(waves: np.ndarray) -> float:
    spectra = power(waves)
    near = np.abs(frequency - frequency[spectra.argmax(axis=1)][:, None]) <= 100
    return float(((spectra * near).sum(axis=1) / spectra.sum(axis=1)).mean())


sets = {
    "fresh tones": other,
    "WGAN": run.sample(JUDGED)[:, 0].astype(float),
    "Gaussian noise": random.multivariate_normal(train.mean(axis=0), np.cov(train.T), JUDGED),
}
print(f"{'against fresh tones':<20}{'spectra, Hz':>13}{'W_1':>8}{'W_2':>8}{'purity':>9}")
hertz = {}
for name, waves in sets.items():
    of, to = (power(some).mean(axis=0) for some in (waves, fresh))
    hertz[name] = otkit.wasserstein(frequency, frequency, a=of, b=to).distance
    first, second = (otkit.wasserstein(waves, fresh, p=p).distance for p in (1, 2))
    print(f"{name:<20}{hertz[name]:>13.1f}{first:>8.3f}{second:>8.3f}{purity(waves):>9.1%}")

# %%
# Left, the first five waveforms of each; right, mean power spectra, and dotted the three pitches.
figure, axes = plt.subplots(1, 4, figsize=(15, 4.8), layout="constrained", width_ratios=(1, 1, 1, 1.8))
for ax, (name, waves), colour in zip(axes, sets.items(), ("0.3", "tab:blue", "tab:orange")):
    for row, wave in enumerate(waves[:5]):
        ax.plot(1000 * time, wave - 2.4 * row, color=colour)
    ax.set(title=name, xlabel="milliseconds", yticks=[], ylim=(-11.8, 2.2))
    density = power(waves).mean(axis=0)
    label = f"{name}: {hertz[name]:.1f} Hz"
    axes[3].plot(frequency, density / density.sum(), color=colour, label=label, ls="--" if colour == "0.3" else "-")
for pitch in PITCHES:
    axes[3].axvline(pitch, color="0.6", ls=":", lw=1, zorder=0)
axes[3].margins(y=0.4)
axes[3].set(xlim=(0, 1500), ylim=(0, None), xlabel="Hz", ylabel="share of power", title="mean spectra")
axes[3].legend(loc="upper right", title="$W_1$ to the spectrum of fresh tones")
figure.savefig("audio.png", dpi=120)
