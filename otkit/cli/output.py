"""Files that a command writes beside its answer."""

import os
from collections.abc import Iterable

from otkit.errors import Unsupported


def check_writable(option: str, path: str, suffixes: tuple[str, ...], inputs: Iterable[str | None]) -> None:
    """Find out before the computation, not after it, that the file cannot be written."""
    stem, suffix = os.path.splitext(path)
    if suffix.lower() not in suffixes:
        kinds = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise Unsupported(f"{option} {path}: it is written as {kinds}; name it {stem}{suffixes[0]}")
    existed = os.path.exists(path)
    for given in inputs:
        if existed and given and os.path.exists(given) and os.path.samefile(path, given):
            raise Unsupported(f"{option} {path}: this is an input file; give another name")
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise Unsupported(f"{option} {path}: it cannot be written ({error.strerror or error})") from None
    if not existed:
        os.unlink(path)
