"""A network simplex under way: the tree, the candidate lists, and what can be read off them at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from otkit.certificate import Slices, c_transformed
from otkit.costs import SparseCost
from otkit.kernels.pricing import Lists
from otkit.kernels.simplex import Work, chunk_of, sweep
from otkit.kernels.tree import Tree, set_potentials
from otkit.solvers.levels import Handed, Level, first_tree, new_lists, new_tree, planted, price_rows, spread


@dataclass(eq=False)
class Network:
    """`level` is None where the lists hold every arc there is; `pair` is the best feasible pair of potentials so far,
    in the level's order, and `dual` its value per unit of mass."""

    shape: tuple[int, int]
    tree: Tree
    lists: Lists
    level: Level | None
    coarse_g: np.ndarray | None = None  # what the coarser level says of the column potentials
    pair: tuple[np.ndarray, np.ndarray] | None = None
    dual: float = -np.inf
    early: bool = False  # left before its optimum

    @cached_property
    def work(self) -> Work:
        nodes, chunk = self.tree.parent.size, chunk_of(self.shape[0])
        return Work(
            np.zeros(nodes), np.zeros(nodes), np.zeros(nodes, np.int32), np.empty(chunk, np.int64), np.empty(chunk)
        )

    def sweep(self, rows: np.ndarray, limit: int) -> tuple[int, int]:
        """Pivots on the lists of `rows`: how many, and how many of them moved nothing."""
        return sweep(self.tree, self.shape[0], self.lists, rows, limit, self.work)

    def price(self, rows: np.ndarray, slices: Slices) -> None:
        """The best columns of `rows` over the full cost join their lists."""
        price_rows(self.level.ground, self.level.boxes, *self.potentials(), rows, self.lists, slices)

    def look(self, slices: Slices) -> tuple[float, float]:
        """<C, flow> and the best dual value so far, per unit of mass. A pass over all pairs, which makes the pair that
        the tree's potentials give feasible, and keeps it where it is the best."""
        f, g = self.potentials()
        ground, boxes = self.level.ground, self.level.boxes
        self._keep(c_transformed(ground, boxes, g, f, slices), g.copy())
        return self.bracket

    @property
    def bracket(self) -> tuple[float, float]:
        """<C, flow> and the value of `pair`, per unit of mass."""
        return self.value / float(self.level.a.sum()), self.dual

    def _keep(self, f: np.ndarray, g: np.ndarray) -> None:
        dual = self.level.worth(f, g)
        if dual > self.dual:
            self.pair, self.dual = (f, g), dual

    @property
    def columns(self) -> float:
        """Candidates of a row, on average."""
        return float(self.lists.count.mean())

    def potentials(self) -> tuple[np.ndarray, np.ndarray]:
        """f + g = cost on the tree; views of the work array."""
        n, m = self.shape
        set_potentials(self.tree, self.work.pot, self.work.pot_error, self.work.big_pot)
        return self.work.pot[:n], self.work.pot[n : n + m]

    def big_potentials(self) -> tuple[np.ndarray, np.ndarray]:
        """The part of the potentials that multiplies the cost of artificial arcs."""
        self.potentials()
        n, m = self.shape
        return self.work.big_pot[:n], self.work.big_pot[n : n + m]

    def handed(self) -> Handed:
        """What the next finer level starts from. A level that was left early hands down its best feasible pair: the
        potentials of a tree that is not optimal can be far from any, and every pricing after them is a long one."""
        f, g = self.pair if self.early else self.potentials()
        return Handed(self.level, *self.flow(), f.copy(), g.copy())

    def flow(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and units of the arcs that carry mass, sorted by row."""
        n, m = self.shape
        node = np.flatnonzero(self.tree.flow > 0)
        above = self.tree.parent[node]
        real = (above >= 0) & (above < n + m)
        node, above = node[real], above[real].astype(np.int64)
        is_row = node < n
        rows, cols = np.where(is_row, node, above), np.where(is_row, above, node) - n
        order = np.lexsort((cols, rows))
        return rows[order], cols[order], self.tree.flow[node][order]

    def artificial(self) -> int:
        """Units of mass that no allowed pair carries."""
        n, m = self.shape
        rows = self.tree.flow[:n][self.tree.big[:n] > 0]
        return int(rows.sum())

    @property
    def value(self) -> float:
        """<C, flow> in units of mass."""
        return float((self.tree.flow * self.tree.cost).sum())


def dense_network(level: Level, handed: Handed | None, slices: Slices) -> Network:
    """From the coarser level's optimum, or greedily without a plan of it."""
    tree, lists, pair = first_tree(level, handed, slices)
    return Network(level.shape, tree, lists, level, spread(handed, level.shape[1]), pair, level.worth(*pair))


def bare_network(level: Level, handed: Handed | None) -> Network:
    """The coarser level's plan handed down (or the north-west corner) in O(n + m), for a solve that was stopped."""
    n, m = level.shape
    none = np.empty(0, np.int64)
    return Network(level.shape, planted(level, handed, none, none), new_lists(n), level, spread(handed, m))


def sparse_network(cost: SparseCost, a: np.ndarray, b: np.ndarray) -> Network:
    """All mass on artificial arcs through an extra root, every allowed pair in the lists."""
    n, m = cost.shape
    tree = new_tree(n + m + 1)
    tree.parent[: n + m] = n + m
    tree.flow[: n + m] = np.concatenate([a, b])
    tree.big[: n + m] = 1
    lists = Lists(cost.indptr, np.diff(cost.indptr), cost.indices.astype(np.int32), cost.values)
    return Network((n, m), tree, lists, None)
