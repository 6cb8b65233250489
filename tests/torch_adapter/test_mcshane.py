"""The critic of cones: McShane's formula, slope 1, its gradients, and its way through the trainer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_adapter.training import points, tiny

import otkit
from otkit.errors import BadCritic, Unsupported
from otkit.torch import McShaneCritic, Trainer, lipschitz_bound, load_critic, verify_critic


def naive(net, x):
    away = np.linalg.norm(x[:, None] - net.points.detach().numpy()[None], axis=2)
    highest = (net.heights.detach().numpy() - away).max(1)
    return highest if net.tips == "up" else -highest


def random(d, cones, seed, tips="up", dtype=torch.float64):
    torch.manual_seed(seed)
    net = McShaneCritic((d,), cones=cones, tips=tips).to(dtype)
    with torch.no_grad():
        net.heights.normal_()
    return net


@settings(max_examples=60, deadline=None)
@given(
    d=st.integers(1, 40), cones=st.integers(1, 60), seed=st.integers(0, 999), tips=st.sampled_from(["up", "down"]),
    far=st.sampled_from([0.0, 1e4]),
)  # fmt: skip
def test_values_and_slope(d, cones, seed, tips, far):
    net = random(d, cones, seed, tips)
    with torch.no_grad():
        net.points += far
    x = np.random.default_rng(seed).normal(size=(50, d)) * 2 + far
    values = net(torch.from_numpy(x)).detach().numpy()
    assert values.shape == (50, 1)
    np.testing.assert_allclose(values[:, 0], naive(net, x), rtol=0, atol=1e-13 * (1 + far))
    rise = np.abs(values - values.T) - np.linalg.norm(x[:, None] - x[None], axis=2)
    assert rise.max() <= 1e-12 * (1 + far)


@pytest.mark.parametrize("tips", ["up", "down"])
def test_gradients(tips):
    net = random(3, 20, 4, tips)
    x = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, x)  # almost surely away from kinks
    assert torch.autograd.gradgradcheck(net, x)
    (slope,) = torch.autograd.grad(net(x).sum(), x)
    torch.testing.assert_close(slope.norm(dim=1), torch.ones(8, dtype=torch.float64))
    net(x.detach()).sum().backward()
    assert float(net.heights.grad.sum()) == (8 if tips == "up" else -8)


def test_at_a_tip_the_gradient_is_finite():
    samples = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    net = McShaneCritic.at(samples)
    x = samples.clone().requires_grad_()
    net(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(2, 2)) and bool(net.points.grad.isfinite().all())
    samples += 1.0  # the network has a copy
    assert net.points.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_near_ties_are_told_in_float32():
    """Cones 1e-4 apart, 1000 away from the origin: a product of matrices alone errs by more."""
    net = McShaneCritic.at(1000 + torch.arange(40.0)[:, None].repeat(1, 2) * 1e-4)
    x = net.points.detach().clone()
    assert float(net(x).detach().abs().max()) < 2e-4


@pytest.mark.parametrize("side", ["x", "y"])
def test_of_the_exact_critic(side):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)), random.normal(size=(60, 3)) + 1e3
    exact = otkit.wasserstein(x, y).critic(anchors=side)
    net = McShaneCritic.of(exact)
    far = random.normal(size=(30, 3)) * 5 + 500
    for query in (x, y, far):
        np.testing.assert_allclose(net(torch.from_numpy(query)).detach().numpy()[:, 0], exact(query), atol=1e-9)
    report = verify_critic(net, x, y).critic
    assert report.captured == pytest.approx(1.0, abs=1e-9) and report.slope <= 1 + 1e-9


def test_its_bound_is_one():
    net = random(4, 5, 0)
    assert lipschitz_bound(net) == 1.0
    assert 1.0 <= lipschitz_bound(torch.nn.Sequential(torch.nn.Flatten(), net), (2, 2)) < 1 + 1e-14
    with torch.no_grad():
        net.heights[1] = float("nan")
    with pytest.raises(BadCritic, match="heights holds NaN"):
        lipschitz_bound(net)


def test_through_the_trainer(tmp_path):
    """No penalty, no constraint: trained, resumed, exported, loaded, verified, and never steeper than 1."""
    data = points()
    config = tiny("wgan", lipschitz=(), optimizer="adam", lr_critic=1e-2, steps=6, monitor_every=3, checkpoint_every=3)
    start = McShaneCritic.at(torch.as_tensor(np.asarray(data[:24])).float())
    whole = Trainer(config).fit(data, critic=start)
    Trainer(config.changed(steps=3)).fit(data, critic=start, out=tmp_path / "run")
    run = Trainer(config).fit(data, critic=start, out=tmp_path / "run", resume=True)
    for mine, theirs in zip(run.critic.parameters(), whole.critic.parameters()):
        assert torch.equal(mine, theirs)
    assert not torch.equal(run.critic.points, start.points)
    assert all(record["slope"] <= 1 + 1e-5 for record in run.history.records)
    x = np.random.default_rng(1).normal(size=(37, 2))
    with torch.no_grad():
        expected = run.critic(torch.from_numpy(x).float()).numpy()[:, 0]
    np.testing.assert_allclose(load_critic(tmp_path / "run")(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: McShaneCritic((2,), cones=0), "cones is 0"),
        (lambda: McShaneCritic((0,)), r"shape\[0\] is 0"),
        (lambda: McShaneCritic((2,), tips="left"), "tips is 'left'"),
        (lambda: McShaneCritic.at(torch.zeros(3, 2, dtype=torch.int64)), "samples: a"),
        (lambda: McShaneCritic.at(torch.zeros(0, 2)), "samples: a"),
        (lambda: McShaneCritic.at([[1.0, 2.0]]), "samples: a"),
        (lambda: McShaneCritic((2,))(torch.zeros(3, 4)), r"x has samples of shape \(4,\); this critic takes \(2,\)"),
        (
            lambda: McShaneCritic.of(otkit.wasserstein([[0.0, 1.0]], [[2.0, 3.0]], metric="cityblock").critic()),
            "critic is of the metric 'cityblock'",
        ),
    ],
)
def test_refusals(call, said):
    with pytest.raises((Unsupported, BadCritic), match=said):
        call()
