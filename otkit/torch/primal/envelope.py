"""Values of optimisation problems whose gradients the optimum itself gives: nothing is unrolled (envelope theorem)."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from otkit.errors import Unsupported
from otkit.torch.primal.pair import NAMES, Pair, refuse_infinite


class Solved(Protocol):
    """An optimum: its values (B,), and the gradients of each in what it depends on, shaped like that."""

    name: str

    @property
    def values(self) -> torch.Tensor: ...

    def gradient(self, of: str) -> torch.Tensor:
        """The gradient in "x", "y", "a" or "b"."""


@torch.compiler.disable  # kernels of numba and solves that look at their own progress: the graph ends here
def differentiable(solved: Solved, pair: Pair) -> torch.Tensor:
    """`solved.values` as a function of the pair's tensors, differentiable once. (B,)."""
    return _Optimum.apply(solved, *pair.tensors)


class _Optimum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, solved: Solved, *tensors: torch.Tensor | None) -> torch.Tensor:
        ctx.solved = solved
        ctx.save_for_backward(*tensors)
        values = solved.values
        refuse_infinite(values, solved.name)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        needed = zip(NAMES, ctx.saved_tensors, ctx.needs_input_grad[1:])
        grads = [
            _Once.apply(outer, ctx.solved.gradient(name).to(tensor), tensor, ctx.solved.name) if wanted else None
            for name, tensor, wanted in needed
        ]
        return (None, *grads)


class _Once(torch.autograd.Function):
    """outer times the gradient. It hangs on the tensor, so that differentiating again is an error and never a zero."""

    @staticmethod
    def forward(ctx: Any, outer: torch.Tensor, gradient: torch.Tensor, tensor: torch.Tensor, name: str) -> torch.Tensor:
        ctx.name = name
        return outer.reshape(-1, *[1] * (gradient.ndim - 1)) * gradient

    @staticmethod
    def backward(ctx: Any, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        raise Unsupported(
            f"{ctx.name} is differentiable once: its gradient holds what was optimal fixed. For second derivatives use "
            "SlicedWasserstein, or WassersteinLoss on 1-D samples."
        )
