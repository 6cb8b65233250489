"""The picture of time against n: otkit and every peer as far as it gets, with the power of n that each takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.multiscale_targets import CURVE, GAP
from benchmarks.row import Row
from otkit import plot
from otkit.plot.powers import power

PLACE = Path("pictures") / "time_against_n.png"  # beside the page
FUNCTIONS = ("emd2_lazy", "emd2", "linear_sum_assignment", "lapjvs")
Series = dict[str, tuple[list[int], list[float]]]


def series(rows: Sequence[Row]) -> Series:
    """Tool and function -> sizes and seconds, smallest size first. Of a function called in several ways, the fastest
    with the right answer."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.work == CURVE and row.median is not None and row.error is not None and row.error <= GAP:
            times = found.setdefault(_name(row), {})
            times[row.n] = min(row.median, times.get(row.n, math.inf))
    return {name: (sorted(times), [times[n] for n in sorted(times)]) for name, times in found.items()}


def _name(row: Row) -> str:
    function = next((name for name in FUNCTIONS if f"{name}(" in row.call), "")
    return f"{row.tool} {function}".strip()


def embedded(rows: Sequence[Row]) -> str:
    """The picture in Markdown with what the fitted powers say of the largest n, or "" where there is none."""
    drawn = series(rows)
    if not drawn:
        return ""
    text = f"![Time against n, both on logarithmic axes]({PLACE.as_posix()})"
    largest = max(sizes[-1] for sizes, _ in drawn.values())
    beyond = [
        f"{name} {_duration(seconds[-1] * (largest / sizes[-1]) ** power(sizes, seconds))}"
        for name, (sizes, seconds) in drawn.items()
        if sizes[-1] < largest and len(sizes) > 1
    ]
    if not beyond:
        return text
    continued = "Continued by the power above, not measured, and whether or not a cost matrix would fit"
    return f"{text}\n\n{continued}: at n = {largest} {', '.join(beyond)}."


def _duration(seconds: float) -> str:
    unit, length = next((pair for pair in (("h", 3600.0), ("min", 60.0)) if seconds >= pair[1]), ("s", 1.0))
    return f"{seconds / length:.2g} {unit}"


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Whether there was something to draw."""
    drawn = series(rows)
    if not drawn:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    ax = plot.loglog(drawn, ax=figure.subplots())
    ax.set_title("Exact $W_2$ between $n$ and $n$ points of the plane")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return True
