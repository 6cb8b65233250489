"""The tools compared: what to import for each, whether it is installed, and how to read what it returns."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np


class Tool(NamedTuple):
    """`imports` is everything its calls need, executed before any clock or memory reading starts."""

    module: str
    imports: str

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None


OTT = "; ".join(
    [
        "import jax, ott, benchmarks.ott_online",
        "from ott.solvers import linear",
        "from ott.geometry.geometry import Geometry",
        "from ott.geometry.pointcloud import PointCloud",
        "from ott.geometry.epsilon_scheduler import Epsilon",
        "from ott.solvers.linear.acceleration import AndersonAcceleration, Momentum",
        "from ott.initializers.linear.initializers import GaussianInitializer",
    ]
)
GEOMLOSS = "import torch; from geomloss import SamplesLoss"
CDIST = "from scipy.spatial.distance import cdist"
TOOLS = {
    "otkit": Tool("otkit", "import otkit; import benchmarks.preload"),
    "POT": Tool("ot", f"import ot; {CDIST}"),
    "SciPy": Tool(
        "scipy",
        f"{CDIST}; from scipy.optimize import linear_sum_assignment; from scipy.stats import wasserstein_distance",
    ),
    "HiGHS": Tool("scipy", f"{CDIST}; from benchmarks.highs import highs"),
    "lapx": Tool("lap", f"import lap; {CDIST}"),
    "OTT": Tool("ott", OTT),
    "GeomLoss": Tool("geomloss", GEOMLOSS),
    "KeOps": Tool("pykeops", f"import pykeops; {GEOMLOSS}"),  # GeomLoss's own way without n x m arrays
    "NumPy": Tool("numpy", "import numpy as np"),
    "Python": Tool("sys", "import sys"),
}


class Answer(NamedTuple):
    """What the tool itself says; None where it says nothing."""

    cost: float | None
    status: str | None
    gap: float | None


def read(value: Any) -> Answer:
    """An otkit Result, a POT log (alone or after the cost), a number, or the two sorted samples, which have no cost.

    Raises TypeError on anything else: an answer that cannot be read must not pass for a tool that gives none.
    """
    if hasattr(value, "dual_cost"):
        return Answer(float(value.cost), value.status.name.lower(), float(value.gap))
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[1], dict):
        return Answer(float(value[0]), _pot_status(value[1]), None)
    if isinstance(value, dict) and "cost" in value:
        return Answer(float(value["cost"]), _pot_status(value), None)
    if isinstance(value, tuple) and all(isinstance(part, np.ndarray) for part in value):
        return Answer(None, None, None)
    if np.ndim(value) == 0 and not isinstance(value, dict):
        return Answer(float(value), None, None)
    raise TypeError(f"cannot read a cost from {type(value).__name__}")


def _pot_status(log: dict[str, Any]) -> str:
    """POT says nothing when all went well."""
    return str(log["warning"] or "optimal")
