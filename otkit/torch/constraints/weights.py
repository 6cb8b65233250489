"""Layers whose weights have norm 1 by construction, on torch's own parametrizations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrizations, parametrize

from otkit.errors import BadCritic, Unsupported
from otkit.torch.bound.windows import patch_overlap

CONVOLUTIONS = ("matrix", "operator")


def spectral_normalize(module: nn.Module, *, convolutions: str = "matrix", n_power_iterations: int = 1) -> nn.Module:
    r"""Divides every weight of module by an estimate of its spectral norm, in place; returns module.

    .. math:: \bar W = W / \sigma(W), \qquad \sigma \approx u^\top W v \text{ by power iteration}

    `torch.nn.utils.parametrizations.spectral_norm` on every Linear, Conv and ConvTranspose. One step of the iteration a
    training forward pass, O(size of the weights). The estimate lies *below* the norm, so a normalised layer can be
    steeper than 1: `lipschitz_bound` certifies what it is.

    Parameters
    ----------
    convolutions : what of a convolution is normalised.
        "matrix" : the weight reshaped to (C_out, C_in k_1 k_2), as in the paper. This is NOT the norm of the
            convolution, which is up to sqrt(overlap) times that of the matrix, overlap = prod ceil(k / stride): 3 times
            for a 3 x 3 kernel of stride 1.
        "operator" : the matrix is divided by sqrt(overlap) too, so the convolution is a contraction for any input size
            (up to the estimate), though perhaps well below 1. Zero and circular padding only.
    n_power_iterations : steps in each training forward pass.

    Raises
    ------
    BadCritic : no module. Unsupported : no layer that has a weight to normalise; weights parametrized already; an
    unknown option; reflecting or replicating padding under "operator".

    Source: Miyato et al. 2018; Tsuzuku, Sato, Sugiyama 2018 (norm of a convolution and of its matrix).

    >>> layer = spectral_normalize(nn.Linear(3, 3), n_power_iterations=50)
    >>> round(torch.linalg.matrix_norm(layer.weight, 2).item(), 4)
    1.0
    """
    if convolutions not in CONVOLUTIONS:
        raise Unsupported(f"convolutions is {convolutions!r}: pass 'matrix' (as the paper) or 'operator'.")
    if isinstance(n_power_iterations, bool) or not isinstance(n_power_iterations, int) or n_power_iterations < 1:
        raise Unsupported(f"n_power_iterations is {n_power_iterations!r}: a whole number from 1 on.")
    layers = _layers(module)
    operator = convolutions == "operator"
    overlaps = [patch_overlap(layer) if operator and isinstance(layer, _ConvNd) else 1 for layer in layers]
    for layer, overlap in zip(layers, overlaps):
        # the matrix that im2col is multiplied with has its rows on axis 0, of a transposed convolution too
        axis = 0 if operator else None
        parametrizations.spectral_norm(layer, "weight", n_power_iterations=n_power_iterations, dim=axis)
        if overlap > 1:
            parametrize.register_parametrization(layer, "weight", Scaled(1.0 / math.sqrt(overlap)))
    return module


def orthonormalize(module: nn.Module, *, orthogonal_map: str | None = None) -> nn.Module:
    r"""Makes every weight of module orthonormal, in place: all its singular values are 1. Returns module.

    .. math:: W W^\top = I \ (\text{no more rows than columns}), \qquad W^\top W = I \ (\text{else})

    `torch.nn.utils.parametrizations.orthogonal` on every Linear; with `GroupSort` between them a network is 1-Lipschitz
    and keeps the norm of gradients. A convolution's weight is reshaped, for each group, to the matrix (C_out,
    C_in k_1 k_2), made orthonormal, and divided by sqrt(overlap), overlap = prod ceil(k / stride): a contraction for
    any input size, which keeps norms where windows do not overlap (k = stride). Zero and circular padding only.

    orthogonal_map : "matrix_exp", "cayley" or "householder", as torch has it. None: householder where one side is 16
    times the other or more, cayley else. Forward and backward through (512, 512) take 26 ms with cayley, 180 with
    householder, 340 with matrix_exp, torch's own choice (one core); (512, 2) takes 2 ms with householder.

    The weights are computed anew each time a layer is called, O(max(m, n) min(m, n)^2) for householder and
    O(max(m, n)^3) else: inside `torch.nn.utils.parametrize.cached()` once.

    Raises `BadCritic` and `Unsupported` as `spectral_normalize` does.

    Source: Anil, Lucas, Grosse 2019; Lezcano-Casado and Martinez-Rubio 2019; Li et al. 2019 (reshaped kernels).

    >>> layer = orthonormalize(nn.Linear(5, 3))
    >>> torch.linalg.svdvals(layer.weight.detach()).round(decimals=4)
    tensor([1., 1., 1.])
    """
    if orthogonal_map not in (None, "matrix_exp", "cayley", "householder"):
        raise Unsupported(f"orthogonal_map is {orthogonal_map!r}: 'matrix_exp', 'cayley', 'householder' or None.")
    layers = _layers(module)
    overlaps = [patch_overlap(layer) if isinstance(layer, _ConvNd) else 1 for layer in layers]
    for layer, overlap in zip(layers, overlaps):
        if isinstance(layer, nn.Linear):
            parametrizations.orthogonal(layer, "weight", orthogonal_map or _fastest(layer.weight))
        else:
            kernel = OrthonormalKernel(layer.weight, layer.groups, 1.0 / math.sqrt(overlap), orthogonal_map)
            parametrize.register_parametrization(layer, "weight", kernel)
    return module


class Scaled(nn.Module):
    """The parametrization W -> factor W."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.factor

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight / self.factor


class OrthonormalKernel(nn.Module):
    """The parametrization of a convolution's weight as (groups, rows, columns) orthonormal matrices times a factor."""

    def __init__(self, weight: Tensor, groups: int, factor: float, orthogonal_map: str | None) -> None:
        super().__init__()
        self.shape, self.groups, self.factor = tuple(weight.shape), groups, factor
        holder = nn.Module()  # torch hands out its orthogonal parametrization on a module's tensor only
        holder.weight = nn.Parameter(self._matrices(weight.detach()).clone())
        parametrizations.orthogonal(holder, "weight", orthogonal_map or _fastest(holder.weight))
        self.orthogonal = holder.parametrizations.weight[0]

    def forward(self, matrices: Tensor) -> Tensor:
        return (self.orthogonal(matrices) * self.factor).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return self.orthogonal.right_inverse(self._matrices(weight) / self.factor)

    def _matrices(self, weight: Tensor) -> Tensor:
        return weight.reshape(self.groups, self.shape[0] // self.groups, -1)


def _fastest(matrix: Tensor) -> str:
    small, large = sorted(matrix.shape[-2:])
    return "householder" if 16 * small <= large else "cayley"


def _layers(module: nn.Module) -> list[nn.Module]:
    if not isinstance(module, nn.Module):
        raise BadCritic(f"module is a {type(module).__name__}: pass a torch.nn.Module.")
    layers = []
    for name, part in module.named_modules():
        if isinstance(part, (nn.Linear, _ConvNd)):
            if parametrize.is_parametrized(part) or not isinstance(part._parameters.get("weight"), nn.Parameter):
                raise Unsupported(f"{name or 'module'} has its weight parametrized already: use one constraint.")
            if isinstance(part.weight, nn.parameter.UninitializedParameter):
                raise Unsupported(f"{name or 'module'} is lazy: run one batch through it first.")
            if not torch.is_floating_point(part.weight):
                raise Unsupported(f"{name or 'module'} has a weight of {part.weight.dtype}: real numbers only.")
            layers.append(part)
    if not layers:
        raise Unsupported(f"module ({type(module).__name__}) has no Linear and no convolution to normalise.")
    return layers
