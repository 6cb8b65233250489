"""How well two presets learn 8x8 digits: W_2 to digits that training never saw, what a classifier sees in the samples,
how near they are to the digits learned from; and a picture of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.gan_toys import changed
from otkit import wasserstein
from otkit.torch import TrainConfig, Trainer
from otkit.torch.networks import networks_for

HELD, DRAWS = 397, 5  # digits held out of 1797, as many samples of each draw; draws for W_2 and its floor
JUDGED, NEIGHBOURS = 2000, 10  # samples for the classifier, and of what it asks
SIDE, SHOWN = 8, 36  # pixels of a digit; images in each grid of the picture
DCGAN = {"kind": "dcgan", "noise_dim": 32}
SLOW = {"batch_size": 64, "lr_decay": "linear", "ema": 0.999}
# Found by hand with seed 0, which is not in the table, in 2 to 8 minutes a trial, nine for wgan-gp, seven for gan. W_2
# there, where the floor is 23.3 and a draw's deviation 0.2: wgan-gp 24.0 as here, 24.2 (rates 2e-4), 24.5 (width 128,
# depth 1, rates 1e-3), 24.5 (64, depth 1, 1e-3), 24.8 (64, 1, two critic steps, 5000 steps), 24.8 (64, 1, three, 3600),
# 25.3 (rates 1e-3, 6000), 25.4 (two, 2000), 26.3 (residual, two, 2000); gan 24.4 as here, 24.8 (width 128, depth 1,
# rates 4e-4, 7000 steps), 24.9 (128, depth 1), 25.0 (depth 1, 12,000), 25.0 (so, 5e-4), 25.3 (128, depth 1, 5000), 27.2
# (residual, 5000).
NETWORKS: dict[str, dict[str, Any]] = {
    "wgan-gp": {**DCGAN, "width": 64, "depth": 3},
    "gan": {**DCGAN, "width": 64, "depth": 3},
}
CHANGES: dict[str, dict[str, Any]] = {
    "wgan-gp": {**SLOW, "n_critic": 1, "lr_critic": 5e-4, "lr_generator": 5e-4, "betas": (0.5, 0.9)},
    "gan": {**SLOW},
}
STEPS = {"wgan-gp": 9000, "gan": 8000}


class Digits(NamedTuple):
    """Rows of 64 numbers from 0 to 16, and which digit each is."""

    train: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    held_labels: np.ndarray


def rows(presets: Sequence[str], steps: int | None, seeds: Sequence[int], picture: Path | None) -> Iterator[dict]:
    """A row for each preset and seed; after the first seed, the picture of its samples."""
    for seed in seeds:
        grids = {}
        for preset in presets:
            result, samples = trained(preset, steps, seed)
            grids[f"{preset}, W_2 {result['w2']:.2f}"] = samples
            yield result
        if picture and seed == seeds[0]:
            draw(picture, digits(seed).held, grids)


def row(preset: str, steps: int | None, seed: int) -> dict[str, Any]:
    """One training run, judged on digits held out of it; the seed chooses these too."""
    return trained(preset, steps, seed)[0]


def trained(preset: str, steps: int | None, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    """The row of a run, and samples for the picture."""
    torch.set_num_threads(1)  # for 8x8 pixels a second thread makes a step longer
    data, steps, networks = digits(seed), steps or STEPS[preset], NETWORKS[preset]
    config = TrainConfig.preset(
        preset, steps=steps, seed=seed, shape=(1, SIDE, SIDE), normalize="range", holdout=0.0, monitor_every=0,
        checkpoint_every=0, device="cpu", noise_dim=networks["noise_dim"], **CHANGES[preset],
    )  # fmt: skip
    torch.manual_seed(seed)
    generator, critic = networks_for(config.shape, output="tanh", **networks)
    start = time.perf_counter()
    run = Trainer(config).fit(data.train, generator=generator, critic=critic)
    seconds = time.perf_counter() - start
    samples = _flat(run.sample(JUDGED, seed=seed + DRAWS))
    fakes = [_flat(run.sample(HELD, seed=seed + k)) for k in range(DRAWS)]
    result = {
        "preset": preset, "seed": seed, "steps": steps, "seconds": seconds,
        "changes": {**networks, **changed(config, preset)}, **judged(samples, data),
        **_distances("w2", fakes, data.held), **floor(data, seed),
    }  # fmt: skip
    return result, samples[:SHOWN]


def judged(samples: np.ndarray, data: Digits) -> dict[str, Any]:
    """What the nearest of the learned digits say of samples, beside what they say of digits held out."""
    neighbors = _sklearn("neighbors")
    classifier = neighbors.KNeighborsClassifier(NEIGHBOURS).fit(data.train, data.labels)
    seen, seen_held = classifier.predict_proba(samples), classifier.predict_proba(data.held)
    shares = np.bincount(seen.argmax(axis=1), minlength=10) / len(samples)
    return {
        "shares": shares.tolist(), "reached": int((shares > 0).sum()), "of": len(shares),
        "smallest": float(shares.min()), "accuracy": float((seen_held.argmax(axis=1) == data.held_labels).mean()),
        "confidence": float(seen.max(axis=1).mean()), "held_confidence": float(seen_held.max(axis=1).mean()),
        "nearest": float(classifier.kneighbors(samples, 1)[0].mean()),
        "held_nearest": float(classifier.kneighbors(data.held, 1)[0].mean()),
    }  # fmt: skip


def floor(data: Digits, seed: int) -> dict[str, float]:
    """W_2 that digits learned from have to those held out: a generator that repeats them would have it too."""
    random = np.random.default_rng(seed)
    draws = [data.train[random.choice(len(data.train), HELD, replace=False)] for _ in range(DRAWS)]
    return _distances("floor", draws, data.held)


def _distances(name: str, draws: list[np.ndarray], held: np.ndarray) -> dict[str, float]:
    found = [wasserstein(draw, held, p=2).distance for draw in draws]
    return {name: float(np.mean(found)), f"{name}_std": float(np.std(found, ddof=1))}


def digits(seed: int) -> Digits:
    """1400 digits to learn from and 397 others."""
    bunch = _sklearn("datasets").load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.data))
    held, train = order[:HELD], order[HELD:]
    return Digits(bunch.data[train], bunch.target[train], bunch.data[held], bunch.target[held])


def draw(path: Path, held: np.ndarray, grids: dict[str, np.ndarray]) -> None:
    """Digits held out, and samples under their titles, side by side."""
    from matplotlib.figure import Figure

    from otkit import plot

    shown = {"digits held out": held[:SHOWN], **grids}
    figure = Figure(figsize=(4.2 * len(shown), 4.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.08)
    for ax, (title, images) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown.items()):
        plot.samples(images.reshape(-1, SIDE, SIDE), ax)
        ax.set(title=title, xlabel="")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def _sklearn(part: str):
    """A part of scikit-learn, or how to get it."""
    from importlib import import_module

    try:
        return import_module(f"sklearn.{part}")
    except ModuleNotFoundError as error:
        raise ImportError(
            "the digits and their classifier need scikit-learn: pip install -c constraints.txt scikit-learn."
        ) from error
