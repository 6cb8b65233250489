"""Losses forward and backward, interleaved: seconds, and errors of the value and of the gradient."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # points to a scalar


class Answer(NamedTuple):
    value: float
    gradient: torch.Tensor  # in x, float64 on the CPU


class Contestant(NamedTuple):
    """A tool's loss; `text` is the call as a reader would type it."""

    tool: str
    text: str
    loss: Loss
    dtype: torch.dtype = torch.float64


def contest(
    contestants: list[Contestant], x: torch.Tensor, y: torch.Tensor, truth: Answer, rounds: int
) -> list[dict[str, Any]]:
    """A row for each contestant. The first round, which compiles, is not counted."""
    seconds: list[list[float]] = [[] for _ in contestants]
    answers: list[Answer | None] = [None] * len(contestants)
    for k in range(rounds + 1):
        for place, one in enumerate(contestants):
            took, answers[place] = lap(one, x, y)
            if k:
                seconds[place].append(took)
    largest = float(truth.gradient.abs().max())
    return [
        {
            "tool": one.tool, "call": one.text, "dtype": str(one.dtype).removeprefix("torch."),
            "median": statistics.median(took), "best": min(took), "runs": len(took),
            "value_error": abs(answer.value - truth.value) / abs(truth.value),
            "gradient_error": float((answer.gradient - truth.gradient).abs().max()) / largest,
        }
        for one, took, answer in zip(contestants, seconds, answers)
    ]  # fmt: skip


def lap(one: Contestant, x: torch.Tensor, y: torch.Tensor) -> tuple[float, Answer]:
    """Forward and backward once."""
    points, others = x.to(one.dtype, copy=True).requires_grad_(), y.to(one.dtype)
    _wait(x)
    start = time.perf_counter()
    value = one.loss(points, others)
    value.backward()
    _wait(x)
    seconds = time.perf_counter() - start
    return seconds, Answer(float(value.detach()), points.grad.double().cpu())


def _wait(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
