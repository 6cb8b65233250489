"""The benchmarks of the GAN layer: they run, their rows replace each other, and their tables show what was measured."""

import json
import math
import sys

import pytest

torch = pytest.importorskip("torch")

from benchmarks import gan_digits, gan_speed, gan_tables, gan_toys, gan_truth  # noqa: E402
from benchmarks.bench_gan import main  # noqa: E402
from benchmarks.gan_loops import plain  # noqa: E402
from otkit.torch import PRESETS  # noqa: E402

TINY = dict.fromkeys(("wgan-gp", "gan"), {"kind": "dcgan", "width": 4, "depth": 1, "noise_dim": 4})


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in gan_speed.WITHOUT_LOOP])
def test_plain_loops_and_the_trainer_step(preset):
    samples = torch.randn(600, 2)
    for step in (plain(preset, samples, (8, 8)), gan_speed.ours(preset, samples, (8, 8), "cpu")):
        step()
        assert gan_speed.timed(step, "cpu") > 0


def test_rows_take_the_place_of_those_they_repeat(tmp_path, monkeypatch):
    out = tmp_path / "gan.json"
    monkeypatch.setattr(gan_toys, "CHANGES", {"gan": {"hidden": (8,)}})
    arguments = ["toys", "--toys", "8 gaussians", "--steps", "20", "--quick", "-o", str(out)]
    assert main(arguments) == 0 and main(arguments) == 0
    assert (
        main(["truth", "--presets", "GP", "clip", "--dims", "2", "--funnels", "4", "--steps", "3", "-o", str(out)]) == 0
    )
    document = json.loads(out.read_text())
    assert [row["preset"] for row in document["toys"]] == ["gan"]
    assert [row["preset"] for row in document["truth"]] == ["GP", "clip"]
    (toy,) = document["toys"]
    assert 0 <= toy["modes"] <= 8 and toy["w1"] > toy["floor"] > 0 and toy["changes"]["hidden"] == [8]
    for row in document["truth"]:
        assert -1 <= row["cosine_x"] <= 1 and row["published"] in (0.84, 0.07) and row["steps"] == 3
    page = gan_tables.page(document)
    assert f"{toy['high_quality']:.1%}" in page and f"{document['truth'][0]['cosine_x']:.2f} / 0.84" in page


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_no_device_is_said(capsys):
    from benchmarks import bench_gpu

    assert bench_gpu.main([]) == 2 and "CUDA" in capsys.readouterr().err


@pytest.mark.gpu
def test_the_device_is_measured(tmp_path, monkeypatch):
    from benchmarks import bench_gpu

    monkeypatch.setattr(bench_gpu, "LAYERS", (("8",),))
    out = tmp_path / "gpu.json"
    assert bench_gpu.main(["--rounds", "1", "--quick", "-o", str(out)]) == 0
    assert {row["tool"] for row in json.loads(out.read_text())["cuda"]} >= {"otkit", "torch"}
    assert {row["device"] for row in json.loads(out.read_text())["speed"]} == {"cuda"}


def test_the_true_gradient_has_cosine_one():
    """A critic that is the true potential, as a network: the distance to the only centre there is."""
    from otkit.datasets import funnels

    problem = funnels(8, 3, n_funnels=1, seed=0)
    centre = torch.from_numpy(problem.potential.centers[0]).float()

    class Truth(torch.nn.Module):
        def forward(self, z):
            return -(z - centre).norm(dim=1)

    _, y = problem.fresh(500, seed=1)  # some x lie closer to the centre than float32 can tell
    assert gan_truth.cosine(Truth(), problem, y) == pytest.approx(1.0, rel=1e-6, abs=0)


def test_the_table_of_speed():
    row = {"preset": "wgan-gp", "hidden": [512, 512], "device": "cpu", "plain": 100.0, "otkit": 80.0, "ratio": 1.25,
           "ratio_best": 1.26, "measured": "2026-01-01",
           "machine": {"cpu": "a", "cores": 2, "packages": {"torch": "2"}}}  # fmt: skip
    page = gan_tables.page({"speed": [row]})
    assert "| wgan-gp | 512 x 512 | cpu | 100.0 | 80.0 | 1.25 | 1.26 |" in page
    assert math.isclose(row["plain"] / row["otkit"], row["ratio"])


def test_digits_are_judged(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(gan_digits, "NETWORKS", TINY)
    out, picture = tmp_path / "gan.json", tmp_path / "digits.png"
    arguments = ["digits", "--seeds", "5", "--steps", "3", "--quick", "-o", str(out), "--picture", str(picture)]
    assert main(arguments) == 0 and picture.stat().st_size > 1000
    document = json.loads(out.read_text())
    assert [(row["preset"], row["seed"]) for row in document["digits"]] == [("wgan-gp", 5), ("gan", 5)]
    for row in document["digits"]:
        # three steps make grey: far from digits, and the classifier is not as sure of them
        assert row["w2"] > row["floor"] + 10 and row["nearest"] > row["held_nearest"] > 0
        assert 0.1 <= row["confidence"] < row["held_confidence"] <= 1 and row["accuracy"] > 0.9
        assert sum(row["shares"]) == pytest.approx(1.0) and row["smallest"] == min(row["shares"])
        assert row["reached"] == sum(share > 0 for share in row["shares"]) and row["steps"] == 3
        assert row["changes"]["width"] == 4 and row["changes"]["shape"] == [1, 8, 8]
    page = gan_tables.page(document)
    assert f"{document['digits'][0]['w2']:.2f}" in page and "width 4" in page and "of 1 seeds" in page


def test_digits_learned_from_pass_the_judge():
    """In place of samples: all ten are reached, the classifier is sure, and they are no nearer than a copy is."""
    pytest.importorskip("sklearn")
    data = gan_digits.digits(0)
    seen = gan_digits.judged(data.train, data)
    assert seen["reached"] == 10 and seen["smallest"] > 0.08 and seen["nearest"] == 0
    assert seen["confidence"] > seen["held_confidence"] - 0.02
    assert len(data.train) == 1400 and len(data.held) == 397
    assert not {row.tobytes() for row in data.train} & {row.tobytes() for row in data.held}


def test_digits_say_what_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install -c constraints.txt scikit-learn"):
        gan_digits.digits(0)


def test_digits_of_a_seed_are_the_same_again(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(gan_digits, "NETWORKS", TINY)
    first, again, other = (gan_digits.row("gan", 2, seed) for seed in (0, 0, 1))
    seconds = [found.pop("seconds") for found in (first, again, other)]
    assert min(seconds) > 0 and first == again
    assert first["w2"] != other["w2"] and first["floor"] != other["floor"]
