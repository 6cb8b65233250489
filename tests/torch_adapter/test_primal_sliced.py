"""Costs on the line, sliced and max-sliced costs: against the core, POT and closed forms; gradients twice."""

import numpy as np
import pytest

import otkit
from otkit.errors import BadMeasure, OtkitError, Unsupported

torch = pytest.importorskip("torch")

from otkit.torch import MaxSlicedWasserstein, SlicedWasserstein, max_sliced_cost, sliced_cost  # noqa: E402
from otkit.torch.primal import sliced  # noqa: E402
from otkit.torch.primal.line import line_costs  # noqa: E402

F64 = torch.float64


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def weights(seed, *shape):
    w = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64) + 0.1
    return w / w.sum(-1, keepdim=True)


# --- the line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("n, m, weighted", [(9, 9, False), (9, 6, False), (9, 6, True), (1, 5, True)])
def test_the_line_against_the_core(p, n, m, weighted):
    x, y = drawn(0, 4, n), drawn(1, 4, m)
    a, b = (weights(2, 4, n), weights(3, 4, m)) if weighted else (None, None)
    costs = line_costs(x, y, a, b, p)
    for k in range(4):
        of = {"a": a[k].numpy(), "b": b[k].numpy()} if weighted else {}
        truth = otkit.wasserstein(x[k].numpy(), y[k].numpy(), p=p, **of).cost
        assert costs[k].item() == pytest.approx(truth, rel=1e-12, abs=0)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_the_line_bends_twice(p):
    x, y = drawn(4, 2, 6).requires_grad_(), drawn(5, 2, 4).requires_grad_()
    a, b = (torch.rand(2, size, dtype=F64, generator=torch.Generator().manual_seed(size)) + 0.5 for size in (6, 4))

    def cost(x, y, a, b):
        return line_costs(x, y, a / a.sum(1, keepdim=True), b / b.sum(1, keepdim=True), p)

    given = (x, y, a.requires_grad_(), b.requires_grad_())
    assert torch.autograd.gradcheck(cost, given)
    assert torch.autograd.gradgradcheck(cost, given)


def test_the_line_at_ties_and_without_mass():
    x = torch.tensor([0.0, 0.0, 1.0], dtype=F64, requires_grad=True)
    a = torch.tensor([0.5, 0.0, 0.5], dtype=F64)
    for p in (1, 1.5, 2):
        cost = line_costs(x, x.detach().clone(), a, a, p)
        (slope,) = torch.autograd.grad(cost, x, create_graph=True)
        assert cost.item() == 0.0 and (slope == 0.0).all()
    assert line_costs(x[:2], torch.ones(3, dtype=F64), None, None, 2).item() == pytest.approx(1.0, rel=1e-15, abs=0)


def test_many_points_in_float32_lose_no_mass():
    n = 200_000
    x, y = torch.zeros(n), torch.ones(n)
    a, b = (torch.rand(n, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    assert line_costs(x, y, a / a.sum(), b / b.sum(), 2).item() == pytest.approx(1.0, abs=1e-6)


# --- slices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2])
def test_sliced_against_pot(p):
    ot = pytest.importorskip("ot")
    x, y, a, b = drawn(0, 30, 5), drawn(1, 20, 5) + 1.0, weights(2, 30), weights(3, 20)
    directions = drawn(4, 40, 5)
    directions = directions / directions.norm(dim=1, keepdim=True)
    peer = ot.sliced_wasserstein_distance(
        x.numpy(), y.numpy(), a.numpy(), b.numpy(), p=p, projections=directions.T.contiguous().numpy()
    )
    assert sliced_cost(x, y, a, b, p=p, directions=3.0 * directions).item() == pytest.approx(peer**p, rel=1e-12, abs=0)


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_a_translation_costs_its_square_over_d(d):
    x, t = drawn(0, 50, d), torch.ones(d, dtype=F64)
    for sampling, within in (("quasi", 0.1), ("random", 0.25)):
        loss = SlicedWasserstein(n_projections=400, sampling=sampling, generator=torch.Generator().manual_seed(0))
        assert loss(x, x + t).item() == pytest.approx(1.0, rel=within, abs=0)


def test_the_standard_error_is_honest():
    """The mean of 64 directions against that of 20,000: off by about its standard error, and by less when spread."""
    x, y = drawn(0, 60, 4), drawn(1, 60, 4) * torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=F64)
    truth = sliced_cost(x, y, n_projections=20_000, generator=torch.Generator().manual_seed(9)).item()
    errors = {}
    for sampling in ("random", "quasi"):
        found = [
            SlicedWasserstein(n_projections=64, sampling=sampling, generator=torch.Generator().manual_seed(s)).estimate(
                x, y
            )
            for s in range(40)
        ]
        off = np.array([one.cost.item() - truth for one in found])
        said = np.array([one.standard_error.item() for one in found])
        errors[sampling] = np.sqrt(np.mean(off**2))
        assert 0.6 < errors[sampling] / np.sqrt(np.mean(said**2)) < 1.6
        assert np.mean(np.abs(off) < 4.0 * said) > 0.9
    assert errors["quasi"] < 0.7 * errors["random"]
    assert torch.isnan(SlicedWasserstein(directions=drawn(3, 5, 4)).estimate(x, y).standard_error)


def test_a_generator_decides():
    x, y = drawn(0, 20, 3), drawn(1, 25, 3)
    for sampling in ("random", "quasi"):
        make = lambda s: SlicedWasserstein(sampling=sampling, generator=torch.Generator().manual_seed(s))  # noqa: B023, E731
        loss = make(1)
        first, second = loss(x, y).item(), loss(x, y).item()
        assert make(1)(x, y).item() == first != second


def test_gradients_of_slices():
    x, y, a = drawn(0, 6, 3).requires_grad_(), drawn(1, 4, 3).requires_grad_(), weights(2, 6).requires_grad_()

    def cost(x, y, a):
        return sliced_cost(x, y, a, p=3, n_projections=7, generator=torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(cost, (x, y, a))
    assert torch.autograd.gradgradcheck(cost, (x, y, a))


def test_chunks_change_nothing(monkeypatch):
    x, y, directions = drawn(0, 3, 20, 4).requires_grad_(), drawn(1, 3, 15, 4), drawn(2, 33, 4)
    whole = sliced_cost(x, y, directions=directions)
    (slope,) = torch.autograd.grad(whole.sum(), x)
    monkeypatch.setattr(sliced, "CHUNK_BYTES", 50_000)
    parts = sliced_cost(x, y, directions=directions)
    torch.testing.assert_close(parts, whole)
    (again,) = torch.autograd.grad(parts.sum(), x, create_graph=True)
    torch.testing.assert_close(again, slope)
    assert torch.autograd.grad(again.square().sum(), x)[0].abs().sum() > 0.0


def test_a_batch_is_a_loop():
    x, y, b, directions = drawn(0, 3, 9, 4), drawn(1, 3, 8, 4), weights(2, 8), drawn(3, 11, 4)
    costs = sliced_cost(x, y, b=b, directions=directions)
    for k in range(3):
        assert costs[k].item() == pytest.approx(
            sliced_cost(x[k], y[k], b=b, directions=directions).item(), rel=1e-12, abs=0
        )
    found = MaxSlicedWasserstein(generator=torch.Generator().manual_seed(0)).direction(x, y)
    assert found.shape == (3, 4) and torch.allclose(found.norm(dim=1), torch.ones(3, dtype=F64))


def test_far_from_the_origin():
    x, y = drawn(0, 50, 3), drawn(1, 50, 3)
    near = sliced_cost(x, y, directions=torch.eye(3, dtype=F64)).item()
    far = sliced_cost((x + 1000.0).float(), (y + 1000.0).float(), directions=torch.eye(3))
    assert far.item() == pytest.approx(near, rel=1e-3, abs=0)


def test_the_largest_slice():
    """Above the mean, below W_2^2; for laws that differ along one axis, that axis."""
    x, y = drawn(0, 200, 5), drawn(1, 200, 5)
    y[:, 2] += 3.0
    generator = torch.Generator().manual_seed(0)
    largest = max_sliced_cost(x, y, generator=generator).item()
    exact = otkit.wasserstein(x.numpy(), y.numpy(), p=2).cost
    assert sliced_cost(x, y).item() < largest <= exact
    direction = MaxSlicedWasserstein(generator=generator).direction(x, y)
    assert direction[2].abs().item() > 0.95
    angles = torch.linspace(0.0, torch.pi, 5000, dtype=F64)
    circle = torch.stack([angles.cos(), angles.sin()], 1)
    brute = sliced.costs_along(sliced.pair(x[:, 1:3], y[:, 1:3]), circle, 2.0).max().item()
    assert max_sliced_cost(x[:, 1:3], y[:, 1:3]).item() == pytest.approx(brute, rel=1e-4, abs=0)


@pytest.mark.parametrize("scale", [1e8, 1e-8])
def test_the_search_does_not_depend_on_scale(scale):
    x, y = drawn(0, 100, 5), drawn(1, 100, 5) * torch.arange(1.0, 6.0, dtype=F64)
    found = [
        max_sliced_cost((x * s).float(), (y * s).float(), generator=torch.Generator().manual_seed(0)).item() / s**2
        for s in (1.0, scale)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-4, abs=0)


def test_inference_mode_and_many_coordinates():
    x, y = drawn(0, 4, 22_000).float(), drawn(1, 4, 22_000).float()
    for loss in (SlicedWasserstein(n_projections=8), MaxSlicedWasserstein(n_starts=4, n_steps=2)):
        with torch.inference_mode():
            assert loss(x, y) > 0.0 and loss(x.requires_grad_(), y) > 0.0


def test_costs_beyond_float32_are_refused():
    x = drawn(0, 4, 2).float() * 1e25
    for loss in (SlicedWasserstein(), MaxSlicedWasserstein()):
        with pytest.raises(BadMeasure, match="exceeds torch.float32"):
            loss(x, -x)


def test_equal_sets_have_no_nan():
    x = drawn(0, 9, 2).requires_grad_()
    for loss in (SlicedWasserstein(), MaxSlicedWasserstein()):
        loss.distance(x, x.detach().clone()).backward()
        assert (x.grad == 0.0).all()


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"n_projections": 0}, Unsupported, "n_projections is 0"),
        ({"n_projections": 2.5}, Unsupported, "n_projections is 2.5"),
        ({"sampling": "sobol"}, Unsupported, "sampling is 'sobol'"),
        ({"p": 0.5}, OtkitError, "p is 0.5"),
        ({"directions": torch.zeros(3, 2)}, BadMeasure, "directions has rows"),
        ({"directions": torch.ones(3, 5)}, BadMeasure, "directions is"),
    ],
)
def test_bad_options(options, error, said):
    with pytest.raises(error, match=said):
        sliced_cost(drawn(0, 4, 2), drawn(1, 4, 2), **options)
    with pytest.raises(Unsupported, match="n_steps is"):
        MaxSlicedWasserstein(n_steps=-1)


def test_bad_input():
    x = drawn(0, 4, 2)
    for arguments in ((x.int(), x), (x, x[:0]), (x, x * torch.nan), (x, x.float())):
        for loss in (SlicedWasserstein(), MaxSlicedWasserstein()):
            with pytest.raises((BadMeasure, Unsupported)):
                loss(*arguments)
