"""Torch modules as functions of points, in memory and in files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from otkit.errors import BadCritic, Unsupported
from otkit.torch.programs import evaluating, home, load_program, save_program

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FILE = "critic.pt2"  # its name in the folder of a training run


@dataclass(frozen=True, eq=False)
class TorchCritic:
    """A torch module as a function of (k, d) float64 points, as `otkit.verify` takes them; picklable if the module is.

    Attributes
    ----------
    net : the module. It is called in eval mode (its training mode is restored), without gradients, where it lives.
    shape : of one sample as net takes it, such as (1, 28, 28); points are unflattened to it. None: (d,).
    batch_size : points in one call of net.
    dtype : of the points as net takes them; None: that of net's first floating parameter, float64 without any.

    >>> import torch
    >>> TorchCritic(torch.nn.Flatten(0), shape=(1,))([[1.0], [2.0]])
    array([1., 2.])
    """

    net: nn.Module
    shape: tuple[int, ...] | None = None
    batch_size: int = 4096
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.net, nn.Module):
            raise BadCritic(
                f"net is a {type(self.net).__name__}: pass a torch.nn.Module. Other functions: otkit.verify(critic=)."
            )
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise Unsupported(f"batch_size is {self.batch_size!r}: points in one call, a whole number from 1 on.")

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """Net's values at (k, d) points, (k,) float64; as net shapes them where that is not one number a point."""
        points = torch.as_tensor(np.asarray(points, dtype=np.float64))
        shape = tuple(points.shape[1:]) if self.shape is None else self.shape
        if prod(points.shape[1:]) != prod(shape):
            raise BadCritic(
                f"net ({type(self.net).__name__}) takes samples of shape {shape}, {prod(shape)} numbers each, and is "
                f"given {prod(points.shape[1:])}."
            )
        points = points.reshape(-1, *shape)
        with evaluating(self.net), torch.no_grad():
            batches = [self._values(batch) for batch in points.split(self.batch_size)]
        values = np.concatenate(batches)
        return values.reshape(-1) if values.size == len(values) else values

    def _values(self, batch: torch.Tensor) -> np.ndarray:
        device, dtype = home(self.net)
        batch = batch.to(self.dtype or dtype).to(device)
        called = (
            f"net ({type(self.net).__name__}), given a batch of shape {tuple(batch.shape)}, {batch.dtype}, {device},"
        )
        try:
            out = self.net(batch)
        except Exception as error:
            raise BadCritic(f"{called} raised {type(error).__name__}: {error}") from error
        if not isinstance(out, torch.Tensor) or out.ndim == 0:
            found = f"a {type(out).__name__}" if not isinstance(out, torch.Tensor) else "a single number"
            raise BadCritic(f"{called} returned {found}: a critic returns a tensor, one number a point.")
        return out.detach().cpu().double().numpy()


def save_critic(net: nn.Module, path: str | os.PathLike, example: ArrayLike | torch.Tensor) -> None:
    """Writes net to a .pt2 file that is read without its Python code: `torch.export`, in eval mode, on the CPU.

    Parameters
    ----------
    net : a module that gives one number to each point, on any device; it is left as it is.
    path : the file, ending in .pt2, or an existing folder, which gets `critic.pt2`. Written whole or not at all.
    example : (k, ...) samples as net takes them, k >= 1: the shape of one is fixed, the number in a batch is free.

    Raises
    ------
    BadCritic : a module that torch cannot export, such as one whose branches depend on values.

    >>> import tempfile, torch
    >>> net = torch.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_critic(net, folder, torch.zeros(1, 2))
    ...     load_critic(folder)([[0.0, 0.0], [1.0, 2.0]]).shape
    (2,)
    """
    path = _file(path)
    if not path.lower().endswith(".pt2"):
        raise Unsupported(f"path is {path}: an exported critic is a .pt2 file; name it {os.path.splitext(path)[0]}.pt2")
    TorchCritic(net)
    save_program(net, path, torch.as_tensor(example).detach())


def load_critic(path: str | os.PathLike, device: str | torch.device = "cpu") -> TorchCritic:
    """The critic of a .pt2 file, or of the `critic.pt2` in a folder, on `device`.

    Reads what `save_critic` writes, and any program of `torch.export.save` whose one input is a batch of any size.

    Raises
    ------
    BadCritic : no such file, or no exported program of that kind; one that this version of torch cannot read.
    """
    file = _file(path)
    if not os.path.exists(file):
        inside = " (a folder of a run holds its critic under this name)" if file != os.fspath(path) else ""
        raise BadCritic(f"{file}: no such file{inside}")
    net = load_program(file, device)
    (points,) = net.inputs
    return TorchCritic(net, tuple(map(int, points.shape[1:])), dtype=points.dtype)


def _file(path: str | os.PathLike) -> str:
    path = os.fspath(path)
    return os.path.join(path, FILE) if os.path.isdir(path) else path
