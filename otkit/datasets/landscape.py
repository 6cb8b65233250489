"""Funnels: the W_1 problem of the benchmark of Wasserstein-1 solvers, with its exact potential and distance."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.datasets.border import blocks, count, located, mean_power, second_count, shuffled
from otkit.datasets.problem import W1Problem
from otkit.errors import Unsupported

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

HALF = 2.5  # the box is [-2.5, 2.5]^d
POWER = 8  # x = low + t^8 (up - low)
SCRAMBLINGS = 16
MOST_POINTS = 2**15  # of one scrambling
LEAST_POINTS = 2**6
WORK = 2**29  # numbers made and terms of distances summed, all scramblings together: 0.3 to 1 s
SOBOL_DIMENSIONS = 21201  # as far as the direction numbers of Joe and Kuo go


def funnels(
    n: int,
    d: int,
    *,
    n_funnels: int = 4,
    paired: bool = False,
    m: int | None = None,
    seed: object = 0,
) -> W1Problem:
    r"""Uniform points y, and points x that slid down the funnel each lies in: a hard W_1 problem with a known answer.

    .. math:: u(z) = \min_k |z - c_k| + b_k, \qquad c_k \sim U[-2.5, 2.5]^d, \quad b_k \sim 0.1\, N(0, 1)
    .. math:: y \sim U[-2.5, 2.5]^d, \qquad x = low + t^8 (up - low), \quad t = |y - low| / |up - low|

    with low the centre of the funnel that y lies in, and up the end of the ray from low through y: where it leaves the
    box, or where another funnel takes over. -u is an optimal potential, since mass only moves along its slope.

    Parameters
    ----------
    n, d : points of x, and their dimension.
    n_funnels : number of funnels. Some may be empty: one with a high b_k lies inside another.
    paired : False: x and y come from independent draws, as in the benchmark, and `distance` is the W_1 of the
        populations. True: each x[i] is the image of one y, and `distance` is the W_1 of the samples themselves.
    m : points of y; None is n.
    seed : anything `np.random.default_rng` takes. The funnels depend on (seed, d, n_funnels) only.

    Returns
    -------
    W1Problem
        `potential` is -u (k,), `gradient` is -(z - c_k) / |z - c_k| with rows of NaN at a centre and on a tie between
        funnels.

    A funnel's cell holds with a point the whole way down to its centre, so given the direction from low, t has density
    d t^(d-1) on [0, 1]. Hence E[t - t^8] = 7/(d+8) E[t], and

    .. math:: W_1 = E|y - x| = \frac{7}{d + 8}\, E|y - low(y)|

    which Sobol points in 16 independent scramblings give with a standard error, 1e-6 to 1e-4 of it for a few funnels.
    That takes 0.3 s for d = 128, once for each set of funnels, and about 30 MB. Samples cost O((n + m) d n_funnels)
    time, and memory for themselves.

    Raises
    ------
    BadMeasure : n, d, m or n_funnels that are no whole numbers >= 1. Unsupported : a seed NumPy does not take; m beside
    paired; d > 21201 without paired.

    Source: Korotin, Kolesov, Burnaev 2022; Joe and Kuo 2008.

    >>> import otkit
    >>> problem = otkit.datasets.funnels(200, 8, paired=True)
    >>> gain = problem.potential(problem.x).mean() - problem.potential(problem.y).mean()
    >>> bool(abs(gain - problem.distance) < 1e-12)
    True
    """
    n, d, n_funnels = count(n, "n"), count(d, "d"), count(n_funnels, "n_funnels")
    m = second_count(m, n, paired)
    rng = measures.generator(seed, "funnels")
    landscape = Landscape(rng.uniform(-HALF, HALF, (n_funnels, d)), 0.1 * rng.normal(size=n_funnels))
    if paired:
        flat = rng.uniform(-HALF, HALF, (n, d))
        x = landscape.slide(flat)
        distance, error = mean_power(x, flat, 1), 0.0
        y, matching = shuffled(flat, rng)
    else:
        distance, error = landscape.distance()
        (x, y), matching = landscape.draw(n, m, rng), None
    return W1Problem(x, y, landscape, landscape.gradient, distance, error, matching, landscape.draw)


@dataclass(frozen=True, eq=False, repr=False)
class Landscape:
    """The potential -u of funnels with centres c (k, d) and heights b (k,), its gradient, and the laws it belongs to.

    >>> hole = Landscape(np.zeros((1, 2)), np.zeros(1))
    >>> hole([[3.0, 4.0]]).tolist(), hole.gradient([[3.0, 4.0]]).tolist()
    ([-5.0], [[-0.6, -0.8]])
    >>> round(hole.distance()[0] * 10 / 7, 4)  # the mean distance of a square's points from its centre
    1.913
    """

    centers: np.ndarray
    heights: np.ndarray

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """f = -u at (k, d) points."""
        points = located(points, self.centers.shape[1])
        values = np.empty(len(points))
        for part, levels in self._levels(points):
            values[part] = -levels.min(axis=1)
        return values

    def gradient(self, points: ArrayLike) -> np.ndarray:
        """The gradient of f at (k, d) points; NaN rows at a centre and on a tie."""
        points = located(points, self.centers.shape[1])
        slopes = np.empty_like(points)
        for part, levels in self._levels(points):
            ray = self.centers[levels.argmin(axis=1)] - points[part]
            length = np.linalg.norm(ray, axis=1)
            tie = (levels == levels.min(axis=1, keepdims=True)).sum(axis=1) > 1
            length[tie | (length == 0.0)] = np.nan
            slopes[part] = ray / length[:, None]
        return slopes

    def slide(self, points: np.ndarray) -> np.ndarray:
        """x for each y: t^8 of the way up the ray from its funnel's centre, where y is t of the way.

        Another funnel n takes over from m at |z - c_n| + b_n = |z - c_m| + b_m. With z = c_m + s v, v = y - c_m,
        delta = c_n - c_m, beta = b_n - b_m, squaring gives s = (|delta|^2 - beta^2) / (2 (delta.v - beta |v|)) where
        the denominator is positive, and never otherwise. Then t = 1 / s, and x = c_m + s^-7 v.
        """
        from scipy.spatial.distance import cdist

        images = np.empty_like(points)
        delta = cdist(self.centers, self.centers)
        beta = self.heights - self.heights[:, None]  # [m, n]
        # a funnel of the same centre never takes over; inf keeps its rounded denominator from making that 0 / tiny
        ahead = np.where(delta > 0.0, delta**2 - beta**2, np.inf)
        for part, levels in self._levels(points):
            own = levels.argmin(axis=1)
            low = self.centers[own]
            ray = points[part] - low
            length = np.linalg.norm(ray, axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                wall = np.where(ray == 0.0, np.inf, (np.copysign(HALF, ray) - low) / ray).min(axis=1)
                towards = ray @ self.centers.T - (ray * low).sum(axis=1)[:, None] - beta[own] * length[:, None]
                rival = np.where(towards > 0.0, ahead[own] / (2.0 * towards), np.inf).min(axis=1)
            up = np.maximum(1.0, np.minimum(wall, rival))  # y itself is in the cell: below 1 is rounding
            images[part] = low + ray * (up ** (1 - POWER))[:, None]
        return images

    def draw(self, n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent draws of both populations."""
        d = self.centers.shape[1]
        return self.slide(rng.uniform(-HALF, HALF, (n, d))), rng.uniform(-HALF, HALF, (m, d))

    def distance(self) -> tuple[float, float]:
        """W_1 of the populations and its standard error."""
        k, d = self.centers.shape
        if d > SOBOL_DIMENSIONS:
            raise Unsupported(
                f"d is {d}: Sobol points, which give the distance of the populations, end at {SOBOL_DIMENSIONS}. "
                "Pass paired=True for the exact distance of paired samples."
            )
        return _population(self.centers.tobytes(), self.heights.tobytes(), k, d)

    def _levels(self, points: np.ndarray):
        """|z - c_k| + b_k in blocks of rows: (slice, (rows, k))."""
        from scipy.spatial.distance import cdist  # differences, not products: no cancellation near a centre

        for part in blocks(len(points), sum(self.centers.shape)):
            yield part, cdist(points[part], self.centers) + self.heights

    def __repr__(self) -> str:
        k, d = self.centers.shape
        return f"Landscape({k} funnels in R^{d})"


@lru_cache(maxsize=64)
def _population(centers: bytes, heights: bytes, k: int, d: int) -> tuple[float, float]:
    """7/(d+8) E|y - low(y)| and its standard error over independent scramblings, by value of the funnels."""
    from scipy.spatial.distance import cdist
    from scipy.stats.qmc import Sobol

    low, height = np.frombuffer(centers).reshape(k, d), np.frombuffer(heights)
    size = 1 << (WORK // (SCRAMBLINGS * d * (k + 8))).bit_length() >> 1  # a power of two, as Sobol points want
    size = min(MOST_POINTS, max(LEAST_POINTS, size))
    # funnels of their own scramblings: errors of two problems are independent
    children = np.random.default_rng(zlib.crc32(centers + heights)).spawn(SCRAMBLINGS)
    means = np.empty(SCRAMBLINGS)
    for s in range(SCRAMBLINGS):
        points, reach = Sobol(d, seed=children[s]), 0.0
        step = next(blocks(size, d + k)).stop
        step = 1 << (step.bit_length() - 1)  # divides size
        for _ in range(size // step):
            levels = cdist((2.0 * HALF) * points.random(step) - HALF, low)
            active = (levels + height).argmin(axis=1)
            reach += float(np.take_along_axis(levels, active[:, None], axis=1).sum())
        means[s] = reach / size
    means *= (POWER - 1) / (d + POWER)
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(SCRAMBLINGS))
