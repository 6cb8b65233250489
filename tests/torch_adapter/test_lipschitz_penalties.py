"""Gradient penalties and the consistency term against values computed by hand, and every refusal of theirs."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from otkit.errors import BadCritic, BadMeasure, Unsupported
from otkit.torch import (
    consistency_penalty,
    gradient_norms,
    gradient_penalty,
    interpolates,
    penalty_of,
    refuse_batch_norm,
)
from otkit.torch.penalties import consistency_of, entering


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(weight):
    critic = nn.Linear(len(weight), 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([weight]))
    return critic


class Quadratic(nn.Module):
    """f(x) = scale |x|^2 / 2, whose gradient at x is scale x."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        return self.scale * x.flatten(1).square().sum(1) / 2


def mlp(d=3, dropout=None):
    drop = [nn.Dropout(dropout)] if dropout is not None else []
    return nn.Sequential(nn.Linear(d, 8), nn.Tanh(), *drop, nn.Linear(8, 8), nn.Tanh(), *drop, nn.Linear(8, 1))


REAL, FAKE = torch.randn(16, 3, generator=seeded(1)), torch.randn(16, 3, generator=seeded(2)) + 1.0


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, value",
    [
        ({}, (5.0 - 1.0) ** 2),
        ({"sided": "above"}, (5.0 - 1.0) ** 2),
        ({"center": 0.0, "points": "real"}, 25.0),
        ({"center": 7.0}, 4.0),
        ({"center": 7.0, "sided": "above"}, 0.0),
        ({"points": "both", "center": 2.0}, 9.0),
        ({"points": "around", "perturbation": 0.1}, 16.0),
    ],
)
def test_a_linear_critic_has_one_slope_everywhere(options, value):
    penalty = gradient_penalty(linear([3.0, 0.0, 4.0]), REAL, FAKE, **options)
    assert penalty.shape == ()
    assert penalty.item() == pytest.approx(value, rel=1e-6, abs=0) if value else penalty.item() == 0.0


@pytest.mark.parametrize("points, where", [("real", REAL), ("fake", FAKE), ("both", torch.cat([REAL, FAKE]))])
def test_zero_centred_penalty_of_a_quadratic_is_the_mean_square(points, where):
    """R1, R2 and their mean; and the derivative in the scale s, s^2 mean |x|^2 -> 2 s mean |x|^2."""
    critic = Quadratic(3.0)
    penalty = gradient_penalty(critic, REAL, FAKE, points=points, center=0.0)
    mean = where.square().sum(1).mean().item()
    assert penalty.item() == pytest.approx(9.0 * mean, rel=1e-5, abs=0)
    penalty.backward()
    assert critic.scale.grad.item() == pytest.approx(6.0 * mean, rel=1e-5, abs=0)


def test_line_takes_one_alpha_a_sample():
    real, fake = torch.zeros(64, 2, 3, 3), torch.ones(64, 2, 3, 3)
    points = interpolates(real, fake, generator=seeded())
    assert points.shape == real.shape and points.requires_grad and points.is_leaf
    inside = points.detach().flatten(1)
    assert torch.equal(inside, inside[:, :1].expand_as(inside))
    assert len(inside[:, 0].unique()) == 64
    norms = inside[:, 0] * 18**0.5
    penalty = gradient_penalty(Quadratic(), real, fake, generator=seeded())
    assert penalty.item() == pytest.approx((norms - 1.0).square().mean().item(), rel=1e-5, abs=0)


def test_around_is_noise_in_units_of_the_spread_of_real():
    real = 5.0 * torch.randn(2000, 4, generator=seeded(3)) + 100.0
    noise = interpolates(real, points="around", perturbation=0.2, generator=seeded()).detach() - real
    assert noise.std().item() == pytest.approx(1.0, rel=0.05, abs=0)
    assert abs(noise.mean().item()) < 0.05
    again = interpolates(real, points="around", generator=seeded()).detach() - real
    torch.testing.assert_close(again, 2.5 * noise, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("points", ["line", "around"])
def test_seeds(points):
    one, same, other = (interpolates(REAL, FAKE, points=points, generator=seeded(s)) for s in (5, 5, 6))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_parts_of_a_batch_draw_what_the_whole_does():
    whole = interpolates(REAL, FAKE, generator=seeded())
    shape = tuple(REAL.shape)
    for part in (slice(0, 5), slice(5, 16)):
        points = interpolates(REAL[part], FAKE[part], generator=seeded(), whole=shape, part=part)
        assert torch.equal(points, whole[part])
    with pytest.raises(Unsupported, match="whole and part go together"):
        interpolates(REAL, FAKE, whole=shape)
    with pytest.raises(BadMeasure, match="16 samples are given"):
        interpolates(REAL, FAKE, whole=shape, part=slice(0, 5))


def test_norms_against_finite_differences():
    critic, step = mlp().double(), 1e-6
    points = interpolates(REAL.double(), FAKE.double(), generator=seeded())
    moved = torch.stack([points.detach() + sign * step * e for sign in (1, -1) for e in torch.eye(3).double()])
    up, down = critic(moved).squeeze(-1).detach().chunk(2)
    expected = ((up - down) / (2 * step)).norm(dim=0)
    torch.testing.assert_close(gradient_norms(critic, points).detach(), expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gradient_norms(critic(points), points).detach(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"sided": "above", "center": 0.1}, {"center": 0.0, "points": "both"}])
def test_gradient_in_the_parameters(options):
    critic = mlp().double()
    names, tensors = zip(*critic.named_parameters())
    real, fake = REAL[:3].double(), FAKE[:3].double()

    def penalty(*values):
        called = lambda x: functional_call(critic, dict(zip(names, values)), (x,))  # noqa: E731
        return gradient_penalty(called, real, fake, generator=seeded(), **options)

    assert torch.autograd.gradcheck(penalty, tensors)


def test_several_outputs_through_a_function():
    """Cramer's surrogate: |h(x) - h(fake')| - |h(x)|, a function of the critic."""
    critic = nn.Linear(3, 5)
    anchor = critic(FAKE).detach()
    penalty = gradient_penalty(lambda x: (critic(x) - anchor).norm(dim=1) - critic(x).norm(dim=1), REAL, FAKE)
    penalty.backward()
    assert penalty.item() > 0 and critic.weight.grad.abs().sum() > 0


def test_a_part_of_one_pass_over_everything():
    critic = mlp()
    points = interpolates(REAL, FAKE, generator=seeded())
    scores = critic(torch.cat([REAL, FAKE, points]))
    fused = penalty_of(gradient_norms(scores[32:], points))
    assert fused.item() == pytest.approx(
        gradient_penalty(critic, REAL, FAKE, generator=seeded()).item(), rel=1e-5, abs=0
    )


def test_no_graph_without_create_graph():
    points = interpolates(REAL, FAKE)
    assert not gradient_norms(mlp(), points, create_graph=False).requires_grad
    assert gradient_norms(mlp().requires_grad_(False), points, create_graph=False).min() > 0


def test_no_gradient_reaches_the_samples():
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    gradient_penalty(mlp(), real, fake).backward()
    assert real.grad is None and fake.grad is None


# --- zero, precision -----------------------------------------------------------------------------------------------


def assert_finite_gradients(critic):
    gradients = [parameter.grad for parameter in critic.parameters() if parameter.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


def test_exactly_zero_gradients_give_no_nan():
    for critic in (linear([0.0, 0.0, 0.0]), Quadratic(0.0), Quadratic()):
        penalty = gradient_penalty(critic, torch.zeros(4, 3), torch.zeros(4, 3))
        penalty.backward()
        assert penalty.item() == 1.0
        assert_finite_gradients(critic)


def test_dead_relus_give_no_nan():
    critic = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    nn.init.constant_(critic[0].bias, -100.0)  # dead at the first two points, alive at the last
    real = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1e4, 1e4]])
    nn.init.constant_(critic[0].weight, 1.0)
    points = interpolates(real, points="real")
    norms = gradient_norms(critic, points)
    assert norms[:2].tolist() == [0.0, 0.0] and norms[2] > 0
    penalty_of(norms).backward()
    assert_finite_gradients(critic)
    assert critic[0].weight.grad.abs().sum() > 0


def test_second_derivatives_of_the_norm_at_zero_are_finite():
    points = torch.zeros(2, 3, requires_grad=True)
    scale = torch.ones((), requires_grad=True)
    norms = gradient_norms(scale * points.square().sum(1), points)
    (first,) = torch.autograd.grad(norms.sum(), points, create_graph=True)
    (second,) = torch.autograd.grad(first.sum() + scale, scale)
    assert torch.isfinite(first).all() and torch.isfinite(second)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_samples_are_penalised_in_float32(dtype):
    critic = mlp()
    real, fake = REAL.to(dtype), FAKE.to(dtype)
    penalty = gradient_penalty(critic, real, fake, generator=seeded())
    assert penalty.dtype == torch.float32
    assert penalty.item() == gradient_penalty(critic, real.float(), fake.float(), generator=seeded()).item()


def test_autocast_is_left_outside():
    critic = mlp()
    expected = gradient_penalty(critic, REAL, FAKE, generator=seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critic(REAL).dtype == torch.bfloat16
        penalty = gradient_penalty(critic, REAL, FAKE, generator=seeded())
    assert penalty.dtype == torch.float32 and penalty.item() == expected.item()


def test_float64_stays():
    assert gradient_penalty(mlp().double(), REAL.double(), FAKE.double()).dtype == torch.float64


# --- refusals ------------------------------------------------------------------------------------------------------


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x.detach())


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 2 * gradient


def attention(x):
    q = x.reshape(-1, 1, 1, 3).expand(-1, 2, 4, 3).repeat(1, 1, 1, 8)
    return nn.functional.scaled_dot_product_attention(q, q, q).flatten(1).sum(1)


def compiled():
    return torch.compile(mlp(), backend="aot_eager")


@pytest.mark.parametrize(
    "critic, words",
    [
        (nn.Linear(3, 2), r"scores of shape \(16, 2\).*one number a sample"),
        (lambda x: mlp()(x).mean(), "scores of shape"),
        (lambda x: mlp()(x).tolist(), "returned a list"),
        (lambda x: mlp()(x).detach(), "no gradient graph"),
        (Detached(), "do not depend on the points"),
        (mlp().requires_grad_(False), "is frozen.*would train"),
        (lambda x: x.sum(1), "depends on nothing that is trained"),
        (mlp().bfloat16(), "0.weight is torch.bfloat16"),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), "BatchNorm1d.*statistics of the batch"),
        (lambda x: Once.apply(x).square().sum(1), "no second derivative"),
        (attention, "fused attention"),
    ],
)
def test_refuses_critics(critic, words):
    with pytest.raises((Unsupported, BadCritic), match=words):
        gradient_penalty(critic, REAL, FAKE)


def test_refuses_a_compiled_critic():
    with pytest.raises(Unsupported, match="torch.compile"):
        gradient_penalty(compiled(), REAL, FAKE)


@pytest.mark.parametrize(
    "real, fake, words",
    [
        (REAL, FAKE[:5], r"real has shape \(16, 3\) and fake \(5, 3\)"),
        (REAL, FAKE[:, :1], "broadcast"),
        (REAL, None, "fake is None"),
        (None, FAKE, "real is None"),
        (REAL.long(), FAKE, "real holds torch.int64"),
        (REAL, FAKE.double(), "pass both alike"),
        (REAL[:0], FAKE[:0], "at least one sample"),
        (REAL.numpy(), FAKE, "real is a ndarray"),
    ],
)
def test_refuses_samples(real, fake, words):
    with pytest.raises(BadMeasure, match=words):
        gradient_penalty(mlp(), real, fake)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"sided": "below"}, "sided is 'below'"),
        ({"center": -1.0}, "center is -1.0"),
        ({"center": float("nan")}, "center is nan"),
        ({"points": "edge"}, "points is 'edge'.*'line'"),
        ({"perturbation": 0.5}, "points is 'line'"),
        ({"points": "around", "perturbation": -0.5}, "perturbation is -0.5"),
    ],
)
def test_refuses_options(options, words):
    with pytest.raises(Unsupported, match=words):
        gradient_penalty(mlp(), REAL, FAKE, **options)


def test_refuses_to_run_without_gradients():
    with torch.no_grad(), pytest.raises(Unsupported, match="no_grad"):
        gradient_penalty(mlp(), REAL, FAKE)
    with torch.inference_mode(), pytest.raises(Unsupported, match="inference_mode"):
        gradient_penalty(mlp(), REAL, FAKE)
    with pytest.raises(Unsupported, match="points do not require"):
        gradient_norms(mlp(), REAL)


@pytest.mark.parametrize("points", ["line", "real", "fake", "both", "around"])
def test_samples_from_inference_mode_are_taken(points):
    with torch.inference_mode():
        real, fake = REAL.clone(), FAKE.clone()
    assert gradient_penalty(mlp(), real, fake, points=points).requires_grad


def test_batch_norm_that_sees_one_sample_passes():
    critic = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    refuse_batch_norm(copy.deepcopy(critic).eval())
    with pytest.raises(Unsupported, match=r"BatchNorm1d \(1\)"):
        refuse_batch_norm(critic)
    without = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)).eval()
    with pytest.raises(Unsupported, match="BatchNorm1d"):
        refuse_batch_norm(without)
    assert gradient_penalty(critic.eval(), REAL, FAKE).requires_grad


# --- the consistency term ------------------------------------------------------------------------------------------


def test_consistency_by_hand():
    critic = mlp(dropout=0.5)
    torch.manual_seed(0)
    value = consistency_penalty(critic, REAL, margin=0.01)
    torch.manual_seed(0)
    features = critic[:-1](torch.cat([REAL, REAL]))
    scores = critic[-1](features).squeeze(1)
    apart = (scores[:16] - scores[16:]).square() + 0.1 * (features[:16] - features[16:]).square().mean(1)
    assert value.item() == pytest.approx((apart - 0.01).clamp_min(0).mean().item(), rel=1e-5, abs=0)
    value.backward()
    assert critic[0].weight.grad.abs().sum() > 0
    assert not critic[-1]._forward_pre_hooks


def test_consistency_options():
    critic = mlp(dropout=0.5)
    assert consistency_penalty(critic, REAL, margin=1e6).item() == 0.0
    scores, features = torch.tensor([1.0, 2.0, 4.0, 2.0]), torch.randn(4, 7)
    assert consistency_of(scores, features, feature_weight=0.0).item() == 4.5
    with entering(critic, "0") as caught:
        critic(REAL)
    assert torch.equal(caught[0], REAL)


@pytest.mark.parametrize(
    "critic, options, words",
    [
        (mlp(), {}, "no Dropout"),
        (mlp(dropout=0.5).eval(), {}, "Dropout is off"),
        (mlp(dropout=0.0), {}, "Dropout is off"),
        (mlp(dropout=0.5), {"margin": -1.0}, "margin is -1.0"),
        (mlp(dropout=0.5), {"output_layer": "last"}, "output_layer is 'last'"),
        (nn.Sequential(nn.Dropout(0.5), nn.Flatten(0)), {}, "no output layer is known"),
        (nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1)), {}, "BatchNorm1d"),
        (nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2)), {}, "one number a sample"),
        (lambda x: x.sum(1), {}, "critic is a function"),
    ],
)
def test_consistency_refuses(critic, options, words):
    with pytest.raises((Unsupported, BadCritic), match=words):
        consistency_penalty(critic, REAL, **options)
