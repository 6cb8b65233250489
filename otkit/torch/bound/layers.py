"""Lipschitz constants of layers without a matrix: activations, pools, norms in eval mode, moves of numbers.

Each is the exact supremum of the derivative, or a bound of it, in the l2 norm over a whole sample; rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from otkit.errors import BadCritic, Unsupported
from otkit.torch.activations import Abs, GroupSort, LeakyReLU, MaxMin, ReLU
from otkit.torch.bound.spectrum import matrix_norm, product, strided, symbol_norm
from otkit.torch.bound.windows import overlap

Shape = tuple[int, ...] | None
GELU = {"none": 1.12891, "tanh": 1.12900}  # at x = sqrt(2), and near it
SILU, MISH = 1.09984, 1.08850
SELU = 1.0507009873554805 * 1.6732632423543772
MOST_ENTRIES, MOST_SIDE = 1 << 22, 1024  # of a linear map written out as a matrix

ONE = (
    *(nn.Identity, nn.Flatten, nn.Unflatten, nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Softsign, nn.LogSigmoid),
    *(
        nn.Softshrink,
        nn.Tanhshrink,
        nn.PixelShuffle,
        nn.PixelUnshuffle,
        nn.ChannelShuffle,
        GroupSort,
        MaxMin,
        Abs,
        ReLU,
    ),
    *(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d),
)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
MEAN_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
GLOBAL_MEANS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
GLOBAL_MAXES = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
PADS = (
    *(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
    *(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
)
SAMPLE_NORMS = (
    *(nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LocalResponseNorm),
    nn.RMSNorm,
)


def one(module: nn.Module, shape: Shape) -> float:
    return 1.0


def leaky(module: nn.LeakyReLU, shape: Shape) -> float:
    return max(1.0, abs(module.negative_slope))


def prelu(module: nn.PReLU, shape: Shape) -> float:
    return max(1.0, float(finite(module.weight, "weight").abs().max()))


def elu(module: nn.ELU, shape: Shape) -> float:
    return max(1.0, abs(module.alpha))  # alpha e^x below 0


def celu(module: nn.CELU, shape: Shape) -> float:
    if module.alpha <= 0:
        raise Unsupported(f"alpha is {module.alpha}: below 0 its slope e^(x / alpha) has no bound.")
    return 1.0


def softplus(module: nn.Softplus, shape: Shape) -> float:
    if module.threshold < 20:
        raise Unsupported(
            f"threshold is {module.threshold}: where torch goes over to the identity there is a jump, which is beyond "
            "rounding below 20."
        )
    return 1.0


def gelu(module: nn.GELU, shape: Shape) -> float:
    return GELU[module.approximate]


def constant(value: float) -> Callable[[nn.Module, Shape], float]:
    return lambda module, shape: value


def dropout(module: nn.Module, shape: Shape) -> float:
    if module.training and module.p > 0:
        raise Unsupported("it is random in training mode, another function at each call: call module.eval().")
    return 1.0


def batch_norm(module: nn.Module, shape: Shape) -> float:
    if module.training or module.running_var is None:
        raise Unsupported(
            "it uses the statistics of the batch, so an output is no function of its sample: call .eval()."
        )
    scale = finite(module.running_var, "running_var").add(module.eps).rsqrt()
    if module.affine:
        scale = scale * finite(module.weight, "weight").abs()
    return product(float(scale.max()), 1.0 + 1e-14)


def sample_norm(module: nn.Module, shape: Shape) -> float:
    raise Unsupported(
        "it divides by the spread of each sample, so its slope grows without bound (up to eps) where a sample is "
        "nearly constant: leave it out of a critic that is to be certified."
    )


def mean_pool(module: nn.Module, shape: Shape) -> float:
    r"""A box in each axis: the norms of the axes multiply."""
    dense = dense_norm(module, shape)
    if dense is not None:
        return dense
    dims = MEAN_POOLS.index(_base(module, MEAN_POOLS)) + 1
    kernel, stride, padding = (each(number, dims) for number in (module.kernel_size, module.stride, module.padding))
    if module.ceil_mode or (any(padding) and not module.count_include_pad):
        raise Unsupported("means of windows cut at the border (ceil_mode, count_include_pad=False): pass input_shape.")
    divisor = getattr(module, "divisor_override", None) or math.prod(kernel)
    boxes = [
        symbol_norm(strided(torch.ones(1, 1, 1, k, dtype=torch.float64), (s,), (1,))) for k, s in zip(kernel, stride)
    ]
    return product(*boxes, math.nextafter(1.0 / divisor, math.inf))


def max_pool(module: nn.Module, shape: Shape) -> float:
    """A maximum moves by at most the largest move in its window, and a point is in `overlap` windows."""
    if module.return_indices:
        raise Unsupported("return_indices makes two outputs: leave it out.")
    dims = MAX_POOLS.index(_base(module, MAX_POOLS)) + 1
    axes = zip(each(module.kernel_size, dims), each(module.stride, dims), each(module.dilation, dims))
    return math.nextafter(math.sqrt(math.prod(overlap(*axis) for axis in axes)), math.inf)


def global_mean(module: nn.Module, shape: Shape) -> float:
    dims = GLOBAL_MEANS.index(_base(module, GLOBAL_MEANS)) + 1
    if any(size != 1 for size in each(module.output_size, dims)):
        dense = dense_norm(module, shape)
        if dense is None:
            raise Unsupported("windows of an adaptive mean depend on the size of its input: pass input_shape.")
        return dense
    return 1.0 if shape is None else math.nextafter(1.0 / math.sqrt(math.prod(shape[-dims:])), math.inf)


def global_max(module: nn.Module, shape: Shape) -> float:
    dims = GLOBAL_MAXES.index(_base(module, GLOBAL_MAXES)) + 1
    if module.return_indices or any(size != 1 for size in each(module.output_size, dims)):
        raise Unsupported("windows of an adaptive maximum depend on the size of its input: use MaxPool.")
    return 1.0


def upsample(module: nn.Upsample, shape: Shape) -> float:
    """Every number is repeated `scale` times in each axis."""
    dense = dense_norm(module, shape)
    if dense is not None:
        return dense
    scale = module.scale_factor
    scales = scale if isinstance(scale, tuple) else (scale,)
    if module.mode != "nearest" or scale is None or any(s != int(s) or s < 1 for s in scales):
        raise Unsupported("only 'nearest' with whole scale_factors has a constant for all sizes: pass input_shape.")
    if not isinstance(scale, tuple):
        if shape is None:
            raise Unsupported("scale_factor is one number for axes whose number is not known: make it a tuple.")
        scales = (scale,) * (len(shape) - 1)
    return math.nextafter(math.sqrt(math.prod(scales)), math.inf)


def pad(module: nn.Module, shape: Shape) -> float:
    dense = dense_norm(module, shape)
    if dense is None:
        raise Unsupported("padding that repeats values has no constant for all sizes: use zeros, or pass input_shape.")
    return dense


def dense_norm(linear: Callable[[Tensor], Tensor], shape: Shape) -> float | None:
    """The norm of a linear map (B, *shape) -> (B, ...) written out as a matrix; None without a shape or too large."""
    if shape is None or math.prod(shape) > MOST_ENTRIES:
        return None
    size = math.prod(shape)
    out = linear(torch.zeros(1, *shape, dtype=torch.float64)).numel()
    if size * out > MOST_ENTRIES or min(size, out) > MOST_SIDE:
        return None
    columns = linear(torch.eye(size, dtype=torch.float64).reshape(size, *shape))
    return float(matrix_norm(columns.reshape(size, out)))


def finite(tensor: Tensor, name: str) -> Tensor:
    """In float64 on the CPU; refuses NaN and infinite numbers."""
    if tensor.is_complex():
        raise Unsupported(f"{name} is {tensor.dtype}: real numbers only.")
    tensor = tensor.detach().to("cpu", torch.float64)
    if not bool(tensor.isfinite().all()):
        raise BadCritic(f"{name} holds NaN or infinite numbers: the module has no Lipschitz constant.")
    return tensor


def each(number: int | tuple[int, ...], dims: int) -> tuple[int, ...]:
    """One for each axis.

    >>> each(2, 3), each((2, 1), 2)
    ((2, 2, 2), (2, 1))
    """
    return tuple(number) if isinstance(number, (tuple, list)) else (number,) * dims


def _base(module: nn.Module, kinds: tuple[type, ...]) -> type:
    return next(kind for kind in kinds if isinstance(module, kind))


CONSTANTS: dict[type, Callable[[nn.Module, Shape], float]] = {
    **dict.fromkeys(ONE, one),
    **dict.fromkeys(DROPOUTS, dropout),
    **dict.fromkeys(BATCH_NORMS, batch_norm),
    **dict.fromkeys(SAMPLE_NORMS, sample_norm),
    **dict.fromkeys(MEAN_POOLS, mean_pool),
    **dict.fromkeys(MAX_POOLS, max_pool),
    **dict.fromkeys(GLOBAL_MEANS, global_mean),
    **dict.fromkeys(GLOBAL_MAXES, global_max),
    **dict.fromkeys(PADS, pad),
    nn.LeakyReLU: leaky,
    LeakyReLU: leaky,
    nn.PReLU: prelu,
    nn.ELU: elu,
    nn.CELU: celu,
    nn.SELU: constant(math.nextafter(SELU, math.inf)),
    nn.GELU: gelu,
    nn.SiLU: constant(SILU),
    nn.Mish: constant(MISH),
    nn.Softplus: softplus,
    nn.Sigmoid: constant(0.25),
    nn.Hardsigmoid: constant(math.nextafter(1 / 6, 1.0)),
    nn.Hardswish: constant(1.5),
    nn.Softmax: constant(0.5),  # rows of its Jacobian add up to 2 p (1 - p) in modulus
    nn.Upsample: upsample,
}
