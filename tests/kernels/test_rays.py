"""Gradients of a c-transform against the textbook: the subdifferentials of all cones that attain the minimum."""

import numpy as np
import pytest
from kernels.twins import (
    CHEBYSHEV,
    CITYBLOCK,
    EUCLIDEAN,
    METRICS,
    cloud,
    cost_gradient,
    dense,
    ground_of_points,
    lattice,
)
from kernels.twins import NAMES as METRIC_NAMES
from numba import config

from otkit.kernels.boxes import BLOCK, enclose
from otkit.kernels.planes import planes_of
from otkit.kernels.rays import gradients

SMALL = bool(config.DISABLE_JIT)
N, M = (8, BLOCK + 5) if SMALL else (60, 3 * BLOCK + 3)


def found(ground, g, begin=0, end=None):
    boxes = enclose(ground.yt)
    planes = planes_of(ground, boxes, g)
    out = np.full(ground.x.shape, -9.0)
    gradients(ground, boxes, g, planes, begin, len(ground.x) if end is None else end, out)
    return out


def cones(e, metric):
    """(gradient or None, is w a subgradient) of the metric at e, from its definition."""
    size = np.abs(e)
    if not size.any():
        dual = {EUCLIDEAN: np.linalg.norm, CITYBLOCK: lambda w: np.abs(w).max(), CHEBYSHEV: lambda w: np.abs(w).sum()}
        return None, lambda w: dual[metric](w) <= 1 + 1e-9
    if metric == EUCLIDEAN:
        unit = e / np.linalg.norm(e)
        return unit, lambda w: np.allclose(w, unit, atol=1e-7)
    if metric == CITYBLOCK:
        gradient = np.sign(e) if size.all() else None
        return gradient, lambda w: all(w[k] == np.sign(e[k]) for k in range(e.size) if size[k] > 0)
    top = size == size.max()
    gradient = np.sign(e) * top if top.sum() == 1 else None
    return gradient, lambda w: (w[~top] == 0).all() and (w * np.sign(e) >= 0).all()


def twin(ground, g):
    reduced = dense(ground) - g
    out = np.full(ground.x.shape, np.nan)
    for i, row in enumerate(reduced):
        active = [cones(ground.x[i] - ground.yt[:, j], ground.metric) for j in np.flatnonzero(row <= row.min() + 1e-10)]
        smooth = [gradient for gradient, _ in active if gradient is not None]
        if smooth and all(contains(smooth[0]) for _, contains in active):
            out[i] = smooth[0]
    return out


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("points", [cloud, lattice])
def test_gradients(metric, d, points):
    """On a lattice with whole values nearly every point is a tie, in some of which all cones agree."""
    ground = ground_of_points(*points(N, M, d), metric, 1.0)
    rng = np.random.default_rng(2)
    for g in (rng.integers(-1, 2, M).astype(float), np.zeros(M), rng.normal(size=M)):
        expected = twin(ground, g)
        np.testing.assert_allclose(found(ground, g), expected, rtol=0, atol=1e-12)
        part = found(ground, g, 2, N - 1)
        np.testing.assert_allclose(part[2 : N - 1], expected[2 : N - 1], rtol=0, atol=1e-12)
        assert (part[:2] == -9.0).all() and (part[N - 1 :] == -9.0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_generic_points_have_the_gradient_of_their_anchor(metric):
    ground = ground_of_points(*cloud(N, M, 4), metric, 1.0)
    g = np.random.default_rng(3).normal(size=M)
    active = (dense(ground) - g).argmin(axis=1)
    every = cost_gradient(ground.x, ground.yt.T, METRIC_NAMES[metric], 1.0)
    np.testing.assert_allclose(found(ground, g), every[np.arange(N), active], rtol=0, atol=1e-12)


def test_kinks_and_rays():
    anchors = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 0.0]])
    points = np.array([[2.0, 1.0], [0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-3.0, 0.0]])
    ground = ground_of_points(points, anchors, EUCLIDEAN, 1.0)
    # the first anchor and the third are on one ray: seen from the left they tie everywhere
    expected = [[np.nan] * 2, [-1.0, 0.0], [np.nan] * 2, [-1.0, 0.0], [-1.0, 0.0]]
    np.testing.assert_allclose(found(ground, np.array([0.0, 0.0, 1.0]))[1:], expected[1:], rtol=0, atol=1e-15)
    tie = found(ground_of_points(points[:1], anchors[:2], EUCLIDEAN, 1.0), np.zeros(2))
    np.testing.assert_array_equal(tie, expected[:1])
