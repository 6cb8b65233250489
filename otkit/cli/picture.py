"""A picture in a file."""

from collections.abc import Callable
from importlib.util import find_spec

from otkit.errors import OtkitError, Unsupported

SUFFIXES = (".png", ".pdf", ".svg")


def check_matplotlib(option: str) -> None:
    """Find out before the computation that nothing can be drawn."""
    if find_spec("matplotlib") is None:
        raise Unsupported(f"{option} needs matplotlib; install it with: pip install 'otkit[plot]'")


def draw(paint: Callable, path: str) -> str | None:
    """Let `paint` draw on an ax, and write it. What went wrong, if anything did: the answer itself must not be lost."""
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no display, whatever the backend

        figure = Figure(figsize=(7.0, 5.5), dpi=150, layout="constrained")
        paint(ax=figure.add_subplot())
        figure.savefig(path)
    except KeyboardInterrupt:
        return "interrupted"
    except OSError as error:
        return error.strerror or str(error)
    except OtkitError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
