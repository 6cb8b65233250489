"""Ctrl-C between two steps, not inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: Any) -> None:
        if asked.once:
            raise KeyboardInterrupt
        asked.once = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
