"""What a critic says of samples: a function called, or values given, as one finite number a point."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from otkit.errors import BadCritic
from otkit.measures import numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    CriticLike = Callable[[np.ndarray], ArrayLike] | tuple[ArrayLike, ArrayLike]


def scored(critic: CriticLike, x: np.ndarray, y: np.ndarray, names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """The critic's values at x (n,) and y (m,). Samples are handed over in the shape the caller gave them, copied."""
    if not callable(critic):
        return tuple(_checked(side, points, name) for side, points, name in zip(pair(critic), (x, y), names))
    values = []
    for points, name in ((x, names[0]), (y, names[1])):
        try:
            raw = critic(points.copy())
        except Exception as error:
            hint = " A torch module is verified by otkit.torch.verify_critic." if hasattr(critic, "state_dict") else ""
            raise BadCritic(
                f"critic raised {type(error).__name__} when called with {name}, an array of shape {points.shape}: "
                f"{error}.{hint}"
            ) from error
        values.append(_checked(raw, points, name))
    return values[0], values[1]


def pair(critic: object) -> tuple[object, object]:
    """The two arrays of a critic that is given by its values."""
    if isinstance(critic, tuple | list) and len(critic) == 2:
        return critic[0], critic[1]
    raise BadCritic(
        f"critic is {_described(critic)}: pass a function of (k, d) points, or a pair (values at x, values at y)."
    )


def _described(critic: object) -> str:
    shape = getattr(critic, "shape", None)
    return f"one array of shape {tuple(shape)}" if shape is not None else f"a {type(critic).__name__}"


def _checked(raw: object, points: np.ndarray, name: str) -> np.ndarray:
    """One finite float64 a point, or which value is not."""
    label = f"critic({name})"
    if raw is None:
        raise BadCritic(f"{label} is None: the critic must return one number a point.")
    if hasattr(raw, "detach"):
        raw = raw.detach().cpu()
        raw = raw if raw.is_complex() else raw.double()
    try:
        shape = np.shape(raw)
    except ValueError:
        raise BadCritic(f"{label} is ragged: a critic gives one number to each point.") from None
    if shape not in ((len(points),), (len(points), 1)):
        raise BadCritic(
            f"{label} has shape {shape} but {name} has {len(points)} points. A critic gives one number to each point."
        )
    array = np.asarray(raw)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array.reshape(-1)))
        raise BadCritic(
            f"{label} is NaN or infinite at {bad.size} of {len(points)} points, first {float(array.flat[bad[0]])} at "
            f"{name}[{bad[0]}]. Look at the critic there: an exploded network, a logarithm of 0."
        )
    return numbers(array, label, BadCritic).reshape(-1)
