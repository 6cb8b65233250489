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
    def units(self) -> tuple[np.ndarray, np.ndarray, float]:
        """a and b as int64 counts with exactly equal totals, and the mass of one unit."""
        return measures.units(self.a, self.b)

    @cached_property
    def dust(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs that carry the points too light for one unit: 1e-20 of the mass matters when it is 1e21 away. Each goes
        to the heaviest point of the other side (of those allowed)."""
        a, b, _ = self.units
        light_rows, light_cols = np.flatnonzero((a == 0) & (self.a > 0)), np.flatnonzero((b == 0) & (self.b > 0))
        if isinstance(self.cost, SparseCost):
            pairs = [(i, j) for i in light_rows for j in _heaviest(self.cost, i, self.b)]
            pairs += [(i, j) for j in light_cols for i in _heaviest(self.cost.transposed(), j, self.a)]
            both = np.array(pairs, np.int64).reshape(-1, 2)
            return both[:, 0], both[:, 1]
        rows = np.concatenate([light_rows, np.full(light_cols.size, np.argmax(a))])
        return rows, np.concatenate([np.full(light_rows.size, np.argmax(b)), light_cols])

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


def _heaviest(cost: SparseCost, row: int, mass: np.ndarray) -> list[int]:
    """The allowed column of largest mass, in a list; empty where no column is allowed."""
    allowed = cost.indices[cost.indptr[row] : cost.indptr[row + 1]]
    return [int(allowed[np.argmax(mass[allowed])])] if allowed.size else []
