"""How an exact transport cost changes with its points: the envelope theorem, from a sparse plan."""

from __future__ import annotations

import numpy as np

from otkit.costs import PointCost
from otkit.errors import Unsupported
from otkit.result import Result


def point_gradients(result: Result) -> tuple[np.ndarray, np.ndarray]:
    r"""The gradients of W_p^p in the samples, (n, d) and (m, d), with the optimal plan held fixed.

    .. math:: \nabla_{x_i} W_p^p = \sum_j P_{ij}\, \nabla_x\, metric(x_i, y_j)^p

    The gradient where the optimal plan is unique, an element of the subdifferential elsewhere. O((n + m) d) time and
    memory for an exact plan. The gradients in the weights are `result.potentials`, up to a constant.

    Raises
    ------
    Unsupported : a cost that does not come from points.

    Source: Peyre and Cuturi 2019.

    >>> import otkit
    >>> x_side, y_side = point_gradients(otkit.wasserstein([[0.0, 0.0]], [[3.0, 4.0]], p=2))
    >>> x_side.tolist(), y_side.tolist()
    ([[-6.0, -8.0]], [[6.0, 8.0]])
    """
    from scipy.sparse import csr_array

    cost, plan = result.problem.cost, result.plan
    if not isinstance(cost, PointCost):
        raise Unsupported("The cost is a matrix: it does not say how it depends on points. Use a metric by name.")
    unit = np.float64(cost.scale) ** (cost.p - 1.0)
    pulls = cost.slopes(plan.rows, plan.cols) * (plan.mass * unit)[:, None]
    entries = np.arange(len(plan))
    x_side, y_side = (
        csr_array((np.full(len(plan), sign), (ends, entries)), shape=(size, len(plan))) @ pulls
        for sign, ends, size in ((1.0, plan.rows, plan.shape[0]), (-1.0, plan.cols, plan.shape[1]))
    )
    return x_side, y_side
