"""How many modes of a mixture samples reach, and how well: the metrics of mode collapse."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otkit import measures
from otkit.datasets.border import blocks, count
from otkit.errors import BadMeasure, Unsupported

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class ModeCoverage(NamedTuple):
    """What `mode_coverage` found; `counts` are high-quality samples of each mode, `nearest` all samples by mode.

    >>> import otkit
    >>> toy = otkit.datasets.eight_gaussians(2500)
    >>> otkit.datasets.mode_coverage(*toy)
    ModeCoverage(8 of 8 modes, 98...% high quality, kl 0.00...)
    """

    modes: int
    high_quality: float  # share of the samples, 0 to 1
    counts: np.ndarray  # (k,) ints
    nearest: np.ndarray  # (k,) ints, of total n
    kl: float  # nats; 0 for equal numbers in each mode, log k for all in one

    def __repr__(self) -> str:
        share = f"{100 * self.high_quality:.2f} % high quality"
        return f"ModeCoverage({self.modes} of {len(self.counts)} modes, {share}, kl {self.kl:.4g})"


def mode_coverage(
    samples: ArrayLike, centers: ArrayLike, sigma: float, *, radius: float = 3.0, min_count: int = 1
) -> ModeCoverage:
    r"""Which modes of an equal mixture the samples reach, and the share of samples that are near one.

    A sample is of high quality within `radius * sigma` of its nearest centre; a mode is covered when `min_count` or
    more high-quality samples lie there. With q the shares of all samples by nearest of the k centres,

    .. math:: kl = \sum_k q_k \log(k\, q_k)

    the reverse divergence from equal modes. In the plane the mixture itself has 1 - exp(-radius^2 / 2) of high quality,
    0.98889 for 3 sigma: the papers use 2500 samples and 3 sigma.

    Parameters
    ----------
    samples : (n, d), typically generated. `mode_coverage(samples, *toy[1:])` takes the rest from a `Toy`.
    centers : (k, d).
    sigma : standard deviation of every mode in each coordinate, in units of the samples.
    radius : in units of sigma.
    min_count : high-quality samples that cover a mode.

    O(n k d) time; memory in blocks.

    Raises
    ------
    BadMeasure : no samples or centres, or of different dimension; sigma, radius or min_count not positive.
    Unsupported : a toy without modes.

    Source: Srivastava et al. 2017; Lin et al. 2018.

    >>> import otkit
    >>> found = otkit.datasets.mode_coverage([[0.0, 0.1], [0.2, 0.0], [5.0, 5.0]], [[0.0, 0.0], [1.0, 1.0]], 0.1)
    >>> found.modes, found.counts.tolist(), found.nearest.tolist()
    (1, [2, 0], [2, 1])
    """
    from scipy.spatial.distance import cdist

    if np.ndim(centers) == 2 and len(centers) == 0:
        raise Unsupported("centers is empty: this data has no modes to cover. Compare it by otkit.wasserstein instead.")
    samples, centers = measures.samples(samples, "samples"), measures.samples(centers, "centers")
    if samples.shape[1] != centers.shape[1]:
        raise BadMeasure(f"samples have {samples.shape[1]} coordinates, centers {centers.shape[1]}: they must agree.")
    sigma, radius, min_count = _positive(sigma, "sigma"), _positive(radius, "radius"), count(min_count, "min_count")
    k = len(centers)
    nearest, counts = np.zeros(k, np.intp), np.zeros(k, np.intp)
    for part in blocks(len(samples), k + samples.shape[1]):
        away = cdist(samples[part], centers)
        mode = away.argmin(axis=1)
        nearest += np.bincount(mode, minlength=k)
        counts += np.bincount(mode[away.min(axis=1) <= radius * sigma], minlength=k)
    share = nearest[nearest > 0] / len(samples)
    return ModeCoverage(
        modes=int((counts >= min_count).sum()),
        high_quality=int(counts.sum()) / len(samples),
        counts=counts,
        nearest=nearest,
        kl=max(0.0, float((share * np.log(share * k)).sum())),  # equal modes may round to -1e-16
    )


def _positive(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < value < float("inf"):
        raise BadMeasure(f"{name} is {value!r}: a finite number > 0.")
    return float(value)
