"""Sinkhorn under way: potentials, eps, precision, and the loop of sweeps that every use of regularisation shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from otkit.gibbs import DOUBLE, EXACT, MIXED, SINGLE, Gibbs, Precision, Swept
from otkit.kernels.anderson import accelerate, forget, new_past
from otkit.kernels.small import FACTOR, MOST_ROUGH, ROUGH
from otkit.problem import Problem
from otkit.result import Status
from otkit.solvers.base import Stop

SINGLE_FLOOR = 2.0**-22  # marginal error that float32 costs leave, for exponents of size 1
MIXED_FLOOR = 5e-7  # and float32 exponentials of float64 exponents
PATIENCE = 100  # sweeps at one eps before Newton's step is tried, and then again after twice as many
ENOUGH, IDLE = 0.5, 4  # part of the error that steps must leave behind, and how many may go by before they do
ENTRIES, MOST_ENTRIES = 256, 2**22  # of the plan, for each row and column, and at all: 160 MB
VAGUE = 2.0**-26  # of eps: costs below it are seen to no more than half the digits in a dual value
NOISE = {SINGLE: 1e-5, MIXED: 1e-6, DOUBLE: 1e-11, EXACT: 1e-11}  # of eps: what rounding moves the dual value by


PRECISIONS = {"auto": (SINGLE, MIXED, DOUBLE), "float32": (SINGLE,), "float64": (DOUBLE,)}
FEW_PAIRS = 2**20  # a sweep over them takes 1 ms in float64, and each precision 10 s of compilation at its first use


def precisions(dtype: str, gibbs: Gibbs) -> tuple[Precision, ...]:
    """What to sweep in, coarsest first."""
    few = dtype == "auto" and gibbs.a.size * gibbs.b.size <= FEW_PAIRS
    return PRECISIONS["float64" if few else dtype]


@dataclass(eq=False)
class Schrodinger:
    """The regularised problem of one Gibbs density, solved as far as it is.

    `check` is called before every sweep and may raise Stop; a limit leaves the potentials of the last full sweep.
    """

    gibbs: Gibbs
    check: Callable[[Schrodinger], None]
    precisions: tuple[Precision, ...] = (SINGLE, MIXED, DOUBLE)
    limit: int | None = None  # of sweeps
    eps: float = np.inf
    iterations: int = 0
    error: float = np.inf
    precision: Precision = field(init=False)
    f: np.ndarray = field(init=False)
    g: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.f, self.g = np.zeros(self.gibbs.a.size), np.zeros(self.gibbs.b.size)
        self.precision = self.precisions[0]

    @property
    def objective(self) -> float:
        """The dual value of the regularised problem, for total mass 1."""
        return float(self.gibbs.a @ self.f + self.gibbs.b @ self.g)

    def value(self) -> float:
        """The objective, or <C, P> where eps is so large that rounding, 1e-16 eps, exceeds eps KL(P | a b): at most
        <C, P>^2 / eps."""
        objective = self.objective
        if abs(objective) < VAGUE * self.eps:
            _, _, paid, absolute = self.gibbs.measure(self.gibbs.coupling(self.f, self.g, self.eps))
            return paid if absolute < VAGUE * self.eps else objective
        return objective

    def anneal(self, start: float, eps: float) -> None:
        """From `start` down to just above eps, roughly: every potential is a good first guess for the next."""
        while start > eps * 1.5:
            self.converge(start, ROUGH, MOST_ROUGH)
            start = max(eps, start / FACTOR)

    def converge(self, eps: float, tol: float, most: int | None = None) -> None:
        """Sweeps with Anderson acceleration until the marginal error is at most tol, or `most` sweeps are made.

        Afterwards (f, g) are the potentials whose error it is: f gives the rows their masses, exactly.
        """
        self.eps, self.error = eps, np.inf
        self.precision = self._precision(tol, np.inf)
        past, ahead = new_past(self.gibbs.b.size), np.empty(self.gibbs.b.size)
        g, done, patience = self.g, 0, PATIENCE
        while self.error > tol and (most is None or done < most):
            swept = self._sweep(g)
            done += 1
            self.f, self.g, self.error = swept.f, g, swept.error
            if done >= patience and self.error > tol:
                swept, done = self._newton(swept, tol), done + 1
                patience, g = 2 * done, self.g
                forget(past)
            finer = self._precision(tol, swept.error)
            if finer is not self.precision:
                self.precision, self.error = finer, max(self.error, 2.0 * tol)
                past.best[0] = -np.inf  # values of the two precisions do not compare
            if self.error > tol:
                noise = NOISE[self.precision] * eps
                accelerate(past, g, swept.g, self.gibbs.b, self.objective, noise, ahead)
                g = ahead.copy()

    def _sweep(self, g: np.ndarray) -> Swept:
        self.check(self)
        if self.limit is not None and self.iterations >= self.limit:
            raise Stop(Status.MAX_ITER)
        self.iterations += 1
        return self.gibbs.sweep(self.f, g, self.eps, self.precision)

    def _newton(self, swept: Swept, tol: float) -> Swept:
        """Newton's steps while the plan is sparse and they help; the last sweep, from the potentials they lead to."""
        gibbs, eps = self.gibbs, self.eps
        entries = gibbs.entries(self.f, self.g, eps, min(ENTRIES * sum(gibbs.shape), MOST_ENTRIES))
        if entries is None:
            return swept
        self.precision = self.precisions[-1]  # rounding would hide what a weak link needs
        forest = gibbs.spanned(entries, self.f, self.g, eps)
        goal, idle = ENOUGH * self.error, 0
        while self.error > tol and idle < IDLE:
            step, before = gibbs.newton(entries, forest, swept, self.g, eps), self.objective
            for share in (1.0, 0.25):
                g = self.g + share * step
                ahead = self._sweep(g)
                rise = gibbs.a @ ahead.f + gibbs.b @ g - before
                if ahead.error <= goal or rise > NOISE[self.precision] * eps:
                    break
            else:
                return swept
            self.f, self.g, self.error, swept = ahead.f, g, ahead.error, ahead
            goal, idle = (ENOUGH * self.error, 0) if self.error <= goal else (goal, idle + 1)
        return swept

    def finish(self, eps: float, tol: float) -> None:
        """`converge`, with a marginal error that float64 sees: the last sweep is exact, as far as the precisions go."""
        self.converge(eps, tol)
        while True:
            swept = self.gibbs.sweep(self.f, self.g, eps, EXACT)
            self.f, self.error = swept.f, swept.error
            if self.error <= tol:
                return
            if self.precisions[-1] is SINGLE:
                raise Stop(Status.MAX_ITER)  # more sweeps in float32 do not bring it down
            self.precisions = (EXACT,)  # DOUBLE's costs differ in many dimensions, where roots feel it: 4e-9 at p = 1
            self.converge(eps, 0.9 * tol)

    def of_all_points(self, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        """f and g of every point in the caller's order, those without mass included."""
        gibbs, cost = self.gibbs, problem.cost
        f, g = np.empty(problem.a.size), np.empty(problem.b.size)
        f[gibbs.rows], g[gibbs.cols] = self.f, self.g
        light_rows, light_cols = np.flatnonzero(problem.a == 0), np.flatnonzero(problem.b == 0)
        if light_rows.size:
            f[light_rows] = gibbs.extended(cost, light_rows, self.g, self.eps)
        if light_cols.size:
            g[light_cols] = gibbs.transposed.extended(cost.transposed(), light_cols, self.f, self.eps)
        return f, g

    def _precision(self, tol: float, error: float) -> Precision:
        """The cheapest whose rounding does not yet show at this error."""
        size = max(float(np.abs(self.f).max()), float(np.abs(self.g).max()), self.eps) / self.eps
        floors = {SINGLE: SINGLE_FLOOR * size, MIXED: MIXED_FLOOR, DOUBLE: 0.0, EXACT: 0.0}
        for precision in self.precisions:
            if max(tol, error / 4.0) > floors[precision]:
                return precision
        return self.precisions[-1]
