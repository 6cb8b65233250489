"""The decorator of every kernel: `numba.njit` with a cache that can be shared by processes and survives an upgrade.

Numba alone ends processes with a segmentation fault in five ways, each met here:

- It decides by a kernel's own file whether its compiled code is still good, so a caller whose file is unchanged keeps
  calling the old code of a kernel that changed, with its old arguments. Ours lies in a folder named after the sources
  of all kernels.
- Code that starts threads finds them by symbols that numba registers once threads were started, and stored code
  remembers to start them only where the parallel kernel inside was compiled in the same process: one loaded from the
  cache, as when two processes fill it together, leaves a caller that jumps to address 0 wherever it is loaded first
  (numba issue 8578). Ours looks at the code it loads.
- Files of compiled code are numbered: two processes that compile two signatures of a kernel at the same time write
  both as number one, and the index may name it for the other. Ours have names that nobody else uses.
- LLVM asks Python for the stored code and hands it new code through callbacks, where Python ignores whatever is raised.
  A Ctrl-C that arrives there is lost, and so is the code: the kernel jumps to address 0, or can never be compiled
  again. Ours holds Ctrl-C back until a kernel is there.
- A kernel that gives Python an array or a named tuple asks Python for the class of it, and a Ctrl-C that arrived while
  the kernel ran is raised there: the kernel goes on with nothing in place of a class. Ours give Python numbers only,
  and write on arrays that they are given.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numba
from numba import types
from numba.core.caching import IndexDataCacheFile

from otkit.interrupts import held_back

OLD = 7 * 24 * 3600  # seconds
HERE = Path(__file__).parent
STARTS_THREADS = b"numba_parallel_for"  # the symbol by which compiled code starts threads


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


class _CacheFile(IndexDataCacheFile):
    """The index and the files of one kernel's compiled code."""

    def _data_name(self, number: int) -> str:
        return self._data_name_pattern.replace("{number:d}", uuid4().hex)

    def _load_data(self, name: str) -> object:
        if STARTS_THREADS in Path(self._data_path(name)).read_bytes():
            numba.get_num_threads()  # starts them, once in a process
        return super()._load_data(name)


def _is_numbers(found: types.Type) -> bool:
    if isinstance(found, types.BaseTuple):
        return not isinstance(found, types.BaseNamedTuple) and all(map(_is_numbers, found))
    return isinstance(found, (types.NoneType, types.Number, types.Boolean))


def _returning_numbers(kernel: Callable) -> None:
    """Its first call from Python is a TypeError where it returns anything else. Calls from kernels may return all."""
    compile_for_args = kernel._compile_for_args

    def compile_and_look(*args: object, **kwargs: object) -> object:
        code = compile_for_args(*args, **kwargs)
        for signature in kernel.nopython_signatures:
            if not _is_numbers(signature.return_type):
                raise TypeError(
                    f"{kernel.__qualname__} returns {signature.return_type}: Ctrl-C while it runs would end the "
                    "process; let it write on an array that it is given"
                )
        return code

    kernel._compile_for_args = compile_and_look


def njit(function: Callable | None = None, **options: object) -> Callable:
    """`numba.njit(cache=True, nogil=True, **options)`, cached below FOLDER: kernels own what they write on, so Python
    threads may run several at once."""
    if function is None:
        return lambda function: njit(function, **options)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(FOLDER)
    try:
        kernel = numba.njit(cache=True, nogil=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before
    if not numba.config.DISABLE_JIT:
        kernel.compile = held_back()(kernel.compile)  # which looks into the cache first
        _returning_numbers(kernel)
        stamp = kernel._cache._impl.locator.get_source_stamp()
        kernel._cache._cache_file = _CacheFile(kernel._cache.cache_path, kernel._cache._impl.filename_base, stamp)
    return kernel
