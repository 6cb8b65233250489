"""Torch's number of threads, kept across kernels that change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept() -> Iterator[None]:
    """Torch has as many threads after the block as before.

    Where torch and numba share one OpenMP library, numba's kernels set the number for the calling thread and leave it
    so: after the first look of a monitor, a run with one thread had two, and spent 85 % of its time waiting in barriers
    beside another process.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
