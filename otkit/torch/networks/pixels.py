"""How often an image can be halved: what image networks are laid out by."""

from __future__ import annotations

from otkit.errors import Unsupported
from otkit.torch.networks.stack import checked_shape

SMALLEST = 8


def halvings(shape: tuple[int, ...]) -> tuple[tuple[int, int], int]:
    """(base, count): a (C, H, W) image is `count` doublings of `base`, whose smaller side is 4 to 7 pixels.

    8 to 64 and every other power of two end at 4, 28 at 7, 48 at 6; sides need not be equal.

    Raises `Unsupported` for shapes that are no (C, H, W) and sides that do not come down to that.

    >>> halvings((1, 28, 28)), halvings((3, 64, 32))
    (((7, 7), 2), ((8, 4), 3))
    """
    shape = checked_shape(shape)
    if len(shape) != 3:
        raise Unsupported(f"shape is {shape}: images are (C, H, W); kind='mlp' takes any shape.")
    height, width = shape[1:]
    count = 0
    while min(height, width) > 7 and height % 2 == 0 and width % 2 == 0:
        height, width, count = height // 2, width // 2, count + 1
    if not count or min(height, width) > 7:
        raise Unsupported(
            f"shape is {shape}: an image network halves {SMALLEST} pixels or more down to 4 to 7, such as 8, 16, 28, "
            "32, 48, 64. Pad or crop the images, or take kind='mlp'."
        )
    return (height, width), count
