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
    """This process among `world`; alone without torchrun, or a process group that the caller has started.

    torchrun's group is opened by the first message. What is refused before it needs none: a process that opened one,
    sent nothing and ended was aborted by gloo at its exit, 4 times of 5 on a busy machine.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.world, self.rank = 1, 0
        if dist.is_available() and dist.is_initialized():
            self.world, self.rank = dist.get_world_size(), dist.get_rank()
        elif {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ):
            self.world, self.rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])

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
        if self._several():
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """One message for all gradients, after the one backward."""
        if not self._several():
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
        if not self._several():
            return value
        value = value.clone()
        dist.all_reduce(value)
        return value / self.world

    def agree(self, flag: bool) -> bool:
        """What the first process decides."""
        if not self._several():
            return flag
        answer = torch.tensor([int(flag)], device=self._device)
        dist.broadcast(answer, 0)
        return bool(answer.item())

    def any(self, flag: bool) -> bool:
        """Whether it is so in one process or more."""
        if not self._several():
            return flag
        answer = torch.tensor([int(flag)], device=self._device)
        dist.all_reduce(answer)
        return bool(answer.item())

    def wait(self) -> None:
        if self._several():
            dist.barrier()

    def _several(self) -> bool:
        """Whether there is anybody to send to, and then the group that it takes."""
        if self.world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if self._device.type == "cuda" else "gloo")
            # open for the next fit too: a second group would find the addresses of the first, and wait for them
            atexit.register(_close)
        return self.world > 1


def _close() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
