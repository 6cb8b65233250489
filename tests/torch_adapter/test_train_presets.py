"""Every preset on every kind of data: it runs, moves, records and leaves a folder that can be read."""

import json
import math

import numpy as np
import pytest
import torch
from torch_adapter.training import farthest, points, table, tiny

from otkit.torch import PRESETS, TrainConfig, Trainer, load_critic, networks_for
from otkit.torch.training.history import COLUMNS
from otkit.torch.training.run import read_config, sample_folder

IMAGES = np.random.default_rng(1).uniform(-1, 1, size=(48, 1, 8, 8)).astype(np.float32)
SEQUENCES = np.random.default_rng(2).normal(size=(48, 3, 6)).astype(np.float32)
OF_CRITICS = {"critic_estimate", "critic_loss", "raw", "slope", "rescaled", "tightened", "captured", "nearest"}


def expected_columns(config):
    found = {"step", "seconds", "generator_loss", "w1", "floor"} | (OF_CRITICS if config.has_critic else set())
    found |= {"penalty"} if "gradient" in config.lipschitz else set()
    return found | ({"consistency"} if "consistency" in config.lipschitz else set())


@pytest.mark.parametrize("method", PRESETS)
def test_on_points(method, tmp_path):
    config = tiny(method, steps=3, monitor_every=2)
    run = Trainer(config).fit(points(), out=tmp_path / "run")
    check_run(run, expected_columns(config))
    check_folder(tmp_path / "run", run)


@pytest.mark.parametrize("method", PRESETS)
@pytest.mark.parametrize("data", [IMAGES, SEQUENCES], ids=["images", "sequences"])
def test_on_images_and_sequences(method, data):
    config = tiny(method, steps=2, monitor_every=2, hidden=None, width=4, noise_dim=5, batch_size=8, holdout=0.5)
    run = Trainer(config).fit(data)
    check_run(run, expected_columns(config))
    assert run.sample(3).shape == (3, *data.shape[1:])


@pytest.mark.parametrize("method", ["wgan-gp", "cramer-gan", "sn-wgan", "ortho-wgan"])
def test_programs_of_convolutions(method, tmp_path):
    config = tiny(method, steps=1, hidden=None, width=4, noise_dim=5, batch_size=8, n_critic=1)
    run = Trainer(config).fit(IMAGES, out=tmp_path)
    check_folder(tmp_path, run)


def check_run(run, columns):
    record = run.history.records[-1]
    assert set(record) == columns
    assert columns <= set(COLUMNS)
    assert all(math.isfinite(value) for value in record.values() if value is not None)
    assert run.stopped == "all steps made" and run.steps == run.config.steps
    torch.manual_seed(run.config.seed)
    sizes = {name: getattr(run.config, name) for name in ("hidden", "width") if getattr(run.config, name)}
    assert farthest(run.generator, networks_for(run.shape, noise_dim=run.config.noise_dim, **sizes)[0]) > 0
    assert not run.generator.training and (run.critic is None or not run.critic.training)
    assert (run.report is None) == (run.critic is None)


def check_folder(folder, run):
    """All files are there, and say what the run in memory says."""
    programs = {"generator.pt2", "critic.pt2"} if run.critic is not None else {"generator.pt2"}
    records = {"history.csv"} if run.history.records else set()
    assert {path.name for path in folder.iterdir()} == {"config.json", "checkpoint.pt"} | programs | records
    assert read_config(folder) == run.config
    assert TrainConfig(**json.loads((folder / "config.json").read_text())) == run.config
    if records:
        assert [row["step"] for row in table(folder)] == [str(record["step"]) for record in run.history.records]
    np.testing.assert_allclose(sample_folder(folder, 20, seed=3), run.sample(20, seed=3), atol=1e-5)
    if run.critic is not None:
        data = run.sample(20, seed=4)
        with torch.no_grad():
            inner = run.critic(run.units.inner(torch.from_numpy(data))).reshape(-1).numpy()
        np.testing.assert_allclose(load_critic(folder)(data.reshape(20, -1)), inner, atol=1e-5)
