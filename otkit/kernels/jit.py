"""The decorator of every kernel: `numba.njit` with its cache in a folder named after the sources of all kernels.

Numba decides by a kernel's own file whether its compiled code is still good, so a caller whose file is unchanged keeps
calling the old code of a kernel that changed, with its old arguments: after an upgrade that is a segmentation fault.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numba

OLD = 7 * 24 * 3600  # seconds
HERE = Path(__file__).parent


def _digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(HERE.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _cache_folder() -> Path:
    """Below NUMBA_CACHE_DIR, else beside the kernels, else below the user's cache, whichever can be written first."""
    given = numba.config.CACHE_DIR
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "otkit"
    places = [Path(given)] if given else [HERE / "__pycache__", user]
    for place in places:
        folder = place / f"otkit-{_digest()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            for old in place.glob(
                "otkit-*"
            ):  # of sources that are gone; a job that still runs on them keeps its folder
                if old != folder and time.time() - old.stat().st_mtime > OLD:
                    shutil.rmtree(old, ignore_errors=True)
            return folder
    return places[-1]


FOLDER = _cache_folder()


def njit(function: Callable | None = None, **options: object) -> Callable:
    """`numba.njit(cache=True, nogil=True, **options)`, cached below FOLDER: kernels own what they write on, so Python
    threads may run several at once."""
    if function is None:
        return lambda function: njit(function, **options)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(FOLDER)
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before
