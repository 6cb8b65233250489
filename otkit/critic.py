"""The Kantorovich potential of W_1 as a function on all of space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.certificate import conjugate
from otkit.costs import PointCost
from otkit.errors import BadMeasure, Unsupported

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from otkit.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Critic:
    r"""A 1-Lipschitz function that attains W_1 on the samples: the McShane extension of the potential g.

    .. math:: u(z) = \min_j\, metric(z, y_j) - g_j, \qquad W_1 = \sum_i a_i u(x_i) - \sum_j b_j u(y_j)

    Made by `Result.critic()`. Calling it on (k, d) points gives (k,) values in O(k m) time at worst and O(k + m)
    memory; exact Lipschitz constant 1 in the metric of the problem.

    Source: McShane 1934; Villani 2009 (chapter 5).

    >>> import otkit
    >>> critic = otkit.wasserstein([0.0, 1.0], [3.0, 5.0]).critic()
    >>> float(critic([0.0, 1.0]).mean() - critic([3.0, 5.0]).mean())
    3.5
    """

    anchors: np.ndarray  # (m, d)
    values: np.ndarray  # (m,) g, 1-Lipschitz on the anchors
    metric: str
    scale: float
    origin: float | np.ndarray

    @classmethod
    def of(cls, result: Result) -> Critic:
        """The critic of a result with p = 1 between points."""
        cost = result.problem.cost
        if not isinstance(cost, PointCost) or cost.p != 1:
            raise Unsupported(
                f"a critic needs p = 1 and points with a metric by name; this is {result.problem!r}. "
                "Call otkit.wasserstein(x, y, p=1) with a metric by name."
            )
        potentials = result.potentials
        g = conjugate(cost.transposed(), potentials.f / cost.scale, np.full(cost.shape[1], np.inf))
        return cls(cost.y, g, cost.metric, cost.scale, cost.origin)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """u at (k, d) points, or at (k,) points on the line."""
        points = measures.samples(points, "points")
        if points.shape[1] != self.anchors.shape[1]:
            raise BadMeasure(
                f"points have {points.shape[1]} coordinates, the critic's samples {self.anchors.shape[1]}."
            )
        cost = PointCost((points - self.origin) / self.scale, self.anchors, self.metric, 1.0)
        return conjugate(cost, self.values, np.full(len(points), np.inf)) * self.scale

    def __repr__(self) -> str:
        m, d = self.anchors.shape
        return f"Critic(1-Lipschitz in {self.metric} on R^{d}, {m} anchors)"
