"""`python -m benchmarks.bench_gpu [-o FILE]`: what a CUDA device does of the GAN layer, into JSON.

Needs torch with CUDA, numba and otkit, no peers. It runs `bench_gan speed` on the device, on large and small layers;
`python -m benchmarks.report` puts the rows beside those of the CPU.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.bench_gan import main as bench_gan

LAYERS = (("512", "512", "512"), ("64", "64"))


def main(argv: list[str] | None = None) -> int:
    """0 when measured, 2 where torch sees no CUDA device."""
    arguments = sys.argv[1:] if argv is None else argv
    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device here: nothing was measured.", file=sys.stderr)
        return 2
    return max(bench_gan(["speed", "--device", "cuda", "--hidden", *layers, *arguments]) for layers in LAYERS)


if __name__ == "__main__":
    sys.exit(main())
