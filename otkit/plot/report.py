"""A duality report in one picture: the critic on the plane where that can be drawn, its slopes elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otkit.plot import canvas
from otkit.plot.headline import headline
from otkit.plot.heat import field, on_grid
from otkit.plot.rays import largest, segments
from otkit.plot.slopes import slopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from otkit.duality import DualityReport


def duality(report: DualityReport, ax: Axes | None = None) -> Axes:
    """The picture of a report of `otkit.verify`; `report.plot()` is the same.

    Samples in the plane and a critic that is a function (without a given one, the exact critic): its heat map with both
    samples and the segments of the optimal plan. Along these the exact critic falls by exactly their length, so (metric
    "euclidean") they cross its level lines at right angles. Otherwise (another dimension, or a critic given by values)
    `otkit.plot.slopes`. The title has W_1, or its bracket, and the share that a given critic captures.

    Parameters
    ----------
    report : of `otkit.verify`. ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadCritic : the critic raises between the samples, or is finite nowhere. ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> x, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    >>> report = otkit.verify(x, y, critic=lambda z: z[:, 0])
    >>> otkit.plot.duality(report, ax=Figure().subplots()).get_title()
    '$W_1$ = 0.62402, the critic captures 26.69 %'
    """
    canvas.pyplot()
    samples = report.samples
    if samples.sizes[2] != 2 or report.function is None:
        return slopes(report, ax)
    x, y = samples.x, samples.y
    low, high = canvas.box(x, y)
    values = on_grid(report.function, low, high)
    ax = canvas.axes(ax)
    field(ax, values, low, high, "critic $f$" if report.critic is not None else "exact critic $f$")
    segments(ax, largest(report.result.plan), x, y)
    canvas.points(ax, x, y, samples.a, samples.b)
    ax.set_title(headline(report))
    canvas.legend(ax, x, y)
    return ax
