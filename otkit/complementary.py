"""Strictly complementary potentials of p = 1: tight where an optimal plan sends mass, and nowhere else.

A solver's potentials are a vertex of all optimal ones. They are tight along its tree, whose arcs need not carry mass,
and a function extended from them has a kink wherever a sample has two tight arcs: at 57 to 99.9 % of n = m equal
samples. Inside the face of optimal potentials only what every optimal pair is tight on stays so. Figures are in
docs/decisions/0012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit.certificate import restored
from otkit.costs import PointCost, part
from otkit.kernels.rays import TIE
from otkit.workers import share_out

if TYPE_CHECKING:
    from otkit.kernels.complementary import Arcs, Clusters
    from otkit.plan import Plan

WANTED = 16  # arcs kept of each sample: with 8, hubs of the tree have all of theirs tight, and cannot move
ROOM = 0.49  # of the shortest arc that is not kept: two nodes that approach each other leave 2 % of it
FINER = 8.0  # from one limit to the next: 3 and 64 gave the same margins to a factor of 3
SWEEPS = 20  # of centring: doubles the median margin; 50 add 10 %
ROUNDS = 4  # of finding arcs; the first does it but for hubs and ties
TASKS = 64


class Pairs(NamedTuple):
    """Pairs of small slack of different groups: arcs from the group of the column to that of the row."""

    source: np.ndarray  # (pairs,) int32
    target: np.ndarray  # (pairs,) int32
    slack: np.ndarray  # (pairs,) float64, not negative
    tie: np.ndarray  # (pairs,) float64: slack up to here is none


def complementary(
    cost: PointCost, plan: Plan, f: np.ndarray, g: np.ndarray
) -> tuple[PointCost, np.ndarray, np.ndarray]:
    """The samples with mass in an optimal plan, and potentials of these alone: the optimal pair f (n,), g (m,) moved
    away from every constraint that some optimal pair is not tight on. Feasible, and of the same value, to rounding.

    Samples linked by the plan, or by rings of pairs without slack, move together. The 16 pairs of least slack at each
    sample are kept; the least that is not kept bounds how far a sample may move. Two passes over the pairs, O(nm) time
    at worst and far less in two and three dimensions, O(n + m) memory; on the line O(n log n).

    Samples without mass are left out because c-transforms would make them tight with one that has mass.
    """
    rows, of_rows = np.unique(plan.rows, return_inverse=True)
    cols, of_cols = np.unique(plan.cols, return_inverse=True)
    cost, f, g = part(cost, rows, cols), f[rows], g[cols]
    if cost.dimension == 1:
        return cost, *_on_the_line(cost, of_rows, of_cols, f, g)
    return cost, *_spread(cost, of_rows, of_cols, f, g)


def _on_the_line(
    cost: PointCost, rows: np.ndarray, cols: np.ndarray, f: np.ndarray, g: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f = u(x) and g = -u(y), where u has slope 1 against the mass that passes, and 0 where none does."""
    x, y = cost.x[:, 0], cost.y[:, 0]
    points, where = np.unique(np.concatenate([x, y]), return_inverse=True)
    begin, end = where[: x.size][rows], where[x.size :][cols]
    passing = np.zeros(points.size, np.int64)
    np.add.at(passing, np.minimum(begin, end), np.sign(begin - end))
    np.add.at(passing, np.maximum(begin, end), np.sign(end - begin))
    slope = np.sign(np.cumsum(passing))[:-1].astype(float)
    at = points - points[0]
    # slope * at + offset, not a sum of steps: an offset is rounded where the slope changes, a step everywhere
    offset = np.cumsum(-np.diff(slope, prepend=0.0) * at[:-1])
    u = np.concatenate([[0.0], slope * at[1:] + offset])
    u = (u - u.mean())[where]
    missing = np.abs(x[rows] - y[cols]) - (u[: x.size][rows] - u[x.size :][cols])
    if missing.max() > TIE * np.abs(u).max():  # dust in the plan that goes against the rest
        return f, g
    return u[: x.size], -u[x.size :]


def _spread(
    cost: PointCost, rows: np.ndarray, cols: np.ndarray, f: np.ndarray, g: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(f, g) inside the face of optimal pairs; (rows[k], cols[k]) are the pairs with mass."""
    links = np.concatenate([rows, cols + f.size]), np.concatenate([cols + f.size, rows])
    group = _components(*links, f.size + g.size)
    other_way = cost.transposed()
    for _ in range(ROUNDS):
        if group.max() == 0:  # the optimal pair is the only one
            break
        pairs, left_out = _least_slack(cost, other_way, f, g, group)
        tight = pairs.slack <= pairs.tie
        merged = _components(pairs.source[tight], pairs.target[tight], int(group.max()) + 1)
        group = merged[group]
        pairs = pairs._replace(source=merged[pairs.source], target=merged[pairs.target])
        room = np.full(group.max() + 1, pairs.slack.max())
        np.minimum.at(room, group, ROOM * left_out)
        h = _interior(pairs, room)
        f, g = f + h[group[: f.size]], g - h[group[f.size :]]
        if (left_out > pairs.tie.max()).all():
            break
    return f, g


def _least_slack(
    cost: PointCost, other_way: PointCost, f: np.ndarray, g: np.ndarray, group: np.ndarray
) -> tuple[Pairs, np.ndarray]:
    """The WANTED pairs of least slack at every sample, and a bound from below of all others of it (n + m,)."""
    of_x, of_y = group[: f.size], group[f.size :]
    rows, cols, slack, of_rows = _lists(cost, f, g, of_x, of_y)
    cols_too, rows_too, slack_too, of_cols = _lists(other_way, g, f, of_y, of_x)
    rows, cols = np.concatenate([rows, rows_too]), np.concatenate([cols, cols_too])
    slack = np.maximum(np.concatenate([slack, slack_too]), 0.0)  # rounding leaves -1e-16
    tie = TIE * (np.abs(f)[rows] + np.abs(g)[cols])
    return Pairs(of_y[cols], of_x[rows], slack, tie), np.maximum(np.concatenate([of_rows, of_cols]), 0.0)


def _lists(
    cost: PointCost, f: np.ndarray, g: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """rows, cols, slack of the pairs of least slack in each row, and the largest of these of each row (n,)."""
    from otkit.kernels.complementary import least_slack
    from otkit.kernels.planes import planes_of

    order, n = cost.ordered, f.size
    f, g, mine, theirs = f[order.rows], g[order.cols], mine[order.rows], theirs[order.cols]
    planes = planes_of(order.ground, order.boxes, g)
    column, slack = np.empty((n, WANTED), np.int32), np.empty((n, WANTED))
    share_out(
        lambda k: least_slack(
            order.ground,
            order.boxes,
            f,
            g,
            planes,
            mine,
            theirs,
            n * k // TASKS,
            n * (k + 1) // TASKS,
            column,
            slack,
        ),
        TASKS,
    )
    kept = column >= 0
    rows = np.repeat(order.rows, kept.sum(axis=1))
    return rows, order.cols[column[kept]], slack[kept], restored(slack[:, -1], order.rows)


def _interior(pairs: Pairs, room: np.ndarray) -> np.ndarray:
    """h (nodes,) with h[target] - h[source] < slack wherever that can be, and |h| <= room.

    From coarse to fine: what rings of arcs up to a limit hold together moves as one, and the arcs between these
    clusters, which make no ring, are loosened; then the limit falls. Without the coarse steps one short arc starves the
    whole tree behind it (17 % of 10,000 samples in the plane). Up and down take turns: downward alone leaves the tops
    of chains where they are (14 %).
    """
    from otkit.kernels.complementary import centre, loosen

    source, target, slack, tie = pairs
    kept = (source != target) & (slack < room[source] + room[target])  # no other can bind
    source, target, slack, tie = source[kept], target[kept], slack[kept], tie[kept]
    h = np.zeros(room.size)
    if slack.size == 0:
        return h
    into, out = _arcs(target, source, slack, room.size), _arcs(source, target, slack, room.size)
    work = [np.empty(room.size, np.int32) for _ in range(3)]
    finest = float(np.median(tie))
    limit = max(float(np.median(slack)), finest)
    ends, up = (source, target, into, out), (target, source, out, into)
    while True:
        low, high, before, after = ends
        short = slack + h[low] - h[high] <= limit
        loosen(before, after, _clusters(low[short], high[short], room.size), limit, room, h, *work)
        h, ends, up = -h, up, ends  # upside down: arcs lead the other way
        if limit == finest and ends[0] is source:
            break
        limit = max(limit / FINER, finest)
    centre(into, out, room, h, SWEEPS)
    return h


def _arcs(here: np.ndarray, there: np.ndarray, length: np.ndarray, nodes: int) -> Arcs:
    from otkit.kernels.complementary import Arcs

    order = np.argsort(here, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(here, minlength=nodes))])
    return Arcs(start, there[order], length[order])


def _clusters(source: np.ndarray, target: np.ndarray, nodes: int) -> Clusters:
    from otkit.kernels.complementary import Clusters

    label = _components(source, target, nodes)
    member = np.argsort(label, kind="stable").astype(np.int32)
    return Clusters(label, np.concatenate([[0], np.cumsum(np.bincount(label))]), member)


def _components(source: np.ndarray, target: np.ndarray, nodes: int) -> np.ndarray:
    """Which ring of arcs each node is on (nodes,) int32; a node on none is alone."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    arcs = coo_array((np.ones(source.size), (source, target)), shape=(nodes, nodes))
    return connected_components(arcs.tocsr(), directed=True, connection="strong")[1].astype(np.int32)
