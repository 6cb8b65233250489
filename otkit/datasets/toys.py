"""The two-dimensional toys that generative models are shown on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from otkit import measures
from otkit.datasets.border import count

RING, GRID, ROLL = 1.414, 2.828, 7.5  # what the published toys divide by, to bring them to unit size
CURVE_NOISE = 0.05


class Toy(NamedTuple):
    """Samples (n, 2), the centres of their modes (k, 2), and the standard deviation around them.

    All three are in the same units, those of the samples. Curves have no modes: centers (0, 2), sigma their noise.

    >>> import otkit
    >>> otkit.datasets.eight_gaussians(100)
    Toy(samples (100, 2), 8 centers, sigma 0.01414)
    """

    samples: np.ndarray
    centers: np.ndarray
    sigma: float

    def __repr__(self) -> str:
        return f"Toy(samples {self.samples.shape}, {len(self.centers)} centers, sigma {self.sigma:.4g})"


def eight_gaussians(n: int, *, seed: object = 0) -> Toy:
    """Eight equal Gaussians on a circle: radius 2, sigma 0.02, everything divided by 1.414.

    n points, each of a mode chosen at random; seed is anything `np.random.default_rng` takes.

    Raises `BadMeasure` for an n that is no whole number >= 1, `Unsupported` for a seed NumPy does not take.

    Source: Gulrajani et al. 2017.

    >>> import otkit
    >>> toy = otkit.datasets.eight_gaussians(1000)
    >>> round(float(np.hypot(*toy.centers.T).max()), 4)
    1.4144
    """
    angle = np.arange(8) * (np.pi / 4)
    return _mixture(n, 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.02, RING, seed, "eight_gaussians")


def twentyfive_gaussians(n: int, *, seed: object = 0) -> Toy:
    """25 equal Gaussians on a grid: centres 2 * {-2, ..., 2}^2, sigma 0.05, everything divided by 2.828.

    n points, each of a mode chosen at random; seed is anything `np.random.default_rng` takes.

    Raises `BadMeasure` for an n that is no whole number >= 1, `Unsupported` for a seed NumPy does not take.

    Source: Gulrajani et al. 2017.

    >>> import otkit
    >>> otkit.datasets.twentyfive_gaussians(1000).centers[[0, -1]].round(4).tolist()
    [[-1.4144, -1.4144], [1.4144, 1.4144]]
    """
    side = np.arange(-4.0, 5.0, 2.0)
    centers = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture(n, centers, 0.05, GRID, seed, "twentyfive_gaussians")


def swiss_roll(n: int, *, seed: object = 0) -> Toy:
    r"""A spiral: angles 3 pi / 2 (1 + 2 u) with u ~ U[0, 1], noise 0.25, everything divided by 7.5.

    .. math:: (t \cos t + \epsilon, t \sin t + \epsilon') / 7.5

    n points; seed is anything `np.random.default_rng` takes. It has no modes; sigma is the noise, 0.25 / 7.5.

    Raises `BadMeasure` for an n that is no whole number >= 1, `Unsupported` for a seed NumPy does not take.

    Source: Gulrajani et al. 2017.

    >>> import otkit
    >>> otkit.datasets.swiss_roll(1000)
    Toy(samples (1000, 2), 0 centers, sigma 0.03333)
    """
    n, rng = count(n, "n"), measures.generator(seed, "swiss_roll")
    t = 1.5 * np.pi * (1.0 + 2.0 * rng.random(n))
    return _curve(np.stack([t * np.cos(t), t * np.sin(t)], axis=1), 0.25, ROLL, rng)


def half_moons(n: int, *, seed: object = 0) -> Toy:
    """Two half circles of radius 1 that reach into each other, with noise 0.05.

    The upper one is centred on (0, 0), the lower one on (1, 0.5), each point on one of them at random. With `s_curve`
    it makes a source and a target: `otkit.wasserstein(half_moons(n).samples, s_curve(n).samples, p=2)`. Both may take
    the same seed: their draws are independent.

    Raises `BadMeasure` for an n that is no whole number >= 1, `Unsupported` for a seed NumPy does not take.

    Source: Pedregosa et al. 2011.

    >>> import otkit
    >>> otkit.datasets.half_moons(500)
    Toy(samples (500, 2), 0 centers, sigma 0.05)
    """
    n, rng = count(n, "n"), measures.generator(seed, "half_moons")
    t, lower = np.pi * rng.random(n), rng.random(n) < 0.5
    points = np.stack([np.cos(t), np.sin(t)], axis=1)
    points[lower] = [1.0, 0.5] - points[lower]
    return _curve(points, CURVE_NOISE, 1.0, rng)


def s_curve(n: int, *, seed: object = 0) -> Toy:
    r"""An S made of two arcs of three quarters of a circle, with noise 0.05.

    .. math:: (\sin t, \operatorname{sign}(t) (\cos t - 1)), \qquad t \sim U[-3\pi/2, 3\pi/2]

    It lies within [-1, 1] x [-2, 2]; the partner of `half_moons`.

    Raises `BadMeasure` for an n that is no whole number >= 1, `Unsupported` for a seed NumPy does not take.

    Source: Pedregosa et al. 2011.

    >>> import otkit
    >>> otkit.datasets.s_curve(500)
    Toy(samples (500, 2), 0 centers, sigma 0.05)
    """
    n, rng = count(n, "n"), measures.generator(seed, "s_curve")
    t = 3.0 * np.pi * (rng.random(n) - 0.5)
    return _curve(np.stack([np.sin(t), np.sign(t) * (np.cos(t) - 1.0)], axis=1), CURVE_NOISE, 1.0, rng)


def _mixture(n: int, centers: np.ndarray, sigma: float, unit: float, seed: object, stream: str) -> Toy:
    n, rng = count(n, "n"), measures.generator(seed, stream)
    points = centers[rng.integers(len(centers), size=n)] + sigma * rng.normal(size=(n, 2))
    return Toy(points / unit, centers / unit, sigma / unit)


def _curve(points: np.ndarray, sigma: float, unit: float, rng: np.random.Generator) -> Toy:
    return Toy((points + sigma * rng.normal(size=points.shape)) / unit, np.empty((0, 2)), sigma / unit)
