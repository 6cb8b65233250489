"""Peak memory of one call over import, in a fresh process: `python -m benchmarks.memory WORK CASE CALL [--quick]`.

VmHWM after the call less VmRSS before it; imports are done and the samples made by then. The caches of compiled code
are warm, but loading that code into the process counts, as it does for a user.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import ROOT

STATUS = Path("/proc/self/status")


class Peak(NamedTuple):
    """MB of 2**20 bytes, or why there is no figure."""

    mb: float | None
    failure: str | None


def peak(work: str, case: int, call: int, quick: bool) -> Peak:
    """Peak memory of call number `call` on case number `case` of a work."""
    if not STATUS.is_file():
        return Peak(None, "failed: no /proc on this system")
    command = [sys.executable, "-m", "benchmarks.memory", work, str(case), str(call), *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return Peak(float(done.stdout), None)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return Peak(None, f"failed: exit {done.returncode}: {last}"[:200])


def _reading(field: str) -> float:
    for line in STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise OSError(f"{STATUS} has no {field}")


def main(arguments: list[str]) -> None:
    from benchmarks.cases import of_work
    from benchmarks.contestant import Contestant

    work, case_index, call_index = arguments[0], int(arguments[1]), int(arguments[2])
    case = of_work(work, "--quick" in arguments)[case_index]
    run = Contestant(case.calls[call_index], case.arrays())
    before = _reading("VmRSS")
    run()
    print(_reading("VmHWM") - before)


if __name__ == "__main__":
    main(sys.argv[1:])
