"""The benchmarks of the GAN layer: they run, their rows replace each other, and their tables show what was measured."""

import json
import math

import pytest

torch = pytest.importorskip("torch")

from benchmarks import gan_speed, gan_tables, gan_toys, gan_truth  # noqa: E402
from benchmarks.bench_gan import main  # noqa: E402
from benchmarks.gan_loops import plain  # noqa: E402
from otkit.torch import PRESETS  # noqa: E402


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
    assert bench_gpu.main(["--rounds", "1", "-o", str(out)]) == 0
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
