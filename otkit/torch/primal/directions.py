"""Directions on the unit sphere: drawn, spread evenly, or given."""

from __future__ import annotations

import math

import torch

from otkit.errors import BadMeasure, Unsupported

SAMPLINGS = ("quasi", "random")
GROUPS = 8  # independent sets of quasi-random directions, whose means say how far off they are


def directions_of(
    count: int, dimension: int, sampling: str, generator: torch.Generator | None, like: torch.Tensor
) -> tuple[torch.Tensor, int]:
    """`count` unit vectors (count, d) on the device of `like`, and into how many independent groups they fall.

    "random" directions are independent, each a group. "quasi" ones fill the sphere evenly: Sobol points through the
    normal quantile (in the plane, equal angles), in 8 groups scrambled apart, or as many as there are directions.
    """
    if sampling == "random":
        return normalised(torch.randn(count, dimension, generator=generator, dtype=torch.float64,
                                      device=_device(generator))).to(like), count  # fmt: skip
    groups = min(GROUPS, count)
    sizes = [count // groups + (k < count % groups) for k in range(groups)]
    return torch.cat([_evenly(size, dimension, generator) for size in sizes]).to(like), groups


def normalised(directions: torch.Tensor) -> torch.Tensor:
    return directions / torch.linalg.vector_norm(directions, dim=1, keepdim=True)


def given(directions: torch.Tensor, dimension: int, like: torch.Tensor) -> torch.Tensor:
    """The caller's directions as unit vectors."""
    if not isinstance(directions, torch.Tensor) or directions.ndim != 2 or directions.shape[1] != dimension:
        what = tuple(directions.shape) if isinstance(directions, torch.Tensor) else type(directions).__name__
        raise BadMeasure(f"directions is {what}: a tensor (k, {dimension}) is needed, a direction in each row.")
    lengths = torch.linalg.vector_norm(directions, dim=1)
    if not bool(((lengths > 0.0) & lengths.isfinite()).all()) or len(directions) == 0:
        raise BadMeasure("directions has rows of zero, NaN or infinite length, or none at all.")
    return normalised(directions).to(like)


def check_sampling(count: object, sampling: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise Unsupported(f"n_projections is {count!r}: a whole number from 1 on is needed.")
    if sampling not in SAMPLINGS:
        raise Unsupported(f"sampling is {sampling!r}: choose one of {', '.join(SAMPLINGS)}.")


def _evenly(count: int, dimension: int, generator: torch.Generator | None) -> torch.Tensor:
    device = _device(generator)
    if dimension == 1:
        return torch.ones(count, 1, dtype=torch.float64, device=device)
    if dimension == 2:
        shift = torch.rand(1, generator=generator, dtype=torch.float64, device=device)
        angles = (torch.arange(count, dtype=torch.float64, device=device) + shift) * (math.pi / count)
        return torch.stack([angles.cos(), angles.sin()], 1)
    if dimension > torch.quasirandom.SobolEngine.MAXDIM:  # where even sets gain nothing
        return normalised(torch.randn(count, dimension, generator=generator, dtype=torch.float64, device=device))
    seed = int(torch.randint(2**31, (1,), generator=generator, device=device))
    sobol = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
    cube = sobol.draw(count, dtype=torch.float64).clamp(1e-12, 1.0 - 1e-12)
    return normalised(torch.special.ndtri(cube))


def _device(generator: torch.Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device
