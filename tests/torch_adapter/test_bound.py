"""lipschitz_bound: never below the truth, close to it where theory says so, and what it refuses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from otkit.errors import BadCritic, Unsupported
from otkit.torch import GroupSort, MaxMin, Residual, lipschitz_bound, networks_for, orthonormalize, spectral_normalize
from otkit.torch.activations import Abs
from otkit.torch.bound import layers
from otkit.torch.bound.spectrum import matrix_norm, symbol_norm

FEW = settings(max_examples=150, deadline=None)


def written_out(module, shape):
    """The largest singular value of an affine module as a matrix: LAPACK's, from forward passes in float64."""
    module = module.double()
    size = math.prod(shape)
    with torch.no_grad():
        zero = module(torch.zeros(1, *shape, dtype=torch.float64))
        columns = module(torch.eye(size, dtype=torch.float64).reshape(size, *shape)) - zero
    return torch.linalg.matrix_norm(columns.reshape(size, -1), 2).item()


# --- matrices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 7), (7, 30), (64, 64)])
@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_matrix_norm_is_above_and_close(shape, scale):
    matrix = torch.randn(5, *shape, dtype=torch.float64) * scale
    true = torch.linalg.matrix_norm(matrix, 2)
    bound = matrix_norm(matrix)
    assert (bound >= true).all() and (bound <= true * (1 + 1e-9)).all()


def test_matrix_norm_of_known_matrices():
    assert matrix_norm(torch.zeros(3, 2)).item() == 0.0
    assert 5.0 <= matrix_norm(torch.diag(torch.tensor([5.0, 1.0, -4.0]))).item() <= 5.0 + 1e-12
    ones = matrix_norm(torch.ones(300, 200, dtype=torch.bfloat16)).item()
    assert math.sqrt(60000) <= ones <= math.sqrt(60000) * (1 + 1e-8)


def test_torch_estimates_from_below_and_this_does_not():
    """Two singular values close together: the power iteration of `spectral_norm` has not converged after its start."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 40, bias=False)
    with torch.no_grad():
        q, r = (torch.linalg.qr(torch.randn(40, 40)).Q for _ in range(2))
        layer.weight.copy_(q @ torch.diag(torch.linspace(1.0, 1.1, 40)) @ r)
    original = layer.weight.detach().double()
    spectral_normalize(layer).eval()
    estimate = (original.norm() / layer.weight.double().norm()).item()
    true = torch.linalg.matrix_norm(original, 2).item()
    assert estimate < true * (1 - 1e-3)
    steep = torch.linalg.matrix_norm(layer.weight.double(), 2).item()
    assert steep > 1.001, "the layer that is said to have norm 1"
    assert steep <= lipschitz_bound(layer) <= steep * (1 + 1e-9)


def test_reading_the_bound_moves_no_power_iteration():
    net = spectral_normalize(nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 1)))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert lipschitz_bound(net) == lipschitz_bound(net, (5,))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(part.training for part in net.modules())


# --- convolutions --------------------------------------------------------------------------------------------------


@st.composite
def convolutions(draw, dims):
    """(layer, input shape), every option drawn; sizes that torch takes."""
    groups = draw(st.sampled_from([1, 1, 2]))
    channels = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 4)) for _ in range(dims)]
    stride = [draw(st.integers(1, 3)) for _ in range(dims)]
    dilation = [draw(st.integers(1, 2)) for _ in range(dims)]
    sides = [draw(st.integers(1, 9 if dims == 1 else 5)) for _ in range(dims)]
    mode = draw(st.sampled_from(["zeros", "circular", "transposed"]))
    torch.manual_seed(draw(st.integers(0, 999)))
    if mode == "transposed":
        padding = [draw(st.integers(0, min(k - 1, 1))) for k in kernel]
        extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation)]
        kind = (nn.ConvTranspose1d, nn.ConvTranspose2d)[dims - 1]
        layer = kind(*channels, kernel, stride, padding, extra, groups, dilation=dilation)
        sides = [max(n, 2) for n in sides]
        return layer, (channels[0], *sides)
    padding = [draw(st.integers(0, min(n, 4))) for n in sides]
    sides = [max(n, d * (k - 1) + 1 - 2 * p) for n, k, d, p in zip(sides, kernel, dilation, padding)]
    kind = (nn.Conv1d, nn.Conv2d)[dims - 1]
    layer = kind(*channels, kernel, stride, padding, dilation, groups, padding_mode=mode)
    return layer, (channels[0], *sides)


def check_convolution(layer, shape):
    true = written_out(layer, shape)
    everywhere, here = lipschitz_bound(layer), lipschitz_bound(layer, shape)
    assert everywhere >= true * (1 - 1e-12)
    assert true * (1 - 1e-12) <= here <= true * (1 + 1e-9)


@FEW
@given(convolutions(1))
def test_convolutions_on_the_line(case):
    check_convolution(*case)


@FEW
@given(convolutions(2))
def test_convolutions_in_the_plane(case):
    check_convolution(*case)


@settings(max_examples=40, deadline=None)
@given(convolutions(1))
def test_convolutions_of_known_but_large_inputs(case):
    layer, shape = case
    true = written_out(layer, shape)
    before, layers.MOST_SIDE = layers.MOST_SIDE, 0  # as if the matrix were too large
    try:
        assert lipschitz_bound(layer, shape) >= true * (1 - 1e-12)
    finally:
        layers.MOST_SIDE = before


@pytest.mark.parametrize(
    "layer, side",
    [
        (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), 16),
        (nn.Conv2d(3, 2, 4, padding="same", padding_mode="circular"), 16),
        (nn.Conv1d(3, 4, 5, padding=2), 200),
        (nn.Conv1d(3, 4, 4, 2, 1), 200),
        (nn.ConvTranspose1d(3, 2, 4, 2, 1), 150),
        (nn.Conv2d(2, 3, 2, 2), 12),
        (nn.Conv1d(2, 4, 3, dilation=3, padding=3, groups=2), 200),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bound_for_all_sizes_is_tight(layer, side):
    """Within 0.1 % of the supremum, which a large input nearly reaches."""
    torch.manual_seed(0)
    layer.reset_parameters()
    bound = lipschitz_bound(layer)
    true = written_out(layer, (layer.in_channels, *[side] * len(layer.kernel_size)))
    assert true <= bound <= 1.012 * true


def test_symbol_of_a_box():
    """A mean of k values has norm 1 at frequency 0; a flat symbol, of one shifted value, is bounded as well."""
    for k in (2, 3, 5, 9):
        assert 1.0 <= symbol_norm(torch.full((1, 1, 1, k), 1.0 / k, dtype=torch.float64)) <= 1.002
    shift = torch.zeros(1, 1, 1, 3, 3)
    shift[..., 0, 2] = 2.0
    assert 2.0 <= symbol_norm(shift) <= 2.0 * 1.01
    assert symbol_norm(torch.zeros(1, 2, 2, 3)) == 0.0


def test_symbol_when_work_is_short_is_still_a_bound():
    torch.manual_seed(0)
    for dims in (1, 2, 3):
        kernel = torch.randn(1, 2, 2, *[3] * dims, dtype=torch.float64)
        rough, fine = symbol_norm(kernel, work=0.0), symbol_norm(kernel)
        assert fine <= rough <= 1.6 * fine
        grid = torch.fft.fftn(kernel, s=[24] * dims, dim=tuple(range(3, 3 + dims)))
        matrices = grid.flatten(3).movedim(-1, 0)
        assert torch.linalg.matrix_norm(matrices, 2).max().item() <= fine


def test_circular_padding_beyond_the_size_repeats_outputs():
    layer = nn.Conv1d(1, 1, 1, padding=3, padding_mode="circular", bias=False)
    nn.init.constant_(layer.weight, 1.0)
    assert written_out(layer, (1, 3)) == pytest.approx(math.sqrt(3))
    assert lipschitz_bound(layer) == pytest.approx(math.sqrt(3))
    assert lipschitz_bound(layer.float(), (1, 3)) == pytest.approx(math.sqrt(3))


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_padding_that_repeats(mode):
    layer = nn.Conv1d(2, 3, 3, padding=2, padding_mode=mode)
    with pytest.raises(Unsupported, match=rf"module \(Conv1d\): .*{mode}"):
        lipschitz_bound(layer)
    assert lipschitz_bound(layer, (2, 6)) == pytest.approx(written_out(layer, (2, 6)), rel=1e-8, abs=0)


# --- layers without a matrix ---------------------------------------------------------------------------------------

SMOOTH = [
    *(nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.LeakyReLU(-3.0), nn.PReLU(), nn.Hardtanh(), nn.Tanh(), Abs()),
    *(nn.Sigmoid(), nn.Hardsigmoid(), nn.Hardswish(), nn.ELU(), nn.ELU(2.0), nn.CELU(0.5), nn.SELU(), nn.GELU()),
    *(nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Softplus(), nn.Softplus(3.0), nn.LogSigmoid(), nn.Softshrink()),
    *(nn.Tanhshrink(), nn.Identity(), nn.Softsign()),
]


@pytest.mark.parametrize("activation", SMOOTH, ids=str)
def test_activations(activation):
    """The largest difference quotient on a fine grid, from below; a tenth of a percent above it at most."""
    x = torch.linspace(-8, 8, 160001, dtype=torch.float64)
    with torch.no_grad():
        y = activation.double()(x)
    steepest = (y.diff().abs() / x.diff()).max().item()
    bound = lipschitz_bound(activation)
    assert steepest * (1 - 1e-9) <= bound <= steepest * 1.001


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.AvgPool1d(3, 1, 1), (2, 9)),
        (nn.AvgPool2d(2), (1, 6, 6)),
        (nn.AvgPool2d(3, 2, 1), (2, 7, 8)),
        (nn.AvgPool2d((2, 3), divisor_override=2), (1, 6, 6)),
        (nn.AdaptiveAvgPool2d(1), (2, 3, 4)),
        (nn.Upsample(scale_factor=(2.0, 3.0)), (1, 3, 4)),
        (nn.ZeroPad2d(2), (1, 2, 3)),
        (nn.PixelShuffle(2), (4, 3, 3)),
        (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 6))), (3, 4)),
        (nn.BatchNorm1d(3).eval(), (3, 4)),
        (nn.BatchNorm2d(3, affine=False).eval(), (3, 2, 2)),
    ],
    ids=lambda value: str(value)[:50],
)
def test_linear_layers_without_weights(layer, shape):
    torch.manual_seed(0)
    for part in layer.modules():
        if getattr(part, "running_var", None) is not None:
            part.running_var.uniform_(0.1, 2.0)
            if part.affine:
                nn.init.normal_(part.weight)
    true = written_out(layer, shape)
    assert lipschitz_bound(layer) >= true * (1 - 1e-12)
    assert true * (1 - 1e-12) <= lipschitz_bound(layer, shape) <= true * (1 + 1e-6)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3, 4)),
        (nn.Upsample(size=5), (2, 3)),
        (nn.AdaptiveAvgPool1d(2), (1, 5)),
        (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (1, 5, 5)),
        (nn.AvgPool1d(3, 2, ceil_mode=True), (1, 6)),
        (nn.ReflectionPad1d(2), (1, 4)),
        (nn.ReplicationPad2d(1), (1, 3, 3)),
        (nn.CircularPad1d(2), (1, 4)),
    ],
    ids=lambda value: str(value)[:50],
)
def test_layers_that_need_the_shape(layer, shape):
    with pytest.raises(Unsupported, match="input_shape"):
        lipschitz_bound(layer)
    assert lipschitz_bound(layer, shape) == pytest.approx(written_out(layer, shape), rel=1e-8, abs=0)


POOLS = [
    *((nn.MaxPool2d(2), 1.0), (nn.MaxPool2d(3, 2), 2.0), (nn.MaxPool1d(3, 1), 3**0.5)),
    (nn.MaxPool1d(2, 2, dilation=2), 2**0.5),
]


@pytest.mark.parametrize("layer, constant", POOLS, ids=str)
def test_max_pools_reach_their_constant(layer, constant):
    """One peak that is the largest of all windows it is in."""
    shape = (1, 1, *[9] * (2 if isinstance(layer, nn.MaxPool2d) else 1))
    peak = torch.zeros(shape)
    peak[(0, 0, *[4] * (len(shape) - 2))] = 1.0
    assert (layer(peak) - layer(torch.zeros(shape))).norm().item() == pytest.approx(constant)
    assert lipschitz_bound(layer) == pytest.approx(constant)


# --- networks ------------------------------------------------------------------------------------------------------


def steepest(net, shape, count=300, seed=0):
    """The largest slope between points, near and far, and the largest gradient norm: lower bounds of the truth."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    step = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    net = net.double()
    slopes = [0.0]
    with torch.no_grad():
        for size in (1e-4, 1.0):
            moved = (net(x + size * step) - net(x)).flatten(1).norm(dim=1)
            slopes.append((moved / (size * step).flatten(1).norm(dim=1)).max().item())
    x.requires_grad_()
    scores = net(x)
    if scores.numel() == count:
        (gradient,) = torch.autograd.grad(scores.sum(), x)
        slopes.append(gradient.flatten(1).norm(dim=1).max().item())
    return max(slopes)


NETWORKS = {
    "mlp": (nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 16), nn.ELU(), nn.Linear(16, 1)), (4,)),
    "residual": (
        nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1),
            Residual(nn.Sequential(nn.ReLU(), nn.Conv1d(4, 4, 3, padding=1))),
            Residual(nn.Sequential(nn.SiLU(), nn.Conv1d(4, 4, 3, 2, 1)), nn.Conv1d(4, 4, 1, 2)),
            nn.Flatten(),
            nn.Linear(16, 1),
        ),
        (2, 8),
    ),
    "image": (
        nn.Sequential(
            *(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), MaxMin()),
            *(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1)),
        ).eval(),
        (1, 14, 14),
    ),
    "generator": (nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 4)), nn.ConvTranspose1d(2, 1, 4, 2, 1)), (3,)),
    "sorted": (orthonormalize(nn.Sequential(nn.Linear(4, 12), GroupSort(3), nn.Linear(12, 1))), (4,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    net, shape = NETWORKS[name]
    net = net.double()
    everywhere, here = lipschitz_bound(net), lipschitz_bound(net, shape)
    found = steepest(net, shape)
    assert found <= here * (1 + 1e-9) and here <= everywhere * (1 + 1e-9)
    assert found > here / 60, "the bound is of this network"


@pytest.mark.parametrize(
    "shape, kind", [((3,), "mlp"), ((1, 16, 16), "dcgan"), ((1, 16, 16), "resnet"), ((3, 12), "sequence")]
)
def test_the_critics_of_this_package(shape, kind):
    options = {"hidden": (16, 16)} if kind == "mlp" else {"width": 4}
    _, critic = networks_for(shape, kind=kind, **options)
    bound = lipschitz_bound(critic)
    assert steepest(critic, shape) <= bound < math.inf
    assert lipschitz_bound(critic, shape) <= bound * (1 + 1e-9)


def test_a_residual_adds_and_a_sequential_multiplies():
    def times(factor):
        layer = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            layer.weight.copy_(factor * torch.eye(2))
        return layer

    assert lipschitz_bound(nn.Sequential(times(2.0), times(3.0))) == pytest.approx(6.0)
    assert lipschitz_bound(Residual(times(2.0), times(3.0))) == pytest.approx(5.0)
    assert lipschitz_bound(Residual(nn.Sequential(times(2.0), Residual(times(1.0))))) == pytest.approx(5.0)
    assert lipschitz_bound(nn.Sequential()) == 1.0


# --- refusals ------------------------------------------------------------------------------------------------------


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class DoubledConvolution(nn.Conv1d):
    def _conv_forward(self, x, weight, bias):
        return 2 * super()._conv_forward(x, weight, bias)


class Reversed(nn.Sequential):
    def __iter__(self):
        return reversed(list(super().__iter__()))


class Named(nn.Linear):
    """Nothing but another constructor."""

    def __init__(self):
        super().__init__(2, 2)


class Own(nn.Module):
    def forward(self, x):
        return x


def hooked():
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda module, inputs, output: 2 * output)
    return layer


def patched():
    layer = nn.Linear(2, 2)
    layer.forward = lambda x: 2 * functional.linear(x, layer.weight)
    return layer


def spoilt():
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.bias, 0.0)
    nn.init.constant_(layer.weight, math.nan)
    return layer


@pytest.mark.parametrize(
    "module, words",
    [
        (nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), r"module\.1 \(LayerNorm\): it divides by the spread"),
        (nn.Sequential(nn.GroupNorm(1, 2)), r"module\.0 \(GroupNorm\)"),
        (nn.Sequential(nn.Sequential(Own())), r"module\.0\.0 is a Own, whose Lipschitz constant is not known"),
        (nn.LSTM(2, 2), "module is a LSTM"),
        (nn.MultiheadAttention(2, 1), "is a MultiheadAttention"),
        (nn.Bilinear(2, 2, 1), "is a Bilinear"),
        (nn.Hardshrink(), "is a Hardshrink"),
        (nn.LazyLinear(2), "is a LazyLinear"),
        (nn.ModuleList([nn.Linear(2, 2)]), "is a ModuleList"),
        (Doubled(2, 2), r"Doubled, which computes otherwise than Linear \(forward\)"),
        (DoubledConvolution(1, 1, 1), r"otherwise than Conv1d \(_conv_forward\)"),
        (Reversed(nn.ReLU()), r"otherwise than Sequential \(__iter__\)"),
        (hooked(), "forward hook"),
        (nn.utils.spectral_norm(nn.Linear(2, 2)), "forward hook"),
        (patched(), "not known"),
        (nn.Sequential(nn.Dropout(0.5)), r"module\.0 \(Dropout\): it is random in training mode"),
        (nn.BatchNorm1d(2), "statistics of the batch"),
        (nn.BatchNorm1d(2, track_running_stats=False).eval(), "statistics of the batch"),
        (nn.CELU(-1.0), "alpha is -1.0"),
        (nn.Softplus(threshold=1.0), "threshold is 1.0"),
        (nn.MaxPool1d(2, return_indices=True), "return_indices"),
        (nn.AdaptiveMaxPool1d(3), "adaptive maximum"),
        (nn.Linear(2, 2, dtype=torch.complex64), "real numbers only"),
        (nn.Sequential(Residual(Own())), r"module\.0\.branch is a Own"),
    ],
)
def test_refuses(module, words):
    with pytest.raises(Unsupported, match=words):
        lipschitz_bound(module)


def test_refuses_what_has_no_constant():
    with pytest.raises(BadCritic, match=r"module \(Linear\): weight holds NaN"):
        lipschitz_bound(spoilt())
    with pytest.raises(BadCritic, match="module is a function"):
        lipschitz_bound(lambda x: x)
    with pytest.raises(BadCritic, match=r"samples of shape \(3,\)"):
        lipschitz_bound(nn.Linear(2, 2), (3,))
    with pytest.raises(BadCritic, match="input_shape is"):
        lipschitz_bound(nn.Linear(2, 2), (0,))


def test_harmless_wrappers_are_seen_through():
    layer = Named()
    bound = lipschitz_bound(layer)
    assert bound == lipschitz_bound(nn.DataParallel(layer)) == lipschitz_bound(torch.compile(layer, backend="eager"))
    assert lipschitz_bound(nn.Dropout(0.0)) == lipschitz_bound(nn.Dropout(0.5).eval()) == 1.0
