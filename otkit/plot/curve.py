"""The curve of a training run: what the critic estimates, beside the W_1 that it estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from otkit.errors import Unsupported
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from otkit.torch.training.history import History
    from otkit.torch.training.run import Run

HIGHEST = 2.5  # times the largest W_1: what a young critic estimates beyond it is out of the picture


def training(run: Run | History, ax: Axes | None = None) -> Axes:
    """Exact W_1 of held-out and generated samples against generator steps, with all that is known of it on the way.

    Drawn are W_1 with its best record; its floor, W_1 between two halves of the held-out samples; what the critic
    proves of W_1 after division by its slope; and the critic's estimate, which proves nothing. That is on the same axis
    where it is meant to be W_1: objective "wasserstein", held by anything but clipping. Elsewhere it is another
    quantity and is drawn times a factor, which the legend tells. The title has the rank correlation of estimate and
    W_1 over all records: near 1, a falling curve meant better samples. Where the monitor measured sliced W_1, that is
    drawn in its place.

    Parameters
    ----------
    run : of `otkit.torch.Trainer`, or its `.history`, of which the objective is not known.
    ax : where to draw; None makes a pyplot figure.

    Raises
    ------
    Unsupported : no records, as of a run with monitor_every=0. ImportError : without matplotlib.
    """
    history, config = getattr(run, "history", run), getattr(run, "config", None)
    if not hasattr(history, "rank_correlation"):
        raise Unsupported(f"run is a {type(run).__name__}: pass what Trainer.fit returned, or its history.")
    if not history.records:
        raise Unsupported("run has no records: nothing to draw. monitor_every is the number of steps between two.")
    ax = canvas.axes(ax)
    exact = history.distance == "w1"
    steps, w1 = (_column(history.records, name) for name in ("step", history.distance))
    estimate, proved = (_column(history.records, name) for name in ("critic_estimate", "rescaled"))
    clouds = [
        _line(
            ax,
            steps,
            w1,
            f"{'exact' if exact else 'sliced'} $W_1$ to held-out data",
            color=canvas.EXACT,
            lw=1.8,
            zorder=4,
        )
    ]
    clouds.append(_line(ax, steps, proved, "proved by the critic: raw / slope", color=canvas.PROVED))
    factor = 1.0 if exact and _is_distance(config) else _factor(estimate, w1)
    top = HIGHEST * _largest(w1)
    label = "critic estimate" + (f" times {factor:.2g}, in another unit" if factor != 1.0 else "")
    label += f", up to {_largest(estimate):.3g}" if _largest(estimate) * factor > top > 0 else ""
    clouds.append(_line(ax, steps, factor * estimate, label, color=canvas.ESTIMATE))
    if history.best() is not None:
        _best(ax, history)
        low = min(0.0, np.nanmin(np.maximum(np.append(factor * estimate, 0.0), -top)))
        high = max(_largest(w1), min(top, factor * _largest(estimate)))
        room = canvas.MARGIN * (high - low) or 1.0
        ax.set_ylim(low - room, high + room)
    ax.axhline(0.0, color=canvas.PAIRS, lw=0.6, zorder=0)
    ax.set(xlabel="generator steps", ylabel=_unit(config), title=_title(history, config))
    canvas.legend(ax, *clouds)
    return ax


def _column(records: list[dict[str, Any]], name: str) -> np.ndarray:
    """Values of all records, NaN where there is none."""
    return np.array([math.nan if record.get(name) is None else float(record[name]) for record in records])


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0


def _line(ax: Axes, steps: np.ndarray, values: np.ndarray, label: str, **style: Any) -> np.ndarray:
    """Draws what is known of it, and gives the points."""
    known = np.isfinite(values)
    if known.any():
        marker = {"marker": "o", "ms": 3.0} if known.sum() <= 30 else {}
        ax.plot(steps[known], values[known], label=label, **marker, **{"lw": 1.3} | style)
    return np.stack([steps[known], values[known]], axis=1)


def _best(ax: Axes, history: History) -> None:
    best, name = history.best(), history.distance
    style = {"marker": "*", "s": 130, "c": canvas.MARKED, "edgecolors": "black", "linewidths": 0.6, "zorder": 5}
    ax.scatter([best["step"]], [best[name]], label=f"best, {best[name]:.4g} at step {best['step']}", **style)
    floor = best.get("floor" if name == "w1" else "sliced_floor")
    if floor is not None:
        label = f"floor, {floor:.4g}: data against data"
        ax.axhline(floor, color=canvas.FLOOR, lw=1.3, ls="--", label=label, zorder=1)


def _is_distance(config: Any) -> bool:
    """Whether the estimate is meant to be W_1. With clipped weights it is a multiple of it that nobody knows."""
    return config is not None and config.objective == "wasserstein" and "clip" not in config.lipschitz


def _factor(estimate: np.ndarray, w1: np.ndarray) -> float:
    """Two digits, so that the legend is exact; 1 where one of the two is missing."""
    if not (_largest(estimate) and _largest(w1)):
        return 1.0
    return float(f"{_largest(w1) / _largest(estimate):.2g}")


def _unit(config: Any) -> str:
    normalized = config is not None and config.normalize != "none"
    return "$W_1$, in the units of training (normalised data)" if normalized else "$W_1$, in the units of the data"


def _title(history: History, config: Any) -> str:
    rank, count = history.rank_correlation(), len(history.records)
    found = f"{rank:.2f}".replace("-", "\N{MINUS SIGN}") if rank is not None else "unknown"
    name = "" if config is None else f"{config.method}: "
    return f"{name}rank correlation of estimate and $W_1$ {found}, {count} record{'s' if count > 1 else ''}"
