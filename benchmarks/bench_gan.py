"""`python -m benchmarks.bench_gan speed|toys|digits|truth`: the GAN layer, its speed and what it learns.

Rows go into one JSON file, each in place of the one it repeats, so parts can be run one by one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.keep import keep, shown
from benchmarks.run import RESULTS

SUITE = "gan"
PACKAGES = ("numpy", "numba", "torch")
KEYS = {
    "speed": ("preset", "hidden", "device"),
    "toys": ("toy", "preset"),
    "digits": ("preset", "seed"),
    "truth": ("preset", "n_funnels", "d"),
}


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    for row in _rows(options):
        print(shown(row), flush=True)
        keep(options.out, SUITE, options.part, row, KEYS[options.part], PACKAGES, quick=options.quick)
    print(f"wrote {options.out}; python -m benchmarks.report puts it into docs/benchmarks.md")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_gan", description=__doc__)
    parser.add_argument("part", choices=KEYS)
    parser.add_argument("--presets", nargs="+", help="of toys, digits and truth (default: all that are compared)")
    parser.add_argument("--toys", nargs="+", default=["8 gaussians", "25 gaussians"])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 4, 8, 16, 32], help="of truth")
    parser.add_argument("--funnels", type=int, nargs="+", default=[4, 16], help="of truth")
    parser.add_argument("--steps", type=int, help="of toys and digits, in place of their own; of truth, at most")
    parser.add_argument("--rounds", type=int, default=40, help="of speed (default: %(default)s)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 512, 512], help="layers, of speed")
    parser.add_argument("--device", default="cpu", help="of speed")
    parser.add_argument("--seed", type=int, default=1, help="of toys and truth (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of digits (default: 1 2 3)")
    parser.add_argument("--picture", type=Path, help="of digits: where to draw samples of the first seed")
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
    elif options.part == "digits":
        from benchmarks import gan_digits

        presets = options.presets or list(gan_digits.CHANGES)
        yield from gan_digits.rows(presets, options.steps, options.seeds, options.picture)
    else:
        from benchmarks import gan_truth

        for n_funnels in options.funnels:
            for d in options.dims:
                for preset in options.presets or gan_truth.SETTINGS:
                    yield gan_truth.row(preset, n_funnels, d, options.steps, options.seed)


if __name__ == "__main__":
    sys.exit(main())
