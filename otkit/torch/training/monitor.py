"""A look at held-out samples: exact W_1 of real against generated, and how much of it the critic sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

import otkit.datasets as datasets
from otkit.costs import point_cost
from otkit.errors import BadMeasure
from otkit.front import wasserstein
from otkit.slope import sized, steepest
from otkit.solvers import Line
from otkit.torch.critics import TorchCritic
from otkit.torch.training.units import Units
from otkit.torch.verify import verify_critic

if TYPE_CHECKING:
    from otkit.duality import DualityReport

EXACT = 4096  # samples a side up to which W_1 is exact: 2 s in 2 dimensions, 12 s in 64, with the critic's report
DIRECTIONS = 256  # of the sliced distance above that: its error is 1/16 of the spread over directions
SEEN = ("raw", "slope", "rescaled", "tightened", "captured", "nearest")


class Monitor:
    """Compares generated samples with held-out real ones of the same number, in the units of training.

    `floor` is the W_1 of held-out real samples against other held-out real ones: what a perfect generator would show.
    Above `EXACT` samples both are sliced, the mean of the W_1 of projections on the same random directions, and go by
    other names in the record: sliced_w1 and sliced_floor.
    """

    def __init__(self, held_out: torch.Tensor, size: int, toy: Any = None, units: Units | None = None) -> None:
        flat = held_out.reshape(len(held_out), -1).double().numpy()
        half = len(flat) // 2
        size = min(size, half) if half >= 2 else len(flat)
        self.shape = tuple(held_out.shape[1:])
        self.real = flat[:size]
        self.toy = toy if toy is not None and len(toy.centers) else None  # curves have no modes to count
        self.units = units
        self.exact = size <= EXACT
        self.floor = self._distance(flat[half : half + size]) if half >= 2 else None
        if self.toy is not None and np.shape(self.toy.centers)[1] != flat.shape[1]:
            raise BadMeasure(
                f"toy has modes of {np.shape(self.toy.centers)[1]} coordinates and samples have {flat.shape[1]}: "
                "pass the toy that the samples are of."
            )

    @property
    def size(self) -> int:
        return len(self.real)

    def look(self, generate: Callable[[int], torch.Tensor], critic: nn.Module | None) -> tuple[dict[str, Any], Any]:
        """The numbers of one record, and the `DualityReport` or None."""
        generated = generate(self.size).cpu()
        fake = generated.double().numpy().reshape(self.size, -1)
        report: DualityReport | None = None
        if not self.exact:
            record = {"sliced_w1": self._distance(fake), "sliced_floor": self.floor} | self._slope(critic, fake)
        elif critic is None:
            record = {"w1": self._distance(fake), "floor": self.floor}
        else:
            report = verify_critic(critic, self._shaped(self.real), self._shaped(fake), n_bootstrap=1)
            record = {"w1": float(report.primal), "floor": self.floor}
            record |= {name: float(getattr(report.critic, name)) for name in SEEN}
        if self.toy is not None:
            own = generated if self.units is None else self.units.to("cpu").outer(generated)
            coverage = datasets.mode_coverage(own.flatten(1).numpy(), self.toy.centers, self.toy.sigma)
            record |= {"modes": int(coverage.modes), "high_quality": float(coverage.high_quality)}
        return record, report

    def _distance(self, other: np.ndarray) -> float:
        return float(wasserstein(self.real, other).distance) if self.exact else sliced(self.real, other)

    def _slope(self, critic: nn.Module | None, fake: np.ndarray) -> dict[str, float]:
        """The critic's dual and its largest slope over all pairs, which need no plan."""
        if critic is None:
            return {}
        values = TorchCritic(critic, self.shape)
        on_real, on_fake = values(self.real), values(fake)
        middle = on_real.mean()  # a constant far above the differences would cost their digits
        on_real, on_fake = on_real - middle, on_fake - middle
        cost = point_cost(self.real, fake, "euclidean", 1)
        v, w, unit = sized(on_real, on_fake)
        slope = steepest(cost, v, w).value * unit / cost.scale
        return {"raw": float(on_real.mean() - on_fake.mean()), "slope": float(slope)}

    def _shaped(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(len(flat), *self.shape)


def sliced(x: np.ndarray, y: np.ndarray, directions: int = DIRECTIONS) -> float:
    """Mean W_1 of the projections of (n, d) and (m, d) on random directions, the same for every call of one d.

    >>> sliced(np.zeros((3, 1)), np.ones((3, 1)))
    1.0
    """
    random = np.random.default_rng(0)
    axes = random.normal(size=(x.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    return float(Line().batch((x @ axes).T.copy(), (y @ axes).T.copy()).mean())
