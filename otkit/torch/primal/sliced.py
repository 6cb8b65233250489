"""Sliced Wasserstein losses: means over directions of transport costs on the line, and the largest of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch

from otkit.costs import order_of
from otkit.errors import Unsupported
from otkit.torch.primal.directions import check_sampling, directions_of, given
from otkit.torch.primal.envelope import differentiable
from otkit.torch.primal.line import line_costs
from otkit.torch.primal.loss import PrimalLoss
from otkit.torch.primal.pair import NAMES, Pair, pair, refuse_infinite
from otkit.torch.primal.softmin_torch import exactly

N_PROJECTIONS = 128
CHUNK_BYTES = 2**26  # of the lines worked on at once
COPIES = 16  # of the points of a line, in their dtype, that sorting it and its gradient take
ASCENDING = 4  # starts, the best, that climb
ENOUGH = 1e-4  # of the gain that the slope promises, for a step to be taken


class SlicedEstimate(NamedTuple):
    """What `SlicedWasserstein.estimate` found: the mean cost, its standard error, and the directions (k, d)."""

    cost: torch.Tensor
    standard_error: torch.Tensor
    directions: torch.Tensor


def sliced_cost(
    x: torch.Tensor,
    y: torch.Tensor,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
    *,
    p: float = 2,
    n_projections: int = N_PROJECTIONS,
    directions: torch.Tensor | None = None,
    sampling: str = "quasi",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    r"""The sliced Wasserstein cost of two sample sets, to train with.

    .. math:: SW_p^p(x, y) = E_\theta\, W_p^p(\theta^T x, \theta^T y), \quad |\theta| = 1,

    estimated from n_projections directions, drawn anew at every call. On the line (d = 1) it is W_p^p, exactly.

    Parameters
    ----------
    x, y, a, b : as in `wasserstein_cost`.
    p : order, 1 <= p <= 64.
    n_projections : number of directions. Between normal clouds of 200 points in 3 dimensions, of other scales, 128 find
        SW_2^2 to 6 % (random) or 3 % (quasi).
    directions : (k, d), taken instead of drawn ones and normalised; the other three options then stay as they are.
    sampling : "random", independent directions; or "quasi", min(n_projections, 8) independent groups, each spread out
        evenly: a scrambled Sobol set through the normal quantile, in the plane equal angles turned at random.
        The first n_projections mod 8 hold one more. From 8 coordinates on it gains next to nothing.
    generator : of torch, on any device; the same state gives the same directions. None is torch's own on the CPU.

    Returns
    -------
    Tensor
        SW_p^p, a scalar or (B,), in units of distance**p, on the device and in the dtype of x. SW_p^p is at most
        W_p^p, and SW_2^2 at most W_2^2 / d. The same directions serve all pairs of a batch.

    Differentiable as often as |x - y|^p is, in points and weights. O(k (n + m) (d + log(n + m))) time for k directions;
    memory O((n + m) d) and a chunk of lines of 64 MB. The first derivative is computed along with the
    value; a second one keeps O(k (n + m)).

    Raises
    ------
    BadMeasure, Unsupported : the input and the options, by argument name.

    Source: Bonneel et al. 2015; Rabin, Peyre, Delon, Bernot 2012.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    >>> cost = sliced_cost(x, torch.tensor([[0.0, 3.0], [1.0, 3.0]]), directions=torch.eye(2))
    >>> cost.backward()
    >>> cost.item(), x.grad.tolist()
    (4.5, [[0.0, -1.5], [0.0, -1.5]])
    """
    both = pair(x, y, a, b)
    p = _checked(p, n_projections, directions, sampling, generator)
    return both.shaped(_estimated(both, p, n_projections, directions, sampling, generator).cost)


class SlicedWasserstein(PrimalLoss):
    """`sliced_cost` as a module: called with (x, y) or (x, y, a, b), it returns SW_p^p, a scalar or (B,).

    Options, shapes, gradients, errors: as there. Directions given are a buffer; others are drawn at every call.

    Source: Bonneel et al. 2015.

    >>> loss = SlicedWasserstein(p=1, directions=torch.eye(2))
    >>> x, y = torch.zeros(3, 2), torch.tensor([[1.0, 3.0]])
    >>> loss(x, y), loss.distance(x, y)
    (tensor(2.), tensor(2.))
    """

    def __init__(
        self,
        p: float = 2,
        n_projections: int = N_PROJECTIONS,
        directions: torch.Tensor | None = None,
        sampling: str = "quasi",
        generator: torch.Generator | None = None,
    ) -> None:
        p = _checked(p, n_projections, directions, sampling, generator)
        super().__init__(p)
        self.p = p
        self.n_projections, self.sampling, self.generator = n_projections, sampling, generator
        self.register_buffer("directions", directions)

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self.estimate(x, y, a, b).cost

    def estimate(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> SlicedEstimate:
        """The cost, its standard error over directions, and these.

        The error is that of the mean over independent directions, or over the 8 independent groups of "quasi". It is
        NaN from a single one or from directions given, and 0 on the line.
        """
        both = pair(x, y, a, b)
        found = _estimated(both, self.p, self.n_projections, self.directions, self.sampling, self.generator)
        return SlicedEstimate(both.shaped(found.cost), both.shaped(found.standard_error), found.directions)

    def extra_repr(self) -> str:
        if self.directions is not None:
            return f"p={self.p:g}, directions={tuple(self.directions.shape)}"
        return f"p={self.p:g}, n_projections={self.n_projections}, sampling={self.sampling!r}"


def max_sliced_cost(
    x: torch.Tensor,
    y: torch.Tensor,
    a: torch.Tensor | None = None,
    b: torch.Tensor | None = None,
    *,
    p: float = 2,
    n_starts: int = 32,
    n_steps: int = 50,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    r"""The largest transport cost on a line, max over directions of W_p^p(theta^T x, theta^T y), to train with.

    Gradient ascent on the sphere finds the direction: from the best 4 of n_starts quasi-random ones and of that between
    the means, n_steps steps each, of which a step that does not gain is taken back and shortened. The maximum need not
    be the global one; the value is a lower bound of the true maximum, hence of W_p^p.

    Parameters
    ----------
    x, y, a, b : as in `wasserstein_cost`.
    p : order, 1 <= p <= 64.
    n_starts, n_steps : how long to look; n_steps = 0 takes the best start.
    generator : as in `sliced_cost`; the starts.

    Returns
    -------
    Tensor
        The cost, a scalar or (B,), in units of distance**p; each pair of a batch has its own direction.

    Differentiable once, in points and weights, with the direction held fixed, as is right at a smooth maximum (envelope
    theorem). The maximum of few points lies on a kink, where two orders of the projections cost the same; the gradient
    is then that of one of them. What is left of the slope along the sphere shows it: for p = 2, 5 to 9 % of twice the
    cost at 16 points and below 0.3 % at 256. Time of n_starts + 4 n_steps directions of `sliced_cost`, memory as there;
    the steps never wait for the device.

    Raises
    ------
    BadMeasure, Unsupported : the input and the options, by argument name; differentiating twice.

    Source: Deshpande et al. 2019.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> max_sliced_cost(x, x + torch.tensor([0.0, 3.0]))
    tensor(9.)
    """
    both = pair(x, y, a, b)
    p = _checked_ascent(p, n_starts, n_steps, generator)
    return both.shaped(differentiable(_Largest(both.numbers(), p, n_starts, n_steps, generator), both))


class MaxSlicedWasserstein(PrimalLoss):
    """`max_sliced_cost` as a module: called with (x, y) or (x, y, a, b), it returns the cost, a scalar or (B,).

    Options, shapes, gradients, errors: as there.

    Source: Deshpande et al. 2019.

    >>> loss = MaxSlicedWasserstein()
    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> loss.distance(x, x + torch.tensor([0.0, 3.0])), loss.direction(x, x + torch.tensor([0.0, 3.0])).abs()
    (tensor(3.), tensor([0., 1.]))
    """

    def __init__(
        self, p: float = 2, n_starts: int = 32, n_steps: int = 50, generator: torch.Generator | None = None
    ) -> None:
        p = _checked_ascent(p, n_starts, n_steps, generator)
        super().__init__(p)
        self.p = p
        self.n_starts, self.n_steps, self.generator = n_starts, n_steps, generator

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        return max_sliced_cost(
            x, y, a, b, p=self.p, n_starts=self.n_starts, n_steps=self.n_steps, generator=self.generator
        )

    def direction(
        self, x: torch.Tensor, y: torch.Tensor, a: torch.Tensor | None = None, b: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The unit vector (d,) or (B, d) on which the cost is that of the line; its sign has no meaning."""
        both = pair(x, y, a, b)
        found = _Largest(both.numbers(), self.p, self.n_starts, self.n_steps, self.generator)
        return both.shaped(found.directions[:, 0])

    def extra_repr(self) -> str:
        return f"p={self.p:g}, n_starts={self.n_starts}, n_steps={self.n_steps}"


def _checked(p: float, n_projections: int, directions: object, sampling: str, generator: object) -> float:
    check_sampling(n_projections, sampling)
    wrong = _wrong_generator(generator)
    if directions is not None and not isinstance(directions, torch.Tensor):
        wrong.append(f"directions is of type {type(directions).__name__}: pass a tensor (k, d)")
    if directions is not None and (n_projections, sampling, generator) != (N_PROJECTIONS, "quasi", None):
        wrong.append("directions are given, so nothing is drawn: leave n_projections, sampling and generator out")
    if isinstance(directions, torch.Tensor) and (not directions.is_floating_point() or directions.requires_grad):
        what = "requires a gradient" if directions.requires_grad else f"is {directions.dtype}"
        wrong.append(f"directions {what}: constants in floating point are needed. Pass directions.detach().float()")
    if wrong:
        raise Unsupported("; ".join(wrong) + ".")
    return order_of(p)


def _checked_ascent(p: float, n_starts: int, n_steps: int, generator: object) -> float:
    wrong = _wrong_number("n_starts", n_starts, 1) + _wrong_number("n_steps", n_steps, 0) + _wrong_generator(generator)
    if wrong:
        raise Unsupported("; ".join(wrong) + ".")
    return order_of(p)


def _wrong_number(name: str, value: object, least: int) -> list[str]:
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= least
    return [] if fine else [f"{name} is {value!r}: a whole number, >= {least}"]


def _wrong_generator(generator: object) -> list[str]:
    fine = generator is None or isinstance(generator, torch.Generator)
    return [] if fine else [f"generator is of type {type(generator).__name__}: pass a torch.Generator"]


def _estimated(
    both: Pair,
    p: float,
    n_projections: int,
    directions: torch.Tensor | None,
    sampling: str,
    generator: torch.Generator | None,
) -> SlicedEstimate:
    """For all pairs (B,)."""
    x = both.x
    if directions is not None:
        used, groups = given(directions, x.shape[2], x), 1
    elif x.shape[2] == 1:
        used, groups = x.new_ones(1, 1), 1
    else:
        used, groups = directions_of(n_projections, x.shape[2], sampling, generator, x)
    cost, costs = _Mean.apply(used, p, *both.tensors)
    refuse_infinite(cost, "SlicedWasserstein")
    error = torch.zeros_like(costs[:, 0]) if x.shape[2] == 1 else _standard_error(costs, groups)
    return SlicedEstimate(cost, error, used)


def _standard_error(costs: torch.Tensor, groups: int) -> torch.Tensor:
    """Of the mean of costs (B, k), from independent groups as even as can be, the larger ones first."""
    count = costs.shape[1]
    if groups == 1:
        return costs.new_full(costs.shape[:1], math.nan)
    sizes = [count // groups + (k < count % groups) for k in range(groups)]
    means = costs if groups == count else torch.stack([part.mean(1) for part in costs.split(sizes, 1)], 1)
    shares = costs.new_tensor(sizes) / count
    spread = (shares * (means - costs.mean(1, keepdim=True))).square().sum(1)
    return (spread * (groups / (groups - 1))).sqrt()


class _Mean(torch.autograd.Function):
    """The mean cost (B,) over directions, and those of each (B, k), in chunks. The gradient is taken on the way."""

    @staticmethod
    def forward(
        ctx: Any, directions: torch.Tensor, p: float, *tensors: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = tuple(w and not torch.is_inference_mode_enabled() for w in ctx.needs_input_grad[2:])
        leaves = [None if t is None else t.detach().requires_grad_(w) for t, w in zip(tensors, wanted)]
        moving = [t for t, w in zip(leaves, wanted) if w]
        slopes = [torch.zeros_like(t) for t in moving]
        found = []
        with exactly(directions.device), torch.enable_grad():
            for costs in _costs(leaves, directions, p):
                found.append(costs.detach())
                for slope, more in zip(slopes, torch.autograd.grad(costs.sum(), moving) if moving else ()):
                    slope += more / len(directions)
        ctx.directions, ctx.p = directions, p
        ctx.slopes = _spread(slopes, wanted)
        ctx.save_for_backward(*tensors)
        each = torch.cat(found, 1)
        ctx.mark_non_differentiable(each)
        return each.mean(1), each

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        wanted = ctx.needs_input_grad[2:]
        tensors = ctx.saved_tensors  # looked at in any case: torch then notices changes in place
        if not torch.is_grad_enabled():
            found = (None if s is None else outer.reshape(-1, *[1] * (s.ndim - 1)) * s for s in ctx.slopes)
            return (None, None, *found)
        with exactly(outer.device), torch.enable_grad():
            apart = [None if t is None else t.view_as(t) for t in tensors]  # y may depend on x: not here
            mean = torch.cat(list(_costs(apart, ctx.directions, ctx.p)), 1).mean(1)
            moving = [t for t, w in zip(apart, wanted) if w]
            return (None, None, *_spread(torch.autograd.grad(mean, moving, outer, create_graph=True), wanted))


def _spread(found: Iterable[torch.Tensor], wanted: tuple[bool, ...]) -> list[torch.Tensor | None]:
    """One for each that is wanted, None for the others."""
    left = iter(found)
    return [next(left) if w else None for w in wanted]


def costs_along(both: Pair, directions: torch.Tensor, p: float) -> torch.Tensor:
    """W_p^p of the projections on unit vectors (k, d) or (B, k, d), without a graph; (B, k)."""
    with exactly(directions.device):
        return torch.cat(list(_costs(both.tensors, directions, p)), 1)


def _costs(tensors: list[torch.Tensor | None], directions: torch.Tensor, p: float) -> Iterator[torch.Tensor]:
    """The costs (B, k) on the lines of directions (k, d) or (B, k, d), in chunks of k; with their graph."""
    x, y, a, b = tensors
    middle = torch.cat([x.detach(), y.detach()], 1).mean(1, keepdim=True)  # products lose what is common to all points
    x, y = (x - middle).mT, (y - middle).mT
    a, b = (None if w is None else w[:, None] for w in (a, b))
    line = COPIES * len(x) * (x.shape[2] + y.shape[2]) * x.element_size()
    step = max(1, CHUNK_BYTES // line)
    for part in directions.split(step, -2):
        yield line_costs(part @ x, part @ y, a, b, p)


class _Largest:
    """The largest costs of a pair's lines."""

    name = "MaxSlicedWasserstein"

    def __init__(self, numbers: Pair, p: float, n_starts: int, n_steps: int, generator: torch.Generator | None) -> None:
        with torch.inference_mode(False):  # the search needs gradients
            x, y, a, b = (t if t is None or not t.is_inference() else t.clone() for t in numbers.tensors)
            middle = x.mean(1, keepdim=True)
            x, y = x - middle, y - middle
            size = torch.maximum(x.abs().amax((1, 2)), y.abs().amax((1, 2)))
            self.size = torch.where(size > 0.0, size, 1.0)  # squares of slopes of far points would overflow
            x, y = x / self.size[:, None, None], y / self.size[:, None, None]
        self.numbers, self.p, self.n_steps = Pair(x, y, a, b, numbers.single), p, n_steps
        self.n_starts, self.generator = n_starts, generator

    @property
    def values(self) -> torch.Tensor:
        return self._solved[0] * self.size**self.p

    @property
    def directions(self) -> torch.Tensor:
        """(B, 1, d)."""
        return self._solved[1]

    def gradient(self, of: str) -> torch.Tensor:
        found, power = self._gradients[of], self.p if of in "ab" else self.p - 1.0
        return found * (self.size**power).reshape(-1, *[1] * (found.ndim - 1))

    @cached_property
    def _gradients(self) -> dict[str, torch.Tensor]:
        leaves = [None if t is None else t.detach().requires_grad_() for t in self.numbers.tensors]
        names = [name for name, t in zip(NAMES, leaves) if t is not None]
        with torch.inference_mode(False), exactly(self.directions.device), torch.enable_grad():
            (costs,) = _costs(leaves, self.directions, self.p)
            return dict(zip(names, torch.autograd.grad(costs.sum(), [t for t in leaves if t is not None])))

    @cached_property
    def _solved(self) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.numbers.x
        if x.shape[2] == 1:
            ones = x.new_ones(len(x), 1, 1)
            return costs_along(self.numbers, ones, self.p)[:, 0], ones
        with torch.inference_mode(False), exactly(x.device):
            starts = self._starts()
            kept = min(ASCENDING, starts.shape[1])
            best = costs_along(self.numbers, starts, self.p).topk(kept, 1).indices
            directions = _at(starts, best)
            costs, directions = self._ascended(directions)
            best = costs.argmax(1, keepdim=True)
            return costs.gather(1, best)[:, 0], _at(directions, best)

    def _starts(self) -> torch.Tensor:
        x, y = self.numbers.x, self.numbers.y
        a, b = self.numbers.weights()
        found, _ = directions_of(self.n_starts, x.shape[2], "quasi", self.generator, x)
        middle = x.mean(1, keepdim=True)
        between = ((b[..., None] * (y - middle)).sum(1) - (a[..., None] * (x - middle)).sum(1))[:, None]
        length = torch.linalg.vector_norm(between, dim=2, keepdim=True)
        between = torch.where(length > 0.0, between / length, found[:1])
        return torch.cat([between, found.expand(len(x), -1, -1)], 1)

    def _ascended(self, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Costs (B, k) and directions (B, k, d) after the last step; no step loses."""
        costs, slopes = self._costs_and_slopes(directions)
        rate = torch.full_like(costs, 1.0 / self.p)  # for p = 2 and one plan this is the power method
        for _ in range(self.n_steps):
            size = torch.linalg.vector_norm(slopes, dim=2)
            angle = torch.where(costs > 0.0, rate * size / costs, 0.0).clamp_max(1.0)
            ahead = torch.where(size > 0.0, 1.0 / size, 0.0)[..., None] * slopes
            trial = angle.cos()[..., None] * directions + angle.sin()[..., None] * ahead
            trial = trial / torch.linalg.vector_norm(trial, dim=2, keepdim=True)
            reached, turned = self._costs_and_slopes(trial)
            gained = reached > costs + ENOUGH * angle * size
            directions = torch.where(gained[..., None], trial, directions)
            slopes = torch.where(gained[..., None], turned, slopes)
            costs = torch.where(gained, reached, costs)
            rate = torch.where(gained, 2.0 * rate, 0.5 * rate)
        return costs, directions

    def _costs_and_slopes(self, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """And the gradients along the sphere (B, k, d)."""
        moving = directions.detach().requires_grad_()
        found, slopes = [], torch.zeros_like(directions)
        with torch.enable_grad():
            for costs in _costs(self.numbers.tensors, moving, self.p):
                found.append(costs.detach())
                slopes += torch.autograd.grad(costs.sum(), moving)[0]
        along = (slopes * directions).sum(2, keepdim=True)
        return torch.cat(found, 1), slopes - along * directions


def _at(directions: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return directions.gather(1, index[..., None].expand(-1, -1, directions.shape[2]))
