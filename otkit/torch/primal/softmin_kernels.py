"""Triton kernels of soft minima of Euclidean costs: tiles of exponents live in registers, nothing else is written.

A row's soft minimum is -log2 sum_j 2^(h_j - k c_ij). For p = 2 what a row or a column brings along, k |x_i|^2 and
k |y_j|^2, stays out of the tile (`columns` = h - k |y|^2), and a pair costs its inner product, a maximum, a difference,
an exp2 and a sum. Two ways to that product:

- *sums*: points stored coordinate by coordinate, (B, D, n), and added up by the ordinary units, for few coordinates and
  for p = 1, whose distances need differences. Tiles are (columns, rows): a thread then has many columns of few rows,
  and a row's maximum takes no shuffles (of tiles (rows, columns) it took 5 for each row and warp: more than all else).
- *products*: points stored row by row, (B, n, D), padded to whole multiples of WIDTH, and multiplied by tl.dot.

`COST` is what a kernel is compiled for: (D, P), with (WIDTH or LANES, PRECISION); `work` is there for the tuner alone.
Offsets within one set of points are 32 bits wide, those between sets of a batch 64.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _block(n, BM: tl.constexpr):
    """Which of the batch, as int64, and which rows of it."""
    blocks = tl.cdiv(n, BM)
    return (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BM + tl.arange(0, BM)


@triton.jit
def _coordinates(x, n, rows, factor, D: tl.constexpr):
    """A few coordinates of the rows times a factor, to stay in registers: a tuple; empty where they are many."""
    found = ()
    if D <= 8:
        for c in tl.static_range(D):
            found = found + (tl.load(x + c * n + rows, mask=rows < n, other=0.0) * factor,)
    return found


@triton.jit
def _lengths(first, x, y, n, m, rows, cols, D: tl.constexpr):
    """(BN, BM) distances."""
    tile = tl.zeros((cols.shape[0], rows.shape[0]), tl.float32)
    if D <= 8:
        for c in tl.static_range(D):
            step = first[c][None, :] - tl.load(y + c * m + cols, mask=cols < m, other=0.0)[:, None]
            tile += step * step
    else:
        for c in range(D):
            here = tl.load(x + c * n + rows, mask=rows < n, other=0.0)
            step = here[None, :] - tl.load(y + c * m + cols, mask=cols < m, other=0.0)[:, None]
            tile += step * step
    return tl.sqrt(tile)


@triton.jit
def _inner(tile, first, y, m, cols, factor, D: tl.constexpr):
    """tile (BN, BM) plus factor times inner products with a few coordinates of the rows."""
    for c in tl.static_range(D):
        there = tl.load(y + c * m + cols, mask=cols < m, other=0.0)
        tile += (there * factor)[:, None] * first[c][None, :]
    return tile


@triton.jit
def _risen(best, tile, AXIS: tl.constexpr):
    """The new maxima; those to subtract, 0 where there is no mass so far (-inf less -inf is NaN); and what the sums
    before fade by."""
    top = tl.maximum(best, tl.max(tile, AXIS))
    base = tl.where(top == float("-inf"), 0.0, top)
    return top, base, tl.exp2(best - base)


@triton.jit(do_not_specialize=["work"])
def softmin_by_sums(x, y, columns, k, out, n, m, span, work, COST: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Modifies out (B, parts, n): the soft minimum over each part of `span` columns, for p = 2 less k |x_i|^2. Grid (B
    row blocks, parts)."""
    D: tl.constexpr = COST[0]
    P: tl.constexpr = COST[1]
    batch, rows = _block(n, BM)
    part = tl.program_id(1)
    x += batch * n * D
    y += batch * m * D
    columns += batch * m
    scale = tl.load(k + batch)
    first = _coordinates(x, n, rows, 1.0, D)
    best = tl.full((BM,), float("-inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    stop = tl.minimum(m, part * span + span)
    for begin in range(part * span, stop, BN):
        cols = begin + tl.arange(0, BN)
        tile = tl.zeros((BN, BM), tl.float32)
        tile += tl.load(columns + cols, mask=cols < stop, other=float("-inf"))[:, None]
        if P == 2:
            tile = _inner(tile, first, y, m, cols, 2.0 * scale, D)
        else:
            tile -= scale * _lengths(first, x, y, n, m, rows, cols, D)
        best, base, fade = _risen(best, tile, 0)
        total = total * fade + tl.sum(tl.exp2(tile - base[None, :]), 0)
    found = -(best + tl.log2(total))
    tl.store(out + (batch * tl.num_programs(1) + part) * n + rows, found, mask=rows < n)


@triton.jit(do_not_specialize=["work"])
def softmin_by_products(
    x, y, columns, k, out, n, m, span, work, COST: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr
):
    """The same for p = 2 by products of tiles."""
    D: tl.constexpr = COST[0]
    WIDTH: tl.constexpr = COST[1]
    PRECISION: tl.constexpr = COST[2]
    batch, rows = _block(n, BM)
    part = tl.program_id(1)
    x += batch * n * D
    y += batch * m * D
    columns += batch * m
    scale = tl.load(k + batch)
    first = _tile(x, n, rows, 0, D, WIDTH)
    best = tl.full((BM,), float("-inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    stop = tl.minimum(m, part * span + span)
    for begin in range(part * span, stop, BN):
        cols = begin + tl.arange(0, BN)
        tile = tl.load(columns + cols, mask=cols < stop, other=float("-inf"))[None, :]
        tile = tile + (2.0 * scale) * _products(first, x, y, n, m, rows, cols, D, WIDTH, PRECISION)
        best, base, fade = _risen(best, tile, 1)
        total = total * fade + tl.sum(tl.exp2(tile - base[:, None]), 1)
    found = -(best + tl.log2(total))
    tl.store(out + (batch * tl.num_programs(1) + part) * n + rows, found, mask=rows < n)


@triton.jit
def _tile(points, size, which, c, D: tl.constexpr, WIDTH: tl.constexpr):
    """(which, WIDTH) coordinates from c on."""
    at = which[:, None] * D + (c + tl.arange(0, WIDTH))[None, :]
    return tl.load(points + at, mask=(which < size)[:, None], other=0.0)


@triton.jit
def _products(first, x, y, n, m, rows, cols, D: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr):
    """(BM, BN) inner products; `first` has the first WIDTH coordinates of the rows."""
    tile = tl.dot(first, tl.trans(_tile(y, m, cols, 0, D, WIDTH)), input_precision=PRECISION)
    for c in range(WIDTH, D, WIDTH):
        there = tl.trans(_tile(y, m, cols, c, D, WIDTH))
        tile = tl.dot(_tile(x, n, rows, c, D, WIDTH), there, tile, input_precision=PRECISION)
    return tile


@triton.jit
def merge(parts, out, n, count, COUNT: tl.constexpr, BM: tl.constexpr):
    """Modifies out (B, n): the soft minimum of parts (B, count, n) of it. Grid (B row blocks,)."""
    batch, rows = _block(n, BM)
    which = tl.arange(0, COUNT)
    inside = (which < count)[:, None] & (rows < n)[None, :]
    found = tl.load(parts + (batch * count + which[:, None]) * n + rows[None, :], mask=inside, other=float("inf"))
    least = tl.min(found, 0)
    base = tl.where(least == float("inf"), 0.0, least)
    total = tl.sum(tl.exp2(base[None, :] - found), 0)
    tl.store(out + batch * n + rows, least - tl.log2(total), mask=rows < n)


@triton.jit(do_not_specialize=["work"])
def pull_by_sums(x, y, columns, k, a, out, n, m, work, COST: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Modifies out (B, D, n): sum_j P_ij d c_ij / d x_i, LANES coordinates to a program. Grid (B blocks, D / LANES).

    As attention is computed: weights from running maxima, with what was added before scaled down when these rise. Few
    coordinates sum differences x_i - y_j; many take x_i times the weights less a product of the weights with y.
    """
    D: tl.constexpr = COST[0]
    P: tl.constexpr = COST[1]
    LANES: tl.constexpr = COST[2]
    PRECISION: tl.constexpr = COST[3]
    batch, rows = _block(n, BM)
    lanes = tl.program_id(1) * LANES + tl.arange(0, LANES)
    x += batch * n * D
    y += batch * m * D
    columns += batch * m
    scale = tl.load(k + batch)
    first = _coordinates(x, n, rows, 1.0, D)
    best = tl.full((BM,), float("-inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)  # of the weights of the plan
    pull = tl.zeros((BM,), tl.float32)  # of the same times what a difference counts
    found = tl.zeros((LANES, BM), tl.float32)
    for begin in range(0, m, BN):
        cols = begin + tl.arange(0, BN)
        tile = tl.zeros((BN, BM), tl.float32)
        tile += tl.load(columns + cols, mask=cols < m, other=float("-inf"))[:, None]
        if P == 2:
            tile = _inner(tile, first, y, m, cols, 2.0 * scale, D)
            best, base, fade = _risen(best, tile, 0)
            weights = tl.exp2(tile - base[None, :])
            total = total * fade + tl.sum(weights, 0)
        else:
            lengths = _lengths(first, x, y, n, m, rows, cols, D)
            tile -= scale * lengths
            best, base, fade = _risen(best, tile, 0)
            weights = tl.exp2(tile - base[None, :])
            total = total * fade + tl.sum(weights, 0)
            # d |x - y| = (x - y) / |x - y|, 0 where points coincide
            weights = tl.where(lengths > 0.0, weights / tl.where(lengths > 0.0, lengths, 1.0), 0.0)
        found *= fade[None, :]
        if D <= 8:
            for c in tl.static_range(D):
                there = tl.load(y + c * m + cols, mask=cols < m, other=0.0)
                moved = tl.sum(weights * (first[c][None, :] - there[:, None]), 0)
                found += tl.where(lanes[:, None] == c, moved[None, :], 0.0)
        else:
            pull = pull * fade + tl.sum(weights, 0)
            inside = (lanes < D)[:, None] & (cols < m)[None, :]
            there = tl.load(y + lanes[:, None] * m + cols[None, :], mask=inside, other=0.0)
            found = tl.dot(there, weights, found, input_precision=PRECISION)
    at = lanes[:, None] * n + rows[None, :]
    inside = (lanes < D)[:, None] & (rows < n)[None, :]
    if D > 8:
        found = tl.load(x + at, mask=inside, other=0.0) * pull[None, :] - found
    mass = tl.load(a + batch * n + rows, mask=rows < n, other=0.0)
    found *= (P * mass / total)[None, :]
    tl.store(out + batch * n * D + at, found, mask=inside)


@triton.jit(do_not_specialize=["work"])
def pull_by_products(x, y, columns, k, a, out, n, m, work, COST: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """The same for p = 2 by products of tiles: out (B, n, D), WIDTH coordinates to a program."""
    D: tl.constexpr = COST[0]
    WIDTH: tl.constexpr = COST[1]
    PRECISION: tl.constexpr = COST[2]
    batch, rows = _block(n, BM)
    c = tl.program_id(1) * WIDTH
    x += batch * n * D
    y += batch * m * D
    columns += batch * m
    scale = tl.load(k + batch)
    first = _tile(x, n, rows, 0, D, WIDTH)
    best = tl.full((BM,), float("-inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    found = tl.zeros((BM, WIDTH), tl.float32)
    for begin in range(0, m, BN):
        cols = begin + tl.arange(0, BN)
        tile = tl.load(columns + cols, mask=cols < m, other=float("-inf"))[None, :]
        tile = tile + (2.0 * scale) * _products(first, x, y, n, m, rows, cols, D, WIDTH, PRECISION)
        best, base, fade = _risen(best, tile, 1)
        weights = tl.exp2(tile - base[:, None])
        total = total * fade + tl.sum(weights, 1)
        found = tl.dot(weights, _tile(y, m, cols, c, D, WIDTH), found * fade[:, None], input_precision=PRECISION)
    mass = tl.load(a + batch * n + rows, mask=rows < n, other=0.0)
    found = (2.0 * mass)[:, None] * (_tile(x, n, rows, c, D, WIDTH) - found / total[:, None])
    at = rows[:, None] * D + (c + tl.arange(0, WIDTH))[None, :]
    tl.store(out + batch * n * D + at, found, mask=(rows < n)[:, None])
