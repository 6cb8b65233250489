"""`python -m benchmarks.bench_gpu [--rounds N]`: a CUDA device on the GAN layer and on primal losses, into JSON.

Needs torch with CUDA, numba and otkit, no peers (flash-sinkhorn is measured where it is installed). It runs `bench_gan
speed` on the device, on large and small layers, and `bench_primal cuda`; `python -m benchmarks.report` puts the rows
beside those of the CPU.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.bench_gan import main as bench_gan
from benchmarks.bench_primal import main as bench_primal

LAYERS = (("512", "512", "512"), ("64", "64"))


def main(argv: list[str] | None = None) -> int:
    """0 when measured, 2 where torch sees no CUDA device."""
    rounds = sys.argv[1:] if argv is None else argv
    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device here: nothing was measured.", file=sys.stderr)
        return 2
    speed = max(bench_gan(["speed", "--device", "cuda", "--hidden", *layers, *rounds]) for layers in LAYERS)
    return max(speed, bench_primal(["cuda", *rounds]))


if __name__ == "__main__":
    sys.exit(main())
