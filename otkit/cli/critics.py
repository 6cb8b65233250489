"""Critics that a person names in the shell: a function in a Python file, values in an .npz file, a torch critic."""

import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from otkit.columns import listing
from otkit.errors import BadCritic, OtkitError, Unsupported

FORMS = "file.py:name, values.npz (arrays x and y), a .pt2 file or the folder of a training run"
_SPEC = re.compile(r"(?P<path>.+\.(?:py|npz|pt2)):(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ADVICE = {
    ".npy": "values at x and at y are two arrays: numpy.savez('values.npz', x=..., y=...)",
    ".pt": "write the network with its weights: otkit.torch.save_critic(net, 'critic.pt2', example)",
    ".pth": "write the network with its weights: otkit.torch.save_critic(net, 'critic.pt2', example)",
    ".ipynb": "put the function into a .py file",
}


def split_critic(spec: str) -> tuple[str, str | None]:
    """The path and, after the colon, the name or keys. A file of exactly that name wins.

    >>> split_critic("nets/critic.py:score")
    ('nets/critic.py', 'score')
    """
    match = None if os.path.exists(spec) else _SPEC.fullmatch(spec)
    return (match["path"], match["rest"]) if match else (spec, None)


def read_critic(spec: str) -> Callable | tuple:
    """A function of (k, d) points, or the pair (values at x, values at y). Raises `BadCritic` or `Unsupported`."""
    path, rest = split_critic(spec)
    try:
        if not os.path.exists(path):
            raise BadCritic(f"no such file{' or folder' if rest is None else ''}: {path}; a critic is {FORMS}")
        suffix = os.path.splitext(path)[1].lower()
        if os.path.isdir(path) or suffix == ".pt2":
            return _torch_critic(path, rest)
        if suffix == ".npz":
            return _values(path, rest)
        if suffix == ".py":
            return _function(path, rest)
        raise BadCritic(f"{_ADVICE.get(suffix, 'this is no critic')}; a critic is {FORMS}")
    except OtkitError as error:
        raise in_shell_words(spec, error) from None


def in_shell_words(spec: str, error: OtkitError) -> OtkitError:
    """The error, with the option that is to blame in front and the line of the file behind."""
    cause = error.__cause__
    message = re.sub(r"^critic raised", "it raised", str(cause if isinstance(cause, OtkitError) else error))
    message = message.removeprefix(f"{split_critic(spec)[0]}: ").replace("net (Exported)", "the critic")
    path = os.path.abspath(split_critic(spec)[0])
    lines = [frame.lineno for frame in traceback.extract_tb(getattr(cause, "__traceback__", None))
             if os.path.abspath(frame.filename) == path]  # fmt: skip
    where = f" (line {lines[-1]} of {os.path.basename(path)})" if lines else ""
    return type(error)(f"--critic {spec}: {message.rstrip('.') + where if where else message}")


@dataclass(frozen=True)
class FileFunction:
    """A function of a Python file, which may not end the process. What it makes of 0 / 0 is said once, as an error."""

    function: Callable

    def __call__(self, points) -> Any:
        import numpy as np

        try:
            with np.errstate(all="ignore"):
                return self.function(points)
        except SystemExit as error:
            raise RuntimeError(f"the function called exit({error.code})") from error


def _function(path: str, name: str | None) -> Callable:
    found = _module(path)
    public = [key for key, value in vars(found).items() if _is_critic(value, found) and not key.startswith("_")]
    offer = f"it has {listing(public)}: name one, as in {path}:{public[0]}" if public else "there is no function in it"
    if name == "":
        raise BadCritic(f"no name after the colon; {offer}")
    name = name or "critic"
    if not hasattr(found, name):
        raise BadCritic(f"no {name!r} in this file; {offer}")
    function = getattr(found, name)
    if not callable(function) or isinstance(function, type):
        kind = "a class" if isinstance(function, type) else f"of type {type(function).__name__}"
        raise BadCritic(f"{name!r} in this file is {kind}, not a function of (k, d) points; {offer}")
    if hasattr(function, "state_dict"):
        from otkit.torch import TorchCritic

        return TorchCritic(function)
    return FileFunction(function)


def _is_critic(value: object, module: object) -> bool:
    own = getattr(value, "__module__", None) == module.__name__
    return callable(value) and not isinstance(value, type) and (own or hasattr(value, "state_dict"))


def _module(path: str):
    """The file, executed once, as `python FILE` would but for its name."""
    spec = spec_from_file_location("otkit_critic_file", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where pickle and dataclasses look for it
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.append(folder)  # behind all others: a file beside it may be called random.py
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        if error.filename != spec.origin:
            raise BadCritic(f"when executed, the file raised {type(error).__name__}: {error}") from error
        raise BadCritic(f"it could not be read ({error.strerror or error})") from None
    except (Exception, SystemExit) as error:
        called = isinstance(error, SystemExit)
        found = f"called exit({error.code})" if called else f"raised {type(error).__name__}: {error}"
        raise BadCritic(f"when executed, the file {found}") from error
    return module


def _values(path: str, keys: str | None) -> tuple:
    from otkit.files import read_arrays

    chosen = ("x", "y") if keys is None else tuple(key.strip() for key in keys.split(","))
    if len(chosen) != 2 or not all(chosen):
        raise BadCritic(f"two keys are needed, of the values at X and at Y, as in {path}:x,y")
    return read_arrays(path, chosen)


def _refuse_unfinished(folder: str) -> None:
    """The folder of a run that holds no critic: not yet, or never."""
    missing = {name for name in ("config.json", "generator.pt2", "critic.pt2")
               if not os.path.exists(os.path.join(folder, name))}  # fmt: skip
    if missing == {"critic.pt2"}:
        raise BadCritic("this run was trained without a critic; compare its samples by otkit distance")
    if missing == {"generator.pt2", "critic.pt2"}:
        raise BadCritic("this run has not ended, and its critic is written at the end; go on with otkit train --resume")


def _torch_critic(path: str, rest: str | None) -> Callable:
    if rest is not None:
        raise BadCritic(f"a .pt2 file or a folder holds one critic; leave out :{rest}")
    _refuse_unfinished(path)
    try:
        from otkit.torch import load_critic

        return load_critic(path)
    except ImportError as error:
        raise Unsupported(str(error)) from None
