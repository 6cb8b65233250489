"""Results do not follow what the caller does to the input later; processes and threads do not disturb each other."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import otkit


@pytest.mark.parametrize("d, solver", [(1, None), (2, None), (2, otkit.solvers.Assignment())])
def test_input_changed_afterwards(d, solver):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, d)), rng.normal(size=(20, d))
    a, b = np.full(20, 0.05), np.full(20, 0.05)
    expected = otkit.wasserstein(x.copy(), y.copy(), a=a.copy(), b=b.copy(), solver=solver)
    result = otkit.wasserstein(x, y, a=a, b=b, solver=solver)
    for array in (x, y, a, b):
        array[:] = array[::-1].copy() * 3
    np.testing.assert_array_equal(result.plan.toarray(), expected.plan.toarray())
    np.testing.assert_array_equal(result.potentials.f, expected.potentials.f)
    assert (result.lower, result.upper) == (expected.lower, expected.upper)
    np.testing.assert_array_equal(result.critic()(x), expected.critic()(x))


def run(code: str, **env: str) -> str:

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_told_instead_of_hanging():
    out = run("""
        import multiprocessing, numba, numpy as np, otkit
        x, y = np.random.default_rng(0).random((2, 3000, 2))
        whole = otkit.wasserstein(x, y).distance
        def child(_):
            try:
                return str(otkit.wasserstein(x, y).distance == whole)
            except otkit.errors.Unsupported as error:
                return str(error)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(numba.threading_layer(), pool.map(child, range(2)))
    """)
    layer, answers = out.split(" ", 1)
    assert answers.count("forked" if layer == "omp" else "True") == 2


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_two_threads(layer):
    out = run(
        """
        from concurrent.futures import ThreadPoolExecutor
        import numpy as np, otkit
        x, y = np.random.default_rng(0).random((2, 1500, 16))
        with ThreadPoolExecutor(2) as pool:
            print(len(set(pool.map(lambda _: otkit.wasserstein(x, y).distance, range(4)))))
        """,
        NUMBA_THREADING_LAYER=layer,
    )
    assert out.strip() == "1"


def test_threads_in_this_process():
    x, y = np.random.default_rng(0).random((2, 500, 2))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: otkit.wasserstein(x, y, p=2).distance, range(4)))
    assert found == [otkit.wasserstein(x, y, p=2).distance] * 4


def test_identical_measures_with_dust():
    """1e-20 of the mass, 1e21 away, on both sides at the same place: nothing moves."""
    for d in (1, 2):
        x = np.zeros((2, d))
        x[1, 0] = 1e21
        result = otkit.wasserstein(x, x, a=[1, 1e-20], b=[1, 1e-20])
        assert (result.lower, result.upper, len(result.plan)) == (0.0, 0.0, 2)


def test_an_upper_bound_does_not_vanish_with_a_square():
    result = otkit.wasserstein([[0, 0], [1, 1]], [[1e-170, 0], [1, 1]])
    assert result.lower <= 5e-171 <= result.upper * (1 + 1e-12)
    assert otkit.wasserstein([0.0, 1.0], [1e-9, 1.0], p=64).upper >= 1e-9 * 0.5 ** (1 / 64)


def test_nearly_coincident_on_the_line():
    x = np.random.default_rng(0).random((200, 1))
    for p in (1, 2, 3):
        for shift in (1e-4, 1e-6, 1e-8):
            assert otkit.wasserstein(x, x[::-1] + shift, p=p).gap <= 1e-9
