"""Sinkhorn divergence and slices on a CUDA device, beside flash-sinkhorn where it is installed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import torch

from benchmarks.primal_contest import Contestant, lap
from otkit.torch import sliced_cost
from otkit.torch.primal.entropic import Options, solve
from otkit.torch.primal.pair import pair

SWEEPS = 100  # symmetric iterations
EPS = 0.1  # of the mean cost


def rows(rounds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """Seconds and peak memory over the input; no truth: iterations are counted, not accuracy."""
    n, d = (500, 64) if quick else (50_000, 64)
    x, y = (torch.randn(n, d, device="cuda") / d**0.5 for _ in range(2))
    contestants = [("otkit", f"solve(pair(x, y), Options(symmetric=True, max_iter={SWEEPS}))", _own)]
    if find_spec("flash_sinkhorn"):
        contestants.append(("flash-sinkhorn", f"symmetric sinkhorn, {SWEEPS} iterations", _flash))
    for tool, text, run in contestants:
        yield {"tool": tool, "call": text, "n": n, "d": d, **_measured(lambda: run(x, y), rounds)}  # noqa: B023
    n, d = (1000, 3) if quick else (1_000_000, 3)
    x, y = (torch.randn(n, d, device="cuda") for _ in range(2))
    one = Contestant("otkit", "sliced_cost(x, y, n_projections=256)", _sliced, torch.float32)
    yield {"tool": "otkit", "call": one.text, "n": n, "d": d, **_measured(lambda: lap(one, x, y), rounds)}
    lines = torch.randn(256, n, device="cuda")
    yield {"tool": "torch", "call": "twice torch.sort of (256, n)", "n": n, "d": d,
           **_measured(lambda: (lines.sort(1), lines.sort(1)), rounds)}  # fmt: skip


def _own(x: torch.Tensor, y: torch.Tensor) -> None:
    options = Options(2.0 * EPS, 2.0, "euclidean", 0.0, SWEEPS, None, symmetric=True)
    solve(pair(x, y), options)


def _flash(x: torch.Tensor, y: torch.Tensor) -> None:
    from flash_sinkhorn import SamplesLoss

    loss = SamplesLoss("sinkhorn", blur=(2.0 * EPS / 2.0) ** 0.5, use_epsilon_scaling=False, n_iters=SWEEPS,
                       debias=False)  # fmt: skip
    loss(x, y)


def _sliced(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return sliced_cost(x, y, n_projections=256)


def _measured(run: Callable[[], object], rounds: int) -> dict[str, Any]:
    """The first call compiles and tunes; it is not counted."""
    run()
    torch.cuda.synchronize()
    seconds, before = [], torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        seconds.append(start.elapsed_time(end) / 1e3)
    peak = torch.cuda.max_memory_allocated() - before
    return {"median": statistics.median(seconds), "best": min(seconds), "runs": rounds, "peak_mb": peak / 2**20,
            "device": torch.cuda.get_device_name()}  # fmt: skip
