"""Two samples sorted, by whichever of NumPy's sort and `otkit.kernels.sort` is faster on this machine."""

from functools import cache
from timeit import repeat

import numpy as np

from otkit.kernels.sort import ALONE, sort_into, sort_pair
from otkit.workers import share_out

KEYS = 2**14
TIMES = 3


@cache
def numpy_is_faster() -> bool:
    """Whether np.sort beats the kernel on one core. With AVX-512 it takes 5.5 ns a key, where the kernel takes 9 and on
    heavy tails 47; without, 54. It does not say which of the two it is, so both are timed, once in a process: 1 to 3
    ms."""
    keys = np.random.default_rng(0).standard_normal(KEYS)
    out, scratch = np.empty(KEYS), np.empty(KEYS)
    ours = repeat(lambda: sort_into(keys, None, out, None, scratch, None), number=1, repeat=TIMES)
    return min(repeat(lambda: np.sort(keys), number=1, repeat=TIMES)) < min(ours)


def sorted_pair(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (n,) and y (m,), each in ascending order, on two threads where there are many keys."""
    if x.size + y.size >= ALONE and numpy_is_faster():
        xs, ys = share_out(lambda k: np.sort((x, y)[k]), 2)
        return xs, ys
    xs, ys = np.empty_like(x), np.empty_like(y)
    sort_pair(x, y, xs, ys, np.empty_like(x), np.empty_like(y))
    return xs, ys
