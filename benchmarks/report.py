"""`python -m benchmarks.report`: pages from benchmarks/results/*.json. No figure is typed by hand.

Suites that measure time make docs/benchmarks.md, with the picture of time against n beside it; those in `INSERTED` go
between the marks of a page written by hand, and so does the table of speeds in README.md, from all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import headline
from benchmarks.gan_tables import page as gan_page
from benchmarks.machine import ROOT
from benchmarks.method import how
from benchmarks.multiscale_targets import CURVE
from benchmarks.notes import NOTES, UNEXPLAINED
from benchmarks.picture import PLACE, draw, embedded
from benchmarks.primal_tables import page as primal_page
from benchmarks.row import Row
from benchmarks.tables import NOTHING, figure, section, table
from benchmarks.targets import Target
from benchmarks.truth_tables import inserted
from benchmarks.works import SUITES

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
OWN = {"gan": gan_page, "primal": primal_page}  # suites with tables of their own kind
INSERTED = {"w1_truth": (ROOT / "docs" / "duality.md", inserted)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files (default: all in benchmarks/results)")
    parser.add_argument("--out", type=Path, default=PAGE, help="page of the timed suites (default: %(default)s)")
    options = parser.parse_args(argv)
    files = options.results or sorted(RESULTS.glob("*.json"))
    if not files:
        print(f"no results in {RESULTS}: run python -m benchmarks.run first.", file=sys.stderr)
        return 2
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    timed = [document for document in documents if document["suite"] not in INSERTED]
    if timed:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(page(timed), encoding="utf-8")
        print(f"wrote {options.out}")
    if not options.results:
        readme = ROOT / "README.md"
        readme.write_text(headline.inserted(readme.read_text(encoding="utf-8"), timed), encoding="utf-8")
        print(f"wrote the table of {readme}")
    for document in timed:
        picture = options.out.parent / PLACE
        if document["suite"] not in OWN and draw(_rows(document), picture):
            print(f"drew {picture}")
    for document in documents:
        if document["suite"] in INSERTED:
            path, insert = INSERTED[document["suite"]]
            path.write_text(insert(path.read_text(encoding="utf-8"), document), encoding="utf-8")
            print(f"wrote the tables of {path}")
    return 0


def page(documents: Iterable[dict]) -> str:
    """The whole page, one part for each file of results."""
    parts = ["# Benchmarks", "Made by `python -m benchmarks.report` from `benchmarks/results/*.json`; do not edit."]
    for document in documents:
        if document["suite"] in OWN:
            parts.append(OWN[document["suite"]](document))
            continue
        rows, suite = _rows(document), SUITES[document["suite"]]
        parts.append(f"## Suite: {document['suite']}")
        if document["quick"]:
            parts.append("**Quick run on tiny sizes: these figures only show that the harness works.**")
        parts += [targets(rows, suite.targets), how(document)]
        sections = {title: section(rows, work) for work, title in suite.works.items()}
        if embedded(rows):
            sections[suite.works[CURVE]] += f"\n\n{embedded(rows)}"
        parts += [f"### {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join(parts) + "\n"


def _rows(document: dict) -> list[Row]:
    return [Row.from_dict(values) for values in document["rows"]]


def targets(rows: Sequence[Row], wanted: Sequence[Target]) -> str:
    """Target, reach, measured, met; below it what bounds the missed ones."""
    lines, missed = [], []
    for target in wanted:
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


if __name__ == "__main__":
    sys.exit(main())
