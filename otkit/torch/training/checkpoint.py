"""Checkpoints: written whole or not at all, read without running anybody's code."""

from __future__ import annotations

import errno
import zipfile
from pathlib import Path
from typing import Any

import torch

from otkit.errors import Unsupported
from otkit.torch.lines import first_line
from otkit.torch.training.whole import written_whole

FILE = "checkpoint.pt"
FORMAT = "otkit training checkpoint 1"


def write(folder: Path, state: dict[str, Any]) -> None:
    """Replaces the folder's checkpoint by `state`, tensors and plain values. A full disk leaves the old one."""
    with written_whole(folder / FILE) as unfinished, open(unfinished, "wb") as handle:
        try:
            torch.save({"format": FORMAT, **state}, handle)
        except RuntimeError as error:  # torch's writer, whose own error hides that of the disk
            hidden = error.__context__
            raise hidden if isinstance(hidden, OSError) else OSError(errno.EIO, first_line(error)) from None


def read(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, None where there is none."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch's reader passes over bytes that have changed
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"its part {damaged} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file can make a reader raise has no end
        raise Unsupported(
            f"{path}: no checkpoint that can be read ({type(error).__name__}: {first_line(error)}). Restore the file, "
            "or start the run again in another folder."
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise Unsupported(f"{path}: this file was not written by this version's trainer. Start in another folder.")
    return state
