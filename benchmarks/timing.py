"""Interleaved timing: every contestant once per round, so that what else the machine does meets all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Lap(NamedTuple):
    """One run: its seconds, the part of them spent on the cost matrix, and what came out.

    `spent` is what the run took where `seconds` is a figure per iteration.
    """

    seconds: float
    matrix_seconds: float | None
    value: Any
    spent: float | None = None


class Timed(NamedTuple):
    """All runs of one contestant; `failure` is the error that ended them."""

    laps: list[Lap]
    failure: str | None


class TooLong(Exception):
    """A run was ended because its limit was over; the message says which."""


class Effort(NamedTuple):
    """Seconds spent on each contestant of a case, about, and the most runs of one; always at least one run."""

    seconds: float
    most: int

    def runs(self, first: float) -> int:
        return max(1, min(self.most, round(self.seconds / max(first, 1e-9))))


FULL = Effort(seconds=15.0, most=9)
SHORT = Effort(seconds=6.0, most=9)  # where there are twenty calls on a case, many of them until their limit
ONCE = Effort(seconds=0.0, most=1)


def interleaved(contestants: Sequence[Callable[[], Lap]], effort: Effort) -> list[Timed]:
    """Runs all contestants in turn; a fast one gets more rounds than a slow one."""
    laps: list[list[Lap]] = [[] for _ in contestants]
    failures: list[str | None] = [None] * len(contestants)
    wanted = [1] * len(contestants)
    while any(len(done) < count for done, count in zip(laps, wanted)):
        for k, run in enumerate(contestants):
            if len(laps[k]) >= wanted[k]:
                continue
            gc.disable()  # as timeit does; collecting before each run instead cost 0.1 s a time
            try:
                lap = run()
            except Exception as error:  # a peer that gives up is a result, not the end of the run
                failures[k], wanted[k] = _failure(error), 0
                continue
            finally:
                gc.enable()
            if not laps[k]:
                wanted[k] = effort.runs(lap.seconds if lap.spent is None else lap.spent)
            laps[k].append(lap if not laps[k] else lap._replace(value=None))  # one answer is enough
    return [Timed(done, failure) for done, failure in zip(laps, failures)]


def _failure(error: Exception) -> str:
    return str(error) if isinstance(error, TooLong) else f"failed: {type(error).__name__}: {error}"[:200]
