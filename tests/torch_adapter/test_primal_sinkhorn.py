"""`SinkhornDivergence`: the core's numbers on the CPU, gradients, plan and bracket on demand, and what it refuses."""

import numpy as np
import pytest

import otkit
from otkit.errors import BadMeasure, NotConverged, OtkitError, Unsupported

torch = pytest.importorskip("torch")

from otkit.torch import SinkhornDivergence, sinkhorn_cost  # noqa: E402
from otkit.torch.primal import sinkhorn  # noqa: E402

F64 = torch.float64
EPS = 0.3


@pytest.fixture
def pair():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(7, 2)), random.normal(size=(6, 2))
    a, b = random.random(7) + 0.1, random.random(6) + 0.1
    return tuple(torch.tensor(side, dtype=F64, requires_grad=True) for side in (x, y, a, b))


@pytest.mark.parametrize("debias", [True, False])
@pytest.mark.parametrize("metric, p", [("euclidean", 1), ("euclidean", 2), ("cityblock", 1.5), ("chebyshev", 2)])
def test_gradcheck(pair, metric, p, debias):
    assert torch.autograd.gradcheck(
        lambda *all_: sinkhorn_cost(*all_, eps=EPS, p=p, metric=metric, debias=debias, tol=1e-12), pair
    )


@pytest.mark.parametrize("most_pairs", [2**22, 0])  # all problems at once, and one by one
def test_a_batch_is_a_loop_over_the_core(monkeypatch, most_pairs):
    monkeypatch.setattr(sinkhorn, "MOST_PAIRS", most_pairs)
    x, y = torch.randn(2, 3, 9, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    x.requires_grad_()
    b = torch.rand(3, 9, dtype=F64, generator=torch.Generator().manual_seed(1))
    loss = SinkhornDivergence(EPS, tol=1e-9)
    costs = loss(x, y, b=b)
    costs.sum().backward()
    for k in range(3):
        truth = otkit.sinkhorn_divergence(x[k].detach().numpy(), y[k].numpy(), b=b[k].numpy(), eps=EPS, tol=1e-9)
        assert costs[k].item() == pytest.approx(truth.value, rel=1e-9, abs=0)
        np.testing.assert_allclose(x.grad[k].numpy(), truth.grad_x, rtol=1e-6, atol=1e-9)
    solution = loss.solve(x, y, b=b)
    assert solution.f.shape == solution.g.shape == (3, 9) and solution.converged.tolist() == [True] * 3
    np.testing.assert_allclose(solution.plan().sum(1).numpy(), (b / b.sum(1, keepdim=True)).numpy(), atol=1e-8)
    lower, upper = solution.bracket()
    for k in range(3):
        exact = otkit.wasserstein(x[k].detach().numpy(), y[k].numpy(), b=b[k].numpy(), p=2).distance
        assert lower[k] <= exact <= upper[k] < 2.0 * lower[k]


def test_blur_is_a_length(pair):
    for p in (1, 2):
        assert SinkhornDivergence(blur=0.2, p=p).eps == pytest.approx(p * 0.2**p)
    geomloss = pytest.importorskip("geomloss")
    x, y = pair[0].detach(), pair[1].detach()
    peer = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.5, scaling=0.99, backend="tensorized")(x, y)
    assert SinkhornDivergence(blur=0.5, tol=1e-9)(x, y).item() == pytest.approx(2.0 * peer.item(), rel=1e-3, abs=0)


def test_dtype_and_device_of_the_answer(pair):
    x, y = (side.detach().float() for side in pair[:2])
    cost = sinkhorn_cost(x.requires_grad_(), y, eps=EPS)
    cost.backward()
    assert cost.dtype == x.grad.dtype == torch.float32 and cost.shape == ()


def test_equal_measures_cost_nothing(pair):
    x = pair[0]
    loss = SinkhornDivergence(EPS)
    loss.distance(x, x.detach().clone()).backward()
    assert loss(x, x.detach()).item() == 0.0 and (x.grad == 0.0).all()


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_what_was_reached_is_said(pair, backend):
    x, y = pair[:2]
    with pytest.raises(NotConverged) as raised:
        sinkhorn_cost(x, y, eps=1e-3, tol=1e-12, max_iter=2, backend=backend)
    reached = raised.value.result
    assert not reached.converged and reached.status.name == "MAX_ITER" and "MAX_ITER" in repr(reached)
    loss = SinkhornDivergence(1e-3, tol=1e-12, max_iter=2, backend=backend, throw=False)
    assert loss(x, y).item() == reached.value.item()


def test_backends_agree(pair):
    found = []
    for backend in ("numba", "torch"):
        cost = sinkhorn_cost(*pair, eps=EPS, tol=1e-11, backend=backend)
        found.append((cost.detach(), *torch.autograd.grad(cost, pair)))
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


def test_float32_that_cannot_resolve_eps_says_so(pair):
    x, y = (side.detach().float() for side in pair[:2])
    for eps in (1e-6, 1e-30):
        with pytest.raises(NotConverged):
            sinkhorn_cost(x, y, eps=eps, backend="torch", max_iter=200)


def test_points_without_mass_may_lie_anywhere(pair):
    x, y = (side.detach().float() for side in pair[:2])
    mass = torch.tensor([0.0] + [1.0] * 6)
    near = sinkhorn_cost(x[1:], y, eps=EPS, backend="torch").item()
    x[0] = 1e6
    assert sinkhorn_cost(x, y, mass, eps=EPS, backend="torch").item() == pytest.approx(near, rel=1e-5, abs=0)


def test_a_solution_does_not_see_later_changes(pair):
    x, y = (side.detach().clone() for side in pair[:2])
    solution = SinkhornDivergence(EPS).solve(x, y)
    before = solution.plan(), solution.bracket()
    x += 5.0
    torch.testing.assert_close(solution.plan(), before[0])
    assert solution.bracket() == before[1]


def test_twice_is_refused(pair):
    slope = torch.autograd.grad(sinkhorn_cost(*pair, eps=EPS), pair[0], create_graph=True)[0]
    with pytest.raises(Unsupported, match="differentiable once"):
        slope.square().sum().backward()


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, "give one of them"),
        ({"eps": 1.0, "blur": 1.0}, "give one of them"),
        ({"eps": 0.0}, "eps is"),
        ({"eps": -1.0}, "eps is"),
        ({"blur": 0.0}, "blur is"),
        ({"blur": "a"}, "blur is"),
        ({"eps": 1.0, "max_iter": 0}, "max_iter is 0"),
        ({"eps": 1.0, "tol": -1.0}, "tol"),
        ({"eps": 1.0, "max_iter": -1}, "max_iter"),
        ({"eps": 1.0, "metric": "cosine"}, "metric is"),
        ({"eps": 1.0, "p": 0.5}, "p is"),
        ({"eps": 1.0, "backend": "cuda"}, "backend is"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(OtkitError, match=said):
        SinkhornDivergence(**options)


def test_bad_input(pair):
    x, y, a, _ = pair
    for arguments in ((x.int(), y), (x, y[:0]), (x, y * torch.nan), (x, y.float()), (x, y, 0 * a)):
        with pytest.raises((BadMeasure, Unsupported)):
            sinkhorn_cost(*arguments, eps=EPS)
