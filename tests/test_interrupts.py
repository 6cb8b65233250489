"""Ctrl-C at a moment that suits."""

import os
import signal
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
