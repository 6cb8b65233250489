"""Many small problems at once against single solves, exact distances, and what must not change the answer."""

import math

import numba
import numpy as np
import pytest
from families import METRICS, naive_cost

import otkit
from otkit.errors import BadCost, BadMeasure, NotConverged, OtkitError, Unsupported
from otkit.result import Status
from otkit.solvers import Sinkhorn
from otkit.solvers import batch as batches

TIGHT = 1e-12  # marginal error; float64 adds up 30 masses to 1e-15
EXACT = 1e-12  # brackets are proven up to the rounding of costs and of the exact solver's
# Potentials answer to a marginal error r by eps * r / (1 - contraction); at eps >= 0.05 of the mean cost that is 1e4
SAME = 1e-8


def clouds(k=4, n=20, m=26, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(k, n, d)), rng.normal(size=(k, m, d)) + 0.5


def weights(k, n, seed=0, zeros=False):
    a = np.random.default_rng(seed).exponential(size=(k, n)) + 0.05
    if zeros:
        a[:, ::4] = 0.0
    return a


def of(side, q):
    """The weights of one problem."""
    return side if side is None or np.ndim(side) == 1 else side[q]


def exact(x, y, p, a=None, b=None, metric="euclidean"):
    pairs = range(len(x))
    return np.array([otkit.wasserstein(x[q], y[q], p=p, a=of(a, q), b=of(b, q), metric=metric).distance for q in pairs])


def check_brackets(found, distances):
    assert np.isfinite(found.lower).all() and np.isfinite(found.upper).all() and (found.lower >= 0).all()
    assert (found.lower <= distances * (1 + EXACT)).all() and (distances <= found.upper * (1 + EXACT)).all()
    assert (found.lower <= found.upper).all() and (found.dual_cost <= found.cost).all()
    np.testing.assert_array_equal(found.distance, found.upper)
    np.testing.assert_allclose(found.upper**found.p, found.cost, rtol=1e-14 * found.p)
    gap = (found.cost - found.dual_cost) / np.where(found.cost > 0, found.cost, 1.0)
    np.testing.assert_allclose(found.gap, gap, rtol=0, atol=1e-15)


def check_like_single(found, x, y, p, a=None, b=None, metric="euclidean", tolerance=SAME):
    """Cost, objective, potentials, plan's error: what the solver of one problem finds at the same eps and tol."""
    eps = found.eps
    for q in range(len(x)):
        solver = Sinkhorn(eps=eps, tol=found.tol, dtype="float64")
        one = otkit.wasserstein(x[q], y[q], p=p, a=of(a, q), b=of(b, q), metric=metric, solver=solver)
        size = one.cost + abs(one.entropic.objective)
        assert found.cost[q] == pytest.approx(one.cost, rel=0, abs=tolerance * size)
        # strong convexity: the objective feels the square of what the plan feels
        assert found.objective[q] == pytest.approx(one.entropic.objective, rel=0, abs=1e-11 * (size + eps))
        shift = np.median(found.f[q] - one.entropic.f)
        np.testing.assert_allclose(found.f[q] - shift, one.entropic.f, rtol=0, atol=tolerance * (eps + size))
        np.testing.assert_allclose(found.g[q] + shift, one.entropic.g, rtol=0, atol=tolerance * (eps + size))
        assert found.marginal_error[q] <= found.tol and one.entropic.marginal_error <= found.tol
        # bounds of one plan; the single solver may keep the better of two
        assert found.dual_cost[q] == pytest.approx(one.dual_cost, rel=0, abs=0.02 * one.cost)


# --- against single solves and exact distances ---------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 0.1])
@pytest.mark.parametrize(
    "p, d, metric",
    [
        (2.0, 2, "euclidean"),
        (1.0, 3, "euclidean"),
        (1.5, 2, "chebyshev"),
        (2.7, 5, "cityblock"),
        (2.0, 12, "euclidean"),
    ],
)
def test_like_single_solves(p, d, metric, share):
    x, y = clouds(d=d)
    eps = share * naive_cost(x[0], y[0], metric, p).mean()
    found = Sinkhorn(eps=eps, tol=TIGHT).batch(x, y, p=p, metric=metric)
    assert found.status is Status.CONVERGED and found.converged.all() and len(found) == 4
    assert found.eps == eps and found.p == p and found.grad_x is None and found.grad_y is None
    check_like_single(found, x, y, p, metric=metric)
    check_brackets(found, exact(x, y, p, metric=metric))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("kind", ["shared", "each", "one side", "zeros", "total 7"])
def test_weights(kind, p):
    k, n, m = 3, 20, 26
    x, y = clouds(k, n, m)
    a, b = weights(k, n, 1, kind == "zeros"), weights(k, m, 2, kind == "zeros")
    if kind == "shared":
        a, b = a[0], b[0]
    elif kind == "one side":
        a = None
    elif kind == "total 7":
        a, b = 7 * a / a.sum(axis=1, keepdims=True), b[0]
    found = Sinkhorn(eps=0.5, tol=TIGHT).batch(x, y, p=p, a=a, b=b)
    check_like_single(found, x, y, p, a, b)
    check_brackets(found, exact(x, y, p, a, b))


def test_potentials_are_those_of_the_problem():
    """P_ij = a_i b_j exp((f_i + g_j - c_ij) / eps) has rows a, and columns b but for the error; f and g have half
    of the objective each."""
    x, y = clouds(2)
    a, b = weights(2, 20), weights(2, 26)
    found = Sinkhorn(eps=0.3, tol=1e-3).batch(x, y, p=2, a=a, b=b)
    for q in range(2):
        u, v = a[q] / a[q].sum(), b[q] / b[q].sum()
        density = np.exp((found.f[q][:, None] + found.g[q] - naive_cost(x[q], y[q], p=2)) / 0.3)
        np.testing.assert_allclose(density @ v, 1.0, rtol=1e-12)
        error = np.abs(v * (u @ density) - v).sum()
        assert error == pytest.approx(found.marginal_error[q], rel=1e-9, abs=0) and 0 < error <= 1e-3
        for half in (u @ found.f[q], v @ found.g[q]):
            assert half == pytest.approx(found.objective[q] / 2, rel=1e-12, abs=0)


def test_points_on_the_line():
    """(k, n) is k samples with one coordinate."""
    x, y = clouds(d=1)
    flat = Sinkhorn(eps=0.2, tol=TIGHT).batch(x[:, :, 0], y[:, :, 0], p=2)
    full = Sinkhorn(eps=0.2, tol=TIGHT).batch(x, y, p=2)
    np.testing.assert_array_equal(flat.cost, full.cost)
    check_brackets(flat, exact(x, y, 2))
    check_like_single(flat, x, y, 2)


def test_duplicates():
    x, y = clouds(2)
    x[:, 5], y[:, 3], y[:, 4] = x[:, 6], y[:, 2], x[:, 0]
    for p in (1, 2):
        found = Sinkhorn(eps=0.3, tol=TIGHT).batch(x, y, p=p)
        np.testing.assert_allclose(found.f[:, 5], found.f[:, 6], rtol=1e-13)
        np.testing.assert_allclose(found.g[:, 3], found.g[:, 2], rtol=1e-13)
        check_like_single(found, x, y, p)
        check_brackets(found, exact(x, y, p))


@pytest.mark.parametrize("n, m", [(1, 1), (1, 9), (9, 1), (2, 40), (40, 3)])
def test_sizes(n, m):
    for k in (1, 3):
        x, y = clouds(k, n, m)
        found = Sinkhorn(eps=0.5, tol=TIGHT).batch(x, y, p=2)
        assert found.cost.shape == found.gap.shape == found.iterations.shape == (k,)
        assert found.f.shape == (k, n) and found.g.shape == (k, m)
        check_brackets(found, exact(x, y, 2))
        check_like_single(found, x, y, 2)


def test_problems_do_not_see_each_other():
    """Bit for bit: each is solved alone, whatever stands beside it and whichever task it is in."""
    x, y = clouds(70)  # more problems than tasks
    solver = Sinkhorn(eps=0.3)
    found = solver.batch(x, y, p=2)
    for q in (0, 1, 37, 69):
        one = solver.batch(x[q : q + 1], y[q : q + 1], p=2)
        for name in ("cost", "dual_cost", "objective", "marginal_error", "iterations"):
            assert getattr(one, name)[0] == getattr(found, name)[q]
        np.testing.assert_array_equal(one.f[0], found.f[q])


# --- extremes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 1e-12, 1e-9, 1e-6, 1e-4])
@pytest.mark.parametrize("p, zeros", [(1, False), (2, False), (2, True), (3, False)])
def test_tiny_eps_still_ends_with_a_bracket(p, zeros, share):
    """0 stands for the smallest float there is."""
    x, y = clouds()
    a, b = weights(4, 20, 1, zeros), weights(4, 26, 2, zeros)
    eps = max(share * np.median(naive_cost(x[0], y[0], p=p)), 5e-324)
    with pytest.raises(NotConverged) as caught:
        Sinkhorn(eps=eps, max_iter=50).batch(x, y, p=p, a=a, b=b)
    found = caught.value.result
    assert found.status is Status.MAX_ITER and (found.iterations <= 50).all()
    check_brackets(found, exact(x, y, p, a, b))
    for values in (found.objective, found.marginal_error, found.f, found.g):
        assert np.isfinite(values).all()
    assert (found.upper < 3 * exact(x, y, p, a, b)).all()  # not the bracket of any plan at all


@pytest.mark.parametrize("eps", [1e6, 1e12, 1e100, 1e300])
@pytest.mark.parametrize("p", [1, 2])
def test_huge_eps_is_the_product(p, eps):
    """The plan is a x b, the objective its cost, the potentials mean costs; all to c^2 / eps."""
    x, y = clouds()
    a, b = weights(4, 20, 1), weights(4, 26, 2)
    found = Sinkhorn(eps=eps, tol=TIGHT).batch(x, y, p=p, a=a, b=b)
    assert found.status is Status.CONVERGED
    check_brackets(found, exact(x, y, p, a, b))
    for q in range(4):
        cost, u, v = naive_cost(x[q], y[q], p=p), a[q] / a[q].sum(), b[q] / b[q].sum()
        tolerance = 2 * cost.max() ** 2 / eps + 1e-13 * cost.max()
        product = u @ cost @ v
        assert found.objective[q] == pytest.approx(product, rel=0, abs=tolerance)
        # the plan is made of powers near 1, good to 1e-16, and then rounded to its marginals
        assert found.cost[q] == pytest.approx(product, rel=0, abs=tolerance)
        np.testing.assert_allclose(found.f[q], cost @ v - product / 2, rtol=0, atol=tolerance)
        np.testing.assert_allclose(found.g[q], u @ cost - product / 2, rtol=0, atol=tolerance)


@pytest.mark.parametrize("eps", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("p", [1, 2.5])
def test_all_points_equal(p, eps):
    """No cost at all: any plan will do."""
    x, y = np.full((2, 5, 3), 0.1), np.full((2, 7, 3), 0.1)
    x[1], y[1] = clouds(1, 5, 7, 3)
    found = Sinkhorn(eps=eps, max_iter=500).batch(x, y, p=p, throw=False)
    for name in ("cost", "dual_cost", "objective", "lower", "upper", "gap"):
        assert getattr(found, name)[0] == 0.0
    assert found.converged[0] and (found.f[0] == 0).all() and found.upper[1] > 0


def test_equal_samples():
    """The regularised plan blurs, so its cost is above 0, but the lower bound is not."""
    x, _ = clouds()
    found = Sinkhorn(eps=0.1).batch(x, x, p=2)
    assert (found.upper > 0).all() and (found.lower <= EXACT).all()
    check_brackets(found, np.zeros(4))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("scale", [1e-5, 0.125, 1e4, 1e40])
def test_scale(scale, p):
    x, y = clouds()
    plain = Sinkhorn(eps=0.5, tol=TIGHT).batch(x, y, p=p)
    found = Sinkhorn(eps=0.5 * scale**p, tol=TIGHT).batch(scale * x, scale * y, p=p)
    np.testing.assert_allclose(found.objective, scale**p * plain.objective, rtol=1e-10)
    np.testing.assert_allclose(found.cost, scale**p * plain.cost, rtol=1e-9)
    np.testing.assert_allclose(found.lower, scale * plain.lower, rtol=1e-7)  # of potentials at a minimum over pairs
    np.testing.assert_allclose(found.f, scale**p * plain.f, rtol=0, atol=1e-8 * scale**p)


def test_problems_of_very_different_size():
    """Each has a scale of its own: costs of 1e280 beside costs of 1e-280, of which neither vanishes."""
    x, y = clouds(3)
    sizes = np.array([1e140, 1.0, 1e-140])
    found = Sinkhorn(eps=1e-3, max_iter=200).batch(sizes[:, None, None] * x, sizes[:, None, None] * y, p=2, throw=False)
    distances = exact(x, y, 2) * sizes
    check_brackets(found, distances)
    assert (found.lower > 0.1 * distances)[:2].all() and (found.upper < 10 * distances).all()
    for q in range(3):
        with_own = Sinkhorn(eps=1e-3, max_iter=200).batch(
            sizes[q] * x[q][None], sizes[q] * y[q][None], p=2, throw=False
        )
        assert with_own.cost[0] == found.cost[q]


def test_far_from_the_origin():
    """Coordinates of 1e6 carry 1e-10, and only differences count."""
    x, y = clouds()
    plain = Sinkhorn(eps=0.5, tol=TIGHT).batch(x, y, p=2)
    offset = np.array([1e6, -2e6])
    found = Sinkhorn(eps=0.5, tol=TIGHT).batch(x + offset, y + offset, p=2)
    np.testing.assert_allclose(found.cost, plain.cost, rtol=1e-8)
    np.testing.assert_allclose(found.objective, plain.objective, rtol=1e-8)
    check_brackets(found, exact(x + offset, y + offset, 2))
    # problems far from one another
    far = np.arange(4)[:, None, None] * 1e6
    np.testing.assert_allclose(Sinkhorn(eps=0.5, tol=TIGHT).batch(x + far, y + far, p=2).cost, plain.cost, rtol=1e-8)


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("share", [1.0, 1e-2, 1e-5])
def test_far_points_without_mass_change_nothing(share, place):
    """Rounding of 1e12 is 1e-4: it must reach neither the plan nor the proof."""
    x, y = clouds()
    far = np.broadcast_to([[1e6, -1e6]], (4, 1, 2))
    ones = [np.append(np.ones(n), 0.0) if place == "last" else np.append(0.0, np.ones(n)) for n in (20, 26)]
    more = [np.concatenate([z, s * far] if place == "last" else [s * far, z], axis=1) for z, s in ((x, 1), (y, -2))]
    solver = Sinkhorn(eps=share, tol=1e-9, max_iter=2000)
    plain = solver.batch(x, y, p=2, throw=False)
    found = solver.batch(*more, p=2, a=ones[0], b=ones[1], throw=False)
    check_brackets(found, exact(x, y, 2))
    assert np.isfinite(found.f).all() and np.isfinite(found.g).all()
    if share > 1e-5:
        np.testing.assert_allclose(found.cost, plain.cost, rtol=1e-6)
        np.testing.assert_allclose(found.lower, plain.lower, rtol=1e-6)


@pytest.mark.parametrize("light", [1e-12, 1e-30, 1e-300, 5e-324])
@pytest.mark.parametrize("eps", [0.5, 1e-3])
def test_masses_of_next_to_nothing(eps, light):
    x, y = clouds()
    a, b = np.ones(20), np.ones(26)
    a[3], b[::2] = light, light
    found = Sinkhorn(eps=eps, max_iter=20_000).batch(x, y, p=2, a=a, b=b, throw=False)
    check_brackets(found, exact(x, y, 2, a, b))
    a[3], b[::2] = 0.0, 0.0
    without = Sinkhorn(eps=eps, max_iter=20_000).batch(x, y, p=2, a=a, b=b, throw=False)
    assert (found.gap < 1.0).all() and np.isfinite(found.f).all() and np.isfinite(found.g).all()
    np.testing.assert_allclose(found.objective, without.objective, rtol=1e-6 if light < 1e-12 else 1e-5)


@pytest.mark.parametrize("total", [1e-320, 1e-300, 1e300])
def test_totals_at_the_ends_of_float64(total):
    x, y = clouds(2)
    expected = Sinkhorn(eps=0.5).batch(x, y, p=2)
    found = Sinkhorn(eps=0.5).batch(x, y, p=2, a=np.full(20, total), b=np.full((2, 26), total))
    np.testing.assert_allclose(found.cost, expected.cost, rtol=1e-12)


# --- what changes nothing ------------------------------------------------------------------------------------------


def test_order_of_points():
    x, y = clouds()
    rows, cols = (np.random.default_rng(s).permutation(n) for s, n in ((1, 20), (2, 26)))
    plain, found = (Sinkhorn(eps=0.3, tol=TIGHT).batch(*pair, p=2) for pair in ((x, y), (x[:, rows], y[:, cols])))
    np.testing.assert_allclose(found.cost, plain.cost, rtol=1e-10)
    np.testing.assert_allclose(found.f, plain.f[:, rows], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.g, plain.g[:, cols], rtol=0, atol=1e-8)


def test_sides_exchanged():
    x, y = clouds()
    plain, found = Sinkhorn(eps=0.3, tol=TIGHT).batch(x, y, p=2), Sinkhorn(eps=0.3, tol=TIGHT).batch(y, x, p=2)
    np.testing.assert_allclose(found.objective, plain.objective, rtol=1e-11)
    np.testing.assert_allclose(found.f, plain.g, rtol=0, atol=1e-8)


def test_threads_change_nothing():
    x, y = clouds(9)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            found.append(Sinkhorn(eps=0.1).batch(x, y, p=2))
    finally:
        numba.set_num_threads(before)
    for name in ("cost", "dual_cost", "objective", "marginal_error", "iterations", "f", "g"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


@pytest.mark.parametrize("kind", ["list", "float32", "int", "not contiguous", "read-only", "torch"])
def test_kinds_of_input(kind):
    x, y = (np.round(8 * z) for z in clouds(2))
    expected = Sinkhorn(eps=5.0).batch(x, y, p=2)
    before = x.copy(), y.copy()
    if kind == "list":
        x, y = x.tolist(), y.tolist()
    elif kind == "float32":
        x, y = x.astype(np.float32), y.astype(np.float32)
    elif kind == "int":
        x, y = x.astype(int), y.astype(int)
    elif kind == "not contiguous":
        x, y = np.asfortranarray(x), np.repeat(y, 2, axis=1)[:, ::2]
    elif kind == "read-only":
        x.setflags(write=False)
        y = np.broadcast_to(y, y.shape)
    else:
        torch = pytest.importorskip("torch")
        x, y = torch.tensor(x, requires_grad=True), torch.tensor(y)
    found = Sinkhorn(eps=5.0).batch(x, y, p=2)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.f, expected.f)
    if isinstance(x, np.ndarray):
        np.testing.assert_array_equal(x, before[0])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, int])
def test_options_of_any_type(kind):
    """A float32 eps must not make float32 potentials, nor compile kernels again."""
    x, y = clouds(2)
    expected = Sinkhorn(eps=2.0, tol=0.0078125).batch(x, y)
    tol = 0.0078125 if kind is int else kind(0.0078125)
    found = Sinkhorn(eps=kind(2.0), tol=tol, max_iter=np.int64(500)).batch(x, y)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.f, expected.f)


# --- limits --------------------------------------------------------------------------------------------------------


def test_not_converged_carries_the_batch():
    x, y = clouds()
    y[1] = x[1, :1]  # one column in pieces: done at once
    with pytest.raises(NotConverged, match="MAX_ITER|max_iter") as caught:
        Sinkhorn(eps=0.01, max_iter=20).batch(x, y, p=2)
    found = caught.value.result
    assert isinstance(found, batches.Batch) and found.status is Status.MAX_ITER
    assert found.converged.tolist() == [False, True, False, False]
    assert (found.iterations == 20).sum() == 3 and found.iterations[1] <= 20
    np.testing.assert_array_equal(found.converged, found.marginal_error <= 1e-6)
    check_brackets(found, exact(x, y, 2))
    assert not isinstance(caught.value, OtkitError)
    quiet = Sinkhorn(eps=0.01, max_iter=20).batch(x, y, p=2, throw=False)
    np.testing.assert_array_equal(quiet.cost, found.cost)


def test_max_iter_exactly_reached():
    """As many sweeps as are needed are enough, and one less is not."""
    x, y = clouds(1)
    needed = int(Sinkhorn(eps=0.2).batch(x, y, p=2).iterations[0])
    assert Sinkhorn(eps=0.2, max_iter=needed).batch(x, y, p=2).iterations[0] == needed
    with pytest.raises(NotConverged):
        Sinkhorn(eps=0.2, max_iter=needed - 1).batch(x, y, p=2)
    assert Sinkhorn(eps=0.2, max_iter=None).batch(x, y, p=2).iterations[0] == needed


def test_more_sweeps_never_hurt():
    x, y = clouds()
    errors = []
    for most in (5, 20, 80, 320):
        found = Sinkhorn(eps=0.05, max_iter=most, tol=1e-10).batch(x, y, p=2, throw=False)
        errors.append(found.marginal_error.max())
    assert all(later < earlier for earlier, later in zip(errors, errors[1:])) and errors[-1] < 1e-6


@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
def test_the_objective_answers_to_the_marginal_error(tol):
    x, y = clouds()
    best = Sinkhorn(eps=0.3, tol=1e-13).batch(x, y, p=2)
    found = Sinkhorn(eps=0.3, tol=tol).batch(x, y, p=2)
    assert (found.marginal_error <= tol).all()
    missed = best.objective - found.objective
    assert (missed >= -1e-13).all() and (missed <= 2 * 0.3 * tol + 1e-13).all()


def test_ctrl_c_ends_all_threads(monkeypatch):
    """The thread that is interrupted tells the others, which would go on to the last task. Ctrl-C comes to the main
    thread only, as soon as its kernel returns."""
    before, done = numba.get_num_threads(), []

    def kernel(*args):
        done.append(args[-2:])
        raise KeyboardInterrupt

    x, y = clouds(400, 3, 3)
    monkeypatch.setattr(batches.small, "solve_batch", kernel)
    with pytest.raises(KeyboardInterrupt):
        Sinkhorn(eps=0.1).batch(x, y)
    assert len(done) <= before


def test_shown_in_one_line():
    x, y = clouds(3)
    shown = repr(Sinkhorn(eps=0.25).batch(x, y))
    assert "\n" not in shown and len(shown) < 120
    assert "3 problems" in shown and "3 converged" in shown and "0.25" in shown


def test_pickled():
    import pickle

    x, y = clouds(2)
    found = Sinkhorn(eps=0.25).batch(x, y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.cost, found.cost)
    with pytest.raises(NotConverged) as caught:
        Sinkhorn(eps=1e-3, max_iter=2).batch(x, y)
    again = pickle.loads(pickle.dumps(caught.value))
    np.testing.assert_array_equal(again.result.cost, caught.value.result.cost)


# --- refusals ------------------------------------------------------------------------------------------------------

X, Y = clouds(2, 5, 6)


@pytest.mark.parametrize(
    "options, match",
    [
        ({}, "eps"),
        ({"gap": 0.1}, "gap"),
        ({"eps": 0.1, "gap": 0.1}, "eps and gap"),
        ({"eps": 0.1, "time_limit": 1.0}, "time_limit"),
        ({"eps": 0.1, "start": (np.zeros(5), np.zeros(6))}, "start"),
        ({"eps": 0.1, "dtype": "float32"}, "dtype"),
        ({"eps": 0.1, "dtype": "float16"}, "dtype"),
        ({"eps": 0.0}, "eps is 0.0"),
        ({"eps": -1.0}, "eps is -1.0"),
        ({"eps": math.nan}, "eps is nan"),
        ({"eps": math.inf}, "eps is inf"),
        ({"eps": "0.1"}, "eps is '0.1'"),
        ({"eps": True}, "eps is True"),
        ({"eps": [0.1, 0.2]}, r"eps is \[0.1, 0.2\]"),
        ({"eps": 0.1, "tol": -1.0}, "tol is -1.0"),
        ({"eps": 0.1, "tol": math.nan}, "tol is nan"),
        ({"eps": 0.1, "max_iter": -1}, "max_iter is -1"),
        ({"eps": 0.1, "max_iter": 2.5}, "max_iter is 2.5"),
    ],
)
def test_refuses_options(options, match):
    with pytest.raises(Unsupported, match=match):
        Sinkhorn(**options).batch(X, Y)


@pytest.mark.parametrize(
    "given, error, match",
    [
        ({"x": X[0, 0]}, BadMeasure, "x has shape"),
        ({"x": X[None]}, BadMeasure, "x has shape"),
        ({"x": X[:0], "y": Y[:0]}, BadMeasure, "x has shape"),
        ({"x": X[:, :0]}, BadMeasure, "x has shape"),
        ({"y": Y[:, :, :0]}, BadMeasure, "y has shape"),
        ({"y": Y[:1]}, BadMeasure, "x has 2 problems and y has 1"),
        ({"y": Y[:, :, :1]}, BadMeasure, "x has 2 coordinates and y has 1"),
        ({"x": np.where(X == X[1, 2, 0], np.nan, X)}, BadMeasure, r"x has 1 entries that are NaN .* \(1, 2, 0\)"),
        ({"y": np.full((2, 6, 2), np.inf)}, BadMeasure, "y has 24 entries"),
        ({"x": [[[1.0, 2.0]], [[1.0]]]}, BadMeasure, "x is ragged"),
        ({"x": "points"}, BadMeasure, "x holds"),
        ({"x": None}, BadMeasure, "x has"),
        ({"a": np.ones(4)}, BadMeasure, "a has shape"),
        ({"a": np.ones((3, 5))}, BadMeasure, "a has shape"),
        ({"b": np.ones((2, 5))}, BadMeasure, "b has shape"),
        ({"b": np.ones((1, 2, 6))}, BadMeasure, "b has shape"),
        ({"b": [1, 1, 1, -1, 1, 1]}, BadMeasure, "b has 1 negative"),
        ({"a": np.zeros((2, 5))}, BadMeasure, "a sums to zero"),
        ({"a": np.full(5, np.nan)}, BadMeasure, "a has 5 entries"),
        ({"p": 0.5}, Unsupported, "p is 0.5"),
        ({"p": 65}, Unsupported, "p is 65"),
        ({"p": math.nan}, Unsupported, "p is nan"),
        ({"p": math.inf}, Unsupported, "p is inf"),
        ({"p": "2"}, Unsupported, "p is '2'"),
        ({"p": None}, Unsupported, "p is None"),
        ({"metric": "sqeuclidean"}, BadCost, "metric is 'sqeuclidean'"),
        ({"metric": None}, BadCost, "metric is"),
        ({"metric": lambda u, v: np.zeros((len(u), len(v)))}, Unsupported, "metric is a callable"),
        ({"x": 1e150 * X, "y": 1e150 * Y, "p": 3}, Unsupported, "x and y"),
        ({"x": 1e-200 * X, "y": 1e-200 * Y, "p": 2}, Unsupported, "x and y"),
    ],
)
def test_refuses_input(given, error, match):
    given = {"x": X, "y": Y} | given
    x, y = given.pop("x"), given.pop("y")
    with pytest.raises(error, match=match) as caught:
        Sinkhorn(eps=0.1).batch(x, y, **given)
    assert "\n" not in str(caught.value)


def test_a_callable_metric_is_not_asked():
    """It would be for all pairs of all problems."""

    def metric(u, v):
        raise AssertionError("was asked")

    with pytest.raises(Unsupported, match="metric"):
        Sinkhorn(eps=0.1).batch(X, Y, metric=metric)


def test_too_many_pairs():
    with pytest.raises(Unsupported, match="2049 x 2048 points"):
        Sinkhorn(eps=0.1).batch(np.zeros((1, 2049, 1)), np.zeros((1, 2048, 1)))


@pytest.mark.parametrize("metric", METRICS)
def test_high_orders(metric):
    """Distances to the 50th power differ by 1e35: a bracket, whatever it is worth."""
    x, y = clouds(2, 10, 12)
    found = Sinkhorn(eps=0.1, max_iter=50).batch(
        np.array([1.0, 1e3])[:, None, None] * x, y, p=50, metric=metric, throw=False
    )
    check_brackets(found, exact(np.array([1.0, 1e3])[:, None, None] * x, y, 50, metric=metric))
