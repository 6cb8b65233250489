"""What a generator is trained on, as it is typed: a table, images, or a toy whose samples are fresh at every step."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from otkit.cli.messages import nearest
from otkit.errors import BadMeasure, OtkitError, Unsupported
from otkit.files import read_arrays, read_pair, read_table, split_spec

TOY = "toy:"
TOYS = {
    "eight-gaussians": "eight_gaussians",
    "twentyfive-gaussians": "twentyfive_gaussians",
    "swiss-roll": "swiss_roll",
    "half-moons": "half_moons",
    "s-curve": "s_curve",
}


@dataclass(frozen=True)
class Source:
    """samples: (n, ...), or a function of a number and a NumPy generator; held_out: (k, ...) or None for a share."""

    samples: Any
    held_out: Any
    toy: Any  # with centres, whose modes are counted
    notes: tuple[str, ...]


def is_toy(spec: str) -> bool:
    return spec.startswith(TOY) and not os.path.exists(spec)


def toy_of(spec: str) -> Callable:
    """The function of `otkit.datasets` that makes it."""
    import otkit.datasets

    name = spec.removeprefix(TOY)
    if name not in TOYS:
        raise Unsupported(f"{spec}: no such toy; {nearest(name, TOYS)}")
    return getattr(otkit.datasets, TOYS[name])


def read_source(spec: str, holdout: str | None, header: str) -> Source:
    """Reads what is to be trained on, and held-out samples where a file of them is named."""
    if is_toy(spec):
        make = toy_of(spec)
        toy = make(1)
        held_out, notes = (None, ()) if holdout is None else _read(holdout, header)
        return Source(
            lambda n, random: make(n, seed=random).samples, held_out, toy if len(toy.centers) else None, notes
        )
    if holdout is not None and not (_holds_images(spec) or _holds_images(holdout)):
        try:
            both = read_pair(spec, holdout, header=header)
        except OtkitError as error:
            raise type(error)(str(error).replace("X and Y", "DATA and --holdout")) from None
        return Source(both.x, both.y, None, both.notes)
    samples, notes = _read(spec, header)
    held_out, more = (None, ()) if holdout is None else _read(holdout, header)
    return Source(samples, held_out, None, notes + more)


def _read(spec: str, header: str) -> tuple[Any, tuple[str, ...]]:
    if os.path.isdir(spec):
        from otkit.torch.training.samples import read

        return read(spec), ()
    array = _array(spec)
    if array is None:
        table = read_table(spec, header=header)
        return table.values, table.notes
    if array.ndim != 3:
        return array, ()
    channels, length = array.shape[1:]
    told = f"taken for sequences of {channels} channels; images are told by --set shape=1,{channels},{length}"
    return array, (f"{spec}: samples of shape {array.shape[1:]} are {told}",)


def _holds_images(spec: str) -> bool:
    return os.path.isdir(spec) or _array(spec) is not None


def _array(spec: str) -> np.ndarray | None:
    """The array of a NumPy file that is no table, having more than two dimensions."""
    path, key = split_spec(spec)
    suffix = os.path.splitext(path)[1].lower()
    try:
        if suffix == ".npy" and key is None:
            array = np.load(path, allow_pickle=False, mmap_mode="r")
        elif suffix == ".npz":
            (array,) = read_arrays(path, (key,))
        else:
            return None
    except (OSError, ValueError):  # told by the reader of tables
        return None
    if array.ndim <= 2:
        return None
    if array.size == 0 or array.ndim > 4:
        raise BadMeasure(f"{spec}: the array has shape {array.shape}; samples are (n, d), (n, C, L) or (n, C, H, W)")
    return np.array(array)
