"""The gradient of a transport cost in its points: sum_j w_j d c(x_i, y_j) / d x_i for given weights w."""

import numpy as np

from otkit.kernels.ground import CITYBLOCK, EUCLIDEAN
from otkit.kernels.jit import njit


@njit
def pull(ground, i, lo, hi, weights, scale, out):
    """Modifies out (d,): adds scale * sum over j in [lo, hi) of weights[j - lo] times the gradient of c(x_i, y_j).

    c = metric**p; where it has a kink (p = 1 and x_i = y_j, equal coordinates) the symmetric subgradient, 0, is taken.
    """
    x, yt, p = ground.x, ground.yt, ground.p
    d = yt.shape[0]
    for j in range(lo, hi):
        weight = scale * weights[j - lo]
        if weight == 0.0:
            continue
        distance, largest = 0.0, 0
        for c in range(d):
            e = abs(x[i, c] - yt[c, j])
            if ground.metric == EUCLIDEAN:
                distance += e * e
            elif ground.metric == CITYBLOCK:
                distance += e
            elif e > distance:
                distance, largest = e, c
        if distance == 0.0:
            continue
        if ground.metric == EUCLIDEAN:
            # d |x - y|^p = p |x - y|^(p - 2) (x - y)
            factor = weight * p * (distance ** (0.5 * p - 1.0) if p != 2.0 else 1.0)
            for c in range(d):
                out[c] += factor * (x[i, c] - yt[c, j])
        else:
            factor = weight * p * (distance ** (p - 1.0) if p != 1.0 else 1.0)
            for c in range(d):
                if ground.metric == CITYBLOCK or c == largest:
                    out[c] += factor * np.sign(x[i, c] - yt[c, j])
