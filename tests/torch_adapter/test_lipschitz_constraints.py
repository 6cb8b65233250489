"""Clipping, spectral and orthonormal weights, sorting activations: what they promise, measured."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from otkit.errors import BadCritic, Unsupported
from otkit.torch import GroupSort, MaxMin, clip_weights_, lipschitz_bound, orthonormalize, spectral_normalize
from otkit.torch.activations import Abs
from otkit.torch.bound.layers import dense_norm


def norm_of(layer, shape):
    """Of its linear part, written out; a twin of lipschitz_bound that knows nothing but the module's forward."""
    layer = layer.double()
    with torch.no_grad():
        return dense_norm(lambda x: layer(x) - layer(torch.zeros(1, *shape, dtype=torch.float64)), shape)


# --- clipping ------------------------------------------------------------------------------------------------------


def test_clip():
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Conv1d(1, 1, 1))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    assert clip_weights_(net, 0.3) is net
    for old, new in zip(before, net.parameters()):
        assert torch.equal(new, old.clamp(-0.3, 0.3)) and new.requires_grad


@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf"), float("nan")])
def test_clip_refuses_limits(limit):
    with pytest.raises(Unsupported, match="limit is"):
        clip_weights_(nn.Linear(1, 1), limit)


def test_clip_refuses():
    with pytest.raises(Unsupported, match="0 has parametrized weights"):
        clip_weights_(nn.Sequential(spectral_normalize(nn.Linear(3, 3))), 0.1)
    with pytest.raises(BadCritic, match="module is a list"):
        clip_weights_([], 0.1)


# --- spectral ------------------------------------------------------------------------------------------------------


def test_spectral_linear():
    net = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4))
    assert spectral_normalize(net, n_power_iterations=200) is net
    net(torch.zeros(1, 6))
    for layer in net[::2]:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=1e-4)
    net(torch.zeros(1, 6)).sum().backward()
    assert net[0].parametrizations.weight.original.grad is not None


def converged(layer, shape):
    for _ in range(3):
        layer(torch.zeros(1, *shape))
    return layer.eval()


CONVOLUTIONS = [
    (nn.Conv2d(3, 4, 3, padding=1), (3, 9, 9)),
    (nn.Conv2d(2, 6, 4, 2, 1, groups=2), (2, 10, 10)),
    (nn.Conv1d(3, 5, 5, padding=2, padding_mode="circular"), (3, 12)),
    (nn.Conv1d(3, 5, 3, dilation=2, stride=2), (3, 15)),
    (nn.ConvTranspose2d(4, 3, 4, 2, 1), (4, 5, 5)),
    (nn.ConvTranspose1d(4, 2, 3, 2, groups=2), (4, 9)),
]


@pytest.mark.parametrize("layer, shape", CONVOLUTIONS, ids=lambda value: str(value)[:40])
def test_spectral_operator_is_a_contraction(layer, shape):
    layer = spectral_normalize(copy_of(layer), convolutions="operator", n_power_iterations=100)
    assert 0.2 < norm_of(converged(layer, shape), shape) <= 1.0 + 1e-3


def test_spectral_matrix_of_a_convolution_is_not_its_norm():
    """All weights alike: the reshaped matrix has norm 1, the convolution 3 (a box of nine values 1/3 each)."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.constant_(layer.weight, 7.0)
    spectral_normalize(layer)
    assert layer.weight.flatten(1).norm().item() == pytest.approx(1.0, rel=1e-5, abs=0)
    assert norm_of(layer.eval(), (1, 30, 30)) == pytest.approx(3.0, rel=0.02, abs=0)
    assert lipschitz_bound(layer) >= 2.99


def copy_of(layer):
    torch.manual_seed(0)
    layer = type(layer)(
        *(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding),
        dilation=layer.dilation,
        groups=layer.groups,
        padding_mode=layer.padding_mode,
    )
    return layer


# --- orthonormal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(5, 5), (7, 3), (3, 7), (6, 1)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
def test_orthonormal_linear(sizes, orthogonal_map):
    layer = orthonormalize(nn.Linear(*sizes).double(), orthogonal_map=orthogonal_map)
    ones = torch.ones(min(sizes), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.svdvals(layer.weight), ones, rtol=1e-10, atol=0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.3)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(2, sizes[0], dtype=torch.float64)).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(torch.linalg.svdvals(layer.weight), ones, rtol=1e-10, atol=0)


@pytest.mark.parametrize("layer, shape", CONVOLUTIONS, ids=lambda value: str(value)[:40])
def test_orthonormal_convolution_is_a_contraction(layer, shape):
    layer = orthonormalize(copy_of(layer))
    assert 0.2 < norm_of(layer, shape) <= 1.0 + 1e-6
    layer.weight = torch.randn_like(layer.weight)  # a new start is projected
    assert norm_of(layer, shape) <= 1.0 + 1e-6
    layer.float()(torch.zeros(1, *shape)).sum().backward()


def test_orthonormal_patches_keep_norms():
    layer = orthonormalize(nn.Conv2d(2, 8, 2, stride=2, bias=False))
    x = torch.randn(5, 2, 6, 6)
    torch.testing.assert_close(layer(x).flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-5, atol=0)


def test_an_orthonormal_network_keeps_the_norm_of_gradients():
    net = nn.Sequential(nn.Linear(8, 8), MaxMin(), nn.Linear(8, 8), GroupSort(4), nn.Linear(8, 1))
    orthonormalize(net)
    x = torch.randn(20, 8, requires_grad=True)
    with parametrize.cached():
        net(x).sum().backward()
    torch.testing.assert_close(x.grad.norm(dim=1), torch.ones(20), rtol=1e-4, atol=0)
    assert lipschitz_bound(net) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("constrain", [spectral_normalize, orthonormalize])
def test_constraints_refuse(constrain):
    with pytest.raises(BadCritic, match="module is a int"):
        constrain(3)
    with pytest.raises(Unsupported, match="no Linear and no convolution"):
        constrain(nn.ReLU())
    with pytest.raises(Unsupported, match="0 has its weight parametrized already"):
        constrain(nn.Sequential(orthonormalize(nn.Linear(2, 2))))
    with pytest.raises(Unsupported, match="is lazy"):
        constrain(nn.LazyLinear(2))


def test_constraints_refuse_padding_and_options():
    padded = nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect")
    with pytest.raises(Unsupported, match="'reflect'"):
        orthonormalize(padded)
    with pytest.raises(Unsupported, match="'reflect'"):
        spectral_normalize(padded, convolutions="operator")
    with pytest.raises(Unsupported, match="convolutions is 'all'"):
        spectral_normalize(padded, convolutions="all")
    with pytest.raises(Unsupported, match="n_power_iterations is 0"):
        spectral_normalize(padded, n_power_iterations=0)
    with pytest.raises(Unsupported, match="orthogonal_map is 'qr'"):
        orthonormalize(padded, orthogonal_map="qr")


# --- activations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [GroupSort(2), GroupSort(3), GroupSort(12), MaxMin(), Abs()], ids=str)
@pytest.mark.parametrize("shape", [(12,), (12, 3, 2)])
def test_activations_keep_norms(activation, shape):
    x = torch.randn(7, *shape, dtype=torch.float64, requires_grad=True)
    y = activation(x)
    assert y.shape == x.shape
    seen = torch.randn_like(y)
    (gradient,) = torch.autograd.grad(y, x, seen)
    torch.testing.assert_close(gradient.flatten(1).norm(dim=1), seen.flatten(1).norm(dim=1))
    other = torch.randn_like(x)
    moved = (activation(other) - y).flatten(1).norm(dim=1)
    assert (moved <= (other - x).flatten(1).norm(dim=1) * (1 + 1e-12)).all()
    if not isinstance(activation, Abs):
        torch.testing.assert_close(y.sort(1).values, x.sort(1).values)


def test_sorted_groups():
    x = torch.randn(4, 6)
    assert torch.equal(GroupSort(6)(x), x.sort(1).values)
    paired = torch.stack([x[:, :3], x[:, 3:]], 2).flatten(1)
    expected = GroupSort(2)(paired).unflatten(1, (3, 2)).flip(2).transpose(1, 2).flatten(1)
    torch.testing.assert_close(MaxMin()(x), expected, rtol=0, atol=1e-6)


def test_activations_refuse():
    with pytest.raises(Unsupported, match="2 has to divide"):
        MaxMin()(torch.zeros(2, 3))
    with pytest.raises(Unsupported, match="4 has to divide"):
        GroupSort(4)(torch.zeros(2, 6))
    with pytest.raises(Unsupported, match="dimension 1"):
        MaxMin()(torch.zeros(4))
    for size in (0, 1, 2.0, True):
        with pytest.raises(Unsupported, match="group_size is"):
            GroupSort(size)
