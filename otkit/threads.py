"""Threads of the kernels: how many, when they may not be started, and what their start must leave alone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numba

_ONE_AT_A_TIME = RLock()
_forked = False


def threads() -> int:
    """Threads that a parallel kernel uses."""
    with launch():
        return numba.get_num_threads()


def _layer() -> str | None:
    try:
        return numba.threading_layer()
    except ValueError:  # nothing ran in parallel yet
        return None


def _after_fork() -> None:
    global _forked
    _forked = _layer() == "omp"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def lost_in_fork() -> bool:
    """Whether this process was forked from one whose OpenMP threads were running: GNU OpenMP kills it at the next
    kernel, and a multiprocessing pool waits for it for ever."""
    return _forked


@contextmanager
def launch() -> Iterator[None]:
    """Kernels may start threads inside. Numba's layer of last resort, workqueue, aborts the process when two Python
    threads do so at once; there, and while the layer is not yet chosen, they take turns."""
    if _layer() in ("omp", "tbb"):
        yield
        return
    with _ONE_AT_A_TIME, _torch_kept():
        yield


@contextmanager
def _torch_kept() -> Iterator[None]:
    """Where torch is loaded, it has as many threads after the block as before.

    When numba starts its threads, once in a process, it tells OpenMP how many the calling thread has from now on. Where
    both share one library that is torch's number too: a training run with one thread had two after the first look of
    its monitor, and spent 85 % of its time waiting in barriers beside another process.
    """
    torch = sys.modules.get("torch")
    if not hasattr(torch, "get_num_threads"):  # not loaded, or another thread is at it
        yield
        return
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
