"""Anderson acceleration of a batch of fixed-point maps, on the device and without a look at any value.

Extrapolations come once every few plain steps, which costs few launches and, safeguarded, no more steps than after
each (Pratapa, Suryanarayana and Pask 2016).
"""

from __future__ import annotations

import torch

WINDOW = 12  # iterates remembered
RIDGES = {torch.float32: 1e-6, torch.float64: 1e-12}  # of the normalised normal equations: above their rounding


class Past:
    """The last iterates of B maps of (m,) potentials; inner products are those of weights (B, m)."""

    def __init__(self, weights: torch.Tensor) -> None:
        count, size = weights.shape
        self._root = weights.sqrt()[:, None]
        self._images = weights.new_zeros((count, WINDOW, size))
        self._residuals = weights.new_zeros((count, WINDOW, size))
        self._held = torch.zeros((count, WINDOW), dtype=torch.bool, device=weights.device)
        self._best = weights.new_full((count,), -torch.inf)
        self._kept = weights.new_zeros((count, size))
        self._last = -1

    def remember(self, argument: torch.Tensor, image: torch.Tensor) -> None:
        """One more step of the maps."""
        self._last = (self._last + 1) % WINDOW
        self._images[:, self._last] = image
        torch.sub(image, argument, out=self._residuals[:, self._last])
        self._held[:, self._last] = True

    def ahead(self, objective: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """The next arguments (B, m), from what is remembered and the objective (B,) before the last image.

        It is the combination of images whose residuals cancel best. Where the objective is now below the largest seen
        by more than noise (B,) the last extrapolation is taken back and all forgotten; where this one goes further than
        the image is wide, it is not taken.
        """
        image = self._images[:, self._last]
        found = self._extrapolated(image)
        step = (found - image).abs().amax(1)
        near = step <= image.amax(1) - image.amin(1)  # False for NaN
        fell = objective < self._best - noise
        found = torch.where(near[:, None], found, image)
        found = torch.where(fell[:, None], self._kept, found)
        self._held &= (near & ~fell)[:, None]
        self._best = torch.where(fell, -torch.inf, torch.maximum(self._best, objective))
        self._kept = torch.where(fell[:, None], self._kept, image)
        return found

    def _extrapolated(self, image: torch.Tensor) -> torch.Tensor:
        now = self._residuals[:, self._last, None]
        apart = (now - self._residuals) * self._root
        length = apart.square().sum(2).sqrt()
        used = self._held & (length > 0.0)
        scale = torch.where(used, 1.0 / length, 0.0)
        apart = apart * scale[..., None]
        ridge = RIDGES[image.dtype] * used + ~used  # what is not used has equations of its own
        normal = apart @ apart.mT + torch.diag_embed(ridge.to(image.dtype))
        right = apart @ (now * self._root).mT
        mix = torch.linalg.solve_ex(normal, right)[0][..., 0] * scale
        return image - (mix[:, None] @ (image[:, None] - self._images))[:, 0]
