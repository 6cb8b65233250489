"""A run that was stopped, however it was stopped, ends bit for bit as one that was not."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch_adapter.training import points, same_runs, table, tiny

from otkit.errors import TrainingInterrupted, Unsupported
from otkit.torch import Trainer
from otkit.torch.training.loop import Loop

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    """Programs are the work of test_train_presets, and half a second each."""
    monkeypatch.setattr(Loop, "_export", lambda self, run: None)


def halting_at(step):
    """A callback that presses Ctrl-C: the step that follows is the last."""

    def halt(trainer, record):
        if record["step"] == step:
            signal.raise_signal(signal.SIGINT)

    return halt


def sampler(n, random):
    return random.normal(size=(n, 2))


class Counting(IterableDataset):
    def __iter__(self):
        return (torch.full((2,), k / 37.0) for k in range(37))


class Jittered(TensorDataset):
    """Draws from torch's own generator, as augmentations do."""

    def __getitem__(self, index):
        return super().__getitem__(index)[0] + 0.01 * torch.randn(2), index


def loader(**options):
    return DataLoader(TensorDataset(torch.from_numpy(points())), 16, **options)


DATA = {
    "array": lambda: points(),
    "sampler": lambda: sampler,
    "data set": lambda: TensorDataset(torch.from_numpy(points()), torch.arange(128)),
    "augmented": lambda: Jittered(torch.from_numpy(points())),
    "loader": lambda: loader(shuffle=True),
    "loader with a generator": lambda: loader(shuffle=True, generator=torch.Generator().manual_seed(5)),
    "loader with a sampler": lambda: loader(sampler=torch.utils.data.WeightedRandomSampler([0.3] * 128, 100)),
    "iterable": lambda: Counting(),
}


@pytest.mark.parametrize("kind", DATA)
def test_of_any_data(kind, tmp_path):
    check_resumed(tiny(steps=6, n_critic=3, monitor_every=1, monitor_size=8), DATA[kind], tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9},
        {"lr_decay": "linear"},
        {"method": "sn-wgan", "ema": 0.5, "lr_decay": "linear"},
        {"method": "ct-gan"},
        {"method": "cramer-gan"},
        {"method": "wgan", "noise": "uniform"},
        {"method": "ortho-wgan"},
        {"method": "sinkhorn-gan"},
        {"normalize": "standard", "precision": "bf16"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_of_any_configuration(changes, tmp_path):
    check_resumed(tiny(**{"steps": 6, "monitor_every": 1, "monitor_size": 8} | changes), points, tmp_path)


def check_resumed(config, data, folder):
    held_out = points(16, seed=9)
    whole = Trainer(config).fit(data(), holdout=held_out)
    with pytest.raises(TrainingInterrupted, match="step 3 of 6.*resume") as stopped:
        Trainer(config).fit(data(), out=folder, holdout=held_out, callbacks=[halting_at(2)])
    assert stopped.value.run.steps == 3 and stopped.value.run.stopped == "interrupted"
    assert isinstance(stopped.value, KeyboardInterrupt)
    torch.manual_seed(99)  # what the next process would have is another
    parts = Trainer(config).fit(data(), out=folder, holdout=held_out, resume=True)
    assert same_runs(whole, parts)
    assert without_time(whole) == without_time(parts)
    assert [int(row["step"]) for row in table(folder)] == [record["step"] for record in whole.history.records]


def without_time(run):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in run.history.records]


def test_checkpoints_change_nothing(tmp_path):
    config = tiny(steps=6)
    plain = Trainer(config).fit(points())
    assert same_runs(plain, Trainer(config.changed(checkpoint_every=1)).fit(points(), out=tmp_path))


def test_resuming_begins_where_there_is_no_checkpoint(tmp_path):
    config = tiny(steps=4, monitor_every=2)
    whole = Trainer(config).fit(points(), out=tmp_path / "new", resume=True)
    Trainer(config).fit(points(), out=tmp_path / "old")
    (tmp_path / "old" / "checkpoint.pt").unlink()
    again = Trainer(config).fit(points(), out=tmp_path / "old", resume=True)
    assert same_runs(whole, again) and table(tmp_path / "old") == table(tmp_path / "new")


def test_a_run_that_has_ended_stays_as_it_is(tmp_path):
    config = tiny(steps=4, monitor_every=2)
    whole = Trainer(config).fit(points(), out=tmp_path)
    rows = table(tmp_path)
    assert same_runs(whole, Trainer(config).fit(points(), out=tmp_path, resume=True)) and table(tmp_path) == rows


def test_more_steps_may_be_asked_for(tmp_path):
    Trainer(tiny(steps=3)).fit(points(), out=tmp_path)
    longer = Trainer(tiny(steps=6)).fit(points(), out=tmp_path, resume=True)
    assert longer.steps == 6 and same_runs(longer, Trainer(tiny(steps=6)).fit(points()))


def test_callers_networks_are_found_again(tmp_path):
    def networks():
        torch.manual_seed(3)
        return {"generator": torch.nn.Linear(2, 2), "critic": torch.nn.Sequential(torch.nn.Linear(2, 4),
                torch.nn.ReLU(), torch.nn.Linear(4, 1))}  # fmt: skip

    config = tiny("sn-wgan", steps=8, hidden=None, noise_dim=2, monitor_every=1)
    whole = Trainer(config).fit(points(), **networks())
    mine = networks()
    with pytest.raises(TrainingInterrupted):
        Trainer(config).fit(points(), out=tmp_path, callbacks=[halting_at(3)], **mine)
    assert same_runs(whole, Trainer(config).fit(points(), out=tmp_path, resume=True, **mine))
    with pytest.raises(Unsupported, match="checkpoint is of other networks"):
        Trainer(config).fit(points(), out=tmp_path, resume=True, generator=torch.nn.Linear(2, 2, bias=False))


def test_interrupted_runs_without_a_folder_and_pickled():
    with pytest.raises(TrainingInterrupted, match="stopped at step 2 of 4$") as stopped:
        Trainer(tiny(monitor_every=1)).fit(points(), callbacks=[halting_at(1)])
    assert stopped.value.run.sample(2).shape == (2, 2)
    copied = pickle.loads(pickle.dumps(TrainingInterrupted("halt", 3)))
    assert (str(copied), copied.run) == ("halt", 3)


def test_a_second_interrupt_does_not_wait(tmp_path):
    def impatient(trainer, record):
        if record["step"] == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    config = tiny(steps=6, monitor_every=1, checkpoint_every=1)
    with pytest.raises(TrainingInterrupted, match="checkpoint of step 1 is in"):
        Trainer(config).fit(points(), out=tmp_path, callbacks=[impatient])
    resumed = Trainer(config).fit(points(), out=tmp_path, resume=True)
    assert same_runs(resumed, Trainer(config).fit(points()))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_failing_callback_loses_nothing(tmp_path):
    def failing(trainer, record):
        if record["step"] == 3:
            raise ZeroDivisionError("the caller's own")

    config = tiny(steps=5, monitor_every=1)
    with pytest.raises(ZeroDivisionError):
        Trainer(config).fit(points(), out=tmp_path, callbacks=[failing])
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3
    assert same_runs(Trainer(config).fit(points(), out=tmp_path, resume=True), Trainer(config).fit(points()))


def test_random_numbers_of_the_caller_stay():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Trainer(tiny("ct-gan", steps=1)).fit(points())
    assert torch.equal(before, torch.get_rng_state())
    mine = loader(shuffle=True)
    one, other = (Trainer(tiny(steps=3)).fit(mine) for _ in range(2))
    assert mine.generator is None and mine.sampler.generator is None and same_runs(one, other)


SCRIPT = """
    import sys
    import numpy as np, torch
    torch.set_num_threads(1)
    from otkit.torch import Trainer, TrainConfig
    data = np.random.default_rng(0).normal(size=(128, 2))
    config = TrainConfig.preset("ct-gan", batch_size=16, hidden=(12, 12), steps=60, monitor_every=3, monitor_size=10,
                                checkpoint_every=4, device="cpu", ema=0.9, lr_decay="linear")
    Trainer(config).fit(data, out=sys.argv[1], resume=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path):
    """Killed again and again at moments nobody chose: in a step, in a look, while a checkpoint is being written."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([*command, str(tmp_path / "whole")], check=True, env=environment)
    moments, killed = np.random.default_rng(4), 0
    while killed < 4:
        process = subprocess.Popen([*command, str(tmp_path / "parts")], env=environment)
        seen = len(list_of(tmp_path / "parts"))
        while process.poll() is None and len(list_of(tmp_path / "parts")) in (0, seen):
            time.sleep(0.01)
        time.sleep(float(moments.uniform(0.0, 0.3)))
        process.kill()
        killed += 1
        if process.wait() == 0:
            break
    subprocess.run([*command, str(tmp_path / "parts")], check=True, env=environment)
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    for key in ("generator", "critic"):
        assert all(torch.equal(whole[key][name], parts[key][name]) for name in whole[key])
    assert table(tmp_path / "whole") == table(tmp_path / "parts")
    assert not list((tmp_path / "parts").glob("*.part"))


def list_of(folder):
    path = folder / "history.csv"
    return path.read_text().splitlines() if path.exists() else []
