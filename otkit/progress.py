"""Who wants to hear how a long solve is getting on. Solvers report; nobody listening costs them a list look-up.

>>> import otkit
>>> with listen(print):  # a solve that takes a second prints a few lines
...     otkit.wasserstein([0.0], [1.0]).distance
1.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Progress(NamedTuple):
    """One report: `done` in [0, 1] where the solver can tell, `lower` and `upper` a bracket of W_p where it has one."""

    solver: str
    message: str
    done: float | None = None
    lower: float | None = None
    upper: float | None = None


_listener: ContextVar[Callable[[Progress], None] | None] = ContextVar("otkit_progress", default=None)


@contextmanager
def listen(callback: Callable[[Progress], None]) -> Iterator[None]:
    """Calls `callback` with a `Progress` several times a second while a solver runs inside the block."""
    token = _listener.set(callback)
    try:
        yield
    finally:
        _listener.reset(token)


def report(progress: Progress) -> None:
    """Hands one report to the listener of this context, if there is one."""
    callback = _listener.get()
    if callback is not None:
        callback(progress)


def listening() -> bool:
    """Whether anybody wants reports; some are dear to make."""
    return _listener.get() is not None
