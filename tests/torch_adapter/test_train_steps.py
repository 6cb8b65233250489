"""Every preset against a loop written by hand, with the same random numbers."""

import copy
import dataclasses

import pytest
import torch
from torch_adapter.training import farthest, points, tiny

from otkit import sinkhorn_divergence
from otkit.torch import Trainer, consistency_penalty, networks_for, orthonormalize, spectral_normalize
from otkit.torch.losses import OBJECTIVES
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.seeds import Seeds
from otkit.torch.training.steps import Steps

SEED, BATCH, STEPS = 7, 16, 4


class ByHand:
    """A GAN loop as its papers' programs have it: one pass for real, one for fake, plain optimisers."""

    def __init__(self, config, net_g, net_c, data):
        self.config, self.net_g, self.net_c = config, net_g, net_c
        seeds = Seeds.of(config.seed)
        self.random = torch.Generator().manual_seed(seeds.noise)
        self.order = torch.Generator().manual_seed(seeds.order)
        self.data = torch.from_numpy(data)[torch.randperm(len(data), generator=self.order)]
        self.left = []
        torch.manual_seed(config.seed)
        self.opt_g, self.opt_c = self.optimizer(net_g, config.lr_generator), self.optimizer(net_c, config.lr_critic)

    def optimizer(self, net, rate):
        if net is None:
            return None
        if self.config.optimizer == "rmsprop":
            return torch.optim.RMSprop(net.parameters(), lr=rate, foreach=False)
        return torch.optim.Adam(net.parameters(), lr=rate, betas=self.config.betas, foreach=False)

    def batch(self):
        if len(self.left) < BATCH:
            self.left = torch.randperm(len(self.data), generator=self.order).tolist()
        chosen, self.left = self.left[:BATCH], self.left[BATCH:]
        return self.data[chosen]

    def noise(self):
        return torch.randn(BATCH, self.config.noise_dim, generator=self.random)

    def train(self):
        for step in range(self.config.steps):
            count = self.config.n_critic_early if step < self.config.early_steps else self.config.n_critic
            fakes = [self.net_g(noise).detach() for noise in [self.noise() for _ in range(count)]]
            for fake in fakes:
                self.critic(self.batch(), fake)
            self.generator()

    def critic(self, real, fake):
        config, net = self.config, self.net_c
        on_real, on_fake, apart = self.scored(real, fake)
        loss = self.critic_loss(on_real, on_fake)
        if "gradient" in config.lipschitz:
            alpha = torch.rand(BATCH, 1, generator=self.random)
            z = (alpha * real + (1 - alpha) * fake).requires_grad_()
            (slope,) = torch.autograd.grad(self.number(z, fake).sum(), z, create_graph=True)
            excess = slope.norm(dim=1) - 1
            loss = (
                loss
                + config.penalty_weight * (excess.clamp(min=0) if config.sided == "above" else excess).pow(2).mean()
            )
        loss = loss + config.consistency_weight * apart
        self.opt_c.zero_grad()
        loss.backward()
        self.opt_c.step()
        if "clip" in config.lipschitz:
            for parameter in net.parameters():
                parameter.data.clamp_(-config.clip, config.clip)

    def scored(self, real, fake):
        """Of real, of fake, and how far two passes of real are apart; one pass where it draws or iterates."""
        net = self.net_c
        if "consistency" in self.config.lipschitz:
            hidden = net[:-1](torch.cat([real, real, fake]))
            (f1, f2, of_fake), (h1, h2, _) = net[-1](hidden).chunk(3), hidden.chunk(3)
            return f1, of_fake, ((f1 - f2)[:, 0] ** 2 + 0.1 * ((h1 - h2) ** 2).mean(1)).mean()
        if {"spectral", "orthonormal"} & set(self.config.lipschitz):
            return *net(torch.cat([real, fake])).chunk(2), 0.0
        return net(real), net(fake), 0.0

    def number(self, z, fake):
        if self.config.objective == "cramer":
            h = self.net_c(z)
            return (h - self.net_c(fake.roll(-1, 0))).norm(dim=1) - h.norm(dim=1)
        return self.net_c(z)

    def critic_loss(self, real, fake):
        objective = self.config.objective
        if objective == "hinge":
            return (1 - real).relu().mean() + (1 + fake).relu().mean()
        if objective == "non-saturating":
            return -(torch.log(torch.sigmoid(real)) + torch.log(1 - torch.sigmoid(fake))).mean()
        if objective == "cramer":
            other = fake.roll(-1, 0)
            f = lambda h: (h - other).norm(dim=1) - h.norm(dim=1)  # noqa: E731
            return f(fake).mean() - f(real).mean()
        return fake.mean() - real.mean()

    def generator(self):
        fake = self.net_g(self.noise())
        if self.config.objective == "sinkhorn":
            answer = sinkhorn_divergence(fake.detach().numpy(), self.batch().numpy(), eps=self.config.eps, tol=1e-4)
            loss = (fake * torch.from_numpy(answer.grad_x).float()).sum()
        elif self.config.objective == "cramer":
            real, fake = self.net_c(self.batch()), self.net_c(fake)
            other = fake.roll(-1, 0)
            loss = ((real - fake).norm(dim=1) + (real - other).norm(dim=1) - (fake - other).norm(dim=1)).mean()
        elif self.config.objective == "non-saturating":
            loss = -torch.log(torch.sigmoid(self.net_c(fake))).mean()
        else:
            loss = -self.net_c(fake).mean()
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()


CASES = [
    "wgan",
    "wgan-gp",
    "wgan-lp",
    "sn-wgan",
    "ct-gan",
    "ortho-wgan",
    "cramer-gan",
    "sinkhorn-gan",
    "hinge-gan",
    "gan",
]


@pytest.mark.parametrize("method", CASES)
def test_every_preset_is_the_loop_written_by_hand(method):
    torch.manual_seed(1)
    sizes = {"wgan": {"n_critic_early": 7, "early_steps": 1, "n_critic": 3}}.get(method, {})
    config = tiny(method, seed=SEED, steps=STEPS, hidden=None, holdout=0.0, noise_dim=3, batch_size=BATCH, **sizes)
    features = 8 if method == "cramer-gan" else 1
    activation = "maxmin" if method == "ortho-wgan" else None
    net_g, net_c = networks_for((2,), noise_dim=3, hidden=(12, 12), critic_features=features, dropout=config.dropout,
                                critic_activation=activation)  # fmt: skip
    net_c = net_c if config.has_critic else None
    data = points(40)  # two batches an epoch, and a short one that is left out
    run = Trainer(config).fit(data, generator=net_g, critic=net_c)

    mine_g, mine_c = copy.deepcopy(net_g), copy.deepcopy(net_c)
    torch.manual_seed(SEED)  # the first vectors of a power iteration are random
    if "spectral" in config.lipschitz:
        spectral_normalize(mine_c)
    if "orthonormal" in config.lipschitz:
        orthonormalize(mine_c)
    ByHand(config, mine_g, mine_c, data).train()
    if "consistency" in config.lipschitz:  # nothing but rounding moves the constant, and Adam makes whole steps of it
        mine_c[-1].bias.data.copy_(run.critic[-1].bias)

    assert farthest(run.generator, net_g) > 1e-5  # it moved, and the caller's own did not
    assert farthest(run.generator, mine_g) < 1e-6
    if config.objective == "cramer":
        assert farthest(run.critic.net, mine_c) < 1e-6
    elif mine_c is not None:
        assert farthest(run.critic, mine_c) < 1e-6


def steps_of(method, **changes):
    config = tiny(method, **changes)
    nets = networks_for((2,), noise_dim=2, hidden=(12, 12), critic_features=8 if config.objective == "cramer" else 1,
                        dropout=config.dropout)  # fmt: skip
    device = torch.device("cpu")
    return Steps(*nets, dataclasses.replace(config, noise_dim=2), device, Ranks(device))


def test_ct_gan_passes_real_samples_twice_and_not_three_times():
    steps, rows = steps_of("ct-gan"), []
    steps.net_c.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    real, fake = torch.randn(2, BATCH, 2)
    steps.critic(real, fake)
    assert rows == [3 * BATCH, BATCH]  # real, real, fake; between
    assert {"penalty", "consistency"} < set(steps.sums)


def test_the_consistency_term_has_the_mean_of_the_public_one():
    torch.manual_seed(3)
    steps, (real, fake) = steps_of("ct-gan", consistency_margin=0.01), torch.randn(2, 256, 2)
    ours = torch.stack([steps._scores(real, fake)[2].detach() for _ in range(200)])
    public = torch.stack([consistency_penalty(steps.net_c, real, margin=0.01).detach() for _ in range(200)])
    error = ((ours.var() + public.var()) / 200).sqrt()
    assert (ours.mean() - public.mean()).abs() < 4 * error < 0.1 * public.mean()


def test_in_bfloat16_the_consistency_term_stays_in_float32():
    steps = steps_of("ct-gan", precision="bf16")
    seen = []
    steps.net_c[-1].register_forward_pre_hook(lambda _, inputs: seen.append((len(inputs[0]), inputs[0].dtype)))
    steps.critic(*torch.randn(2, BATCH, 2))
    assert (2 * BATCH, torch.float32) in seen and "consistency" in steps.sums
    steps = steps_of("ct-gan")
    with torch.autocast("cpu", dtype=torch.bfloat16):  # of whoever calls
        assert steps._scores(*torch.randn(2, BATCH, 2))[2].dtype == torch.float32


OF_LOSS = {name: game.of_loss for name, game in OBJECTIVES.items() if game.of_loss}


def test_losses_that_give_no_estimate():
    assert set(OBJECTIVES) - set(OF_LOSS) == {"hinge-kr", "relativistic"}


@pytest.mark.parametrize("name", OF_LOSS)
def test_estimates_that_are_taken_from_the_loss(name):
    constant, factor = OF_LOSS[name]
    real, fake = torch.randn(2, 16, 8 if name == "cramer" else 1, dtype=torch.float64)
    game = OBJECTIVES[name]
    seen = constant + factor * game.critic(real=real, fake=fake)
    assert seen.item() == pytest.approx(game.estimate(real=real, fake=fake).item(), rel=1e-12, abs=0)
