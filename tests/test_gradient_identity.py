"""K5: the gradient of W_1 in a generator's parameters, through the plan, through the critic, and by differences.

    dW/dtheta = sum_ij P_ij <(y_j - x_i) / |x_i - y_j|, dG(z_j)/dtheta> = -E[grad f*(G(z)) dG/dtheta],    y_j = G(z_j)

x are real samples, y generated ones, f* is the critic that is high on real ones: anchored at x it has a gradient at y.
"""

import numpy as np
import pytest

import otkit

N = 120


class Generator:
    """y = A tanh(B z + c) + s: two layers, theta = (A, B, c, s) in one vector, with its Jacobian in closed form."""

    def __init__(self, n, d, seed):
        rng = np.random.default_rng(seed)
        self.d, self.h, self.z = d, 5, rng.normal(size=(n, 2))
        self.theta = rng.normal(size=self.sizes[-1])

    @property
    def sizes(self):
        return np.cumsum([self.d * self.h, self.h * 2, self.h, self.d])

    def parts(self, theta):
        A, B, c, s = np.split(theta, self.sizes[:-1])
        return A.reshape(self.d, self.h), B.reshape(self.h, 2), c, s

    def __call__(self, theta):
        A, B, c, s = self.parts(theta)
        return np.tanh(self.z @ B.T + c) @ A.T + s

    def pulled_back(self, theta, cotangents):
        """sum_j <cotangents_j, dG(z_j)/dtheta>, the vector-Jacobian product."""
        A, B, c, _ = self.parts(theta)
        hidden = np.tanh(self.z @ B.T + c)
        inner = (cotangents @ A) * (1 - hidden**2)
        return np.concatenate(
            [(cotangents.T @ hidden).ravel(), (inner.T @ self.z).ravel(), inner.sum(axis=0), cotangents.sum(axis=0)]
        )


def problem(d, seed, n=N):
    generator = Generator(n, d, seed)
    x = np.random.default_rng(seed + 100).normal(size=(n, d)) * 1.5 + 0.5
    return x, generator


def through_the_plan(x, y, plan):
    """d W_1 / d y, (m, d): each y_j is pulled away from the x_i that its mass comes from."""
    move = y[plan.cols] - x[plan.rows]
    pull = plan.mass[:, None] * move / np.linalg.norm(move, axis=1, keepdims=True)
    out = np.zeros_like(y)
    np.add.at(out, plan.cols, pull)
    return out


def interior_critic(x, y, result):
    """The critic of optimal potentials that are tight on the plan's support alone.

    A solver's potentials are a vertex of all optimal ones: they are tight on arcs of its tree that carry nothing, where
    the critic has kinks. With one partner s(i) each, all optimal potentials satisfy g_s(k) - g_s(i) <= c_ik - c_ii with
    c_ik = |x_i - y_s(k)|; distances of shortest paths from one node do, and their mean over all nodes is strict.
    """
    from dataclasses import replace

    from scipy.sparse.csgraph import csgraph_from_dense, shortest_path

    partner = result.plan.cols[np.argsort(result.plan.rows)]
    cost = np.linalg.norm(x[:, None] - y[partner], axis=2)
    f, g = result.potentials
    slack = np.maximum(cost - f[:, None] - g[partner], 0.0)  # rounding may leave -1e-16
    paths = shortest_path(csgraph_from_dense(slack, null_value=np.inf), method="D")
    g = g.copy()
    g[partner] += paths.mean(axis=0)
    critic = result.critic()
    return replace(critic, values=(np.linalg.norm(x[:, None] - y, axis=2) - g).min(axis=1))


@pytest.mark.parametrize("d, seed", [(1, 0), (2, 1), (3, 2), (16, 3)])
def test_the_critic_gives_the_gradient_of_w1(d, seed):
    """Everywhere at once, with optimal potentials from the interior: agreement to rounding, on the line too."""
    x, generator = problem(d, seed)
    y = generator(generator.theta)
    result = otkit.wasserstein(x, y)
    critic = interior_critic(x, y, result)
    assert critic(x).mean() - critic(y).mean() == pytest.approx(result.distance, rel=1e-12, abs=0)
    gradient = critic.gradient(y)
    assert np.isfinite(gradient).all()
    plan_side = through_the_plan(x, y, result.plan)
    np.testing.assert_allclose(-gradient / N, plan_side, rtol=0, atol=1e-12 / N)
    by_plan = generator.pulled_back(generator.theta, plan_side)
    by_critic = generator.pulled_back(generator.theta, -gradient / N)
    np.testing.assert_allclose(by_critic, by_plan, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("d, seed", [(2, 1), (3, 2), (16, 3)])
def test_both_are_the_derivative_of_the_distance(d, seed):
    """Central differences of the exact distance in 20 directions: it is smooth while the plan stays the same."""
    x, generator = problem(d, seed)
    rng, theta, step = np.random.default_rng(9), generator.theta, 1e-6
    y = generator(theta)
    result = otkit.wasserstein(x, y)
    gradient = generator.pulled_back(theta, -interior_critic(x, y, result).gradient(y) / N)
    for _ in range(20):
        direction = rng.normal(size=theta.size)
        ahead, behind = (otkit.wasserstein(x, generator(theta + s * direction)).distance for s in (step, -step))
        assert (ahead - behind) / (2 * step) == pytest.approx(gradient @ direction, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("n, m", [(N, N), (3 * N, N)])
def test_any_critic_of_the_solver_where_both_exist(n, m):
    """`Result.critic()` as it comes: where a y_j has one partner direction and the critic a gradient, both agree."""
    generator = Generator(m, 3, 4)
    y = generator(generator.theta)
    x = np.concatenate([y + [0.5, 0.0, 0.0]] * (n // m)) * 1.25  # k copies: every y_j still has one direction
    result = otkit.wasserstein(x, y)
    plan_side = m * through_the_plan(x, y, result.plan)
    one_way = np.abs(np.linalg.norm(plan_side, axis=1) - 1) < 1e-9
    gradient = result.critic().gradient(y)
    both = one_way & np.isfinite(gradient[:, 0])
    assert both.sum() >= 10
    np.testing.assert_allclose(-gradient[both], plan_side[both], rtol=0, atol=1e-7)


def test_one_step_along_the_critic_lowers_the_distance():
    x, generator = problem(3, 5)
    theta, distances = generator.theta, []
    for _ in range(30):
        y = generator(theta)
        result = otkit.wasserstein(x, y)
        distances.append(result.distance)
        gradient = generator.pulled_back(theta, -interior_critic(x, y, result).gradient(y) / N)
        theta = theta - 0.05 * gradient
    assert distances[-1] < 0.7 * distances[0]
    assert (np.diff(distances) < 0.02 * distances[0]).all()
