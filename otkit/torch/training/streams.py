"""Streams of batches: samples in memory, fresh samples of a law, torch loaders.

Each has a state, so that a run resumes in the middle of an epoch with the batches it would have had.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from otkit.errors import BadMeasure, Unsupported
from otkit.torch.training.samples import as_samples, inputs_of


class Feed:
    """A stream of batches: `next()` gives (batch_size, ...) float32 on `device`; `state` and `restore` for resuming."""

    def next(self) -> torch.Tensor:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Leaves what the caller gave as it was."""


@dataclass
class Shuffled(Feed):
    """Samples in memory, without replacement: every epoch is a new permutation, its last short batch left out."""

    samples: torch.Tensor
    batch_size: int
    random: torch.Generator

    def __post_init__(self) -> None:
        self._data = zlib.crc32(np.ascontiguousarray(self.samples.cpu().numpy()).data.cast("B"))
        self._start_epoch()

    def _start_epoch(self) -> None:
        self._before = self.random.get_state()
        self._order = torch.randperm(len(self.samples), generator=self.random).to(self.samples.device)
        self._at = 0

    def next(self) -> torch.Tensor:
        if self._at + self.batch_size > len(self.samples):
            self._start_epoch()
        chosen = self._order[self._at : self._at + self.batch_size]
        self._at += self.batch_size
        return self.samples.index_select(0, chosen)

    def state(self) -> dict[str, Any]:
        return {"random": self._before, "at": self._at, "data": self._data}

    def restore(self, state: dict[str, Any]) -> None:
        _same(state, "data", self._data)
        self.random.set_state(state["random"])
        self._start_epoch()
        self._at = state["at"]


@dataclass
class Sampled(Feed):
    """Fresh samples of a law, every batch new: `sampler(n, random) -> (n, ...)` with a NumPy generator."""

    sampler: Callable[[int, np.random.Generator], Any]
    batch_size: int
    shape: tuple[int, ...]
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def next(self) -> torch.Tensor:
        return drawn(self.sampler, self.batch_size, self._random, self.shape).to(self.device)

    def state(self) -> dict[str, Any]:
        state = self._random.bit_generator.state
        return {"name": state["bit_generator"], **{key: str(value) for key, value in state["state"].items()},
                "has_uint32": state["has_uint32"], "uinteger": state["uinteger"]}  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        _same(state, "name", self._random.bit_generator.state["bit_generator"])
        numbers = {key: int(state[key]) for key in ("state", "inc")}  # 128 bits, too long for a checkpoint's integers
        self._random.bit_generator.state = {
            "bit_generator": state["name"], "state": numbers, "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }  # fmt: skip


def drawn(sampler: Callable, count: int, random: np.random.Generator, shape: tuple[int, ...] | None) -> torch.Tensor:
    """Samples of a sampler, (count, *shape), or a refusal of what it gave."""
    found = as_samples(sampler(count, random), "samples")
    wanted = (count, *(found.shape[1:] if shape is None else shape))
    if tuple(found.shape) != wanted:
        raise BadMeasure(
            f"samples is a sampler that was asked for {count} and returned shape {tuple(found.shape)}: "
            f"{wanted} is needed, one sample a row."
        )
    return found


@dataclass
class Loaded(Feed):
    """Batches of a torch loader, epoch after epoch; short ones are left out.

    Resuming runs through the batches of the epoch already seen. A loader without a generator of its own shuffles with
    `random` for the time of the run.
    """

    loader: DataLoader
    batch_size: int
    random: torch.Generator
    device: torch.device
    _lent: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        inner = getattr(self.loader.batch_sampler, "sampler", None)
        holders = [part for part in (self.loader, self.loader.sampler, inner) if hasattr(part, "generator")]
        for holder in holders:
            if holder.generator is None:
                holder.generator = self.random
                self._lent.append(holder)
        self._randoms = list(dict.fromkeys([self.random, *(holder.generator for holder in holders)]))
        self._start_epoch()

    def close(self) -> None:
        for holder in self._lent:
            holder.generator = None
        self._lent.clear()

    def _start_epoch(self) -> None:
        self._before, self._at = [random.get_state() for random in self._randoms], 0
        self._batches: Iterator = iter(self.loader)

    def next(self) -> torch.Tensor:
        for _ in range(2):
            for batch in self._batches:
                self._at += 1
                samples = as_samples(inputs_of(batch), "samples")
                if len(samples) == self.batch_size:
                    return samples.to(self.device)
                self._refuse_if_first(len(samples))
            self._start_epoch()
        raise BadMeasure("samples is a loader that gives no batches: is drop_last set and the data set below a batch?")

    def _refuse_if_first(self, size: int) -> None:
        if self._at == 1 or size > self.batch_size:
            raise BadMeasure(
                f"samples is a loader with a batch of {size} samples and batch_size is {self.batch_size}: make them "
                "equal. Where the data set is below a batch, lower both."
            )

    def state(self) -> dict[str, Any]:
        return {"random": self._before, "at": self._at, "data": self._length()}

    def restore(self, state: dict[str, Any]) -> None:
        _same(state, "data", self._length())
        for random, before in zip(self._randoms, state["random"]):
            random.set_state(before)
        self._start_epoch()
        while self._at < state["at"]:
            next(self._batches)
            self._at += 1

    def _length(self) -> int | None:
        return len(self.loader.dataset) if hasattr(self.loader.dataset, "__len__") else None


def _same(state: dict[str, Any], key: str, now: object) -> None:
    if state.get(key) != now:
        raise Unsupported(
            "samples are not those that the run was started with: resume with the same data, in the same order, or "
            "start another run."
        )
