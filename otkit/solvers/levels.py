"""Where the network simplex starts: the optimum of a coarser problem, handed down level by level.

On points, groups of consecutive points on the Hilbert curve are merged into their mean until few are left. At d = 2 the
plan handed down is 2 to 5 % above the optimum where the plain north-west corner is 200 % above, and its potentials
point the first pricing passes to the right columns: 4 to 7 times less time in all at n = 4000. A cost matrix has no
means to take: there the first plan fills the arcs of smallest reduced cost greedily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from otkit.kernels.boxes import Boxes, block_max, enclose
from otkit.kernels.ground import MATRIX, Ground, transposed
from otkit.kernels.pricing import NEW, Lists, price
from otkit.kernels.start import GROUP, complete, greedy, hand_down
from otkit.kernels.tree import Tree

COARSEST = 64
ROOM = 32  # candidates a row: 16 needed a third more passes, 64 no fewer
MEANS_HELP = 8  # above this dimension the means of 4 points say too little: the greedy start is nearer


class Handed(NamedTuple):
    """What a level hands down: its optimal plan, sorted by row, and the potentials of its columns."""

    rows: np.ndarray
    cols: np.ndarray
    units: np.ndarray
    g: np.ndarray


@dataclass(frozen=True, eq=False)
class Level:
    """A dense problem in curve order, in integer units of mass."""

    ground: Ground
    boxes: Boxes
    a: np.ndarray
    b: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.size, self.b.size

    @property
    def coarsens(self) -> bool:
        dimension = self.ground.yt.shape[0]
        return self.ground.metric != MATRIX and dimension <= MEANS_HELP and min(self.shape) > COARSEST

    def coarser(self) -> Level:
        x, a = _merged(self.ground.x, self.a)
        y, b = _merged(np.ascontiguousarray(self.ground.yt.T), self.b)
        ground = self.ground._replace(x=x, yt=np.ascontiguousarray(y.T))
        return Level(ground, enclose(ground.yt), a, b)


def _merged(points: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = np.arange(0, mass.size, GROUP)
    total = np.add.reduceat(mass, first)
    share = mass / np.repeat(total, GROUP)[: mass.size]
    return np.add.reduceat(points * share[:, None], first), total


def new_tree(nodes: int) -> Tree:
    return Tree(
        parent=np.full(nodes, -1, np.int32),
        flow=np.zeros(nodes, np.int64),
        cost=np.zeros(nodes),
        big=np.zeros(nodes, np.int32),
        mark=np.zeros(nodes, np.int64),
        stack=np.empty(nodes, np.int32),
        token=np.zeros(1, np.int64),
    )


def new_lists(rows: int, room: int = ROOM) -> Lists:
    start = np.arange(rows + 1, dtype=np.int64) * room
    return Lists(start, np.zeros(rows, np.int64), np.zeros(rows * room, np.int32), np.zeros(rows * room))


def price_rows(
    ground: Ground,
    boxes: Boxes,
    f: np.ndarray,
    g: np.ndarray,
    rows: np.ndarray,
    lists: Lists,
    slices: Callable[[np.ndarray], Iterator[np.ndarray]],
) -> np.ndarray:
    """min(f, c-transform of g) at `rows`; the best columns of each of them join its list."""
    peak = np.empty(boxes.low.shape[1])
    block_max(g, peak)
    smallest = np.empty_like(f)
    for some in slices(rows):
        price(ground, boxes, f, g, peak, some, lists, smallest)
    return smallest


def first_tree(
    level: Level, handed: Handed | None, slices: Callable[[np.ndarray], Iterator[np.ndarray]]
) -> tuple[Tree, Lists, tuple[np.ndarray, np.ndarray]]:
    """A spanning tree with a feasible flow, the first candidate lists (the best columns of every row and the best rows
    of every column for potentials made by two c-transforms), and those potentials, which are feasible."""
    n, m = level.shape
    lists, by_column = new_lists(n, ROOM), new_lists(m, NEW)
    g = np.zeros(m) if handed is None else spread(handed, m)
    flipped = transposed(level.ground)
    flipped_boxes = enclose(flipped.yt)
    f = price_rows(level.ground, level.boxes, np.full(n, np.inf), g, np.arange(n), lists, slices)
    g = price_rows(flipped, flipped_boxes, np.full(m, np.inf), f, np.arange(m), by_column, slices)
    rows, cols, cost = listed(lists)
    more_cols, more_rows, more_cost = listed(by_column)
    extra_rows, extra_cols = np.concatenate([rows, more_rows]), np.concatenate([cols, more_cols])
    reduced = np.concatenate([cost, more_cost]) - f[extra_rows] - g[extra_cols]
    best = np.argsort(reduced, kind="stable")
    extra_rows, extra_cols = extra_rows[best], extra_cols[best]
    add(lists, more_rows, more_cols, more_cost)
    arcs = [np.empty(n + m, np.int64) for _ in range(3)]
    if handed is None:
        count = greedy(extra_rows, extra_cols, level.a, level.b, *arcs)
    else:
        count = hand_down(handed.rows, handed.cols, handed.units, level.a, level.b, *arcs)
    return hang(level, arcs, count, extra_rows, extra_cols), lists, (f, g)


def hang(level: Level, arcs: list[np.ndarray], count: int, extra_rows: np.ndarray, extra_cols: np.ndarray) -> Tree:
    """The forest of the first `count` arcs as one strongly feasible tree."""
    n, m = level.shape
    tree = new_tree(n + m)
    complete(level.ground, n, m, *arcs, count, extra_rows, extra_cols, tree)
    return tree


def spread(handed: Handed | None, m: int) -> np.ndarray | None:
    """The coarser level's column potentials, each for all the columns merged there."""
    return None if handed is None else np.repeat(handed.g, GROUP)[:m]


def listed(lists: Lists) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and cost of every candidate."""
    room = lists.start[1] - lists.start[0]
    used = (np.arange(room) < lists.count[:, None]).ravel()
    rows = np.repeat(np.arange(lists.count.size), lists.count)
    return rows, lists.column[used].astype(np.int64), lists.cost[used]


def add(lists: Lists, rows: np.ndarray, cols: np.ndarray, cost: np.ndarray) -> None:
    """Modifies lists: the arcs that their rows have room for and do not hold yet."""
    room = int(lists.start[1])
    held_rows, held_cols, _ = listed(lists)
    width = int(max(held_cols.max(initial=0), cols.max(initial=0))) + 1
    keys, first = np.unique(rows * width + cols, return_index=True)
    first = first[~np.isin(keys, held_rows * width + held_cols)]
    rows, cols, cost = rows[first], cols[first], cost[first]  # by row, then column
    place = np.arange(rows.size) - np.searchsorted(rows, rows) + lists.count[rows]
    fits = place < room
    at = rows[fits] * room + place[fits]
    lists.column[at] = cols[fits]
    lists.cost[at] = cost[fits]
    lists.count[:] += np.bincount(rows[fits], minlength=lists.count.size)
