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


@pytest.mark.parametrize("d, seed", [(1, 0), (2, 1), (3, 2), (16, 3)])
def test_the_critic_gives_the_gradient_of_w1(d, seed):
    """At every sample at once, to rounding, on the line too: the critic of `Result.critic()` has no kink there."""
    x, generator = problem(d, seed)
    y = generator(generator.theta)
    result = otkit.wasserstein(x, y)
    critic = result.critic()
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
    gradient = generator.pulled_back(theta, -result.critic().gradient(y) / N)
    for _ in range(20):
        direction = rng.normal(size=theta.size)
        ahead, behind = (otkit.wasserstein(x, generator(theta + s * direction)).distance for s in (step, -step))
        assert (ahead - behind) / (2 * step) == pytest.approx(gradient @ direction, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("weights", ["uniform", "random", "with zeros"])
@pytest.mark.parametrize("n, m", [(N, N), (3 * N, N), (N, 3 * N), (N, 3 * N // 2)])
def test_wherever_the_mass_of_a_sample_goes_one_way(n, m, weights):
    """There the critic has a gradient, and it is the plan's direction; where it goes two ways there is a kink."""
    generator, rng = Generator(m, 3, 4), np.random.default_rng(6)
    y, x = generator(generator.theta), rng.normal(size=(n, 3)) * 1.25
    a, b = (None, None) if weights == "uniform" else (rng.random(n), rng.random(m))
    if weights == "with zeros":
        a[::3], b[::4] = 0.0, 0.0
    result = otkit.wasserstein(x, y, a=a, b=b)
    plan_side = through_the_plan(x, y, result.plan)
    mass = result.plan.marginals()[1]
    ways = np.bincount(result.plan.cols, minlength=m)
    gradient = result.critic().gradient(y)
    there = np.isfinite(gradient[:, 0])
    np.testing.assert_array_equal(there[ways > 0], ways[ways > 0] == 1)
    one = ways == 1
    assert one.sum() >= 10 or n > m
    np.testing.assert_allclose(-gradient[one] * mass[one, None], plan_side[one], rtol=0, atol=1e-7 * mass.max())


@pytest.mark.parametrize("unit", [1.0, 1e160, 1e-160])
def test_samples_of_any_size(unit):
    x, generator = problem(2, 1)
    y = generator(generator.theta)
    gradient = otkit.wasserstein(x * unit, y * unit).critic().gradient(y * unit)
    plan_side = through_the_plan(x, y, otkit.wasserstein(x, y).plan)
    np.testing.assert_allclose(-gradient / N, plan_side, rtol=0, atol=1e-12 / N)


def test_a_result_that_is_not_optimal_keeps_its_potentials():
    """Its plan says nothing about where optimal potentials are tight; the critic is the c-transform pair as before."""
    x, generator = problem(2, 1)
    y = generator(generator.theta)
    result = otkit.wasserstein(x, y, solver=otkit.solvers.NetworkSimplex(max_iter=30), throw=False)
    assert result.status is otkit.Status.MAX_ITER
    critic = result.critic()
    cost = np.linalg.norm(x[:, None] - y, axis=2)
    g = (cost - result.potentials.f[:, None]).min(axis=0)
    np.testing.assert_allclose(critic(x), (cost - g).min(axis=1), rtol=0, atol=1e-12)
    assert critic(x).mean() - critic(y).mean() >= result.lower


def test_one_step_along_the_critic_lowers_the_distance():
    x, generator = problem(3, 5)
    theta, distances = generator.theta, []
    for _ in range(30):
        y = generator(theta)
        result = otkit.wasserstein(x, y)
        distances.append(result.distance)
        gradient = generator.pulled_back(theta, -result.critic().gradient(y) / N)
        theta = theta - 0.05 * gradient
    assert distances[-1] < 0.7 * distances[0]
    assert (np.diff(distances) < 0.02 * distances[0]).all()
