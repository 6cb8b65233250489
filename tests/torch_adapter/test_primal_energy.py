"""The energy distance: against SciPy and the naive sum, its gradients, its memory, what it refuses."""

import pytest
from scipy.stats import energy_distance

from otkit.errors import BadMeasure, Unsupported

torch = pytest.importorskip("torch")

from otkit.torch import EnergyDistance, energy_cost  # noqa: E402
from otkit.torch.primal import energy  # noqa: E402

F64 = torch.float64


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def naive(x, y, a, b, exponent):
    def mean(u, v, w, z):
        return w @ ((u[:, None] - v[None]).square().sum(2).sqrt() ** exponent) @ z

    return 2 * mean(x, y, a, b) - mean(x, x, a, a) - mean(y, y, b, b)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_the_naive_sum(exponent):
    x, y = drawn(0, 9, 3), drawn(1, 7, 3)
    a, b = (torch.rand(size, dtype=F64, generator=torch.Generator().manual_seed(size)) for size in (9, 7))
    found = energy_cost(x, y, a, b, exponent=exponent).item()
    assert found == pytest.approx(naive(x, y, a / a.sum(), b / b.sum(), exponent).item(), rel=1e-12, abs=0)


def test_scipy_on_the_line():
    x, y = drawn(0, 40), drawn(1, 30) + 0.5
    assert EnergyDistance().distance(x, y).item() == pytest.approx(
        energy_distance(x.numpy(), y.numpy()), rel=1e-12, abs=0
    )


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.6])
def test_gradcheck(exponent):
    x, y = drawn(0, 6, 3).requires_grad_(), drawn(1, 5, 3).requires_grad_()
    a, b = (
        (torch.rand(size, dtype=F64, generator=torch.Generator().manual_seed(size)) + 0.1).requires_grad_()
        for size in (6, 5)
    )
    assert torch.autograd.gradcheck(lambda *all_: energy_cost(*all_, exponent=exponent), (x, y, a, b))


def test_a_batch_is_a_loop_in_any_chunks(monkeypatch):
    x, y, b = drawn(0, 3, 9, 2).requires_grad_(), drawn(1, 3, 8, 2), torch.rand(8, dtype=F64)
    whole = energy_cost(x, y, b=b)
    (slope,) = torch.autograd.grad(whole.sum(), x)
    for k in range(3):
        assert whole[k].item() == pytest.approx(energy_cost(x[k], y[k], b=b).item(), rel=1e-12, abs=0)
    monkeypatch.setattr(energy, "CPU_BYTES", 1)
    parts = energy_cost(x, y, b=b)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(torch.autograd.grad(parts.sum(), x)[0], slope)


def test_single_precision_far_from_the_origin():
    x, y = drawn(0, 50, 3), drawn(1, 50, 3)
    far = energy_cost((x + 1000.0).float(), (y + 1000.0).float()).item()
    assert far == pytest.approx(energy_cost(x, y).item(), rel=1e-2, abs=0)


@pytest.mark.parametrize("scale", [1e20, 1e-25])
def test_any_scale_in_float32(scale):
    x, y = drawn(0, 20, 2), drawn(1, 20, 2) + 1.0
    points = (x * scale).float().requires_grad_()
    cost = energy_cost(points, (y * scale).float())
    cost.backward()
    assert cost.item() / scale == pytest.approx(energy_cost(x, y).item(), rel=1e-4, abs=0)
    assert points.grad.abs().max() > 0.01


def test_equal_sets_cost_nothing():
    x = drawn(0, 20, 2).requires_grad_()
    loss = EnergyDistance()
    loss.distance(x, x.detach()[torch.randperm(20)]).backward()
    assert loss(x, x.detach()).item() == 0.0 and (x.grad == 0.0).all()


def test_coinciding_points_pull_nothing():
    x = torch.zeros(3, 2, dtype=F64, requires_grad=True)
    energy_cost(x, torch.zeros(1, 2, dtype=F64), exponent=0.5).backward()
    assert (x.grad == 0.0).all()


def test_twice_is_refused():
    x = drawn(0, 6, 2).requires_grad_()
    slope = torch.autograd.grad(energy_cost(x, drawn(1, 5, 2)), x, create_graph=True)[0]
    with pytest.raises(Unsupported, match="differentiable once"):
        slope.square().sum().backward()


@pytest.mark.parametrize("exponent", [0.0, 2.0, float("nan"), "1", True])
def test_bad_exponents(exponent):
    with pytest.raises(Unsupported, match="exponent is"):
        EnergyDistance(exponent)


def test_bad_input():
    x = drawn(0, 4, 2)
    for arguments in ((x.int(), x), (x, x[:0]), (x, x * torch.nan), (x, x.float()), (x, x, torch.zeros(4, dtype=F64))):
        with pytest.raises((BadMeasure, Unsupported)):
            energy_cost(*arguments)
