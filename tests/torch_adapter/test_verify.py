"""Torch critics: the numbers of `otkit.verify`, whatever the module's shape, dtype and mode; and their files.

The folder is not called torch: pyproject.toml puts `tests` on the path, and where torch is missing `import torch` would
find it.
"""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import otkit
import otkit.torch
from otkit.errors import BadCritic, BadMeasure, NotConverged, Unsupported

torch = pytest.importorskip("torch")
nn = torch.nn

N, M = 30, 20


class Moody(nn.Module):
    """Another function in training mode; keeps the batches it was given."""

    def __init__(self, *layers):
        super().__init__()
        self.layers, self.seen = nn.Sequential(*layers), []

    def forward(self, z):
        self.seen.append((tuple(z.shape), z.dtype, torch.is_grad_enabled()))
        return self.layers(z) if not self.training else z.flatten(1) * torch.nan


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 3)), rng.normal(size=(M, 3)) + [1.0, 0.0, 0.0]


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    return rng.random((N, 1, 4, 4)), rng.random((M, 1, 4, 4)) + 0.5


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.LeakyReLU(), nn.Linear(8, 1))


@pytest.fixture
def conv():
    torch.manual_seed(0)
    normed = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 4, 3))
    return nn.Sequential(normed, nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Conv2d(4, 1, 2))  # (k, 1, 1, 1)


def function(net):
    """What the net is, written out: eval mode, in its own precision, back in float64."""

    def call(z):
        dtype = next(net.parameters()).dtype
        net.eval()
        with torch.no_grad():
            return net(torch.as_tensor(z).to(dtype)).double().numpy()

    return call


# --- verify_critic ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_report_is_that_of_the_function(net, samples, dtype):
    net.to(dtype)
    found = otkit.torch.verify_critic(net, *samples, seed=5)
    assert net.training
    assert found.to_dict() == otkit.verify(*samples, critic=function(net), seed=5).to_dict()
    assert 0 < found.critic.tightened <= found.primal or found.critic.slope == 0


@pytest.mark.parametrize("kind", [np.float32, "list", torch.float64, torch.bfloat16, "grad"])
def test_samples_of_any_kind(net, samples, kind):
    samples = [np.round(side * 8) / 8 for side in samples]  # exact in each of them
    if kind == "list":
        given = [side.tolist() for side in samples]
    elif kind == "grad":
        given = [torch.tensor(side, requires_grad=True) for side in samples]
    else:
        given = [side.astype(kind) if kind is np.float32 else torch.as_tensor(side).to(kind) for side in samples]
    found = otkit.torch.verify_critic(net, *given).to_dict()
    assert found == otkit.torch.verify_critic(net, *samples).to_dict()


def test_images_reach_the_net_as_images_and_are_flat_for_the_distance(conv, images):
    x, y = images
    found = otkit.torch.verify_critic(conv, torch.as_tensor(x), y, holdout=(x[:9], y[:8]))
    flat = x.reshape(N, -1), y.reshape(M, -1)
    assert found.primal == otkit.wasserstein(*flat).cost and found.to_dict()["d"] == 16
    expected = [function(conv)(side).reshape(-1) for side in images]
    for values, wanted in zip(found.values, expected):
        np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)  # float32, summed in another order
    np.testing.assert_array_equal(found.function(flat[0]), found.values[0])
    assert found.holdout.primal == otkit.wasserstein(flat[0][:9], flat[1][:8]).cost


def test_points_on_the_line(net):
    line = nn.Linear(1, 1)
    found = otkit.torch.verify_critic(line, [0.0, 1.0], torch.tensor([2.0, 3.0]))
    assert found.primal == 2.0 and found.to_dict()["d"] == 1


def test_batches_mode_and_gradients(samples):
    net = Moody(nn.Linear(3, 1))
    net.layers.eval()  # a part that was frozen stays so
    otkit.torch.verify_critic(net, *samples, batch_size=25)
    assert [shape for shape, _, _ in net.seen] == [(25, 3), (5, 3), (20, 3)]
    assert {(dtype, grad) for _, dtype, grad in net.seen} == {(torch.float32, False)}
    assert net.training and not net.layers.training and torch.is_grad_enabled()


def test_options_of_verify_are_passed_on(net, samples):
    a = np.arange(1.0, N + 1)
    options = {"a": a, "metric": "cityblock", "n_bootstrap": 7, "seed": 2, "solver": otkit.solvers.NetworkSimplex()}
    found = otkit.torch.verify_critic(net, *samples, **options, holdout=(*samples, a, None))
    expected = otkit.verify(*samples, critic=function(net), **options, holdout=(*samples, a, None))
    assert found.to_dict() == expected.to_dict()
    stopped = otkit.solvers.NetworkSimplex(max_iter=0)
    with pytest.raises(NotConverged):
        otkit.torch.verify_critic(net, *samples, solver=stopped)
    assert not otkit.torch.verify_critic(net, *samples, solver=stopped, throw=False).status.ok
    with pytest.raises(TypeError, match="sover"):
        otkit.torch.verify_critic(net, *samples, sover=stopped)


def test_a_report_can_be_pickled(net, samples):
    report = otkit.torch.verify_critic(net, *samples)
    again = pickle.loads(pickle.dumps(report.function))
    np.testing.assert_array_equal(again(samples[0]), report.values[0])


class Leaves(nn.Module):
    def __init__(self, leave):
        super().__init__()
        self.leave = leave

    def forward(self, z):
        return self.leave(z)


BAD_NETS = {
    "it raises": (
        nn.Linear(7, 1),
        r"net \(Linear\), given a batch of shape \(30, 3\), torch.float32, cpu, raised Runt",
    ),
    "two numbers a point": (nn.Linear(3, 2), r"net\(x\) has shape \(30, 2\) but x has 30 points"),
    "NaN": (Leaves(lambda z: z[:, 0] * torch.nan), r"net\(x\) is NaN or infinite at 30 of 30 points"),
    "a pair": (Leaves(lambda z: (z, z)), r"net \(Leaves\).* returned a tuple"),
    "one number": (Leaves(lambda z: z.mean()), r"returned a single number"),
    "no module": (lambda z: z[:, 0], "net is a function: pass a torch.nn.Module"),
}


@pytest.mark.parametrize("case", BAD_NETS)
def test_bad_nets(samples, case):
    net, pattern = BAD_NETS[case]
    with pytest.raises(BadCritic, match=pattern):
        otkit.torch.verify_critic(net, *samples)
    assert not isinstance(net, nn.Module) or net.training


def test_bad_samples(net, samples, images):
    with pytest.raises(BadMeasure, match=r"y has samples of shape \(1, 4, 4\) and x of \(3,\)"):
        otkit.torch.verify_critic(net, samples[0], images[1])
    with pytest.raises(BadMeasure, match=r"holdout\[1\] has samples of shape \(2,\)"):
        otkit.torch.verify_critic(net, *samples, holdout=(samples[0], samples[1][:, :2]))
    with pytest.raises(BadMeasure, match="holdout is no pair"):
        otkit.torch.verify_critic(net, *samples, holdout=(samples[0],))
    with pytest.raises(BadMeasure, match="x has shape"):
        otkit.torch.verify_critic(net, samples[0][:0], samples[1])
    with pytest.raises(Unsupported, match="batch_size is 0"):
        otkit.torch.verify_critic(net, *samples, batch_size=0)


# --- files ---


@pytest.mark.parametrize("name", ["critic.pt2", "other.pt2"])
def test_a_saved_critic_is_the_same_function(net, samples, tmp_path, name):
    path = tmp_path if name == "critic.pt2" else tmp_path / name
    otkit.torch.save_critic(net, path, samples[0][:1])
    assert os.listdir(tmp_path) == [name] and net.training
    loaded = otkit.torch.load_critic(path)
    assert (loaded.shape, loaded.dtype) == ((3,), torch.float32)
    for size in (1, 2, 30):
        np.testing.assert_allclose(
            loaded(samples[0][:size]), function(net)(samples[0][:size]).reshape(-1), rtol=1e-5, atol=1e-6
        )
    again = pickle.loads(pickle.dumps(loaded))
    np.testing.assert_array_equal(again(samples[0]), loaded(samples[0]))


def test_a_saved_critic_of_images(conv, images, tmp_path):
    otkit.torch.save_critic(conv, tmp_path, torch.as_tensor(images[0]))
    loaded = otkit.torch.load_critic(tmp_path)
    flat = images[0].reshape(N, -1)
    np.testing.assert_allclose(loaded(flat), function(conv)(images[0]).reshape(-1), rtol=1e-5, atol=1e-6)
    with pytest.raises(BadCritic, match=r"takes samples of shape \(1, 4, 4\), 16 numbers each, and is given 3"):
        loaded(np.zeros((2, 3)))


def test_a_critic_without_parameters(tmp_path):
    otkit.torch.save_critic(nn.Flatten(0), tmp_path, torch.zeros(1, 1, dtype=torch.float64))
    np.testing.assert_array_equal(otkit.torch.load_critic(tmp_path)([[0.1], [0.2]]), [0.1, 0.2])


def test_what_cannot_be_saved(samples, net, tmp_path):
    branches = Leaves(lambda z: z[:, 0] if z.sum() > 0 else z[:, 1])
    with pytest.raises(BadCritic, match=r"net \(Leaves\) cannot be exported, .*must not depend on values"):
        otkit.torch.save_critic(branches, tmp_path, samples[0])
    with pytest.raises(BadCritic, match="example has shape"):
        otkit.torch.save_critic(net, tmp_path, torch.zeros(0, 3))
    with pytest.raises(Unsupported, match=r"name it .*net\.pt2"):
        otkit.torch.save_critic(net, tmp_path / "net.pth", samples[0])
    assert os.listdir(tmp_path) == [] and branches.training


def test_a_save_that_fails_leaves_the_old_file(net, samples, tmp_path, monkeypatch):
    otkit.torch.save_critic(net, tmp_path, samples[0])
    before = (tmp_path / "critic.pt2").read_bytes()

    def full(program, handle):
        handle.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch.export, "save", full)
    with pytest.raises(OSError, match="No space left"):
        otkit.torch.save_critic(net, tmp_path, samples[0])
    assert os.listdir(tmp_path) == ["critic.pt2"] and (tmp_path / "critic.pt2").read_bytes() == before


def test_what_is_no_saved_critic(net, tmp_path, capfd):
    with pytest.raises(BadCritic, match="critic.pt2: no such file .a folder of a run"):
        otkit.torch.load_critic(tmp_path)
    torch.save(net.state_dict(), tmp_path / "critic.pt2")
    with pytest.raises(BadCritic, match="weights without their network"):
        otkit.torch.load_critic(tmp_path)
    (tmp_path / "critic.pt2").write_bytes(b"")
    with pytest.raises(BadCritic, match="no exported program"):
        otkit.torch.load_critic(tmp_path / "critic.pt2")
    two = torch.export.export(Two(), (torch.zeros(2, 3), torch.zeros(2, 3)))
    torch.export.save(two, tmp_path / "two.pt2")
    with pytest.raises(BadCritic, match="the program has 2 inputs"):
        otkit.torch.load_critic(tmp_path / "two.pt2")
    assert capfd.readouterr() == ("", "")


class Two(nn.Module):
    def forward(self, x, y):
        return x[:, 0] + y[:, 0]


def test_a_damaged_program(net, samples, tmp_path, capfd):
    """An archive that torch opens and cannot read is one sentence, not pages."""
    import zipfile

    otkit.torch.save_critic(net, tmp_path / "whole.pt2", samples[0])
    with (
        zipfile.ZipFile(tmp_path / "whole.pt2") as whole,
        zipfile.ZipFile(tmp_path / "critic.pt2", "w") as damaged,
    ):
        for name in whole.namelist():
            damaged.writestr(name, whole.read(name) if not name.endswith(".json") else b"{")
    with pytest.raises(BadCritic, match="cannot read this program.*save_critic"):
        otkit.torch.load_critic(tmp_path)
    assert capfd.readouterr() == ("", "")


# --- the package ---


def test_torch_is_loaded_on_first_use_and_missed_in_words():
    code = """
        import sys
        import otkit.torch
        print("torch" in sys.modules, dir(otkit.torch) == otkit.torch.__all__)
        sys.modules["torch"] = None
        try:
            from otkit.torch import verify_critic
        except ImportError as error:
            print(error)
        try:
            otkit.torch.verify
        except AttributeError as error:
            print(error)
    """
    lines = [line.removeprefix(8 * " ") for line in code.splitlines()]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "False True",
        "otkit.torch needs torch, which is not installed; install it with: pip install 'otkit[torch]'",
        "module 'otkit.torch' has no attribute 'verify'",
    ]
