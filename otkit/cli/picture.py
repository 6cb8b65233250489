"""The picture of a report in a file."""

from importlib.util import find_spec

from otkit.errors import OtkitError, Unsupported

SUFFIXES = (".png", ".pdf", ".svg")


def check_matplotlib(option: str) -> None:
    """Find out before the computation that nothing can be drawn."""
    if find_spec("matplotlib") is None:
        raise Unsupported(f"{option} needs matplotlib; install it with: pip install 'otkit[plot]'")


def draw(report, path: str) -> str | None:
    """Draw and write it; what went wrong, if anything did: the answer has been printed and must not be lost."""
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no display, whatever the backend

        figure = Figure(figsize=(7.0, 5.5), dpi=150, layout="constrained")
        report.plot(ax=figure.add_subplot())
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
