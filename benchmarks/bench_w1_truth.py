"""`python -m benchmarks.bench_w1_truth`: how far sample W_1, the exact critic and other critics are from the truth.

Funnels know the W_1 of their populations and its potential. Accuracy is measured, never time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.machine import facts
from benchmarks.run import RESULTS
from benchmarks.truth_critics import Critic, given, untrained
from benchmarks.truth_measure import Truth
from benchmarks.truth_trained import EXCESS, trained

SUITE = "w1_truth"
PACKAGES = ("numpy", "scipy", "numba", "torch")
QUICK = {"dims": [2], "funnels": [4], "n": 200, "iterations": 20}


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    settings = {name: getattr(options, name) for name in ("dims", "funnels", "n", "seed", "critic")}
    settings |= {"train": options.train, "iterations": options.iterations if options.train else None}
    document = {"suite": SUITE, "quick": options.quick, "measured": date.today().isoformat()}
    document |= {"machine": facts(PACKAGES), "settings": settings, "problems": []}
    make = None if options.critic is None else given(options.critic)
    for n_funnels in options.funnels:
        for d in options.dims:
            truth = Truth(options.n, d, n_funnels, options.seed)
            values = truth.figures() | dict(truth.own())
            print(
                f"== {n_funnels} funnels in {d} d: W_1 of the populations {values['population']:.5g}, of the samples "
                f"{values['sample']:.5g}",
                flush=True,
            )
            values["critics"] = []
            for name, critic in _critics(truth, options, make):
                found = truth.of(name, critic)
                _show(found)
                values["critics"].append(found)
            document["problems"].append(values)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            # after each problem, so that an interrupted run loses one and not all
            options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {options.out}; python -m benchmarks.report puts it into docs/duality.md", flush=True)
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_w1_truth", description=__doc__)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64, 128], help="dimensions")
    parser.add_argument("--funnels", type=int, nargs="+", default=[4, 16], help="numbers of funnels")
    parser.add_argument("-n", type=int, default=4096, help="samples of each side, and fresh points (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of funnels, samples and training (%(default)s)")
    parser.add_argument("--critic", metavar="FILE.py:FUNCTION", help="called with a problem, returns a critic")
    parser.add_argument(
        "--train",
        type=int,
        nargs="*",
        metavar="D",
        help="WGAN-GP and WGAN-LP critics too, in all dimensions or in these",
    )
    parser.add_argument("--iterations", type=int, default=3000, help="of training (%(default)s; published 60000)")
    parser.add_argument("--quick", action="store_true", help="one tiny problem: shows that the harness works")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / f"{SUITE}.json", help="JSON (%(default)s)")
    options = parser.parse_args(argv)
    if options.quick:
        vars(options).update(QUICK)
    if options.train is not None:
        options.train = [d for d in options.dims if d in (options.train or options.dims)]
    return options


def _critics(truth: Truth, options: argparse.Namespace, make) -> Iterator[tuple[str, Critic]]:
    yield from untrained(truth.problem, truth.result)
    if truth.problem.x.shape[1] in (options.train or ()):
        for method in EXCESS:
            yield method, trained(truth.problem, method, options.iterations, options.seed)
    if make is not None:
        yield options.critic, make(truth.problem)


def _show(found: dict) -> None:
    fresh = found["fresh"]
    print(
        f"{found['critic']:24} cosine {found['cosine_x']:6.3f} at x {found['cosine_y']:6.3f} at y; on fresh points "
        f"raw {fresh['raw']:8.4f} ({found['share']:.0%} of the truth) slope {fresh['slope']:.4g} captured "
        f"{fresh['captured']:.1%}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
