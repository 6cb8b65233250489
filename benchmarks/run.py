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

RESULTS = ROOT / "benchmarks" / "results" / "core.json"
WORKS = ("startup", "line", "exact", "high", "transport", "large", "accuracy")


def main(argv: list[str] | None = None) -> int:
    """0 when everything was measured; 2 where --only does not fit the file it would be put into."""
    options = _options(argv)
    document = _document(options.out, options.quick, options.only)
    if document is None:
        message = f"{options.out} comes from another machine, code or mode: give another --out, or measure all."
        print(message, file=sys.stderr)
        return 2
    for work in options.only:
        start = time.perf_counter()
        print(f"== {work}", flush=True)
        rows = []
        for row in _measured(work, options.quick):
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
    parser.add_argument("--only", type=_works, default=WORKS, metavar="W,W", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run each: shows that the harness works")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON to write (default: %(default)s)")
    return parser.parse_args(argv)


def _works(text: str) -> list[str]:
    unknown = [name for name in text.split(",") if name not in WORKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such work: {', '.join(unknown)}; there are {', '.join(WORKS)}")
    return text.split(",")


def _document(out: Path, quick: bool, only: list[str]) -> dict | None:
    """A new one, or the one in the file when part of it is measured again under equal conditions."""
    fresh = {"suite": out.stem, "quick": quick, "machine": facts(), "works": {}, "rows": []}
    if set(only) == set(WORKS) or not out.is_file():
        return fresh
    old = json.loads(out.read_text(encoding="utf-8"))
    return old if (old["machine"], old["quick"]) == (fresh["machine"], quick) else None


def _measured(work: str, quick: bool) -> Iterator[Row]:
    if work == "startup":
        from benchmarks import startup

        yield from startup.rows(quick)
        return
    from benchmarks import cases, measure

    for position, case in enumerate(cases.of_work(work, quick)):
        yield from measure.rows(case, position, quick)


def _show(row: Row) -> None:
    seconds = "failed" if row.median is None else f"{row.median:9.4f} s (best {row.best:.4f}, {len(row.seconds)} runs)"
    more = [f"error {row.error:.1e}"] if row.error is not None else []
    more += [f"gap {row.gap:.1e}"] if row.gap is not None else []
    more += [f"peak {row.peak_mb:.0f} MB"] if row.peak_mb is not None else []
    more += [f"peak {row.peak_failure}"] if row.peak_failure else []
    more += [row.status] if row.status else []
    print(f"{row.case:34} {row.tool:6} {seconds}  {', '.join(more)}  {row.call}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
