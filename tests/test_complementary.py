"""Strictly complementary potentials: tight on what some optimal plan uses, and on nothing else."""

import numpy as np
import pytest
from families import naive_cost
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

import otkit
from otkit.complementary import complementary
from otkit.costs import point_cost
from otkit.plan import Plan

METRICS = ("euclidean", "cityblock", "chebyshev")


def clouds(n, m, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def samples(name, seed=0):
    """x, y, a, b of about 40 points."""
    rng = np.random.default_rng(seed)
    x, y = clouds(40, 40, 2, seed)
    whole = rng.integers(0, 7, (2, 40, 2)).astype(float)
    third = np.arange(40) % 3
    return {
        "permutation": (x, y, None, None),
        "sixteen dimensions": (*clouds(40, 40, 16, seed), None, None),
        "each x serves two": (*clouds(20, 40, 2, seed), None, None),
        "each x serves one and a half": (*clouds(40, 60, 3, seed), None, None),
        "weights": (x, y, rng.random(40), rng.random(40)),
        "weights with zeros": (x, y, rng.random(40) * (third > 0), rng.random(40) * (third < 2)),
        "half of no mass": (x, y, 1.0 * (np.arange(40) < 20), 1.0 * (np.arange(40) % 2)),
        "lattice": (*whole, None, None),
        "copies of x": (np.repeat(x[:8], 5, axis=0), y, None, None),
        "copies of y": (x, np.repeat(y[:8], 5, axis=0), None, None),
        "shared points": (x, np.concatenate([x[:20], y[20:]]), None, None),
        "the same": (x, x, None, None),
        "a shift": (x, x + [1.0, 0.5], None, None),
        "line": (x[:, :1], y[:, :1], None, None),
        "line with weights": (x[:, :1], y[:, :1], rng.random(40), rng.random(40)),
        "line of whole numbers": (whole[0][:, :1], whole[1][:, :1] + 1.0, rng.random(40), None),
        "line, two groups": (np.r_[0.0:5, 100:105][:, None], np.r_[1.0:6, 101:106][:, None], None, None),
        "one point": (x[:1], y[:1], None, None),
        "one to many": (x[:1], y, None, None),
        "many to one": (x, y[:1], None, None),
    }[name]


NAMES = [
    *("permutation", "sixteen dimensions", "each x serves two", "each x serves one and a half", "weights"),
    *("weights with zeros", "half of no mass", "lattice", "copies of x", "copies of y", "shared points", "the same"),
    *("a shift", "line", "line with weights", "line of whole numbers", "line, two groups", "one point"),
    *("one to many", "many to one"),
]


def on_an_optimal_plan(slack, support):
    """(n, m): pairs that carry mass in some optimal plan. Mass moves along a ring of pairs without slack, from one
    optimal plan to the next; every optimal pair of potentials is tight on these."""
    n, m = slack.shape
    rows, cols = np.nonzero(slack < 1e-10)
    mass_rows, mass_cols = np.nonzero(support)
    heads, tails = np.concatenate([cols + n, mass_rows]), np.concatenate([rows, mass_cols + n])
    steps = csr_array((np.ones(heads.size), (heads, tails)), shape=(n + m, n + m))
    return (slack < 1e-10) & np.isfinite(shortest_path(steps, unweighted=True)[:n, n:])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", NAMES)
def test_tight_where_an_optimal_plan_can_be_and_nowhere_else(name, metric):
    x, y, a, b = samples(name)
    result = otkit.wasserstein(x, y, a=a, b=b, metric=metric)
    plan, cost = result.plan, result.problem.cost
    kept, f, g = complementary(cost, plan, *result.potentials)
    rows, cols = np.unique(plan.rows), np.unique(plan.cols)
    np.testing.assert_array_equal(kept.x, cost.x[rows])
    np.testing.assert_array_equal(kept.y, cost.y[cols])
    c, mass = naive_cost(kept.x, kept.y, metric), plan.toarray()[np.ix_(rows, cols)]
    slack = c - f[:, None] - g
    assert slack.min() >= -1e-14 and mass.sum(axis=1) @ f + mass.sum(axis=0) @ g == pytest.approx(
        result.cost, abs=1e-14
    )
    given = c - result.potentials.f[rows, None] - result.potentials.g[cols]
    tight, expected = slack < 1e-10, on_an_optimal_plan(given, mass > 0)
    if (name, metric) == ("a shift", "cityblock"):  # whole quadrants have no slack: 16 pairs do not show the others
        assert tight[expected].all() and tight.sum() < (given < 1e-10).sum()
        assert np.isfinite(result.critic().gradient(y)).all()  # nor need it: there all cones agree
    else:
        np.testing.assert_array_equal(tight, expected)


@pytest.mark.parametrize("seed", range(5))
def test_no_margin_is_far_from_the_best(seed):
    """The largest least slack there can be is the least mean of a ring; with one partner each, by bisection."""
    x, y = clouds(60, 60, 2, seed)
    result = otkit.wasserstein(x, y)
    plan = result.plan
    _, f, g = complementary(result.problem.cost, plan, *result.potentials)
    partner = plan.cols[np.argsort(plan.rows)]
    slack = naive_cost(x, y[partner], "euclidean") - f[:, None] - g[partner]
    np.fill_diagonal(slack, np.inf)
    low, high = 0.0, float(np.median(slack))
    for _ in range(40):
        mid = 0.5 * (low + high)
        h = np.zeros(60)
        for _ in range(61):
            before, h = h, np.minimum(h, (slack - mid + h).min(axis=1))
        low, high = (mid, high) if np.array_equal(before, h) else (low, mid)
    assert 0.05 * low < slack.min() <= low * (1 + 1e-6)


def test_a_hub_of_sixty_pairs_without_slack():
    """More than the 16 that are kept of a sample: the hub stays in the first round, and moves in the second."""
    angle = np.arange(60) * np.pi / 30
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x, y = np.concatenate([[[0.0, 0.0]], 10 * ring]), np.concatenate([[[0.0, 0.5]], 10.5 * ring])
    everyone, c = np.arange(61), naive_cost(x, y, "euclidean")
    plan = Plan(everyone, everyone, np.ones(61), (61, 61))
    g = shortest_path(np.maximum(c - 0.5, 0.0))[0]  # the way from the hub's x over slack; partners have a cost of 0.5
    f = 0.5 - g
    slack = c - f[:, None] - g
    assert slack.min() > -1e-14 and (slack[0] < 1e-12).all()
    _, f, g = complementary(point_cost(x, y, "euclidean", 1.0), plan, f, g)
    slack = c - f[:, None] - g
    assert (slack[~np.eye(61, dtype=bool)] > 0.01).all() and np.abs(slack.diagonal()).max() < 1e-14


def test_dust_against_the_rest_of_a_line_changes_nothing():
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [0.5]])
    f, g = np.array([2.0, 1.0]), np.array([0.0, -1.5])
    plan = Plan(np.array([0, 1]), np.array([0, 1]), np.array([1.0, 1e-30]), (2, 2))
    _, new_f, new_g = complementary(point_cost(x, y, "euclidean", 1.0), plan, f, g)
    np.testing.assert_array_equal(new_f, f)
    np.testing.assert_array_equal(new_g, g)
