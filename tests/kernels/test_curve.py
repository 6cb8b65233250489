"""The Hilbert curve by what defines it: every cell once, one step at a time, square by square."""

import numpy as np
import pytest

from otkit.costs import curve_order
from otkit.kernels.curve import KEY_BITS, hilbert_keys


def keys_of(cells, bits):
    keys = np.empty(len(cells), np.int64)
    hilbert_keys(np.array(cells, dtype=np.int64), bits, keys)
    return keys


@pytest.mark.parametrize("d, bits", [(1, 1), (1, 6), (2, 1), (2, 2), (2, 4), (3, 1), (3, 3), (4, 2)])
def test_curve(d, bits):
    cells = np.stack(np.meshgrid(*[np.arange(2**bits)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    keys = keys_of(cells, bits)
    np.testing.assert_array_equal(np.sort(keys), np.arange(len(cells)))  # every cell once
    walk = cells[np.argsort(keys)]
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()  # one step at a time
    for level in range(1, bits):  # each aligned cube is left only when all of it was seen
        cube = keys // (2**d) ** level
        for k in np.unique(cube):
            assert len(np.unique(cells[cube == k] >> level, axis=0)) == 1


def test_known_order_of_the_square():
    cells = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    walk = cells[np.argsort(keys_of(cells, 1))]
    assert walk[0].tolist() == [0, 0]
    assert abs(walk[0] - walk[-1]).sum() == 1  # ends beside its start: the shape of Hilbert's first curve


@pytest.mark.parametrize("d", [1, 2, 3])
def test_widest_keys(d):
    bits = min(20, KEY_BITS // d)
    last = 2**bits - 1
    cells = np.random.default_rng(d).integers(0, last + 1, (60, d))
    cells[0], cells[1] = 0, last
    keys = keys_of(cells, bits)
    assert (keys >= 0).all() and (keys < 2 ** (d * bits)).all()
    assert len(np.unique(keys)) == len(np.unique(cells, axis=0))


@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_order_of_clouds(d):
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(40, d)), rng.normal(size=(30, d))
    for left, right in ((x, y), (x * 1e-12 + 5, y * 1e-12 + 5), (np.zeros_like(x), np.zeros_like(y)), (x[:1], y[:1])):
        rows, cols = curve_order(left, right)
        np.testing.assert_array_equal(np.sort(rows), np.arange(len(left)))
        np.testing.assert_array_equal(np.sort(cols), np.arange(len(right)))
    rows, _ = curve_order(x, y)
    walked = np.linalg.norm(np.diff(x[rows], axis=0), axis=1).sum()
    assert walked < np.linalg.norm(np.diff(x, axis=0), axis=1).sum()  # shorter than a random order
