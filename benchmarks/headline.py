"""The table of speeds in README.md, from the results of all timed suites. No figure of it is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.row import Row
from benchmarks.tables import NOTHING, between, table
from benchmarks.targets import by_case, fastest

BEGIN, END = "<!-- speeds: made by python -m benchmarks.report, do not edit -->", "<!-- end of speeds -->"
TOOLS = {"otkit": ("otkit",), "POT": ("POT",), "OTT": ("OTT",), "GeomLoss": ("GeomLoss", "KeOps"), "SciPy": ("SciPy",)}


class Line(NamedTuple):
    """A case of a work, in words."""

    work: str
    case: str
    what: str


LINES = (
    Line("line", "d=1 n=1000000 p=1 uniform", "W_1 on the line, n = 1,000,000"),
    Line("multiscale_peers", "d=2 n=10000 p=2 uniform", "exact W_2 in the plane, n = 10,000"),
    Line("multiscale_peers", "d=2 n=10000 p=1 uniform", "exact W_1 in the plane, n = 10,000"),
    Line("multiscale_large", "d=2 n=100000 p=2 uniform", "exact W_2 in the plane, n = 100,000"),
    Line("high", "d=64 n=4000 p=2 uniform", "exact W_2 in 64 dimensions, n = 4000"),
    Line(
        "sinkhorn_converge",
        "d=2 n=5000 p=2 uniform eps=0.01 mean cost to 1e-06",
        "Sinkhorn to a marginal error of 1e-6, n = 5000",
    ),
    Line(
        "sinkhorn_batch",
        "d=2 n=64 p=2 uniform 1000 problems eps=0.05 mean cost to 1e-06",
        "1000 Sinkhorn problems, n = 64",
    ),
)


def inserted(page: str, documents: Iterable[dict]) -> str:
    """The page with the table between its two marks made anew."""
    rows = [Row.from_dict(values) for document in documents for values in document.get("rows", [])]
    return between(page, BEGIN, END, speeds(rows))


def speeds(rows: Sequence[Row]) -> str:
    """Median seconds of each tool's fastest call that reached what was asked; works not measured are left out."""
    lines = []
    for line in LINES:
        case = by_case(rows, line.work).get(line.case, [])
        times = [_of(case, names) for names in TOOLS.values()]
        if times[0] is not None:
            lines.append([line.what, *(NOTHING if time is None else f"{time:.2g} s" for time in times)])
    return table(["", *TOOLS], lines)


def _of(case: Sequence[Row], names: Sequence[str]) -> float | None:
    return min((time for name in names if (time := fastest(case, name)) is not None), default=None)
