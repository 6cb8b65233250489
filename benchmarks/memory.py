"""Peak memory of one call over import, in a fresh process: `python -m benchmarks.memory WORK CASE CALL [--quick]`.

VmHWM after the call less VmRSS before it; imports are done and the samples made by then. The caches of compiled code
are warm, but loading that code into the process counts, as it does for a user.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.machine import ROOT

STATUS = Path("/proc/self/status")


def peak_mb(work: str, case: int, call: int, quick: bool) -> float | None:
    """MB of 2**20 bytes; None where there is no /proc or the call failed."""
    if not STATUS.is_file():
        return None
    command = [sys.executable, "-m", "benchmarks.memory", work, str(case), str(call), *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


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
