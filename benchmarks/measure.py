"""One case to its rows: warm-up, interleaved runs, reference, peak memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.alone import Alone, Place, peak
from benchmarks.backends import installed
from benchmarks.calls import Call
from benchmarks.cases import Case
from benchmarks.contestant import Contestant
from benchmarks.marginals import Outcome, outcome
from benchmarks.reference import Reference, reference
from benchmarks.row import Row
from benchmarks.thresholds import given, loose
from benchmarks.timing import ONCE, Effort, Lap, Timed, interleaved
from benchmarks.tools import Answer, read

WARM_UP = 0.25  # of the points, for peers, which compile nothing. otkit's kernels of coarser levels need the whole case
ENOUGH = 10_000  # points for those, where a case has more: there are no others
WHOLE = ("otkit", "OTT")  # and what is compiled for a shape is run in that shape


def rows(case: Case, position: int, quick: bool, effort: Effort) -> list[Row]:
    """`position` is the case's place in its work, which names it to a fresh process."""
    calls = [call for call in case.calls if installed(call)]
    once = quick or case.work == "accuracy"  # there the cost is what counts, not the time
    arrays = case.arrays()
    found_before = given(case, arrays)
    arrays |= found_before
    places = [Place(case.work, position, case.calls.index(call), quick, found_before) for call in calls]
    runs = [_contestant(call, arrays, place) for call, place in zip(calls, places)]
    _warm_up(case, calls, runs)
    timed = interleaved(runs, ONCE if once else effort)
    values = [one.laps[0].value if one.laps else None for one in timed]
    truth = None if case.entropic else _truth(case, arrays, calls, values)
    found = []
    for call, one, run, place in zip(calls, timed, runs, places):
        row = _row(case, call, one, _answer(case, arrays, call, one), truth)
        if call.memory and isinstance(run, Alone):
            row.peak_mb, row.peak_failure = run.peak_mb, one.failure if run.peak_mb is None else None
        elif call.memory:
            row.peak_mb, row.peak_failure = peak(place)
        found.append(row)
    return found


def _contestant(call: Call, arrays: dict[str, Any], place: Place) -> Callable[[], Lap]:
    """Tiny sizes end soon enough in this process."""
    return Alone(place, call.limit) if call.limit and not place.quick else _Late(call, arrays)


class _Late:
    """A contestant made at its first run, so that one that cannot even be made ready is a failed run like others."""

    def __init__(self, call: Call, arrays: dict[str, Any]) -> None:
        self.call, self.arrays = call, arrays
        self.made: Contestant | None = None

    def __call__(self) -> Lap:
        if self.made is None:
            self.made = Contestant(self.call, self.arrays)
        return self.made()


def _warm_up(case: Case, calls: Sequence[Call], runs: Sequence[Callable[[], Lap]]) -> None:
    """A run in a process of its own has its imports for itself; but where it is otkit's exact one, this process sees to
    it that all kernels are in their cache."""
    fewer = case.shrunk(WARM_UP).arrays() if case.entropic is None else loose(case.quick())
    many = case.entropic is None and not case.flat and max(case.n, case.m) > ENOUGH
    enough = case.shrunk(ENOUGH / max(case.n, case.m)).arrays() if many else None

    def whole(call: Call) -> bool:
        """Entropic calls for memory need a minute, and their time is no target."""
        return call.tool in WHOLE and not (case.entropic and call.memory)

    warming: list[Callable[[], Lap]] = []
    for call, run in zip(calls, runs):
        if many and call.tool == "otkit":
            warming.append(_Late(call, enough))
        elif not isinstance(run, Alone):
            warming.append(run if whole(call) else _Late(call, fewer))
    interleaved(warming, ONCE)


def _truth(case: Case, arrays: dict[str, Any], calls: Sequence[Call], values: Sequence[Any]) -> Reference | None:
    """Made of the first answer of otkit; where that came from another process, already made there."""
    own = next((value for value, call in zip(values, calls) if call.tool == "otkit" and value is not None), None)
    return own.reference if isinstance(own, Outcome) else reference(case, arrays, own)


def _answer(case: Case, arrays: dict[str, Any], call: Call, timed: Timed) -> Answer | Outcome:
    value = timed.laps[0].value if timed.laps else None
    if value is None:
        return Answer(None, None, None)
    if case.entropic is None or isinstance(value, Outcome):
        return value if isinstance(value, Outcome) else read(value)
    return outcome(case, arrays, call, value)


def _row(case: Case, call: Call, timed: Timed, answer: Answer | Outcome, truth: Reference | None) -> Row:
    row = Row(
        case.work,
        case.name,
        call.tool,
        call.text,
        [lap.seconds for lap in timed.laps],
        [lap.matrix_seconds for lap in timed.laps if lap.matrix_seconds is not None],
        **{key: getattr(case, key) for key in ("n", "m", "d", "p", "metric", "weights")},
        cost=answer.cost,
        status=timed.failure or answer.status,
        gap=answer.gap,
    )
    if case.entropic is not None:
        row.arrays, row.steps = f"{call.backend} {call.dtype}", list(call.steps) if call.steps else None
        row.share, row.tol = case.entropic.share, case.entropic.tol
    if isinstance(answer, Outcome):
        row.error, row.iterations = answer.error, answer.iterations
    if truth is not None and answer.cost is not None:
        row.error = abs(answer.cost - truth.cost) / truth.cost
        row.reference, row.reference_gap = truth.how, truth.gap
    return row
