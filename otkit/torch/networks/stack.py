"""What generators and critics have in common: a `torch.nn.Sequential` that knows the shape of a sample."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

from torch import nn

from otkit.errors import Unsupported

OUTPUTS = {"none": None, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softmax": lambda: nn.Softmax(1)}


class Stack(nn.Sequential):
    """`torch.nn.Sequential` of the layers that are there; a slice of it is a plain Sequential.

    >>> Stack([nn.Flatten(), None, nn.ReLU()])[1:]
    Sequential(
      (0): ReLU()
    )
    """

    def __init__(self, layers: Iterable[nn.Module | None]) -> None:
        super().__init__(*(layer for layer in layers if layer is not None))

    def __getitem__(self, index: int | slice) -> nn.Module:
        return nn.Sequential(*list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)


class Generator(Stack):
    """A stack from noise (B, noise_dim) to samples (B, *shape).

    Attributes
    ----------
    noise_dim : numbers of one noise vector.
    shape : of one sample.
    """

    def __init__(self, layers: Iterable[nn.Module | None], noise_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__(layers)
        self.noise_dim, self.shape = noise_dim, tuple(shape)


class Critic(Stack):
    """A stack from samples (B, *shape) to (B, features): (B, 1) for a number a sample, which all losses take.

    Attributes
    ----------
    shape : of one sample.
    features : numbers a sample; more than 1 is an embedding, as the cramer losses take it.
    """

    def __init__(self, layers: Iterable[nn.Module | None], shape: tuple[int, ...], features: int) -> None:
        super().__init__(layers)
        self.shape, self.features = tuple(shape), features


def checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one sample as whole numbers from 1 on; raises `Unsupported` for anything else."""
    if isinstance(shape, Integral):
        raise Unsupported(f"shape is {shape}: pass the shape of one sample as a tuple, ({shape},) for points.")
    shape = tuple(shape)
    if not shape:
        raise Unsupported("shape is (): a sample has one number at least, (1,).")
    positive(**{f"shape[{axis}]": side for axis, side in enumerate(shape)})
    return tuple(map(int, shape))


def output_layer(output: str, shape: tuple[int, ...]) -> nn.Module | None:
    """The last layer of a generator: none, tanh, sigmoid, or softmax over the channels of a sequence.

    >>> output_layer("tanh", (2,))
    Tanh()
    """
    if output not in OUTPUTS:
        raise Unsupported(f"output is {output!r}: choose one of {', '.join(OUTPUTS)}.")
    if output == "softmax" and len(shape) != 2:
        raise Unsupported(f"output='softmax' is for sequences (C, L) of one-hot letters, and shape is {shape}.")
    layer = OUTPUTS[output]
    return layer() if layer else None


def positive(**sizes: int) -> None:
    """Raises `Unsupported` that names the sizes that are no whole numbers from 1 on.

    >>> positive(width=0)
    Traceback (most recent call last):
    otkit.errors.Unsupported: width is 0: a whole number from 1 on.
    """
    wrong = [f"{k} is {v!r}" for k, v in sizes.items() if isinstance(v, bool) or not isinstance(v, Integral) or v < 1]
    if wrong:
        raise Unsupported(f"{', '.join(wrong)}: a whole number from 1 on.")
