"""Kernels that Ctrl-C cannot break, and their cache, filled by several processes."""

import os
import subprocess
import sys
import textwrap
from collections import namedtuple

import numpy as np
import pytest
from numba import config

from otkit.kernels import jit

pytestmark = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")

TOTALS = """
    import signal
    import sys
    import numpy as np
    from numba import prange
    from numba.core.codegen import JITCodeLibrary
    from otkit.kernels.jit import njit

    def press_ctrl_c_within(name):
        callback = getattr(JITCodeLibrary, name)

        def pressed(cls, *arguments):
            signal.raise_signal(signal.SIGINT)
            return callback(*arguments)

        setattr(JITCodeLibrary, name, classmethod(pressed))

    if len(sys.argv) > 2:
        press_ctrl_c_within(sys.argv[2])  # LLVM is told of its callbacks with the first kernel

    @njit(parallel=True)
    def total(x):
        s = 0.0
        for i in prange(x.shape[0]):
            s += x[i]
        return s

    @njit
    def twice(x):
        return 2 * total(x)

    kernel, sum_of_five = {"total": (total, 10.0), "twice": (twice, 20.0)}[sys.argv[1]]
    if len(sys.argv) > 2:
        try:
            kernel(np.arange(5.0))
            sys.exit("Ctrl-C was lost")
        except KeyboardInterrupt:
            pass
    assert kernel(np.arange(5.0)) == sum_of_five
    print("loaded" if kernel.stats.cache_hits else "compiled")
"""


@pytest.fixture
def totals(tmp_path):
    """Runs the program in a new process and says whether the kernel was compiled or loaded. All share one cache."""
    program = tmp_path / "totals.py"
    program.write_text(textwrap.dedent(TOTALS))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONFAULTHANDLER": "1"}

    def run(*arguments):
        done = subprocess.run([sys.executable, program, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_threads_of_loaded_code(totals):
    """A caller compiled after the parallel kernel inside it was loaded starts the threads it needs, in a process where
    nothing else did; numba's own cache ends that process with a segmentation fault."""
    assert [totals(name) for name in ("total", "twice", "twice")] == ["compiled", "compiled", "loaded"]


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("name", ["total", "twice"])
def test_ctrl_c_while_a_kernel_is_made(totals, name):
    """It comes through once the kernel is there. Raised within a callback of LLVM it is lost, and so is the code: a
    RuntimeError at every call where it was compiled, a segmentation fault where it was loaded."""
    assert totals(name, "_object_compiled_hook") == "compiled"
    assert totals(name, "_object_getbuffer_hook") == "loaded"


Pair = namedtuple("Pair", "one two")
RETURNED = {
    "nothing": (lambda x: None, True),
    "a number": (lambda x: x[0], True),
    "a flag": (lambda x: x[0] > 0, True),
    "numbers": (lambda x: (x[0], (1, x[0] > 0)), True),
    "an array": (lambda x: x + 1, False),
    "an array among numbers": (lambda x: (1, x), False),
    "a named tuple": (lambda x: Pair(1, x[0]), False),
}


@pytest.mark.parametrize("what", RETURNED)
def test_kernels_give_python_numbers_only(what, tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "FOLDER", tmp_path)
    function, allowed = RETURNED[what]
    kernel = jit.njit(function)
    for _ in range(2):  # compiled, then loaded
        if allowed:
            kernel(np.arange(5.0))
        else:
            with pytest.raises(TypeError, match=r"<lambda> returns .*: Ctrl-C while it runs would end the process"):
                kernel(np.arange(5.0))
        kernel = jit.njit(function)
    caller = jit.njit(lambda x: 1.0 if kernel(x) is None else 2.0)
    assert caller(np.arange(5.0)) == (1.0 if what == "nothing" else 2.0)


def total(x):
    s = x[0]
    for i in range(1, x.shape[0]):
        s += x[i]
    return s


def test_two_processes_compile_two_signatures(tmp_path, monkeypatch):
    """Each read the index before the other wrote to it, and one writes between the index and the code of the other.
    Numba's own names are numbers: the third process is given the code for integers and calls it with floats."""
    monkeypatch.setattr(jit, "FOLDER", tmp_path)
    one, two, three = (jit.njit(total) for _ in range(3))
    file = two._cache._cache_file
    store = file._save_data

    def meanwhile(*args):
        with monkeypatch.context() as early:
            early.setattr(one._cache._cache_file, "_load_index", dict)
            assert one(np.arange(5)) == 10
        store(*args)

    monkeypatch.setattr(file, "_save_data", meanwhile)
    assert two(np.arange(5.0)) == 10.0
    assert (three(np.arange(5)), three(np.arange(5) + 0.5)) == (10, 12.5)
    assert sum(three.stats.cache_hits.values()) == 1  # of the two that read the same index only one is kept in it
