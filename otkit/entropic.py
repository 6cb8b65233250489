"""Sinkhorn's plan, rounded to the exact marginals and never dense: it applies, sums and writes itself in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit import measures
from otkit.gibbs import EXACT, Coupling, Gibbs
from otkit.kernels.line import plan_sorted
from otkit.plan import Plan, barycentric, columns_of
from otkit.problem import Problem

if TYPE_CHECKING:
    from scipy.sparse import coo_array

ENTRIES = 2**22  # of a dense block: 32 MB
FAR = 2.0**-20  # of a row's mass: below it, blocks left out could matter
TINY = np.finfo(float).tiny
NOTHING = 1e-200  # mass, of 1, that is not worth a plan; in units of it 2^60 overflows


@dataclass(frozen=True, eq=False)
class EntropicPlan:
    """A coupling of a (n,) and b (m,): u_i v_j exp((f_i + g_j - c_ij) / eps), and a few entries more.

    The factors u and v are a and b where the potentials fit them, and less where the plan had too much; the entries of
    `rest` make up for that, so that the marginals are a and b. Everything the plan does takes O(nm d)
    time, less where eps is small, and O(n + m) memory, unless its entries are asked for.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 50, 2))
    >>> plan = otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Sinkhorn(eps=0.01)).plan
    >>> bool(abs(plan.apply(np.ones(50)) - 1 / 50).max() < 1e-16)
    True
    >>> plan.tosparse(threshold=1e-6).shape
    (50, 50)
    """

    gibbs: Gibbs
    coupling: Coupling  # in the order of gibbs, for total mass 1
    total: float
    rest: Plan  # in the caller's order
    shape: tuple[int, int]

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """P v for v (m,) or (m, r); shape (n,) or (n, r)."""
        return self._applied(self.gibbs, self.coupling, vectors, transposed=False)

    def apply_transposed(self, vectors: np.ndarray) -> np.ndarray:
        """P^T u for u (n,) or (n, r); shape (m,) or (m, r)."""
        return self._applied(self.gibbs.transposed, self.gibbs.flipped(self.coupling), vectors, transposed=True)

    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Row sums (n,) and column sums (m,): a and b again, to rounding."""
        rows, cols, _, _ = self.gibbs.measure(self.coupling)
        sums = self.rest.marginals()
        sums[0][self.gibbs.rows] += rows * self.total
        sums[1][self.gibbs.cols] += cols * self.total
        return sums

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The plan between points with mass, dense, some rows at a time: the caller's rows and columns, and mass."""
        gibbs, (n, m) = self.gibbs, self.shape
        row, col = np.empty(n, np.int64), np.empty(m, np.int64)  # from the caller's order to that of gibbs
        row[gibbs.rows], col[gibbs.cols] = np.arange(gibbs.a.size), np.arange(gibbs.b.size)
        rows, cols = row[self.rest.rows], col[self.rest.cols]
        order = np.argsort(rows, kind="stable")
        rows, cols, more = rows[order], cols[order], self.rest.mass[order]
        step = max(1, ENTRIES // gibbs.b.size)
        for first in range(0, gibbs.a.size, step):
            part = slice(first, first + step)
            mass = gibbs.dense(self.coupling, part) * self.total
            lo, hi = np.searchsorted(rows, (first, first + step))
            mass[rows[lo:hi] - first, cols[lo:hi]] += more[lo:hi]  # a north-west corner meets no pair twice
            yield gibbs.rows[part], gibbs.cols, mass

    def toarray(self) -> np.ndarray:
        """Dense (n, m); O(nm) memory."""
        dense = np.zeros(self.shape)
        for rows, cols, mass in self.blocks():
            dense[np.ix_(rows, cols)] = mass
        return dense

    def tosparse(self, threshold: float = 0.0) -> coo_array:
        """Entries of mass above `threshold` as a SciPy sparse array, in memory for as many; at 0 all of more than about
        1e-268 of a row, which is every pair unless eps is tiny."""
        from scipy.sparse import coo_array

        pieces = []
        for rows, cols, mass in self.blocks():
            i, j = np.nonzero(mass > threshold)
            pieces.append((rows[i], cols[j], mass[i, j]))
        rows, cols, mass = (np.concatenate(side) for side in zip(*pieces))
        return coo_array((mass, (rows, cols)), shape=self.shape)

    def barycentric_map(self, y: np.ndarray) -> np.ndarray:
        """Where each row's mass goes on average, sum_j P_ij y_j / sum_j P_ij, shape (n, d); NaN without mass."""
        return barycentric(self, y)

    @property
    def rows(self) -> np.ndarray:
        """The row of every entry; this, `cols` and `mass` hold O(nm) entries unless eps is tiny."""
        return self._entries[0]

    @property
    def cols(self) -> np.ndarray:
        """The column of every entry."""
        return self._entries[1]

    @property
    def mass(self) -> np.ndarray:
        """The mass of every entry."""
        return self._entries[2]

    @cached_property
    def _entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        entries = self.tosparse()
        return entries.row, entries.col, entries.data

    def _applied(self, gibbs: Gibbs, coupling: Coupling, vectors: np.ndarray, transposed: bool) -> np.ndarray:
        n, m = self.shape[::-1] if transposed else self.shape
        flat = columns_of(vectors, "vectors", m)
        out = (self.rest.apply_transposed if transposed else self.rest.apply)(flat)
        out[gibbs.rows] += gibbs.apply(coupling, flat[gibbs.cols]) * self.total
        return out.reshape(n, *np.shape(vectors)[1:])

    def __len__(self) -> int:
        return self.rows.size

    def __repr__(self) -> str:
        n, m = self.shape
        return f"EntropicPlan({n} x {m}, eps {self.coupling.eps:.3g}, mass {self.total:.6g})"


class Rounded(NamedTuple):
    """A feasible plan, its cost, its cost with all costs taken as positive, the part of that which rounding added, and
    the L1 marginal error before (for total mass 1)."""

    plan: EntropicPlan
    primal: float
    paid: float
    moved: float
    error: float


def rounded(problem: Problem, gibbs: Gibbs, f: np.ndarray, g: np.ndarray, eps: float) -> Rounded:
    """The feasible plan nearest to the one of these potentials.

    Rows are scaled to their mass, columns scaled down to theirs, and what is then missing goes from row to column along
    the curve (a north-west corner, n + m - 1 entries) instead of from every row to every column (Altschuler, Weed,
    Rigollet 2017): as feasible, cheaper, and sparse. Two passes in float64, three where f is far from what g asks for;
    O(n + m) memory.
    """
    whole = measures.total(problem.a)
    sums, columns = gibbs.normalised(f, g, eps)
    if not (sums.min() > FAR and sums.max() < 1.0 / FAR):  # as float32 leaves them where eps is tiny
        f = gibbs.softmin(f, g, eps, EXACT)
        sums, columns = gibbs.normalised(f, g, eps)
    error = float(np.abs(columns - gibbs.b).sum())
    lost = ~((sums > FAR) & (sums < 1.0 / FAR))  # costs of 1e16 eps: their rows are left to `rest`
    f = np.where(lost, f - 2000.0 * eps - 0.01 * (np.abs(f) + np.abs(g).max()), f)
    rows, cols = np.where(lost, 0.0, gibbs.a / np.maximum(sums, TINY)), gibbs.b / np.maximum(columns, gibbs.b)
    coupling = Coupling(f, g, eps, rows, cols)
    rows, cols, paid, absolute = gibbs.measure(coupling)
    rest = np.maximum(gibbs.a - rows, 0.0), np.maximum(gibbs.b - cols, 0.0)
    rest = north_west((gibbs.rows, gibbs.cols), problem.shape, *rest, whole)
    moved = rest.mass * problem.cost.at(rest.rows, rest.cols)
    extra = float(np.abs(moved).sum())
    plan = EntropicPlan(gibbs, coupling, whole, rest, problem.shape)
    return Rounded(plan, paid * whole + float(moved.sum()), absolute * whole + extra, extra, error)


def north_west(
    order: tuple[np.ndarray, np.ndarray],
    shape: tuple[int, int],
    missing_a: np.ndarray,
    missing_b: np.ndarray,
    whole: float,
) -> Plan:
    """A plan of what is missing, row by row and column by column; `order` is the caller's index of each."""
    mass = 0.5 * (measures.total(missing_a) + measures.total(missing_b))
    if mass < NOTHING or not missing_a.any() or not missing_b.any():
        return Plan(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), shape)
    a, b, units = measures.units(missing_a, missing_b)
    rows, cols, moved = (np.empty(a.size + b.size, np.int64) for _ in range(3))
    count = plan_sorted(a, b, rows, cols, moved)
    return Plan(order[0][rows[:count]], order[1][cols[:count]], moved[:count] / units * mass * whole, shape)
