"""Bad input gets one clear error, at the beginning where that can be, and nothing that was there is lost."""

import builtins
import errno
import json
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch_adapter.training import points, same_runs, tiny

from otkit.errors import BadCritic, BadMeasure, Diverged, Unsupported
from otkit.torch import PRESETS, TrainConfig, Trainer
from otkit.torch.training.loop import Loop
from otkit.torch.training.run import read_config, sample_folder


@pytest.mark.parametrize(
    "make, messages",
    [
        (lambda: TrainConfig.preset("wgan_gp"), ["'wgan_gp' is no preset", "did you mean 'wgan-gp'"]),
        (lambda: TrainConfig.preset("xx"), list(PRESETS)),
        (lambda: TrainConfig.preset("gan", stepz=3, hiden=4), ["'stepz'", "'steps'", "'hiden'", "'hidden'"]),
        (lambda: TrainConfig(steps=0, device="tpu", betas=(1, 2), noise="pink"),
         ["steps is 0", "device is 'tpu'", "betas is (1, 2)", "noise is 'pink'"]),
        (lambda: TrainConfig(steps=2.5, ema=float("nan"), hidden=(True,)), ["steps is 2.5", "ema is nan", "hidden is"]),
        (lambda: TrainConfig(n_critic=0), ["n_critic is 0"]),
        (lambda: TrainConfig.preset("sinkhorn-gan", lipschitz=("clip",)), ["no critic"]),
        (lambda: TrainConfig(lipschitz=("consistency",)), ["dropout must be above 0"]),
        (lambda: TrainConfig(lipschitz=("spectral", "orthonormal")), ["both fix"]),
        (lambda: TrainConfig(early_stop=1, monitor_every=0), ["early_stop needs the monitor"]),
        (lambda: TrainConfig.preset("wgan", penalty_weight=3.0, eps=0.1),
         ["penalty_weight has no effect without gradient", "eps has no effect without sinkhorn"]),
        (lambda: TrainConfig.preset("wgan").changed(betas=(0.5, 0.9)), ["betas has no effect without adam"]),
        (lambda: Trainer({"steps": 3}), ["config is a dict"]),
    ],
)  # fmt: skip
def test_configurations(make, messages):
    with pytest.raises(Unsupported) as refused:
        make()
    for message in messages:
        assert message in str(refused.value)


@pytest.mark.parametrize("name", PRESETS)
def test_configurations_go_through_json(name):
    config = TrainConfig.preset(name, hidden=np.array([8, 8]).tolist(), steps=np.int64(7), ema=np.float32(0.5))
    assert TrainConfig(**json.loads(json.dumps(config.to_dict()))) == config and config.hidden == (8, 8)


class Wide(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight, self.out = nn.Parameter(torch.ones(1)), shape

    def forward(self, x):
        return self.weight * torch.zeros(len(x), *self.out)


class Poisoned(nn.Module):
    """A critic whose weights turn to NaN, or whose scores do, at a call of its choice."""

    def __init__(self, at, what):
        super().__init__()
        self.linear, self.at, self.what, self.calls = nn.Linear(2, 1), at, what, 0

    def forward(self, x):
        self.calls += self.training and torch.is_grad_enabled()
        score = self.linear(x)
        if self.calls == self.at and self.what == "score":
            return score * float("nan")
        if self.calls == self.at:  # finite scores with infinite gradients
            return score + (self.linear.bias - self.linear.bias.detach()).sqrt()
        return score


BATCH_NORM = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))


@pytest.mark.parametrize(
    "method, networks, kind, message",
    [
        ("wgan-gp", {"critic": nn.Linear(2, 2)}, BadCritic, r"critic returned shape \(2, 2\) for 2 sam.*one num"),
        ("wgan-gp", {"critic": Wide((1, 1))}, BadCritic, r"critic returned shape \(2, 1, 1\)"),
        ("cramer-gan", {"critic": Wide(())}, BadCritic, "needs an embedding"),
        ("wgan-gp", {"critic": nn.Linear(3, 1)}, BadCritic, r"critic \(Linear\), given samples of shape \(2, 2\), rai"),
        ("wgan-gp", {"generator": nn.Linear(2, 3)}, Unsupported, r"samples of shape \(3,\) and those of the .*\(2,\)"),
        ("wgan-gp", {"generator": nn.Linear(3, 2)}, Unsupported, r"given noise of shape \(2, 2\), raised"),
        ("wgan-gp", {"critic": lambda x: x.sum(1)}, Unsupported, "critic is a function: pass a torch.nn.Module"),
        ("wgan-gp", {"critic": BATCH_NORM.eval()}, Unsupported, "BatchNorm1d .*statistics of the batch"),
        ("sinkhorn-gan", {"critic": nn.Linear(2, 1)}, Unsupported, "objective sinkhorn has none"),
        ("ct-gan", {"critic": nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))}, Unsupported, "no Dropout"),
        ("gan", {"generator": nn.Identity()}, Unsupported, "Identity has no parameter"),
    ],
)  # fmt: skip
def test_networks(method, networks, kind, message, tmp_path):
    with pytest.raises(kind, match=message):
        Trainer(tiny(method, noise_dim=2)).fit(points(), **networks)


def test_networks_and_their_settings():
    mine = {"generator": nn.Linear(2, 2), "critic": nn.Linear(2, 1)}
    with pytest.raises(Unsupported, match=r"hidden is \(12, 12\): the networks are yours"):
        Trainer(tiny(noise_dim=2)).fit(points(), **mine)
    with pytest.raises(Unsupported, match="noise_dim is None: the generator is yours"):
        Trainer(tiny(hidden=None)).fit(points(), **mine)
    with pytest.raises(Unsupported, match="hidden is no size of kind 'dcgan'"):
        Trainer(tiny()).fit(np.zeros((40, 1, 8, 8)))


def test_batch_norm_without_a_penalty_is_fine():
    run = Trainer(tiny("gan", steps=2)).fit(points(), critic=BATCH_NORM)
    assert run.steps == 2


def test_networks_that_cannot_be_exported_are_refused_before_the_training(tmp_path):
    class Branching(nn.Linear):
        def forward(self, x):
            return super().forward(x) if float(x.sum()) < 1e9 else super().forward(-x)

    with pytest.raises(Unsupported, match=r"critic \(Branching\) cannot be exported.*Without out"):
        Trainer(tiny()).fit(points(), critic=Branching(2, 1), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert Trainer(tiny(steps=1)).fit(points(), critic=Branching(2, 1)).steps == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_devices_that_are_not_there():
    with pytest.raises(Unsupported, match="device is 'cuda', but torch cannot use one here"):
        Trainer(tiny(device="cuda")).fit(points())


# --- NaN -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what, named", [("score", "critic loss; gradient of critic.linear"), ("gradient", "critic.linear.bias")]
)
def test_nan_stops_at_its_step_and_keeps_the_last_good_checkpoint(what, named, tmp_path):
    config = tiny("wgan", steps=9, n_critic=1, early_steps=0, checkpoint_every=1, lipschitz=(), noise_dim=2)
    with pytest.raises(Diverged, match=f"diverged at step 4: .*{named}.*checkpoint of step 3 is kept") as stopped:
        # two calls of the critic a step, the critic's and the generator's
        Trainer(config).fit(points(), out=tmp_path, critic=Poisoned(7, what))
    assert stopped.value.step == 4
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3 and all(bool(tensor.isfinite().all()) for tensor in state["critic"].values())
    healthy = Trainer(config).fit(points(), out=tmp_path, critic=Poisoned(0, what), resume=True)
    assert healthy.steps == 9


def test_a_generator_that_overflows_is_named():
    with pytest.raises(Diverged, match="at step 1: NaN or infinite in .*generator"):
        Trainer(tiny("wgan", steps=3, lr_generator=1e38)).fit(points() * 1e30)


# --- folders and checkpoints ---------------------------------------------------------------------------------------


def test_a_folder_of_another_run(tmp_path):
    first = Trainer(tiny(steps=2, monitor_every=1)).fit(points(), out=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for options, message in (
        ({}, "there is a run in this folder. Go on with resume=True, or overwrite it with force=True"),
        ({"resume": True, "force": True}, "resume and force are both True"),
    ):
        with pytest.raises(Unsupported, match=message):
            Trainer(tiny(steps=2)).fit(points(), out=tmp_path, **options)
    with pytest.raises(Unsupported, match="batch_size 16 is now 8, lr_critic 0.0001 is now 0.1. Only steps, "):
        Trainer(tiny(steps=2, batch_size=8, lr_critic=0.1)).fit(points(), out=tmp_path, resume=True)
    with pytest.raises(BadMeasure):  # data that is no good overwrites nothing
        Trainer(tiny(steps=3)).fit(points(4), out=tmp_path, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "mine.txt").write_text("the user's own")
    again = Trainer(tiny(steps=1)).fit(points(), out=tmp_path, force=True)
    assert not same_runs(first, again) and (tmp_path / "mine.txt").exists()
    assert not (tmp_path / "history.csv").exists()  # of the run that was there


def test_options_of_folders_without_one(tmp_path):
    with pytest.raises(Unsupported, match="resume needs out"):
        Trainer(tiny()).fit(points(), resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unsupported, match="is a file: name a folder"):
        Trainer(tiny()).fit(points(), out=tmp_path / "file")
    with pytest.raises(Unsupported, match="no config.json"):
        sample_folder(tmp_path, 3)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(Unsupported, match="no configuration of this version"):
        read_config(tmp_path)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def started(tmp_path, monkeypatch):
    monkeypatch.setattr(Loop, "_export", lambda self, run: None)
    Trainer(tiny(steps=2)).fit(points(), out=tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(
    "kind", ["truncated", "corrupted", "empty", "text", "foreign", "malicious", "malicious zip", "list"]
)
def test_checkpoints_that_are_none(kind, started):
    path, trap = started / "checkpoint.pt", started / "run by the checkpoint"
    good = path.read_bytes()
    if kind in ("foreign", "malicious zip", "list"):
        what = {
            "foreign": nn.Linear(2, 2).state_dict(),
            "malicious zip": {"state": Malicious(str(trap))},
            "list": [1, 2],
        }
        torch.save(what[kind], path)
    else:
        middle = len(good) // 2
        damaged = {
            "truncated": good[:middle],
            "corrupted": good[:middle] + bytes(999) + good[middle + 999 :],
            "empty": b"",
            "text": b"a note",
            "malicious": pickle.dumps(Malicious(str(trap))),
        }
        path.write_bytes(damaged[kind])
    with pytest.raises(
        Unsupported, match="checkpoint.pt: (no checkpoint that can be read|this file was not written by)"
    ):
        Trainer(tiny(steps=4)).fit(points(), out=started, resume=True)
    assert not trap.exists() and read_config(started).steps == 2
    path.write_bytes(good)
    assert Trainer(tiny(steps=4)).fit(points(), out=started, resume=True).steps == 4


def test_a_checkpoint_of_another_run_in_the_folder(started, tmp_path):
    Trainer(tiny(steps=2, hidden=(5,))).fit(points(), out=tmp_path / "other")
    (started / "checkpoint.pt").write_bytes((tmp_path / "other" / "checkpoint.pt").read_bytes())
    with pytest.raises(Unsupported, match="hidden"):
        Trainer(tiny(steps=4)).fit(points(), out=started, resume=True)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_full_disk_leaves_the_checkpoint_before(hidden, started, monkeypatch):
    good = (started / "checkpoint.pt").read_bytes()

    def full(state, handle):
        handle.write(b"half of it")
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            if not hidden:
                raise
            raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")  # noqa: B904

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(OSError, match="No space left.*the one before is still there.*checkpoint.pt") as stopped:
            Trainer(tiny(steps=4)).fit(points(), out=started, resume=True)
    assert stopped.value.errno == errno.ENOSPC
    assert (started / "checkpoint.pt").read_bytes() == good and not list(started.glob("*.part"))
    assert same_runs(
        Trainer(tiny(steps=4)).fit(points(), out=started, resume=True), Trainer(tiny(steps=4)).fit(points())
    )


def test_a_full_disk_for_the_history(started, monkeypatch):
    def full(path, *arguments, **options):
        if str(path).endswith("history.csv"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, *arguments, **options)

    opened = builtins.open
    monkeypatch.setattr(builtins, "open", full)
    with pytest.raises(OSError, match="No space left.*there was none before.*history.csv"):
        Trainer(tiny(steps=4, monitor_every=1)).fit(points(), out=started, resume=True)


def test_an_eps_too_small_for_the_batches_is_said(monkeypatch):
    from otkit.torch.primal import sinkhorn

    monkeypatch.setattr(sinkhorn.SinkhornDivergence.__init__, "__kwdefaults__", {
        **sinkhorn.SinkhornDivergence.__init__.__kwdefaults__, "max_iter": 3,
    })  # fmt: skip
    config = TrainConfig.preset("sinkhorn-gan", eps=1e-9, steps=3, hidden=(8,), monitor_every=0, device="cpu")
    with pytest.raises(Unsupported, match=r"did not converge in 3 sweeps at eps 1e-09.*Set eps="):
        Trainer(config).fit(np.random.default_rng(0).normal(size=(500, 2)))
