"""Tables of the page: rows of results in, Markdown out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.row import Row
from benchmarks.targets import by_case, worst_difference

NOTHING = "-"


def section(rows: Sequence[Row], work: str) -> str:
    """The table of a work, or "" where it was not measured."""
    cases = by_case(rows, work)
    if not cases:
        return ""
    if work == "accuracy":
        return accuracy(rows)
    own = [row for case in cases.values() for row in case]
    return entropic(own) if any(row.share is not None for row in own) else timings(own)


def timings(rows: Sequence[Row]) -> str:
    head = ["case", "tool", "call", "median s", "best s", "runs", "matrix s", "error", "reference gap"]
    head += ["status", "gap", "peak MB"]
    lines = []
    for row in rows:
        figures = [*_seconds(row), row.error, row.reference_gap]
        lines.append([row.case, row.tool, f"`{row.call}`", *map(figure, figures), *_own_words(row)])
    return table(*filled(head, lines))


def entropic(rows: Sequence[Row]) -> str:
    """With the precision of the arrays, the marginal error that was reached, and what an iteration's time is of."""
    unit = " per iteration" if all(row.steps for row in rows) else ""
    head = ["case", "tool", "call", "arrays", f"median s{unit}", f"best s{unit}", "runs", "matrix s", "steps"]
    head += ["iterations", "marginal error", "status", "gap", "peak MB"]
    lines = []
    for row in rows:
        steps = f"{row.steps[0]} to {row.steps[1]}" if row.steps else NOTHING
        reached = [figure(row.iterations), figure(row.error)]
        calls = [row.case, row.tool, f"`{row.call}`", row.arrays or NOTHING]
        lines.append([*calls, *map(figure, _seconds(row)), steps, *reached, *_own_words(row)])
    return table(*filled(head, lines))


def _seconds(row: Row) -> list[float | None]:
    matrix = sorted(row.matrix_seconds)[len(row.matrix_seconds) // 2] if row.matrix_seconds else None
    return [row.median, row.best, len(row.seconds), matrix]


def _own_words(row: Row) -> list[str]:
    return [row.status or NOTHING, figure(row.gap), row.peak_failure or figure(row.peak_mb)]


def accuracy(rows: Sequence[Row]) -> str:
    """The worst of all sizes and weights for each metric and p."""
    own = [row for row in rows if row.work == "accuracy"]
    head = ["metric", "p", "cases", "from POT", "from HiGHS", "otkit's gap", "reference gap", "otkit's status"]
    lines = []
    for metric, p in dict.fromkeys((row.metric, row.p) for row in own):
        part = [row for row in own if (row.metric, row.p) == (metric, p)]
        mine = [row for row in part if row.tool == "otkit"]
        differences = [figure(worst_difference(part, tool)) for tool in ("POT", "HiGHS")]
        gaps = [figure(_largest(mine, key)) for key in ("gap", "reference_gap")]
        statuses = ", ".join(sorted({row.status or NOTHING for row in mine}))
        lines.append([metric, figure(p), str(len(mine)), *differences, *gaps, statuses])
    sizes = ", ".join(dict.fromkeys(f"{row.n} x {row.m} in {row.d} d" for row in own))
    return f"Largest relative differences over sizes {sizes}, uniform and random weights.\n\n" + table(head, lines)


def _largest(rows: Sequence[Row], field: str) -> float | None:
    """None as soon as one row lacks the figure."""
    values = [getattr(row, field) for row in rows]
    return None if None in values else max(values, default=None)


def figure(value: float | None) -> str:
    """Three digits, or a power of ten where the number is tiny."""
    if value is None:
        return NOTHING
    if value != 0 and abs(value) < 1e-4:
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def filled(head: Sequence[str], lines: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Without the columns that have nothing in any line."""
    kept = [k for k in range(len(head)) if any(line[k] != NOTHING for line in lines)]
    return [head[k] for k in kept], [[line[k] for k in kept] for line in lines]


def between(page: str, begin: str, end: str, text: str) -> str:
    """The page with `text` in place of everything between its two marks."""
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page lacks its marks: it needs a line {begin!r} and a line {end!r}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in rows)


def cell(text: str) -> str:
    """On one line: errors of peers have several."""
    return " ".join(text.split()).replace("|", "\\|")
