"""`otkit.verify`: primal against dual, and what a critic proves, against one dense textbook twin and the truth."""

import math

import numpy as np
import pytest
from families import naive_cost, norm

import otkit
from otkit.errors import BadCost, BadCritic, BadMeasure, Interrupted, NotConverged, Unsupported
from otkit.solvers import NetworkSimplex, Sinkhorn

EPS = np.finfo(float).eps
METRICS = ("euclidean", "cityblock", "chebyshev")


def problem(seed, largest=400):
    """A random problem of p = 1: 1 to `largest` points in 1 to 64 dimensions, some with duplicates and zero weights."""
    rng = np.random.default_rng(seed)
    n, m = np.exp(rng.uniform(0, math.log(largest), 2)).astype(int)
    d = int(rng.choice([1, 2, 3, 8, 64]))
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) * rng.uniform(0.2, 2) + rng.normal()
    if seed % 3 == 0:  # duplicates within and between the samples
        x[rng.integers(n, size=n // 2)] = x[0]
        y[rng.integers(m, size=m // 3)] = x[n // 2]
    a = b = None
    if seed % 2:
        a, b = (rng.random(k) * (rng.random(k) < 0.7) + 1e-300 for k in (n, m))
        a[0], b[-1] = 1.0, 1.0
        a[a < 1e-290], b[b < 1e-290] = 0.0, 0.0
    return rng, x, y, a, b, METRICS[seed % 7 % 3]


def critics(rng, d):
    """A critic of every kind: networks, polynomials, lookups, constants, jumps, huge and tiny ones, float32."""
    widths = rng.normal(size=(d, 16)), rng.normal(size=16), rng.normal(size=16)
    direction, power, size = rng.normal(size=d), int(rng.integers(1, 6)), 10.0 ** rng.uniform(-200, 200)
    table = rng.normal(size=997)
    return {
        "network": lambda z: np.tanh(z @ widths[0] + widths[1]) @ widths[2],
        "relu": lambda z: np.maximum(z.astype(np.float32) @ widths[0].astype(np.float32), 0) @ widths[2],
        "polynomial": lambda z: (z @ direction) ** power - (z**2).sum(axis=1),
        "lookup": lambda z: table[(np.abs(z).sum(axis=1) * 1e6).astype(int) % 997],
        "constant": lambda z: np.full(len(z), rng.normal()) * 0 + table[0],
        "jumps": lambda z: np.sign(z[:, 0] - 0.3) + np.floor(z.sum(axis=1)),
        "extreme": lambda z: size * (z @ direction),
        "offset": lambda z: 1e12 + z @ direction,
        "column": lambda z: (z[:, :1] > 0).astype(np.int8),
    }


def naive(x, y, a, b, v, w, metric):
    """raw, slope, rescaled and the first c-transform as a textbook writes them, dense."""
    cost = naive_cost(x, y, metric)
    a, b = (np.full(len(s), 1 / len(s)) if t is None else t / math.fsum(t) for s, t in ((x, a), (y, b)))
    raw = math.fsum(a * v) - math.fsum(b * w)
    rise = v[:, None] - w
    noise = 1e-6 * (max(v.max(), w.max()) - min(v.min(), w.min()))  # BLAS gives one point two values in two batches
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = max(0.0, float(np.where(rise > noise * (cost == 0), rise / cost, 0.0).max()))
    if slope in (0.0, math.inf):
        return raw, slope, 0.0, 0.0
    below = (cost + w / slope).min(axis=1)  # >= v / slope
    return raw, slope, raw / slope, math.fsum(a * below) - math.fsum(b * w / slope)


def agree(report, x, y, a, b, values, metric):
    v, w = (np.asarray(side, float).reshape(-1) for side in values)
    raw, slope, rescaled, transformed = naive(x, y, a, b, v, w, metric)
    size = max(np.abs(v).max(), np.abs(w).max())
    assert report.raw == pytest.approx(raw, rel=1e-9, abs=1e-13 * size)
    assert report.slope == pytest.approx(slope, rel=1e-9, abs=0)
    rounding = 1e-10 * (size / slope if 0 < slope < math.inf else 1.0) + 1e-12
    assert report.rescaled == pytest.approx(rescaled, rel=1e-9, abs=rounding)
    assert report.tightened >= transformed - rounding


def bounds_hold(seed, largest):
    rng, x, y, a, b, metric = problem(seed, largest)
    kind, critic = list(critics(rng, x.shape[1]).items())[seed % 9]
    report = otkit.verify(x, y, critic=critic, a=a, b=b, metric=metric, n_bootstrap=2)
    assert abs(report.primal - report.dual) <= 1e-9 * report.primal, (seed, kind)
    assert report.lipschitz <= 1 + 1e-9, (seed, kind)
    found = report.critic
    assert found.rescaled <= found.tightened <= report.primal * (1 + 1e-12), (seed, kind)
    assert 0.0 <= found.nearest <= report.primal * (1 + 1e-12), (seed, kind)
    assert 0.0 <= found.captured <= 1.0, (seed, kind)
    if kind == "constant":
        assert found.captured == found.raw == found.slope == 0.0 and found.pair is None
    if found.pair is not None:
        i, j = found.pair
        rise = float(np.ravel(critic(x))[i]) - float(np.ravel(critic(y))[j])
        distance = float(norm(x[i] - y[j], metric))
        assert found.slope == pytest.approx(rise / distance if distance else math.inf, rel=1e-9, abs=0)
    agree(found, x, y, a, b, (critic(x), critic(y)), metric)


@pytest.mark.parametrize("block", range(4))
def test_bounds_hold_on_random_problems(block):
    for seed in range(30 * block, 30 * (block + 1)):
        bounds_hold(seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_bounds_hold_on_a_thousand_random_problems(block):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        bounds_hold(seed, 400)


def clouds(n=40, m=30, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.7


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("anchors", ["x", "y"])
@pytest.mark.parametrize("d", [1, 2, 9])
def test_the_exact_critic_captures_everything(metric, anchors, d):
    x, y = clouds(d=d)
    critic = otkit.wasserstein(x, y, metric=metric).critic(anchors=anchors)
    report = otkit.verify(x, y, critic=critic, metric=metric)
    assert report.critic.raw == pytest.approx(report.primal, rel=1e-13, abs=0)
    assert report.critic.slope == pytest.approx(1.0, rel=1e-12, abs=0)
    assert report.critic.rescaled == pytest.approx(report.primal, rel=1e-12, abs=0)
    assert report.critic.captured == pytest.approx(1.0, rel=1e-13, abs=0)


@pytest.mark.parametrize("factor", [2.0, 1e-200, 1e200, -1.0])
def test_scaling_and_shifting_a_critic(factor):
    """rescaled, tightened and captured know nothing of the unit of f; -f rises from x to y."""
    x, y = clouds()
    plain = otkit.verify(x, y, critic=lambda z: -z[:, 0]).critic
    scaled = otkit.verify(x, y, critic=lambda z: factor * (5.0 - z[:, 0])).critic
    if factor > 0:
        assert scaled.raw == pytest.approx(factor * plain.raw, rel=1e-12, abs=0)
        assert scaled.slope == pytest.approx(factor * plain.slope, rel=1e-12, abs=0)
        for name in ("rescaled", "tightened", "captured"):
            assert getattr(scaled, name) == pytest.approx(getattr(plain, name), rel=1e-11, abs=0)
        assert scaled.pair == plain.pair
    else:
        assert scaled.raw == pytest.approx(-plain.raw, rel=1e-12, abs=0)
        assert scaled.rescaled < 0.0 <= scaled.tightened


def test_exchanging_the_samples_and_the_sign():
    x, y = clouds()
    one = otkit.verify(x, y, critic=lambda z: np.sin(z[:, 0]) - z[:, 1]).critic
    other = otkit.verify(y, x, critic=lambda z: z[:, 1] - np.sin(z[:, 0])).critic
    assert one.pair == other.pair[::-1]
    for name in ("raw", "slope", "rescaled", "tightened", "nearest"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, abs=0)


@pytest.mark.parametrize("value", [3e-323, 1e-320, 1e-310, 1.7e308])
def test_values_at_the_ends_of_float64(value):
    """Slopes of subnormal values have few digits, bounds must not: raw / slope of one pair is its distance."""
    report = otkit.verify([0.0], [2.5], critic=([value], [0.0])).critic
    assert report.rescaled <= 2.5 and report.rescaled == pytest.approx(2.5, rel=1e-12, abs=0)
    assert report.tightened <= 2.5 and report.captured == pytest.approx(1.0, rel=1e-12, abs=0)
    wide = otkit.verify([0.0, 1.0], [2.0, 3.0], critic=([value, 0.5 * value], [-value, 0.0])).critic
    assert not any(map(math.isnan, (*wide.interval, wide.raw))) and wide.rescaled <= wide.tightened <= 2.0
    falling = otkit.verify([0.0, 1.0], [2.0, 3.0], critic=([-1.0, 1e-310], [0.0, 1.0])).critic
    assert math.isfinite(falling.rescaled) and falling.tightened == falling.captured == 0.0


def test_subnormal_samples_keep_their_slope():
    x, y = clouds()
    assert otkit.verify(x * 1e-320, y * 1e-320).lipschitz <= 1 + 1e-9


@pytest.mark.parametrize("unit", [1e150, 1e-150, 1e300])
def test_samples_of_any_size(unit):
    x, y = clouds()
    plain = otkit.verify(x, y, critic=(-x[:, 0], -y[:, 0]))
    far = otkit.verify(x * unit, y * unit, critic=(-x[:, 0], -y[:, 0]))
    assert far.primal == pytest.approx(plain.primal * unit, rel=1e-12, abs=0)
    assert far.lipschitz == pytest.approx(1.0, rel=1e-9, abs=0)
    assert far.critic.slope == pytest.approx(plain.critic.slope / unit, rel=1e-12, abs=0)
    for name in ("rescaled", "tightened", "nearest", "primal"):
        assert getattr(far.critic, name) == pytest.approx(getattr(plain.critic, name) * unit, rel=1e-11, abs=0)


def test_a_callable_metric():
    """The cost of a discrete metric is half of total variation, and its potentials have slope one."""

    def discrete(x, y):
        return (x[:, None, 0] != y[None, :, 0]).astype(float)

    x, y = np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0, 3.0])
    report = otkit.verify(x, y, critic=lambda z: (z < 1.5) * 1.0, metric=discrete)
    assert report.primal == pytest.approx(0.5, rel=1e-15, abs=0)
    assert report.lipschitz == pytest.approx(1.0, rel=1e-12, abs=0)
    assert report.critic.rescaled == pytest.approx(0.5, rel=1e-12, abs=0) and report.metric == "discrete"


def test_values_and_functions_say_the_same():
    x, y = clouds()
    f = lambda z: np.cos(z).sum(axis=1)  # noqa: E731
    assert otkit.verify(x, y, critic=f).critic == otkit.verify(x, y, critic=(f(x), f(y)[:, None])).critic
    assert otkit.verify(x, y, critic=f).critic == otkit.verify(x, y, critic=[list(f(x)), f(y)]).critic


def test_samples_reach_the_critic_as_they_were_given():
    shapes = []

    def critic(points):
        shapes.append(points.shape)
        points *= 0.0  # its own copy
        return np.arange(len(points))

    line = otkit.verify([0.0, 1.0, 5.0], [[2.0], [3.0]], critic=critic)
    assert shapes == [(3,), (2, 1)]
    assert line.primal == otkit.wasserstein([0.0, 1.0, 5.0], [2.0, 3.0]).cost


def test_holdout():
    (x, y), (x2, y2), a2 = clouds(), clouds(25, 35, seed=1), np.arange(25)
    report = otkit.verify(x, y, critic=lambda z: -z[:, 0], holdout=(x2, y2, a2, None))
    alone = otkit.verify(x2, y2, critic=lambda z: -z[:, 0], a=a2)
    assert report.holdout.primal == alone.primal != report.primal
    for name in ("raw", "slope", "pair", "rescaled", "tightened", "captured", "nearest"):
        assert getattr(report.holdout, name) == getattr(alone.critic, name)
    exact = otkit.verify(x, y, holdout=(x2, y2))
    assert exact.critic is None
    critic = exact.result.critic()
    assert exact.holdout.raw == pytest.approx(critic(x2).mean() - critic(y2).mean(), rel=1e-12, abs=0)
    assert 0.5 < exact.holdout.captured < 1.0 and exact.holdout.slope <= 1 + 1e-12


def test_the_interval_is_that_of_a_difference_of_means():
    """Normal values: the 95 % interval is the mean difference plus and minus 1.96 standard errors."""
    rng = np.random.default_rng(3)
    v, w = rng.normal(1, 2, 4000), rng.normal(0, 1, 1000)
    report = otkit.verify(np.arange(4000.0), np.arange(1000.0), critic=(v, w), n_bootstrap=4000).critic
    error = math.sqrt(v.var() / 4000 + w.var() / 1000)
    assert report.interval == pytest.approx(
        (report.raw - 1.96 * error, report.raw + 1.96 * error), rel=0, abs=0.1 * error
    )
    weights = np.repeat([1.0, 0.0], 2000)  # half of the points weigh nothing
    half = otkit.verify(np.arange(4000.0), np.arange(1000.0), critic=(v, w), a=weights, n_bootstrap=4000).critic
    error = math.sqrt(v[:2000].var() / 2000 + w.var() / 1000)
    assert half.interval == pytest.approx((half.raw - 1.96 * error, half.raw + 1.96 * error), rel=0, abs=0.1 * error)


def test_the_interval_has_a_seed():
    x, y = clouds()
    intervals = [otkit.verify(x, y, critic=lambda z: z[:, 0], seed=seed).critic.interval for seed in (0, 0, 1)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_one_point_with_two_values():
    """Points of both samples: rounding is forgiven and taken off the bound, two real values are an infinite slope."""
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]])
    noisy = otkit.verify(x, y, critic=([3.0, 2.0 + 1e-9], [2.0, 0.0])).critic
    assert noisy.slope == pytest.approx(1.0, rel=1e-8, abs=0)
    assert noisy.rescaled <= 1.5 and noisy.rescaled == pytest.approx(1.5, rel=1e-8, abs=0)
    torn = otkit.verify(x, y, critic=([3.0, 2.5], [2.0, 0.0])).critic
    assert torn.slope == math.inf and torn.pair == (1, 0)
    assert torn.rescaled == torn.tightened == torn.captured == 0.0


def test_nothing_to_capture():
    x, _ = clouds()
    report = otkit.verify(x, x[::-1], critic=lambda z: z[:, 0])
    assert report.primal == report.critic.tightened == report.critic.captured == 0.0


def test_nearest_is_the_value_of_no_critic():
    """In many dimensions distances are alike, and c-transforms of nothing already prove most of W_1."""
    for d, low, high in ((1, 0.0, 0.6), (200, 0.85, 1.0)):
        x, y = clouds(200, 200, d)
        report = otkit.verify(x, y, critic=lambda z: z[:, 0])
        cost = naive_cost(x, y)
        assert report.critic.nearest >= cost.min(axis=1).mean() * (1 - 1e-12)
        assert low <= report.critic.nearest / report.primal < high


def test_the_report_shows_itself():
    (x, y), held = clouds(), clouds(20, 20, seed=5)
    report = otkit.verify(x, y, critic=lambda z: -z[:, 0], holdout=held)
    text = str(report)
    for word in ("primal", "dual", "lipschitz", "raw", "slope", "rescaled", "tightened", "nearest", "captured"):
        assert word in text
    assert text.count("holdout") >= 3 and f"{report.primal:.10g}" in text
    assert max(map(len, text.splitlines())) <= 120
    assert "\n" not in repr(report) and len(repr(report)) < 200
    record = report.to_dict()
    assert record["critic"]["raw"] == report.critic.raw and record["holdout"]["n"] == 20
    assert record["status"] == "OPTIMAL" and record["n"] == 40
    assert otkit.verify(x, y).to_dict()["critic"] is None
    f, minus_g = otkit.verify(x, y).values
    assert f.mean() - minus_g.mean() == pytest.approx(report.primal, rel=1e-13, abs=0)


def test_an_early_stop_keeps_its_bracket():
    x, y = clouds(300, 300)
    early = NetworkSimplex(max_iter=3)
    with pytest.raises(NotConverged) as caught:
        otkit.verify(x, y, solver=early)
    assert caught.value.result.lower <= otkit.wasserstein(x, y).distance <= caught.value.result.upper
    report = otkit.verify(x, y, critic=lambda z: -z[:, 0], solver=early, throw=False)
    assert report.dual < report.primal and report.status.name == "MAX_ITER" and "MAX_ITER" in str(report)
    entropic = otkit.verify(x, y, critic=lambda z: -z[:, 0], solver=Sinkhorn(gap=0.05))
    assert entropic.dual <= otkit.wasserstein(x, y).cost <= entropic.primal and 0 < entropic.gap <= 0.05
    assert entropic.critic.tightened <= entropic.primal


def test_errors_of_the_holdout_say_so(monkeypatch):
    x, y = clouds()
    with pytest.raises(NotConverged, match="^holdout: ") as caught:
        otkit.verify(x, y, holdout=clouds(300, 300), solver=NetworkSimplex(max_iter=200))
    assert caught.value.result.problem.cost.shape == (300, 300)
    solved = otkit.duality.solve

    def interrupted(problem, solver, throw):
        result = solved(problem, solver, throw=throw)
        if problem.cost.shape == (7, 7):
            raise Interrupted(result)
        return result

    monkeypatch.setattr("otkit.duality.solve", interrupted)
    with pytest.raises(Interrupted) as caught:
        otkit.verify(x, y, holdout=clouds(7, 7))
    assert caught.value.result.problem.cost.shape == (40, 30)


def test_the_exact_critic_is_made_once_and_when_it_is_wanted(monkeypatch):
    calls, make = [], otkit.result.Result.critic
    monkeypatch.setattr(otkit.result.Result, "critic", lambda self, **how: calls.append(1) or make(self, **how))
    x, y = clouds()
    plain = otkit.verify(x, y)
    assert calls == [] and plain.function(x).shape == (40,) and plain.function is plain.function and calls == [1]
    held = otkit.verify(x, y, holdout=clouds(9, 9))
    assert held.function(x).shape == (40,) and calls == [1, 1]


def test_interrupted_after_the_solve(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("otkit.duality._lipschitz", stop)
    x, y = clouds()
    with pytest.raises(Interrupted) as caught:
        otkit.verify(x, y)
    assert caught.value.result.gap < 1e-12


@pytest.mark.parametrize(
    "critic, words",
    [
        (lambda z: z, ("critic(x)", "(40, 3)", "40 points")),
        (lambda z: np.zeros(7), ("critic(x)", "(7,)", "one number")),
        (lambda z: z[: len(z) - (len(z) == 30), 0], ("critic(y)", "(29,)")),
        (lambda z: np.where(z[:, 0] > 1, np.nan, 0.0), ("critic(x)", "NaN", "x[")),
        (lambda z: np.log(np.zeros(len(z)) if len(z) == 30 else np.ones(len(z))), ("critic(y)", "infinite", "y[0]")),
        (lambda z: 1 / 0, ("ZeroDivisionError", "x", "(40, 3)")),
        (lambda z: z["column"], ("IndexError",)),
        (lambda z: None, ("critic(x)", "None")),
        (lambda z: [[1], [2, 3]] * (len(z) // 2), ("critic(x)", "ragged")),
        (lambda z: ["a"] * len(z), ("critic(x)", "numbers are needed")),
        (lambda z: z[:, 0] + 1j, ("critic(x)", "complex")),
        (np.zeros(70), ("critic", "(70,)", "pair")),
        (np.zeros((2, 40)), ("critic", "(2, 40)", "pair")),
        ((np.zeros(40), np.zeros(31)), ("critic(y)", "(31,)", "30")),
        ("critic.npz", ("critic", "str")),
        (3.0, ("critic", "float")),
    ],
)
def test_bad_critics_are_named(critic, words):
    x, y = clouds()
    with np.errstate(divide="ignore"), pytest.raises(BadCritic) as caught:
        otkit.verify(x, y, critic=critic)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_bad_critic_is_found_before_the_solve():
    x, y = clouds()
    with pytest.raises(BadCritic):
        otkit.verify(x, y, critic=lambda z: z, solver=NetworkSimplex(max_iter=0))


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"holdout": 3}, BadMeasure, ("holdout", "pair")),
        ({"holdout": (np.zeros((4, 3)),)}, BadMeasure, ("holdout", "pair")),
        ({"holdout": (np.zeros((4, 2)), np.zeros((4, 2)))}, BadMeasure, ("holdout", "2 coordinates")),
        ({"holdout": (np.zeros((4, 3)), np.full((4, 3), np.nan))}, BadMeasure, ("holdout[1]", "NaN")),
        ({"holdout": clouds(), "critic": (np.zeros(40), np.zeros(30))}, Unsupported, ("holdout", "function")),
        ({"holdout": clouds(), "metric": naive_cost}, Unsupported, ("holdout", "metric")),
        ({"metric": "cosine"}, BadCost, ("metric", "cosine")),
        ({"a": np.zeros(40)}, BadMeasure, ("a ", "zero")),
        ({"n_bootstrap": 0}, Unsupported, ("n_bootstrap", "0")),
        ({"n_bootstrap": 2.5}, Unsupported, ("n_bootstrap", "2.5")),
        ({"seed": -1, "solver": NetworkSimplex(max_iter=0)}, Unsupported, ("seed", "-1")),
        ({"seed": "a"}, Unsupported, ("seed", "'a'")),
        ({"solver": "simplex"}, Unsupported, ("solver", "simplex")),
    ],
)
def test_bad_input_is_named(options, error, words):
    x, y = clouds()
    with pytest.raises(error) as caught:
        otkit.verify(x, y, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)
