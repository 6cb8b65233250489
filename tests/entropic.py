"""Entropic transport as a textbook writes it: dense, in the log domain, in float64; and its answers in closed form."""

import math

import numpy as np
from scipy.special import logsumexp


def naive_sinkhorn(cost, a, b, eps, tol=1e-13, most=200_000):
    """Potentials (f, g) of min <C, P> + eps KL(P | a b^T) for total mass 1; rows without mass get the softmin too."""
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)
    g = np.zeros(b.size)
    for _ in range(most):
        f = -eps * logsumexp((g - cost) / eps + log_b, axis=1)
        update = -eps * logsumexp((f[:, None] - cost) / eps + log_a[:, None], axis=0)
        error = np.abs(b * np.expm1((g - update) / eps)).sum()
        if error <= tol:
            return f, g
        g = update
    raise AssertionError(f"the twin stopped at a marginal error of {error}")


def naive_plan(cost, a, b, f, g, eps):
    return a[:, None] * b * np.exp((f[:, None] + g - cost) / eps)


def kullback_leibler(plan, a, b):
    """KL(P | a b^T) for total mass 1."""
    product = a[:, None] * b
    held = plan > 0
    return float((plan[held] * np.log(plan[held] / product[held])).sum())


def gaussian_covariance(s, t, eps):
    """The covariance of the entropic plan of N(0, s^2) and N(., t^2) on the line, for the cost (x - y)^2: it solves
    c^2 + (eps / 2) c = s^2 t^2 (Janati, Muzellec, Peyre, Cuturi 2020, with sigma^2 = eps / 2)."""
    return math.sqrt(s**2 * t**2 + eps**2 / 16) - eps / 4


def gaussian_objective(shift, s, t, eps):
    """<C, P> + eps KL(P | a x b) of N(0, s^2) and N(shift, t^2): their plan is Gaussian, so KL = -log(1 - r^2) / 2."""
    c = gaussian_covariance(s, t, eps)
    return shift**2 + s**2 + t**2 - 2 * c - 0.5 * eps * math.log1p(-((c / (s * t)) ** 2))
