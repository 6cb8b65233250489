"""What is measured of one W_1 problem with a known answer, and of each critic on it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

import otkit
from benchmarks.truth_critics import Critic
from otkit.datasets.problem import W1Problem
from otkit.result import Result

FRESH = 1  # added to the seed of the problem
FEWER = 4  # by so much smaller samples show the rate


class Truth:
    """A problem, exact W_1 of its samples, and as many fresh points of both populations."""

    def __init__(self, n: int, d: int, n_funnels: int, seed: int):
        self.problem: W1Problem = otkit.datasets.funnels(n, d, n_funnels=n_funnels, seed=seed)
        self.result: Result = otkit.wasserstein(self.problem.x, self.problem.y)
        self.x, self.y = self.problem.fresh(n, seed=seed + FRESH)
        self.n_funnels = n_funnels

    def figures(self) -> dict[str, float | int]:
        """W_1 of the populations and of samples of them, and the cosine of the plan's own directions.

        `within_x` and `within_y` are the W_1 of two samples of one population, which is 0; `debiased` takes the mean
        of both from the sample value. `exponent` is r where within_y falls as n^-r.
        """
        problem, sample = self.problem, self.result.distance
        within_x = otkit.wasserstein(problem.x, self.x).distance
        within_y = otkit.wasserstein(problem.y, self.y).distance
        few = max(1, len(problem.y) // FEWER)
        within_few = otkit.wasserstein(problem.y[:few], self.y[:few]).distance
        plan = self.result.plan
        way = problem.x[plan.rows] - problem.y[plan.cols]
        return {
            "n": len(problem.x),
            "d": problem.x.shape[1],
            "n_funnels": self.n_funnels,
            "population": problem.distance,
            "standard_error": problem.standard_error,
            "sample": sample,
            "ratio": sample / problem.distance,
            "gap": self.result.gap,
            "within_x": within_x,
            "within_y": within_y,
            "exponent": math.log(within_few / within_y) / math.log(FEWER),
            "debiased": sample - 0.5 * (within_x + within_y),
            "plan_cosine": cosine(way, problem.gradient(problem.x[plan.rows]))[0],
        }

    def of(self, name: str, critic: Critic) -> dict[str, object]:
        """The critic's value on the samples, its `CriticReport` on fresh points, and its cosines there."""
        problem = self.problem
        report = otkit.verify(self.x, self.y, critic=critic).critic
        found = {"critic": name, "raw_samples": float(critic(problem.x).mean() - critic(problem.y).mean())}
        found |= {"fresh": report.to_dict(), "share": report.raw / problem.distance}
        for side, points in (("x", self.x), ("y", self.y)):
            found[f"cosine_{side}"], found[f"undefined_{side}"] = cosine(
                critic.gradient(points), problem.gradient(points)
            )
        return found

    def own(self) -> Iterator[tuple[str, float]]:
        """Where the exact critic has no gradient on its own samples: the part of y (anchored at x), of x (at y)."""
        for side, points in (("x", self.problem.y), ("y", self.problem.x)):
            slopes = self.result.critic(anchors=side).gradient(points)
            yield f"undefined_own_{'y' if side == 'x' else 'x'}", float(np.isnan(slopes).any(axis=1).mean())


def cosine(gradient: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(mean cosine over rows, part of the rows without a direction).

    A row of NaN or of zeros gives no direction to follow, and counts as a cosine of 0, as a gradient of 0 does in the
    published figures. Rows where the true potential has none are left out.
    """
    known = ~np.isnan(truth).any(axis=1)
    gradient, truth = gradient[known], truth[known]
    length = np.linalg.norm(gradient, axis=1) * np.linalg.norm(truth, axis=1)
    missing = ~(length > 0.0)
    along = (gradient * truth).sum(axis=1)
    cosines = np.where(missing, 0.0, along / np.where(missing, 1.0, length))
    return float(cosines.mean()), float(missing.mean())
