"""Python threads for kernels that release the interpreter's lock.

A parallel loop of numba would serve as well, but its compilation took as long as all the rest of a sweep's kernel (9 of
20 s), its threads do not survive a fork, and on a busy machine its barriers stall for 8 ms. Handing out a task here
costs 0.05 ms.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numba

from otkit.interrupts import held_back
from otkit.threads import threads

_pool: ThreadPoolExecutor | None = None


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # the threads of the pool stayed behind in the parent


def share_out(task: Callable[[int], object], count: int) -> list[object]:
    """task(0) ... task(count - 1), by as many threads as numba is set to use, this one among them; their results.

    Every task has ended when this returns or raises, Ctrl-C included: what they write on belongs to the caller again.
    """
    global _pool
    results: list[object] = [None] * count
    helpers = min(threads(), count) - 1
    queue = itertools.count()

    def work() -> None:
        for k in iter(lambda: next(queue), None):
            if k >= count:
                return
            results[k] = task(k)

    if helpers <= 0:
        work()
        return results
    if _pool is None:
        _pool = ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, thread_name_prefix="otkit")
    futures = [_pool.submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        with held_back():  # a second Ctrl-C; a task takes a fraction of a second
            wait(futures)
    for future in futures:
        future.result()
    return results
