"""Several processes, one batch: who computes which part of it, and how gradients meet.

Every process draws the same random numbers for the whole batch and takes its own part, so that the result is that of
one process with the same batch. DistributedDataParallel is left alone: it and double backward do not mix (its hooks see
one backward, a gradient penalty makes two).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import nn

from otkit.errors import Unsupported


class Ranks:
    """This process among `world`; alone without torchrun, or a process group that the caller has started."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        started = dist.is_available() and dist.is_initialized()
        if not started and {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ):
            if int(os.environ["WORLD_SIZE"]) > 1:
                dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
                # open for the next fit too: a second group would find the addresses of the first, and wait for them
                atexit.register(_close)
                started = True
        self.world = dist.get_world_size() if started else 1
        self.rank = dist.get_rank() if started else 0

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's part of a batch."""
        if batch_size % self.world:
            raise Unsupported(
                f"batch_size is {batch_size} for {self.world} processes: it must be a multiple, for parts to be equal."
            )
        part = batch_size // self.world
        return slice(self.rank * part, (self.rank + 1) * part)

    def broadcast(self, module: nn.Module) -> None:
        """Parameters and buffers of the first process, for all."""
        if self.world > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """One message for all gradients, after the one backward."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        begin = 0
        for gradient in gradients:
            gradient.copy_(flat[begin : begin + gradient.numel()].view_as(gradient))
            begin += gradient.numel()

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        if self.world == 1:
            return value
        value = value.clone()
        dist.all_reduce(value)
        return value / self.world

    def agree(self, flag: bool) -> bool:
        """What the first process decides."""
        if self.world == 1:
            return flag
        answer = torch.tensor([int(flag)], device=self._device)
        dist.broadcast(answer, 0)
        return bool(answer.item())

    def any(self, flag: bool) -> bool:
        """Whether it is so in one process or more."""
        if self.world == 1:
            return flag
        answer = torch.tensor([int(flag)], device=self._device)
        dist.all_reduce(answer)
        return bool(answer.item())

    def wait(self) -> None:
        if self.world > 1:
            dist.barrier()


def _close() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
