"""The Hilbert curve: an order of points in which neighbours in the list are neighbours in space.

Skilling's transform (2004) turns the bits of integer coordinates, in place, into the bits of the position on the curve
in any dimension; interleaved they are the sort key.
"""

import numpy as np

from otkit.kernels.jit import njit

KEY_BITS = 62


@njit
def hilbert_keys(cells, bits, keys):
    """Modifies keys (n,) int64 and cells (n, d) int64 in [0, 2**bits); d * bits <= KEY_BITS."""
    n, d = cells.shape
    for r in range(n):
        q = np.int64(1) << (bits - 1)
        while q > 1:
            p = q - 1
            for k in range(d):
                if cells[r, k] & q:
                    cells[r, 0] ^= p
                else:
                    t = (cells[r, 0] ^ cells[r, k]) & p
                    cells[r, 0] ^= t
                    cells[r, k] ^= t
            q >>= 1
        for k in range(1, d):
            cells[r, k] ^= cells[r, k - 1]
        t = np.int64(0)
        q = np.int64(1) << (bits - 1)
        while q > 1:
            if cells[r, d - 1] & q:
                t ^= q - 1
            q >>= 1
        key = np.int64(0)
        for bit in range(bits - 1, -1, -1):
            for k in range(d):
                key = (key << 1) | (((cells[r, k] ^ t) >> bit) & 1)
        keys[r] = key
