"""The border of the losses: critic outputs by name, checked by shape, dtype and device alone (no wait for a GPU)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TypeVar

import torch

from otkit.errors import BadCritic

HALF = (torch.float16, torch.bfloat16)
Loss = TypeVar("Loss", bound=Callable)


def by_name(loss: Loss) -> Loss:
    """The function, or method, with a refusal of positional tensors that says what to write.

    >>> @by_name
    ... def loss(*, real, fake): ...
    >>> loss(1, 2)
    Traceback (most recent call last):
    TypeError: loss takes its tensors by name, so that real and fake cannot be swapped: loss(real=..., fake=...)
    """
    parameters = inspect.signature(loss).parameters.values()
    required = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    selves = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)

    @functools.wraps(loss)
    def named(*positional: object, **tensors: object) -> object:
        if len(positional) > selves:
            name = loss.__name__
            if selves:
                owner = type(positional[0]).__name__
                name = f"{owner}(...)" if name == "forward" else f"{owner}.{name}"
            call = ", ".join(f"{part}=..." for part in required)
            raise TypeError(
                f"{name} takes its tensors by name, so that real and fake cannot be swapped: {name}({call})"
            )
        return loss(*positional, **tensors)

    return named


def scores(**outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Critic outputs, (B,) or (B, 1), as (B,) in float32 or wider, in the order given; B may differ between them.

    Raises `BadCritic` for what is no tensor, another shape, integers, an empty batch and tensors on different devices.

    >>> [part.shape for part in scores(real=torch.zeros(3, 1), fake=torch.zeros(2))]
    [torch.Size([3]), torch.Size([2])]
    """
    for name, output in outputs.items():
        _check_tensor(name, output)
        if output.ndim not in (1, 2) or (output.ndim == 2 and output.shape[1] != 1):
            raise BadCritic(
                f"{name} has shape {tuple(output.shape)}: a critic gives one number a sample, (B,) or (B, 1). "
                "Embeddings (B, k) belong to the cramer losses."
            )
    _check_devices(outputs)
    return tuple(_wide(output.reshape(-1)) for output in outputs.values())


def embeddings(**outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Embeddings (B, k) of paired samples, of one shape, in float32 or wider, in the order given.

    Raises `BadCritic` as `scores` does, and for shapes that differ.

    >>> embeddings(real=torch.zeros(3, 8), fake=torch.zeros(2, 8))
    Traceback (most recent call last):
    otkit.errors.BadCritic: fake has shape (2, 8) and real (3, 8): row i of one goes with row i of the other.
    """
    first = None
    for name, output in outputs.items():
        _check_tensor(name, output)
        if output.ndim != 2 or not output.shape[1]:
            raise BadCritic(
                f"{name} has shape {tuple(output.shape)}: the cramer losses take embeddings (B, k), such as those of a "
                "critic with critic_features=256."
            )
        first = first or (name, output.shape)
        if output.shape != first[1]:
            raise BadCritic(
                f"{name} has shape {tuple(output.shape)} and {first[0]} {tuple(first[1])}: row i of one goes with "
                "row i of the other."
            )
    _check_devices(outputs)
    return tuple(_wide(output) for output in outputs.values())


def average(values: torch.Tensor, weights: torch.Tensor | None = None, name: str = "weights") -> torch.Tensor:
    """sum w v / sum w over (B,) values, their mean without weights. Weights are (B,), not negative, not all 0.

    >>> average(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0]))
    tensor(2.)
    """
    if weights is None:
        return values.mean()
    _check_tensor(name, weights)
    if weights.shape != values.shape:
        raise BadCritic(f"{name} has shape {tuple(weights.shape)}: one weight a sample, {tuple(values.shape)}.")
    _check_devices({name: weights, "its scores": values})
    weights = _wide(weights)
    return (weights * values).sum() / weights.sum()


def _check_tensor(name: str, output: torch.Tensor) -> None:
    if not isinstance(output, torch.Tensor):
        raise BadCritic(f"{name} is a {type(output).__name__}: pass a tensor, what the critic returns for a batch.")
    if not output.is_floating_point():
        raise BadCritic(f"{name} is {output.dtype}: pass floating-point numbers, what the critic returns for a batch.")
    if output.ndim and not len(output):
        raise BadCritic(f"{name} has shape {tuple(output.shape)}: a batch holds one sample at least.")


def _check_devices(outputs: dict[str, torch.Tensor]) -> None:
    devices = {name: output.device for name, output in outputs.items()}
    if len(set(devices.values())) > 1:
        places = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise BadCritic(f"{places}: bring them to one device, with .to(device).")


def _wide(output: torch.Tensor) -> torch.Tensor:
    return output.float() if output.dtype in HALF else output  # a mean of 256 bfloat16 numbers has 2 digits
