"""Samples of whatever the caller holds, as float32: arrays, tensors, bytes of images, files, folders of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from otkit import measures
from otkit.errors import BadMeasure, Unsupported

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def inputs_of(batch: Any) -> Any:
    """The samples of a batch that may hold labels as well."""
    return batch[0] if isinstance(batch, tuple | list) else batch


def as_samples(value: Any, name: str) -> torch.Tensor:
    """(n, ...) float32 on the CPU; floats are kept as they are, bytes of images become numbers from -1 to 1."""
    if isinstance(value, dict):
        raise BadMeasure(
            f"{name} is a dictionary ({', '.join(map(str, value))}): let the data set give its samples first."
        )
    if isinstance(value, torch.Tensor) and value.dtype in (torch.float32, torch.uint8):
        array = value.detach().cpu()
    elif isinstance(value, np.ndarray) and value.dtype == np.uint8:
        array = torch.from_numpy(np.ascontiguousarray(value))
    else:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().double()
        array = torch.from_numpy(np.ascontiguousarray(measures.numbers(value, name), dtype=np.float32))
    if array.ndim == 0 or array.numel() == 0:
        raise BadMeasure(f"{name} has shape {tuple(array.shape)}: samples are (n, ...), one at least.")
    if array.dtype == torch.uint8:
        array = array.float() / 127.5 - 1.0
    if not bool(torch.isfinite(array).all()):
        raise BadMeasure(f"{name} has entries that are NaN or infinite in float32. Drop or rescale them first.")
    return array.reshape(-1, 1) if array.ndim == 1 else array


def read(path: str | os.PathLike) -> torch.Tensor:
    """Samples of a file as `otkit distance` reads it, of an .npy file of any shape, or of a folder of images, which are
    (n, C, H, W) from -1 to 1."""
    if os.path.isdir(path):
        return _images(Path(path))
    stack = _stack(path)
    if stack is not None:
        return as_samples(stack, os.fspath(path))
    from otkit.files import read_table

    return as_samples(read_table(os.fspath(path)).values, os.fspath(path))


def _stack(path: str | os.PathLike) -> np.ndarray | None:
    """The array of an .npy file where a sample is more than a row; tables, and what cannot be read, are left aside."""
    if not os.fspath(path).lower().endswith(".npy"):
        return None
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return np.array(array) if array.ndim > 2 else None


def _images(folder: Path) -> torch.Tensor:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
    if not files:
        raise BadMeasure(f"{folder}: no image in this folder; {', '.join(IMAGES)} are read.")
    try:
        from PIL import Image
    except ImportError:
        raise Unsupported(f"{folder}: images are read with Pillow; install it with: pip install pillow") from None
    arrays = []
    for file in files:
        try:
            with Image.open(file) as image:
                grey = image.mode in ("1", "L", "I", "I;16", "LA")
                array = np.asarray(image.convert("L" if grey else "RGB"))
        except OSError as error:
            raise BadMeasure(f"{file}: no readable image ({error}).") from None
        arrays.append(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
        if arrays[-1].shape != arrays[0].shape:
            raise BadMeasure(
                f"{file} has {arrays[-1].shape} channels and pixels and {files[0].name} {arrays[0].shape}: "
                "images of a folder must be of one size."
            )
    return as_samples(np.stack(arrays), str(folder))
