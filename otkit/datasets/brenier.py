"""W_2 problems solved by the gradient of a convex function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.datasets.border import count, located, mean_power, second_count, shuffled
from otkit.datasets.problem import W2Problem
from otkit.errors import Unsupported
from otkit.gaussian import gaussian_map, gaussian_wasserstein

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

KINDS = ("norms", "quadratic")
CENTERS = 4  # norms in the sum of `convex_map`


def convex_map(n: int, d: int, *, kind: str = "norms", seed: object = 0) -> W2Problem:
    r"""Gaussian points x, and their images under the gradient of a convex function, shuffled.

    .. math:: y = \nabla\varphi(x), \qquad W_2(x, y)^2 = \frac1n \sum_i |x_i - \nabla\varphi(x_i)|^2

    since a gradient of a convex function is cyclically monotone: no exchange of images makes the sum smaller.

    Parameters
    ----------
    n, d : points, and their dimension. x ~ N(0, I).
    kind : "norms": phi(z) = |z|^2 / 2 + sum_k w_k |z - c_k|, four centres c_k ~ N(0, I) and weights
        w_k ~ U[0, sqrt(d)], a map that tears the points apart at each c_k. "quadratic": phi(z) = z.A z / 2 + b.z,
        A = G G^T / d + 0.1 I with a square Gaussian G, b ~ N(0, I), a linear map.
    seed : anything `np.random.default_rng` takes. The map depends on (seed, d, kind) only.

    Returns
    -------
    W2Problem
        `distance` is exact for the samples; y[matching] = map(x).

    Raises
    ------
    BadMeasure : n or d that are no whole numbers >= 1. Unsupported : another kind; a seed NumPy does not take.

    Source: Brenier 1991; Villani 2009 (chapter 5).

    >>> import otkit
    >>> problem = otkit.datasets.convex_map(100, 2, kind="quadratic")
    >>> abs(otkit.wasserstein(problem.x, problem.y, p=2).distance - problem.distance) < 1e-9
    True
    """
    n, d = count(n, "n"), count(d, "d")
    if kind not in KINDS:
        raise Unsupported(f"kind is {kind!r}: pass one of {', '.join(KINDS)}.")
    rng = measures.generator(seed, f"convex_map {kind}")
    if kind == "norms":
        move = NormsMap(rng.normal(size=(CENTERS, d)), rng.uniform(0.0, np.sqrt(d), CENTERS))
    else:
        move = AffineMap(_covariance(d, rng), rng.normal(size=d))
    return _paired(rng.normal(size=(n, d)), move, rng)


def gaussians(n: int, d: int, *, paired: bool = False, m: int | None = None, seed: object = 0) -> W2Problem:
    r"""Two Gaussians with random means and covariances.

    .. math:: x \sim N(m_x, S_x), \quad y \sim N(m_y, S_y), \qquad m \sim N(0, I), \quad S = G G^T / d + 0.1\, I

    Parameters
    ----------
    n, d : points of x, and their dimension.
    paired : False: independent draws, and `distance` is the W_2 of the two laws (`gaussian_wasserstein`). True:
        y[matching] = map(x), and `distance` is the W_2 of the samples themselves.
    m : points of y; None is n.
    seed : anything `np.random.default_rng` takes. The two laws depend on (seed, d) only.

    Returns
    -------
    W2Problem
        `map` is the optimal map of the laws, linear.

    Raises
    ------
    BadMeasure : n, d or m that are no whole numbers >= 1. Unsupported : a seed NumPy does not take; m beside paired.

    Source: Gelbrich 1990; Peyre and Cuturi 2019 (chapter 2).

    >>> import otkit
    >>> otkit.datasets.gaussians(500, 3)
    W2Problem(x (500, 3), y (500, 3), distance ... of the populations)
    """
    n, d = count(n, "n"), count(d, "d")
    m = second_count(m, n, paired)
    rng = measures.generator(seed, "gaussians")
    (mean_x, mean_y), cov_x, cov_y = rng.normal(size=(2, d)), _covariance(d, rng), _covariance(d, rng)
    move = AffineMap(*gaussian_map(mean_x, cov_x, mean_y, cov_y))
    x = mean_x + rng.normal(size=(n, d)) @ np.linalg.cholesky(cov_x).T
    if paired:
        return _paired(x, move, rng)
    y = mean_y + rng.normal(size=(m, d)) @ np.linalg.cholesky(cov_y).T
    return W2Problem(x, y, gaussian_wasserstein(mean_x, cov_x, mean_y, cov_y), None, move)


def _paired(x: np.ndarray, move: AffineMap | NormsMap, rng: np.random.Generator) -> W2Problem:
    image = move(x)
    y, matching = shuffled(image, rng)
    return W2Problem(x, y, mean_power(x, image, 2), matching, move)


def _covariance(d: int, rng: np.random.Generator) -> np.ndarray:
    """G G^T / d + 0.1 I: eigenvalues from 0.1 to about 4."""
    root = rng.normal(size=(d, d))
    return root @ root.T / d + 0.1 * np.eye(d)


@dataclass(frozen=True, eq=False)
class AffineMap:
    """z -> A z + b with A symmetric and positive definite: the gradient of z.A z / 2 + b.z.

    >>> AffineMap(np.array([[2.0]]), np.array([1.0]))([[3.0]]).tolist()
    [[7.0]]
    """

    matrix: np.ndarray  # (d, d)
    offset: np.ndarray  # (d,)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """The images of (k, d) points."""
        return located(points, len(self.offset)) @ self.matrix.T + self.offset


@dataclass(frozen=True, eq=False)
class NormsMap:
    """z -> z + sum_k w_k (z - c_k) / |z - c_k|: the gradient of |z|^2 / 2 + sum_k w_k |z - c_k|, and 0 for a term at
    its own c_k, which is among its subgradients.

    >>> NormsMap(np.array([[0.0, 0.0]]), np.array([5.0]))([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[6.0, 8.0], [0.0, 0.0]]
    """

    centers: np.ndarray  # (k, d)
    weights: np.ndarray  # (k,)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """The images of (k, d) points."""
        points = located(points, self.centers.shape[1])
        images = points.copy()
        for center, weight in zip(self.centers, self.weights):
            ray = points - center
            length = np.linalg.norm(ray, axis=1, keepdims=True)
            images += weight * ray / np.where(length > 0.0, length, 1.0)
        return images
