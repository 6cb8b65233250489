"""Upper bounds of spectral norms that hold in floating point: of matrices, and of convolutions on every grid."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor

EPS = torch.finfo(torch.float64).eps
TOLERANCE = 1e-3  # relative, where refining the frequencies of a symbol stops
WORK = 3e10  # operations spent on refining, a second or two; the first grid is always paid
CHUNK = 1 << 21  # complex numbers held at once


def matrix_norm(matrices: Tensor) -> Tensor:
    r"""Upper bounds of the largest singular values of (..., m, n) matrices, (...) float64.

    The root of the largest eigenvalue of the smaller Gram matrix, in float64, times 1 + `slack(m, n)`: at the *top* of
    the spectrum squaring costs no digits. Scaled by a power of two, so nothing over- or underflows.

    O(m n min(m, n)) each.

    Source: Golub and Van Loan 2013 (section 8.2: error of symmetric eigenvalues).

    >>> matrix_norm(torch.tensor([[3.0, 0.0], [0.0, -4.0]])).item()
    4.000000000000...
    """
    matrices = matrices.to(torch.complex128 if matrices.is_complex() else torch.float64)
    m, n = matrices.shape[-2:]
    largest = matrices.abs().amax((-2, -1))
    scale = torch.where(largest > 0, torch.exp2(torch.frexp(largest)[1].double()), 1.0)
    scaled = matrices / scale[..., None, None]
    gram = scaled @ scaled.mH if m <= n else scaled.mH @ scaled
    top = gram[..., 0, 0].real if min(m, n) == 1 else torch.linalg.eigvalsh(gram)[..., -1]
    return top.clamp_min(0.0).sqrt() * scale * (1.0 + slack(m, n))


def slack(m: int, n: int) -> float:
    """Relative rounding of `matrix_norm`: of products of length max(m, n), and of a Householder tridiagonalisation."""
    small = min(m, n)
    return 8.0 * EPS * (m * n + small**2.5 + 8.0)


def symbol_norm(kernel: Tensor, work: float = WORK) -> float:
    r"""Upper bound of the norm of a convolution with `kernel` (G, C_out, C_in, k_1, ..., k_D) on the infinite grid.

    .. math:: \sup_\theta \lVert A(\theta) \rVert_2, \qquad A(\theta) = \sum_j W_j e^{i \theta \cdot j}

    for the G groups together (their maximum). Zero padding at any size is a compression of it, circular padding takes
    a subset of the frequencies; so it bounds both, at every size.

    On a grid: u* A(\theta) v is a trigonometric polynomial, of degree n_d = (k_d - 1) / 2 in each angle once the kernel
    is centred, which changes no modulus. If M is its largest modulus, reached at t, then arccos(Re(c p) / M) changes by
    at most n |move| on the way from t, |c| = 1: so a cell of half widths h_d that holds t has
    |A(centre)| >= M cos(sum n_d h_d). Cells below what is already reached times that cosine are dropped, the others
    halved, until bound and value meet within `TOLERANCE` or `work` is spent. On the first, full grid the product of
    cos(n_d h_d) holds as well, and is larger.

    Source: Ehlich and Zeller 1964; Duffin and Schaeffer 1938; Sedghi, Gupta, Long 2019 (symbol of a convolution).

    >>> 3.0 <= symbol_norm(torch.ones(1, 1, 1, 3)) <= 3.003  # a sum of three neighbours
    True
    """
    kernel = kernel.to(torch.float64)
    extents = kernel.shape[3:]
    degrees = torch.tensor([(k - 1) / 2 for k in extents], dtype=torch.float64)
    offsets = torch.cartesian_prod(*[torch.arange(k, dtype=torch.float64) for k in extents]).reshape(-1, len(extents))
    taps = kernel.flatten(3)
    counts = [1 if k == 1 else 4 * (k - 1) for k in extents]
    half = torch.tensor([math.pi / count for count in counts], dtype=torch.float64)
    centres = _first_grid(counts)
    each = _operations(*kernel.shape[:3])
    rounding = _rounding(len(offsets), *kernel.shape[1:3])
    lower, bound, spent = 0.0, math.inf, 0.0
    factor = float(torch.cos(degrees * half).prod())
    while True:
        values = _norms(taps, offsets, centres)
        top = float(values.max())
        lower = max(lower, top * (1.0 - 2.0 * rounding))
        total = float((degrees * half).sum())
        bound = min(bound, top / max(factor, math.cos(total)) * (1.0 + 4.0 * EPS))
        if bound <= lower * (1.0 + TOLERANCE) or not bound:
            return bound
        kept = centres[values >= lower * math.cos(total)]
        children = 2 ** sum(k > 1 for k in extents)
        spent += len(kept) * children * each
        if spent > work:
            return bound
        half = torch.where(degrees > 0, half / 2, half)
        centres = _halved(kept, half, degrees > 0)
        factor = 0.0


def strided(kernel: Tensor, strides: tuple[int, ...], dilations: tuple[int, ...]) -> Tensor:
    """The kernel of stride 1 whose convolution has the norm of this strided, dilated one: (G, C_out, C_in', ...).

    A stride s splits the input into s interleaved ones, which become channels; a dilation without stride only repeats
    the frequencies, so it is left out.
    """
    for axis, (s, d) in enumerate(zip(strides, dilations)):
        at = 3 + axis
        if s == 1:
            continue
        k = kernel.shape[at]
        extent = d * (k - 1) + 1
        spread = kernel.new_zeros([*kernel.shape[:at], -(-extent // s) * s, *kernel.shape[at + 1 :]])
        spread.index_copy_(at, torch.arange(0, extent, d), kernel)
        kernel = spread.unflatten(at, (-1, s)).movedim(at + 1, 3).flatten(2, 3)
    return kernel


def product(*factors: float) -> float:
    """A product rounded up."""
    return reduce(lambda left, right: math.nextafter(left * right, math.inf) if left * right else 0.0, factors, 1.0)


def _norms(taps: Tensor, offsets: Tensor, centres: Tensor) -> Tensor:
    """Largest norm over the groups of the symbols at each centre, rounded up."""
    groups, rows, columns, count = taps.shape
    rounding = _rounding(count, rows, columns)
    found = []
    for part in centres.split(max(1, CHUNK // (groups * rows * columns))):
        phases = torch.exp(1j * (part @ offsets.T))
        symbols = torch.einsum("fj,gabj->fgab", phases, taps.to(phases.dtype))
        found.append(matrix_norm(symbols).amax(1))
    return torch.cat(found) * (1.0 + rounding)


def _rounding(count: int, rows: int, columns: int) -> float:
    """Relative error of a symbol: angles to count * 2 pi eps, and a sum of `count` terms."""
    return 8.0 * EPS * (8 * count + 8) * math.sqrt(count * min(rows, columns)) + slack(rows, columns)


def _operations(groups: int, rows: int, columns: int) -> float:
    small, large = sorted((rows, columns))
    return groups * (8.0 * small * small * large + 6.0 * small**3) + 1e4


def _first_grid(counts: list[int]) -> Tensor:
    """Frequencies on the full grid; those of the last axis in [0, pi] only, the others are their conjugates."""
    axes = [torch.arange(count, dtype=torch.float64) * (2.0 * math.pi / count) for count in counts]
    last = max((axis for axis, count in enumerate(counts) if count > 1), default=0)
    axes[last] = axes[last][: counts[last] // 2 + 1]
    return torch.cartesian_prod(*axes).reshape(-1, len(counts))


def _halved(centres: Tensor, half: Tensor, moving: Tensor) -> Tensor:
    """The centres of the halves of cells along every axis that moves; `half` is that of the new cells."""
    for axis in torch.nonzero(moving).flatten().tolist():
        step = torch.zeros_like(half)
        step[axis] = half[axis]
        centres = torch.cat([centres - step, centres + step])
    return centres
