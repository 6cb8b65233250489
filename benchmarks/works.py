"""All works, and the suites they belong to. A suite is measured by itself, on one machine, into one file."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.cases import CORE, Case
from benchmarks.entropic_cases import SINKHORN
from benchmarks.entropic_targets import SINKHORN_TARGETS
from benchmarks.targets import CORE_TARGETS, Target
from benchmarks.timing import FULL, SHORT, Effort

WORKS = CORE | SINKHORN


class Suite(NamedTuple):
    """`works` in the order measured, with their titles; `packages` whose versions its figures depend on; `effort` for
    each call."""

    works: dict[str, str]
    targets: tuple[Target, ...]
    packages: tuple[str, ...]
    effort: Effort


CORE_TITLES = {
    "startup": "Fresh process",
    "line": "On the line",
    "exact": "Exact, in the plane",
    "high": "Exact, 64 dimensions",
    "transport": "A given cost matrix",
    "large": "Exact, in the plane, large",
    "accuracy": "Accuracy",
}
SINKHORN_TITLES = {
    "sinkhorn_iteration": "Sinkhorn: one iteration",
    "sinkhorn_converge": "Sinkhorn: to a small marginal error",
    "sinkhorn_memory": "Sinkhorn: memory",
    "sinkhorn_gap": "Sinkhorn: to a certified gap",
    "sinkhorn_batch": "Sinkhorn: many small problems",
}
BOTH = ("numpy", "scipy", "numba", "POT")
SUITES = {
    "core": Suite(CORE_TITLES, CORE_TARGETS, (*BOTH, "lapx"), FULL),
    "sinkhorn": Suite(
        SINKHORN_TITLES,
        SINKHORN_TARGETS,
        (*BOTH, "torch", "geomloss", "pykeops", "ott-jax", "jax", "jaxlib"),
        SHORT,
    ),
}


def of_work(work: str, quick: bool) -> list[Case]:
    return [case.quick() if quick else case for case in WORKS[work]()]
