"""Primal losses: the core's solvers with gradients that autograd can use."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from otkit.debiased import sinkhorn_divergence

TOL = 1e-4  # marginal error: the value is then right to eps * 1e-4, far below the noise of a batch


class _Divergence(torch.autograd.Function):
    """S_eps(x, y) of (n, d) and (m, d); its gradients are those of the optimum (envelope theorem), nothing is
    unrolled."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, y: torch.Tensor, eps: float, tol: float) -> torch.Tensor:
        result = sinkhorn_divergence(x.detach(), y.detach(), eps=eps, tol=tol)
        wanted = [torch.from_numpy(result.grad_x), torch.from_numpy(result.grad_y) if y.requires_grad else None]
        ctx.save_for_backward(*(None if g is None else g.to(x) for g in wanted))
        return x.new_tensor(result.value)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_x, grad_y = ctx.saved_tensors
        return outer * grad_x, None if grad_y is None else outer * grad_y, None, None


def sinkhorn_cost(x: torch.Tensor, y: torch.Tensor, *, eps: float, tol: float = TOL) -> torch.Tensor:
    """The Sinkhorn divergence S_eps of squared Euclidean cost between batches x (n, ...) and y (m, ...), a scalar.

    Differentiable once, in the points. Solved on the CPU in float64 by `otkit.sinkhorn_divergence`; the result and its
    gradients are on the device of x.

    Source: Genevay, Peyre, Cuturi 2018; Feydy et al. 2019.

    >>> x = torch.zeros(4, 2, requires_grad=True)
    >>> cost = sinkhorn_cost(x, torch.ones(5, 2), eps=0.1)
    >>> cost.backward()
    >>> round(cost.item(), 6), x.grad[0].tolist()
    (2.0, [-0.5, -0.5])
    """
    return _Divergence.apply(x.flatten(1), y.flatten(1), eps, tol)
