"""Optimal transport with proof: Wasserstein distances between sample sets, each with a certified bracket."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otkit import data, datasets, errors, plot, progress, solvers
    from otkit.critic import Critic
    from otkit.debiased import DivergenceResult, sinkhorn_divergence
    from otkit.duality import DualityReport, verify
    from otkit.entropic import EntropicPlan
    from otkit.front import solve, transport, wasserstein
    from otkit.gaussian import gaussian_wasserstein
    from otkit.plan import Plan
    from otkit.problem import Problem
    from otkit.result import Entropic, Potentials, Result, Stats, Status

__version__ = "0.1.0"

# Everything is imported on first use: numba alone takes a second, and `otkit --help` needs none of it.
_HOME = {
    "wasserstein": "otkit.front",
    "transport": "otkit.front",
    "solve": "otkit.front",
    "sinkhorn_divergence": "otkit.debiased",
    "DivergenceResult": "otkit.debiased",
    "Entropic": "otkit.result",
    "EntropicPlan": "otkit.entropic",
    "Problem": "otkit.problem",
    "Result": "otkit.result",
    "Status": "otkit.result",
    "Stats": "otkit.result",
    "Potentials": "otkit.result",
    "Plan": "otkit.plan",
    "Critic": "otkit.critic",
    "gaussian_wasserstein": "otkit.gaussian",
    "verify": "otkit.duality",
    "DualityReport": "otkit.duality",
}
_MODULES = ("errors", "solvers", "progress", "data", "datasets", "plot")

__all__ = [
    "Critic",
    "DivergenceResult",
    "DualityReport",
    "Entropic",
    "EntropicPlan",
    "Plan",
    "Potentials",
    "Problem",
    "Result",
    "Stats",
    "Status",
    "data",
    "datasets",
    "errors",
    "gaussian_wasserstein",
    "plot",
    "progress",
    "sinkhorn_divergence",
    "solve",
    "solvers",
    "transport",
    "verify",
    "wasserstein",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"otkit.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'otkit' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "__version__"})
