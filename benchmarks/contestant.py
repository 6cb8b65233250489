"""A call made ready to run: compiled text, the names it may use, imports done."""

from __future__ import annotations

import time
import warnings
from typing import Any

from benchmarks import backends
from benchmarks.calls import Call
from benchmarks.timing import Lap
from benchmarks.tools import TOOLS


class Contestant:
    """Runs one call on the arrays of one case, again and again."""

    def __init__(self, call: Call, arrays: dict[str, Any]) -> None:
        self.call = call
        names = dict(arrays)
        exec(TOOLS[call.tool].imports, names)
        names |= backends.cast(call, names)
        self.names = [{**names, "k": k} for k in call.steps] if call.steps else [names]
        self.matrix = compile(call.matrix, call.text, "exec") if call.matrix else None
        self.solves = [backends.solver(call, one) for one in self.names]

    def __call__(self) -> Lap:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the status is read from the answer
            laps = [self._lap(k) for k in range(len(self.names))]
        return laps[0] if self.call.steps is None else _per_iteration(*laps, self.call.steps)

    def _lap(self, k: int) -> Lap:
        names = dict(self.names[k])  # C does not outlive the run
        start = time.perf_counter()
        if self.matrix:
            exec(self.matrix, names)
        middle = time.perf_counter()
        value = self.solves[k](names)
        end = time.perf_counter()
        return Lap(end - start, middle - start if self.matrix else None, value)


def _per_iteration(few: Lap, many: Lap, steps: tuple[int, int]) -> Lap:
    """Setup, cost matrix and the end of a solve are in both runs, so the difference has iterations only."""
    seconds = [lap.seconds - (lap.matrix_seconds or 0.0) for lap in (few, many)]
    return Lap((seconds[1] - seconds[0]) / (steps[1] - steps[0]), None, many.value, few.seconds + many.seconds)
