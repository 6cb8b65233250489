"""The problem: two measures and a ground cost, validated. A value: solvers read it and nothing changes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from otkit import measures
from otkit.costs import Cost


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
