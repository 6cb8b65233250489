"""Where a c-transform min_j c(x_i, y_j) - g_j of p = 1 is differentiable in x_i, and its gradient there.

The minimum of finitely many cones has a gradient w where one cone that attains it is smooth with gradient w and w is a
subgradient of every other one that attains it: on the far side of two anchors on one ray both agree; on a bisector, or
at the tip of a cone that nothing else reaches, nothing fits and there is a kink.
"""

import numpy as np

from otkit.kernels.boxes import BLOCK
from otkit.kernels.gradient import pull
from otkit.kernels.ground import CITYBLOCK, EUCLIDEAN, fill
from otkit.kernels.jit import njit
from otkit.kernels.planes import blocks_below
from otkit.kernels.pricing import best_columns, new_query

TIE = 2.0**-40  # of the numbers compared: potentials of a tree carry some 1e-14, a bisector is met by design or never
SAME_RAY = 1e-14  # squared difference of unit vectors: 1e-7, what points on one ray keep of their direction


@njit
def _largest(ground, i, j):
    value = 0.0
    for k in range(ground.yt.shape[0]):
        value = max(value, abs(ground.x[i, k] - ground.yt[k, j]))
    return value


@njit
def _smooth(ground, i, j, slack):
    """Whether c(., y_j) has a gradient at x_i, and within `slack` of it."""
    largest = _largest(ground, i, j)
    if largest <= slack:
        return False
    if ground.metric == EUCLIDEAN:
        return True
    at_top = 0
    for k in range(ground.yt.shape[0]):
        e = abs(ground.x[i, k] - ground.yt[k, j])
        if ground.metric == CITYBLOCK and e <= slack:
            return False
        if e >= largest - slack:
            at_top += 1
    return ground.metric == CITYBLOCK or at_top == 1


@njit
def _contains(ground, i, j, slack, w):
    """Whether w (d,), a gradient of the metric, is a subgradient of c(., y_j) at x_i, to rounding."""
    largest = _largest(ground, i, j)
    if largest <= slack:  # the tip of the cone: every w of dual norm 1
        return True
    d = w.shape[0]
    if ground.metric == EUCLIDEAN:
        length = 0.0
        for k in range(d):
            e = (ground.x[i, k] - ground.yt[k, j]) / largest
            length += e * e
        length = largest * np.sqrt(length)
        off = 0.0
        for k in range(d):
            e = (ground.x[i, k] - ground.yt[k, j]) / length - w[k]
            off += e * e
        return off <= SAME_RAY
    for k in range(d):
        e = ground.x[i, k] - ground.yt[k, j]
        if ground.metric == CITYBLOCK:
            if abs(e) > slack and e * w[k] < 0.0:
                return False
        elif w[k] != 0.0 and (abs(e) < largest - slack or e * w[k] < 0.0):
            return False
    return True


@njit
def _attained(ground, boxes, g, planes, i, limit, bounds, size, buf, near):
    """Modifies near, bounds, size and buf: the columns with c(x_i, y_j) - g_j <= limit; returns their number."""
    m, count = g.shape[0], 0
    blocks_below(ground, boxes, planes, i, 0, bounds.shape[0], bounds, size)
    for b in range(bounds.shape[0]):
        if bounds[b] > limit:
            continue
        lo = b * BLOCK
        width = min(m, lo + BLOCK) - lo
        fill(ground, i, lo, lo + width, buf)
        for t in range(width):
            if buf[t] - g[lo + t] <= limit:
                near[count] = lo + t
                count += 1
    return count


@njit
def gradients(ground, boxes, g, planes, begin, end, out):
    """Modifies out[begin:end] (n, d): the gradient of min_j c(x_i, y_j) - g_j in x_i; NaN where it has none.

    planes: `planes_of` g.
    """
    m, d = g.shape[0], ground.yt.shape[0]
    work, buf = new_query(planes), np.empty(BLOCK)
    bounds, size = np.empty(planes.top.shape[0]), np.empty(planes.top.shape[0])
    column, cost, key = np.empty(1, np.int32), np.empty(1), np.empty(1)
    near, one = np.empty(m, np.int32), np.ones(1)
    first = 0
    for i in range(begin, end):
        best_columns(ground, boxes, g, planes, i, np.inf, first, work, column, cost, key)
        first = column[0] // BLOCK
        slack = TIE * (abs(key[0]) + abs(g[column[0]]))
        count = _attained(ground, boxes, g, planes, i, key[0] + slack, bounds, size, buf, near)
        w = out[i]
        for k in range(d):
            w[k] = 0.0
        found = False
        for s in range(count):
            if _smooth(ground, i, near[s], slack):
                pull(ground, i, near[s], near[s] + 1, one, 1.0, w)
                found = True
                break
        for s in range(count):
            found = found and _contains(ground, i, near[s], slack, w)
        if not found:
            for k in range(d):
                w[k] = np.nan
