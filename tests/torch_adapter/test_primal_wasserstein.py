"""`WassersteinLoss`: the core's numbers, gradients by finite differences, and what it refuses."""

import numpy as np
import pytest

import otkit
from otkit.errors import BadCost, BadMeasure, NotConverged, Unsupported

torch = pytest.importorskip("torch")

from otkit.torch import WassersteinLoss, wasserstein_cost  # noqa: E402

F64 = torch.float64


@pytest.fixture
def torch_rng():
    return torch.Generator().manual_seed(3)


def normal(torch_rng, *shape, dtype=F64, graph=True):
    return torch.randn(*shape, generator=torch_rng, dtype=dtype).requires_grad_(graph)


def masses(torch_rng, *shape):
    return (torch.rand(*shape, generator=torch_rng, dtype=F64) + 0.1).requires_grad_()


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", lambda u, v: torch.cdist(u, v, p=3.0)])
@pytest.mark.parametrize("p", [1, 1.5, 2])
def test_gradcheck(torch_rng, metric, p):
    x, y = normal(torch_rng, 6, 3), normal(torch_rng, 5, 3)
    a, b = masses(torch_rng, 6), masses(torch_rng, 5)
    assert torch.autograd.gradcheck(lambda *all_: wasserstein_cost(*all_, p=p, metric=metric), (x, y, a, b))


def test_gradcheck_of_a_batch(torch_rng):
    x, y, a = normal(torch_rng, 3, 6, 2), normal(torch_rng, 3, 5, 2), masses(torch_rng, 3, 6)
    assert torch.autograd.gradcheck(lambda x, y, a: wasserstein_cost(x, y, a, p=2), (x, y, a))


@pytest.mark.parametrize("n", [8, 200])
def test_a_batch_is_a_loop_over_the_core(torch_rng, n):
    x, y, b = normal(torch_rng, 4, n, 2), normal(torch_rng, 4, n + 1, 2), masses(torch_rng, n + 1)
    costs = wasserstein_cost(x, y, b=b, p=2)
    assert costs.shape == (4,)
    for k in range(4):
        truth = otkit.wasserstein(x[k].detach().numpy(), y[k].detach().numpy(), b=b.detach().numpy(), p=2)
        assert costs[k].item() == pytest.approx(truth.cost, rel=1e-12, abs=0)
    results = WassersteinLoss(p=2).solve(x, y, b=b)
    assert [result.cost for result in results] == pytest.approx(costs.tolist(), rel=1e-12, abs=0)


def test_gradients_of_pot(torch_rng):
    """From POT's dense plan and dual variables, by hand."""
    ot = pytest.importorskip("ot")
    x, y, a = normal(torch_rng, 50, 2), normal(torch_rng, 40, 2), masses(torch_rng, 50)
    wasserstein_cost(x, y, a, p=2).backward()
    points, others, mass = (side.detach().numpy() for side in (x, y, a / a.sum()))
    plan, log = ot.emd(mass, np.full(40, 1 / 40), ot.dist(points, others), log=True)
    np.testing.assert_allclose(x.grad, 2.0 * (mass[:, None] * points - plan @ others), rtol=0, atol=1e-10)
    np.testing.assert_allclose(y.grad, 2.0 * (others / 40 - plan.T @ points), rtol=0, atol=1e-10)
    slope = (log["u"] - mass @ log["u"]) / a.detach().sum().item()
    np.testing.assert_allclose(a.grad, slope, rtol=0, atol=1e-8 * np.abs(slope).max())


def test_dtype_and_outer_gradient(torch_rng):
    x, y = normal(torch_rng, 9, 2, dtype=torch.float32), normal(torch_rng, 9, 2, dtype=torch.float32, graph=False)
    cost = wasserstein_cost(x, y, p=2)
    assert cost.dtype == torch.float32 and cost.shape == ()
    (3.0 * cost).backward()
    whole = torch.autograd.grad(wasserstein_cost(x.double(), y.double(), p=2), x)[0]
    torch.testing.assert_close(x.grad, 3.0 * whole)


def test_the_line_keeps_to_the_core_and_bends_twice(torch_rng):
    x, y, a = normal(torch_rng, 7), normal(torch_rng, 5), masses(torch_rng, 7)
    for p in (1, 2, 3):
        truth = otkit.wasserstein(x.detach().numpy(), y.detach().numpy(), a=a.detach().numpy(), p=p).cost
        assert wasserstein_cost(x, y, a, p=p).item() == pytest.approx(truth, rel=1e-12, abs=0)
    assert torch.autograd.gradgradcheck(lambda *all_: wasserstein_cost(*all_, p=3), (x, y, a))


def test_twice_is_refused_elsewhere(torch_rng):
    x, y = normal(torch_rng, 7, 2), normal(torch_rng, 5, 2)
    slope = torch.autograd.grad(wasserstein_cost(x, y), x, create_graph=True)[0]
    with pytest.raises(Unsupported, match="differentiable once"):
        slope.square().sum().backward()


def test_a_change_in_place_is_noticed(torch_rng):
    x, y = normal(torch_rng, 7, 2), normal(torch_rng, 5, 2)
    cost = wasserstein_cost(x, y)
    with torch.no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        cost.backward()


def test_as_many_coordinates_as_an_image_has(torch_rng):
    x = normal(torch_rng, 3, 30_000, graph=False)
    assert wasserstein_cost(x, x + 1.0, p=2).item() == pytest.approx(30_000.0, rel=1e-9, abs=0)


def test_no_derivative_no_refusal(torch_rng):
    x, a = normal(torch_rng, 3, 2), torch.tensor([0.0, 1.0, 1.0], dtype=F64, requires_grad=True)
    with torch.no_grad():
        assert wasserstein_cost(x, x[1:], a) == 0.0


def test_a_metric_with_an_infinite_slope_is_named(torch_rng):
    x = normal(torch_rng, 5, 2)
    cost = wasserstein_cost(
        x, x.detach().clone(), metric=lambda u, v: (u[:, None] - v[None]).square().sum(-1).sqrt(), p=2
    )
    with pytest.raises(BadCost, match="torch.cdist"):
        cost.backward()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_inside_a_compiled_step(torch_rng, backend):
    net, y = torch.nn.Linear(2, 2).double(), normal(torch_rng, 6, 2, graph=False)
    loss = WassersteinLoss(2)
    x = normal(torch_rng, 5, 2, graph=False)
    step = torch.compile(lambda x: loss(net(x), y), backend=backend)
    step(x).backward()
    found = net.weight.grad.clone()
    net.zero_grad()
    loss(net(x), y).backward()
    torch.testing.assert_close(found, net.weight.grad)


def test_the_root_has_no_nan(torch_rng):
    x = normal(torch_rng, 7, 2)
    loss = WassersteinLoss(p=2)
    loss.distance(x, x.detach().clone()).backward()
    assert (x.grad == 0.0).all()
    y = normal(torch_rng, 7, 2, graph=False)
    assert loss.distance(x, y).item() == pytest.approx(loss(x, y).item() ** 0.5)


def test_limits_are_kept(torch_rng):
    x, y = normal(torch_rng, 60, 2), normal(torch_rng, 60, 2)
    with pytest.raises(NotConverged) as raised:
        wasserstein_cost(x, y, solver=otkit.solvers.NetworkSimplex(max_iter=1))
    assert raised.value.result.lower <= raised.value.result.upper


GOOD = torch.zeros(4, 2, dtype=F64)
W = torch.full((4,), 0.25, dtype=F64)


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ((np.zeros((4, 2)), GOOD), Unsupported, "x is of type ndarray"),
        ((GOOD.int(), GOOD), Unsupported, "x is torch.int32"),
        ((GOOD, GOOD.half()), Unsupported, "y is torch.float16"),
        ((GOOD, GOOD.float()), Unsupported, "one dtype on one device"),
        ((GOOD, torch.zeros(4, 2, dtype=F64, device="meta")), Unsupported, "one dtype on one device"),
        ((GOOD, GOOD * torch.nan), BadMeasure, "y has 8 values that are NaN"),
        ((GOOD[:0], GOOD), BadMeasure, "x is empty"),
        ((GOOD[None][:0], GOOD[None][:0]), BadMeasure, "x is empty"),
        ((GOOD, GOOD[:, :1]), BadMeasure, "must agree"),
        ((GOOD, GOOD[None]), BadMeasure, "both are"),
        ((GOOD[None, None], GOOD[None, None]), BadMeasure, "flatten"),
        ((GOOD, GOOD, W[:3]), BadMeasure, "a has shape"),
        ((GOOD, GOOD, None, 0 * W), BadMeasure, "b sums to zero"),
        ((GOOD, GOOD, -W), BadMeasure, "negative weights"),
        ((GOOD, GOOD, torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=F64).requires_grad_()), BadMeasure, "weights of zero"),
    ],
)
def test_bad_input(arguments, error, said):
    for call in (wasserstein_cost, WassersteinLoss()):
        with pytest.raises(error, match=said):
            call(*arguments)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"p": 0.5}, otkit.errors.OtkitError, "p is"),
        ({"metric": "cosine"}, otkit.errors.OtkitError, "metric"),
        ({"metric": lambda x, y: torch.zeros(2, 2)}, BadMeasure, "metric returned"),
        ({"solver": "exact"}, Unsupported, "solver is"),
    ],
)
def test_bad_options(options, error, said):
    with pytest.raises(error, match=said):
        wasserstein_cost(GOOD, GOOD, **options)
