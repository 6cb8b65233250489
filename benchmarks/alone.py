"""One call in a fresh process: `python -m benchmarks.alone WORK CASE CALL [--quick] [--given JSON] [--outcome]`.

For peak memory: the process's peak after the call less what it held before it; imports are done and the samples made
by then. The caches of compiled code are warm, but loading that code into the process counts, as it does for a user.
And for calls with a limit, which only a process of its own can be held to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import ROOT
from benchmarks.timing import Lap, TooLong

PROC = Path("/proc")


class Place(NamedTuple):
    """Which call: its number on a case, the case's number in its work. `given` are names found outside the clock."""

    work: str
    case: int
    call: int
    quick: bool
    given: dict[str, Any]


class Peak(NamedTuple):
    """MB of 2**20 bytes, or why there is no figure."""

    mb: float | None
    failure: str | None


def peak(place: Place) -> Peak:
    """Peak memory of a call."""
    if not (PROC / "self" / "status").is_file():
        return Peak(None, "failed: no /proc on this system")
    try:
        return Peak(_run(place, None)["peak_mb"], None)
    except RuntimeError as error:
        return Peak(None, f"failed: {error}"[:200])


class Alone:
    """A contestant whose runs are processes. What comes out is an `Outcome`, and in `peak_mb` the last run's peak."""

    def __init__(self, place: Place, limit: float) -> None:
        self.place, self.limit = place, limit
        self.peak_mb: float | None = None

    def __call__(self) -> Lap:
        from benchmarks.marginals import Outcome

        start = time.perf_counter()
        try:
            found = _run(self.place, self.limit)
        except _Ended as ended:
            self.peak_mb = ended.peak_mb
            raise
        self.peak_mb = found["peak_mb"]
        spent = time.perf_counter() - start  # a process takes 10 s to start where torch and JAX are installed
        return Lap(found["seconds"], found["matrix_seconds"], Outcome.from_dict(found["outcome"]), spent)


class _Ended(TooLong):
    """The call's process was ended; its peak by then was `peak_mb`."""

    def __init__(self, limit: float, peak_mb: float | None) -> None:
        super().__init__(f"longer than {limit:g} s")
        self.peak_mb = peak_mb


def _run(place: Place, limit: float | None) -> dict[str, Any]:
    """What the process found. Raises _Ended, and RuntimeError with its last word."""
    command = [sys.executable, "-m", "benchmarks.alone", place.work, str(place.case), str(place.call)]
    command += ["--quick"] * place.quick + ["--outcome"] * (limit is not None)
    command += ["--given", json.dumps(place.given)]
    peaks: list[float | None] = []
    with tempfile.TemporaryFile("w+") as complaints:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints, text=True) as process:
            found = json.loads(process.stdout.readline() or "{}")  # it is ready

            def end() -> None:
                peaks.append(_reading("VmHWM", process.pid))
                process.kill()  # in compiled code too

            timer = threading.Timer(threading.TIMEOUT_MAX if limit is None else limit, end)
            timer.start()
            found |= json.loads(process.stdout.readline() or "{}")  # it has run
            timer.cancel()
            found |= json.loads(process.stdout.readline() or "{}")
        if peaks:
            raise _Ended(limit, _less(peaks[0], found["before_mb"]))
        if process.returncode != 0:
            complaints.seek(0)
            raise RuntimeError(f"exit {process.returncode}: {(complaints.read().strip().splitlines() or [''])[-1]}")
    return found | {"peak_mb": _less(found["peak_mb"], found["before_mb"])}


def _less(peak: float | None, before: float | None) -> float | None:
    return None if peak is None or before is None else peak - before


def _reading(field: str, process: int | str = "self") -> float | None:
    status = PROC / str(process) / "status"
    for line in status.read_text().splitlines() if status.is_file() else []:
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return None


def _forget_peak() -> None:
    """From here on the process's peak is counted anew, so that a compiler's does not stand for the call's."""
    try:
        (PROC / "self" / "clear_refs").write_text("5")
    except OSError:
        pass  # then the peak of the imports counts too, which no import here exceeds its end by


def main(arguments: list[str]) -> None:
    """Says three things, a line each: what it holds before the call; time and peak; with --outcome, what came out."""
    from benchmarks.contestant import Contestant
    from benchmarks.thresholds import loose
    from benchmarks.works import of_work

    options = _options(arguments)
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the complaints
    case = of_work(options.work, options.quick)[options.case]
    call = case.calls[options.call]
    if options.outcome and not call.memory:
        Contestant(call, loose(case.quick()))()  # libraries that start threads at the first use
    arrays = {**case.arrays(), **options.given}
    run = Contestant(call, arrays)
    print(json.dumps({"before_mb": _reading("VmRSS")}), file=said, flush=True)
    _forget_peak()
    lap = run()
    found = {"seconds": lap.seconds, "matrix_seconds": lap.matrix_seconds, "peak_mb": _reading("VmHWM")}
    print(json.dumps(found), file=said, flush=True)
    if options.outcome:
        from benchmarks.marginals import outcome

        print(json.dumps({"outcome": outcome(case, arrays, call, lap.value)._asdict()}), file=said, flush=True)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alone", description=__doc__)
    parser.add_argument("work")
    parser.add_argument("case", type=int)
    parser.add_argument("call", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--given", type=json.loads, default={}, help="more names for the call, a JSON object")
    parser.add_argument("--outcome", action="store_true", help="warm up, and read what came out")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
