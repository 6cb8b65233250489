"""A call made ready to run: compiled text, the names it may use, imports done."""

from __future__ import annotations

import time
import warnings
from typing import Any

from benchmarks.calls import Call
from benchmarks.timing import Lap
from benchmarks.tools import TOOLS


class Contestant:
    """Runs one call on the arrays of one case, again and again."""

    def __init__(self, call: Call, arrays: dict[str, Any]) -> None:
        self.call = call
        self.names = dict(arrays)
        exec(TOOLS[call.tool].imports, self.names)
        self.matrix = compile(call.matrix, call.text, "exec") if call.matrix else None
        self.solve = compile(call.solve, call.text, "eval")

    def __call__(self) -> Lap:
        names = dict(self.names)  # C does not outlive the run
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the status is read from the answer
            start = time.perf_counter()
            if self.matrix:
                exec(self.matrix, names)
            middle = time.perf_counter()
            value = eval(self.solve, names)
            end = time.perf_counter()
        return Lap(end - start, middle - start if self.matrix else None, value)
