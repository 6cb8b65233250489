"""The cases of the entropic suite."""

from __future__ import annotations

from benchmarks import calls, entropic_calls
from benchmarks.cases import Case, Entropic

LARGE_EPS = 1.0  # of the mean cost: no pair is negligible there, so this is the speed without leaving any out
USUAL_EPS = 0.05  # OTT's default share
SMALL_EPS = 0.01  # where entropic transport begins to be near the exact one: for iterations and for convergence


def iteration() -> list[Case]:
    cases = []
    for d, share in ((2, SMALL_EPS), (64, SMALL_EPS), (2, LARGE_EPS)):
        compared = entropic_calls.iteration(everything=(d, share) == (2, SMALL_EPS))
        cases.append(Case("sinkhorn_iteration", 5000, 5000, d, 2, "uniform", compared, entropic=Entropic(share)))
    return cases


def converge() -> list[Case]:
    wanted = Entropic(SMALL_EPS, tol=1e-6)
    return [Case("sinkhorn_converge", 5000, 5000, 2, 2, "uniform", entropic_calls.converge(), entropic=wanted)]


def memory() -> list[Case]:
    wanted = Entropic(USUAL_EPS, tol=1e-3)
    return [Case("sinkhorn_memory", 50_000, 50_000, 3, 2, "uniform", entropic_calls.memory(), entropic=wanted)]


def gap() -> list[Case]:
    """Not to one eps, but to a certified 1 % of the cost without regularisation. The first call is the reference."""
    compared = (calls.wasserstein(2, False), entropic_calls.otkit("gap=1e-2"), calls.emd2(2, False))
    return [Case("sinkhorn_gap", 10_000, 10_000, 2, 2, "uniform", compared)]


def batch() -> list[Case]:
    wanted = Entropic(USUAL_EPS, tol=1e-6, problems=1000)
    return [Case("sinkhorn_batch", 64, 64, 2, 2, "uniform", entropic_calls.batch(), entropic=wanted)]


SINKHORN = {
    "sinkhorn_iteration": iteration,
    "sinkhorn_converge": converge,
    "sinkhorn_memory": memory,
    "sinkhorn_gap": gap,
    "sinkhorn_batch": batch,
}
