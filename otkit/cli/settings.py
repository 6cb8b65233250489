"""Fields of a `TrainConfig` as they are typed: --set key=value, by the type of the field."""

import types
from collections.abc import Iterable
from typing import Any, get_args, get_origin, get_type_hints

from otkit.cli.messages import nearest
from otkit.errors import Unsupported

_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def make_config(method: str | None, base: Any, named: dict[str, Any], typed: Iterable[str]):
    """The preset `method`, or the configuration `base`, with changes: options that were named, and --set ones.

    All that is wrong is told in one `Unsupported`.
    """
    from otkit.torch.training.config import PRESETS, TrainConfig

    changes, complaints = parse(typed, get_type_hints(TrainConfig))
    for name, value in named.items():
        if value is not None and name in changes:
            complaints.append(f"{name} is given twice, also as --{name}")
        elif value is not None:
            changes[name] = value
    if "method" in changes:
        complaints.append("method is no setting; it is --method")
        changes.pop("method")
    if base is None and method not in PRESETS:
        complaints.insert(0, f"--method {method}: no such method, {nearest(method, PRESETS)}")
        base = TrainConfig()  # for what is wrong beside it
    try:
        made = TrainConfig.preset(method, **changes) if base is None else base.changed(**changes)
    except Unsupported as error:
        complaints.append(str(error).removeprefix("TrainConfig: ").rstrip("."))
    if complaints:
        raise Unsupported(f"settings: {'; '.join(complaints)}")
    return made


def parse(typed: Iterable[str], fields: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values by field, and what is wrong with the rest.

    >>> parse(["hidden=64,64", "ema=0.99", "compile=no"], {"hidden": tuple[int, ...], "ema": float, "compile": bool})
    ({'hidden': (64, 64), 'ema': 0.99, 'compile': False}, [])
    >>> parse(["hiden=64", "ema"], {"hidden": tuple[int, ...], "ema": float})
    ({}, ['hiden: no such setting, did you mean hidden?', 'ema: write it as key=value'])
    """
    values, wrong = {}, []
    for text in typed:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            wrong.append(f"{text}: write it as key=value")
        elif name not in fields:
            wrong.append(f"{name}: no such setting, {nearest(name, fields)}")
        elif name in values:
            wrong.append(f"{name} is given twice")
        else:
            try:
                values[name] = value_of(value.strip(), fields[name])
            except ValueError as error:
                wrong.append(f"{name} is {value.strip()!r}: {error} is needed")
    return values, wrong


def value_of(text: str, kind: Any) -> Any:
    """The text as a value of that type. Raises ValueError with what is needed.

    >>> value_of("512,512", tuple[int, ...]), value_of("none", tuple[int, ...] | None), value_of("1e4", int)
    ((512, 512), None, 10000)
    """
    if isinstance(kind, types.UnionType):
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return None if text.lower() in ("none", "auto") else value_of(text, inner)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        parts = [part.strip() for part in text.strip("()[]").split(",")]
        try:
            return tuple(value_of(part, inner) for part in parts if part)
        except ValueError:
            words = {int: "whole numbers", float: "numbers"}.get(inner, "words")
            raise ValueError(f"a list of {words} with commas") from None
    try:
        if kind is bool:
            return _FLAGS[text.lower()]
        if kind is int and not text.lstrip("+-").replace("_", "").isdigit():
            number = float(text)
            if not number.is_integer():
                raise ValueError
            return int(number)
        return kind(text)
    except (KeyError, ValueError, OverflowError):
        raise ValueError(_WORDS[kind]) from None
