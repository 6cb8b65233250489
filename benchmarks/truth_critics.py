"""Critics whose value and gradient are known everywhere: what the W_1 benchmark compares with the true potential."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import otkit
from otkit.datasets.problem import W1Problem
from otkit.result import Result

SHARE = 0.05  # eps of the entropic critic, of the mean distance: 0.01 and 0.2 have smaller cosines in most dimensions
TOL = 1e-4  # its marginal error; at 1e-6 no digit of the tables changes
BLOCK = 2**22  # distances held at once: 32 MB
STEP = 1e-5  # of a central difference, for points of size 1: truncation and rounding are both near 1e-10


class Critic(Protocol):
    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values (k,) at (k, d) points."""

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradients (k, d); rows of NaN where there is none."""


def untrained(problem: W1Problem, result: Result) -> Iterator[tuple[str, Critic]]:
    """Critics that need no training, each with its name; `result` is exact W_1 of the problem's samples."""
    yield "true potential", Plain(problem.potential, problem.gradient)
    at_x, at_y = result.critic(anchors="x"), result.critic(anchors="y")
    yield "exact, anchored at x", at_x
    yield "exact, anchored at y", at_y
    yield "exact, mean of both", Mean((at_x, at_y))
    yield f"entropic, eps {SHARE:g}", entropic(problem)
    yield "linear", Linear(problem.x.mean(axis=0) - problem.y.mean(axis=0))


@dataclass(frozen=True)
class Plain:
    """A function and the function that is its gradient."""

    function: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.function(points)


@dataclass(frozen=True)
class Mean:
    """The mean of critics: 1-Lipschitz where they are, with a gradient where all have one."""

    of: tuple[Critic, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return sum(critic(points) for critic in self.of) / len(self.of)

    def gradient(self, points: np.ndarray) -> np.ndarray:
        return sum(critic.gradient(points) for critic in self.of) / len(self.of)


@dataclass(frozen=True)
class Linear:
    """f(z) = v.z / |v| with v the difference of the means: the best there is that looks at means alone."""

    v: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return points @ (self.v / np.linalg.norm(self.v))

    def gradient(self, points: np.ndarray) -> np.ndarray:
        return np.tile(self.v / np.linalg.norm(self.v), (len(points), 1))


@dataclass(frozen=True)
class Softmin:
    """sign * -eps log mean_k exp((h_k - |z - anchor_k|) / eps): an entropic potential at any point z.

    Its gradient is a convex combination of unit vectors, so it is 1-Lipschitz.
    """

    anchors: np.ndarray  # (m, d)
    h: np.ndarray  # (m,) the entropic potential at the anchors
    eps: float
    sign: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.concatenate([self.sign * value for _, _, value, _ in self._blocks(points)])

    def gradient(self, points: np.ndarray) -> np.ndarray:
        out = np.empty_like(points)
        for part, distances, _, density in self._blocks(points):
            pull = density / np.maximum(distances, np.finfo(float).tiny)
            out[part] = self.sign * (points[part] * pull.sum(axis=1, keepdims=True) - pull @ self.anchors)
        return out

    def _blocks(self, points: np.ndarray):
        """(rows, distances, values, density of each row over the anchors), some rows at a time."""
        from scipy.spatial.distance import cdist

        step = max(1, BLOCK // len(self.anchors))
        for start in range(0, len(points), step):
            part = slice(start, start + step)
            distances = cdist(points[part], self.anchors)
            density = (self.h - distances) / self.eps
            peak = density.max(axis=1, keepdims=True)
            density = np.exp(density - peak)
            mass = density.sum(axis=1, keepdims=True)
            yield part, distances, -self.eps * (peak + np.log(mass / len(self.anchors)))[:, 0], density / mass


def entropic(problem: W1Problem) -> Mean:
    """What the exact critic becomes when both its anchors are smoothed by Sinkhorn's eps."""
    from scipy.spatial.distance import cdist

    eps = SHARE * float(cdist(problem.x[:512], problem.y).mean())
    found = otkit.wasserstein(problem.x, problem.y, solver=otkit.solvers.Sinkhorn(eps=eps, tol=TOL)).entropic
    return Mean((Softmin(problem.y, found.g, eps, 1.0), Softmin(problem.x, found.f, eps, -1.0)))


def given(path: str) -> Callable[[W1Problem], Critic]:
    """The maker of a user's critic, from "file.py:function".

    The function is called with each `W1Problem` (its samples, and `.fresh` for more; the potential is there for tests
    of the maker, and using it is cheating) and returns a critic: a function of (k, d) points with values (k,). With a
    method `gradient` that is used, otherwise central differences are.
    """
    file, _, name = path.rpartition(":")
    if not file or not Path(file).is_file():
        raise FileNotFoundError(f"--critic is {path!r}: give file.py:function, with a file that exists.")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make = getattr(module, name)

    def made(problem: W1Problem) -> Critic:
        critic = make(problem)
        return critic if hasattr(critic, "gradient") else Plain(critic, lambda points: differences(critic, points))

    return made


def differences(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """Central differences of a function that computes in float64; 2 d calls."""
    out = np.empty_like(points)
    for k in range(points.shape[1]):
        ahead, behind = points.copy(), points.copy()
        ahead[:, k] += STEP
        behind[:, k] -= STEP
        rise = np.ravel(function(ahead)) - np.ravel(function(behind))
        out[:, k] = rise / (ahead[:, k] - behind[:, k])
    return out
