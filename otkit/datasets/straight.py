"""W_1 problems whose mass moves in straight parallel or radial lines: a shifted Gaussian, a sphere and its centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.datasets.border import count, located, second_count, shuffled
from otkit.datasets.problem import W1Problem
from otkit.errors import BadMeasure
from otkit.measures import numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def translation(
    n: int,
    d: int,
    *,
    shift: ArrayLike | None = None,
    paired: bool = False,
    m: int | None = None,
    seed: object = 0,
) -> W1Problem:
    r"""A standard Gaussian and the same moved by `shift`: the mean must move that far, and need move no further.

    .. math:: x \sim N(0, I), \quad y \sim N(v, I), \qquad W_1 = |v|, \quad f(z) = -v \cdot z / |v|

    Parameters
    ----------
    n, d : points of x, and their dimension.
    shift : (d,) v, or a number for d = 1; None is (1, ..., 1) / sqrt(d), of length 1.
    paired : True: y holds the moved points of x, shuffled, and |v| is the W_1 of the samples too (every W_p, in fact).
    m : points of y; None is n.
    seed : anything `np.random.default_rng` takes.

    Raises
    ------
    BadMeasure : n, d or m that are no whole numbers >= 1; a shift of another dimension. Unsupported : a seed NumPy does
    not take; m beside paired.

    Source: Peyre and Cuturi 2019 (chapter 2).

    >>> import otkit
    >>> otkit.datasets.translation(10, 2, shift=[3.0, -4.0]).distance
    5.0
    """
    n, d = count(n, "n"), count(d, "d")
    m = second_count(m, n, paired)
    v = np.full(d, 1.0 / math.sqrt(d)) if shift is None else np.atleast_1d(numbers(shift, "shift")).copy()
    if v.shape != (d,):
        raise BadMeasure(f"shift has shape {v.shape} but d is {d}: pass ({d},) numbers.")
    rng, slope = measures.generator(seed, "translation"), Slope(v)
    if paired:
        x = rng.normal(size=(n, d))
        y, matching = shuffled(x + v, rng)
    else:
        (x, y), matching = slope.draw(n, m, rng), None
    return W1Problem(x, y, slope, slope.gradient, 1.0 if shift is None else slope.length, 0.0, matching, slope.draw)


def cone(n: int, d: int, *, m: int = 1, seed: object = 0) -> W1Problem:
    r"""Points of the unit sphere, and its centre: all mass moves by 1, and f has slope 1 everywhere but at the centre.

    .. math:: |x| = 1, \quad y = 0, \qquad W_1 = 1, \quad f(z) = |z|

    The distance is exact for the samples and for the populations. d = 1 has the two points -1 and 1.

    Parameters
    ----------
    n, d : points of x, and their dimension.
    m : copies of the centre in y.
    seed : anything `np.random.default_rng` takes.

    Raises
    ------
    BadMeasure : n, d or m that are no whole numbers >= 1. Unsupported : a seed NumPy does not take.

    Source: Villani 2009 (chapter 5).

    >>> import otkit
    >>> problem = otkit.datasets.cone(20, 3)
    >>> problem.distance, round(float(problem.potential(problem.x).mean()), 12)
    (1.0, 1.0)
    """
    n, d, m = count(n, "n"), count(d, "d"), count(m, "m")
    norm = Norm(d)
    x, y = norm.draw(n, m, measures.generator(seed, "cone"))
    return W1Problem(x, y, norm, norm.gradient, 1.0, 0.0, None, norm.draw)


@dataclass(frozen=True, eq=False)
class Slope:
    """f(z) = -v.z / |v|, optimal between N(0, I) and N(v, I); f = 0 for v = 0.

    >>> Slope(np.array([0.0, 2.0]))([[5.0, 1.0]]).tolist()
    [-1.0]
    """

    shift: np.ndarray  # (d,)

    @property
    def length(self) -> float:
        return math.hypot(*self.shift)

    @property
    def descent(self) -> np.ndarray:
        """The gradient (d,)."""
        return -self.shift / self.length if self.length else np.zeros_like(self.shift)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """f at (k, d) points."""
        return located(points, len(self.shift)) @ self.descent

    def gradient(self, points: ArrayLike) -> np.ndarray:
        """The same row for each of (k, d) points."""
        return np.tile(self.descent, (len(located(points, len(self.shift))), 1))

    def draw(self, n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Independent draws of both populations."""
        d = len(self.shift)
        return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + self.shift


@dataclass(frozen=True)
class Norm:
    """f(z) = |z| in R^d, optimal between the unit sphere and its centre.

    >>> Norm(2)([[3.0, 4.0]]).tolist(), Norm(2).gradient([[3.0, 4.0]]).tolist()
    ([5.0], [[0.6, 0.8]])
    """

    d: int

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """f at (k, d) points."""
        return np.linalg.norm(located(points, self.d), axis=1)

    def gradient(self, points: ArrayLike) -> np.ndarray:
        """z / |z| at (k, d) points; a NaN row at 0."""
        points = located(points, self.d)
        length = np.linalg.norm(points, axis=1, keepdims=True)
        return points / np.where(length > 0.0, length, np.nan)

    def draw(self, n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Uniform points of the sphere, and copies of its centre."""
        x = rng.normal(size=(n, self.d))
        return x / np.linalg.norm(x, axis=1, keepdims=True), np.zeros((m, self.d))
