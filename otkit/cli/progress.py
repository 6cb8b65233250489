"""Progress on stderr for work that takes longer than a second: a bar in a terminal, plain lines elsewhere.

And one line where kernels are being compiled for more than two seconds, which is only the first use.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

_PATIENCE = 1.0  # seconds before the first sign of life
_PLAIN_EVERY = 10.0  # seconds between plain lines
_COMPILING = 2.0  # seconds of compilation before it is mentioned


class _Display:
    """Receives progress events; rich is imported with the first one that is shown."""

    def __init__(self, through: Callable | None = None) -> None:
        self._through = through
        self._start = time.perf_counter()
        self._due = self._start + _PATIENCE
        self._bar = None
        self._task = None

    def __call__(self, event) -> None:
        now = time.perf_counter()
        event = event if self._through is None else self._through(event)
        if now < self._due or event is None:
            return
        if sys.stderr.isatty():
            self._due = now + 0.1
            self._draw(event, now - self._start)
        else:
            self._due = now + _PLAIN_EVERY
            print(f"otkit: {describe(event)} ({now - self._start:.0f} s)", file=sys.stderr, flush=True)

    def _draw(self, event, seconds: float) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            self._bar = Progress(
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False)),
                BarColumn(bar_width=20),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        total = None if event.done is None else 1.0
        self._bar.update(
            self._task, description=f"{describe(event)} ({seconds:.0f} s)", total=total, completed=event.done or 0.0
        )

    def say(self, line: str) -> None:
        """A line that stays, above the bar if there is one."""
        if self._bar is None:
            print(f"otkit: {line}", file=sys.stderr, flush=True)
        else:
            self._bar.console.print(f"otkit: {line}", markup=False, highlight=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def describe(event) -> str:
    """One line for one event: solver, message, and the bracket of W_p where it is known."""
    solver = shell_name(event.solver)
    line = f"{solver}: {event.message}" if event.message else solver
    if event.lower is not None and event.upper is not None:
        line += f", between {event.lower:.6g} and {event.upper:.6g}"
    elif event.upper is not None:
        line += f", at most {event.upper:.6g}"
    elif event.lower is not None:
        line += f", at least {event.lower:.6g}"
    return line


def shell_name(solver: str) -> str:
    """NetworkSimplex in Python is network-simplex in the shell.

    >>> shell_name("NetworkSimplex")
    'network-simplex'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", solver).lower()


@contextmanager
def shown(quiet: bool = False, through: Callable | None = None) -> Iterator[Callable | None]:
    """Show what the solvers report while the block runs: each event, or what `through` makes of it, or nothing."""
    if quiet:
        yield None
        return
    from otkit.progress import listen

    display = _Display(through)
    try:
        with listen(display), compilation_mentioned(display.say):
            yield display
    finally:
        display.close()


@contextmanager
def compilation_mentioned(say: Callable[[str], None]) -> Iterator[None]:
    """Calls `say`, once, when compiling kernels takes two seconds in all: they were not found on the disk."""
    from numba.core import event

    class Listener(event.Listener):
        """Kernels compile the kernels they call inside their own compilation: only the outermost is timed."""

        depth, left, said = 0, _COMPILING, False

        def on_start(self, _) -> None:
            self.depth += 1
            if self.depth == 1 and not self.said:
                self.start = time.perf_counter()
                self.timer = Timer(self.left, self.mention)
                self.timer.daemon = True
                self.timer.start()

        def on_end(self, _) -> None:
            self.depth -= 1
            if self.depth == 0 and not self.said:
                self.timer.cancel()
                self.left = max(0.0, self.left - (time.perf_counter() - self.start))

        def mention(self) -> None:
            self.said = True
            say("compiling kernels; they are kept on disk, so only the first use waits, and Ctrl-C with it")

    with event.install_listener("numba:compile", Listener()):
        yield
