"""The stopping thresholds that make POT stop where an L1 error is reached: found outside the clock.

POT's Sinkhorns stop on the L2 norm of one marginal's error, looked at every ten iterations, and not on the L1 norm
that all tools are held to. L1 <= sqrt(m) L2 would be safe and would cost POT iterations that the others need not do:
at eps = 0.01 of the mean cost the tail of the error sits on a few far points, and L1 is only about 2 L2.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.cases import Case

EVERY = 10  # iterations between two looks of POT, the first of them after the first iteration
MOST = 100_000
MARGIN = 1e-6  # relative: POT's sums are in another order
NAME = re.compile(r"\bthr\b")  # in a call


def threshold(arrays: dict[str, Any]) -> float | list[float]:
    """POT's L2 error at its first look where the L1 error is at most tol; of many problems, for each."""
    x, y = arrays["x"], arrays["y"]
    if x.ndim == 3:
        return [_one(*problem, arrays) * (1.0 + MARGIN) for problem in zip(x, y)]
    return _one(x, y, arrays) * (1.0 + MARGIN)


def given(case: Case, arrays: dict[str, Any]) -> dict[str, Any]:
    """The name thr, where a call of the case has it."""
    return {"thr": threshold(arrays)} if any(NAME.search(call.text) for call in case.calls) else {}


def loose(case: Case) -> dict[str, Any]:
    """The arrays of a small case for warming up, with a thr of its own: those of large cases are out of its reach."""
    arrays = case.arrays()
    return arrays | given(case, arrays)


def _one(x: np.ndarray, y: np.ndarray, arrays: dict[str, Any]) -> float:
    """The same iterates as POT's, as scalings of exp(-C / eps) in float64."""
    a, b, tol = arrays["a"], arrays["b"], arrays["tol"]
    kernel = np.exp(cdist(x, y, "sqeuclidean") / -arrays["eps"])
    u = np.full(a.size, 1.0 / a.size)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for iteration in range(MOST):
            v = b / (kernel.T @ u)
            u = a / (kernel @ v)
            if iteration % EVERY == 0:
                off = v * (kernel.T @ u) - b
                if not np.isfinite(off).all():
                    break  # scalings leave float64, as POT's own do
                if np.abs(off).sum() <= tol:
                    return float(np.linalg.norm(off))
    return tol / np.sqrt(b.size)
