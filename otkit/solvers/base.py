"""What all solvers share: stopping rules, the clock, and the way from integer flows to a `Result`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral, Real

import numpy as np

from otkit import progress
from otkit.certificate import certify, from_columns, most_promising, pass_seconds, without_work
from otkit.errors import Unsupported
from otkit.plan import Plan
from otkit.problem import Problem
from otkit.result import Certificate, Result, Stats, Status

REPORT_EVERY = 0.2  # seconds
PATIENCE = 0.3  # seconds that the bracket may take after Ctrl-C
GOOD_GAP = 1e-12  # a certificate within this of the plan is not worth a second try


class Stop(Exception):
    """Raised inside a solver when one of its limits is reached; carries the status."""

    def __init__(self, status: Status) -> None:
        self.status = status


@dataclass
class Clock:
    """Time since the start, the limit on it, and when the listener last heard of us."""

    solver: str
    limit: float | None = None
    start: float = field(default_factory=time.perf_counter)
    told: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def check(self, message: Callable[[], progress.Progress] | None = None) -> None:
        """Raises Stop when the time is up; reports progress when it is due."""
        if self.limit is not None and self.seconds > self.limit:
            raise Stop(Status.TIME_LIMIT)
        now = time.perf_counter()
        if message is not None and now - self.told > REPORT_EVERY:
            self.told = now
            progress.report(message())


def positive_limits(solver: object) -> None:
    """Refuses limits that make no sense, all of them in one message."""
    wrong = []
    for name in ("max_iter", "time_limit"):
        value = getattr(solver, name, None)
        if value is not None and not (isinstance(value, Real) and value >= 0):
            wrong.append(f"{name} is {value!r}: it is None (no limit) or a number >= 0.")
    for name in ("max_iter", "seed"):
        value = getattr(solver, name, None)
        if isinstance(value, bool) or (isinstance(value, Real) and not isinstance(value, Integral)):
            wrong.append(f"{name} is {value!r}: a whole number.")
    seed = getattr(solver, "seed", 0)
    if not (isinstance(seed, Integral) and seed >= 0):
        wrong.append(f"seed is {seed!r}: a whole number >= 0.")
    tol = getattr(solver, "tol", 0.0)
    if not (isinstance(tol, Real) and 0.0 <= tol < 1.0):
        wrong.append(f"tol is {tol!r}: a relative gap, 0 <= tol < 1 (0: solve to the optimum).")
    if wrong:
        raise Unsupported(" ".join(wrong))


def assemble(
    problem: Problem, solver: str, status: Status, stats: Stats, plan: Plan, f: np.ndarray, g: np.ndarray
) -> Result:
    """The Result of an optimal plan and its potentials (inf where unknown). The proof is made here, at once."""
    cost, a, b = problem.cost, problem.a, problem.b
    primal, paid = _primal(problem, plan)
    best = certify(cost, a, b, f, g)
    if primal - best.dual > GOOD_GAP * paid:
        best = max(best, from_columns(cost, a, b, np.zeros_like(b)), key=_dual)
    return Result(problem, solver, status, stats, primal, paid, partial(same, plan), partial(same, best))


def stopped(
    problem: Problem,
    solver: str,
    status: Status,
    stats: Stats,
    plan: Plan,
    guesses: list[np.ndarray],
    feasible: Certificate | None = None,
) -> Result:
    """The Result of a solve that ended early: any feasible plan, and the best of the feasible pair at hand and what the
    `guesses` (column potentials) are worth. After Ctrl-C one pass is made for the most promising, if it is short."""
    cost, a, b = problem.cost, problem.a, problem.b
    best = without_work(cost, a, b)
    if feasible is not None:
        best = max(best, feasible, key=_dual)
    guesses = [*guesses, np.zeros_like(b)]
    if status is not Status.INTERRUPTED:
        best = max(best, *(from_columns(cost, a, b, guess) for guess in guesses), key=_dual)
    elif pass_seconds(cost) < PATIENCE:
        guess = most_promising(cost, a, b, guesses)
        best = max(best, from_columns(cost, a, b, guess, both_sides=False), key=_dual)
    return Result(problem, solver, status, stats, *_primal(problem, plan), partial(same, plan), partial(same, best))


def unfinished(problem: Problem, solver: str, status: Status, stats: Stats, plan: Plan) -> Result:
    """The Result of a sparse problem stopped before all mass had found an allowed pair: no upper bound yet."""
    proof = without_work(problem.cost, problem.a, problem.b)
    return Result(problem, solver, status, stats, np.inf, np.inf, partial(same, plan), partial(same, proof))


def with_dust(problem: Problem, rows: np.ndarray, cols: np.ndarray, units: np.ndarray) -> Plan:
    """The plan of integer units, and the points whose mass is less than half a unit: `Problem.dust`."""
    entries = (rows, cols, problem.mass_of(units))
    if problem.dust[0].size:
        entries = tuple(np.concatenate(pair) for pair in zip(entries, problem.dust))
    return Plan(*entries, problem.shape)


def _primal(problem: Problem, plan: Plan) -> tuple[float, float]:
    """<C, plan>, and the same with all costs taken as positive."""
    paid = plan.mass * problem.cost.at(plan.rows, plan.cols)
    return float(paid.sum()), float(np.abs(paid).sum())


def _dual(certificate: Certificate) -> float:
    return certificate.dual


def same(value: object) -> object:
    """What a Result calls for a plan or a certificate that is there already; picklable, which a lambda is not."""
    return value


def infeasible(
    problem: Problem,
    solver: str,
    stats: Stats,
    plan: Plan,
    rows: np.ndarray,
    cols: np.ndarray,
    big_f: np.ndarray,
    big_g: np.ndarray,
) -> Result:
    """The Result of a problem without a feasible plan: cost and bracket are inf, the plan is the part that fits, and
    the potentials are the proof (Farkas): f + g <= 0 on every allowed pair and a @ f + b @ g > 0."""
    f, g = np.zeros(problem.a.size), np.zeros(problem.b.size)
    f[rows], g[cols] = big_f, big_g
    proof = Certificate(f, g, np.inf)
    return Result(problem, solver, Status.INFEASIBLE, stats, np.inf, np.inf, partial(same, plan), partial(same, proof))


def stuck(result: Result) -> str:
    """Which mass has nowhere to go, in words, from the proof of infeasibility."""
    problem = result.problem
    certificate = result.make_potentials()
    worst = None
    for level in range(1, int(max(certificate.f.max(), certificate.g.max())) + 1):
        for mass, mine, other_mass, other, names in (
            (problem.a, certificate.f, problem.b, certificate.g, ("rows", "columns")),
            (problem.b, certificate.g, problem.a, certificate.f, ("columns", "rows")),
        ):
            held, room = np.flatnonzero(mine >= level), np.flatnonzero(other <= -level)
            excess = float(mass[held].sum() - other_mass[room].sum())
            if worst is None or excess > worst[0]:
                worst = excess, held, float(mass[held].sum()), room, float(other_mass[room].sum()), names
    excess, held, have, room, take, (mine, other) = worst
    return (
        f"{mine} {_some(held)} hold mass {have:.6g} but may only use {other} {_some(room)}, which take {take:.6g}: "
        f"{excess:.6g} is stuck"
    )


def _some(indices: np.ndarray) -> str:
    shown = ", ".join(str(int(k)) for k in indices[:5])
    return f"[{shown}{', ...' if indices.size > 5 else ''}]"
