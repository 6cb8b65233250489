"""The energy distance as a loss: mean distances in chunks of rows, with gradients from the same chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from otkit.errors import Unsupported
from otkit.torch.primal.envelope import differentiable
from otkit.torch.primal.loss import PrimalLoss
from otkit.torch.primal.pair import Pair, pair
from otkit.torch.primal.softmin_torch import exactly

CPU_BYTES, DEVICE_BYTES = 2**23, 2**28  # of one chunk: what stays in a cache, and what is little of a GPU's memory
ROUNDING = {torch.float32: 2.0**-20, torch.float64: 2.0**-48}  # of the largest term, below which a difference is none


def energy_cost(
    x: torch.Tensor,
    y: torch.Tensor,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
    *,
    exponent: float = 1.0,
) -> torch.Tensor:
    r"""The energy distance of two sample sets, to train with; SciPy's `energy_distance` is its root.

    .. math:: D^2(x, y) = 2 \sum_{ij} a_i b_j |x_i - y_j|^s - \sum_{ij} a_i a_j |x_i - x_j|^s
              - \sum_{ij} b_i b_j |y_i - y_j|^s

    Parameters
    ----------
    x, y, a, b : as in `wasserstein_cost`.
    exponent : s, 0 < s < 2; above 1 it is smoother, at 2 only the means would matter.

    Returns
    -------
    Tensor
        D^2 >= 0, a scalar or (B,), in units of distance**s; zero for equal measures alone.

    Differentiable once, in points and weights; where points coincide, with gradient 0. Time O((n + m)^2 d) forward, as
    much backward; memory O(n + m) and a chunk of 8 MB (256 MB on a GPU).

    Raises
    ------
    BadMeasure, Unsupported : the input, by argument name; differentiating twice.

    Source: Szekely and Rizzo 2013.

    >>> x = torch.tensor([[0.0], [1.0]], requires_grad=True)
    >>> cost = energy_cost(x, torch.tensor([[3.0]]))
    >>> cost.backward()
    >>> cost.item(), x.grad[:, 0].tolist()
    (4.5, [-0.5, -1.5])
    """
    both = pair(x, y, a, b)
    return both.shaped(differentiable(_Energy(both.numbers(), _checked(exponent)), both))


class EnergyDistance(PrimalLoss):
    """`energy_cost` as a module: called with (x, y) or (x, y, a, b), it returns D^2, a scalar or (B,).

    Options, shapes, gradients, errors: as there.

    Source: Szekely and Rizzo 2013.

    >>> EnergyDistance().distance(torch.zeros(3, 2), torch.full((4, 2), 2.0))
    tensor(2.3784)
    """

    def __init__(self, exponent: float = 1.0) -> None:
        super().__init__(2.0)
        self.exponent = _checked(exponent)

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        return energy_cost(x, y, a, b, exponent=self.exponent)

    def extra_repr(self) -> str:
        return f"exponent={self.exponent:g}"


def _checked(exponent: float) -> float:
    if isinstance(exponent, bool) or not isinstance(exponent, int | float) or not 0.0 < exponent < 2.0:
        raise Unsupported(f"exponent is {exponent!r}: the energy distance has 0 < exponent < 2.")
    return float(exponent)


@dataclass(frozen=True, eq=False)
class _Means:
    """sum_j w_j |p_i - q_j|^s for every p_i (B, n), and its gradient in p_i (B, n, d)."""

    points: torch.Tensor
    others: torch.Tensor
    weights: torch.Tensor
    exponent: float

    def values(self) -> torch.Tensor:
        with exactly(self.points.device):
            parts = [self._powers(d, self.exponent) @ self.weights[..., None] for _, d in self._chunks()]
        return torch.cat(parts, 1)[..., 0]

    def slopes(self) -> torch.Tensor:
        """s sum_j w_j |p_i - q_j|^(s - 2) (p_i - q_j), as a matrix product."""
        weighted = self.weights[..., None] * torch.cat([self.others, torch.ones_like(self.others[..., :1])], -1)
        parts = []
        with exactly(self.points.device):
            for rows, distances in self._chunks():
                sums = self._powers(distances, self.exponent - 2.0) @ weighted
                parts.append(self.points[:, rows] * sums[..., -1:] - sums[..., :-1])
        return self.exponent * torch.cat(parts, 1)

    def _chunks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        count, size = self.points.shape[:2]
        budget = CPU_BYTES if self.points.device.type == "cpu" else DEVICE_BYTES
        step = max(1, budget // (count * self.others.shape[1] * self.points.element_size()))
        for first in range(0, size, step):
            rows = slice(first, first + step)
            yield rows, torch.cdist(self.points[:, rows], self.others, compute_mode="donot_use_mm_for_euclid_dist")

    @staticmethod
    def _powers(distances: torch.Tensor, power: float) -> torch.Tensor:
        """Modifies distances. Of points that coincide 0, whatever the power."""
        if power == 1.0:
            return distances
        if power > 0.0:
            return distances.pow_(power)
        return distances.pow_(power).nan_to_num_(posinf=0.0)


class _Energy:
    """The energy distances of a pair."""

    name = "EnergyDistance"

    def __init__(self, numbers: Pair, exponent: float) -> None:
        middle = numbers.x.mean(1, keepdim=True)  # differences of products lose what is common to all points
        a, b = numbers.weights()
        x, y = numbers.x - middle, numbers.y - middle
        size = torch.maximum(x.abs().amax((1, 2)), y.abs().amax((1, 2)))
        self.size, self.exponent = torch.where(size > 0.0, size, 1.0), exponent  # squares of it may overflow
        x, y = x / self.size[:, None, None], y / self.size[:, None, None]
        self.weights = {"a": a, "b": b}
        self.across = {"x": _Means(x, y, b, exponent), "y": _Means(y, x, a, exponent)}
        self.own = {"x": _Means(x, x, a, exponent), "y": _Means(y, y, b, exponent)}

    @property
    def values(self) -> torch.Tensor:
        a, b = self.weights["a"], self.weights["b"]
        across, own_x, own_y = (
            (w * means.values()).sum(1, dtype=_wide(w))
            for w, means in ((a, self.across["x"]), (a, self.own["x"]), (b, self.own["y"]))
        )
        value = 2.0 * across - own_x - own_y
        value = torch.where(value <= ROUNDING[a.dtype] * across, 0.0, value).to(a.dtype)
        return value * self.size**self.exponent

    def gradient(self, of: str) -> torch.Tensor:
        side = {"a": "x", "b": "y"}.get(of, of)
        if of in self.weights:
            found = 2.0 * (self.across[side].values() - self.own[side].values())
            return found * (self.size**self.exponent)[:, None]
        mass = self.weights["a" if side == "x" else "b"]
        found = 2.0 * mass[..., None] * (self.across[side].slopes() - self.own[side].slopes())
        return found * (self.size ** (self.exponent - 1.0))[:, None, None]


def _wide(tensor: torch.Tensor) -> torch.dtype:
    return tensor.dtype if tensor.device.type == "mps" else torch.float64
