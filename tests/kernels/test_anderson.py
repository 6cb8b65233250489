"""Anderson acceleration against least squares as NumPy solves them, on maps whose fixed point is known."""

import numpy as np
import pytest

from otkit.kernels.anderson import WINDOW, accelerate, forget, new_past

NOISE = 1e-11


def contraction(size, radius=0.9, seed=0):
    """x -> A x + c with A symmetric, its eigenvalues spread over [-radius, radius]; and its fixed point, which is so
    wide that no extrapolation goes too far."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = basis @ np.diag(np.linspace(-radius, radius, size)) @ basis.T
    point = np.linspace(-500.0, 500.0, size) + rng.normal(size=size)
    return (lambda x: matrix @ (x - point) + point), point


def twin(arguments, images, weights):
    """The combination of the images, of total 1, whose residuals are smallest in the norm of the weights."""
    root = np.sqrt(weights)
    residuals = [root * (image - x) for x, image in zip(arguments, images)]
    if len(images) == 1:
        return images[0]
    columns = np.stack([residuals[-1] - older for older in residuals[:-1]], axis=1)
    lengths = np.linalg.norm(columns, axis=0)
    mix = np.linalg.lstsq(columns / lengths, residuals[-1], rcond=None)[0] / lengths
    return images[-1] - sum(share * (images[-1] - older) for share, older in zip(mix, images))


def near(point, seed=5):
    return point + np.random.default_rng(seed).normal(size=point.size)


def run(image_of, weights, steps, x):
    """Arguments and images of the accelerated iteration, and what it would try next."""
    size = weights.size
    past, out = new_past(size), np.empty(size)
    arguments, images = [], []
    for _ in range(steps):
        image = image_of(x)
        accelerate(past, x, image, weights, 0.0, NOISE, out)
        arguments.append(x)
        images.append(image)
        x = out.copy()
    return arguments, images, x


@pytest.mark.parametrize("steps", [1, 2, 3, 6, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 3])
def test_against_least_squares(steps):
    """The newest WINDOW images count; 60 coordinates, so that the residuals have not yet lost their digits."""
    image_of, point = contraction(60, 0.999)
    weights = np.random.default_rng(1).random(60) + 0.1
    arguments, images, found = run(image_of, weights, steps, near(point))
    expected = twin(arguments[-WINDOW:], images[-WINDOW:], weights)
    progress = np.abs(expected - images[-1]).max()
    # normal equations square the condition, 1e4 here, and RIDGE moves it by 1e-12 of that
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * progress + 1e-12)


def test_weights_without_mass_do_not_count():
    """Coordinates of weight 0 go where the others' combination takes them."""
    image_of, point = contraction(8)
    weights = np.where(np.arange(8) % 2, 0.0, 1.0)
    arguments, images, found = run(image_of, weights, 3, near(point))
    np.testing.assert_allclose(found, twin(arguments, images, weights), rtol=0, atol=1e-9)


@pytest.mark.parametrize("size, radius", [(2, 0.5), (5, 0.9), (12, 0.99), (12, 0.9999)])
def test_reaches_the_fixed_point(size, radius):
    """In about as many steps as there are coordinates; the plain iteration is far from it then."""
    image_of, point = contraction(size, radius)
    steps = 2 * size + 2
    _, _, found = run(image_of, np.full(size, 1.0 / size), steps, near(point))
    plain = near(point)
    for _ in range(steps):
        plain = image_of(plain)
    # coordinates of 500 have residuals of 1e-13, which are an error of 1e-13 / (1 - radius)
    assert np.abs(found - point).max() <= 1e-12 / (1 - radius)
    if radius >= 0.99:
        assert np.abs(plain - point).max() > 0.1


def test_a_fixed_point_stays():
    """Residuals of 0: nothing to combine, nothing to divide by."""
    _, point = contraction(4)
    _, _, found = run(lambda x: point, np.full(4, 0.25), WINDOW + 3, point)
    np.testing.assert_array_equal(found, point)


def test_equal_residuals():
    """No combination is better than another: the differences are rounding, and what it makes of them goes too far."""
    _, point = contraction(4)
    _, _, found = run(lambda x: x + 1.0, np.full(4, 0.25), 2 * WINDOW, point)
    assert np.isfinite(found).all() and np.abs(found - point).max() < 2.0 * np.ptp(point)


def test_an_extrapolation_that_goes_too_far_is_none():
    """Further than the image is wide, as one of a single coordinate always does: the plain step, and a new start."""
    weights, past, out = np.ones(1), new_past(1), np.empty(1)
    x = np.array([4.0])
    for _ in range(5):
        image = 0.9 * x
        accelerate(past, x, image, weights, 0.0, NOISE, out)
        np.testing.assert_array_equal(out, image)
        x = out.copy()
    weights, past, out = np.full(2, 0.5), new_past(2), np.empty(2)
    accelerate(past, np.array([0.0, 1.0]), np.array([1.0, 2.0]), weights, 0.0, NOISE, out)
    accelerate(past, np.array([1.0, 2.0]), np.array([1.99, 2.99]), weights, 0.0, NOISE, out)  # else (100, 101)
    np.testing.assert_array_equal(out, [1.99, 2.99])
    assert past.counts[0] == 0


def test_a_fall_of_the_objective_takes_the_extrapolation_back():
    image_of, point = contraction(6)
    weights, past, out = np.full(6, 1 / 6), new_past(6), np.empty(6)
    x, images = near(point), []
    for objective in (1.0, 2.0, 3.0):
        images.append(image_of(x))
        accelerate(past, x, images[-1], weights, objective, 0.5, out)
        x = out.copy()
    accelerate(past, x, image_of(x), weights, 2.6, 0.5, out)  # less than the noise: it stands
    assert past.counts[0] == 4 and past.best[0] == 3.0
    images.append(image_of(x))
    x = out.copy()
    accelerate(past, x, image_of(x), weights, 2.4, 0.5, out)
    np.testing.assert_array_equal(out, images[-1])  # of the last argument that was good
    assert past.counts[0] == 0 and past.best[0] == -np.inf
    x = out.copy()
    accelerate(past, x, image_of(x), weights, -9.0, 0.5, out)  # a first value is no fall
    np.testing.assert_array_equal(out, image_of(x))
    assert past.counts[0] == 1 and past.best[0] == -9.0


def test_forget():
    image_of, point = contraction(5)
    start, weights = near(point), np.full(5, 0.2)
    past, out, x = new_past(5), np.empty(5), start
    for _ in range(WINDOW + 2):
        accelerate(past, x, image_of(x), weights, 0.0, NOISE, out)
        x = out.copy()
    forget(past)
    accelerate(past, start, image_of(start), weights, -1.0, NOISE, out)
    np.testing.assert_array_equal(out, image_of(start))


def test_arguments_are_left_alone():
    image_of, _ = contraction(5)
    x = np.ones(5)
    image, weights = image_of(x), np.full(5, 0.2)
    before = x.copy(), image.copy(), weights.copy()
    past, out = new_past(5), np.empty(5)
    accelerate(past, x, image, weights, 0.0, NOISE, out)
    accelerate(past, x, image, weights, 0.0, NOISE, out)
    for now, then in zip((x, image, weights), before):
        np.testing.assert_array_equal(now, then)
