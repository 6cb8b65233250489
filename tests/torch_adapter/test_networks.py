"""Networks: shapes over a grid, what a critic may hold, first weights, and what is refused."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import otkit.torch.networks as networks
from otkit.errors import Unsupported
from otkit.torch.networks import MLP, DCGANCritic, DCGANGenerator, Residual, ResNetCritic, networks_for
from otkit.torch.networks.layers import activation, he_, linear_layers
from otkit.torch.networks.pixels import halvings

IMAGES = [(1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 32, 32), (3, 48, 48), (3, 64, 64), (2, 16, 32)]
SMALL = {"mlp": {"hidden": (16, 8)}, "dcgan": {"width": 4}, "resnet": {"width": 4}, "sequence": {"width": 4}}
GRID = [
    *(("mlp", shape) for shape in [(1,), (2,), (7,), (4, 5), (1, 8, 8), (2, 3, 2, 2)]),
    *((kind, shape) for kind in ("dcgan", "resnet") for shape in IMAGES),
    *(("sequence", shape) for shape in [(1, 1), (4, 30), (3, 17)]),
]
KINDS = [("mlp", (2,)), ("dcgan", (1, 16, 16)), ("resnet", (1, 16, 16)), ("sequence", (4, 12))]


def pair(kind, shape, **options):
    torch.manual_seed(0)
    return networks_for(shape, kind=kind, **{"noise_dim": 5, **SMALL[kind], **options})


def size(*nets):
    return sum(parameter.numel() for net in nets for parameter in net.parameters())


# --- shapes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, shape", GRID)
def test_shapes(kind, shape):
    generator, critic = pair(kind, shape)
    samples = generator(torch.randn(3, 5))
    assert samples.shape == (3, *shape) and samples.isfinite().all()
    assert (generator.noise_dim, generator.shape, critic.shape, critic.features) == (5, shape, shape, 1)
    values = critic(samples)
    assert values.shape == (3, 1) and values.isfinite().all()


@pytest.mark.parametrize("kind, shape", KINDS)
def test_features_and_dtype(kind, shape):
    generator, critic = (net.double() for net in pair(kind, shape, critic_features=6))
    values = critic(generator(torch.randn(3, 5, dtype=torch.float64)))
    assert values.shape == (3, 6) and values.dtype == torch.float64


@pytest.mark.parametrize("kind, shape", KINDS)
def test_sizes_are_read(kind, shape):
    options = [{"width": 4, "depth": 1}, {"width": 4, "depth": 2}, {"width": 8, "depth": 2}]
    if kind == "mlp":
        options = [{"hidden": (16,)}, {"hidden": (16, 16)}, {"hidden": (16, 32)}]
    generators, critics = zip(*(pair(kind, shape, **given) for given in options))
    for nets in (generators, critics):
        assert size(nets[0]) < size(nets[1]) < size(nets[2])


@pytest.mark.parametrize(
    "shape, name, noise_dim",
    [
        ((1,), "MLP", 2),
        ((2,), "MLP", 2),
        ((50,), "MLP", 50),
        ((3000,), "MLP", 128),
        ((4, 30), "Sequence", 128),
        ((1, 8, 8), "DCGAN", 128),
        ((3, 64, 64), "DCGAN", 128),
        ((1, 5, 5), "MLP", 128),
        ((1, 25, 25), "MLP", 128),
        ((1, 4, 4, 4), "MLP", 128),
    ],
)
def test_auto(shape, name, noise_dim):
    generator, critic = networks_for(shape)
    assert (type(generator).__name__, type(critic).__name__) == (f"{name}Generator", f"{name}Critic")
    assert generator.noise_dim == noise_dim and networks.kind_for(shape) == name.lower()


@pytest.mark.parametrize("output, low", [("tanh", -1), ("sigmoid", 0)])
@pytest.mark.parametrize("kind, shape", KINDS)
def test_output_range(kind, shape, output, low):
    generator, _ = pair(kind, shape, output=output)
    samples = generator(100 * torch.randn(8, 5))
    assert samples.min() >= low and samples.max() <= 1
    assert type(generator[-1]).__name__.lower() == output


def test_softmax_is_over_letters():
    generator, _ = pair("sequence", (4, 12), output="softmax")
    assert torch.allclose(generator(torch.randn(3, 5)).sum(1), torch.ones(3, 12), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "side, base, count",
    [(8, 4, 1), (16, 4, 2), (28, 7, 2), (32, 4, 3), (64, 4, 4), (128, 4, 5), (24, 6, 2), (48, 6, 3), (20, 5, 2)],
)
def test_halvings(side, base, count):
    assert halvings((1, side, side)) == ((base, base), count)


# --- what a critic may hold ----------------------------------------------------------------------------------------

PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ReLU, nn.LeakyReLU, nn.AvgPool2d, nn.Flatten, nn.Identity)


@pytest.mark.parametrize("kind, shape", GRID)
def test_a_critic_is_made_of_what_can_be_bounded(kind, shape):
    _, critic = pair(kind, shape)
    for part in critic.modules():
        assert isinstance(part, (*PLAIN, nn.Sequential, Residual)), part
        assert not isinstance(part, nn.Sequential) or type(part).forward is nn.Sequential.forward


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("kind, shape", GRID)
def test_no_batch_norm_in_a_critic(kind, shape, norm):
    _, critic = pair(kind, shape, critic_norm=norm)
    assert not any("BatchNorm" in type(part).__name__ for part in critic.modules())
    x = torch.randn(4, *shape)
    alone = torch.cat([critic(sample[None]) for sample in x])
    assert torch.allclose(critic(x), alone, rtol=1e-4, atol=1e-5)  # a sample's value is its own


@pytest.mark.parametrize("kind, shape", KINDS)
def test_norms_of_a_generator(kind, shape):
    for norm, expected in (("batch", "BatchNorm"), ("layer", "GroupNorm")):
        generator, _ = pair(kind, shape, generator_norm=norm)
        assert any(expected in type(part).__name__ for part in generator.modules())
    generator, _ = pair(kind, shape, generator_norm="none")
    assert not any("Norm" in type(part).__name__ for part in generator.modules())


@pytest.mark.parametrize("kind, shape", KINDS)
def test_activations_are_replaced(kind, shape):
    generator, critic = pair(kind, shape, critic_activation=nn.SiLU)
    kinds = {type(part) for part in critic.modules()}
    assert nn.SiLU in kinds and not kinds & {nn.ReLU, nn.LeakyReLU}
    generator = type(generator)(shape, noise_dim=5, activation="elu", **SMALL[kind])
    kinds = {type(part) for part in generator.modules()}
    assert nn.ELU in kinds and nn.ReLU not in kinds


@pytest.mark.parametrize("kind, shape", KINDS)
def test_dropout_is_the_critics(kind, shape):
    generator, critic = pair(kind, shape, dropout=0.5)
    assert not any(isinstance(part, nn.Dropout) for part in generator.modules())
    x = torch.randn(3, *shape)
    assert not torch.equal(critic(x), critic(x))
    critic.eval()
    assert torch.equal(critic(x), critic(x)) and torch.equal(critic(x), pair(kind, shape)[1](x))


def test_activations_of_the_papers():
    for kind, shape in KINDS:
        parts = list(pair(kind, shape)[1].modules())
        found = [any(isinstance(part, activation) for part in parts) for activation in (nn.LeakyReLU, nn.ReLU)]
        assert found == [kind == "dcgan", kind != "dcgan"]


@pytest.mark.parametrize("kind, shape", KINDS)
def test_maxmin(kind, shape):
    from otkit.torch.activations import MaxMin

    _, critic = pair(kind, shape, critic_activation="maxmin")
    assert any(isinstance(part, MaxMin) for part in critic.modules())
    assert critic(torch.randn(3, *shape)).shape == (3, 1)


def test_first_weights_of_maxmin_are_orthonormal():
    critic = MLP(8, 1, hidden=(8, 8), activation="maxmin")
    for layer in linear_layers(critic)[:-1]:
        assert torch.allclose(layer.weight @ layer.weight.T, torch.eye(8), rtol=0, atol=1e-5)


# --- gradients and first weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("kind, shape", [*KINDS, ("dcgan", (1, 8, 8)), ("resnet", (1, 28, 28))])
def test_gradients_reach_every_parameter(kind, shape, norm):
    generator, critic = pair(kind, shape, generator_norm=norm, critic_norm="none" if norm == "batch" else norm)
    x = torch.randn(16, *shape)
    (critic(x).tanh().sum() + (generator(torch.randn(16, 5)) * x).tanh().sum()).backward()
    for net in (generator, critic):
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().max() > 1e-5, name


@pytest.mark.parametrize("kind, shape", KINDS)
def test_seeds(kind, shape):
    first, again = pair(kind, shape), pair(kind, shape)
    torch.manual_seed(1)
    other = networks_for(shape, kind=kind, noise_dim=5, **SMALL[kind])
    for net, same, changed in zip(first, again, other):
        assert all(torch.equal(p, q) for p, q in zip(net.parameters(), same.parameters()))
        assert not all(torch.equal(p, q) for p, q in zip(net.parameters(), changed.parameters()))


def test_sizes_of_the_papers():
    generator, critic = networks_for((2,))
    assert size(critic) == 3 * 512 + 2 * 513 * 512 + 513
    assert size(generator) == 3 * 512 + 2 * 513 * 512 + 2 * 513
    generator, critic = networks_for((3, 32, 32), kind="resnet")
    conv = 9 * 128 * 128
    assert sum(layer.weight.numel() for layer in linear_layers(critic)) == (
        (27 * 128 + conv + 3 * 128) + (2 * conv + 128 * 128) + 2 * 2 * conv + 128
    )
    assert sum(layer.weight.numel() for layer in linear_layers(generator)) == (
        128 * 4 * 4 * 128 + 3 * (2 * conv + 128 * 128) + 9 * 128 * 3
    )


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "tanh"])
def test_first_weights_keep_the_variance(kind):
    torch.manual_seed(0)
    net = nn.Sequential(*(part for _ in range(6) for part in (activation(kind), nn.Linear(256, 256))))
    he_(net, kind)
    with torch.no_grad():
        assert 0.5 < net(torch.randn(2000, 256)).std() < 2  # torch's own weights leave 0.1 with relu


def test_transposed_convolutions_keep_the_variance():
    torch.manual_seed(0)
    generator = DCGANGenerator((3, 64, 64), noise_dim=64, width=16, norm="none")
    with torch.no_grad():
        assert 0.5 < generator(torch.randn(16, 64)).std() < 2.5


def test_dcgan_weights_are_the_papers():
    torch.manual_seed(0)
    generator = DCGANGenerator((3, 32, 32), width=16)
    for layer in linear_layers(generator):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1, abs=0)
        assert layer.bias is None or not layer.bias.any()


def test_a_residual_is_a_sum():
    branch, shortcut, x = nn.Linear(3, 2), nn.Linear(3, 2), torch.randn(4, 3)
    assert torch.equal(Residual(branch, shortcut)(x), shortcut(x) + branch(x))
    assert torch.equal(Residual(nn.Tanh())(x), x + x.tanh())
    assert isinstance(Residual(branch).shortcut, nn.Identity)


# --- in use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, shape", KINDS)
def test_pickle_and_state(kind, shape, tmp_path):
    generator, critic = pair(kind, shape)
    x, z = torch.randn(3, *shape), torch.randn(3, 5)
    assert torch.equal(pickle.loads(pickle.dumps(critic))(x), critic(x))
    torch.save(generator.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(7)
    other, _ = networks_for(shape, kind=kind, noise_dim=5, **SMALL[kind])
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other.eval()(z), generator.eval()(z))


@pytest.mark.parametrize("kind, shape", KINDS)
def test_critics_are_exported(kind, shape, tmp_path):
    from otkit.torch import load_critic, save_critic

    _, critic = pair(kind, shape)
    x = torch.randn(3, *shape)
    save_critic(critic, tmp_path, x)
    values = load_critic(tmp_path)(x.reshape(3, -1))
    assert np.allclose(values, critic(x).detach().numpy().reshape(-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind, shape", KINDS)
def test_spectral_norm_and_double_backward(kind, shape):
    _, critic = pair(kind, shape)
    for layer in linear_layers(critic):
        nn.utils.parametrizations.spectral_norm(layer)
    x = torch.randn(3, *shape, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    weights = [layer.parametrizations.weight.original.grad for layer in linear_layers(critic)]
    assert slope.isfinite().all() and all(grad is not None and grad.isfinite().all() for grad in weights)


@pytest.mark.parametrize("kind, shape", [*KINDS, ("dcgan", (1, 8, 8)), ("resnet", (1, 28, 28))])
@pytest.mark.parametrize("activation", [None, "maxmin"])
def test_critics_have_a_certified_bound(kind, shape, activation):
    from otkit.torch import lipschitz_bound

    _, critic = pair(kind, shape, critic_activation=activation)
    bound = lipschitz_bound(critic, input_shape=shape)
    x = torch.randn(20, *shape, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x)
    assert 0 < slope.flatten(1).norm(dim=1).max() <= bound < 1e4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind, shape", KINDS)
def test_the_same_on_a_gpu(kind, shape):
    generator, critic = (net.double() for net in pair(kind, shape))
    z = torch.randn(3, 5, dtype=torch.float64)
    values = critic(generator(z)).detach()
    there = critic.cuda()(generator.cuda()(z.cuda())).detach()
    assert there.is_cuda and torch.allclose(there.cpu(), values, rtol=1e-8, atol=1e-10)


def test_parts_of_an_mlp():
    net = MLP(2, 3, hidden=(8, 4), norm="layer")
    assert [type(part).__name__ for part in net] == [*("Linear", "GroupNorm", "ReLU") * 2, "Linear"]
    assert type(net[:2]) is nn.Sequential and isinstance(net[-1], nn.Linear)
    assert MLP(2, 3, hidden=())(torch.zeros(4, 2)).shape == (4, 3)


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, options, message",
    [
        (2, {}, r"shape is 2.*\(2,\)"),
        ((), {}, "one number at least"),
        ((0,), {}, r"shape\[0\] is 0"),
        ((1, -8, 8), {}, r"shape\[1\] is -8"),
        ((2,), {"kind": "gan"}, "kind is 'gan'.*auto, mlp, dcgan, resnet, sequence"),
        ((2,), {"kind": "dcgan"}, r"images are \(C, H, W\)"),
        ((4, 30), {"kind": "resnet"}, r"images are \(C, H, W\)"),
        ((1, 8, 8), {"kind": "sequence"}, r"sequences are \(C, L\)"),
        ((1, 25, 25), {"kind": "dcgan"}, "Pad or crop"),
        ((1, 7, 7), {"kind": "resnet"}, "8 pixels or more"),
        ((1, 8, 9), {"kind": "resnet"}, "8 pixels or more"),
        ((2,), {"width": 3}, "width is no size of kind 'mlp', which has hidden"),
        ((1, 8, 8), {"hidden": (3,)}, "hidden is no size of kind 'dcgan', which has width and depth"),
        ((2,), {"hidden": (3, 0)}, r"hidden\[1\] is 0"),
        ((2,), {"noise_dim": 0}, "noise_dim is 0"),
        ((1, 8, 8), {"noise_dim": 0}, "noise_dim is 0"),
        ((1, 8, 8), {"width": 2.5}, "width is 2.5"),
        ((1, 8, 8), {"depth": -1}, "depth is -1"),
        ((2,), {"critic_features": 0}, "critic_features is 0"),
        ((2,), {"output": "clip"}, "output is 'clip'.*none, tanh"),
        ((2,), {"output": "softmax"}, "for sequences"),
        ((2,), {"critic_activation": "relu6"}, "activation is 'relu6'.*maxmin"),
        ((2,), {"critic_activation": nn.ReLU()}, r"activation is ReLU\(\).*pass a class"),
        ((2,), {"critic_activation": lambda: 3}, "makes the module"),
        ((2,), {"generator_norm": "instance"}, "generator_norm is 'instance'"),
        ((2,), {"dropout": 1.0}, "dropout is 1.0"),
        ((2,), {"critic_norm": "batch"}, "batch norm makes the critic's value of one sample depend on the others"),
        ((2,), {"width": 3, "depth": 1, "critic_norm": "batch"}, "width is no size.*depth is no size.*critic_norm"),
    ],
)
def test_refused(shape, options, message):
    with pytest.raises(Unsupported, match=message):
        networks_for(shape, **options)


@pytest.mark.parametrize("critic", [DCGANCritic, ResNetCritic])
def test_critics_refuse_a_batch_norm(critic):
    with pytest.raises(Unsupported, match="batch norm"):
        critic((1, 8, 8), norm="batch")


def test_lazy_names():
    import otkit.torch

    for name in networks.__all__:
        assert getattr(otkit.torch, name) is getattr(networks, name) and name in dir(otkit.torch)
