"""Two smooth pictures, the same at any resolution."""

from __future__ import annotations

import numpy as np

BUMPS = 8
WIDTHS = (0.03, 0.12)  # of the square's side
HEIGHTS = (0.5, 1.0)
GROUND = 1e-3  # of the maximum: no pixel is without mass


def pixels(side: int) -> np.ndarray:
    """(side^2, 2): the centres of the pixels of the unit square."""
    along = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)


def image(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) values of total 1 at the points: Gaussian bumps away from the border, on a little ground."""
    centers = rng.uniform(0.15, 0.85, size=(BUMPS, 2))
    widths, heights = rng.uniform(*WIDTHS, size=BUMPS), rng.uniform(*HEIGHTS, size=BUMPS)
    values = np.zeros(len(points))
    for center, width, height in zip(centers, widths, heights):
        values += height * np.exp(((points - center) ** 2).sum(axis=1) / (-2.0 * width**2))
    values += GROUND * values.max()
    return values / values.sum()
