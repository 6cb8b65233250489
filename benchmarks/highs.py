"""The transport problem straight to SciPy's HiGHS: no line of otkit between the cost matrix and the answer."""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

TOLERANCE = 1e-10  # the least HiGHS takes; absolute, hence the scaling of costs to 1 and of masses to mean 1


def highs(cost: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """min <C, P> over plans with marginals a (n,), b (m,)."""
    n, m = cost.shape
    top, pair = cost.max(), np.arange(n * m)
    marginals = coo_array(
        (np.ones(2 * n * m), (np.concatenate([pair // m, n + pair % m]), np.concatenate([pair, pair]))),
        shape=(n + m, n * m),
    )
    answer = linprog(
        cost.ravel() / top,
        A_eq=marginals.tocsr(),
        b_eq=np.concatenate([a, b]) * max(n, m),
        method="highs-ds",
        options={"primal_feasibility_tolerance": TOLERANCE, "dual_feasibility_tolerance": TOLERANCE},
    )
    if answer.status != 0:
        raise RuntimeError(answer.message)
    return float(answer.fun) * top / max(n, m)
