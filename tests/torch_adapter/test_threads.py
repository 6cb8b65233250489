"""Kernels of numba do not leave torch with another number of threads."""

import json
import os
import subprocess
import sys

import numba
import pytest

pytest.importorskip("torch")

# Numba starts its threads once in a process, so each call is the first one of a child that is forked before them.
CHILDREN = """
import json, os, sys
import numba, numpy as np, torch
import otkit
from otkit.torch import TrainConfig, Trainer, verify_critic
from otkit.torch.training.monitor import Monitor, sliced
from otkit.torch.primal.sinkhorn import sinkhorn_cost

torch.set_num_threads(1)
x = np.random.default_rng(0).normal(size=(1500, 2))
y = x[::-1] + 1.0
line = np.random.default_rng(1).normal(size=30_000)

def train():
    config = TrainConfig.preset("gan", steps=4, monitor_every=2, hidden=(4,), batch_size=16, device="cpu")
    Trainer(config).fit(x)

def monitor():
    Monitor(torch.from_numpy(x), 500).look(lambda n: torch.zeros(n, 2), None)

CALLS = {
    "numba alone": numba.get_num_threads,
    "wasserstein": lambda: otkit.wasserstein(x, y),
    "on the line": lambda: otkit.wasserstein(line, line + 1.0).potentials,
    "a batch of lines": lambda: otkit.solvers.Line().batch(x, y),
    "sinkhorn": lambda: otkit.wasserstein(x, y, solver=otkit.solvers.Sinkhorn(eps=0.5)),
    "divergence": lambda: otkit.sinkhorn_divergence(x, y, eps=0.5),
    "divergences": lambda: otkit.sinkhorn_divergence(x.reshape(150, 10, 2), y.reshape(150, 10, 2), eps=0.5),
    "gradient": lambda: sinkhorn_cost(torch.tensor(x, requires_grad=True), torch.tensor(y), eps=0.5).backward(),
    "verify": lambda: otkit.verify(x, y, critic=lambda z: z[:, 0]),
    "verify_critic": lambda: verify_critic(torch.nn.Linear(2, 1), x, y),
    "monitor": monitor,
    "sliced": lambda: sliced(x, y),
    "train": train,
}
found = {}
for name, call in CALLS.items():
    read, write = os.pipe()
    if not os.fork():
        try:
            call()
            os.write(write, str(torch.get_num_threads()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        found[name] = said.read()
    os.wait()
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_no_first_call_changes_it():
    done = subprocess.run([sys.executable, "-c", CHILDREN], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if found.pop("numba alone") == "1":
        pytest.skip("numba and torch have a library each")
    assert found == dict.fromkeys(found, "1"), done.stderr
