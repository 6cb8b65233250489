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

    def tosparse(self) -> coo_array:
        """The plan as a SciPy sparse array."""
        from scipy.sparse import coo_array

        return coo_array((self.mass, (self.rows, self.cols)), shape=self.shape)

    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Row sums (n,) and column sums (m,): a and b again, to rounding."""
        n, m = self.shape
        return np.bincount(self.rows, self.mass, n), np.bincount(self.cols, self.mass, m)

    def barycentric_map(self, y: np.ndarray) -> np.ndarray:
        """Where each row's mass goes on average, T(x_i) = sum_j P_ij y_j / sum_j P_ij, shape (n, d).

        Rows without mass have no image: NaN.
        """
        y = measures.numbers(y, "y")
        flat = y.reshape(len(y), -1) if y.ndim else y.reshape(1, 1)
        if len(flat) != self.shape[1]:
            raise BadMeasure(f"y has {len(flat)} points but the plan has {self.shape[1]} columns.")
        total = np.bincount(self.rows, self.mass, self.shape[0])
        image = np.full((self.shape[0], flat.shape[1]), np.nan)
        held = total > 0
        for k in range(flat.shape[1]):
            image[held, k] = np.bincount(self.rows, self.mass * flat[self.cols, k], self.shape[0])[held] / total[held]
        return image.reshape(self.shape[0], *y.shape[1:])

    def __len__(self) -> int:
        return self.rows.size

    def __repr__(self) -> str:
        n, m = self.shape
        return f"Plan({n} x {m}, {len(self)} entries, mass {self.mass.sum():.6g})"
