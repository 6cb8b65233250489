"""What all pictures share: colours, axes, sample points, and the corner that is left for the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.errors import BadMeasure, Unsupported

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

# Okabe and Ito's colours, which people with any colour vision tell apart
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

X, Y = BLUE, VERMILLION  # the two sample sets
PLAN, BOUND, PAIRS, MARKED = GREEN, BLACK, "#A6A6A6", ORANGE
LOW, MIDDLE, HIGH = "#E8A57A", "#FAFAFA", "#79B4DB"  # of a function: paler than the samples, which lie on top of it
NOTHING = "#8C8C8C"
EXACT, ESTIMATE, PROVED, FLOOR = BLACK, VERMILLION, GREEN, NOTHING  # of W_1 while a network is trained

MOST_POINTS = 3000  # of one sample set; more are a random choice, and the legend says so
LARGEST, SMALLEST = 30.0, 2.5  # areas of points, in square typographic points
MARGIN = 0.07
THINNEST = 1.0 / 3.0  # of a box: points on a line still get some of the plane around them
CORNERS = {"upper left": (0, 1), "upper right": (1, 1), "lower left": (0, 0), "lower right": (1, 0)}
CORNER = np.array([0.35, 0.25])  # what a legend hides, as parts of the axes


def pyplot() -> ModuleType:
    """matplotlib.pyplot, or how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise ImportError("otkit.plot needs matplotlib: pip install 'otkit[plot]'.") from error
    return plt


def axes(ax: Axes | None, size: tuple[float, float] = (6.4, 5.0)) -> Axes:
    """`ax` itself, or the only one of a new pyplot figure."""
    plt = pyplot()
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise Unsupported(f"ax is a {type(ax).__name__}: pass one matplotlib Axes, or None for a new figure.")
    return ax


def plane(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both samples as (n, 2) and (m, 2)."""
    x, y = measures.samples(x, "x"), measures.samples(y, "y")
    for side, name in ((x, "x"), (y, "y")):
        if side.shape[1] != 2:
            raise Unsupported(
                f"{name} has {side.shape[1]} coordinates: this picture is of the plane. Pass two of them, or draw "
                "otkit.plot.slopes(otkit.verify(x, y)), which has no dimension."
            )
    return x, y


def box(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the plane around both samples, with a margin, at least a third as wide as it is long."""
    both = np.concatenate([x, y])
    low, high = both.min(axis=0), both.max(axis=0)
    middle, side = 0.5 * low + 0.5 * high, high - low
    longest = float(side.max()) or max(1.0, float(np.abs(middle).max()))  # all points may be one
    half = (0.5 + MARGIN) * np.maximum(side, THINNEST * longest)
    return middle - half, middle + half


def points(ax: Axes, x: np.ndarray, y: np.ndarray, a: np.ndarray | None = None, b: np.ndarray | None = None) -> None:
    """Both samples, circles and triangles; areas go by weight, and a point without mass is a speck."""
    random = np.random.default_rng(0)
    for side, weight, name, colour, marker in ((x, a, "x", X, "o"), (y, b, "y", Y, "^")):
        shown, label = np.arange(len(side)), f"{name} ({len(side)})"
        if len(side) > MOST_POINTS:
            shown = random.choice(len(side), MOST_POINTS, replace=False)
            label = f"{name} ({MOST_POINTS} of {len(side)})"
        area = np.full(len(side), np.clip(4000.0 / len(shown), SMALLEST, LARGEST))
        if weight is not None:
            area *= np.clip(weight * np.count_nonzero(weight) / weight.sum(), 0.1, 6.0)
        edge = 0.3 if len(shown) <= 1000 else 0.0  # a seam around a smaller point would be most of it
        style = {"c": colour, "marker": marker, "edgecolors": "white", "linewidths": edge, "label": label}
        ax.scatter(*side[shown].T, s=area[shown], zorder=3, rasterized=len(shown) > 1000, **style)


def framed(ax: Axes, low: np.ndarray, high: np.ndarray) -> None:
    """The plane from low to high, one unit as long to the right as upward."""
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="coordinate 1", ylabel="coordinate 2")
    ax.set_aspect("equal")


def legend(ax: Axes, *clouds: np.ndarray, corner: np.ndarray = CORNER) -> None:
    """A legend, each label once, in the corner that holds the fewest of the points (k, 2) in the limits of `ax`;
    `corner` is what it hides of the axes."""
    ax.get_xlim(), ax.get_ylim()  # settles them
    places = (ax.transScale + ax.transLimits).transform(np.concatenate(clouds))  # on logarithmic axes too
    hidden = {name: int(np.all(np.abs(places - end) < corner, axis=1).sum()) for name, end in CORNERS.items()}
    handles, labels = ax.get_legend_handles_labels()
    once = dict(zip(labels, handles))
    drawn = ax.legend(once.values(), once.keys(), loc=min(hidden, key=hidden.get), fontsize="small", framealpha=0.9)
    for handle in drawn.legend_handles:  # as large for ten thousand points, or segments, as for ten
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([LARGEST])
        else:
            handle.set_linewidth(max(1.2, handle.get_linewidth()))


def fits(shape: tuple[int, int], x: np.ndarray, y: np.ndarray) -> None:
    """A plan and the samples it is drawn between must belong together."""
    if shape != (len(x), len(y)):
        raise BadMeasure(
            f"the plan is {shape[0]} x {shape[1]} but x has {len(x)} points and y has {len(y)}: "
            "pass the samples it was made of, in the same order."
        )
