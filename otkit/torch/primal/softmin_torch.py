"""Streamed soft minima of costs between points, in blocks of torch operations: any device, any named metric."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

CPU_BYTES = 2**22  # of one block: it stays in the cache, which was worth a factor 3 to 4 in float64
DEVICE_BYTES = 2**28  # of one block elsewhere: few launches, and little of any memory
FEW = 8  # coordinates up to which gradients sum differences of coordinates, which do not cancel
ORDERS = {"euclidean": 2.0, "cityblock": 1.0, "chebyshev": float("inf")}


@dataclass(frozen=True, eq=False)
class Blocks:
    """Costs metric(x_i, y_j)**p between x (B, n, d) and y (B, m, d), a block of rows at a time.

    O(n + m) memory over the input, O(B n m d) time for each of the two methods. Squares of Euclidean distances are
    |x|^2 + |y|^2 - 2 x.y: the points should be centred. All other distances come from differences.
    """

    x: torch.Tensor
    y: torch.Tensor
    p: float
    metric: str

    @property
    def turned(self) -> Blocks:
        """The same with rows and columns exchanged."""
        return Blocks(self.y, self.x, self.p, self.metric)

    def softmin(self, h: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """-log2 sum_j 2^(h_j - k c_ij) of every row, (B, n); h (B, m) may be -inf in places, k (B,)."""
        columns = self._columns(h, k)
        parts = []
        for rows in self._pieces():
            exponents = self._exponents(rows, columns, k)
            top = exponents.amax(2, keepdim=True)
            total = exponents.sub_(top).exp2_().sum(2)
            parts.append(-(top[..., 0] + total.log2()))
        found = torch.cat(parts, 1)
        return found + k[:, None] * _squares(self.x) if self._by_products else found

    def pulled(self, h: torch.Tensor, k: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """sum_j P_ij d c_ij / d x_i, (B, n, d), of the plan with rows of mass a (B, n) in proportion to
        2^(h_j - k c_ij). At kinks the symmetric subgradient, 0."""
        columns = self._columns(h, k)
        parts = []
        for rows in self._pieces():
            plan = self._exponents(rows, columns, k)
            plan.sub_(plan.amax(2, keepdim=True)).exp2_()
            plan.mul_((a[:, rows] / plan.sum(2))[..., None])
            parts.append(self._slopes(rows, plan))
        return torch.cat(parts, 1)

    @property
    def _by_products(self) -> bool:
        return self.metric == "euclidean" and self.p == 2.0

    def _pieces(self) -> Iterator[slice]:
        count, size = self.x.shape[:2]
        budget = CPU_BYTES if self.x.device.type == "cpu" else DEVICE_BYTES
        step = max(1, budget // (count * self.y.shape[1] * self.x.element_size()))
        return (slice(first, first + step) for first in range(0, size, step))

    def _columns(self, h: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """What an exponent has from its column alone, (B, 1, m)."""
        return (h - k[:, None] * _squares(self.y) if self._by_products else h)[:, None]

    def _exponents(self, rows: slice, columns: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """h_j - k c_ij of some rows, by products without k |x_i|^2."""
        k = k[:, None, None]
        if self._by_products:
            return torch.baddbmm(columns, 2.0 * k * self.x[:, rows], self.y.mT)
        costs = distances(self.x[:, rows], self.y, self.metric)
        if self.p != 1.0:
            costs.pow_(self.p)
        return costs.mul_(-k).add_(columns)

    def _slopes(self, rows: slice, plan: torch.Tensor) -> torch.Tensor:
        """sum_j P_ij d c_ij / d x_i of some rows. Modifies plan."""
        x, y, p = self.x[:, rows], self.y, self.p
        if self._by_products:
            return 2.0 * (x * plan.sum(2)[..., None] - plan @ y)
        lengths = distances(x, y, self.metric)
        apart = lengths > 0.0
        power = p - 2.0 if self.metric == "euclidean" else p - 1.0
        plan.mul_(torch.where(apart, lengths, 1.0).pow_(power)).mul_(apart).mul_(p)
        if self.metric == "euclidean" and x.shape[2] > FEW:
            return x * plan.sum(2)[..., None] - plan @ y
        steps = (x[:, :, None, c] - y[:, None, :, c] for c in range(x.shape[2]))
        if self.metric == "euclidean":
            return torch.stack([(plan * step).sum(2) for step in steps], 2)
        if self.metric == "cityblock":
            return torch.stack([(plan * step.sign_()).sum(2) for step in steps], 2)
        found = []
        for step in steps:  # chebyshev: the first coordinate that attains the distance
            attained = step.abs() == lengths
            found.append((plan * step.sign_() * attained).sum(2))
            plan.mul_(~attained)
        return torch.stack(found, 2)


def softmin(
    x: torch.Tensor, y: torch.Tensor, h: torch.Tensor, k: float | torch.Tensor, p: float, metric: str
) -> torch.Tensor:
    """-log2 sum_j 2^(h_j - k metric(x_i, y_j)**p), (B, n); x (B, n, d), y (B, m, d), h (B, m), k a number or (B,)."""
    return Blocks(x, y, p, metric).softmin(h, _of_batch(k, x))


def pulled(
    x: torch.Tensor,
    y: torch.Tensor,
    h: torch.Tensor,
    k: float | torch.Tensor,
    a: torch.Tensor,
    p: float,
    metric: str,
) -> torch.Tensor:
    """sum_j P_ij d c_ij / d x_i, (B, n, d): the gradient in the points of x of <C, P>, P held fixed, whose rows have
    mass a (B, n) in proportion to 2^(h_j - k c_ij). That of entropic transport, at its potentials."""
    return Blocks(x, y, p, metric).pulled(h, _of_batch(k, x), a)


def costs_between(x: torch.Tensor, y: torch.Tensor, p: float, metric: str) -> torch.Tensor:
    """metric(x_i, y_j)**p, dense (B, n, m), from differences of coordinates."""
    return distances(x, y, metric) ** p


def distances(x: torch.Tensor, y: torch.Tensor, metric: str) -> torch.Tensor:
    """(B, n, m), 0 exactly where points coincide."""
    return torch.cdist(x, y, ORDERS[metric], compute_mode="donot_use_mm_for_euclid_dist")


@contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Without a graph, and with products in full precision whatever the caller's settings: exponents are products times
    k, where ten bits of TF32 would be no answer at all."""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        for backend in (torch.backends.cuda, torch.backends.mkldnn):
            setting = getattr(backend, "matmul", None)
            before = getattr(setting, "fp32_precision", None)  # torch >= 2.9
            if before is not None and before not in ("ieee", "none"):
                stack.callback(setattr, setting, "fp32_precision", before)
                setting.fp32_precision = "ieee"
            elif before is None and getattr(setting, "allow_tf32", False):
                stack.callback(setattr, setting, "allow_tf32", True)
                setting.allow_tf32 = False
        yield


def _of_batch(k: float | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(k, dtype=x.dtype, device=x.device).expand(len(x))


def _squares(points: torch.Tensor) -> torch.Tensor:
    return points.square().sum(2)
