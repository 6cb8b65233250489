"""Geometry of convolutions: kernels, strides, and how often a window sees one point."""

from __future__ import annotations

import math

from torch.nn.modules.conv import _ConvNd

from otkit.errors import Unsupported

REFUSED_PADDING = ("reflect", "replicate")


def overlap(kernel: int, stride: int, dilation: int) -> int:
    """Most windows that see one point: ceil(kernel gcd(stride, dilation) / stride).

    Window m sees s m + d j for j < kernel, so the j that see a given point are congruent modulo s / gcd(s, d).

    >>> overlap(4, 2, 1), overlap(3, 1, 2), overlap(2, 2, 2)
    (2, 3, 2)
    """
    return -(-kernel * math.gcd(stride, dilation) // stride)


def repeats(conv: _ConvNd, size: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """How often circular padding, beyond what keeps the size, computes one output again: 1 for each axis without it.

    The padded convolution has n + e outputs on a ring of n points, e = 2 p - d (k - 1); torch wants p <= n.
    """
    if conv.padding_mode != "circular" or isinstance(conv.padding, str):
        return (1,) * len(conv.kernel_size)
    found = []
    for axis, (k, d, p) in enumerate(zip(conv.kernel_size, conv.dilation, conv.padding)):
        extra = 2 * p - d * (k - 1)
        found.append(1 if extra <= 0 else 1 + -(-extra // (max(p, 1) if size is None else size[axis])))
    return tuple(found)


def patch_overlap(conv: _ConvNd) -> int:
    """Most patches (rows of im2col) that one number of the input is in, so the norm of im2col is at most its root.

    The stride is not counted under circular padding, where windows may meet at the seam.
    """
    refuse_padding(conv)
    count = 1
    for k, s, d, again in zip(conv.kernel_size, conv.stride, conv.dilation, repeats(conv)):
        count *= overlap(k, 1 if conv.padding_mode == "circular" else s, d) * again
    return count


def refuse_padding(conv: _ConvNd) -> None:
    if conv.padding_mode in REFUSED_PADDING:
        raise Unsupported(
            f"{type(conv).__name__} pads with padding_mode={conv.padding_mode!r}, which repeats values at the border: "
            "its norm depends on the size of the input. Use 'zeros' or 'circular'."
        )
