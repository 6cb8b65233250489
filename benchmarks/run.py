"""`python -m benchmarks.run`: measures otkit and every installed peer, prints as it goes, writes JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.machine import ROOT, facts
from benchmarks.row import Row
from benchmarks.timing import Effort
from benchmarks.works import SUITES, of_work

RESULTS = ROOT / "benchmarks" / "results"


def main(argv: list[str] | None = None) -> int:
    """0 when everything was measured; 2 where --only does not fit the file it would be put into."""
    options = _options(argv)
    document = _document(options)
    if document is None:
        message = f"{options.out} comes from another machine, code or mode: give another --out, or measure all."
        print(message, file=sys.stderr)
        return 2
    for work in options.only:
        start = time.perf_counter()
        print(f"== {work}", flush=True)
        rows = []
        for row in _measured(work, options.quick, SUITES[options.suite].effort):
            _show(row)
            rows.append(row.to_dict())
        document["rows"] = [row for row in document["rows"] if row["work"] != work] + rows
        document["works"][work] = {"measured": date.today().isoformat(), "seconds": time.perf_counter() - start}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        # after each work, so that an interrupted run loses one work and not all
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {options.out}", flush=True)
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="core", help="which works (default: %(default)s)")
    parser.add_argument("--only", metavar="W,W", help="some works of the suite; an unknown name lists them")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run each: shows that the harness works")
    parser.add_argument("--out", type=Path, help="JSON to write (default: benchmarks/results/SUITE.json)")
    options = parser.parse_args(argv)
    options.out = options.out or RESULTS / f"{options.suite}.json"
    works = SUITES[options.suite].works
    options.only = list(works) if options.only is None else options.only.split(",")
    unknown = [name for name in options.only if name not in works]
    if unknown:
        parser.error(f"no such work: {', '.join(unknown)}; {options.suite} has {', '.join(works)}")
    return options


def _document(options: argparse.Namespace) -> dict | None:
    """A new one, or the one in the file when part of it is measured again under equal conditions."""
    suite = SUITES[options.suite]
    machine = facts(suite.packages)
    fresh = {"suite": options.suite, "quick": options.quick, "machine": machine, "works": {}, "rows": []}
    if set(options.only) == set(suite.works) or not options.out.is_file():
        return fresh
    old = json.loads(options.out.read_text(encoding="utf-8"))
    return old if all(old[key] == fresh[key] for key in ("suite", "quick", "machine")) else None


def _measured(work: str, quick: bool, effort: Effort) -> Iterator[Row]:
    if work == "startup":
        from benchmarks import startup

        yield from startup.rows(quick)
        return
    from benchmarks import measure

    for position, case in enumerate(of_work(work, quick)):
        yield from measure.rows(case, position, quick, effort)


def _show(row: Row) -> None:
    seconds = "failed" if row.median is None else f"{row.median:9.4f} s (best {row.best:.4f}, {len(row.seconds)} runs)"
    more = [f"error {row.error:.1e}"] if row.error is not None else []
    more += [f"{row.iterations} iterations"] if row.iterations is not None else []
    more += [f"gap {row.gap:.1e}"] if row.gap is not None else []
    more += [f"peak {row.peak_mb:.0f} MB"] if row.peak_mb is not None else []
    more += [f"peak {row.peak_failure}"] if row.peak_failure else []
    more += [row.status] if row.status else []
    more += [row.arrays] if row.arrays else []
    print(f"{row.case:34} {row.tool:6} {seconds}  {', '.join(more)}  {row.call}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
