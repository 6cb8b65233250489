"""The loops a user would write by hand, one step each, to measure the trainer against.

Plain PyTorch, written as the papers' code is, without waste that a careful user would not have: generated samples of a
critic's step have no graph, the critic is frozen in the generator's step, optimisers are torch's with their defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm

BATCH, NOISE = 256, 2
Step = Callable[[], None]


def plain(preset: str, samples: torch.Tensor, hidden: tuple[int, ...], seed: int = 0) -> Step:
    """A function that makes one generator step of that preset, critic steps and all."""
    torch.manual_seed(seed)
    device, dim = samples.device, samples.shape[1]
    generator = _mlp(NOISE, dim, hidden, nn.ReLU).to(device)
    features = 256 if preset == "cramer-gan" else 1
    activation = _MaxMin if preset == "ortho-wgan" else nn.ReLU
    critic = _mlp(dim, features, hidden, activation, dropout=0.5 if preset == "ct-gan" else 0.0).to(device)
    if preset in ("sn-wgan", "hinge-gan"):
        critic = _over_linear(critic, spectral_norm)
    if preset == "ortho-wgan":
        # torch's default, the exponential, takes 7 times as long as Cayley's map
        critic = _over_linear(critic, partial(orthogonal, orthogonal_map="cayley"))
    opt_c, opt_g = _optimisers(preset, critic, generator)

    def noise() -> torch.Tensor:
        return torch.randn(BATCH, NOISE, device=device)

    def batch() -> torch.Tensor:
        return samples[torch.randint(len(samples), (BATCH,), device=device)]

    def critic_step() -> None:
        real = batch()
        with torch.no_grad():
            fake = generator(noise())
        opt_c.zero_grad()
        _critic_loss(preset, critic, real, fake).backward()
        opt_c.step()
        if preset == "wgan":
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-0.01, 0.01)

    def generator_step() -> None:
        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        opt_g.zero_grad()
        fake = generator(noise())
        _generator_loss(preset, critic, batch() if preset == "cramer-gan" else None, fake).backward()
        opt_g.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(True)

    count = 1 if preset == "gan" else 5

    def step() -> None:
        for _ in range(count):
            critic_step()
        generator_step()

    return step


def _critic_loss(preset: str, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    on_real, on_fake = critic(real), critic(fake)
    if preset == "gan":
        bce = nn.functional.binary_cross_entropy_with_logits
        return bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
    if preset == "hinge-gan":
        return torch.relu(1 - on_real).mean() + torch.relu(1 + on_fake).mean()
    if preset == "cramer-gan":
        other = critic(fake.roll(-1, 0))
        on_real, on_fake = _cramer(on_real, other), _cramer(on_fake, other)
    loss = on_fake.mean() - on_real.mean()
    if preset in ("wgan-gp", "wgan-lp", "ct-gan", "cramer-gan"):
        alpha = torch.rand(len(real), 1, device=real.device)
        between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = critic(between)
        if preset == "cramer-gan":
            scores = _cramer(scores, critic(fake.roll(-1, 0)))
        (gradient,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
        excess = gradient.norm(2, dim=1) - 1
        loss = loss + 10.0 * ((excess.relu() if preset == "wgan-lp" else excess) ** 2).mean()
    if preset == "ct-gan":
        loss = loss + 2.0 * _consistency(critic, real)
    return loss


def _generator_loss(preset: str, critic: nn.Module, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    scores = critic(fake)
    if preset == "gan":
        return nn.functional.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    if preset == "cramer-gan":
        features, other = critic(real), scores.roll(-1, 0)
        return (_norm(features - scores) + _norm(features - other) - _norm(scores - other)).mean()
    return -scores.mean()


def _consistency(critic: nn.Module, real: torch.Tensor) -> torch.Tensor:
    body, last = critic[:-1], critic[-1]
    first, second = body(real), body(real)
    apart = (last(first) - last(second)).square().mean(1) + 0.1 * (first - second).square().mean(1)
    return apart.relu().mean()


def _cramer(features: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return _norm(features - other) - _norm(features)


def _norm(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors.square().sum(1) + 1e-12).sqrt()


class _MaxMin(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two = x[:, 0::2], x[:, 1::2]
        return torch.cat([torch.maximum(one, two), torch.minimum(one, two)], dim=1)


def _mlp(inputs: int, outputs: int, hidden: tuple[int, ...], activation: Any, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _over_linear(net: nn.Module, constraint: Callable[[nn.Module], nn.Module]) -> nn.Module:
    for layer in net:
        if isinstance(layer, nn.Linear):
            constraint(layer)
    return net


def _optimisers(preset: str, critic: nn.Module, generator: nn.Module) -> tuple[Any, Any]:
    if preset == "wgan":
        return tuple(torch.optim.RMSprop(net.parameters(), lr=5e-5) for net in (critic, generator))
    rates = {"sn-wgan": (2e-4, 2e-4), "hinge-gan": (2e-4, 2e-4), "gan": (2e-4, 2e-4), "ortho-wgan": (1e-3, 1e-4)}
    betas = (0.5, 0.999) if preset == "gan" else (0.0, 0.9)
    pairs = zip((critic, generator), rates.get(preset, (1e-4, 1e-4)))
    return tuple(torch.optim.Adam(net.parameters(), lr=rate, betas=betas) for net, rate in pairs)
