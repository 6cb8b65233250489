"""How the samples of a generator are shared out over the modes of a toy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otkit import datasets, measures
from otkit.errors import Unsupported
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

MOST_NUMBERS = 13  # of modes below the axis; of more every second or third


def coverage(samples: ArrayLike, ax: Axes | None = None, *, toy: datasets.Toy) -> Axes:
    """A bar for each mode: the part of all samples that is nearest to its centre, and how much of it is within 3 sigma.

    Parameters
    ----------
    samples : (n, d), typically what a generator made.
    ax : where to draw; None makes a pyplot figure.
    toy : of `otkit.datasets`; a dashed line marks the equal share of its modes.

    Raises
    ------
    BadMeasure : no samples, NaN, another dimension. Unsupported : a toy without modes. ImportError : without
    matplotlib.

    >>> import otkit
    >>> from matplotlib.figure import Figure
    >>> toy = otkit.datasets.eight_gaussians(2500)
    >>> otkit.plot.coverage(toy.samples, ax=Figure().subplots(), toy=toy).get_title()
    '8 of 8 modes, 98.9 % of 2500 samples within 3 sigma'
    """
    if not len(toy.centers):
        raise Unsupported("toy has no modes (its centers are empty): choose one of Gaussians, such as eight_gaussians.")
    points = measures.samples(samples, "samples")
    found = datasets.mode_coverage(points, toy.centers, toy.sigma)
    ax, count = canvas.axes(ax), len(toy.centers)
    modes = np.arange(count)
    ax.bar(modes, found.nearest / len(points), color=canvas.PAIRS, label="nearest to the mode")
    ax.bar(modes, found.counts / len(points), color=canvas.Y, label="of these within 3 sigma")
    ax.axhline(1 / count, color=canvas.BLACK, linestyle="--", linewidth=1.0, label="equal shares")
    ax.set(xlabel="mode", ylabel="part of all samples", xticks=modes[:: -(-count // MOST_NUMBERS)])
    ax.set_ylim(0, 1.3 * max(found.nearest.max() / len(points), 1 / count))  # room for the legend
    ax.set_title(
        f"{found.modes} of {count} modes, {100 * found.high_quality:.1f} % of {len(points)} samples within 3 sigma"
    )
    ax.legend(loc="upper center", ncols=3, fontsize="small", frameon=False, handlelength=1.2, columnspacing=1.0)
    return ax
