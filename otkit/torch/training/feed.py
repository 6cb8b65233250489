"""What to train on and what to hold out, of whatever the caller gives: arrays, files, torch data sets, samplers."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from otkit.datasets import Toy
from otkit.errors import BadMeasure, Unsupported
from otkit.torch.training.config import TrainConfig
from otkit.torch.training.samples import as_samples, inputs_of, read
from otkit.torch.training.seeds import Seeds
from otkit.torch.training.streams import Feed, Loaded, Sampled, Shuffled, drawn
from otkit.torch.training.units import Units


class Split(NamedTuple):
    """A feed of training batches, and samples that it never shows, both in the units of training."""

    feed: Feed
    held_out: torch.Tensor | None  # (k, ...), on the CPU
    shape: tuple[int, ...]
    units: Units


def split_of(samples: Any, config: TrainConfig, device: torch.device, held_out: Any = None) -> Split:
    """The feed of whatever the caller holds, and held-out samples: those given, or a share of what is in memory."""
    seeds = Seeds.of(config.seed)
    random = torch.Generator().manual_seed(seeds.order)
    if isinstance(samples, Toy):
        samples = samples.samples
    if isinstance(samples, str | os.PathLike):
        samples = read(samples)
    in_memory = not isinstance(samples, DataLoader | Dataset) and (
        not callable(samples) or hasattr(samples, "__array__")
    )
    if not in_memory and (config.normalize != "none" or config.shape):
        raise Unsupported(
            f"normalize is {config.normalize!r} and shape {config.shape}: both need samples in memory. "
            "Normalise in your data set, or pass an array."
        )
    if isinstance(held_out, str | os.PathLike):
        held_out = read(held_out)
    held = None if held_out is None else _folded(as_samples(held_out, "holdout"), config.shape, "holdout")
    if in_memory:
        array = _folded(as_samples(samples, "samples"), config.shape, "samples")
        return _of_array(array, config, random, device, held)
    if isinstance(samples, Dataset) and not isinstance(samples, IterableDataset):
        return _of_dataset(samples, config, random, device, held)
    if isinstance(samples, IterableDataset):
        samples = DataLoader(samples, config.batch_size, drop_last=True)
    if isinstance(samples, DataLoader):
        return _of_loader(samples, config, random, device, held)
    if held is None:
        held = drawn(samples, 2 * config.monitor_size, np.random.default_rng([seeds.samples, 1]), None)
    shape = tuple(held.shape[1:])
    feed = Sampled(samples, config.batch_size, shape, seeds.samples, device)
    return Split(feed, held, shape, Units.of(held, "none"))


def _of_array(array: torch.Tensor, config: TrainConfig, random: torch.Generator, device: torch.device,
              held: torch.Tensor | None) -> Split:  # fmt: skip
    if held is None:
        order = torch.randperm(len(array), generator=random)
        kept = _kept(len(array), config)
        held, array = array[order[:kept]], array[order[kept:]]
    _fitting(held, tuple(array.shape[1:]), config)
    _enough(len(array), config.batch_size)
    units = Units.of(array, config.normalize)
    feed = Shuffled(units.inner(array).to(device), config.batch_size, random)
    return Split(feed, units.inner(held) if len(held) else None, tuple(array.shape[1:]), units)


def _of_dataset(samples: Dataset, config: TrainConfig, random: torch.Generator, device: torch.device,
                held: torch.Tensor | None) -> Split:  # fmt: skip
    order = torch.randperm(len(samples), generator=random).tolist()
    kept = 0 if held is not None else _kept(len(order), config)
    _enough(len(order) - kept, config.batch_size)
    if kept:
        held = torch.cat([_single(samples[k]) for k in order[:kept]])
    seen = Subset(samples, order[kept:])
    loader = DataLoader(seen, config.batch_size, shuffle=True, drop_last=True, generator=random)
    return _of_loader(loader, config, random, device, held)


def _single(item: Any) -> torch.Tensor:
    """One item of a data set, (1, ...)."""
    item = inputs_of(item)
    return as_samples((item if isinstance(item, torch.Tensor) else np.asarray(item))[None], "samples")


def _of_loader(loader: DataLoader, config: TrainConfig, random: torch.Generator, device: torch.device,
               held: torch.Tensor | None) -> Split:  # fmt: skip
    feed = Loaded(loader, config.batch_size, random, device)
    begin = feed.state()
    outer = torch.get_rng_state()  # which a data set may draw its own randomness from
    try:
        first = feed.next()
    except BaseException:
        feed.close()
        raise
    feed.restore(begin)
    torch.set_rng_state(outer)
    shape = tuple(first.shape[1:])
    _fitting(held, shape, config)
    return Split(feed, held, shape, Units.of(first.cpu(), "none"))


def _kept(count: int, config: TrainConfig) -> int:
    """How many of `count` samples are held out, whether or not the monitor is on: it must not change the training."""
    return min(int(config.holdout * count), 2 * config.monitor_size)


def _fitting(held: torch.Tensor | None, shape: tuple[int, ...], config: TrainConfig) -> None:
    """Refuses held-out samples of another shape, and a monitor that would have none."""
    if held is not None and len(held) and tuple(held.shape[1:]) != shape:
        raise BadMeasure(f"holdout has samples of shape {tuple(held.shape[1:])}, samples {shape}.")
    if config.monitor_every and (held is None or len(held) < 2):
        found = "there are none" if held is None else f"there are {len(held)}"
        raise BadMeasure(
            f"monitor_every is {config.monitor_every}, which needs two held-out samples or more, and {found}: pass "
            "holdout=, raise the share held out (the field holdout, of samples in memory), or set monitor_every to 0."
        )


def _enough(count: int, batch_size: int) -> None:
    if count < batch_size:
        raise BadMeasure(
            f"samples has {count} points to train on and batch_size is {batch_size}: a batch needs as many. "
            "Lower batch_size or holdout."
        )


def _folded(samples: torch.Tensor, shape: tuple[int, ...], name: str) -> torch.Tensor:
    if not shape:
        return samples
    size = int(np.prod(shape))
    if samples[0].numel() != size:
        raise BadMeasure(f"{name} has {samples[0].numel()} numbers a sample, and shape is {shape}, {size} numbers.")
    return samples.reshape(-1, *shape)
