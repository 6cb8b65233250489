"""The border of the primal losses: two sample sets in torch, checked once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from otkit.errors import BadMeasure, Unsupported

DTYPES = (torch.float32, torch.float64)
NAMES = ("x", "y", "a", "b")


@dataclass(frozen=True, eq=False)
class Pair:
    """B pairs of sample sets on one device, in one dtype.

    Attributes
    ----------
    x (B, n, d), y (B, m, d) : points, with their graph.
    a (B, n), b (B, m) : weights of total 1, with their graph; None is uniform.
    single : whether the caller gave one pair, without an axis for B.
    """

    x: torch.Tensor
    y: torch.Tensor
    a: torch.Tensor | None
    b: torch.Tensor | None
    single: bool

    @property
    def count(self) -> int:
        return len(self.x)

    @property
    def tensors(self) -> tuple[torch.Tensor | None, ...]:
        """x, y, a, b."""
        return self.x, self.y, self.a, self.b

    def weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        """a and b, written out where they are uniform."""
        return _written_out(self.a, self.x), _written_out(self.b, self.y)

    def numbers(self) -> Pair:
        """The same without the graph."""
        return Pair(*(None if t is None else t.detach() for t in self.tensors), self.single)

    def copied(self) -> Pair:
        """The same without the graph, in memory of its own: what is computed later must not see later changes."""
        return Pair(*(None if t is None else t.detach().clone() for t in self.tensors), self.single)

    def shaped(self, values: torch.Tensor) -> torch.Tensor:
        """(B, ...) as the caller asked: without the first axis for a single pair."""
        return values[0] if self.single else values


def pair(x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None) -> Pair:
    """Two sample sets (n, d) and (m, d), (n,) and (m,) on the line, or batches (B, n, d) and (B, m, d), with weights
    (n,) or (B, n) and (m,) or (B, m), which are normalised to total 1.

    Looks at every value once, which on a GPU is one synchronisation. Raises BadMeasure and Unsupported by argument
    name.
    """
    given = {name: value for name, value in zip(NAMES, (x, y, a, b)) if value is not None or name in "xy"}
    for name, value in given.items():
        _refuse_type(name, value)
    for name, value in given.items():
        if (value.device, value.dtype) != (x.device, x.dtype):
            raise Unsupported(
                f"x is {x.dtype} on {x.device} and {name} is {value.dtype} on {value.device}: "
                "a loss takes one dtype on one device. Move or convert one of them."
            )
    if x.ndim != y.ndim or x.ndim not in (1, 2, 3):
        raise BadMeasure(
            f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}: both are (n, d), (n,) on the line, or batches "
            "(B, n, d). Images become points with x.flatten(1)."
        )
    single = x.ndim < 3
    x, y = (side[:, None] if side.ndim == 1 else side for side in (x, y))
    x, y = (side[None] if side.ndim == 2 else side for side in (x, y))
    for name, side in (("x", x), ("y", y)):
        if 0 in side.shape:
            raise BadMeasure(f"{name} is empty: shape {tuple(side.shape)} as (batch, points, coordinates).")
    if len(x) != len(y) or x.shape[2] != y.shape[2]:
        raise BadMeasure(
            f"x has shape {tuple(x.shape)} and y {tuple(y.shape)} as (batch, points, coordinates): "
            "the number of pairs and of coordinates must agree."
        )
    a, b = (_weights(name, value, side) for name, value, side in (("a", a, x), ("b", b, y)))
    _refuse_values(x, y, a, b)
    # the largest is taken out first: totals beyond float32 survive
    a, b = (None if w is None else w / w.detach().amax(1, keepdim=True) for w in (a, b))
    a, b = (None if w is None else w / w.sum(1, keepdim=True) for w in (a, b))
    return Pair(x, y, a, b, single)


def _refuse_type(name: str, value: object) -> None:
    if not isinstance(value, torch.Tensor):
        raise Unsupported(f"{name} is of type {type(value).__name__}: pass a tensor, or use otkit itself for arrays.")
    if value.dtype not in DTYPES:
        raise Unsupported(f"{name} is {value.dtype}: losses take float32 or float64. Convert it with {name}.float().")
    if value.layout != torch.strided:
        raise Unsupported(f"{name} has layout {value.layout}. Pass {name}.to_dense().")


def _weights(name: str, value: torch.Tensor | None, points: torch.Tensor) -> torch.Tensor | None:
    if value is None:
        return None
    count, size = points.shape[:2]
    if tuple(value.shape) not in ((size,), (count, size)):
        raise BadMeasure(
            f"{name} has shape {tuple(value.shape)}: weights are ({size},), one to each point, or ({count}, {size}) "
            "for each pair of a batch."
        )
    return value.expand(count, size) if value.ndim == 1 else value


def _refuse_values(x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None, b: torch.Tensor | None) -> None:
    """One look at all values; another, at leisure, for what is wrong with them."""
    values = {name: t.detach() for name, t in zip(NAMES, (x, y, a, b)) if t is not None}
    learned = {name for name, t in zip(NAMES, (x, y, a, b)) if t is not None and t.requires_grad}
    learned = learned if torch.is_grad_enabled() else set()
    fine = [t.sum().isfinite() for t in values.values()]
    for name in values.keys() & {"a", "b"}:
        smallest, largest = values[name].aminmax(dim=1)
        fine += [(smallest > 0.0).all() if name in learned else (smallest >= 0.0).all(), (largest > 0.0).all()]
    if bool(torch.stack(fine).all()):
        return
    for name, t in values.items():
        bad = int((~t.isfinite()).sum())
        if bad:
            raise BadMeasure(f"{name} has {bad} values that are NaN or infinite, of {t.numel()}. Drop or mend them.")
        if name in "xy":
            continue
        if bool((t < 0.0).any()):
            raise BadMeasure(f"{name} has {int((t < 0.0).sum())} negative weights. Weights are masses, >= 0.")
        if bool((t.amax(1) == 0.0).any()):
            raise BadMeasure(f"{name} sums to zero. At least one weight of a measure must be positive.")
        if name in learned and bool((t == 0.0).any()):
            raise BadMeasure(
                f"{name} requires a gradient and has {int((t == 0.0).sum())} weights of zero, where the cost has no "
                f"derivative. Leave these points out, keep them positive, or pass {name}.detach()."
            )


def refuse_infinite(values: torch.Tensor, name: str) -> None:
    """Costs that their dtype cannot hold."""
    if not bool(values.detach().isfinite().all()):
        raise BadMeasure(
            f"{name}: the cost between x and y exceeds {values.dtype}. Rescale both, or convert them with .double()."
        )


def _written_out(weights: torch.Tensor | None, points: torch.Tensor) -> torch.Tensor:
    if weights is not None:
        return weights
    return points.new_full(points.shape[:2], 1.0 / points.shape[1])
