"""Whatever holds the samples: the same batches, nothing held out among them, and the data's own units at the end."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch_adapter.training import points, same_runs, tiny

import otkit
from otkit.errors import BadMeasure, Unsupported
from otkit.torch import Trainer
from otkit.torch.training.feed import split_of
from otkit.torch.training.samples import as_samples, read

CPU = torch.device("cpu")


def rows(tensor):
    return {row.tobytes() for row in np.ascontiguousarray(tensor.reshape(len(tensor), -1).numpy())}


def test_arrays_tensors_and_files_are_the_same_data(tmp_path):
    data = points().astype(np.float64)
    np.save(tmp_path / "data.npy", data)
    np.savetxt(tmp_path / "data.csv", data, delimiter=",")
    config = tiny(steps=2)
    first = Trainer(config).fit(data)
    for samples in (data.tolist(), torch.from_numpy(data), tmp_path / "data.npy", str(tmp_path / "data.csv")):
        assert same_runs(first, Trainer(config).fit(samples))


def test_every_sample_comes_once_an_epoch_and_none_that_is_held_out():
    data = torch.arange(100.0).reshape(100, 1)
    split = split_of(data, tiny(batch_size=20, holdout=0.2, monitor_every=1), CPU)
    epoch = torch.cat([split.feed.next() for _ in range(4)])
    assert len(rows(epoch)) == 80 and len(rows(split.held_out)) == 20
    assert not rows(epoch) & rows(split.held_out)
    second = torch.cat([split.feed.next() for _ in range(4)])
    assert rows(second) == rows(epoch) and not torch.equal(second, epoch)


def test_a_data_set_is_split_likewise():
    samples = TensorDataset(torch.arange(100.0).reshape(100, 1), torch.zeros(100))
    split = split_of(samples, tiny(batch_size=20, holdout=0.2, monitor_every=1), CPU)
    epoch = torch.cat([split.feed.next() for _ in range(4)])
    assert len(rows(epoch)) == 80 and len(rows(split.held_out)) == 20 and not rows(epoch) & rows(split.held_out)


def test_the_share_held_out_is_what_the_monitor_looks_at_at_most():
    split = split_of(points(1000), tiny(monitor_every=1, monitor_size=50), CPU)
    assert len(split.held_out) == 100 and len(split.feed.samples) == 900


def test_loaders_and_streams():
    class Stream(IterableDataset):
        def __iter__(self):
            return (torch.full((2,), float(k)) for k in range(40))

    feed = split_of(Stream(), tiny(), CPU).feed
    assert [feed.next()[0, 0].item() for _ in range(3)] == [0.0, 16.0, 0.0]
    loader = DataLoader(TensorDataset(torch.arange(40.0).reshape(20, 2)), 16)  # whose last batch is short
    feed = split_of(loader, tiny(), CPU).feed
    assert [len(feed.next()) for _ in range(3)] == [16, 16, 16]


def test_samplers():
    def sampler(n, random):
        return random.normal(size=(n, 3))

    run = Trainer(tiny(steps=2, monitor_every=2, monitor_size=10)).fit(sampler)
    assert run.shape == (3,) and run.history.records[0]["w1"] > 0
    with pytest.raises(BadMeasure, match=r"asked for 16 and returned shape \(15, 3\)"):
        Trainer(tiny()).fit(lambda n, random: sampler(n - (n == 16), random))


def test_toys_bring_their_modes():
    toy = otkit.datasets.eight_gaussians(200)
    assert {"modes", "high_quality"} < set(Trainer(tiny(steps=1, monitor_every=1)).fit(toy).history.records[0])


def test_bytes_become_numbers_from_minus_one_to_one():
    data = np.array([[[[0, 255], [51, 204]]]], np.uint8)
    expected = torch.tensor([[[[-1.0, 1.0], [-0.6, 0.6]]]])
    torch.testing.assert_close(as_samples(data, "x"), expected)
    torch.testing.assert_close(as_samples(torch.from_numpy(data), "x"), expected)
    item = split_of(TensorDataset(torch.from_numpy(data).repeat(40, 1, 1, 1)), tiny(monitor_every=1), CPU)
    torch.testing.assert_close(item.held_out[:1], expected)
    torch.testing.assert_close(item.feed.next()[:1], expected)


def test_a_folder_of_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, size=(20, 8, 8), dtype=np.uint8)
    for k, one in enumerate(pixels):
        image.fromarray(one).save(tmp_path / f"{k:03d}.png")
    (tmp_path / "notes.txt").write_text("no image")
    torch.testing.assert_close(read(tmp_path), torch.from_numpy(pixels[:, None] / 127.5 - 1).float())
    config = tiny(steps=1, hidden=None, width=4, batch_size=8, noise_dim=4)
    assert Trainer(config).fit(tmp_path).sample(2).shape == (2, 1, 8, 8)
    image.fromarray(pixels[0, :4]).save(tmp_path / "999.png")
    with pytest.raises(BadMeasure, match="999.png has .*one size"):
        read(tmp_path)
    (tmp_path / "999.png").write_bytes(b"broken")
    with pytest.raises(BadMeasure, match="no readable image"):
        read(tmp_path)
    colours = tmp_path / "colours"
    colours.mkdir()
    with pytest.raises(BadMeasure, match="no image in this folder"):
        read(colours)
    image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(colours / "one.png")
    assert read(colours).shape == (1, 3, 8, 8)


def test_arrays_of_images_in_files(tmp_path):
    images = np.random.default_rng(0).normal(size=(5, 1, 8, 8))
    np.save(tmp_path / "images.npy", images)
    torch.testing.assert_close(read(tmp_path / "images.npy"), torch.from_numpy(images).float())
    np.save(tmp_path / "bytes.npy", np.zeros((5, 1, 8, 8), np.uint8))
    assert read(tmp_path / "bytes.npy").min() == -1.0


def test_rows_are_folded():
    data = np.random.default_rng(0).uniform(size=(60, 64))
    config = tiny(steps=1, hidden=None, width=4, noise_dim=4, shape=(1, 8, 8), normalize="range", monitor_every=1)
    run = Trainer(config).fit(data)
    sampled = run.sample(50)
    assert sampled.shape == (50, 1, 8, 8)
    assert data.min() <= sampled.min() and sampled.max() <= data.max()  # tanh, in the data's own units
    with pytest.raises(BadMeasure, match=r"samples has 64 numbers a sample, and shape is \(1, 8, 9\), 72"):
        Trainer(config.changed(shape=(1, 8, 9))).fit(data)


def test_units_go_there_and_back(tmp_path):
    data = points() * [[100.0, 0.01]] + [[500.0, -3.0]]
    config = tiny(steps=1, normalize="standard", monitor_every=1)
    run = Trainer(config).fit(data)
    inner = run.units.inner(torch.from_numpy(data).float())
    assert inner.mean(0).abs().max() < 0.5 and (inner.std(0) - 1).abs().max() < 0.5
    np.testing.assert_allclose(run.units.outer(inner).numpy(), data, rtol=1e-5)
    assert abs(run.sample(500)[:, 0].mean() - 500) < 300 and run.history.records[0]["w1"] < 3  # of inner units


@pytest.mark.parametrize(
    "samples, changes, options, message",
    [
        (points(10), {}, {}, "samples has 8 points to train on and batch_size is 16"),
        (TensorDataset(torch.zeros(10, 2)), {}, {}, "samples has 8 points"),
        (DataLoader(TensorDataset(torch.zeros(10, 2)), 16), {}, {}, "a batch of 10 samples and batch_size is 16"),
        (DataLoader(TensorDataset(torch.zeros(10, 2)), 16, drop_last=True), {}, {}, "gives no batches"),
        (DataLoader(TensorDataset(torch.zeros(90, 2)), 32), {}, {}, "a batch of 32 samples and batch_size is 16"),
        (points(), {"holdout": 0.0, "monitor_every": 1}, {}, "monitor_every is 1, .*there are 0: pass holdout"),
        (points(20), {"holdout": 0.05, "monitor_every": 1}, {}, "there are 1: pass holdout"),
        (DataLoader(TensorDataset(torch.zeros(90, 2)), 16), {"monitor_every": 1}, {}, "there are none: pass holdout"),
        (points(), {}, {"holdout": points(10, d=3)}, r"holdout has samples of shape \(3,\), samples \(2,\)"),
        (np.full((40, 2), np.nan), {}, {}, "samples .*(NaN|nan|finite)"),
        (np.zeros((0, 2)), {}, {}, "samples has shape"),
        ([{"x": 1}], {}, {}, "samples"),
        ({"x": points()}, {}, {}, r"samples is a dictionary \(x\)"),
        ("nowhere.npy", {}, {}, "nowhere.npy"),
        (lambda n, random: random.normal(size=(n, 2)), {"normalize": "standard"}, {}, "both need samples in memory"),
    ],
)
def test_refusals(samples, changes, options, message):
    with pytest.raises((BadMeasure, Unsupported), match=message):
        Trainer(tiny(**changes)).fit(samples, **options)


def test_resuming_with_other_data_is_refused(tmp_path):
    Trainer(tiny(steps=2)).fit(points(), out=tmp_path)
    with pytest.raises(Unsupported, match="samples are not those that the run was started with"):
        Trainer(tiny(steps=4)).fit(points(seed=1), out=tmp_path, resume=True)
