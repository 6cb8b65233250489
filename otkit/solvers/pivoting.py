"""The network simplex under its limits: levels, sweeps, pricing; `NetworkSimplex` and `Multiscale` are its faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from otkit import progress
from otkit.certificate import feasible_as_is, restored, row_slices
from otkit.costs import Cost, SparseCost, part
from otkit.kernels.simplex import chunk_of
from otkit.problem import Problem
from otkit.progress import Progress
from otkit.result import Certificate, Result, Stats, Status, bracketed
from otkit.solvers.base import Clock, Stop, assemble, infeasible, stopped, unfinished, with_dust
from otkit.solvers.levels import Level, levels_of
from otkit.solvers.network import Network, bare_network, dense_network, sparse_network

PORTIONS = 8  # pricing takes an eighth of the rows at a time, pivots in between; all at once took 1.5 times as long
PRICING_IS_DEAR = 8  # above this dimension lists are emptied before rows are priced again
SWEEP_ROWS = 8192  # rows of one kernel call, or a chunk: under 0.2 s
PIVOTS_PER_LOOK = 1.0  # times the rows, from one certified bracket to the next: a look is a pass over all pairs
COARSE_SHARE = 0.5  # of `tol`: the gap at which a coarser level is left


class Limits(NamedTuple):
    """When to stop, and the seed of the order in which rows are priced."""

    max_iter: int | None
    time_limit: float | None
    tol: float
    seed: int


def solved(problem: Problem, name: str, limits: Limits, *, coarse: bool) -> Result:
    """The Result of the solver of that name; with `coarse`, by way of coarser problems where there are any."""
    a, b, _ = problem.units
    rows, cols = np.flatnonzero(a), np.flatnonzero(b)
    run = Pivoting(name, limits, part(problem.cost, rows, cols), a[rows], b[cols], coarse)
    status = run.run()
    part_rows, part_cols, flow, part_f, part_g = run.answer(status)
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
class Pivoting:
    """One solve: its limits, its levels, its sweeps. All rows and columns carry mass."""

    name: str
    limits: Limits
    cost: Cost
    a: np.ndarray
    b: np.ndarray
    coarse: bool
    network: Network | None = None
    pivots: int = 0
    degenerate: int = 0
    passes: int = 0
    looked: int = 0  # pivots when the bracket was certified last
    bracket: tuple[float | None, float | None] = (None, None)

    def __post_init__(self) -> None:
        self.clock = Clock(self.name, self.limits.time_limit)
        self.random = np.random.default_rng(self.limits.seed)

    @property
    def stats(self) -> Stats:
        arcs = int(self.network.lists.count.sum())
        return Stats(self.clock.seconds, self.pivots, self.degenerate, self.passes, arcs)

    def run(self) -> Status:
        """Solves as far as the limits allow; afterwards `network` holds a tree with a feasible flow."""
        levels, status = None, Status.OPTIMAL
        try:
            if isinstance(self.cost, SparseCost):
                self.network = sparse_network(self.cost, self.a, self.b)
                self._sweeps(self.network)
                return Status.INFEASIBLE if self.network.artificial() else Status.OPTIMAL
            levels = self._levels()
            for level in reversed(levels):
                handed = self.network.handed() if self.network else None
                self.network = dense_network(level, handed, self._slices)
                self._optimise(self.network, final=level is levels[0])
        except Stop as stop:
            status = stop.status
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        levels = levels or ([] if isinstance(self.cost, SparseCost) else self._levels())
        if levels and (self.network is None or self.network.level is not levels[0]):
            self._hand_down(levels)
        return status

    def _levels(self) -> list[Level]:
        return levels_of(self.cost, self.a, self.b, self.coarse)

    def _hand_down(self, levels: list[Level]) -> None:
        """Stopped above the finest level: its plan is made from the one reached, without another pivot."""
        reached = len(levels) if self.network is None else [level is self.network.level for level in levels].index(True)
        for level in reversed(levels[:reached]):
            guess = None if self.network is None else self.network.coarse_g
            handed = None if self.network is None else self.network.handed()
            if guess is not None and level is not levels[reached - 1]:
                handed = handed._replace(g=guess)  # potentials of a tree without pivots are worth less
            self.network = bare_network(level, handed)

    def answer(self, status: Status) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and units of the plan, and potentials f and g, in the order of `cost`."""
        rows, cols, units = self.network.flow()
        f, g = self.network.pair if status is Status.CONVERGED else self.network.potentials()
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
        if network.pair is None or (rows.size, cols.size) != problem.shape:
            return guesses, None
        f, g = restored(network.pair[0], order.rows), restored(network.pair[1], order.cols)
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
        """Sweeps and pricing in turn, until a pricing of all rows finds no arc that pays, or the level is near enough
        to its optimum."""
        dear = network.level.ground.yt.shape[0] > PRICING_IS_DEAR
        if self._near(network, final, network.bracket):
            return
        self.looked = self.pivots
        if self._sweeps(network, final=final):
            return
        pivots = -1
        while pivots != self.pivots:
            pivots = self.pivots
            order = self.random.permutation(network.shape[0])
            for portion in np.array_split(order, PORTIONS):
                network.price(portion, self._slices)
                self.passes += 1
                if self._sweeps(network, until_empty=dear, final=final):
                    return

    def _sweeps(self, network: Network, until_empty: bool = True, final: bool = True) -> bool:
        """Pivots on the lists; whether the level came near enough to its optimum meanwhile."""
        while True:
            before = self.pivots
            rows = self.random.permutation(network.shape[0])
            step = max(SWEEP_ROWS, chunk_of(rows.size))
            for begin in range(0, rows.size, step):
                self._tick()
                limit = np.iinfo(np.int64).max
                if self.limits.max_iter is not None:
                    limit = self.limits.max_iter - self.pivots
                    if limit <= 0:
                        raise Stop(Status.MAX_ITER)
                pivots, degenerate = network.sweep(rows[begin : begin + step], limit)
                self.pivots += pivots
                self.degenerate += degenerate
            if self._wanted(network, final) and self.pivots - self.looked >= PIVOTS_PER_LOOK * rows.size:
                self.looked = self.pivots
                if self._near(network, final, network.look(self._slices)):
                    return True
            if self.pivots == before or not until_empty:
                return False

    def _slices(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        for some in row_slices(self.cost, rows):
            self._tick()
            yield some

    def _wanted(self, network: Network, final: bool) -> bool:
        """Whether anybody wants to know the bracket before the end. A sparse problem has none before it."""
        return network.level is not None and (self.limits.tol > 0.0 or (final and progress.listening()))

    def _near(self, network: Network, final: bool, bracket: tuple[float, float]) -> bool:
        """Whether a coarser level is near enough to its optimum to be left; raises Stop where the problem itself is
        within tol."""
        (primal, dual), tol = bracket, self.limits.tol
        if not final:
            network.early = tol > 0.0 and primal - dual <= COARSE_SHARE * tol * abs(primal)
            return network.early
        self.bracket = (bracketed(dual, self.cost), bracketed(primal, self.cost))
        if tol > 0.0 and primal - dual <= tol * abs(primal):
            raise Stop(Status.CONVERGED)
        return False

    def _tick(self) -> None:
        self.clock.check(self._message)

    def _message(self) -> Progress:
        where = ""
        if self.coarse and self.network is not None and self.network.level is not None:
            where = f"{self.network.shape[0]} x {self.network.shape[1]}, {self.network.columns:.0f} columns a row, "
        return Progress(self.name, f"{where}{self.pivots} pivots", None, *self.bracket)
