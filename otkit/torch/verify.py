"""`otkit.verify` for torch modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from otkit.duality import verify
from otkit.errors import BadCritic, BadMeasure
from otkit.measures import numbers
from otkit.torch.critics import TorchCritic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import nn

    from otkit.duality import DualityReport


def verify_critic(
    net: nn.Module,
    x: ArrayLike | torch.Tensor,
    y: ArrayLike | torch.Tensor,
    *,
    holdout: tuple | None = None,
    batch_size: int = 4096,
    metric: str | Callable = "euclidean",
    **options: Any,
) -> DualityReport:
    """How much of W_1 between x and y the critic `net` sees: `otkit.verify` with a torch module.

    Parameters
    ----------
    net : a module on any device, of any dtype, that gives one number to each point of a batch. It is called there, in
        eval mode and without gradients; its training mode is restored.
    x, y : (n, d) and (m, d) arrays or tensors, real and generated; or images (n, C, H, W) and (m, C, H, W), which net
        is given in that shape and whose distance is that of the flattened arrays. (n,) is n points (n, 1).
    holdout : (x2, y2) or (x2, y2, a2, b2), unseen samples of the same shape.
    batch_size : points in one call of net.
    metric, options : as of `otkit.verify`: a, b, solver, n_bootstrap, seed, throw.

    Returns
    -------
    DualityReport
        Its `function` is a `TorchCritic`, which takes (k, d) float64 points.

    Raises
    ------
    BadMeasure, BadCritic, NotConverged and the rest, as `otkit.verify`; messages about the critic name net.

    >>> import torch
    >>> net = torch.nn.Linear(2, 1)
    >>> report = verify_critic(net, torch.zeros(8, 2), torch.ones(8, 2))
    >>> report.critic.rescaled <= report.primal, net.training
    (True, True)
    """
    sets = {"x": x, "y": y}
    if isinstance(holdout, tuple | list) and len(holdout) >= 2:  # else otkit.verify says what is wrong with it
        sets |= {"holdout[0]": holdout[0], "holdout[1]": holdout[1]}
    arrays = {name: _samples(value, name) for name, value in sets.items()}
    shape = arrays["x"].shape[1:]
    for name, array in arrays.items():
        if array.shape[1:] != shape:
            raise BadMeasure(f"{name} has samples of shape {array.shape[1:]} and x of {shape}: they must agree.")
    flat = [array.reshape(len(array), -1) for array in arrays.values()]
    unseen = (*flat[2:], *holdout[2:]) if flat[2:] else holdout
    critic = TorchCritic(net, shape, batch_size)
    try:
        return verify(*flat[:2], critic=critic, holdout=unseen, metric=metric, **options)
    except BadCritic as error:
        if isinstance(error.__cause__, BadCritic):  # net raised, and TorchCritic has said so
            raise error.__cause__ from error.__cause__.__cause__
        raise BadCritic(f"net{str(error).removeprefix('critic')}") from error


def _samples(value: object, name: str) -> np.ndarray:
    """(n, ...) float64; what is wrong beyond that, `otkit.verify` says."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        value = value.detach().cpu().double()  # NumPy has no bfloat16
    array = numbers(value, name)
    if array.ndim == 0 or array.size == 0:
        raise BadMeasure(f"{name} has shape {array.shape}: samples are (n, d), or images (n, C, H, W), with n >= 1.")
    return array.reshape(-1, 1) if array.ndim == 1 else array
