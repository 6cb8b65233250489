"""How fast training goes, and how long it will take: added to what the trainer reports."""

import time


class Pace:
    """Progress events of the training, with steps per second and the time left; None for those of the solvers in it."""

    def __init__(self, method: str, steps: int) -> None:
        self._method, self._steps = method, steps
        self._first: tuple[float, float] | None = None  # time and share done of the first event

    def __call__(self, event):
        if event.solver != self._method or event.done is None:
            return None
        now = time.perf_counter()
        if self._first is None:
            self._first = now, event.done
        rate = self._steps * (event.done - self._first[1]) / max(now - self._first[0], 1e-9)
        if rate == 0.0:
            return event
        left = spoken(self._steps * (1.0 - event.done) / rate)
        return event._replace(message=f"{event.message}, {rate:.3g} steps/s, {left} left")


def spoken(seconds: float) -> str:
    """A duration in its largest unit that makes two or more of it.

    >>> spoken(7.2), spoken(600), spoken(3 * 3600)
    ('7 s', '10 min', '3.0 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
