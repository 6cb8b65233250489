"""Activations whose second derivative is free: torch's values, gradients and penalties, without its zeros."""

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from otkit.torch import gradient_penalty, lipschitz_bound  # noqa: E402
from otkit.torch.activations import LeakyReLU, ReLU, differentiated_once  # noqa: E402

PAIRS = [(ReLU(), nn.ReLU()), (LeakyReLU(0.2), nn.LeakyReLU(0.2))]


class Products(TorchDispatchMode):
    """Counts products of matrices."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "mm" in str(function)
        return function(*args, **(kwargs or {}))


def critics(mine, torchs):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 16), mine, nn.Linear(16, 16), copy.deepcopy(mine), nn.Linear(16, 1))
    other = copy.deepcopy(net)
    other[1], other[3] = torchs, copy.deepcopy(torchs)
    return net, other


@pytest.mark.parametrize("mine, torchs", PAIRS)
def test_values_and_gradients_are_those_of_torch(mine, torchs):
    x = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0, float("inf"), -float("inf")], requires_grad=True)
    one, two = mine(x), torchs(x)
    assert torch.equal(one, two)
    for first, second in zip(torch.autograd.grad(one.sum(), x), torch.autograd.grad(two.sum(), x)):
        assert torch.equal(first, second)
    with torch.no_grad():
        assert torch.equal(mine(x), torchs(x))


@pytest.mark.parametrize("mine, torchs", PAIRS)
def test_a_penalty_trains_alike_with_fewer_products(mine, torchs):
    torch.manual_seed(1)
    real, fake = torch.randn(2, 32, 3)
    gradients, counts = [], []
    for net in critics(mine, torchs):
        with Products() as products:
            loss = gradient_penalty(net, real, fake, generator=torch.Generator().manual_seed(0)) + net(real).mean()
            loss.backward()
        gradients.append([parameter.grad for parameter in net.parameters()])
        counts.append(products.count)
    for one, two in zip(*gradients):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-7)
    assert counts[0] < counts[1]


@pytest.mark.parametrize("mine", [ReLU(), LeakyReLU(0.3)])
def test_second_derivatives(mine):
    x = torch.tensor([[-1.0, 2.0], [0.5, -0.25]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: mine(x).pow(3).sum(), x)
    assert torch.autograd.gradgradcheck(lambda x: mine(x).pow(3).sum(), x)


@pytest.mark.parametrize("mine, torchs", PAIRS)
def test_a_bound_knows_them(mine, torchs):
    net, other = critics(mine, torchs)
    assert lipschitz_bound(net) == lipschitz_bound(other)


@pytest.mark.parametrize("mine, torchs", PAIRS)
def test_once_they_are_torchs_own_and_a_penalty_is_the_same(mine, torchs):
    torch.manual_seed(2)
    (net, _), x = critics(mine, torchs), torch.randn(32, 3, requires_grad=True)
    name = torchs(x).grad_fn.name()
    with pytest.raises(ZeroDivisionError), differentiated_once():
        assert mine(x).grad_fn.name() == name
        raise ZeroDivisionError
    assert mine(x).grad_fn.name() != name
    plain = gradient_penalty(net, x, points="real")
    with differentiated_once():
        assert torch.equal(plain, gradient_penalty(net, x, points="real"))


@pytest.mark.parametrize("mine, torchs", PAIRS)
def test_torch_can_compile_them_in_one_graph(mine, torchs):
    net, other = critics(mine, torchs)
    compiled, x = torch.compile(net, backend="eager", fullgraph=True), torch.randn(4, 3)
    with differentiated_once():
        assert torch.equal(compiled(x), other(x))
