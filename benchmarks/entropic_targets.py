"""What entropic transport must reach. A run that did not reach the error asked is no time to compare with."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.entropic_cases import SMALL_EPS
from benchmarks.row import Row
from benchmarks.targets import Rows, Target, fastest, ratio, worst

PEERS = ("OTT", "POT", "GeomLoss", "KeOps")
Chosen = Callable[[Row], bool]


def _peer(
    work: str, peers: tuple[str, ...], chosen: Chosen = lambda row: True, own: Chosen = lambda row: True
) -> Callable[[Rows], float | None]:
    """The fastest call of these peers among the chosen rows, over otkit's among those that are also its `own`."""

    def measure(rows: Rows) -> float | None:
        case = [row for row in rows if row.work == work and chosen(row)]
        found = [fastest(case, tool) for tool in peers]
        return ratio(
            min((seconds for seconds in found if seconds is not None), default=None),
            fastest([row for row in case if own(row)], "otkit"),
        )

    return measure


def _iterations(d: int) -> Chosen:
    return lambda row: row.d == d and row.share == SMALL_EPS


def _log_domain(row: Row) -> bool:
    """Of POT, NumPy's log-domain iteration; of otkit, all."""
    return _iterations(2)(row) and (
        row.tool != "POT" or ("'sinkhorn_log'" in row.call and row.arrays.startswith("numpy"))
    )


def _certified(row: Row) -> bool:
    """Sinkhorn to a gap, and not the exact solver beside it."""
    return "gap=" in row.call


def _loop(row: Row) -> bool:
    """Of POT, loops over problems; of otkit, all."""
    return row.tool != "POT" or " for " in row.call


def _times(key: str, work: str, what: str, limit: float, measure: Callable[[Rows], float | None]) -> Target:
    return Target(f"{work}.{key}", work, what, limit, " x", True, measure)


ITERATION, CONVERGE, MEMORY = "sinkhorn_iteration", "sinkhorn_converge", "sinkhorn_memory"
GAP, BATCH = "sinkhorn_gap", "sinkhorn_batch"
ONE = "one iteration, eps = 0.01 of the mean cost"
SINKHORN_TARGETS = (
    _times(
        "OTT.2", ITERATION, f"{ONE}, d = 2: OTT's fastest over otkit", 5, _peer(ITERATION, ("OTT",), _iterations(2))
    ),
    _times(
        "POT.2", ITERATION, f"{ONE}, d = 2: POT sinkhorn_log over otkit", 100, _peer(ITERATION, ("POT",), _log_domain)
    ),
    _times(
        "OTT.64", ITERATION, f"{ONE}, d = 64: OTT's fastest over otkit", 2, _peer(ITERATION, ("OTT",), _iterations(64))
    ),
    _times("peers", CONVERGE, "to a marginal error of 1e-6: the fastest peer over otkit", 5, _peer(CONVERGE, PEERS)),
    Target(
        f"{MEMORY}.peak",
        MEMORY,
        "eps = 0.05 of the mean cost: peak memory over import",
        200,
        " MB",
        False,
        worst(MEMORY, "peak_mb"),
    ),
    _times("POT", GAP, "certified gap of 1e-2: POT's exact emd2 over otkit", 3, _peer(GAP, ("POT",), own=_certified)),
    _times("POT", BATCH, "1000 small problems: a loop over POT over otkit", 10, _peer(BATCH, ("POT",), _loop)),
)
