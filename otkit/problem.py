"""The problem: two measures and a ground cost, validated. A value: solvers read it and nothing changes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from otkit import measures
from otkit.costs import Cost, SparseCost


@dataclass(frozen=True, eq=False)
class Problem:
    """min <C, P> over plans P >= 0 with row sums a (n,) and column sums b (m,), of equal totals."""

    a: np.ndarray
    b: np.ndarray
    cost: Cost

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.size, self.b.size

    @property
    def p(self) -> float:
        return self.cost.p

    @cached_property
    def units(self) -> tuple[np.ndarray, np.ndarray, int]:
        """a and b as int64 counts with exactly equal totals, and that total."""
        return measures.units(self.a, self.b)

    def mass_of(self, units: np.ndarray | float) -> np.ndarray | float:
        """Units as mass. The share comes first: one unit of a total of 1e-300 is no float64."""
        return units / self.units[2] * measures.total(self.a)

    @cached_property
    def dust(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and mass of a plan for the points too light for one unit: 1e-20 of the mass matters when it is
        1e21 away. Light rows go to the nearest light columns with room, what is left to the heaviest point."""
        a, b, _ = self.units
        rows, cols = np.flatnonzero((a == 0) & (self.a > 0)), np.flatnonzero((b == 0) & (self.b > 0))
        left_a, left_b = self.a[rows].copy(), self.b[cols].copy()
        entries = []
        if rows.size and cols.size:
            for k, costs in enumerate(self.cost.take(rows, cols).block(slice(0, rows.size))):
                for t in np.argsort(costs, kind="stable"):
                    move = min(left_a[k], left_b[t])
                    if move > 0 and costs[t] < np.inf:
                        entries.append((rows[k], cols[t], move))
                        left_a[k] -= move
                        left_b[t] -= move
                    if left_a[k] == 0:
                        break
        cost = self.cost
        entries += [(i, _heaviest(cost, i, self.b), move) for i, move in zip(rows, left_a) if move > 0]
        if cols.size:
            cost = cost.transposed()
        entries += [(_heaviest(cost, j, self.a), j, move) for j, move in zip(cols, left_b) if move > 0]
        entries = [entry for entry in entries if entry[0] is not None and entry[1] is not None]
        if not entries:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        rows, cols, mass = zip(*entries)
        return np.array(rows, np.int64), np.array(cols, np.int64), np.array(mass)

    @property
    def uniform(self) -> bool:
        """All weights equal and n = m: the plan can be a permutation."""
        return self.a.size == self.b.size and self.uniform_sides

    @cached_property
    def uniform_sides(self) -> bool:
        """All weights of a are equal, and all of b."""
        return bool(np.all(self.a == self.a[0]) and np.all(self.b == self.b[0]))

    def __repr__(self) -> str:
        n, m = self.shape
        kind = type(self.cost).__name__
        return f"Problem({n} x {m}, {kind}, p={self.p:g})"


def _heaviest(cost: Cost, row: int, mass: np.ndarray) -> int | None:
    """The allowed column of largest mass."""
    if not isinstance(cost, SparseCost):
        return int(np.argmax(mass))
    allowed = cost.indices[cost.indptr[row] : cost.indptr[row + 1]]
    return int(allowed[np.argmax(mass[allowed])]) if allowed.size else None
