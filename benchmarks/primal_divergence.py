"""`SinkhornDivergence` on the CPU beside GeomLoss, at one eps and several accuracies of each.

GeomLoss has no stopping rule: `scaling` decides how many values of eps it goes through, with one sweep each, so its
accuracy is what that leaves. GeomLoss's cost is |x - y|^2 / 2 and its eps is blur^2: twice its value is ours at
eps = 2 blur^2.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks.primal_contest import Contestant, contest, lap
from otkit.torch import sinkhorn_cost

BLUR = 0.05
TOLS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
SCALINGS = (0.5, 0.9)


def rows(rounds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """Points of the unit cube, as GeomLoss's own examples have them."""
    n, d = (200 if quick else 5000), 3
    random = np.random.default_rng(0)
    x, y = torch.from_numpy(random.random((n, d))), torch.from_numpy(0.7 * random.random((n, d)) + 0.3)
    eps = 2.0 * BLUR**2
    _, truth = lap(_own(eps, 1e-10), x, y)
    contestants = [_own(eps, tol) for tol in TOLS]
    for backend in ("tensorized", "online") if find_spec("pykeops") else ("tensorized",):
        contestants += [_geomloss(backend, scaling) for scaling in SCALINGS]
    for row in contest(contestants, x, y, truth, rounds):
        yield {"n": n, "d": d, "eps": eps, **row}


def _own(eps: float, tol: float) -> Contestant:
    text = f"sinkhorn_cost(x, y, eps={eps:g}, tol={tol:g})"
    return Contestant("otkit", text, lambda x, y: sinkhorn_cost(x, y, eps=eps, tol=tol))


def _geomloss(backend: str, scaling: float) -> Contestant:
    """In float32, where it is faster: its steps leave more than float32 rounds."""
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=BLUR, scaling=scaling, backend=backend)
    text = f"2 * SamplesLoss('sinkhorn', p=2, blur={BLUR:g}, scaling={scaling:g}, backend='{backend}')(x, y)"
    return Contestant("GeomLoss", text, lambda x, y: 2.0 * loss(x, y), torch.float32)
