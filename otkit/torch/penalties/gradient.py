"""The gradient penalties: how far the critic's slope at some points is from the one it should have."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from otkit.errors import BadMeasure, Unsupported
from otkit.torch.penalties.graph import (
    floating,
    full_precision,
    one_score_each,
    refuse_batch_norm,
    refuse_cut,
    refuse_frozen,
    refuse_no_grad,
    refuse_once,
)

POINTS = ("line", "around", "real", "fake", "both")
SIDES = ("both", "above")
PERTURBATION = 0.5  # of the standard deviation of real: the authors' own setting


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor | None,
    fake: Tensor | None = None,
    *,
    sided: str = "both",
    center: float = 1.0,
    points: str = "line",
    perturbation: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""The penalty on the norm of a critic's gradient, a scalar with its graph, without its factor lambda.

    .. math:: \frac{1}{B} \sum_i \left( \lVert \nabla f(z_i) \rVert_2 - c \right)^2, \qquad
              \text{above: } \frac{1}{B} \sum_i \max\left( \lVert \nabla f(z_i) \rVert_2 - c,\ 0 \right)^2

    WGAN-GP is the default; WGAN-LP is `sided="above"`; R1 is `points="real", center=0.0` and R2 `points="fake",
    center=0.0` (both are usually halved); DRAGAN is `points="around"`.

    Parameters
    ----------
    critic : function of points (B, ...) to scores (B,) or (B, 1), a module or not. It is called once.
    real, fake : (B, ...) samples of one shape. No gradient reaches them; None where `points` does not use them.
    sided : "both" sides of `center`, or only "above".
    center : the norm c wanted, in units of score per distance.
    points : where: on the "line" between real and fake, one uniform alpha a sample; "around" real, with Gaussian noise;
        at "real"; at "fake"; at "both".
    perturbation : standard deviation of the noise "around" real, in units of that of all of real; 0.5 unless given.
    generator : of the alphas and the noise, on any device; torch's own unless given.

    The norm is over all dimensions but the first, in float32 (float64 where samples and critic are) outside autocast.
    At a gradient of exactly zero its subgradient is zero, never NaN. Costs a forward and a backward pass of B points,
    and the backward pass through both; O(B) memory beside the critic's. One fused pass over real, fake and points
    (`interpolates`, `gradient_norms`, `penalty_of`) sends 3 B points through the first backward pass, not B: 1.5 times
    the time of a critic step on a CPU, where a pass over (real, fake) and one over the points save 6 % of three passes.

    Raises
    ------
    BadMeasure : samples that are no floats, empty, missing, or of different shapes.
    BadCritic : scores that are not one number a sample.
    Unsupported : an unknown option; BatchNorm over the batch; parameters all frozen, or shorter than float32; no
        gradient graph: no_grad, inference mode, a critic that detaches, torch.compile, layers differentiable once.

    Source: Gulrajani et al. 2017; Petzka, Fischer, Lukovnikov 2018 (above); Mescheder, Geiger, Nowozin 2018 (R1, R2);
    Kodali et al. 2017 (around).

    >>> critic = torch.nn.Linear(4, 1)
    >>> weight = torch.nn.init.constant_(critic.weight, 2.0)
    >>> penalty = gradient_penalty(critic, torch.zeros(8, 4), torch.ones(8, 4))
    >>> penalty.item(), penalty.requires_grad
    (9.0, True)
    """
    refuse_no_grad()
    refuse_batch_norm(critic)
    refuse_frozen(critic)
    known_sides(sided, center)
    z = interpolates(real, fake, points=points, perturbation=perturbation, generator=generator)
    return penalty_of(gradient_norms(critic, z), sided=sided, center=center)


def interpolates(
    real: Tensor | None,
    fake: Tensor | None = None,
    *,
    points: str = "line",
    perturbation: float | None = None,
    generator: torch.Generator | None = None,
    whole: tuple[int, ...] | None = None,
    part: slice | None = None,
) -> Tensor:
    """The points of a gradient penalty, a leaf that requires its gradient: (B, ...), (2 B, ...) for "both".

    Options and errors are those of `gradient_penalty`. Where real and fake are the rows `part` of a batch of shape
    `whole`, split over processes, the random numbers are drawn for all of it: with one seed, the points are those of
    one process ("around" takes the standard deviation of the part). O(size of whole).

    Source: Gulrajani et al. 2017; Kodali et al. 2017.

    >>> interpolates(torch.zeros(3, 2), torch.ones(3, 2)).shape
    torch.Size([3, 2])
    """
    if points not in POINTS:
        raise Unsupported(f"points is {points!r}: pass one of {', '.join(map(repr, POINTS))}.")
    if perturbation is not None and points != "around":
        raise Unsupported(f"perturbation is the size of the noise around real, and points is {points!r}: leave it out.")
    if (whole is None) != (part is None):
        raise Unsupported("whole and part go together: the shape of the whole batch, and this process's rows of it.")
    real = _needed("real", real, points) if points != "fake" else None
    fake = _needed("fake", fake, points) if points in ("line", "fake", "both") else None
    if real is not None and fake is not None:
        _of_one_shape(real, fake, points)
    one = fake if real is None else real
    count, rows = (len(one), slice(None)) if whole is None else (whole[0], part)
    if len(range(count)[rows]) != len(one):
        raise BadMeasure(f"part is {part} of {count} rows, and {len(one)} samples are given: pass this process's rows.")
    with torch.no_grad():
        if points == "line":
            alpha = _drawn(torch.rand, (count, *[1] * (real.ndim - 1)), real, generator)[rows]
            z = torch.lerp(fake, real, alpha)
        elif points == "around":
            size = PERTURBATION if perturbation is None else perturbation
            if not (math.isfinite(size) and size >= 0):
                raise Unsupported(
                    f"perturbation is {size!r}: a standard deviation, from 0 on, in units of that of real."
                )
            noise = _drawn(torch.randn, (count, *real.shape[1:]), real, generator)[rows]
            z = real + size * real.std(correction=0) * noise
        elif points == "both":
            z = torch.cat([real, fake])
        else:
            z = (real if points == "real" else fake).clone()
    return z.requires_grad_()


def gradient_norms(
    critic: Callable[[Tensor], Tensor] | Tensor, points: Tensor, *, create_graph: bool = True, checked: bool = False
) -> Tensor:
    r"""Norms of the gradients of a critic at points, (B,), over all dimensions but the first.

    .. math:: n_i = \lVert \nabla f(z_i) \rVert_2

    Parameters
    ----------
    critic : function of points to scores (B,) or (B, 1), called outside autocast; or the scores of points themselves,
        such as their part of those of a larger batch.
    points : (B, ...), requiring their gradient, as `interpolates` gives them.
    create_graph : so that a penalty on the norms can be differentiated; without it the graph of scores is freed.
    checked : whether this critic's graph was looked at before: it is walked twice to refuse what has no second
        derivative, 0.1 ms for three layers, which a trainer does once a run.

    Raises as `gradient_penalty` does. One backward pass.

    Source: Gulrajani et al. 2017.

    >>> z = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    >>> gradient_norms(lambda z: z.square().sum(1), z, create_graph=False)
    tensor([10.,  0.])
    """
    refuse_no_grad()
    with full_precision(points.device):
        scores = critic if isinstance(critic, Tensor) else critic(points)
        one_score_each(scores, points)
        if not checked:
            refuse_cut(scores, points)
        (gradients,) = torch.autograd.grad(
            scores, points, torch.ones_like(scores), create_graph=create_graph, allow_unused=True
        )
        if gradients is None or (create_graph and not checked):
            refuse_once(gradients)
        squares = gradients.reshape(len(points), -1).square().sum(1)
        # the root's derivative at 0 is infinite, and 0 times it NaN: the root of 1 is taken there, and its value hidden
        positive = squares > 0
        return torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)


def penalty_of(norms: Tensor, *, sided: str = "both", center: float = 1.0) -> Tensor:
    r"""Mean of (n_i - center)^2, or of max(n_i - center, 0)^2 for `sided="above"`: a scalar.

    Source: Gulrajani et al. 2017; Petzka, Fischer, Lukovnikov 2018.

    >>> norms = torch.tensor([0.0, 3.0])
    >>> penalty_of(norms).item(), penalty_of(norms, sided="above").item()
    (2.5, 2.0)
    """
    known_sides(sided, center)
    excess = norms - center
    return (excess.clamp_min(0.0) if sided == "above" else excess).square().mean()


def known_sides(sided: str, center: float) -> None:
    if sided not in SIDES:
        raise Unsupported(f"sided is {sided!r}: pass 'both' (WGAN-GP) or 'above' (WGAN-LP).")
    if not (math.isfinite(center) and center >= 0):
        raise Unsupported(
            f"center is {center!r}: the norm wanted, a number from 0 on (1 for WGAN-GP, 0 for R1 and R2)."
        )


def _needed(name: str, samples: Tensor | None, points: str) -> Tensor:
    if samples is None:
        raise BadMeasure(f"{name} is None: points={points!r} needs it.")
    return floating(name, samples)


def _of_one_shape(real: Tensor, fake: Tensor, points: str) -> None:
    alike = real.shape == fake.shape if points == "line" else real.shape[1:] == fake.shape[1:]
    if not alike:
        raise BadMeasure(
            f"real has shape {tuple(real.shape)} and fake {tuple(fake.shape)}: pass as many fake samples as real ones, "
            "of the same shape; torch would broadcast them silently."
        )
    if real.device != fake.device or real.dtype != fake.dtype:
        raise BadMeasure(
            f"real is {real.dtype} on {real.device} and fake {fake.dtype} on {fake.device}: pass both alike."
        )


def _drawn(
    draw: Callable[..., Tensor], shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Random numbers on the generator's device, moved to that of `like`."""
    device = like.device if generator is None else generator.device
    return draw(tuple(shape), generator=generator, device=device, dtype=like.dtype).to(like.device)
