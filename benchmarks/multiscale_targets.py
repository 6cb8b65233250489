"""What coarse to fine must reach. Times are medians; where a run takes long there is one."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.multiscale_cases import LOOSE
from benchmarks.row import Row
from benchmarks.targets import Rows, Target, by_case, fastest, ratio, worst
from otkit.plot.powers import power

Measure = Callable[[Rows], float | None]
PEERS, LARGE, IMAGES, CURVE = "multiscale_peers", "multiscale_large", "multiscale_images", "multiscale_curve"
MILLION, EXACT = "multiscale_million", "multiscale_million_exact"
GAP = 1e-9


def _over_otkit(d: int, p: int, weights: str) -> Measure:
    """POT, cost matrix included, over otkit."""

    def measure(rows: Rows) -> float | None:
        case = [row for row in rows if row.work == PEERS and (row.d, row.p, row.weights) == (d, p, weights)]
        return ratio(fastest(case, "POT"), fastest(case, "otkit"))

    return measure


def _worst(work: str, field: str, chosen: Callable[[Row], bool] = lambda row: True) -> Measure:
    """otkit's largest figure among the chosen rows; None as soon as one of them lacks it."""
    return lambda rows: worst(work, field)([row for row in rows if chosen(row)])


def exponent(rows: Rows) -> float | None:
    """Of otkit's time against n; None where a size has no time, or there are fewer than two."""
    own = [row for case in by_case(rows, CURVE).values() for row in case if row.tool == "otkit"]
    if len(own) < 2 or any(row.median is None for row in own):
        return None
    return power([row.n for row in own], [row.median for row in own])


def _squares(row: Row) -> bool:
    return row.p == 2


def _distances(row: Row) -> bool:
    return row.p == 1


def _high(row: Row) -> bool:
    return row.d == 64


def _times(d: int, p: int, weights: str, limit: float) -> Target:
    what = f"d = {d}, p = {p}, {weights} weights: POT over otkit"
    return Target(f"{PEERS}.{d}.{p}.{weights}", PEERS, what, limit, " x", True, _over_otkit(d, p, weights))


def _most(key: str, work: str, what: str, limit: float, unit: str, measure: Measure) -> Target:
    return Target(f"{work}.{key}", work, what, limit, unit, False, measure)


PLANE = "d = 2, p = 2"
MULTISCALE_TARGETS = (
    _times(2, 2, "uniform", 15),
    _times(2, 2, "random", 15),
    _times(2, 1, "uniform", 5),
    _times(3, 2, "uniform", 8),
    _times(64, 2, "random", 2),
    _most("memory", PEERS, "d = 64, the same: peak memory over import", 500, " MB", _worst(PEERS, "peak_mb", _high)),
    _most("gap", PEERS, "certified gap on all of these", GAP, "", _worst(PEERS, "gap")),
    _most("time", IMAGES, "two images of 128 x 128, p = 2: time", 3, " s", _worst(IMAGES, "median")),
    _most("gap", IMAGES, "the same: certified gap", GAP, "", _worst(IMAGES, "gap")),
    _most("power", CURVE, f"{PLANE}: exponent of time against n", 1.4, "", exponent),
    _most("time.2", LARGE, f"{PLANE}, both weights: time", 60, " s", _worst(LARGE, "median", _squares)),
    _most("gap.2", LARGE, "the same: certified gap", GAP, "", _worst(LARGE, "gap", _squares)),
    _most("memory", LARGE, "the same: peak memory over import", 1500, " MB", _worst(LARGE, "peak_mb", _squares)),
    _most("time.1", LARGE, "d = 2, p = 1: time", 600, " s", _worst(LARGE, "median", _distances)),
    _most("gap.1", LARGE, "the same: certified gap", GAP, "", _worst(LARGE, "gap", _distances)),
    _most("time", MILLION, f"{PLANE}, to a gap of {LOOSE:g}: time", 600, " s", _worst(MILLION, "median")),
    _most("gap", MILLION, "the same: certified gap", LOOSE, "", _worst(MILLION, "gap")),
    _most("memory", MILLION, "the same: peak memory over import", 8000, " MB", _worst(MILLION, "peak_mb")),
    _most("time", EXACT, f"{PLANE}, to the optimum (stretch): time", 2700, " s", _worst(EXACT, "median")),
    _most("gap", EXACT, "the same: certified gap", GAP, "", _worst(EXACT, "gap")),
)
