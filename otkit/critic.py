"""The Kantorovich potential of W_1 as a function on all of space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.certificate import EPS, conjugate, restored
from otkit.complementary import complementary
from otkit.costs import Cost, PointCost, point_cost
from otkit.errors import BadMeasure, Unsupported
from otkit.result import Status
from otkit.slope import sized, steepest
from otkit.workers import share_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from otkit.result import Result

TASKS = 64  # pieces of a call for gradients: points differ in how many boxes are opened for them


@dataclass(frozen=True, eq=False, repr=False)
class Critic:
    r"""A 1-Lipschitz function that attains W_1 on the samples: a McShane extension of the Kantorovich potential.

    .. math:: u(z) = \max_i\, f_i - metric(z, x_i) \quad\text{or}\quad u(z) = \min_j\, metric(z, y_j) - g_j,
              \qquad W_1 = \sum_i a_i u(x_i) - \sum_j b_j u(y_j)

    The first, anchored at x, is the smallest 1-Lipschitz function with these values on the samples, and has a gradient
    at y; the second, anchored at y, is the largest, and has a gradient at x. Made by `Result.critic()`, of potentials
    inside the face of optimal ones: at a y_j that takes mass, all of it from one direction, u has the gradient of W_1,
    dW_1/dy_j = -b_j grad u(y_j), unless another plan is as good to rounding.

    Calling it on (k, d) points gives (k,) values. k points against m anchors take O(k m d) time, far less in up to
    three dimensions, where bounding boxes refute most pairs (100,000 points against 10,000 anchors: 0.2 s in two
    dimensions, 7 s in 64, on two cores), and O(k + m) memory. The Lipschitz constant in the metric of the problem is
    exactly 1.

    Raises
    ------
    BadMeasure : points that are no numbers or have another dimension than the samples.

    Source: McShane 1934; Villani 2009 (chapter 5).

    >>> import otkit
    >>> critic = otkit.wasserstein([0.0, 1.0], [3.0, 5.0]).critic()
    >>> float(critic([0.0, 1.0]).mean() - critic([3.0, 5.0]).mean())
    3.5
    """

    anchors: np.ndarray  # (m, d), less origin and divided by scale
    values: np.ndarray  # (m,) f of x, or g of y, divided by scale
    metric: str
    side: str
    scale: float
    origin: float | np.ndarray

    @classmethod
    def of(cls, result: Result, anchors: str = "x") -> Critic:
        """The critic of a result with p = 1 between points, anchored at "x" or "y"."""
        cost = result.problem.cost
        if not isinstance(cost, PointCost) or cost.p != 1:
            raise Unsupported(
                f"a critic needs p = 1 and points with a metric by name; this is {result.problem!r}. "
                "Call otkit.wasserstein(x, y, p=1) with a metric by name."
            )
        if anchors not in ("x", "y"):
            raise Unsupported(f"anchors is {anchors!r}: a critic is anchored at 'x' or at 'y'.")
        f, g = result.certificate[:2]
        if result.status is Status.OPTIMAL:
            cost, f, g = complementary(cost, result.plan, f, g)
        f, g = tightened(cost, f)
        points, values = (cost.x, f) if anchors == "x" else (cost.y, g)
        return cls(points, values, cost.metric, anchors, cost.scale, cost.origin)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """u at (k, d) points, or at (k,) points on the line; (k,)."""
        cost, values = self._cost(points)
        return self._sign * self.scale * (cost.scale * _transform(cost, values))

    def gradient(self, points: ArrayLike) -> np.ndarray:
        """The gradient of u at (k, d) points, (k, d); rows of NaN where u is not differentiable.

        Euclidean: the unit vector toward the anchor x_i that is active at the point (away from the active y_j). Other
        metrics: the unit vector of the dual norm, signs of coordinates for cityblock, one signed coordinate for
        chebyshev. Not differentiable are points where active anchors disagree and the anchors themselves, unless the
        point lies on the ray of another one; ties are told to 1e-12. Time and memory as for values.

        >>> import otkit
        >>> critic = otkit.wasserstein([[0.0, 0.0]], [[3.0, 4.0]]).critic()
        >>> critic.gradient([[3.0, 4.0], [0.0, 0.0]])
        array([[-0.6, -0.8],
               [ nan,  nan]])
        """
        from otkit.kernels.planes import planes_of
        from otkit.kernels.rays import gradients

        cost, values = self._cost(points)
        order, count = cost.ordered, cost.shape[0]
        values = values[order.cols]
        planes = planes_of(order.ground, order.boxes, values)
        out = np.empty(cost.x.shape)
        share_out(
            lambda k: gradients(
                order.ground, order.boxes, values, planes, count * k // TASKS, count * (k + 1) // TASKS, out
            ),
            TASKS,
        )
        return self._sign * restored(out, order.rows)

    def slope(self, points: ArrayLike) -> float:
        """The largest |u(z_i) - u(z_k)| / metric(z_i, z_k) over all pairs of (k, d) points: 1 at most, to rounding.

        What rounding of the values can make of a difference does not count. O(k^2) time at worst, O(k) memory.

        >>> import otkit
        >>> critic = otkit.wasserstein([[0.0, 0.0]], [[3.0, 4.0]]).critic()
        >>> round(critic.slope([[1.0, 1.0], [2.0, 3.0], [9.0, 9.0]]), 12)
        1.0
        """
        cost, values = self._cost(points)
        return rise(PointCost(cost.x, cost.x, self.metric, 1.0), _transform(cost, values), float(np.abs(values).max()))

    @property
    def _sign(self) -> float:
        return -1.0 if self.side == "x" else 1.0

    def _cost(self, points: ArrayLike) -> tuple[PointCost, np.ndarray]:
        """From points to anchors, divided once more where points lie far out, and the anchors' values likewise."""
        points = measures.samples(points, "points")
        if points.shape[1] != self.anchors.shape[1]:
            raise BadMeasure(
                f"points have {points.shape[1]} coordinates, the critic's samples {self.anchors.shape[1]}."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            inner = (points - self.origin) / self.scale
        if not np.isfinite(inner).all():
            raise BadMeasure(
                "points lie so far from the critic's samples that float64 cannot hold distances in units of theirs."
            )
        cost = point_cost(inner, self.anchors, self.metric, 1)
        return cost, self.values / cost.scale

    def __repr__(self) -> str:
        m, d = self.anchors.shape
        return f"Critic(1-Lipschitz in {self.metric} on R^{d}, {m} anchors, {self.side})"


def tightened(cost: PointCost, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The conjugate pair above f (n,): g its c-transform, and f the c-transform of that. Two passes over the pairs."""
    g = conjugate(cost.transposed(), f, np.full(cost.shape[1], np.inf))
    return conjugate(cost, g, np.full(cost.shape[0], np.inf)), g


def rise(pairs: Cost, u: np.ndarray, largest: float) -> float:
    """The slope of u = c - g, a c-transform with |g| <= largest, over all pairs; what rounding may have added to a
    difference of values does not count."""
    rounding = (getattr(pairs, "dimension", 1) + 8) * EPS * (np.abs(u) + largest)
    v, w, size = sized(u - rounding, u + rounding)
    return steepest(pairs, v, w).value * size


def _transform(cost: PointCost, values: np.ndarray) -> np.ndarray:
    return conjugate(cost, values, np.full(cost.shape[0], np.inf))
