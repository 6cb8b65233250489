"""`python -m benchmarks.bench_primal exact|divergence|cuda`: primal losses forward and backward, beside their peers.

Rows go into one JSON file, each in place of the one it repeats, so parts can be run one by one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.keep import keep, shown
from benchmarks.run import RESULTS

SUITE = "primal"
PACKAGES = ("numpy", "numba", "torch", "POT", "geomloss", "pykeops", "triton")
KEYS = {
    "exact": ("tool", "call", "n", "d", "weights"),
    "divergence": ("tool", "call", "dtype", "n", "d"),
    "cuda": ("tool", "call", "n", "d"),
}


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    if options.part == "cuda" and not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device here: nothing was measured.", file=sys.stderr)
        return 2
    for row in _rows(options):
        print(shown(row), flush=True)
        keep(options.out, SUITE, options.part, row, KEYS[options.part], PACKAGES, quick=options.quick)
    print(f"wrote {options.out}; python -m benchmarks.report puts it into docs/benchmarks.md")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_primal", description=__doc__)
    parser.add_argument("part", choices=KEYS)
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each tool (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it works")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "primal.json")
    return parser.parse_args(argv)


def _rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.part == "exact":
        from benchmarks import primal_exact

        return primal_exact.rows(options.rounds, options.quick)
    if options.part == "divergence":
        from benchmarks import primal_divergence

        return primal_divergence.rows(options.rounds, options.quick)
    from benchmarks import primal_cuda

    return primal_cuda.rows(options.rounds, options.quick)


if __name__ == "__main__":
    sys.exit(main())
