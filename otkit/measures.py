"""The border: whatever the caller holds becomes validated, C-contiguous float64, once. Nothing below checks again."""

from __future__ import annotations

import math
import zlib

import numpy as np

from otkit.errors import BadMeasure, Unsupported

TOTAL_UNITS = 2**60  # int64 units of mass in one measure: 2^-60 of the total, finer than float64 carries


def numbers(value: object, name: str, error: type[BadMeasure] = BadMeasure) -> np.ndarray:
    """`value` as a C-contiguous float64 array of finite numbers, or `error` saying what it holds instead."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise error(f"{name} is a masked array with masked entries. Drop or fill them first.")
    if hasattr(value, "tocsr"):
        raise error(f"{name} is a sparse array where a dense one is needed. Pass {name}.toarray().")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except ValueError as problem:
        raise error(
            f"{name} is ragged: its rows differ in length ({problem}). Give every row the same length."
        ) from None
    if array.dtype.kind == "c":
        raise error(f"{name} holds complex numbers. Pass real and imaginary parts as two columns.")
    if array.dtype.kind not in "biufO":
        raise error(f"{name} holds {array.dtype} where numbers are needed. Convert it to floats first.")
    if array.dtype.kind == "O" and any(isinstance(entry, str | bytes) for entry in array.flat):
        raise error(f"{name} holds text where numbers are needed. Convert it to floats first.")
    try:
        array = np.asarray(array, dtype=np.float64, order="C")  # may be the caller's own: `samples` and `weights` copy
    except (TypeError, ValueError, OverflowError) as problem:
        raise error(f"{name} holds entries that are no numbers ({problem}). Convert it to floats first.") from None
    if array.size and not math.isfinite(float(array.min()) + float(array.max())):
        # the sum is inf or nan for inf, nan and for two finite ends near 1.8e308, so look closer
        bad = np.flatnonzero(~np.isfinite(array))
        if bad.size:
            where = tuple(int(k) for k in np.unravel_index(bad[0], array.shape))
            raise error(
                f"{name} has {bad.size} entries that are NaN or infinite, the first at index {where}. "
                "Drop or impute them first."
            )
    return array


def samples(value: object, name: str) -> np.ndarray:
    """Samples as (n, d) float64; a 1-D input is n points on the line."""
    array = numbers(value, name)
    if array is value or array.base is not None:  # results are lazy: what the caller changes later must not reach them
        array = array.copy()
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise BadMeasure(
            f"{name} has shape {array.shape}: samples are (n, d), or (n,) on the line. "
            f"Reshape it, for instance {name}.reshape(len({name}), -1)."
        )
    if array.shape[0] == 0:
        raise BadMeasure(f"{name} is empty: shape {array.shape}. A measure needs at least one point.")
    if array.shape[1] == 0:
        raise BadMeasure(f"{name} has no coordinates: shape {array.shape}.")
    return array


def weights(value: object, name: str, size: int, of: str) -> np.ndarray:
    """Weights as (size,) float64, non-negative with a positive total; None is uniform of total 1."""
    if value is None:
        return np.full(size, 1.0 / size)
    array = numbers(value, name)
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.shape != (size,):
        raise BadMeasure(f"{name} has shape {array.shape} but {of} has {size} points. Give one weight to each point.")
    negative = np.flatnonzero(array < 0)
    if negative.size:
        raise BadMeasure(
            f"{name} has {negative.size} negative weights, the first {name}[{negative[0]}] = "
            f"{float(array[negative[0]])!r}. Weights are masses: split a signed measure into its two parts."
        )
    if not array.any():
        raise BadMeasure(f"{name} sums to zero. At least one weight must be positive.")
    return array.copy()


def normalised(array: np.ndarray) -> np.ndarray:
    """Weights of total 1. The largest is taken out first, so that totals beyond 1e308 and below 1e-308 survive."""
    scaled = array / array.max()
    return scaled / total(scaled)


def total(array: np.ndarray) -> float:
    """The sum in extended precision: the same number in whatever order the entries come, which float64 is not."""
    with np.errstate(over="ignore"):
        return float(array.sum(dtype=np.longdouble))


def probabilities(value: object, name: str, size: int, of: str) -> np.ndarray:
    """Weights of total 1; None is uniform."""
    array = weights(value, name, size, of)
    return array if value is None else normalised(array)


def weight_rows(a: object, b: object, k: int, n: int, m: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Normalised weights of every problem of a batch; a single pair where all share theirs."""
    sides = []
    for value, name, size in ((a, "a", n), (b, "b", m)):
        array = None if value is None else np.atleast_2d(numbers(value, name))
        if array is not None and (array.ndim != 2 or len(array) not in (1, k)):
            raise BadMeasure(f"{name} has shape {array.shape}: weights of a batch are ({size},) or ({k}, {size}).")
        rows = [None] if array is None else list(array)
        sides.append([probabilities(row, name, size, f"a row of {'x' if name == 'a' else 'y'}") for row in rows])
    length = max(len(side) for side in sides)
    return list(zip(*(side * (length // len(side)) for side in sides)))


def equal_totals(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """b, rescaled by rounding only so that both totals are one number; BadMeasure where they really differ."""
    total_a, total_b = total(a), total(b)
    if math.inf in (total_a, total_b):
        raise BadMeasure(f"a sums to {total_a!r} and b to {total_b!r}: beyond float64. Rescale both.")
    if not abs(total_a - total_b) <= 1e-9 * max(total_a, total_b):
        raise BadMeasure(
            f"a sums to {total_a!r} and b to {total_b!r}: transport moves all the mass, so the totals must be equal. "
            "Rescale one, or use otkit.wasserstein, which normalises both."
        )
    return b * (total_a / total_b)


def units(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Both weights as int64 counts of one unit of mass, with exactly equal totals, and that total.

    Uniform weights become the smallest whole numbers (1 each for n = m). Otherwise 2^60 units are shared out: each
    weight is off by half a unit (4e-19 of the total) at most, but for one, which takes up the difference of the sums.
    """
    n, m = a.size, b.size
    if np.all(a == a[0]) and np.all(b == b[0]):
        common = math.lcm(n, m)
        if common < TOTAL_UNITS:
            return np.full(n, common // n, np.int64), np.full(m, common // m, np.int64), common
    count_a, count_b = _shared_out(a), _shared_out(b)
    short = int(count_a.sum()) - int(count_b.sum())
    smaller = count_b if short > 0 else count_a
    smaller[np.argmax(smaller)] += abs(short)
    return count_a, count_b, int(count_a.sum())


def _shared_out(weight: np.ndarray) -> np.ndarray:
    """2^60 units by weight, each count rounded by itself: equal weights get equal counts in whatever order."""
    exact = weight.astype(np.longdouble)  # 64 bits: in float64 the units would be off by rounding, not by halves
    return np.rint(exact * (TOTAL_UNITS / exact.sum())).astype(np.int64)


def generator(seed: object, stream: str) -> np.random.Generator:
    """The random numbers of `stream` for a seed, or Unsupported.

    Each use has its own stream, so that what is drawn with the same seed for two ends is independent; a Generator or a
    bit generator is used as it is, and moves on.
    """
    try:
        if isinstance(seed, np.random.Generator | np.random.BitGenerator | np.random.RandomState):
            return np.random.default_rng(seed)
        own = zlib.crc32(stream.encode())
        if isinstance(seed, np.random.SeedSequence):
            return np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, own)))
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(own,)))
    except (TypeError, ValueError) as problem:
        raise Unsupported(
            f"seed is {seed!r} ({problem}): pass a whole number >= 0, or anything else np.random.default_rng takes."
        ) from None
