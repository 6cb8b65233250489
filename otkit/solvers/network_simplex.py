"""The network simplex: exact transport for any weights, costs on the fly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from otkit import progress
from otkit.certificate import certify, feasible_as_is, restored, row_slices
from otkit.costs import Cost, SparseCost, part
from otkit.problem import Problem
from otkit.progress import Progress
from otkit.result import Certificate, Result, Stats, Status, bracketed
from otkit.solvers.base import Clock, Stop, assemble, infeasible, positive_limits, stopped, unfinished, with_dust
from otkit.solvers.levels import Level
from otkit.solvers.network import Network, bare_network, dense_network, sparse_network

PORTIONS = 8  # pricing takes an eighth of the rows at a time, pivots in between; all at once took 1.5 times as long
PRICING_IS_DEAR = 8  # above this dimension lists are emptied before rows are priced again
SWEEP_ROWS = 8192  # rows of one kernel call: under 0.2 s


@dataclass(frozen=True)
class NetworkSimplex:
    """Exact transport by the primal network simplex on a strongly feasible spanning tree.

    Minimises <C, P> over plans with marginals a, b for any p, metric, cost matrix or sparse cost. Masses are integers
    inside, so marginals are exact; costs between points are computed when they are needed.

    Time: in practice 10 to 60 n pivots of O(cycle) each, and 10 to 20 pricing passes over all pairs, of which boxes
    refute all but a few in low dimension. Memory: O(n + m) for points, the matrix or its pairs otherwise.

    Parameters
    ----------
    max_iter : most pivots, None for no limit.
    time_limit : seconds, None for no limit.
    tol : stop as soon as the certified relative gap is at most this; 0 solves to the optimum.
    seed : of the order in which rows are priced. The optimum does not depend on it, ties in the plan may.

    Stopping early returns a feasible plan and valid potentials (status MAX_ITER, TIME_LIMIT, INTERRUPTED or, within
    tol, CONVERGED). Ctrl-C is heard within a fraction of a second. A sparse cost without a feasible plan is INFEASIBLE.

    Source: Cunningham 1976; Ahuja, Magnanti, Orlin 1993 (chapter 11); Bonneel et al. 2011.

    >>> import numpy as np, otkit
    >>> x, y = np.random.default_rng(0).random((2, 50, 2))
    >>> result = otkit.wasserstein(x, y, p=2, solver=otkit.solvers.NetworkSimplex())
    >>> bool(result.gap < 1e-12), result.status.name
    (True, 'OPTIMAL')
    """

    max_iter: int | None = None
    time_limit: float | None = None
    tol: float = 0.0
    seed: int = 0

    def solve(self, problem: Problem) -> Result:
        """The optimal plan and potentials of any problem."""
        positive_limits(self)
        name = type(self).__name__
        a, b, _ = problem.units
        rows, cols = np.flatnonzero(a), np.flatnonzero(b)
        run = _Run(self, part(problem.cost, rows, cols), a[rows], b[cols])
        status = run.run()
        part_rows, part_cols, flow, part_f, part_g = run.answer()
        plan = with_dust(problem, rows[part_rows], cols[part_cols], flow)
        if status is Status.INFEASIBLE:
            return infeasible(problem, name, run.stats, plan, rows, cols, *run.network.big_potentials())
        f, g = placed(part_f, rows, a.size), placed(part_g, cols, b.size)
        if status.ok:
            return assemble(problem, name, status, run.stats, plan, f, g)
        if run.network.artificial():
            return unfinished(problem, name, status, run.stats, plan)
        return stopped(problem, name, status, run.stats, plan, *run.potentials_so_far(problem, rows, cols))


def placed(part: np.ndarray, where: np.ndarray, size: int) -> np.ndarray:
    """Potentials of the points with mass among all points; inf (unknown) at the rest."""
    whole = np.full(size, np.inf)
    whole[where] = part
    return whole


@dataclass(eq=False)
class _Run:
    """One solve: its limits, its levels, its sweeps. All rows and columns carry mass."""

    options: NetworkSimplex
    cost: Cost
    a: np.ndarray
    b: np.ndarray
    network: Network | None = None
    pivots: int = 0
    degenerate: int = 0
    passes: int = 0
    bracket: tuple[float | None, float | None] = (None, None)

    def __post_init__(self) -> None:
        self.clock = Clock("NetworkSimplex", self.options.time_limit)
        self.random = np.random.default_rng(self.options.seed)

    @property
    def stats(self) -> Stats:
        arcs = int(self.network.lists.count.sum())
        return Stats(self.clock.seconds, self.pivots, self.degenerate, self.passes, arcs)

    def run(self) -> Status:
        """Solves as far as the limits allow; afterwards `network` holds a tree with a feasible flow."""
        levels = [] if isinstance(self.cost, SparseCost) else self._levels()
        status = Status.OPTIMAL
        try:
            if not levels:
                self.network = sparse_network(self.cost, self.a, self.b)
                self._sweeps(self.network)
                return Status.INFEASIBLE if self.network.artificial() else Status.OPTIMAL
            for level in reversed(levels):
                handed = self.network.handed() if self.network else None
                self.network = dense_network(level, handed, self._slices)
                self._optimise(self.network, final=level is levels[0])
        except Stop as stop:
            status = stop.status
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        if levels and (self.network is None or self.network.level is not levels[0]):
            self._hand_down(levels)
        return status

    def _levels(self) -> list[Level]:
        """Finest first."""
        order = self.cost.ordered
        levels = [Level(order.ground, order.boxes, self.a[order.rows], self.b[order.cols])]
        while levels[-1].coarsens:
            levels.append(levels[-1].coarser())
        return levels

    def _hand_down(self, levels: list[Level]) -> None:
        """Stopped above the finest level: its plan is made from the one reached, without another pivot."""
        reached = len(levels) if self.network is None else [level is self.network.level for level in levels].index(True)
        for level in reversed(levels[:reached]):
            guess = None if self.network is None else self.network.coarse_g
            handed = None if self.network is None else self.network.handed()
            if guess is not None and level is not levels[reached - 1]:
                handed = handed._replace(g=guess)  # potentials of a tree without pivots are worth less
            self.network = bare_network(level, handed)

    def answer(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and units of the plan, and potentials f and g, in the order of `cost`."""
        rows, cols, units = self.network.flow()
        f, g = self.network.potentials()
        if self.network.level is None:
            return rows, cols, units, *self._lifted(f, g)
        order = self.cost.ordered
        return order.rows[rows], order.cols[cols], units, restored(f, order.rows), restored(g, order.cols)

    def potentials_so_far(
        self, problem: Problem, rows: np.ndarray, cols: np.ndarray
    ) -> tuple[list[np.ndarray], Certificate | None]:
        """For a solve that was stopped: guesses of g, and the pair that the start left behind where it is feasible."""
        network = self.network
        if network.level is None:
            return [], None
        order, m = self.cost.ordered, problem.shape[1]
        guesses = [network.potentials()[1].copy()]
        if network.coarse_g is not None:
            guesses.append(network.coarse_g)
        guesses = [placed(restored(g, order.cols), cols, m) for g in guesses]
        if network.first is None or (rows.size, cols.size) != problem.shape:
            return guesses, None
        f, g = restored(network.first[0], order.rows), restored(network.first[1], order.cols)
        return guesses, feasible_as_is(problem.cost, problem.a, problem.b, f, g)

    def _lifted(self, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Potentials of a sparse problem: enough of the artificial part is added to be feasible on every pair."""
        big_f, big_g = self.network.big_potentials()
        row, col = self.cost.row_of, self.cost.indices
        slack = self.cost.values - f[row] - g[col]
        room = -(big_f[row] + big_g[col])
        factor = float(np.max(-slack[room > 0] / room[room > 0], initial=0.0))
        return f + factor * big_f, g + factor * big_g

    def _optimise(self, network: Network, final: bool) -> None:
        """Sweeps and pricing in turn, until a pricing of all rows finds no arc that pays."""
        dear = network.level.ground.yt.shape[0] > PRICING_IS_DEAR
        self._sweeps(network)
        pivots = -1
        while pivots != self.pivots:
            pivots = self.pivots
            order = self.random.permutation(network.shape[0])
            for portion in np.array_split(order, PORTIONS):
                network.price(portion, self._slices)
                self.passes += 1
                self._sweeps(network, until_empty=dear)
            if final:
                self._look(network)

    def _sweeps(self, network: Network, until_empty: bool = True) -> None:
        while True:
            before = self.pivots
            rows = self.random.permutation(network.shape[0])
            for begin in range(0, rows.size, SWEEP_ROWS):
                self._tick()
                limit = np.iinfo(np.int64).max
                if self.options.max_iter is not None:
                    limit = self.options.max_iter - self.pivots
                    if limit <= 0:
                        raise Stop(Status.MAX_ITER)
                pivots, degenerate = network.sweep(rows[begin : begin + SWEEP_ROWS], limit)
                self.pivots += pivots
                self.degenerate += degenerate
            if self.pivots == before or not until_empty:
                return

    def _slices(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        for some in row_slices(self.cost, rows):
            self._tick()
            yield some

    def _look(self, network: Network) -> None:
        """Where somebody wants to know: the certified bracket now, and whether it is within tol."""
        if self.options.tol == 0.0 and not progress.listening():
            return
        order, cost = self.cost.ordered, self.cost
        a, b = self.a / self.a.sum(), self.b / self.b.sum()
        f, g = network.potentials()
        dual = certify(cost, a, b, restored(f, order.rows), restored(g, order.cols)).dual
        primal = network.value / float(self.a.sum())
        self.bracket = (bracketed(dual, cost), bracketed(primal, cost))
        if self.options.tol > 0.0 and primal - dual <= self.options.tol * abs(primal):
            raise Stop(Status.CONVERGED)

    def _tick(self) -> None:
        self.clock.check(self._message)

    def _message(self) -> Progress:
        return Progress("NetworkSimplex", f"{self.pivots} pivots", None, *self.bracket)
