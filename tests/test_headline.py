"""The table of speeds in the README comes from the results and from nowhere else."""

import json
from pathlib import Path

import pytest

from benchmarks import headline
from benchmarks.machine import ROOT
from benchmarks.row import Row

RESULTS = ROOT / "benchmarks" / "results"


def documents():
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RESULTS.glob("*.json"))]


def test_the_readme_has_the_table_of_the_results():
    page = Path(ROOT / "README.md").read_text(encoding="utf-8")
    timed = [document for document in documents() if document["suite"] != "w1_truth"]
    assert headline.inserted(page, timed) == page, "python -m benchmarks.report writes it"


def test_every_line_is_a_case_that_exists():
    from benchmarks.works import WORKS

    known = {(work, case.name) for work, cases in WORKS.items() for case in cases()}
    assert {(line.work, line.case) for line in headline.LINES} <= known


def test_the_fastest_call_that_reached_what_was_asked():
    line = headline.LINES[0]
    rows = [row for row in _rows(documents()) if row.work == line.work and row.case == line.case]
    assert rows
    table = headline.speeds(rows)
    best = min(row.median for row in rows if row.tool == "POT" and row.reached)
    assert f"{best:.2g} s" in table and line.what in table
    assert headline.LINES[1].what not in table


def test_marks_are_needed():
    with pytest.raises(ValueError, match="marks"):
        headline.inserted("no marks", [])


def _rows(found):
    return [Row.from_dict(values) for document in found for values in document.get("rows", [])]
