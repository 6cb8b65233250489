"""Problems with known answers: are the answers true? Checked by exact solvers, brute force and finite differences."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import otkit
from otkit import measures
from otkit.datasets import cone, convex_map, funnels, gaussians, translation
from otkit.datasets.border import BLOCK, blocks
from otkit.datasets.landscape import HALF, Landscape
from otkit.errors import BadMeasure, OtkitError, Unsupported

W1 = {
    "funnels": lambda n, d, **more: funnels(n, d, **more),
    "paired funnels": lambda n, d, **more: funnels(n, d, paired=True, **more),
    "translation": lambda n, d, **more: translation(n, d, **more),
    "paired translation": lambda n, d, **more: translation(n, d, paired=True, **more),
    "cone": lambda n, d, **more: cone(n, d, **more),
}
W2 = {
    "norms": lambda n, d, **more: convex_map(n, d, kind="norms", **more),
    "quadratic": lambda n, d, **more: convex_map(n, d, kind="quadratic", **more),
    "gaussians": lambda n, d, **more: gaussians(n, d, **more),
    "paired gaussians": lambda n, d, **more: gaussians(n, d, paired=True, **more),
}
ALL = W1 | W2


def lengths(v):
    return np.sqrt((v * v).sum(axis=1))


def landscape(k, d, seed=0, spread=0.1):
    rng = np.random.default_rng(seed)
    return Landscape(rng.uniform(-HALF, HALF, (k, d)), spread * rng.normal(size=k))


# --- all problems --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_seed_decides(make):
    one, again, other = make(30, 3, seed=5), make(30, 3, seed=5), make(30, 3, seed=6)
    for field in ("x", "y", "distance"):
        np.testing.assert_array_equal(getattr(one, field), getattr(again, field))
    assert not np.array_equal(one.x, other.x)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_any_seed_of_numpy(make):
    for seed in (None, 2**70, [1, 2], np.random.SeedSequence(3), np.random.default_rng(4), np.random.PCG64(5)):
        assert make(4, 2, seed=seed).x.shape == (4, 2)
    rng = np.random.default_rng(4)
    assert not np.array_equal(make(4, 2, seed=rng).x, make(4, 2, seed=rng).x)  # a Generator moves on


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.parametrize("d", [1, 2, 9])
def test_shapes(make, d):
    problem = make(11, d)
    assert problem.x.shape == (11, d)
    assert problem.y.shape[1] == d
    assert problem.x.dtype == problem.y.dtype == float
    assert np.isfinite(problem.x).all() and np.isfinite(problem.y).all()
    assert isinstance(problem.distance, float) and problem.distance > 0
    if problem.matching is not None:
        np.testing.assert_array_equal(np.sort(problem.matching), np.arange(11))
    assert "\n" not in repr(problem) and len(repr(problem)) < 150


def test_second_size():
    for make in (funnels, translation, gaussians):
        problem = make(5, 2, m=9)
        assert (len(problem.x), len(problem.y)) == (5, 9)
        assert make(5, 2, m=5, paired=True).y.shape == (5, 2)
    assert cone(5, 2, m=3).y.shape == (3, 2)


def test_problem_does_not_depend_on_n():
    for make in W1.values():
        few, many = make(10, 3, seed=1), make(40, 3, seed=1)
        points = np.random.default_rng(0).normal(size=(20, 3))
        np.testing.assert_array_equal(few.potential(points), many.potential(points))
    for make in W2.values():
        np.testing.assert_array_equal(make(10, 3).map(points), make(40, 3).map(points))


def test_streams_of_one_seed_are_independent():
    """The first normal numbers of two data sets with seed 0, and of `fresh` with the problem's own seed."""
    problem = translation(200, 3, seed=0)
    x, y = problem.fresh(200, seed=0)
    clouds = [problem.x, problem.y, x, y, convex_map(200, 3, seed=0).x, convex_map(200, 3, kind="quadratic", seed=0).x]
    for i, one in enumerate(clouds):
        for other in clouds[:i]:
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.2  # 600 numbers: 5 deviations


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_pickle(make):
    problem = make(20, 2)
    copy = pickle.loads(pickle.dumps(problem))
    function = "potential" if hasattr(problem, "potential") else "map"
    points = np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_array_equal(getattr(copy, function)(points), getattr(problem, function)(points))
    if function == "potential":
        np.testing.assert_array_equal(copy.gradient(points), problem.gradient(points))
        np.testing.assert_array_equal(copy.fresh(5, seed=1)[0], problem.fresh(5, seed=1)[0])


def test_import_is_cheap():
    code = "import sys, otkit.datasets, otkit.gaussian; print([k for k in ('scipy', 'numba') if k in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr


# --- potentials ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", W1.values(), ids=W1)
@pytest.mark.parametrize("d", [1, 2, 20])
def test_potential_is_1_lipschitz(make, d):
    f = make(10, d, seed=3).potential
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1.0, 4.0):
        z = rng.uniform(-3, 3, (500, d))
        w = z + scale * rng.normal(size=(500, d))
        assert (np.abs(f(z) - f(w)) <= lengths(z - w) * (1 + 1e-12) + 1e-14).all()


@pytest.mark.parametrize("make", W1.values(), ids=W1)
@pytest.mark.parametrize("d", [1, 2, 20])
def test_gradient_by_finite_differences(make, d):
    problem = make(10, d, seed=3)
    z = np.random.default_rng(1).uniform(-HALF, HALF, (200, d))
    slopes, h = problem.gradient(z), 1e-6
    np.testing.assert_allclose(lengths(slopes), 1.0, rtol=1e-14)
    found = np.stack([(problem.potential(z + h * e) - problem.potential(z - h * e)) / (2 * h) for e in np.eye(d)], 1)
    smooth = lengths(slopes - problem.gradient(z + 1e-5 * slopes)) < 0.1  # a step up the slope stays in the funnel
    near_a_kink = np.abs(found - slopes).max(axis=1) > 1e-4
    assert near_a_kink.sum() <= 1
    assert smooth.sum() >= 198
    np.testing.assert_allclose(found[~near_a_kink], slopes[~near_a_kink], atol=1e-4)


def test_gradient_is_nan_where_there_is_none():
    two = Landscape(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.zeros(2))
    slopes = two.gradient([[-1.0, 0.0], [0.0, 3.0], [0.5, 0.0], [1.0, 0.0]])
    assert np.isnan(slopes[[0, 1, 3]]).all()
    np.testing.assert_array_equal(slopes[2], [1.0, 0.0])
    assert np.isnan(cone(3, 2).gradient(np.zeros((1, 2)))).all()
    inside = Landscape(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0.0, 5.0]))  # a centre in another's cell
    np.testing.assert_array_equal(inside.gradient([[1.0, 0.0]]), [[-1.0, 0.0]])


@pytest.mark.parametrize("make", W1.values(), ids=W1)
def test_points_of_another_dimension_are_refused(make):
    problem = make(4, 3)
    for function in (problem.potential, problem.gradient):
        with pytest.raises(BadMeasure, match=r"points have shape \(5, 2\).*R\^3"):
            function(np.zeros((5, 2)))
        with pytest.raises(BadMeasure, match="points has 1 entries that are NaN"):
            function([[0.0, np.nan, 0.0]])


@pytest.mark.parametrize("make", W1.values(), ids=W1)
@pytest.mark.parametrize("d", [1, 3, 16])
def test_population_identity_on_fresh_draws(make, d):
    """E f(x) - E f(y) = W_1 of the populations."""
    problem = make(10, d, seed=2)
    size = 40_000
    x, y = problem.fresh(size, seed=7)
    f_x, f_y = problem.potential(x), problem.potential(y)
    error = np.sqrt((f_x.var() + f_y.var()) / size) + problem.standard_error
    truth = problem.potential.distance()[0] if isinstance(problem.potential, Landscape) else problem.distance
    assert abs(f_x.mean() - f_y.mean() - truth) < 4 * error + 1e-12
    assert error < 0.05


# --- funnels -------------------------------------------------------------------------------------------------------


def slid(hills, y):
    """One image, as the text has it: the end of the ray by bisection on 'still in the box and in the same funnel'."""

    def level(z):
        return np.sqrt(((z - hills.centers) ** 2).sum(axis=1)) + hills.heights

    own = int(level(y).argmin())
    low = hills.centers[own]
    direction = (y - low) / np.linalg.norm(y - low)

    def inside(r):
        z = low + r * direction
        return np.abs(z).max() <= HALF and level(z)[own] <= level(z).min()

    near, far = np.linalg.norm(y - low), 20.0 * np.sqrt(len(y))
    for _ in range(80):
        middle = (near + far) / 2
        near, far = (middle, far) if inside(middle) else (near, middle)
    t = np.linalg.norm(y - low) / near
    return low + t**8 * near * direction


@pytest.mark.parametrize("d, k", [(1, 1), (1, 5), (2, 4), (2, 16), (3, 40), (10, 4), (64, 16)])
def test_slide_is_the_construction_of_the_benchmark(d, k):
    hills = landscape(k, d, seed=d + k)
    y = np.random.default_rng(0).uniform(-HALF, HALF, (60, d))
    np.testing.assert_allclose(hills.slide(y), [slid(hills, point) for point in y], atol=1e-9)


@pytest.mark.parametrize("d, k", [(1, 3), (2, 16), (32, 4)])
def test_points_stay_in_their_funnel_and_in_the_box(d, k):
    hills = landscape(k, d)
    y = np.random.default_rng(0).uniform(-HALF, HALF, (2000, d))
    x = hills.slide(y)
    active = [(np.linalg.norm(z[:, None] - hills.centers, axis=2) + hills.heights).argmin(axis=1) for z in (x, y)]
    np.testing.assert_array_equal(*active)
    assert np.abs(x).max() <= HALF
    low = hills.centers[active[0]]
    assert (lengths(x - low) <= lengths(y - low)).all()


@pytest.mark.parametrize("d", [1, 2, 16, 128])
@pytest.mark.parametrize("k", [1, 4, 16])
def test_paired_distance_is_the_samples_own(d, k):
    problem = funnels(80, d, n_funnels=k, paired=True, seed=d)
    assert problem.standard_error == 0.0
    assert otkit.wasserstein(problem.x, problem.y).distance == pytest.approx(problem.distance, rel=1e-9, abs=0)
    paid = lengths(problem.x - problem.y[problem.matching]).mean()
    assert paid == pytest.approx(problem.distance, rel=1e-12, abs=0)
    gained = problem.potential(problem.x).mean() - problem.potential(problem.y).mean()
    assert gained == pytest.approx(problem.distance, rel=1e-12, abs=0)
    assert not np.array_equal(problem.matching, np.arange(80))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 10**9), st.sampled_from([0.0, 0.1, 3.0]))
def test_potential_certifies_every_landscape(d, k, seed, spread):
    """Heights of deviation 3 leave most funnels empty, inside a lower one."""
    hills = landscape(k, d, seed, spread)
    y = np.random.default_rng(seed).uniform(-HALF, HALF, (200, d))
    x = hills.slide(y)
    np.testing.assert_allclose(hills(x) - hills(y), lengths(y - x), rtol=1e-12, atol=1e-13)


def test_dominated_and_equal_funnels():
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    full, alone = Landscape(centers, np.array([0.0, 5.0, 0.0, 1.0])), Landscape(centers[:1], np.zeros(1))
    y = np.random.default_rng(0).uniform(-HALF, HALF, (500, 2))
    np.testing.assert_allclose(full.slide(y), alone.slide(y), atol=1e-12)  # empty, the same again, and on the edge
    np.testing.assert_array_equal(full(y), alone(y))
    assert full.distance()[0] == pytest.approx(alone.distance()[0], rel=1e-4, abs=0)


def test_a_point_at_a_centre_stays():
    hills = landscape(3, 2, spread=0.0)
    np.testing.assert_array_equal(hills.slide(hills.centers), hills.centers)


@pytest.mark.parametrize(
    "d, k, spread", [(1, 4, 0.1), (2, 4, 0.1), (2, 30, 0.1), (3, 4, 2.0), (16, 16, 0.1), (100, 4, 0.1)]
)
def test_population_distance_by_monte_carlo(d, k, spread):
    """Mean |y - x| of plain draws against 7/(d+8) E|y - low| of Sobol points."""
    hills = landscape(k, d, seed=k, spread=spread)
    truth, error = hills.distance()
    y = np.random.default_rng(1).uniform(-HALF, HALF, (20_000, d))
    moved = lengths(y - hills.slide(y))
    assert abs(moved.mean() - truth) < 4 * (moved.std() / np.sqrt(len(moved)) + error)
    assert 0 < error < 1e-3 * truth


def test_population_distance_in_closed_form():
    """One funnel at the middle of a square: E|z| = half side * (sqrt 2 + asinh 1) / 3."""
    truth, error = Landscape(np.zeros((1, 2)), np.zeros(1)).distance()
    assert abs(truth - 0.7 * HALF * (np.sqrt(2) + np.arcsinh(1)) / 3) < 5 * error
    truth, error = Landscape(np.array([[0.5]]), np.zeros(1)).distance()  # on a line: (3^2 + 2^2) / (2 * 5)
    assert abs(truth - 7 / 9 * 1.3) < 5 * error


def test_standard_error_is_honest():
    """Over many landscapes of the closed form's kind, errors in units of their standard error spread about 1."""
    rng, scores = np.random.default_rng(0), []
    for c in rng.uniform(-HALF, HALF, 40):
        truth, error = Landscape(np.array([[c]]), np.zeros(1)).distance()
        scores.append((truth - 7 / 9 * ((HALF + c) ** 2 + (HALF - c) ** 2) / (4 * HALF)) / error)
    assert 0.5 < np.sqrt(np.mean(np.square(scores))) < 2.0  # Student's t, 15 degrees: 1.07; 40 of them: +- 0.12


def test_population_distance_is_cached_by_value():
    from otkit.datasets.landscape import _population

    funnels(5, 6, seed=123)
    before = _population.cache_info()
    funnels(7, 6, seed=123)
    after = _population.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_unpaired_samples_are_independent():
    """In 64 dimensions no x points from its funnel's centre to where a y is, and all x of a pair do."""
    for paired in (False, True):
        problem = funnels(200, 64, n_funnels=1, paired=paired, seed=4)
        rays = [z - problem.potential.centers[0] for z in (problem.x, problem.y)]
        one, other = (ray / lengths(ray)[:, None] for ray in rays)
        closest = (one @ other.T).max(axis=1)
        assert (closest > 1 - 1e-12).all() if paired else (closest < 0.9).all()


def test_samples_are_further_apart_than_populations_in_high_dimension():
    problem = funnels(200, 64)
    sampled = otkit.wasserstein(problem.x, problem.y).distance
    assert sampled > 3 * problem.distance


def test_fresh_draws_have_the_law_of_the_problem():
    problem = funnels(4000, 2, seed=1)
    x, y = problem.fresh(3000, m=4000, seed=1)
    assert (x.shape, y.shape) == ((3000, 2), (4000, 2))
    for one, other in ((x, problem.x), (y, problem.y)):
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 3000)
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4.5 * error).all()
        assert not set(map(tuple, one)) & set(map(tuple, other))
    rng = np.random.default_rng(0)
    assert not np.array_equal(problem.fresh(5, seed=rng)[0], problem.fresh(5, seed=rng)[0])


# --- translation and cone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2])
def test_translation_of_paired_samples(p):
    problem = translation(60, 3, shift=[1.0, -2.0, 2.0], paired=True)
    assert problem.distance == 3.0
    assert otkit.wasserstein(problem.x, problem.y, p=p).distance == pytest.approx(3.0, rel=1e-9, abs=0)
    np.testing.assert_allclose(problem.y[problem.matching] - problem.x, np.tile([1.0, -2.0, 2.0], (60, 1)), atol=1e-14)


def test_translation_defaults():
    assert translation(3, 7).distance == 1.0
    np.testing.assert_allclose(lengths(translation(3, 7).gradient(np.zeros((1, 7)))), 1.0, rtol=1e-15)
    assert translation(3, 1, shift=-2).distance == 2.0
    still = translation(5, 2, shift=[0.0, 0.0], paired=True)
    assert still.distance == 0.0
    np.testing.assert_array_equal(still.potential(still.x), np.zeros(5))
    shift = np.array([1.0, 0.0])
    held = translation(5, 2, shift=shift)
    shift[:] = 9.0
    np.testing.assert_array_equal(held.gradient(np.zeros((1, 2))), [[-1.0, 0.0]])


@pytest.mark.parametrize("d", [1, 2, 50])
def test_cone(d):
    problem = cone(30, d, m=2)
    np.testing.assert_allclose(lengths(problem.x), 1.0, rtol=1e-15)
    np.testing.assert_array_equal(problem.y, np.zeros((2, d)))
    assert otkit.wasserstein(problem.x, problem.y).distance == pytest.approx(1.0, rel=1e-9, abs=0)
    assert problem.potential(problem.x).mean() - problem.potential(problem.y).mean() == pytest.approx(1.0, abs=1e-14)


# --- W_2 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["norms", "quadratic", "paired gaussians"])
@pytest.mark.parametrize("d", [1, 2, 16])
def test_w2_of_samples(name, d):
    problem = W2[name](70, d, seed=d)
    result = otkit.wasserstein(problem.x, problem.y, p=2)
    assert result.distance == pytest.approx(problem.distance, rel=1e-9, abs=0)
    np.testing.assert_array_equal(problem.y[problem.matching], problem.map(problem.x))
    assert not np.array_equal(problem.matching, np.arange(70))
    dense = result.plan.toarray()
    np.testing.assert_array_equal(dense.argmax(axis=1), problem.matching)  # strictly monotone: one optimal plan


@pytest.mark.parametrize("name", W2)
def test_maps_are_monotone_gradients(name):
    """Cyclically monotone on pairs, and with a symmetric Jacobian."""
    move, d = W2[name](5, 4, seed=1).map, 4
    z, w = np.random.default_rng(0).normal(size=(2, 300, d))
    assert (((move(z) - move(w)) * (z - w)).sum(axis=1) > 0).all()
    h, at = 1e-6, z[:20]
    jacobian = np.stack([(move(at + h * e) - move(at - h * e)) / (2 * h) for e in np.eye(d)], axis=2)
    np.testing.assert_allclose(jacobian, jacobian.transpose(0, 2, 1), atol=1e-7)
    with pytest.raises(BadMeasure, match=r"points have shape \(2, 3\).*R\^4"):
        move(np.zeros((2, 3)))


@pytest.mark.parametrize("d", [1, 3])
def test_gaussians_are_the_laws_the_distance_is_of(d):
    n = 60_000
    problem = gaussians(n, d, seed=d)
    assert problem.matching is None
    moments = [(z.mean(axis=0), np.cov(z, rowvar=False)) for z in (problem.x, problem.y)]
    estimate = otkit.gaussian_wasserstein(*moments[0], *moments[1])
    assert estimate == pytest.approx(problem.distance, abs=0.03)  # deviations of about 1 over sqrt(n) = 0.004
    image = problem.map(problem.x)
    np.testing.assert_allclose(image.mean(axis=0), problem.y.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(image, rowvar=False), moments[1][1], atol=0.05)
    paid = ((image - problem.x) ** 2).sum(axis=1)
    assert abs(paid.mean() - problem.distance**2) < 4 * paid.std() / np.sqrt(n)


def test_gaussians_on_the_line_by_sorting():
    problem = gaussians(100_000, 1, seed=2)
    assert otkit.wasserstein(problem.x, problem.y, p=2).distance == pytest.approx(problem.distance, abs=0.03)


# --- the border ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", None, True, [3]])
@pytest.mark.parametrize("make", [funnels, translation, cone, convex_map, gaussians])
def test_counts_are_whole_and_positive(make, bad):
    with pytest.raises(BadMeasure, match="^n is .*whole number >= 1"):
        make(bad, 2)
    with pytest.raises(BadMeasure, match="^d is "):
        make(2, bad)
    if bad is not None and make is not convex_map:
        with pytest.raises(BadMeasure, match="^m is "):
            make(2, 2, m=bad)
    if make is funnels:
        with pytest.raises(BadMeasure, match="^n_funnels is "):
            funnels(2, 2, n_funnels=bad)
    assert make(np.int64(2), np.int32(2)).x.shape == (2, 2)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.parametrize("seed", [-1, 0.5, "seed", object()])
def test_bad_seeds(make, seed):
    with pytest.raises(Unsupported, match="seed is .*whole number"):
        make(3, 2, seed=seed)


def test_options_that_do_not_fit():
    for make in (funnels, translation, gaussians):
        with pytest.raises(Unsupported, match="m is 4 and n is 3: paired"):
            make(3, 2, m=4, paired=True)
    with pytest.raises(Unsupported, match="kind is 'cubic': pass one of norms, quadratic"):
        convex_map(3, 2, kind="cubic")
    with pytest.raises(BadMeasure, match=r"shift has shape \(3,\) but d is 2"):
        translation(3, 2, shift=[1, 2, 3])
    with pytest.raises(BadMeasure, match="shift has 1 entries that are NaN"):
        translation(3, 2, shift=[1, np.nan])
    with pytest.raises(Unsupported, match="d is 30000.*paired=True"):
        funnels(2, 30_000)
    assert funnels(2, 30_000, paired=True).x.shape == (2, 30_000)
    with pytest.raises(OtkitError, match="^m is 0"):
        funnels(3, 2).fresh(2, m=0)
    with pytest.raises(BadMeasure, match="^n is 0"):
        cone(3, 2).fresh(0)


def test_sequences_of_seeds_are_salted_too():
    same = np.random.SeedSequence(3)
    numbers = {measures.generator(seed, stream).random() for seed in (3, same) for stream in ("one", "other")}
    assert len(numbers) == 2
    assert measures.generator(same.spawn(1)[0], "one").random() not in numbers


@pytest.mark.parametrize("n, width", [(1, 1), (10, BLOCK), (10, 3 * BLOCK), (5 * BLOCK // 7 + 3, 7), (BLOCK, 2)])
def test_blocks_cover_and_are_small(n, width):
    parts = list(blocks(n, width))
    assert parts[0].start == 0 and parts[-1].stop == n
    assert all(one.stop == other.start for one, other in zip(parts, parts[1:]))
    assert all((part.stop - part.start) * width <= max(BLOCK, width) for part in parts)


def test_long_draws_in_blocks():
    """Rows do not depend on which block they fall in."""
    hills = landscape(4, 3)
    y = np.random.default_rng(0).uniform(-HALF, HALF, (BLOCK // 7 + 1000, 3))
    tail = slice(len(y) - 1100, None)
    np.testing.assert_array_equal(hills.slide(y)[tail], hills.slide(y[tail]))
    np.testing.assert_array_equal(hills(y)[tail], hills(y[tail]))
