"""Where the network simplex starts: the optimum of a coarser problem, handed down level by level.

On points, groups of consecutive points on the Hilbert curve are merged into their mean until few are left. At d = 2 the
plan handed down is 2 to 5 % above the optimum where the plain north-west corner is 200 % above, and its potentials
point the first pricing passes to the right columns: 4 to 7 times less time in all at n = 4000. A cost matrix has no
means to take: there the coarser problem is a sample of the rows and columns, of which the potentials alone are handed
down, and the first plan fills the arcs of smallest reduced cost greedily. At n = 2000 that saves 30 to 40 % of the time
in the plane, 0 to 20 % at d = 64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from otkit.certificate import Slices, c_transformed
from otkit.costs import Cost
from otkit.kernels.boxes import Boxes, enclose
from otkit.kernels.ground import MATRIX, Ground, transposed
from otkit.kernels.planes import planes_of
from otkit.kernels.pricing import NEW, Lists, price, take_in
from otkit.kernels.start import GROUP, complete, greedy, hand_down
from otkit.kernels.tree import Tree

COARSEST = 64
SAMPLED = 1000  # rows and columns of a matrix from which on a sample pays
SHARE = 5  # one of so many rows and columns is in the sample
SAMPLE_UNITS = 2.0**40  # of mass
ROOM = 32  # candidates a row: 16 needed a third more passes, 64 no fewer


@dataclass(frozen=True, eq=False)
class Level:
    """A dense problem in curve order, in integer units of mass."""

    ground: Ground
    boxes: Boxes
    a: np.ndarray
    b: np.ndarray
    rows: np.ndarray | None = None  # of the finer level, where this one is a sample of it

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.size, self.b.size

    def worth(self, f: np.ndarray, g: np.ndarray) -> float:
        """The dual value of potentials per unit of mass."""
        total = float(self.a.sum())
        return float((self.a / total) @ f + (self.b / total) @ g)

    def coarser(self) -> Level:
        x, a = _merged(self.ground.x, self.a)
        y, b = _merged(np.ascontiguousarray(self.ground.yt.T), self.b)
        ground = self.ground._replace(x=x, yt=np.ascontiguousarray(y.T))
        return Level(ground, enclose(ground.yt), a, b)

    def sample(self) -> Level:
        """The same one of SHARE rows and columns every time."""
        random = np.random.default_rng(0)
        rows, cols = (np.sort(random.choice(size, size // SHARE, replace=False)) for size in self.shape)
        x, yt, matrix = self.ground.x[rows], self.ground.yt[:, cols], self.ground.matrix[np.ix_(rows, cols)]
        ground = self.ground._replace(x=x, yt=yt, matrix=matrix)
        a, b = (np.ceil(mass * (SAMPLE_UNITS / mass.sum())).astype(np.int64) for mass in (self.a[rows], self.b[cols]))
        missing = int(a.sum() - b.sum())  # by rounding
        a[np.argmax(a)] += max(-missing, 0)
        b[np.argmax(b)] += max(missing, 0)
        return Level(ground, enclose(ground.yt), a, b, rows)


class Handed(NamedTuple):
    """What a level hands down: its optimal plan, sorted by row, and the potentials."""

    level: Level
    rows: np.ndarray
    cols: np.ndarray
    units: np.ndarray
    f: np.ndarray
    g: np.ndarray

    @property
    def refinable(self) -> bool:
        """Whether the finer level can start from the plan; that of a sample leaves most rows out."""
        return self.level.rows is None


def levels_of(cost: Cost, a: np.ndarray, b: np.ndarray, coarse: bool) -> list[Level]:
    """The problem in curve order, and the coarser ones: samples of a large matrix, and with `coarse` merged points down
    to about COARSEST; finest first."""
    order = cost.ordered
    levels = [Level(order.ground, order.boxes, a[order.rows], b[order.cols])]
    while order.ground.metric == MATRIX and min(levels[-1].shape) >= SAMPLED:
        levels.append(levels[-1].sample())
    while coarse and min(levels[-1].shape) > COARSEST:
        levels.append(levels[-1].coarser())
    return levels


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
        way_up=np.empty(nodes, np.int32),
        way_down=np.empty(nodes, np.int32),
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
    slices: Slices,
) -> np.ndarray:
    """min(f, c-transform of g) at `rows`; the best columns of each of them join its list."""
    planes = planes_of(ground, boxes, g)
    smallest = np.empty_like(f)
    for some in slices(rows):
        price(ground, boxes, f, g, planes, some, lists, smallest)
    return smallest


def extended(handed: Handed, level: Level, slices: Slices) -> np.ndarray:
    """The coarser level's potentials at this level's columns: g_j = min_I c(X_I, y_j) - F_I over the coarser rows. At
    n = 40,000 that saves half of the pivots that potentials repeated for the points of a group need."""
    rows, x = handed.level.rows, handed.level.ground.x
    matrix = level.ground.matrix if rows is None else level.ground.matrix[rows]
    back = transposed(level.ground._replace(x=x, matrix=matrix))
    return c_transformed(back, enclose(back.yt), handed.f, np.full(level.shape[1], np.inf), slices)


def first_tree(
    level: Level, handed: Handed | None, slices: Slices
) -> tuple[Tree, Lists, tuple[np.ndarray, np.ndarray]]:
    """A spanning tree with a feasible flow, the first candidate lists (the best columns of every row and the best rows
    of every column for potentials made by two c-transforms), and those potentials, which are feasible."""
    n, m = level.shape
    lists, by_column = new_lists(n, ROOM), new_lists(m, NEW)
    g = np.zeros(m) if handed is None else extended(handed, level, slices)
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
    take_in(lists, by_column)
    return planted(level, handed, extra_rows, extra_cols), lists, (f, g)


def planted(level: Level, handed: Handed | None, extra_rows: np.ndarray, extra_cols: np.ndarray) -> Tree:
    """One strongly feasible tree: from the plan handed down, or greedily along the extra arcs where there is none of
    use (the north-west corner without any), and joined by the extra arcs."""
    n, m = level.shape
    arcs = [np.empty(n + m, np.int64) for _ in range(3)]
    if handed is None or not handed.refinable:
        count = greedy(extra_rows, extra_cols, level.a, level.b, *arcs)
    else:
        count = hand_down(handed.rows, handed.cols, handed.units, level.a, level.b, *arcs)
    tree = new_tree(n + m)
    complete(level.ground, n, m, *arcs, count, extra_rows, extra_cols, tree)
    return tree


def spread(handed: Handed | None, m: int) -> np.ndarray | None:
    """The coarser level's column potentials, each for all the columns merged there."""
    return None if handed is None or not handed.refinable else np.repeat(handed.g, GROUP)[:m]


def listed(lists: Lists) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and cost of every candidate."""
    room = lists.start[1] - lists.start[0]
    used = (np.arange(room) < lists.count[:, None]).ravel()
    rows = np.repeat(np.arange(lists.count.size), lists.count)
    return rows, lists.column[used].astype(np.int64), lists.cost[used]
