"""Problems with their answers: samples, the distance, and what proves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from otkit import measures
from otkit.datasets.border import count


class W1Problem(NamedTuple):
    r"""Two sample sets, the W_1 between them or between their laws, and the potential that attains it.

    .. math:: W_1 = E f(x) - E f(y), \qquad |f(z) - f(z')| \le |z - z'|

    `matching` tells which distance is given: an array for paired samples, whose own W_1 `distance` is; None where the
    samples are independent draws, and `distance` is that of the populations. The W_1 of n independent draws is larger,
    many times so in high dimension.

    >>> import otkit
    >>> problem = otkit.datasets.translation(100, 3)
    >>> problem
    W1Problem(x (100, 3), y (100, 3), distance 1 of the populations)
    >>> problem.potential([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]).round(6).tolist(), problem.gradient(problem.y).shape
    ([-1.732051, 0.0], (100, 3))
    """

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (m, d)
    potential: Callable[[np.ndarray], np.ndarray]  # (k, d) points -> (k,) values of f, 1-Lipschitz
    gradient: Callable[[np.ndarray], np.ndarray]  # (k, d) points -> (k, d); rows of NaN where f has none
    distance: float  # W_1
    standard_error: float  # of distance; 0 where it is exact
    matching: np.ndarray | None  # (n,) ints, x[i] belongs to y[matching[i]]; None for independent draws
    sampler: Callable[[int, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]

    def fresh(self, n: int, *, m: int | None = None, seed: object = 0) -> tuple[np.ndarray, np.ndarray]:
        """Independent draws (x (n, d), y (m, d)) of the same two populations, for training and for held-out samples.

        `seed` as in `np.random.default_rng`; pass one Generator to every call of a loop. Draws are independent of the
        problem's own samples, also for an equal seed, and never paired, also where those are. m = None is n.

        >>> import otkit
        >>> problem = otkit.datasets.funnels(50, 2)
        >>> x, y = problem.fresh(1000, seed=0)
        >>> x.shape, y.shape
        ((1000, 2), (1000, 2))
        """
        n = count(n, "n")
        return self.sampler(n, n if m is None else count(m, "m"), measures.generator(seed, "fresh"))

    def __repr__(self) -> str:
        error = f" +- {self.standard_error:.1g}" if self.standard_error else ""
        return f"W1Problem({_shapes(self.x, self.y)}, distance {self.distance:.7g}{error} of {_whose(self.matching)})"


class W2Problem(NamedTuple):
    """Two sample sets, the W_2 between them or between their laws, and the map that attains it.

    `matching` tells which distance is given: an array where y[matching] = map(x), and `distance` is the samples' own;
    None for independent draws, with the `distance` of the populations.

    >>> import otkit
    >>> problem = otkit.datasets.convex_map(50, 2)
    >>> bool((problem.y[problem.matching] == problem.map(problem.x)).all())
    True
    """

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (m, d)
    distance: float  # W_2
    matching: np.ndarray | None  # (n,) ints, x[i] goes to y[matching[i]]; None for independent draws
    map: Callable[[np.ndarray], np.ndarray]  # (k, d) -> (k, d), the gradient of a convex function

    def __repr__(self) -> str:
        return f"W2Problem({_shapes(self.x, self.y)}, distance {self.distance:.7g} of {_whose(self.matching)})"


def _shapes(x: np.ndarray, y: np.ndarray) -> str:
    return f"x {x.shape}, y {y.shape}"


def _whose(matching: np.ndarray | None) -> str:
    return "the populations" if matching is None else "these samples"
