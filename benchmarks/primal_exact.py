"""`WassersteinLoss` beside POT's `emd2` with its torch backend, both exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.primal_contest import Contestant, contest, lap
from otkit.torch import wasserstein_cost

CASES = ((1000, 2, "uniform"), (1000, 2, "random"), (4000, 2, "uniform"), (1000, 64, "uniform"))


def rows(rounds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """POT's answer is the truth of gradients: both are exact, so what differs is rounding."""
    for n, d, weights in CASES[:1] if quick else CASES:
        n = 50 if quick else n
        random = np.random.default_rng(0)
        x, y = (torch.from_numpy(random.normal(shift, 1.0, (n, d))) for shift in (0.0, 0.5))
        a, b = (None if weights == "uniform" else torch.from_numpy(random.uniform(0.5, 1.5, n)) for _ in range(2))
        peer = _pot(a, b, n)
        own = Contestant("otkit", "wasserstein_cost(x, y, a, b, p=2)", lambda x, y: wasserstein_cost(x, y, a, b, p=2))  # noqa: B023
        _, truth = lap(peer, x, y)
        for row in contest([own, peer], x, y, truth, rounds):
            yield {"n": n, "d": d, "weights": weights, **row}


def _pot(a: torch.Tensor | None, b: torch.Tensor | None, n: int) -> Contestant:
    import ot

    a, b = (torch.full((n,), 1.0 / n, dtype=torch.float64) if w is None else w / w.sum() for w in (a, b))
    return Contestant(
        "POT",
        "ot.emd2(a, b, ot.dist(x, y), numItermax=10**7)",  # its default, 1e5, stops short of the optimum from n = 4000
        lambda x, y: ot.emd2(a, b, ot.dist(x, y), numItermax=10**7),
    )
