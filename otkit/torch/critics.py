"""Torch modules as functions of points, in memory and in files."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import CRITICAL, getLogger
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export
from torch.export.passes import move_to_device_pass

from otkit.errors import BadCritic, Unsupported

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
        device, dtype = _home(self.net)
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


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Eval mode inside, the training mode of every part restored after."""
    modes = [(part, part.training) for part in net.modules()]
    if not any(training for _, training in modes):
        yield
        return
    net.eval()
    try:
        yield
    finally:
        net.train(modes[0][1])  # a module may do more than set the flag
        for part, training in modes:
            part.training = training


def _home(net: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of the first floating parameter or buffer."""
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float64


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
    device, dtype = _home(net)
    example = torch.as_tensor(example).detach()
    if example.ndim < 1 or not len(example):
        raise BadCritic(f"example has shape {tuple(example.shape)}: pass (k, ...) samples, one at least.")
    batch = example[:1].to(dtype).to(device).repeat(2, *[1] * (example.ndim - 1))  # torch.export takes 1 for a constant
    try:
        with evaluating(net), torch.no_grad():
            program = export(net, (batch,), dynamic_shapes=({0: Dim("batch")},), strict=False)
        program = move_to_device_pass(program, "cpu")
    except Exception as error:
        raise BadCritic(
            f"net ({type(net).__name__}) cannot be exported, {type(error).__name__}: {_first_line(error)}. "
            "Its layers must not depend on values or on the number of points in a batch."
        ) from error
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        with open(unfinished, "wb") as handle:
            torch.export.save(program, handle)
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)


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
    _check_archive(file)
    logger = getLogger("torch.export")  # which prints a traceback before it raises
    level = logger.level
    logger.setLevel(CRITICAL)
    try:
        program = torch.export.load(file)
        if torch.device(device).type != "cpu":
            program = move_to_device_pass(program, torch.device(device))
        net = Exported(program)
    except Exception as error:
        raise BadCritic(
            f"{file}: torch {torch.__version__} cannot read this program, {type(error).__name__}: "
            f"{_first_line(error)}. Write it again with otkit.torch.save_critic."
        ) from error
    finally:
        logger.setLevel(level)
    if len(net.inputs) != 1 or net.inputs[0].ndim < 1:
        raise BadCritic(f"{file}: the program has {len(net.inputs)} inputs: a critic has one, a batch of points.")
    (points,) = net.inputs
    return TorchCritic(net, tuple(map(int, points.shape[1:])), dtype=points.dtype)


class Exported(nn.Module):
    """An exported program as a module: in eval mode for good, and picklable, which `program.module()` is not."""

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        self.program = program
        self.net = program.module()
        names = set(program.graph_signature.user_inputs)
        self.inputs = [node.meta["val"] for node in program.graph.nodes if node.name in names]
        for part in self.modules():
            part.training = False

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.net(points)

    def train(self, mode: bool = True) -> Exported:
        return self

    def __reduce__(self) -> tuple:
        buffer = io.BytesIO()
        torch.export.save(self.program, buffer)
        return _unpickled, (buffer.getvalue(),)


def _unpickled(data: bytes) -> Exported:
    return Exported(torch.export.load(io.BytesIO(data)))


def _file(path: str | os.PathLike) -> str:
    path = os.fspath(path)
    return os.path.join(path, FILE) if os.path.isdir(path) else path


def _check_archive(file: str) -> None:
    """Told here in a sentence, which torch tells in pages."""
    names = []
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    if "archive_format" not in names:
        found = "weights without their network (torch.save)" if "data.pkl" in names else "no exported program"
        raise BadCritic(f"{file}: it holds {found}; write it with otkit.torch.save_critic(net, path, example)")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
