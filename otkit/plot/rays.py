"""A plan in the plane: a segment for each of its entries, as wide as the mass that moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit.plot import canvas
from otkit.plot.headline import distance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from otkit.entropic import EntropicPlan
    from otkit.plan import Plan
    from otkit.result import Result

MOST = 2000  # segments
NARROW = 0.25  # line widths, in typographic points


def plan(plan: Result | Plan | EntropicPlan, x: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> Axes:
    """Where mass goes in the plane: segments from x_i to y_j, as wide as their share of the mass, and both samples.

    Parameters
    ----------
    plan : a `Result`, or its `.plan`. Of more than 2000 entries the largest are drawn, equal ones by a seeded choice,
        and the legend says how many they are and what share of the mass they move.
    x, y : (n, 2) and (m, 2) samples of the plan. Areas of points go by mass.
    ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    BadMeasure : samples of another number than the plan's. Unsupported : samples that are not in the plane.
    ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> x, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    >>> otkit.plot.plan(otkit.wasserstein(x, y), x, y, ax=Figure().subplots()).get_title()
    'the plan, $W_1$ = 0.62402'
    """
    canvas.pyplot()
    x, y = canvas.plane(x, y)
    result, plan = (plan, plan.plan) if hasattr(plan, "plan") else (None, plan)
    canvas.fits(plan.shape, x, y)
    entries = largest(plan)
    ax = canvas.axes(ax)
    segments(ax, entries, x, y)
    canvas.points(ax, x, y, *plan.marginals())
    canvas.framed(ax, *canvas.box(x, y))
    ax.set_title("the plan" if result is None else f"the plan, {distance(result)}")
    canvas.legend(ax, x, y)
    return ax


class Entries(NamedTuple):
    """Some entries of a plan, how many it has, and its mass."""

    rows: np.ndarray
    cols: np.ndarray
    mass: np.ndarray
    count: int
    total: float

    @property
    def label(self) -> str:
        if self.mass.size == self.count:
            return f"plan ({self.count})"
        return f"plan ({self.mass.size} of {self.count}, {100 * self.mass.sum() / self.total:.0f} % of the mass)"


def largest(plan: Plan | EntropicPlan, most: int = MOST) -> Entries:
    """The largest entries with mass. Of an entropic plan, in blocks: in O(n + m) memory and some blocks more."""
    random = np.random.default_rng(0)
    rows, cols, mass, count, total = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), 0, 0.0
    for i, j, block in _blocks(plan):
        count, total = count + block.size, total + float(block.sum())
        rows, cols, mass = np.concatenate([rows, i]), np.concatenate([cols, j]), np.concatenate([mass, block])
        if mass.size > most:
            kept = np.lexsort((random.random(mass.size), -mass))[:most]  # equal masses: none is more typical
            rows, cols, mass = rows[kept], cols[kept], mass[kept]
    return Entries(rows, cols, mass, count, total)


def _blocks(plan: Plan | EntropicPlan) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(rows, cols, mass) of the entries with mass."""
    if not hasattr(plan, "blocks"):
        held = plan.mass > 0.0
        yield plan.rows[held], plan.cols[held], plan.mass[held]
        return
    for rows, cols, mass in plan.blocks():
        i, j = np.nonzero(mass > 0.0)
        yield rows[i], cols[j], mass[i, j]


def segments(ax: Axes, entries: Entries, x: np.ndarray, y: np.ndarray) -> None:
    """Segments between samples; the widest is narrower the more there are."""
    from matplotlib.collections import LineCollection

    if entries.mass.size == 0:
        return
    widest = float(np.clip(16.0 / np.sqrt(entries.mass.size), 0.6, 2.0))
    widths = np.maximum(NARROW, widest * entries.mass / entries.mass.max())
    ends = np.stack([x[entries.rows], y[entries.cols]], axis=1)
    style = {"colors": canvas.PLAN, "alpha": 0.7, "zorder": 2, "label": entries.label}
    ax.add_collection(LineCollection(ends, linewidths=widths, **style), autolim=False)
