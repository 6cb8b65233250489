"""Modules in files that are read without their Python code: programs of `torch.export`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export
from torch.export.passes import move_to_device_pass

from otkit.errors import BadCritic
from otkit.torch.lines import first_line
from otkit.whole import whole


def save_program(net: nn.Module, path: str, example: torch.Tensor) -> None:
    """Writes net in eval mode, on the CPU, for batches of any number of samples shaped as those of example (k, ...).

    Written whole or not at all; net is left as it is. Raises BadCritic for a module that torch cannot export.
    """
    device, dtype = home(net)
    if example.ndim < 1 or not len(example):
        raise BadCritic(f"example has shape {tuple(example.shape)}: pass (k, ...) samples, one at least.")
    batch = example[:1].to(dtype).to(device).repeat(2, *[1] * (example.ndim - 1))  # torch.export takes 1 for a constant
    try:
        with evaluating(net), torch.no_grad():
            program = export(net, (batch,), dynamic_shapes=({0: Dim("batch")},), strict=False)
        program = move_to_device_pass(program, "cpu")
    except Exception as error:
        raise BadCritic(
            f"net ({type(net).__name__}) cannot be exported, {type(error).__name__}: {first_line(error)}. "
            "Its layers must not depend on values or on the number of points in a batch."
        ) from error
    with whole(Path(path)) as unfinished, open(unfinished, "wb") as handle:
        torch.export.save(program, handle)


def load_program(path: str, device: str | torch.device = "cpu") -> Exported:
    """The module of a .pt2 file on `device`. Raises BadCritic for a file that is none, or not of one batch as input."""
    _check_archive(path)
    logger = getLogger("torch.export")  # which prints a traceback before it raises
    level = logger.level
    logger.setLevel(CRITICAL)
    try:
        program = torch.export.load(path)
        if torch.device(device).type != "cpu":
            program = move_to_device_pass(program, torch.device(device))
        net = Exported(program)
    except Exception as error:
        raise BadCritic(
            f"{path}: torch {torch.__version__} cannot read this program, {type(error).__name__}: "
            f"{first_line(error)}. Write it again with otkit.torch.save_critic."
        ) from error
    finally:
        logger.setLevel(level)
    if len(net.inputs) != 1 or net.inputs[0].ndim < 1:
        raise BadCritic(f"{path}: the program has {len(net.inputs)} inputs: a critic has one, a batch of points.")
    return net


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


def home(net: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of the first floating parameter or buffer."""
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float64


def _check_archive(file: str) -> None:
    """Told here in a sentence, which torch tells in pages."""
    names = []
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    if "archive_format" not in names:
        found = "weights without their network (torch.save)" if "data.pkl" in names else "no exported program"
        raise BadCritic(f"{file}: it holds {found}; write it with otkit.torch.save_critic(net, path, example)")
