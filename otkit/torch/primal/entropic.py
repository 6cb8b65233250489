"""Entropic optimal transport and the Sinkhorn divergence on the device of torch tensors, in O(n + m) memory.

Potentials are kept in bits: u = f k and v = g k with k = 1 / (eps log 2), so that the plan is
a_i b_j 2^(u_i + v_j - k c_ij) and half a sweep is u = softmin(log2 b + v). Points are centred and scaled to costs of
at most 1 before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Protocol

import numpy as np
import torch

from otkit.costs import METRICS, order_of
from otkit.errors import Unsupported
from otkit.torch.primal.anderson import Past
from otkit.torch.primal.pair import Pair
from otkit.torch.primal.softmin_torch import ORDERS, Blocks, exactly

LN2 = math.log(2.0)
FACTOR = 4.0  # between one eps and the next
ROUGH_SWEEPS = 2  # at each eps above the last; 1 to 6 took as many sweeps in all
PERIOD = 4  # sweeps between two looks at the error, each of which waits for the device, and two extrapolations
OWN_STEP = 2.0 / 3.0  # towards the softmin, of a measure with itself: errors fall by 3 at least, and by 2 at 1 / 2
SMALLEST, LARGEST = 2.0**-100, 2.0**60  # eps over the costs
BACKENDS = (None, "torch", "triton")
ROUNDING = 4.0  # units of rounding of the transport costs whose difference a divergence is: below it there is none
LOST = 32.0  # of the same, and of eps, that sums of potentials may lose
MOST_ROUNDING = 2e-3  # marginal error that rounding excuses: above, a float of this size cannot tell the costs over eps
LIGHT = 2.0**-60  # masses that no marginal error sees: their potentials are the softmin of the others'


class Costs(Protocol):
    """Costs between two sets of points, streamed: `Blocks` of torch operations, or `Tiles` of Triton."""

    @property
    def turned(self) -> Costs: ...

    def softmin(self, h: torch.Tensor, k: torch.Tensor) -> torch.Tensor: ...

    def pulled(self, h: torch.Tensor, k: torch.Tensor, a: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Options:
    """How an entropic problem is solved on a device.

    eps : regularisation, in units of cost. p, metric : the cost is metric**p.
    tol : marginal error (L1) to stop at, or what the dtype resolves: 2 units of rounding of the largest exponent,
        potentials over (eps log 2); in float32 and eps = 1 % of the costs 2e-4, and never above 2e-3.
    max_iter : most sweeps.
    backend : "torch" for blocks of torch operations, "triton" for the fused kernels (CUDA, float32, euclidean with
        p = 1 or 2), None for the latter where they can be had.
    symmetric : exactly max_iter sweeps that update both potentials from the old ones and average (Feydy et al. 2019),
        from 0 and without annealing or acceleration: for measurements. The last is an alternating one.
    """

    eps: float
    p: float = 2.0
    metric: str = "euclidean"
    tol: float = 1e-6
    max_iter: int = 10_000
    backend: str | None = None
    symmetric: bool = False

    def refuse(self) -> None:
        """Raises Unsupported with everything that makes no sense."""
        order_of(self.p)
        wrong = []
        if not 0.0 < self.eps < math.inf:
            wrong.append(f"eps is {self.eps!r}: a regularisation in units of cost, > 0")
        if not self.tol >= 0.0:
            wrong.append(f"tol is {self.tol!r}: a marginal error, >= 0")
        if not self.max_iter >= 1:
            wrong.append(f"max_iter is {self.max_iter!r}: a number of sweeps, >= 1")
        if self.metric not in METRICS:
            wrong.append(f"metric is {self.metric!r}: choose one of {', '.join(METRICS)}")
        if self.backend not in BACKENDS:
            wrong.append(f"backend is {self.backend!r}: choose one of {', '.join(map(repr, BACKENDS))}")
        if wrong:
            raise Unsupported("; ".join(wrong) + ".")


@dataclass(frozen=True, eq=False)
class Entropic:
    """B entropic optima: OT_eps = min <C, P> + eps KL(P | a x b).

    Attributes
    ----------
    f (B, n), g (B, m) : potentials in units of cost, each with half of the value.
    values (B,) : the dual objective a @ f + b @ g; its error is of second order in the marginal error.
    marginal_error (B,) : L1, of the columns (the rows are exact).
    iterations : sweeps made, annealing included. converged (B,) : whether the error reached tol, or rounding.
    """

    f: torch.Tensor
    g: torch.Tensor
    values: torch.Tensor
    marginal_error: torch.Tensor
    iterations: int
    converged: torch.Tensor
    name: str = "EntropicTransport"
    _scaled: _Scaled = field(repr=False, default=None)
    _potentials: tuple[torch.Tensor, torch.Tensor] = field(repr=False, default=None)

    def gradient(self, of: str) -> torch.Tensor:
        """In "x", "y" (B, n, d): sum_j P_ij d c_ij / d x_i; in "a", "b" (B, n): the potentials. Of a measure with
        itself "x" and "y" are each half of what moving its points does."""
        if of in "ab":
            return (self.f, self.g)["ab".index(of)]
        with exactly(self.f.device):
            return self._scaled.pulled(of, *self._potentials)


@dataclass(frozen=True, eq=False)
class Divergence:
    """S_eps = OT_eps(x, y) - OT_eps(x, x) / 2 - OT_eps(y, y) / 2 of B pairs, or OT_eps alone where `own` is empty.

    values (B,), never negative where exp(-cost / eps) is a positive kernel; f (B, n), g (B, m) of OT_eps(x, y);
    marginal_error, converged (B,) : of the worst of the three problems; iterations : the most of them.
    """

    across: Entropic
    own: tuple[Entropic, ...]
    values: torch.Tensor
    name: str = "SinkhornDivergence"

    @property
    def f(self) -> torch.Tensor:
        return self.across.f

    @property
    def g(self) -> torch.Tensor:
        return self.across.g

    @property
    def iterations(self) -> int:
        return max(part.iterations for part in (self.across, *self.own))

    @cached_property
    def marginal_error(self) -> torch.Tensor:
        return torch.stack([part.marginal_error for part in (self.across, *self.own)]).amax(0)

    @cached_property
    def converged(self) -> torch.Tensor:
        return torch.stack([part.converged for part in (self.across, *self.own)]).all(0)

    def gradient(self, of: str) -> torch.Tensor:
        """In "x" (B, n, d), "y", and the weights "a" (B, n), "b", up to a constant."""
        found = self.across.gradient(of)
        if not self.own:
            return found
        side = self.own["yb".count(of)]
        return found - side.gradient("x" if of in "xy" else "a")


def device_divergence(
    pair: Pair,
    *,
    eps: float,
    p: float = 2.0,
    metric: str = "euclidean",
    tol: float = 1e-6,
    max_iter: int = 10_000,
    debias: bool = True,
    backend: str | None = None,
    symmetric: bool = False,
) -> Divergence:
    """The Sinkhorn divergences of a pair, `Solved` for `envelope.differentiable`. Options: as in `Options`.

    Time O(B n m d) a sweep, memory O(B (n + m) d). Raises Unsupported for options that make no sense together.
    """
    options = Options(eps, p, metric, tol, max_iter, backend, symmetric)
    options.refuse()
    across = solve(pair, options)
    if not debias:
        return Divergence(across, (), across.values)
    own = tuple(solve_own(points, w, options) for points, w in zip(pair.tensors[:2], pair.weights()))
    return Divergence(across, own, _cleared(across, own, options, pair.x.shape[2]))


def solve(pair: Pair, options: Options) -> Entropic:
    """The entropic problems of a pair."""
    numbers = pair.numbers()
    with exactly(pair.x.device):
        return _solved(_Scaled.of(numbers.x, numbers.y, numbers.weights(), options), options)


def solve_own(points: torch.Tensor, weights: torch.Tensor, options: Options) -> Entropic:
    """The entropic problems of measures, points (B, n, d) and weights (B, n) of total 1, with themselves."""
    points, weights = points.detach(), weights.detach()
    with exactly(points.device):
        return _solved(_Scaled.of(points, points, (weights, weights), options), options)


def costs_of(x: torch.Tensor, y: torch.Tensor, options: Options) -> Costs:
    """The streamed costs by the backend asked for. Raises Unsupported where it cannot do these."""
    fused = options.backend != "torch" and find_spec("triton") is not None
    if fused:
        from otkit.torch.primal import softmin_triton

        chosen = x.device.type == "cuda" or options.backend == "triton"
        if chosen and softmin_triton.takes(x, y, options.p, options.metric):
            return softmin_triton.Tiles.of(x, y, options.p)
    if options.backend == "triton":
        what = f"points are {x.dtype} on {x.device}, metric is {options.metric!r}, p is {options.p:g}"
        raise Unsupported(
            f"backend is 'triton', which {'is not installed' if not fused else 'does not do this: ' + what}. Its "
            "kernels take float32 on CUDA, metric 'euclidean' with p = 1 or 2. Leave backend out for all others."
        )
    return Blocks(x, y, options.p, options.metric)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Problems between points that are centred and scaled to distances of at most 1.

    For squared Euclidean costs each side is centred on its own mean: |x - y|^2 = |x' - y'|^2 + 2 s.(x' - y') + |s|^2
    with s the shift between the means, whose terms go into the potentials (`tilt`) and keep the rest small.
    """

    costs: Costs
    a: torch.Tensor
    b: torch.Tensor
    k: torch.Tensor  # (stages, B): 1 / (eps log 2), scaled, annealed
    unit: torch.Tensor  # (B,) cost of a bit
    slope: torch.Tensor  # (B,) length**(p - 1): cost of a unit of scaled length in scaled cost
    tilt: tuple[torch.Tensor, torch.Tensor] | None  # (B, n), (B, m) in units of cost
    shift: torch.Tensor | None  # (B, 1, d) 2 s, unscaled
    own: bool

    @classmethod
    def of(
        cls, x: torch.Tensor, y: torch.Tensor, weights: tuple[torch.Tensor, torch.Tensor], options: Options
    ) -> _Scaled:
        (a, b), own, p = weights, x is y, options.p
        squared = options.metric == "euclidean" and p == 2.0
        if squared:
            centres = tuple((w[:, None] @ points) for w, points in ((a, x), (b, y)))
        else:
            centres = (0.5 * x.mean(1, keepdim=True) + 0.5 * y.mean(1, keepdim=True),) * 2
        shift = None if own or not squared else centres[0] - centres[1]
        x, y = x - centres[0], y - centres[1]
        held = a > 0.0, b > 0.0  # points without mass may lie anywhere
        wide = [torch.where(has, points.abs().amax(2), 0.0).amax(1) for has, points in zip(held, (x, y))]
        wide = _or_one(torch.maximum(*wide))  # first: squares of it may overflow
        x, y = (points / wide[:, None, None] for points in (x, y))
        far = [torch.linalg.vector_norm(points, ORDERS[options.metric], 2) for points in (x, y)]
        reach = _or_one(sum(torch.where(has, radius, 0.0).amax(1) for has, radius in zip(held, far)))
        x, y = (points / reach[:, None, None] for points in (x, y))
        mean = sum((w * (radius / reach[:, None]) ** p).sum(1) for w, radius in zip((a, b), far))
        wide, reach, mean = np.array(torch.stack((wide, reach, mean)).tolist())  # waits for the device, once
        length = wide * reach
        with np.errstate(over="ignore", under="ignore"):
            eps = np.clip(options.eps / length**p, SMALLEST, LARGEST)
            unit, slope = eps * LN2 * length**p, length ** (p - 1.0)
            doubled = None if shift is None else 2.0 * shift
        tilt = None
        if shift is not None:
            half = 0.5 * shift.square().sum(2)
            size = x.new_tensor(length)[:, None]
            tilt = half + size * (x @ doubled.mT)[..., 0], half - size * (y @ doubled.mT)[..., 0]
        stages = np.array([eps] if options.symmetric else _annealed(mean, eps))
        x, y = x.contiguous(), x.contiguous() if own else y.contiguous()
        costs = costs_of(x, x if own else y, options)
        numbers = (x.new_tensor(values) for values in (1.0 / (stages * LN2), unit, slope))
        return cls(costs, a, b, *numbers, tilt, doubled, own)

    @cached_property
    def turned(self) -> Costs:
        return self.costs if self.own else self.costs.turned

    @cached_property
    def logs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """log2 of the weights, -inf where there is none."""
        return self.a.log2(), self.b.log2()

    def pulled(self, of: str, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """The gradients in the points "x" or "y", in units of cost and length."""
        k, slope = self.k[-1], self.slope[:, None, None]
        if of == "x":
            found = slope * self.costs.pulled(self.logs[1] + v, k, self.a)
            return found if self.shift is None else found + self.shift * self.a[..., None]
        found = slope * self.turned.pulled(self.logs[0] + u, k, self.b)
        return found if self.shift is None else found - self.shift * self.b[..., None]


def _or_one(lengths: torch.Tensor) -> torch.Tensor:
    return torch.where(lengths > 0.0, lengths, 1.0)


def _annealed(start: np.ndarray, eps: np.ndarray) -> list[np.ndarray]:
    """From the mean cost down to eps, each of a batch in its own steps; eps itself comes last."""
    stages = []
    while (start > 1.5 * eps).any():
        stages.append(np.maximum(start, eps))
        start = start / FACTOR
    return [*stages, eps]


class _Run:
    """One solve, from v = 0."""

    def __init__(self, scaled: _Scaled, options: Options) -> None:
        self.scaled, self.options = scaled, options
        self.v = torch.zeros_like(scaled.b)
        self.u = torch.zeros_like(scaled.a)
        self.image = self.v
        self.sweeps = 0

    def sweep(self, k: torch.Tensor) -> None:
        """u of v, and the image of v under the map: for a measure with itself a step towards u, which is both."""
        scaled = self.scaled
        self.u = scaled.costs.softmin(scaled.logs[1] + self.v, k)
        if scaled.own:
            self.image = torch.lerp(self.v, self.u, OWN_STEP)
        else:
            self.image = scaled.turned.softmin(scaled.logs[0] + self.u, k)
        self.sweeps += 1

    def anneal(self) -> None:
        """Potentials of every eps are a first guess for the next; the last sweep is left to the last eps."""
        stages = self.scaled.k
        for now, following in zip(stages[:-1], stages[1:]):
            for _ in range(ROUGH_SWEEPS):
                if self.sweeps < self.options.max_iter - 1:
                    self.sweep(now)
                    self.v = self.image
            self.v = self.v * (following / now)[:, None]

    def converge(self) -> None:
        """Sweeps until the error of all is met or max_iter; u, v, image are then those of the last."""
        k, a, b = self.scaled.k[-1], self.scaled.a, self.scaled.b
        past = Past(b)
        while True:
            for step in range(min(PERIOD, self.options.max_iter - self.sweeps)):
                if step:
                    self.v = self.image
                self.sweep(k)
                past.remember(self.v, self.image)
            if self.sweeps >= self.options.max_iter or bool((self.met | self.at_rounding).all()):
                return
            objective = (a * self.u).sum(1) + (b * self.v).sum(1)
            self.v = past.ahead(objective, ROUNDING * self.rounding)

    def average(self) -> None:
        """The fixed number of symmetric sweeps."""
        k, turned = self.scaled.k[-1], self.scaled.turned
        log_a, log_b = self.scaled.logs
        for _ in range(self.options.max_iter - 1):
            u = self.scaled.costs.softmin(log_b + self.v, k)
            v = u if self.scaled.own else turned.softmin(log_a + self.u, k)
            self.u, self.v = torch.lerp(self.u, u, 0.5), torch.lerp(self.v, v, 0.5)
            self.sweeps += 1
        self.sweep(k)

    @property
    def error(self) -> torch.Tensor:
        """Marginal error of the columns of the plan of (u, v), whose rows are exact; for a measure with itself of
        that of (v, v)."""
        after = self.u if self.scaled.own else self.image
        return (self.scaled.b * (1.0 - (self.v - after).clamp(max=64.0).exp2()).abs()).sum(1)

    @property
    def rounding(self) -> torch.Tensor:
        """What exponents are known to."""
        masses = self.scaled.a, self.scaled.b  # potentials far away, without mass, are in no sum
        sizes = (torch.where(mass > 0.0, h.abs(), 0.0).amax(1) for mass, h in zip(masses, (self.u, self.v)))
        largest = torch.maximum(*sizes)
        return torch.finfo(self.v.dtype).eps * torch.maximum(largest, self.scaled.k[-1]).clamp(min=1.0)

    @property
    def at_rounding(self) -> torch.Tensor:
        """Where more sweeps change nothing."""
        return self.error <= 2.0 * self.rounding

    @property
    def met(self) -> torch.Tensor:
        return self.error <= (2.0 * self.rounding).clamp(max=MOST_ROUNDING).clamp(min=self.options.tol)


def _solved(scaled: _Scaled, options: Options) -> Entropic:
    run = _Run(scaled, options)
    if options.symmetric:
        run.average()
    else:
        run.anneal()
        run.converge()
    a, b = scaled.a, scaled.b
    if scaled.own:
        u = v = torch.where(a < LIGHT, run.u, 0.5 * (run.u + run.v))
    else:
        u, v = run.u, torch.where(b < LIGHT, run.image, run.v)
    f, g = u * scaled.unit[:, None], v * scaled.unit[:, None]
    if scaled.tilt is not None:
        f, g = f + scaled.tilt[0], g + scaled.tilt[1]
    left, right = (a * f).sum(1), (b * g).sum(1)
    half = 0.5 * (right - left)[:, None]
    return Entropic(
        f + half, g - half, left + right, run.error, run.sweeps, run.met, _scaled=scaled, _potentials=(u, v)
    )


def _cleared(across: Entropic, own: tuple[Entropic, ...], options: Options, dimension: int) -> torch.Tensor:
    """The divergence, without differences that are rounding, or that are below 0 where that is an error of the three
    optima: for a positive kernel always, else as far as these errors go."""
    parts = (across, *own)
    values = across.values - 0.5 * own[0].values - 0.5 * own[1].values
    sizes = sum(part.values.abs() for part in parts)
    errors = sum(part.marginal_error.clamp(max=2.0) for part in parts)
    unit, eps = torch.finfo(values.dtype).eps, sizes.clamp(max=options.eps)
    below = values < 0.0
    if not _positive(options, dimension):
        below &= values >= -(LOST * unit * (sizes + eps) + eps * errors)
    return torch.where(below | (values.abs() <= ROUNDING * unit * sizes), 0.0, values)


def _positive(options: Options, dimension: int) -> bool:
    """Whether metric**p is conditionally negative definite, as Schoenberg showed of powers of Euclidean distances up
    to the second; sums over coordinates then are."""
    euclidean = options.metric == "euclidean" or dimension == 1
    return (euclidean and options.p <= 2.0) or (options.metric == "cityblock" and options.p == 1.0)
