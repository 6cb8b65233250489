"""Every preset against a loop written by hand, with the same random numbers."""

import copy

import pytest
import torch
from torch_adapter.training import farthest, points, tiny

from otkit import sinkhorn_divergence
from otkit.torch import Trainer, networks_for, orthonormalize, spectral_normalize
from otkit.torch.training.seeds import Seeds

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
        loss = self.critic_loss(*self.scored(real, fake))
        if "gradient" in config.lipschitz:
            alpha = torch.rand(BATCH, 1, generator=self.random)
            z = (alpha * real + (1 - alpha) * fake).requires_grad_()
            (slope,) = torch.autograd.grad(self.number(z, fake).sum(), z, create_graph=True)
            excess = slope.norm(dim=1) - 1
            loss = (
                loss
                + config.penalty_weight * (excess.clamp(min=0) if config.sided == "above" else excess).pow(2).mean()
            )
        if "consistency" in config.lipschitz:
            hidden = net[:-1](torch.cat([real, real]))
            (f1, f2), (h1, h2) = net[-1](hidden).reshape(2, -1), hidden.chunk(2)
            loss = loss + config.consistency_weight * ((f1 - f2) ** 2 + 0.1 * ((h1 - h2) ** 2).mean(1)).mean()
        self.opt_c.zero_grad()
        loss.backward()
        self.opt_c.step()
        if "clip" in config.lipschitz:
            for parameter in net.parameters():
                parameter.data.clamp_(-config.clip, config.clip)

    def scored(self, real, fake):
        once = {"spectral", "orthonormal"} & set(self.config.lipschitz)  # weights, and one power iteration
        if once or self.config.dropout:
            return self.net_c(torch.cat([real, fake])).chunk(2)
        return self.net_c(real), self.net_c(fake)

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

    assert farthest(run.generator, net_g) > 1e-5  # it moved, and the caller's own did not
    assert farthest(run.generator, mine_g) < 1e-6
    if config.objective == "cramer":
        assert farthest(run.critic.net, mine_c) < 1e-6
    elif mine_c is not None:
        assert farthest(run.critic, mine_c) < 1e-6
