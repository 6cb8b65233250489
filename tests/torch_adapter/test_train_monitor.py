"""What the monitor records is so, and looking changes nothing."""

import numpy as np
import pytest
import torch
from torch_adapter.training import points, same_runs, tiny

import otkit
from otkit.errors import BadMeasure, Unsupported
from otkit.torch import Trainer, verify_critic
from otkit.torch.training import monitor
from otkit.torch.training.history import History
from otkit.torch.training.monitor import Monitor, sliced
from otkit.torch.training.units import Units


def generated(n, d=2, seed=3):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)) + 1.0).float()


@pytest.mark.parametrize("critic", [None, torch.nn.Linear(2, 1)])
def test_the_record_is_that_of_the_same_samples(critic):
    held_out = torch.from_numpy(points(100))
    record, report = Monitor(held_out, 40).look(generated, critic)
    real, fake = held_out[:40].numpy(), generated(40).numpy()
    assert record["w1"] == pytest.approx(otkit.wasserstein(real, fake).distance, abs=1e-9)
    assert record["floor"] == pytest.approx(otkit.wasserstein(real, held_out[50:90].numpy()).distance, abs=1e-9)
    if critic is not None:
        expected = verify_critic(critic, real, fake).critic
        assert report.critic.raw == expected.raw
        for name in ("raw", "slope", "rescaled", "tightened", "captured", "nearest"):
            assert record[name] == getattr(expected, name)


def test_few_samples_have_no_floor():
    found = Monitor(torch.from_numpy(points(3)), 40)
    assert found.size == 3 and found.floor is None


def test_large_sizes_are_sliced_under_another_name(monkeypatch):
    monkeypatch.setattr(monitor, "EXACT", 30)
    held_out, critic = torch.from_numpy(points(100)), torch.nn.Linear(2, 1)
    record, report = Monitor(held_out, 40).look(generated, critic)
    assert set(record) == {"sliced_w1", "sliced_floor", "raw", "slope"} and report is None
    exact = verify_critic(critic, held_out[:40], generated(40)).critic
    assert (record["raw"], record["slope"]) == pytest.approx((exact.raw, exact.slope), abs=1e-6)
    assert record["sliced_w1"] < exact.primal
    history = History()
    for step, distance in enumerate((3.0, 1.0, 2.0)):
        history.append({"step": step, "sliced_w1": distance, "critic_estimate": distance})
    assert history.best()["step"] == 1 and history.rank_correlation() == 1.0


def test_the_sliced_distance():
    x, y = np.random.default_rng(0).normal(size=(2, 50, 3))
    axes = np.random.default_rng(0).normal(size=(3, monitor.DIRECTIONS))
    axes /= np.linalg.norm(axes, axis=0)
    by_hand = np.abs(np.sort(x @ axes, axis=0) - np.sort(y @ axes, axis=0)).mean()
    assert sliced(x, y) == pytest.approx(by_hand, abs=1e-12)


def test_modes_are_counted_in_the_units_of_the_data():
    toy = otkit.datasets.eight_gaussians(400)
    samples = torch.from_numpy(toy.samples).float()
    units = Units.of(samples, "standard")
    look = Monitor(units.inner(samples[:100]), 50, toy, units).look(lambda n: units.inner(samples[:n]), None)[0]
    assert look["modes"] == 8 and look["high_quality"] > 0.9
    curve = otkit.datasets.swiss_roll(100)
    assert "modes" not in Monitor(samples[:100], 50, curve).look(lambda n: samples[:n], None)[0]
    with pytest.raises(BadMeasure, match="toy has modes of 2 coordinates and samples have 3"):
        Monitor(torch.zeros(10, 3), 5, toy)


@pytest.mark.parametrize("method", ["wgan-gp", "ct-gan", "cramer-gan", "sn-wgan"])
def test_looking_changes_nothing(method):
    runs = [Trainer(tiny(method, steps=4, monitor_every=every, ema=0.5)).fit(points()) for every in (0, 1, 3)]
    nets = [run.critic.net if method == "cramer-gan" else run.critic for run in runs]
    for run, net in zip(runs[1:], nets[1:]):
        assert same_runs(runs[0], run) and all(map(torch.equal, net.parameters(), nets[0].parameters()))


def test_early_stop_and_callbacks_end_a_run():
    config = tiny(steps=40, monitor_every=1, early_stop=3, lr_generator=1e-12)
    run = Trainer(config).fit(points())
    best = run.history.best()["step"]
    assert run.steps == best + 3 and run.stopped == "no better W_1 in 3 records"
    seen = []

    def enough(trainer, record):
        seen.append((trainer.config.method, record["step"]))
        return record["step"] == 4

    run = Trainer(tiny(steps=40, monitor_every=2)).fit(
        points(), callbacks=[enough, lambda trainer, record: True and None]
    )
    assert seen == [("wgan-gp", 2), ("wgan-gp", 4)] and (run.steps, run.stopped) == (4, "by a callback")


def test_the_last_step_is_recorded_and_reports_are_made():
    heard = []
    with otkit.progress.listen(heard.append):
        run = Trainer(tiny(steps=5, monitor_every=2)).fit(points())
    assert [record["step"] for record in run.history.records] == [2, 4, 5]
    mine = [report for report in heard if report.solver == "wgan-gp"]
    assert mine[-1].done == 1.0 and "step 5 of 5" in mine[-1].message and "W_1" in mine[-1].message


def test_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = Trainer(tiny(steps=4, monitor_every=2)).fit(points(), out=tmp_path, tensorboard=True)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [scalar.step for scalar in events.Scalars("w1")] == [2, 4]
    assert events.Scalars("w1")[-1].value == pytest.approx(run.history.records[-1]["w1"], abs=1e-6)
    with pytest.raises(Unsupported, match="tensorboard needs out"):
        Trainer(tiny()).fit(points(), tensorboard=True)


def test_rank_correlation_needs_something_to_rank():
    history = History()
    for step, (estimate, w1) in enumerate([(1.0, 5.0), (2.0, 4.0), (float("nan"), 3.0)]):
        history.append({"step": step, "critic_estimate": estimate, "w1": w1})
    assert history.rank_correlation() is None
    history.append({"step": 3, "critic_estimate": 3.0, "w1": 1.0})
    assert history.rank_correlation() == -1.0


def test_training_lowers_the_exact_distance():
    config = tiny("wgan-gp", steps=600, hidden=(64, 64), batch_size=64, lr_critic=1e-3, lr_generator=1e-3,
                  penalty_weight=0.5, monitor_every=100, monitor_size=200)  # fmt: skip
    run = Trainer(config).fit(points(1000) * 0.3 + [3.0, -2.0])
    first, best = run.history.records[0]["w1"], run.history.best()["w1"]
    assert best < first and best < run.history.records[0]["floor"] + 0.2
