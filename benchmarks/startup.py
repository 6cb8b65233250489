"""What a fresh process takes, wall clock: the shell command, the import, and the same through POT."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.cases import SEED
from benchmarks.machine import ROOT
from benchmarks.row import Row
from benchmarks.timing import Effort, Lap, interleaved
from benchmarks.tools import TOOLS

RUNS = Effort(seconds=15.0, most=9)
QUICK = Effort(seconds=0.0, most=1)
THROUGH_POT = (
    "import numpy as np, ot; x, y = np.load('x.npy'), np.load('y.npy'); "
    "print(ot.emd2([], [], ot.dist(x, y, metric='euclidean'), numItermax=10**8))"
)


def rows(quick: bool) -> list[Row]:
    """n = 1000 points in the plane, p = 1, from .npy and .csv."""
    n = 40 if quick else 1000
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        for name, mean in (("x", 0.0), ("y", 0.5)):
            points = rng.normal(mean, 1.0, size=(n, 2))
            np.save(Path(folder, f"{name}.npy"), points)
            np.savetxt(Path(folder, f"{name}.csv"), points, delimiter=",")
        entries = [entry for entry in _entries() if TOOLS[entry[1]].installed]
        processes = [_process(command, folder) for _, _, _, command in entries]
        for run in processes:  # caches of compiled code and of the disk
            run()
        timed = interleaved(processes, QUICK if quick else RUNS)
    found = []
    for (case, tool, text, _), (laps, failure) in zip(entries, timed):
        status = failure or "exit 0"
        points = {"n": n, "m": n, "d": 2, "p": 1.0} if case == "distance" else {}
        found.append(Row("startup", case, tool, text, [lap.seconds for lap in laps], [], status=status, **points))
    return found


def _entries() -> list[tuple[str, str, str, list[str]]]:
    """Case, tool, what a user types, what is run."""
    script = Path(sys.executable).with_name("otkit")
    otkit = [str(script)] if script.is_file() else [sys.executable, "-m", "otkit"]
    python = [sys.executable, "-c"]
    return [
        ("distance", "otkit", "otkit distance x.npy y.npy", [*otkit, "distance", "x.npy", "y.npy"]),
        ("distance", "otkit", "otkit distance x.csv y.csv", [*otkit, "distance", "x.csv", "y.csv"]),
        ("distance", "POT", f'python -c "{THROUGH_POT}"', [*python, THROUGH_POT]),
        ("import", "NumPy", 'python -c "import numpy"', [*python, "import numpy"]),
        ("import", "otkit", 'python -c "import otkit"', [*python, "import otkit"]),
        ("import", "POT", 'python -c "import ot"', [*python, "import ot"]),
        ("import", "Python", 'python -c "pass"', [*python, "pass"]),
    ]


def _process(command: list[str], folder: str) -> Callable[[], Lap]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run() -> Lap:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True)
        return Lap(time.perf_counter() - start, None, None)

    return run
