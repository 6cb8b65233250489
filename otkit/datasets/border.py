"""What all data sets check and share: whole numbers, seeds, points of the right dimension, shuffles, blocks."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from otkit import measures
from otkit.errors import BadMeasure, Unsupported

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BLOCK = 2**20  # numbers in a block of a long computation: 8 MB, and a few such arrays are alive at a time


def count(value: object, name: str) -> int:
    """A whole number >= 1, or BadMeasure."""
    try:
        whole = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or whole < 1:
        raise BadMeasure(f"{name} is {value!r}: a whole number >= 1.")
    return whole


def second_count(m: object, n: int, paired: bool) -> int:
    """The number of points of y; None is n. Pairs leave no choice."""
    m = n if m is None else count(m, "m")
    if paired and m != n:
        raise Unsupported(f"m is {m} and n is {n}: paired samples have one y for each x. Leave m out, or paired.")
    return m


def located(points: ArrayLike, d: int) -> np.ndarray:
    """Points as (k, d) float64."""
    points = measures.samples(points, "points")
    if points.shape[1] != d:
        raise BadMeasure(f"points have shape {points.shape}, but this problem lives in R^{d}: pass (k, {d}) points.")
    return points


def shuffled(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(y, matching): the rows of `image` in random order, and where each went, y[matching] = image."""
    order = rng.permutation(len(image))
    matching = np.empty_like(order)
    matching[order] = np.arange(len(order))
    return image[order], matching


def mean_power(x: np.ndarray, image: np.ndarray, p: int) -> float:
    """(mean |x - image|^p)^(1/p), the sum taken exactly."""
    lengths = np.linalg.norm(x - image, axis=1)
    return (math.fsum(lengths**p) / len(lengths)) ** (1 / p)


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices that cover range(n), `width` numbers a row, a block at most `BLOCK` numbers (and one row at least)."""
    step = max(1, BLOCK // width)
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))
