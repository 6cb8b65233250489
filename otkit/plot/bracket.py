"""Certified brackets against the regularisation that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from otkit.errors import Unsupported
from otkit.plot import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from otkit.result import Result


def bracket(results: Sequence[Result], ax: Axes | None = None, *, exact: Result | None = None) -> Axes:
    """The bracket [lower, upper] of W_p against eps, one result of `Sinkhorn` for each eps, in any order.

    Every bracket holds the distance without regularisation, whatever its eps: the upper end is the cost of the rounded
    plan, the lower end the value of feasible potentials. The title has the narrowest one.

    Parameters
    ----------
    results : of one problem, each with `.entropic`. ax : where to draw; None makes a pyplot figure.
    exact : a result of an exact solver, drawn as a line.

    Raises
    ------
    Unsupported : no results, or one that is not entropic, or of another order. ImportError : without matplotlib.

    >>> import numpy as np, otkit
    >>> from matplotlib.figure import Figure
    >>> x, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    >>> found = [otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Sinkhorn(eps=eps)) for eps in (1.0, 0.1)]
    >>> otkit.plot.bracket(found, ax=Figure().subplots()).get_title()
    '$W_2$ between 0.737 and 0.76657 at eps = 0.1'
    """
    results = list(results)
    if not results:
        raise Unsupported("results is empty: pass at least one result of otkit.solvers.Sinkhorn.")
    for k, result in enumerate(results):
        if getattr(result, "entropic", None) is None:
            raise Unsupported(f"results[{k}] is {result!r}: it has no eps. Pass results of otkit.solvers.Sinkhorn.")
        if result.p != results[0].p:
            raise Unsupported(
                f"results[{k}] is of W_{result.p:g} and results[0] of W_{results[0].p:g}: pass one order."
            )
    ax = canvas.axes(ax)
    results.sort(key=lambda result: result.entropic.eps)
    eps, lower, upper = (
        np.array([get(result) for result in results])
        for get in (lambda result: result.entropic.eps, lambda result: result.lower, lambda result: result.upper)
    )
    ax.set_xscale("log")
    ax.fill_between(eps, lower, upper, color=canvas.X, alpha=0.15, lw=0.0)
    ax.plot(eps, upper, "v-", color=canvas.Y, ms=5, label="the plan: upper end")
    ax.plot(eps, lower, "^-", color=canvas.X, ms=5, label="the potentials: lower end")
    if exact is not None:
        ax.axhline(exact.distance, color=canvas.EXACT, lw=1.2, ls=":", label=f"exact, {exact.distance:.5g}")
    best = min(results, key=lambda result: result.upper - result.lower)
    order_of = f"$W_{{{results[0].p:g}}}$" if results[0].p % 1 else f"$W_{results[0].p:g}$"
    ax.set(xlabel="eps, in units of cost", ylabel=order_of)
    ax.set_title(f"{order_of} between {best.lower:.5g} and {best.upper:.5g} at eps = {best.entropic.eps:.3g}")
    canvas.legend(ax, np.stack([eps, lower], axis=1), np.stack([eps, upper], axis=1))
    return ax
