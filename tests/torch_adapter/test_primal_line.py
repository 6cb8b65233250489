"""Costs on the line: against the core and SciPy, both derivatives, ties, and potentials that are feasible."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import otkit

torch = pytest.importorskip("torch")

from otkit.torch.primal.line import line_costs  # noqa: E402

F64 = torch.float64


def tensor(array, graph=False, dtype=F64):
    return None if array is None else torch.tensor(array, dtype=dtype, requires_grad=graph)


def lines(n, m, weighted, seed=0, batch=()):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(*batch, n)), random.normal(size=(*batch, m)) + 0.3
    a, b = (random.random((*batch, n)) + 0.1, random.random((*batch, m)) + 0.1) if weighted else (None, None)
    return x, y, a, b


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("n, m, weighted", [(9, 9, False), (6, 3, False), (7, 5, False), (7, 5, True), (8, 8, True)])
def test_against_the_core(p, n, m, weighted):
    x, y, a, b = lines(n, m, weighted)
    x[1] = x[0]
    found = line_costs(tensor(x), tensor(y), tensor(a), tensor(b), p).item()
    assert found == pytest.approx(otkit.wasserstein(x, y, a=a, b=b, p=p).cost, rel=1e-12, abs=0)


def test_against_scipy_with_weights_on_one_side():
    x, y, a, b = lines(40, 30, True)
    for w, z in ((a, None), (None, b), (a, b)):
        found = line_costs(tensor(x), tensor(y), tensor(w), tensor(z), 1).item()
        assert found == pytest.approx(wasserstein_distance(x, y, w, z), rel=1e-12, abs=0)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("n, m, weighted", [(5, 5, False), (6, 4, False), (5, 4, True)])
def test_both_derivatives(p, n, m, weighted):
    given = [tensor(t, graph=True) for t in lines(n, m, weighted, seed=3, batch=(2,)) if t is not None]

    def cost(x, y, a=None, b=None):
        return line_costs(x, y, a, b, p)

    assert torch.autograd.gradcheck(cost, given)
    assert torch.autograd.gradgradcheck(cost, given)


@pytest.mark.parametrize("p", [1, 1.1, 1.5, 2, 3])
def test_ties_have_derivatives_of_zero(p):
    x = tensor([0.0, 0.0, 1.0, 1.0], graph=True)
    a = tensor([0.25, 0.25, 0.0, 0.5])
    for w in (None, a):
        (slope,) = torch.autograd.grad(line_costs(x, x.detach().clone(), w, w, p), x, create_graph=True)
        (bend,) = torch.autograd.grad((slope * tensor([1.0, 2.0, 3.0, 4.0])).sum() + 0.0 * x.sum(), x)
        assert (slope == 0.0).all() and bend.isfinite().all()


@pytest.mark.parametrize("p", [1, 2])
def test_gradients_in_weights_are_feasible_potentials_where_masses_tie(p):
    """4 points against 8 of half the mass: every second value of one distribution function is one of the other."""
    x, y, _, _ = lines(4, 8, False, seed=5)
    a, b = (tensor(np.full(size, 1.0 / size), graph=True) for size in (4, 8))
    cost = line_costs(tensor(x), tensor(y), a, b, p)
    f, g = torch.autograd.grad(cost, (a, b))
    ground = tensor(np.abs(x[:, None] - y[None]) ** p)
    slack = ground - cost.detach() - f[:, None] - g[None]  # f and g have mean 0 each
    assert slack.min() > -1e-12
    assert abs((a * f).sum().item()) < 1e-12 and abs((b * g).sum().item()) < 1e-12


def test_leading_axes_are_a_loop():
    x, y, a, b = (tensor(t) for t in lines(6, 5, True, batch=(2, 3)))
    for w, z in ((a, b), (a[0, 0], None), (a[:, :1], b)):
        found = line_costs(x, y, w, z, 2)
        assert found.shape == (2, 3)
        for at in np.ndindex(2, 3):
            parts = [None if t is None else t.expand(2, 3, t.shape[-1])[at] for t in (w, z)]
            assert found[at].item() == pytest.approx(line_costs(x[at], y[at], *parts, 2).item(), rel=1e-13, abs=0)


def test_many_weights_of_float32_lose_no_mass():
    size = 300_000
    a = torch.rand(size, generator=torch.Generator().manual_seed(0))
    cost = line_costs(torch.zeros(size), torch.ones(size - 1), a / a.sum(), None, 2)
    assert cost.dtype == torch.float32 and cost.item() == pytest.approx(1.0, abs=1e-6)


def test_float32_far_from_the_origin():
    x, y, a, b = lines(50, 40, True)
    near = [np.round(side * 4.0) / 4.0 for side in (x, y)]  # representable at 1e6
    far = [tensor(side + 1e6, dtype=torch.float32) for side in near]
    weights = [tensor(w, dtype=torch.float32) for w in (a, b)]
    true = otkit.wasserstein(*near, a=a, b=b, p=2).cost
    assert line_costs(*far, *weights, 2).item() == pytest.approx(true, rel=1e-6, abs=0)
