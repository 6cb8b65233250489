"""Ctrl-C at a moment that suits: after the step, not inside it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any


@dataclass
class Asked:
    """Whether Ctrl-C was pressed."""

    once: bool = False


@contextmanager
def waiting_for_the_step() -> Iterator[Asked]:
    """Ctrl-C inside sets a flag, for a loop to look at after each step; a second one is a KeyboardInterrupt at once.

    Outside the main thread, where Python delivers no signals, nothing is changed.

    >>> with waiting_for_the_step() as asked:
    ...     signal.raise_signal(signal.SIGINT)
    ...     asked.once
    True
    """
    asked = Asked()

    def note(number: int, frame: Any) -> None:
        if asked.once:
            raise KeyboardInterrupt
        asked.once = True

    with _handled_by(note):
        yield asked


@contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C inside takes effect at the end, however often it is pressed: for what cannot be left half done.

    Outside the main thread, and where Ctrl-C does not arrive in Python, nothing is changed.

    >>> done = []
    >>> try:
    ...     with held_back():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all of it")
    ... except KeyboardInterrupt:
    ...     done
    ['all of it']
    """
    asked = Asked()

    def note(number: int, frame: Any) -> None:
        asked.once = True

    arrives = callable(signal.getsignal(signal.SIGINT))
    try:
        with _handled_by(note) if arrives else nullcontext():
            yield
    finally:
        if asked.once:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _handled_by(note: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
