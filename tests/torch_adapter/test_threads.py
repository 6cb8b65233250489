"""Kernels of numba do not leave torch with another number of threads."""

import numba
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import otkit  # noqa: E402
from otkit.torch import TrainConfig, Trainer, verify_critic  # noqa: E402
from otkit.torch.threads import kept  # noqa: E402
from otkit.torch.transport import sinkhorn_cost  # noqa: E402

X = np.random.default_rng(0).normal(size=(1500, 2))


def test_the_number_is_put_back():
    with kept():
        torch.set_num_threads(2)
    assert torch.get_num_threads() == 1
    with pytest.raises(ZeroDivisionError), kept():
        torch.set_num_threads(2)
        raise ZeroDivisionError
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_nothing_of_the_adapter_changes_it():
    otkit.wasserstein(X, X + 1.0)  # numba's threads run now, and where both share a library this sets torch's
    torch.set_num_threads(1)
    verify_critic(torch.nn.Linear(2, 1), X, X[::-1] + 1.0)
    assert torch.get_num_threads() == 1
    sinkhorn_cost(torch.tensor(X, requires_grad=True), torch.tensor(X + 1.0), eps=0.5).backward()
    assert torch.get_num_threads() == 1
    config = TrainConfig.preset("gan", steps=4, monitor_every=2, hidden=(4,), batch_size=16, device="cpu")
    Trainer(config).fit(X)
    assert torch.get_num_threads() == 1
