"""`python -m benchmarks.report`: docs/benchmarks.md from benchmarks/results/*.json. No figure is typed by hand."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.cases import SEED
from benchmarks.machine import ROOT
from benchmarks.notes import NOTES, UNEXPLAINED
from benchmarks.row import Row
from benchmarks.targets import TARGETS, by_case, worst_difference
from benchmarks.timing import FULL

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
TITLES = {
    "startup": "Fresh process",
    "line": "On the line",
    "exact": "Exact, in the plane",
    "high": "Exact, 64 dimensions",
    "transport": "A given cost matrix",
    "large": "Exact, in the plane, large",
    "accuracy": "Accuracy",
}
NOTHING = "-"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files (default: all in benchmarks/results)")
    parser.add_argument("--out", type=Path, default=PAGE, help="page to write (default: %(default)s)")
    options = parser.parse_args(argv)
    files = options.results or sorted(RESULTS.glob("*.json"))
    if not files:
        print(f"no results in {RESULTS}: run python -m benchmarks.run first.", file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    options.out.write_text(page(documents), encoding="utf-8")
    print(f"wrote {options.out}")
    return 0


def page(documents: Iterable[dict]) -> str:
    """The whole page, one part for each file of results."""
    parts = ["# Benchmarks", "Made by `python -m benchmarks.report` from `benchmarks/results/*.json`; do not edit."]
    for document in documents:
        rows = [Row.from_dict(values) for values in document["rows"]]
        parts.append(f"## Suite: {document['suite']}")
        if document["quick"]:
            parts.append("**Quick run on tiny sizes: these figures only show that the harness works.**")
        parts += [targets(rows), how(document), *sections(rows)]
    return "\n\n".join(parts) + "\n"


def targets(rows: Sequence[Row]) -> str:
    """Target, reach, measured, met; below it what bounds the missed ones."""
    lines, missed = [], []
    for target in TARGETS:
        value = target.measure(rows)
        if value is None:
            shown, met = "not measured", NOTHING
        else:
            shown, met = f"{figure(value)}{target.unit}", "yes" if target.met(value) else "**no**"
            if not target.met(value):
                missed.append(f"- **{target.what}** ({shown}): {NOTES.get(target.key, UNEXPLAINED)}")
        lines.append([target.what, size(rows, target.work), target.reach, shown, met])
    text = "### Targets\n\n" + table(["work", "largest size", "reach", "measured", "met"], lines)
    return text + ("\n\nMissed, and what bounds them:\n\n" + "\n".join(missed) if missed else "")


def size(rows: Sequence[Row], work: str) -> str:
    sizes = [(row.n, row.m) for row in rows if row.work == work and row.n is not None]
    return f"n = {max(sizes)[0]}" if sizes else NOTHING


def how(document: dict) -> str:
    """Machine, versions and method."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {number or 'absent'}" for name, number in machine["packages"].items())
    total = sum(work["seconds"] for work in document["works"].values())
    days = ", ".join(sorted({work["measured"] for work in document["works"].values()}))
    return f"""### How it was measured

{machine["cpu"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB; {machine["system"]}, Python {machine["python"]};
otkit {machine["otkit"]}; {versions}. Measured on {days}, {total / 60:.0f} minutes in all.

- x ~ N(0, I), y ~ N(0.5, I), seed {SEED}; random weights are uniform on (0, 1), normalised. The call in a table is the
  code that was run.
- One process, tools in turn (otkit, peer, otkit, peer ...) after a warm-up outside the clock: peers on a quarter of the
  points, otkit on all, so that nothing compiles inside it. A call is given about {FULL.seconds:g} seconds, at least
  one run and at most {FULL.most} (for accuracy one); ratios are of medians. Time includes the cost matrix a tool
  needs; *matrix* is that part alone.
- *error* is |cost - reference| / reference. The reference is the cost of otkit's plan with every cost recomputed by
  SciPy, once its marginals have been checked; *reference gap* is its relative distance from the value of otkit's
  potentials, less their largest excess over any cost. On long lines the reference is the quantile formula in extended
  precision. The accuracy targets compare with POT and HiGHS directly.
- *status* and *gap* are what the tool itself says; {NOTHING} where it says nothing.
- *peak* is the peak resident memory of a fresh process less what it held after all imports: warm caches, samples in
  memory."""


def sections(rows: Sequence[Row]) -> list[str]:
    """A table for each work that was measured."""
    found = []
    for work, title in TITLES.items():
        cases = by_case(rows, work)
        if cases:
            found.append(f"### {title}\n\n" + (accuracy(rows) if work == "accuracy" else timings(cases)))
    return found


def timings(cases: dict[str, list[Row]]) -> str:
    head = ["case", "tool", "call", "median s", "best s", "runs", "matrix s", "error", "reference gap"]
    head += ["status", "gap", "peak MB"]
    lines = []
    for case, rows in cases.items():
        for row in rows:
            matrix = sorted(row.matrix_seconds)[len(row.matrix_seconds) // 2] if row.matrix_seconds else None
            figures = [row.median, row.best, len(row.seconds), matrix, row.error, row.reference_gap]
            own = [row.status or NOTHING, figure(row.gap), row.peak_failure or figure(row.peak_mb)]
            lines.append([case, row.tool, f"`{row.call}`", *map(figure, figures), *own])
    return table(head, lines)


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


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
