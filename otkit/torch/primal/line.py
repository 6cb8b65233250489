"""W_p^p on the line by sorting, in torch operations alone: any device, as many lines at once as there is room for."""

from __future__ import annotations

import torch


def line_costs(
    x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None, b: torch.Tensor | None, p: float
) -> torch.Tensor:
    r"""W_p^p of every line, in closed form.

    .. math:: W_p^p = \int_0^1 |F^{-1}(u) - G^{-1}(u)|^p\, du

    Parameters
    ----------
    x, y : (..., n) and (..., m), with the same leading axes; float32 or float64.
    a, b : weights >= 0, (..., n) and (..., m) or what broadcasts to it; only their ratios count. None is uniform.
    p : order, 1 <= p < inf.

    Returns
    -------
    Tensor
        (...), in units of x**p.

    Both quantile functions are constant between the n + m values of the distribution functions, where the mass so far
    is added up in float64. Differentiable as often as |x - y|^p is, in points and weights; where x = y each derivative
    is 0, and where values of the distribution functions coincide it is that of one of the optimal potentials. Checks
    nothing and never waits for the device. O((n + m) log(n + m)) time, O(n + m) memory for each line.

    Source: Santambrogio 2015.

    >>> line_costs(torch.tensor([[1.0, 0.0], [0.0, 5.0]]), torch.tensor([[2.0], [2.0]]), None, None, 2.0)
    tensor([2.5000, 6.5000])
    """
    if a is None and b is None and x.shape[-1] == y.shape[-1]:
        return _power(x.sort(-1).values - y.sort(-1).values, p).mean(-1)
    x, at_x = _sorted(x, a)
    y, at_y = _sorted(y, b)
    if at_x.ndim != at_y.ndim:  # one side is uniform on all lines
        at_x, at_y = at_x.expand(x.shape), at_y.expand(y.shape)
    long_x, y_of_x = _pieces(at_x, at_y, first=True)
    long_y, x_of_y = _pieces(at_y, at_x, first=False)
    paid_x = long_x * _power(x - _taken(y, y_of_x), p)
    paid_y = long_y * _power(_taken(x, x_of_y) - y, p)
    return (paid_x.sum(-1) + paid_y.sum(-1)).to(x.dtype)


def _sorted(points: torch.Tensor, weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Points in order, and the mass up to each of them, which ends at 1 exactly; (n,) if that is uniform."""
    wide = torch.float32 if points.device.type == "mps" else torch.float64  # 1e6 weights in float32 lose 1e-3 of a sum
    points, order = points.sort(-1)
    size = points.shape[-1]
    if weights is None:
        return points, torch.arange(1, size + 1, dtype=wide, device=points.device) / size
    mass = weights.expand(points.shape).gather(-1, order).to(wide).cumsum(-1)
    return points, mass / mass[..., -1:]


def _pieces(ends: torch.Tensor, others: torch.Tensor, first: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The length of the piece of (0, 1] below each end, and the index of the other side's quantile on it.

    Pieces lie between neighbours of all ends, in one order: of equal ends those come before that are `first`. So the
    pairs of indices are a staircase, and lengths have derivatives that fit each other.
    """
    index = torch.searchsorted(others.detach().contiguous(), ends.detach().contiguous(), right=not first)
    zero = torch.zeros_like(ends[..., :1])
    own = torch.cat([zero, ends[..., :-1]], -1)
    other = torch.cat([torch.zeros_like(others[..., :1]), others], -1).gather(-1, index)
    start = torch.where(other >= own if first else other > own, other, own)
    return ends - start, index.clamp_max(others.shape[-1] - 1)


def _taken(points: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return points.gather(-1, index.expand(*points.shape[:-1], index.shape[-1]))


def _power(difference: torch.Tensor, p: float) -> torch.Tensor:
    """|difference|^p; its derivatives are finite where they exist, and 0 at a difference of 0."""
    if p == 1:
        return difference.abs()
    if p == 2:
        return difference.square()
    moved = difference != 0.0
    return torch.where(moved, torch.where(moved, difference, 1.0).abs() ** p, 0.0)
