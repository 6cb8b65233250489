"""What must be reached, computed from rows; the core's. Times are medians: tools run different numbers of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.row import Row

Rows = Sequence[Row]


class Target(NamedTuple):
    """`measure` gives the figure, or None where its rows are missing."""

    key: str
    work: str
    what: str
    limit: float
    unit: str
    at_least: bool
    measure: Callable[[Rows], float | None]

    @property
    def reach(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}{self.unit}"

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def by_case(rows: Rows, work: str) -> dict[str, list[Row]]:
    """The rows of a work, case by case, in the order measured."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.work == work:
            found.setdefault(row.case, []).append(row)
    return found


def largest(rows: Rows, work: str) -> list[Row]:
    """The rows of a work's largest n (and m)."""
    sizes = [(row.n, row.m) for row in rows if row.work == work]
    return [row for row in rows if row.work == work and (row.n, row.m) == max(sizes)]


def fastest(rows: Rows, tool: str) -> float | None:
    """The tool's own best call of a case, by median. One that did not reach what was asked is no answer, and a
    difference of two runs that is not positive is no time."""
    times = (row.median for row in rows if row.tool == tool and row.seconds and row.reached)
    return min((seconds for seconds in times if seconds > 0), default=None)


def ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def _peer_over_otkit(work: str, tool: str, p: float, weights: str) -> Callable[[Rows], float | None]:
    def measure(rows: Rows) -> float | None:
        case = [row for row in largest(rows, work) if (row.p, row.weights) == (p, weights)]
        return ratio(fastest(case, tool), fastest(case, "otkit"))

    return measure


def _otkit_over_sorting(rows: Rows) -> float | None:
    case = [row for row in largest(rows, "line") if row.p == 1]
    return ratio(fastest(case, "otkit"), fastest(case, "NumPy"))


def worst(work: str, field: str, largest_only: bool = False) -> Callable[[Rows], float | None]:
    """The largest figure among otkit's rows; None as soon as one of them lacks it."""

    def measure(rows: Rows) -> float | None:
        chosen = largest(rows, work) if largest_only else rows
        own = [getattr(row, field) for row in chosen if row.work == work and row.tool == "otkit"]
        return max(own) if own and None not in own else None

    return measure


def worst_difference(rows: Rows, tool: str) -> float | None:
    """The largest |cost - peer's| / peer's over the accuracy cases; None where the peer is missing anywhere."""
    found = []
    for case in by_case(rows, "accuracy").values():
        costs = {row.tool: row.cost for row in case}
        own, peer = costs.get("otkit"), costs.get(tool)
        if own is None or peer is None:
            return None
        found.append(abs(own - peer) / abs(peer))
    return max(found, default=None)


def _worst_startup(case: str) -> Callable[[Rows], float | None]:
    def measure(rows: Rows) -> float | None:
        own = [row.median for row in by_case(rows, "startup").get(case, []) if row.tool == "otkit"]
        return max(own) if own and None not in own else None

    return measure


def _exact(p: int, weights: str) -> Target:
    what = f"exact, d = 2, p = {p}, {weights} weights: POT's fastest over otkit"
    return Target(f"exact.p{p}.{weights}", "exact", what, 2, " x", True, _peer_over_otkit("exact", "POT", p, weights))


ACCURACY = "relative difference of cost, all metrics and p"
CORE_TARGETS = (
    Target("accuracy.POT", "accuracy", f"{ACCURACY}, from POT", 1e-9, "", False, lambda r: worst_difference(r, "POT")),
    Target(
        "accuracy.HiGHS", "accuracy", f"{ACCURACY}, from HiGHS", 1e-9, "", False, lambda r: worst_difference(r, "HiGHS")
    ),
    Target("accuracy.gap", "accuracy", "certified relative gap on the same", 1e-9, "", False, worst("accuracy", "gap")),
    Target("line.sort", "line", "1-D, no weights: otkit over two np.sort", 0.5, " x", False, _otkit_over_sorting),
    Target(
        "line.SciPy",
        "line",
        "1-D, no weights: SciPy over otkit",
        10,
        " x",
        True,
        _peer_over_otkit("line", "SciPy", 1, "uniform"),
    ),
    *(_exact(p, weights) for p in (1, 2) for weights in ("uniform", "random")),
    Target(
        "exact.memory",
        "exact",
        "the same: peak memory over import",
        150,
        " MB",
        False,
        worst("exact", "peak_mb", True),
    ),
    Target(
        "high.POT",
        "high",
        "exact, d = 64, p = 2, uniform: POT over otkit",
        3,
        " x",
        True,
        _peer_over_otkit("high", "POT", 2, "uniform"),
    ),
    Target(
        "large.memory",
        "large",
        "d = 2, largest n: peak memory over import",
        300,
        " MB",
        False,
        worst("large", "peak_mb"),
    ),
    Target(
        "startup.distance",
        "startup",
        "`otkit distance`, fresh process, warm cache",
        1.5,
        " s",
        False,
        _worst_startup("distance"),
    ),
    Target("startup.import", "startup", '`python -c "import otkit"`', 0.3, " s", False, _worst_startup("import")),
)
