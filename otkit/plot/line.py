"""Two samples on the line: their piles with the quantiles that are matched, and W_1 as the area between quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.errors import Unsupported
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

BINS = 40
BAND = 0.25  # of the highest pile
MATCHED = np.arange(0.05, 1.0, 0.1)  # levels whose quantiles are joined


def piles(
    x: ArrayLike, y: ArrayLike, ax: Axes | None = None, *, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> Axes:
    """Histograms of two samples on the line, x upward and y downward, and segments between equal quantiles.

    On the line the optimal plan matches equal quantiles, for every p >= 1: mass at the 5 %, 15 %, ..., 95 % quantile
    of x goes to that of y. Heights are shares of the mass in bins of one width, the same for both.

    Parameters
    ----------
    x, y : (n,) and (m,) samples. a, b : weights; None means equal ones. ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadMeasure : samples or weights, by name. Unsupported : more than one coordinate. ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> ax = otkit.plot.piles(np.arange(10.0), np.arange(10.0) + 3, ax=Figure().subplots())
    >>> ax.get_title()
    '$W_1$ = 3: equal quantiles are matched'
    """
    (x, a), (y, b) = _on_the_line(x, a, "x", "a"), _on_the_line(y, b, "y", "b")
    ax = canvas.axes(ax)
    edges = np.histogram_bin_edges(np.concatenate([x, y]), bins=BINS)
    heights = [np.histogram(values, bins=edges, weights=weight)[0] for values, weight in ((x, a), (y, b))]
    band = BAND * max(height.max() for height in heights)  # between the piles, where the segments are
    tops = []
    for values, height, sign, colour, name in ((x, heights[0], 1, canvas.X, "x"), (y, heights[1], -1, canvas.Y, "y")):
        style = {"align": "edge", "color": colour, "alpha": 0.75, "bottom": sign * band}
        ax.bar(edges[:-1], sign * height, np.diff(edges), label=f"{name} ({len(values)})", **style)
        tops.append(sign * (height + band))
    for k, (start, end) in enumerate(zip(quantile(x, a, MATCHED), quantile(y, b, MATCHED))):
        style = {"color": canvas.PLAN, "lw": 1.4, "marker": "o", "ms": 3.0}
        ax.plot([start, end], [band, -band], label="equal quantiles" if k == 0 else None, **style)
    ax.set(xlabel="value", ylabel="share of the mass: x upward, y downward", yticks=[])
    ax.set_title(f"$W_1$ = {_w1(x, y, a, b):.5g}: equal quantiles are matched")
    canvas.legend(ax, np.stack([edges[:-1], tops[0]], axis=1), np.stack([edges[:-1], tops[1]], axis=1))
    return ax


def quantiles(
    x: ArrayLike, y: ArrayLike, ax: Axes | None = None, *, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> Axes:
    r"""Both quantile functions; W_1 is the area between them.

    .. math:: W_p^p = \int_0^1 |F_x^{-1}(t) - F_y^{-1}(t)|^p \, dt

    Parameters
    ----------
    x, y : (n,) and (m,) samples. a, b : weights; None means equal ones. ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadMeasure : samples or weights, by name. Unsupported : more than one coordinate. ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> otkit.plot.quantiles(np.arange(10.0), np.arange(10.0) + 3, ax=Figure().subplots()).get_title()
    '$W_1$ = 3, the area between the quantile functions'
    """
    (x, a), (y, b) = _on_the_line(x, a, "x", "a"), _on_the_line(y, b, "y", "b")
    ax = canvas.axes(ax)
    levels = np.unique(np.concatenate([[0.0], *(np.cumsum(w[np.argsort(v)])[:-1] for v, w in ((x, a), (y, b))), [1.0]]))
    middle = 0.5 * (levels[1:] + levels[:-1])
    of_x, of_y = quantile(x, a, middle), quantile(y, b, middle)
    ax.stairs(of_x, levels, baseline=None, color=canvas.X, lw=1.8, label=f"x ({len(x)})")
    ax.stairs(of_y, levels, baseline=None, color=canvas.Y, lw=1.8, label=f"y ({len(y)})")
    ends = np.append(of_x, of_x[-1]), np.append(of_y, of_y[-1])
    style = {"step": "post", "color": canvas.PAIRS, "alpha": 0.35, "lw": 0.0, "zorder": 0}
    ax.fill_between(levels, *ends, label="the area", **style)
    ax.set(xlabel="level $t$", ylabel="quantile", xlim=(0.0, 1.0))
    ax.set_title(f"$W_1$ = {_w1(x, y, a, b):.5g}, the area between the quantile functions")
    canvas.legend(ax, np.stack([middle, of_x], axis=1), np.stack([middle, of_y], axis=1))
    return ax


def quantile(values: np.ndarray, weight: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The smallest value with at least so much of the mass, which is 1, up to it."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return values[order][np.minimum(np.searchsorted(reached, levels), len(values) - 1)]


def _on_the_line(
    given: ArrayLike, weight: ArrayLike | None, name: str, weight_name: str
) -> tuple[np.ndarray, np.ndarray]:
    values = measures.samples(given, name)
    if values.shape[1] != 1:
        raise Unsupported(f"{name} has {values.shape[1]} coordinates: this picture is of the line. Pass one of them.")
    return values[:, 0], measures.probabilities(weight, weight_name, len(values), name)


def _w1(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    from otkit.front import wasserstein

    return wasserstein(x, y, a=a, b=b).distance
