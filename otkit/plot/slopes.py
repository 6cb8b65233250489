"""Rise of a critic against distance, pair by pair: where its slope is, and where the plan uses it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from otkit.plot import canvas
from otkit.plot.headline import headline
from otkit.plot.rays import largest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from otkit.duality import DualityReport

SHOWN = 4000  # pairs


def slopes(report: DualityReport, ax: Axes | None = None) -> Axes:
    r"""Differences of a critic's values against distances of pairs, in any dimension and any metric.

    .. math:: \big(metric(x_i, y_j),\; (f(x_i) - f(y_j)) / s\big)

    with s the critic's slope over all pairs (1 without a given critic), so that no pair is above the line of slope 1.
    Drawn are up to 4000 pairs (all, or a seeded choice), the pairs of the plan (up to 2000, the largest), the steepest
    pair of a given critic, and the mean over the plan, which is at (W_1, raw / s): as far below the line as the critic
    falls short of W_1. The exact critic has all pairs of the plan on the line: that is duality.

    Where s is 0 or inf values are not divided; the axis says which. O(n + m) memory.

    Parameters
    ----------
    report : of `otkit.verify`. ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> x, y = np.random.default_rng(0).normal(size=(2, 30, 5))
    >>> otkit.plot.slopes(otkit.verify(x, y), ax=Figure().subplots()).get_ylabel()
    '$f(x_i) - f(y_j)$ of the exact critic'
    """
    ax = canvas.axes(ax)
    samples, given = report.samples, report.critic
    cost, (v, w) = samples.cost, report.values
    steepness = 1.0 if given is None else given.slope
    divided = 0.0 < steepness < math.inf
    unit = steepness if divided else 1.0

    def at(rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return cost.at(rows, cols) * cost.scale, (v[rows] - w[cols]) / unit

    pairs = _pairs(v.size, w.size)
    entries = largest(report.result.plan)
    shown, matched = at(*pairs), at(entries.rows, entries.cols)
    label = f"pairs ({pairs[0].size} of {v.size * w.size})" if pairs[0].size < v.size * w.size else "all pairs"
    many = {"linewidths": 0, "rasterized": pairs[0].size > 1000}
    ax.scatter(*shown, s=5, c=canvas.PAIRS, alpha=0.6, label=label, **many)
    ax.scatter(*matched, s=9, c=canvas.PLAN, label=f"pairs of the {entries.label}", zorder=3, **many)
    reach = max(float(shown[0].max()), float(matched[0].max(initial=0.0)))
    if given is not None and given.pair is not None:
        i, j = given.pair
        top = at(np.array([i]), np.array([j]))
        reach = max(reach, float(top[0][0]))
        style = {"marker": "*", "s": 150, "c": canvas.MARKED, "edgecolors": "black", "linewidths": 0.6, "zorder": 5}
        ax.scatter(*top, label=f"steepest pair x[{i}], y[{j}]", **style)
    reach = reach or 1.0
    ax.plot([0.0, reach], [0.0, reach], color=canvas.BOUND, lw=1.0, zorder=2, label="slope 1")
    mean = report.primal, (samples.a @ v - samples.b @ w) / unit
    style = {"marker": "D", "s": 45, "c": canvas.PURPLE, "edgecolors": "black", "linewidths": 0.6, "zorder": 6}
    ax.scatter(*mean, label="mean over the plan", **style)
    ax.axhline(0.0, color=canvas.PAIRS, lw=0.6, zorder=0)
    ax.set(xlim=(-0.02 * reach, 1.03 * reach), xlabel=f"distance of $x_i$ and $y_j$, {report.metric}")
    ax.set(ylabel=_rise(given is not None, steepness, divided), title=headline(report))
    canvas.legend(ax, np.stack(shown, axis=1), np.stack(matched, axis=1))
    return ax


def _pairs(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs where they are few, a seeded choice (with repetition, so without a list of them) where not."""
    if n * m <= SHOWN:
        return np.divmod(np.arange(n * m), m)
    random = np.random.default_rng(0)
    return random.integers(n, size=SHOWN), random.integers(m, size=SHOWN)


def _rise(given: bool, steepness: float, divided: bool) -> str:
    """What is drawn upward."""
    rise = "$f(x_i) - f(y_j)$"
    if not given:
        return f"{rise} of the exact critic"
    if divided:
        return f"$(f(x_i) - f(y_j))\\,/\\,s$, slope $s$ = {steepness:.4g}"
    why = "infinite: a jump at one place" if steepness else "0: it never rises from $y$ to $x$"
    return f"{rise}, slope {why}"
