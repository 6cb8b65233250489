"""The coupling: which mass goes from where to where, as a list of its positive entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.errors import BadMeasure

if TYPE_CHECKING:
    from scipy.sparse import coo_array


@dataclass(frozen=True, eq=False)
class Plan:
    """A coupling of a (n,) and b (m,): `mass[k]` goes from `rows[k]` to `cols[k]`; at most n + m - 1 entries if exact.

    >>> import otkit
    >>> plan = otkit.wasserstein([0.0, 1.0], [2.0, 0.5]).plan
    >>> plan.toarray()
    array([[0. , 0.5],
           [0.5, 0. ]])
    """

    rows: np.ndarray
    cols: np.ndarray
    mass: np.ndarray
    shape: tuple[int, int]

    def toarray(self) -> np.ndarray:
        """Dense (n, m); O(nm) memory."""
        dense = np.zeros(self.shape)
        np.add.at(dense, (self.rows, self.cols), self.mass)
        return dense

    def tosparse(self, threshold: float = 0.0) -> coo_array:
        """The entries of mass above `threshold` as a SciPy sparse array."""
        from scipy.sparse import coo_array

        kept = slice(None) if threshold <= 0.0 else self.mass > threshold
        return coo_array((self.mass[kept], (self.rows[kept], self.cols[kept])), shape=self.shape)

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """P v for v (m,) or (m, r); shape (n,) or (n, r)."""
        return _gathered(self.rows, self.cols, self.mass, vectors, self.shape)

    def apply_transposed(self, vectors: np.ndarray) -> np.ndarray:
        """P^T u for u (n,) or (n, r); shape (m,) or (m, r)."""
        return _gathered(self.cols, self.rows, self.mass, vectors, self.shape[::-1])

    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Row sums (n,) and column sums (m,): a and b again, to rounding."""
        n, m = self.shape
        sums = np.bincount(self.rows, self.mass, n), np.bincount(self.cols, self.mass, m)
        return sums[0].astype(float), sums[1].astype(float)  # of no entries NumPy counts in integers

    def barycentric_map(self, y: np.ndarray) -> np.ndarray:
        """Where each row's mass goes on average, T(x_i) = sum_j P_ij y_j / sum_j P_ij, shape (n, d).

        Rows without mass have no image: NaN.
        """
        return barycentric(self, y)

    def __len__(self) -> int:
        return self.rows.size

    def __repr__(self) -> str:
        n, m = self.shape
        return f"Plan({n} x {m}, {len(self)} entries, mass {self.mass.sum():.6g})"


def columns_of(value: object, name: str, columns: int) -> np.ndarray:
    """A vector or several for the columns of a plan, as (m, r)."""
    array = measures.numbers(value, name)
    flat = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    if len(flat) != columns:
        raise BadMeasure(f"{name} has {len(flat)} points but the plan has {columns} columns.")
    return flat


def barycentric(plan: Plan, y: np.ndarray) -> np.ndarray:
    """Rows' mean images under any plan that applies itself; NaN where a row has no mass."""
    flat = columns_of(y, "y", plan.shape[1])
    total = plan.marginals()[0]
    image = np.full((plan.shape[0], flat.shape[1]), np.nan)
    held = total > 0
    image[held] = plan.apply(flat)[held] / total[held, None]
    return image.reshape(plan.shape[0], *np.shape(y)[1:])


def _gathered(
    rows: np.ndarray, cols: np.ndarray, mass: np.ndarray, vectors: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    flat = columns_of(vectors, "vectors", shape[1])
    out = np.empty((shape[0], flat.shape[1]))
    for k in range(flat.shape[1]):
        out[:, k] = np.bincount(rows, mass * flat[cols, k], shape[0])
    return out.reshape(shape[0], *np.shape(vectors)[1:])
