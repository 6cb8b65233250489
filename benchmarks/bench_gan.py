"""`python -m benchmarks.bench_gan speed|toys|truth`: the GAN layer, its speed and what it learns.

Rows go into one JSON file, each in place of the one it repeats, so parts can be run one by one.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from benchmarks.run import RESULTS

SUITE = "gan"
PACKAGES = ("numpy", "numba", "torch")
KEYS = {"speed": ("preset", "hidden", "device"), "toys": ("toy", "preset"), "truth": ("preset", "n_funnels", "d")}


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    for row in _rows(options):
        print(" ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)
        _keep(options.out, options.part, row, options.quick)
    print(f"wrote {options.out}; python -m benchmarks.report puts it into docs/benchmarks.md")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_gan", description=__doc__)
    parser.add_argument("part", choices=KEYS)
    parser.add_argument("--presets", nargs="+", help="of toys and truth (default: all that are compared)")
    parser.add_argument("--toys", nargs="+", default=["8 gaussians", "25 gaussians"])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 4, 8, 16, 32], help="of truth")
    parser.add_argument("--funnels", type=int, nargs="+", default=[4, 16], help="of truth")
    parser.add_argument("--steps", type=int, help="of toys, in place of their own; of truth, at most")
    parser.add_argument("--rounds", type=int, default=40, help="of speed (default: %(default)s)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 512, 512], help="layers, of speed")
    parser.add_argument("--device", default="cpu", help="of speed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it works")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "gan.json")
    return parser.parse_args(argv)


def _rows(options: argparse.Namespace):
    if options.part == "speed":
        from benchmarks import gan_speed

        for row in gan_speed.rows(tuple(options.hidden), options.rounds, options.device):
            yield {"hidden": options.hidden, "device": options.device, **row}
    elif options.part == "toys":
        from benchmarks import gan_toys

        for toy in options.toys:
            for preset in options.presets or gan_toys.CHANGES:
                yield gan_toys.row(toy, preset, options.steps, options.seed)
    else:
        from benchmarks import gan_truth

        for n_funnels in options.funnels:
            for d in options.dims:
                for preset in options.presets or gan_truth.SETTINGS:
                    yield gan_truth.row(preset, n_funnels, d, options.steps, options.seed)


def _keep(path: Path, part: str, row: dict[str, Any], quick: bool) -> None:
    """The file with this row in place of the one of the same key; read again, for parts that run side by side."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"suite": SUITE}
    row = {**row, "measured": date.today().isoformat(), "machine": facts(PACKAGES)}
    same = [row[key] for key in KEYS[part]]
    kept = [old for old in document.get(part, []) if [old[key] for key in KEYS[part]] != same]
    document |= {"quick": quick, part: [*kept, row]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


if __name__ == "__main__":
    sys.exit(main())
