"""One case to its rows: warm-up, interleaved runs, reference, peak memory."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.contestant import Contestant
from benchmarks.memory import peak
from benchmarks.reference import Reference, reference
from benchmarks.row import Row
from benchmarks.timing import FULL, ONCE, Timed, interleaved
from benchmarks.tools import TOOLS, Answer, read

WARM_UP = 0.25  # of the points, for peers, which compile nothing. otkit's kernels of coarser levels need the whole case


def rows(case: Case, position: int, quick: bool) -> list[Row]:
    """`position` is the case's place in its work, which names it to a fresh process."""
    calls = [call for call in case.calls if TOOLS[call.tool].installed]
    once = quick or case.work == "accuracy"  # there the cost is what counts, not the time
    arrays, fewer = case.arrays(), case.shrunk(WARM_UP).arrays()
    interleaved([Contestant(call, arrays if call.tool == "otkit" else fewer) for call in calls], ONCE)
    timed = interleaved([Contestant(call, arrays) for call in calls], ONCE if once else FULL)
    values = [one.laps[0].value if one.laps else None for one in timed]
    truth = reference(case, arrays, next((v for v, call in zip(values, calls) if call.tool == "otkit"), None))
    answers = [Answer(None, None, None) if value is None else read(value) for value in values]
    found = []
    for call, one, answer in zip(calls, timed, answers):
        row = _row(case, call.tool, call.text, one, answer, truth)
        if call.memory:
            row.peak_mb, row.peak_failure = peak(case.work, position, case.calls.index(call), quick)
        found.append(row)
    return found


def _row(case: Case, tool: str, text: str, timed: Timed, answer: Answer, truth: Reference | None) -> Row:
    row = Row(
        case.work,
        case.name,
        tool,
        text,
        [lap.seconds for lap in timed.laps],
        [lap.matrix_seconds for lap in timed.laps if lap.matrix_seconds is not None],
        **{key: getattr(case, key) for key in ("n", "m", "d", "p", "metric", "weights")},
        cost=answer.cost,
        status=timed.failure or answer.status,
        gap=answer.gap,
    )
    if truth is not None and answer.cost is not None:
        row.error = abs(answer.cost - truth.cost) / truth.cost
        row.reference, row.reference_gap = truth.how, truth.gap
    return row
