"""All works, and the suites they belong to. A suite is measured by itself, on one machine, into one file."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.cases import CORE, Case
from benchmarks.entropic_cases import SINKHORN
from benchmarks.entropic_targets import SINKHORN_TARGETS
from benchmarks.multiscale_cases import MULTISCALE
from benchmarks.multiscale_targets import MULTISCALE_TARGETS
from benchmarks.targets import CORE_TARGETS, Target
from benchmarks.timing import FULL, SHORT, Effort

WORKS = CORE | SINKHORN | MULTISCALE


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
MULTISCALE_TITLES = {
    "multiscale_peers": "Ten thousand points, beside POT",
    "multiscale_images": "Two images",
    "multiscale_finer_images": "Two images of four times the pixels",
    "multiscale_curve": "Time against n",
    "multiscale_large": "A hundred thousand points",
    "multiscale_million": "A million points, to a certified gap",
    "multiscale_million_exact": "A million points, to the optimum",
}
EVERY = ("numpy", "scipy", "numba", "POT")
SUITES = {
    "core": Suite(CORE_TITLES, CORE_TARGETS, (*EVERY, "lapx"), FULL),
    "sinkhorn": Suite(
        SINKHORN_TITLES,
        SINKHORN_TARGETS,
        (*EVERY, "torch", "geomloss", "pykeops", "ott-jax", "jax", "jaxlib"),
        SHORT,
    ),
    "multiscale": Suite(MULTISCALE_TITLES, MULTISCALE_TARGETS, (*EVERY, "lapx"), FULL),
}


def of_work(work: str, quick: bool) -> list[Case]:
    return [case.quick() if quick else case for case in WORKS[work]()]
