"""A critic that is 1-Lipschitz by what it is: the largest of finitely many cones."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from otkit.errors import BadCritic, Unsupported
from otkit.torch.networks.stack import checked_shape, positive

if TYPE_CHECKING:
    from otkit.critic import Critic as ExactCritic

CONES = 256
CANDIDATES = 4  # cones that are compared without the cancellation of a product of matrices


class McShaneCritic(nn.Module):
    r"""The McShane extension of learned values at learned points: (B, *shape) -> (B, 1), slope 1, nothing to enforce.

    .. math:: f(x) = \max_k\, h_k - |x - z_k| \quad\text{(tips up)} \qquad\text{or}\qquad \min_k\, |x - z_k| - h_k

    Every 1-Lipschitz function is the limit of such maxima (take the points dense and its values there), so the class is
    that of the dual of W_1; the exact critic `Result.critic()` is of this form, with a cone at every sample. Without a
    penalty a critic step is one product of matrices: B samples against K cones take O(B K d) time, O(B K + B d) memory.

    Only cones that are largest somewhere learn, so where they begin matters: at samples of the law whose critic values
    are high (`at`), or as the exact critic of a few (`of`). Random points (normal, deviation 1) are what the
    constructor can do without data.

    Parameters
    ----------
    shape : of one sample.
    cones : how many, K.
    tips : "up", the smallest extension of the values, with tips among real samples; "down", the largest, with tips
        among generated ones.

    Raises
    ------
    Unsupported : sizes that are no whole numbers from 1 on; other tips; samples that are no batch of one shape.

    Source: McShane 1934; Villani 2009 (chapter 5).

    >>> critic = McShaneCritic.at(torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    >>> critic(torch.tensor([[1.0, 0.0], [4.0, 3.0]])).flatten().tolist()
    [-1.0, -3.0]
    """

    def __init__(self, shape: tuple[int, ...], *, cones: int = CONES, tips: str = "up") -> None:
        super().__init__()
        shape = checked_shape(shape)
        positive(cones=cones)
        if tips not in ("up", "down"):
            raise Unsupported(f"tips is {tips!r}: 'up' (the largest of cones) or 'down' (the smallest).")
        self.shape, self.features, self.tips = shape, 1, tips
        self.points = nn.Parameter(torch.randn(cones, prod(shape)))
        self.heights = nn.Parameter(torch.zeros(cones))

    @classmethod
    def at(cls, samples: Tensor, *, tips: str = "up") -> McShaneCritic:
        """A cone of height 0 at each of (K, *shape) samples: minus (plus) the distance to the nearest of them."""
        if not isinstance(samples, Tensor) or not samples.is_floating_point() or samples.ndim < 2 or not len(samples):
            raise Unsupported("samples: a (K, *shape) tensor of real numbers with K >= 1 is needed.")
        critic = cls(samples.shape[1:], cones=len(samples), tips=tips).to(samples)
        with torch.no_grad():
            critic.points.copy_(samples.flatten(1))
        return critic

    @classmethod
    def of(cls, critic: ExactCritic) -> McShaneCritic:
        """The exact critic of `otkit.wasserstein(x, y).critic()` (Euclidean), in float64, ready to be trained further.

        >>> import otkit
        >>> exact = otkit.wasserstein([[0.0, 0.0]], [[3.0, 4.0]]).critic()
        >>> net = McShaneCritic.of(exact)
        >>> float(net(torch.zeros(1, 2, dtype=torch.float64)) - net(torch.tensor([[3.0, 4.0]]).double()))
        5.0
        """
        if critic.metric != "euclidean":
            raise Unsupported(f"critic is of the metric {critic.metric!r}: its cones are not Euclidean.")
        points = torch.from_numpy(critic.anchors * critic.scale + critic.origin)
        net = cls.at(points, tips="up" if critic.side == "x" else "down")
        with torch.no_grad():
            net.heights.copy_(torch.from_numpy(critic.values * critic.scale))
        return net

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise BadCritic(f"x has samples of shape {tuple(x.shape[1:])}; this critic takes {self.shape}.")
        x = x.flatten(1)
        near = self._candidates(x.detach())
        away = torch.linalg.vector_norm(x[:, None] - self.points[near], dim=2)
        highest = (self.heights[near] - away).amax(1, keepdim=True)
        return highest if self.tips == "up" else -highest

    @torch.no_grad()
    def _candidates(self, x: Tensor) -> Tensor:
        """The few highest cones at each x by a product of matrices, whose rounding may swap near ones."""
        centre = self.points.mean(0)
        heights = self.heights - torch.cdist(x - centre, self.points - centre, compute_mode="use_mm_for_euclid_dist")
        return heights.topk(min(CANDIDATES, len(self.heights)), dim=1).indices

    def extra_repr(self) -> str:
        return f"shape={self.shape}, cones={len(self.heights)}, tips={self.tips!r}"
