"""A critic on the plane: its heat map, level lines, and the samples it is to tell apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from otkit.errors import BadCritic
from otkit.plot import canvas
from otkit.scores import scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

SIDE = 200  # cells along the longer side
AT_ONCE = 2**13  # points in one call of the function: of a network with 1000 units a layer, 32 MB of activations
LEVELS = 12


def critic(function: Callable, x: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> Axes:
    """The heat map of a function over the box of two samples in the plane, with both samples on it.

    Parameters
    ----------
    function : a critic, such as `Result.critic()`: (k, 2) points to (k,) or (k, 1) numbers. It is called in blocks on
        a grid of 200 cells along the longer side. Cells where it is NaN or infinite are left grey, and the legend says
        so; at the samples it must be finite.
    x, y : (n, 2) and (m, 2) samples.
    ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadCritic : the function raises, or gives no number to a point. Unsupported : samples that are not in the plane.
    ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> x, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    >>> ax = otkit.plot.critic(otkit.wasserstein(x, y).critic(), x, y, ax=Figure().subplots())
    >>> ax.get_title()
    'mean $f(x)$ − mean $f(y)$ = 0.62402'
    """
    canvas.pyplot()
    x, y = canvas.plane(x, y)
    v, w = scored(function, x, y, ("x", "y"))
    low, high = canvas.box(x, y)
    values = on_grid(function, low, high)
    ax = canvas.axes(ax)
    field(ax, values, low, high)
    canvas.points(ax, x, y)
    difference = f"{v.mean() - w.mean():.5g}".replace("-", "\N{MINUS SIGN}")
    ax.set_title(f"mean $f(x)$ \N{MINUS SIGN} mean $f(y)$ = {difference}")
    canvas.legend(ax, x, y)
    return ax


def on_grid(function: Callable, low: np.ndarray, high: np.ndarray) -> np.ma.MaskedArray:
    """The function at the centres of the cells of a box, rows upward; masked where it is not finite."""
    sides = high - low
    columns, rows = (max(1, round(SIDE * float(side / sides.max()))) for side in sides)
    across, up = (low[k] + (np.arange(count) + 0.5) * (sides[k] / count) for k, count in ((0, columns), (1, rows)))
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    values = np.concatenate([_called(function, points[k : k + AT_ONCE]) for k in range(0, len(points), AT_ONCE)])
    grid = np.ma.masked_invalid(values.reshape(rows, columns))
    if grid.count() == 0:
        raise BadCritic(
            f"the critic is NaN or infinite at all {len(points)} points of the grid from {low.tolist()} to "
            f"{high.tolist()}: there is no picture of it. Draw otkit.plot.slopes(report), which needs only its values "
            "at the samples."
        )
    return grid


def _called(function: Callable, points: np.ndarray) -> np.ndarray:
    """One block of values; the reasons why there are none are the caller's, so the message says where it was."""
    where = f"between the samples, with points of shape {points.shape} from {points[0].tolist()} on"
    instead = "Let it return NaN where it has no value, or draw otkit.plot.slopes(report)."
    try:
        raw = function(points.copy())
        raw = raw.detach().cpu() if hasattr(raw, "detach") else raw
        values = np.asarray(raw, dtype=np.float64)
    except Exception as error:
        raise BadCritic(f"the critic raised {type(error).__name__} {where}: {error}. {instead}") from error
    if values.shape not in ((len(points),), (len(points), 1)):
        raise BadCritic(f"the critic returned shape {values.shape} {where}: it must give one number to each. {instead}")
    return values.reshape(-1)


def field(ax: Axes, values: np.ma.MaskedArray, low: np.ndarray, high: np.ndarray, name: str = "critic $f$") -> None:
    """Values of cells as colours, the middle of their range white, with level lines and a colour bar."""
    from matplotlib.colors import LinearSegmentedColormap

    least, most = float(values.min()), float(values.max())
    flat = most - least <= 1e-12 * max(abs(least), abs(most), np.finfo(float).tiny)
    room = max(1.0, abs(most)) if flat else 0.0
    colours = LinearSegmentedColormap.from_list("otkit", [canvas.LOW, canvas.MIDDLE, canvas.HIGH])
    extent = (low[0], high[0], low[1], high[1])
    shown = {"cmap": colours.with_extremes(bad=canvas.NOTHING), "vmin": least - room, "vmax": most + room}
    image = ax.imshow(values, origin="lower", extent=extent, interpolation="nearest", **shown)
    if not flat:
        levels = np.linspace(least, most, LEVELS + 2)[1:-1]  # none on a plateau, where rounding draws it
        ax.contour(values, levels, origin="lower", extent=extent, colors="black", linewidths=0.4, alpha=0.35)
    if values.count() < values.size:
        ax.scatter([], [], marker="s", color=canvas.NOTHING, label="$f$ not finite")  # an entry of the legend
    canvas.framed(ax, low, high)
    ax.figure.colorbar(image, ax=ax, label=name)
