"""The cases: which problem, which calls on it. The order of a work's list is part of its identity (see alone.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from benchmarks import calls
from benchmarks.calls import Call
from benchmarks.images import image, pixels

SEED = 0
QUICK = 1 / 25  # of the points
MOST_QUICK = 4000  # points
METRICS = ("euclidean", "cityblock", "chebyshev")
ORDERS = (1, 1.5, 2, 3)
WEIGHTS = ("uniform", "random")


@dataclass(frozen=True)
class Entropic:
    """eps is `share` of the mean cost; `tol` the marginal error wanted (L1, both marginals; None: so many iterations,
    whatever they reach); `problems` of the case's size, one eps for all."""

    share: float
    tol: float | None = None
    problems: int = 1


@dataclass(frozen=True)
class Case:
    """Normal clouds of n and m points in d dimensions, the second one's mean at 0.5 in every coordinate.

    With weights "images" both samples are the centres of the n = m pixels of a square, and a and b are two images.
    """

    work: str
    n: int
    m: int
    d: int
    p: float
    weights: str
    calls: tuple[Call, ...]
    metric: str = "euclidean"
    matrix: str | None = None  # the statement that makes C before the clock starts, where a matrix is given
    entropic: Entropic | None = None  # with p = 2 only

    @property
    def flat(self) -> bool:
        """Points on the line as 1-D arrays, which SciPy and POT want."""
        return self.work == "line"

    @property
    def name(self) -> str:
        size = f"n={self.n}" if self.n == self.m else f"n={self.n} m={self.m}"
        metric = "" if self.metric == "euclidean" else f" {self.metric}"
        given = " matrix given" if self.matrix else ""
        return f"d={self.d} {size} p={self.p:g} {self.weights}{metric}{given}{self._regularised}"

    @property
    def _regularised(self) -> str:
        if self.entropic is None:
            return ""
        many = f" {self.entropic.problems} problems" if self.entropic.problems > 1 else ""
        to = "" if self.entropic.tol is None else f" to {self.entropic.tol:g}"
        return f"{many} eps={self.entropic.share:g} mean cost{to}"

    def shrunk(self, factor: float) -> Case:
        if self.weights == "images":
            pixels = max(5, round((self.n * factor) ** 0.5)) ** 2
            return replace(self, n=pixels, m=pixels)
        return replace(self, n=max(20, round(self.n * factor)), m=max(20, round(self.m * factor)))

    def quick(self) -> Case:
        """The same on few points, and where a marginal error is wanted, to 1e-3: to 1e-6 few points need longer."""
        small, wanted = self.shrunk(min(QUICK, MOST_QUICK / self.n)), self.entropic
        if wanted is None:
            return small
        tol = None if wanted.tol is None else 1e-3
        return replace(small, entropic=replace(wanted, tol=tol, problems=min(wanted.problems, 10)))

    def arrays(self) -> dict[str, object]:
        """What the calls may name: x, y, a, b, n, m, C where a matrix is given, eps and tol where regularised.

        Many problems are x (k, n, d) and y (k, m, d), with the same a and b for each.
        """
        rng = np.random.default_rng(SEED)
        lead = () if self.entropic is None or self.entropic.problems == 1 else (self.entropic.problems,)
        x, y = rng.normal(size=(*lead, self.n, self.d)), rng.normal(0.5, 1.0, size=(*lead, self.m, self.d))
        if self.weights == "images":
            x = y = pixels(round(self.n**0.5))
            drawn = np.random.default_rng(SEED)  # the same pictures at any resolution
            a, b = image(x, drawn), image(y, drawn)
        elif self.weights == "random":
            a, b = rng.random(self.n), rng.random(self.m)
            a, b = a / a.sum(), b / b.sum()
        else:
            a, b = np.full(self.n, 1 / self.n), np.full(self.m, 1 / self.m)
        if self.flat:
            x, y = x[:, 0].copy(), y[:, 0].copy()
        given: dict[str, object] = {"np": np, "x": x, "y": y, "a": a, "b": b, "n": self.n, "m": self.m}
        if self.entropic is not None:
            given |= {"eps": self.entropic.share * mean_cost(x, y), "tol": self.entropic.tol}
        if self.matrix:
            from scipy.spatial.distance import cdist

            given["cdist"] = cdist
            exec(self.matrix, given)
        return given


def mean_cost(x: np.ndarray, y: np.ndarray) -> float:
    """The mean |x_i - y_j|^2 over all pairs of a problem, and over problems, without forming them."""
    squares = (x**2).sum(-1).mean(-1) + (y**2).sum(-1).mean(-1)
    return float(np.mean(squares - 2.0 * (x.mean(-2) * y.mean(-2)).sum(-1)))


def accuracy() -> list[Case]:
    cases = []
    shapes = ((60, 60, 16), (200, 150, 1), (150, 200, 2), (500, 500, 3))  # every solver that Auto takes
    for (n, m, d), metric, p, weights in product(shapes, METRICS, ORDERS, WEIGHTS):
        weighted, matrix = weights == "random", calls.distance_matrix(p, metric)
        compared = (calls.wasserstein(p, weighted, metric), calls.emd2_given(weighted, matrix), calls.highs(matrix))
        cases.append(Case("accuracy", n, m, d, p, weights, compared, metric))
    return cases


def line() -> list[Case]:
    cases = []
    n, fewer = 10**6, 800_000
    for m, p, weights in ((n, 1, "uniform"), (n, 2, "uniform"), (fewer, 1, "uniform"), (fewer, 2, "random")):
        weighted = weights == "random"
        bound = [calls.sorting()] if m == n else []
        own = calls.wasserstein(p, weighted)  # has the distance; plan and potentials wait until they are looked at
        cases.append(Case("line", n, m, 1, p, weights, (own, *bound, *calls.on_the_line(p, weighted))))
    return cases


def exact() -> list[Case]:
    cases = []
    for n, p, weights in product((1000, 4000), (1, 2), WEIGHTS):
        weighted, large = weights == "random", n == 4000
        peers = (calls.emd2(p, weighted, memory=large), calls.emd2_lazy(p, weighted, memory=large))
        cases.append(Case("exact", n, n, 2, p, weights, (calls.wasserstein(p, weighted, memory=large), *peers)))
    return cases


def large() -> list[Case]:
    n, cases = 10**4, []
    for p in (1, 2):
        peer = calls.emd2(p, False, memory=p == 1)  # once: POT needs a minute and 4.5 GB
        cases.append(Case("large", n, n, 2, p, "uniform", (calls.wasserstein(p, False, memory=True), peer)))
    return cases


def high() -> list[Case]:
    matrix = calls.distance_matrix(2)
    assigned = (calls.assignment(matrix), *calls.jonker_volgenant(matrix))
    uniform = (calls.wasserstein(2, False, memory=True), calls.emd2(2, False, memory=True), *assigned)
    weighted = (calls.wasserstein(2, True, memory=True), calls.emd2(2, True, memory=True))
    return [
        Case("high", 4000, 4000, 64, 2, weights, compared)
        for weights, compared in (("uniform", uniform), ("random", weighted))
    ]


def transport() -> list[Case]:
    cases = []
    for d, weights in product((2, 64), WEIGHTS):
        weighted = weights == "random"
        assigned = () if weighted else (calls.assignment(None), *calls.jonker_volgenant(None))
        compared = (calls.transport(weighted), calls.emd(weighted), *assigned)
        cases.append(Case("transport", 2000, 2000, d, 2, weights, compared, matrix=calls.distance_matrix(2)))
    return cases


CORE = {
    "line": line,
    "exact": exact,
    "high": high,
    "transport": transport,
    "large": large,
    "accuracy": accuracy,
}
