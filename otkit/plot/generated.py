"""Generated samples: points in the plane around the modes they should be at, or a grid of images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from otkit import datasets, measures
from otkit.errors import BadMeasure, Unsupported
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

MOST_IMAGES = 100
SEAM = 1  # pixels between images


def samples(samples: ArrayLike, ax: Axes | None = None, *, toy: datasets.Toy | None = None) -> Axes:
    """Points (n, 2) as a cloud, images (n, H, W), (n, 1, H, W) or (n, 3, H, W) as a grid of the first hundred.

    Parameters
    ----------
    samples : typically what a generator made. The smallest value of all images is black, the largest white.
    ax : where to draw; None makes a pyplot figure.
    toy : of `otkit.datasets`, for points: its centres are marked, and the title says how many modes are reached.

    Raises
    ------
    BadMeasure : no samples, NaN. Unsupported : samples of another shape. ImportError : without matplotlib.

    >>> import otkit
    >>> from matplotlib.figure import Figure
    >>> toy = otkit.datasets.eight_gaussians(500)
    >>> otkit.plot.samples(toy.samples, ax=Figure().subplots(), toy=toy).get_title()
    '500 samples, 8 of 8 modes, 99.2 % within 3 sigma'
    """
    canvas.pyplot()
    array = measures.numbers(samples, "samples")
    if array.ndim == 2 and array.shape[1] == 2:
        return _cloud(measures.samples(array, "samples"), ax, toy)
    images = array[:, None] if array.ndim == 3 else array
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.size == 0:
        raise Unsupported(
            f"samples has shape {array.shape}: points (n, 2) are drawn, and images (n, H, W), (n, 1, H, W) or "
            "(n, 3, H, W). Choose two columns, or fold each row into its image."
        )
    if not np.isfinite(images).all():
        raise BadMeasure("samples has entries that are NaN or infinite.")
    if toy is not None:
        raise Unsupported("toy has its modes in the plane, and samples are images: leave it out.")
    return _grid(images.astype(np.float64), ax)


def _cloud(points: np.ndarray, ax: Axes | None, toy: datasets.Toy | None) -> Axes:
    centers = np.empty((0, 2)) if toy is None else toy.centers
    title = f"{len(points)} samples"
    if len(centers):
        coverage = datasets.mode_coverage(points, centers, toy.sigma)
        title += f", {coverage.modes} of {len(centers)} modes, {100 * coverage.high_quality:.1f} % within 3 sigma"
    ax = canvas.axes(ax)
    shown, label = points, "samples"
    if len(points) > canvas.MOST_POINTS:
        shown = points[np.random.default_rng(0).choice(len(points), canvas.MOST_POINTS, replace=False)]
        label = f"samples ({canvas.MOST_POINTS} of {len(points)})"
    area = float(np.clip(4000.0 / len(shown), canvas.SMALLEST, canvas.LARGEST))
    ax.scatter(*shown.T, s=area, c=canvas.Y, marker="^", linewidths=0, label=label, rasterized=len(shown) > 1000)
    if len(centers):
        ax.scatter(*centers.T, s=60, c=canvas.BLACK, marker="+", linewidths=1.0, zorder=4, label="centres of modes")
    canvas.framed(ax, *canvas.box(points, centers if len(centers) else points))
    ax.set_title(title)
    canvas.legend(ax, points, centers)
    return ax


def _grid(images: np.ndarray, ax: Axes | None) -> Axes:
    n, low, high = len(images), float(images.min()), float(images.max())
    shown = (images[:MOST_IMAGES] - low) / ((high - low) or 1.0)
    count, channels, height, width = shown.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.ones((rows * (height + SEAM) - SEAM, columns * (width + SEAM) - SEAM, channels))
    for k, image in enumerate(shown):
        top, left = (k // columns) * (height + SEAM), (k % columns) * (width + SEAM)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    ax = canvas.axes(ax)
    ax.imshow(np.repeat(sheet, 3, axis=2) if channels == 1 else sheet, interpolation="nearest")
    ax.set(xticks=[], yticks=[], xlabel=f"values {low:.3g} (black) to {high:.3g} (white)")
    ax.set_title(f"{count} of {n} samples" if count < n else f"{n} samples")
    for side in ax.spines.values():
        side.set_visible(False)
    return ax
