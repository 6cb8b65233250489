"""Many problems by one solver: each thread takes a problem at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from otkit.errors import Interrupted
from otkit.front import reached, solve
from otkit.problem import Problem
from otkit.result import Result, Status
from otkit.solvers import Solver
from otkit.threads import threads
from otkit.workers import share_out

PAIRS_WORTH_A_THREAD = 2**15  # below, most of the time is Python's: two threads took 1.5 times as long as one
PAIRS_WORTH_TWO = 2**18  # below, threads of its own gain a problem nothing, and on a busy machine it waits for them


def solve_each(problems: Sequence[Problem], solver: Solver | None = None, *, throw: bool = True) -> list[Result]:
    """The Result of every problem, by as many threads as numba is set to use, each of which solves with one.

    solver, throw : as in `solve`; the first problem that misses its goal raises, and after Ctrl-C Interrupted does.
    """
    alone = len(problems) == 1 or threads() == 1 or np.prod(problems[0].shape) < PAIRS_WORTH_A_THREAD
    stop: list[Result] = []  # only the main thread hears Ctrl-C: the others have to be told

    def task(k: int) -> Result | None:
        if stop:
            return None
        before = numba.get_num_threads()
        if not alone or np.prod(problems[k].shape) < PAIRS_WORTH_TWO:
            numba.set_num_threads(1)  # of this thread only
        try:
            result = solve(problems[k], solver, throw=False)
        finally:
            numba.set_num_threads(before)
        if result.status is Status.INTERRUPTED:
            stop.append(result)
        return result

    results = [task(k) for k in range(len(problems))] if alone else share_out(task, len(problems))
    if stop:
        raise Interrupted(stop[0])
    return [reached(result) for result in results] if throw else results
