"""Measured values against sizes on logarithmic axes, where a power of the size is a straight line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.errors import BadMeasure
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, canvas.PURPLE, canvas.SKY, canvas.BLACK)
WIDE = np.array([0.5, 0.4])  # of the axes: names with their powers make a wide legend
MARKERS = ("o", "s", "^", "D", "v", "P")  # one less than colours: 42 series before a pair of the two comes again


def loglog(series: Mapping[str, tuple[ArrayLike, ArrayLike]], ax: Axes | None = None) -> Axes:
    r"""Values against sizes n, each series as points with the power of n that fits it.

    .. math:: \min_{c,\, e} \sum_k (\log v_k - c - e \log n_k)^2

    The straight line is exp(c) n^e, and the legend has e. A series of one size has its point only. The first series is
    drawn on top; each has a marker and a colour of its own, which people with any colour vision tell apart. Labels of
    the axes are "n" and "seconds": set others on what is returned.

    Parameters
    ----------
    series : name -> (sizes, values), both (k,) and positive. ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadMeasure : no series, an empty one, unequal lengths, numbers that are not positive, by name. ImportError : without
        matplotlib.

    >>> import otkit
    >>> from matplotlib.figure import Figure
    >>> sizes = [100, 1000, 10000]
    >>> ax = otkit.plot.loglog({"sorting": (sizes, [1e-5, 1.2e-4, 1.6e-3])}, ax=Figure().subplots())
    >>> ax.get_legend().get_texts()[0].get_text()
    'sorting: $n^{1.10}$'
    """
    if not series:
        raise BadMeasure("series is empty: pass at least one name with its sizes and values.")
    known = {name: _positive(name, *pair) for name, pair in series.items()}
    ax = canvas.axes(ax)
    ax.set(xscale="log", yscale="log", xlabel="$n$", ylabel="seconds")
    for depth, ((name, (sizes, values)), colour, marker) in enumerate(
        zip(known.items(), cycle(COLOURS), cycle(MARKERS))
    ):
        label, order = name, 3.0 - depth / len(known)
        if len(np.unique(sizes)) > 1:
            exponent, factor = _fit(sizes, values)
            ends = np.array([sizes.min(), sizes.max()])
            ax.plot(ends, np.exp(factor + exponent * np.log(ends)), color=colour, lw=1.3, zorder=order)
            label = f"{name}: $n^{{{exponent:.2f}}}$"
        style = {"ls": "none", "marker": marker, "ms": 6.5, "mec": "white", "mew": 0.6, "zorder": order}
        ax.plot(sizes, values, color=colour, label=label, **style)
    ax.grid(color=canvas.PAIRS, lw=0.5, alpha=0.5)
    canvas.legend(ax, *(np.stack(pair, axis=1) for pair in known.values()), corner=WIDE)
    return ax


def power(sizes: ArrayLike, values: ArrayLike) -> float:
    """The exponent e of the power of the size that fits the values, by least squares of logarithms.

    >>> from otkit.plot.powers import power
    >>> round(power([10, 100, 1000], [3.0, 300.0, 30000.0]), 12)
    2.0
    """
    return _fit(*_positive("the series", sizes, values))[0]


def _fit(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """(e, c)."""
    exponent, factor = np.polyfit(np.log(sizes), np.log(values), 1)
    return float(exponent), float(factor)


def _positive(name: str, sizes: ArrayLike, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    sizes, values = measures.numbers(sizes, f"sizes of {name}"), measures.numbers(values, f"values of {name}")
    if sizes.ndim != 1 or sizes.shape != values.shape or sizes.size == 0:
        raise BadMeasure(
            f"{name} has sizes {sizes.shape} and values {values.shape}: pass as many values as sizes, (k,) each."
        )
    for array, what in ((sizes, "sizes"), (values, "values")):
        if array.min() <= 0.0:
            raise BadMeasure(f"{what} of {name} go down to {array.min():g}: logarithms need positive numbers.")
    return sizes, values
