"""Weight clipping, the constraint of the first WGAN."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

from otkit.errors import BadCritic, Unsupported


def clip_weights_(module: nn.Module, limit: float) -> nn.Module:
    """Moves every parameter of module into [-limit, limit], in place, biases included; returns module.

    Two fused calls for all parameters; no memory. It bounds the slope, but by no constant near 1: see
    `lipschitz_bound`.

    Raises
    ------
    BadCritic : no module.
    Unsupported : a limit that is not positive; parametrized weights (spectral_normalize, orthonormalize), which stay as
        they are when what they are computed from is clipped.

    Source: Arjovsky, Chintala, Bottou 2017.

    >>> net = nn.Linear(3, 1)
    >>> clip_weights_(net, 0.01).weight.abs().max().item() <= 0.01
    True
    """
    if not isinstance(module, nn.Module):
        raise BadCritic(f"module is a {type(module).__name__}: pass a torch.nn.Module.")
    if not (math.isfinite(limit) and limit > 0):
        raise Unsupported(f"limit is {limit!r}: pass a positive number, such as the paper's 0.01.")
    for name, part in module.named_modules():
        if parametrize.is_parametrized(part):
            raise Unsupported(
                f"{name or 'module'} has parametrized weights: clipping what they are computed from does not clip "
                "them. Use one constraint, not two."
            )
    clamp_([parameter for parameter in module.parameters() if parameter.is_floating_point()], limit)
    return module


def clamp_(parameters: list[nn.Parameter], limit: float) -> None:
    """`clip_weights_` of parameters that were looked at before: a trainer calls it every step."""
    if parameters:
        with torch.no_grad():
            torch._foreach_clamp_max_(parameters, limit)
            torch._foreach_clamp_min_(parameters, -limit)
