"""Sorting for the line, by either sort."""

import numpy as np
import pytest

import otkit
from otkit.solvers import sorting

DRAWS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n) ** 3,
    "ties": lambda rng, n: rng.integers(-3, 4, n) * 0.5,
    "constant": lambda rng, n: np.full(n, -1.5),
    "signed zeros": lambda rng, n: np.where(rng.random(n) < 0.5, 0.0, -0.0),
    "sorted": lambda rng, n: np.arange(float(n)),
    "subnormal": lambda rng, n: rng.standard_normal(n) * 1e-310,
}


@pytest.mark.parametrize("by_numpy", [True, False])
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("n, m", [(sorting.ALONE, 7), (200_000, 250_000), (1000, 1200)])
def test_both_sorts_sort(monkeypatch, by_numpy, draw, n, m):
    monkeypatch.setattr(sorting, "numpy_is_faster", lambda: by_numpy)
    rng = np.random.default_rng(0)
    x, y = DRAWS[draw](rng, n), DRAWS[draw](rng, m)
    kept = x.copy(), y.copy()
    xs, ys = sorting.sorted_pair(x, y)
    assert np.array_equal(xs, np.sort(x)) and np.array_equal(ys, np.sort(y))
    assert np.array_equal(x, kept[0]) and np.array_equal(y, kept[1])


def test_the_distance_is_that_of_either(monkeypatch):
    x, y = np.random.default_rng(0).standard_cauchy((2, 200_000))
    found = []
    for by_numpy in (True, False):
        monkeypatch.setattr(sorting, "numpy_is_faster", lambda by_numpy=by_numpy: by_numpy)
        found.append(otkit.wasserstein(x, y).cost)
    assert found[0] == found[1] == pytest.approx(np.abs(np.sort(x) - np.sort(y)).mean(), rel=1e-12, abs=0)


def test_the_choice_is_made_once():
    assert sorting.numpy_is_faster() in (True, False)
    assert sorting.numpy_is_faster.cache_info().currsize == 1
