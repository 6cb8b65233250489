"""Ctrl-C at a moment that suits, and at any other."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from otkit.interrupts import held_back
from otkit.threads import threads
from otkit.workers import share_out

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")


def press():
    signal.raise_signal(signal.SIGINT)


def test_held_back_within_another_and_pressed_twice():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        with held_back():
            press()
            press()
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    with held_back():
        pass  # nothing is left over


@pytest.mark.parametrize("ignored", [True, False])
def test_whoever_hears_ctrl_c_keeps_hearing_it(ignored):
    heard = []
    handler = signal.SIG_IGN if ignored else lambda number, frame: heard.append(number)
    before = signal.signal(signal.SIGINT, handler)
    try:
        with held_back():
            press()
            assert heard == []
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ([] if ignored else [signal.SIGINT])


def test_an_error_inside_comes_first():
    with pytest.raises(KeyboardInterrupt) as caught, held_back():
        press()
        raise ValueError("inside")
    assert isinstance(caught.value.__context__, ValueError)


def test_outside_the_main_thread():
    done = []

    def hold():
        with held_back():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGINT)]


@pytest.mark.skipif(threads() < 2, reason="one thread")
def test_tasks_have_ended_however_often_it_is_pressed():
    ended = []

    def task(k):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)  # the second one, while the first waits for this task
        time.sleep(0.1)
        ended.append(k)

    with pytest.raises(KeyboardInterrupt):
        share_out(task, 2)
    assert len(ended) == 1


STORM = """
    import collections
    import signal
    import sys
    import time
    import numpy as np
    import otkit
    from otkit.solvers import Multiscale, NetworkSimplex, Sinkhorn

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1000, 3)), rng.standard_normal((1000, 3)) + 0.5
    u, v = rng.standard_normal((10000, 1)), rng.standard_normal((20000, 1))
    critic = otkit.Critic.of(otkit.wasserstein(x, y))

    def solved(x, y, solver=None):
        return otkit.wasserstein(x, y, p=2, solver=solver, throw=False)

    work = {
        "line": lambda: solved(u, v),
        "simplex": lambda: solved(x, y, NetworkSimplex()),
        "multiscale": lambda: solved(x, y, Multiscale()),
        "assignment": lambda: solved(np.tile(x, 4), np.tile(y, 4)),
        "sinkhorn": lambda: solved(x, y, Sinkhorn(gap=0.01)),
        "critic": lambda: critic.gradient(rng.standard_normal((5000, 3))),
        "verify": lambda: otkit.verify(x, y, critic=critic, n_bootstrap=10),
    }[sys.argv[1]]
    work()
    start = time.perf_counter()
    work()
    whole = time.perf_counter() - start
    end, seen = time.perf_counter() + 2.0, collections.Counter()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    while time.perf_counter() < end:
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, whole))
            try:
                found = work()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            seen[found.status.name if isinstance(found, otkit.Result) else "done"] += 1
        except KeyboardInterrupt:
            seen["raised"] += 1
    print(dict(seen))
    sys.exit(seen["INTERRUPTED"] + seen["raised"] == 0)
"""


@pytest.mark.parametrize("work", ["line", "simplex", "multiscale", "assignment", "sinkhorn", "critic", "verify"])
def test_interrupted_at_a_hundred_random_moments(work, tmp_path):
    """They leave a process that works. A kernel that returned an array asked Python for its class, heard of Ctrl-C
    there and called address 0: one in fifty ended with a segmentation fault."""
    program = tmp_path / "storm.py"
    program.write_text(textwrap.dedent(STORM))
    done = subprocess.run([sys.executable, program, work], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
