"""In what arrays a call gets its data, and how its text becomes something that runs. All of it before the clock."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.calls import Call
from benchmarks.tools import TOOLS

ARRAYS = ("x", "y", "a", "b", "C")


def installed(call: Call) -> bool:
    """The tool, and the library whose arrays it is given."""
    return TOOLS[call.tool].installed and find_spec(call.backend) is not None


def cast(call: Call, names: dict[str, Any]) -> dict[str, Any]:
    """The arrays among the names, in the call's precision and kind."""
    given = {name: names[name].astype(call.dtype, copy=False) for name in ARRAYS if name in names}
    if call.backend == "torch":
        import torch

        return {name: torch.as_tensor(array) for name, array in given.items()}
    if call.backend == "jax":
        import jax

        with jax.enable_x64(call.dtype == "float64"):
            return {name: jax.numpy.asarray(array) for name, array in given.items()}
    return given


def solver(call: Call, names: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """A function of the names at the time of the run. JAX's is compiled here, and waits for its end."""
    code = compile(call.solve, call.text, "eval")
    if call.backend != "jax":
        return lambda now: eval(code, now)
    import jax

    arrays = {name: names[name] for name in ARRAYS if name in names}
    with jax.enable_x64(call.dtype == "float64"):
        run = jax.jit(lambda traced: eval(code, {**names, **traced})).lower(arrays).compile()
    return lambda now: jax.block_until_ready(run(arrays))


def plain(array: Any) -> np.ndarray:
    """NumPy float64 of whatever a tool returned."""
    return np.asarray(array.detach() if hasattr(array, "detach") else array, dtype=np.float64)
