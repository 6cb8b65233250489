"""W_2 between Gaussians in closed form, and the linear map that attains it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from otkit.errors import BadMeasure, Unsupported
from otkit.measures import numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EPS = float(np.finfo(np.float64).eps)


def gaussian_wasserstein(mean_x: ArrayLike, cov_x: ArrayLike, mean_y: ArrayLike, cov_y: ArrayLike) -> float:
    r"""W_2 between two Gaussians: the distance of Bures, Gelbrich and Frechet (the root is taken).

    .. math:: W_2^2 = |m_x - m_y|^2 + \operatorname{tr} S_x + \operatorname{tr} S_y
              - 2 \operatorname{tr} (S_x^{1/2} S_y S_x^{1/2})^{1/2}

    For laws that are no Gaussians but have these means and covariances it is a lower bound of W_2 (Gelbrich).

    Parameters
    ----------
    mean_x, mean_y : (d,) means, or numbers for d = 1.
    cov_x, cov_y : (d, d) covariances, symmetric and positive semi-definite; singular ones are welcome. For d = 1 also
        the variance, as a number or as (1,).

    Returns
    -------
    float
        In units of the points. It is taken as min_Q |L_x - L_y Q| over orthogonal Q, for factors L L^T = S: no traces
        cancel, so equal covariances are 0 apart to about 1e-15 of their standard deviation, where the formula above
        would leave 1e-8 of it.

    O(d^3) time, O(d^2) memory.

    Raises
    ------
    BadMeasure : shapes that do not fit, a covariance that is not symmetric or not positive semi-definite.

    Source: Gelbrich 1990; Peyre and Cuturi 2019 (chapter 2).

    >>> import otkit
    >>> otkit.gaussian_wasserstein([0.0, 0.0], [[1.0, 0.0], [0.0, 4.0]], [3.0, 4.0], [[1.0, 0.0], [0.0, 4.0]])
    5.0
    >>> otkit.gaussian_wasserstein(0.0, 1.0, 3.0, 25.0)
    5.0
    """
    mean_x, cov_x = moments(mean_x, cov_x, "x")
    mean_y, cov_y = moments(mean_y, cov_y, "y")
    if len(mean_x) != len(mean_y):
        raise BadMeasure(f"mean_x has {len(mean_x)} coordinates and mean_y {len(mean_y)}: one space, one dimension.")
    (root_x, size_x), (root_y, size_y) = factor(cov_x, "cov_x"), factor(cov_y, "cov_y")
    apart = root_x * size_x - (root_y * size_y) @ _rotation(root_x, root_y)
    return math.hypot(*(mean_x - mean_y), *apart.ravel())  # hypot: no square overflows or vanishes


def gaussian_map(
    mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""The optimal map T(z) = A z + offset of W_2 between two Gaussians, as (A (d, d) symmetric, offset (d,)).

    .. math:: A = S_x^{-1/2} (S_x^{1/2} S_y S_x^{1/2})^{1/2} S_x^{-1/2}, \qquad offset = m_y - A m_x

    Raises `Unsupported` where S_x is singular: then no map need exist.

    Source: Peyre and Cuturi 2019 (chapter 2).

    >>> [part.tolist() for part in gaussian_map(1.0, 4.0, 0.0, 1.0)]
    [[[0.5]], [-0.5]]
    """
    mean_x, cov_x = moments(mean_x, cov_x, "x")
    mean_y, cov_y = moments(mean_y, cov_y, "y")
    (root_x, size_x), (root_y, size_y) = factor(cov_x, "cov_x"), factor(cov_y, "cov_y")
    if size_x == 0.0 or np.linalg.matrix_rank(root_x) < len(root_x):
        raise Unsupported("cov_x is singular: a map from a flat Gaussian need not exist. Add a little to its diagonal.")
    # A = (L_y Q) L_x^{-1}: it carries S_x to S_y, and the Q of least distance makes it symmetric
    linear = np.linalg.solve(root_x.T, ((root_y @ _rotation(root_x, root_y)) * (size_y / size_x)).T).T
    linear = (linear + linear.T) / 2
    return linear, mean_y - linear @ mean_x


def moments(mean: ArrayLike, cov: ArrayLike, side: str) -> tuple[np.ndarray, np.ndarray]:
    """(d,) mean and (d, d) symmetric covariance, or BadMeasure naming `mean_x`, `cov_y` and so on."""
    short = str(getattr(cov, "dtype", "")).endswith(("float16", "float32"))  # NumPy's, or torch's
    rounding = 1e-3 if short else 1e-8  # of the products that make a covariance in that precision
    mean, cov = numbers(mean, f"mean_{side}"), numbers(cov, f"cov_{side}")
    mean = mean.reshape(1) if mean.ndim == 0 else mean
    if mean.ndim != 1 or not mean.size:
        raise BadMeasure(f"mean_{side} has shape {mean.shape}: a mean is (d,), or a number for d = 1.")
    d = len(mean)
    if d == 1 and cov.shape in ((), (1,)):
        cov = cov.reshape(1, 1)
    if cov.shape != (d, d):
        diagonal = f" Pass np.diag(cov_{side}) for independent coordinates." if cov.shape == (d,) else ""
        raise BadMeasure(
            f"cov_{side} has shape {cov.shape} but mean_{side} has {d} coordinates: it must be ({d}, {d}).{diagonal}"
        )
    largest = float(np.abs(cov).max())
    uneven = np.abs(cov - cov.T)
    i, j = (int(k) for k in np.unravel_index(np.argmax(uneven), uneven.shape))
    if uneven[i, j] > rounding * largest:
        raise BadMeasure(
            f"cov_{side} is not symmetric: cov_{side}[{i}, {j}] = {float(cov[i, j])!r} and "
            f"cov_{side}[{j}, {i}] = {float(cov[j, i])!r}. Pass (C + C.T) / 2 if that is rounding."
        )
    cov = cov / 2 + cov.T / 2
    least = float(np.linalg.eigvalsh(cov)[0])
    if least < -rounding * largest:
        raise BadMeasure(
            f"cov_{side} is not positive semi-definite: its least eigenvalue is {least:.6g}. A covariance has none "
            "below 0; look for a wrong sign, or for a matrix of correlations put together by hand."
        )
    return mean, cov


def factor(cov: np.ndarray, name: str) -> tuple[np.ndarray, float]:
    """(L, size) with (size L)(size L)^T = cov and entries of L at most about 1.

    L = D R^{1/2} with R the matrix of correlations: coordinates in units of very different size (variances 1e12 and
    1e-12) keep all their digits, which the eigenvectors of cov itself would mix. Deviations below 1e-8 of the largest
    are not scaled up: there the entries may be rounding noise.
    """
    largest = float(cov.diagonal().max())
    if largest <= 0.0:  # positive semi-definite, so all of it is zero
        return np.zeros_like(cov), 0.0
    cov = cov / largest
    deviation = np.sqrt(np.maximum(cov.diagonal(), EPS))
    values, vectors = np.linalg.eigh(cov / deviation[:, None] / deviation)
    values[values < len(cov) * EPS * values[-1]] = 0.0  # noise of eigh, whose root would be 1e-8
    return deviation[:, None] * (vectors * np.sqrt(values)), math.sqrt(largest)


def _rotation(root_x: np.ndarray, root_y: np.ndarray) -> np.ndarray:
    """The orthogonal Q that brings L_y Q nearest to L_x (Procrustes); |L_x^T L_y| in the nuclear norm is the trace."""
    left, _, right = np.linalg.svd(root_y.T @ root_x)
    return left @ right
