"""Several processes, half precision, compiled generators, and a GPU: the same training, or a clear no."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch_adapter.training import farthest, points, same_runs, table, tiny

from otkit.errors import Unsupported
from otkit.torch import PRESETS, Trainer
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.steps import Steps

ROOT = Path(__file__).parents[2]
SCRIPT = """
    import json, sys
    import numpy as np, torch
    torch.set_num_threads(1)
    from otkit.errors import Unsupported
    from otkit.torch import Trainer, TrainConfig
    data = np.random.default_rng(0).normal(size=(128, 2)).astype("float32")
    for method, changes in json.loads(sys.argv[2]).items():
        config = TrainConfig.preset(method, **{"batch_size": 16, "hidden": [12, 12], "steps": 6, "monitor_every": 2,
                                               "monitor_size": 10, "device": "cpu", **changes})
        try:
            Trainer(config).fit(data, out=f"{sys.argv[1]}/{method}", resume=True)
        except Unsupported as refused:
            with open(f"{sys.argv[1]}/{method}.{config.steps}.refused", "w") as file:
                file.write(str(refused))
"""


def torchrun(tmp_path, runs, processes=2):
    import json

    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port",
               str(port), str(script), str(tmp_path), json.dumps(runs)]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[:6000]


@pytest.mark.slow
def test_two_processes_are_one(tmp_path):
    """Every preset whose loss is a mean over the batch, checkpoints and the monitor on."""
    methods = ["wgan", "wgan-gp", "wgan-lp", "sn-wgan", "hinge-gan", "gan", "ortho-wgan"]
    runs = {method: {"early_steps": 0} if method == "wgan" else {} for method in methods}
    runs["hinge-gan"] = {"checkpoint_every": 2, "ema": 0.9, "lr_decay": "linear"}
    torchrun(tmp_path, runs)
    for method, changes in runs.items():
        config = tiny(method, **{"steps": 6, "monitor_every": 2, "monitor_size": 10, **changes})
        alone = Trainer(config).fit(points())
        state = torch.load(tmp_path / method / "checkpoint.pt", weights_only=True)
        for key, net in (("generator", alone.generator), ("critic", alone.critic)):
            if not (key == "generator" and config.ema):
                assert max(float((net.state_dict()[k] - state[key][k]).abs().max()) for k in state[key]) < 1e-6, method
        rows = table(tmp_path / method)
        assert [int(row["step"]) for row in rows] == [2, 4, 6]
        for row, record in zip(rows, alone.history.records):
            for name in ("critic_loss", "generator_loss", "w1", "captured"):
                assert float(row[name]) == pytest.approx(record[name], abs=2e-6), (method, name)


@pytest.mark.slow
def test_two_processes_refuse_what_would_not_be_one(tmp_path):
    torchrun(tmp_path, {"wgan-gp": {"batch_size": 15}, "cramer-gan": {}, "sinkhorn-gan": {}, "ct-gan": {},
                        "wgan-lp": {"points": "around"}})  # fmt: skip
    said = {path.name.split(".")[0]: path.read_text() for path in tmp_path.glob("*.refused")}
    assert "batch_size is 15 for 2 processes: it must be a multiple" in said["wgan-gp"]
    assert "objective cramer is no mean" in said["cramer-gan"] and "objective sinkhorn" in said["sinkhorn-gan"]
    assert "critic has Dropout" in said["ct-gan"] and "points is 'around'" in said["wgan-lp"]
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_batch_norm_is_refused_in_several_processes():
    ranks = Ranks(torch.device("cpu"))
    ranks.world = 2
    generator = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with pytest.raises(Unsupported, match="generator has BatchNorm"):
        Steps(generator, nn.Linear(2, 1), tiny("gan", noise_dim=2), torch.device("cpu"), ranks)


# --- half precision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", PRESETS)
def test_half_precision_is_near_full_precision(method):
    half, full = (Trainer(tiny(method, precision=kind, steps=3)).fit(points()) for kind in ("bf16", "float32"))
    moved = 3 * max(half.config.lr_critic * 5, half.config.lr_generator)  # what the optimisers can do in 3 steps
    assert 0 < farthest(half.generator, full.generator) < 4 * moved + 1e-4
    assert all(tensor.dtype == torch.float32 for tensor in half.generator.parameters())


def test_penalties_stay_in_full_precision():
    seen = []

    class Watching(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            if torch.is_grad_enabled() and self.training:
                seen.append((x.requires_grad and x.is_leaf, out.dtype))
            return out

    Trainer(tiny(precision="bf16", steps=1, n_critic=1, noise_dim=2)).fit(points(), critic=Watching(2, 1))
    assert {dtype for at_points, dtype in seen if at_points} == {torch.float32}
    assert {dtype for at_points, dtype in seen if not at_points} == {torch.bfloat16}


@pytest.mark.slow
def test_compiled_generators_train_the_same():
    try:
        compiled = Trainer(tiny(steps=2, compile=True)).fit(points())
    except Unsupported as refused:
        assert "compile is True" in str(refused)
        return
    assert farthest(compiled.generator, Trainer(tiny(steps=2)).fit(points()).generator) < 1e-6


def test_a_compiler_that_fails_is_one_clear_error(monkeypatch):
    def failing(net):
        def call(x):
            raise RuntimeError("no C++ compiler\nand ten pages more")

        return call

    monkeypatch.setattr(torch, "compile", failing)
    with pytest.raises(Unsupported, match="compile is True, .*RuntimeError: no C[+][+] compiler[)]. Leave compile"):
        Trainer(tiny(compile=True)).fit(points())


@pytest.mark.gpu
@pytest.mark.parametrize("method", PRESETS)
def test_on_a_gpu(method, tmp_path):
    config = tiny(method, device="cuda", steps=4, monitor_every=2, ema=0.5, precision="bf16", checkpoint_every=1)
    run = Trainer(config).fit(points(), out=tmp_path / "run")
    assert next(run.generator.parameters()).is_cuda and np.isfinite(run.sample(10)).all()
    assert same_runs(run, Trainer(config).fit(points(), out=tmp_path / "run", resume=True))
    on_cpu = Trainer(config.changed(device="cpu", steps=6)).fit(points(), out=tmp_path / "run", resume=True)
    assert on_cpu.steps == 6 and not next(on_cpu.generator.parameters()).is_cuda
