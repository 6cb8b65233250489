"""One critic step and one generator step: what is computed, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parametrize

from otkit.errors import Unsupported
from otkit.torch.activations import differentiated_once
from otkit.torch.constraints import clamp_, clip_weights_
from otkit.torch.lines import first_line
from otkit.torch.losses import objective
from otkit.torch.penalties import (
    consistency_of,
    consistency_penalty,
    gradient_norms,
    interpolates,
    penalty_of,
    refuse_batch_norm,
    refuse_inconsistent,
    scores_and_features,
)
from otkit.torch.penalties.graph import full_precision
from otkit.torch.programs import evaluating
from otkit.torch.training.config import PRIMAL, TrainConfig
from otkit.torch.training.primal import primal_cost, primal_loss
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.seeds import Seeds, noise_of

AHEAD = 8  # critic steps whose fakes are generated in one pass: a larger product, one start of the network
COUPLED = ("relativistic", "cramer", *PRIMAL)  # losses that are no mean over the batch


class Steps:
    """Networks, optimisers and random numbers of a run. `critic` and `generator` make a step each.

    `sums` collects, on the device, what the next record will show; reading it is the only synchronisation.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module | None, config: TrainConfig, device: torch.device,
                 ranks: Ranks) -> None:  # fmt: skip
        self.config, self.device, self.ranks = config, device, ranks
        self.net_g, self.net_c = generator, critic
        self.part = ranks.share(config.batch_size)
        for net in (generator, critic):
            if net is not None:
                net.train()
        if critic is not None and "gradient" in config.lipschitz:
            refuse_batch_norm(critic)
        if critic is not None and "consistency" in config.lipschitz:
            refuse_inconsistent(critic)
        if ranks.world > 1:
            _refuse_coupled(config, generator, critic)
        for net in (generator, critic):
            if net is not None:
                ranks.broadcast(net)
        self.random = torch.Generator(device).manual_seed(Seeds.of(config.seed).noise)
        options = {"alpha": config.alpha, "margin": config.margin} if config.objective == "hinge-kr" else {}
        self.objective = objective(config.objective, **options) if config.has_critic else None
        self.primal = primal_loss(config, self.random)
        self.opt_g = _optimizer(generator, config, config.lr_generator)
        self.opt_c = None if critic is None else _optimizer(critic, config, config.lr_critic)
        self.average = [p.detach().clone() for p in generator.parameters()] if config.ema else None
        self.sums: dict[str, torch.Tensor] = {}
        self._apart = critic is not None and _holds(critic, _BatchNorm)
        self._ahead = 1 if _holds(generator, _BatchNorm) else AHEAD
        self._clipped: list[nn.Parameter] = []  # once the first step has looked at what there is to clip
        self._checked = False  # whether the graph of the penalty has been looked at
        self._call_g = _compiled(generator, config, device) if config.compile else generator
        parts = [] if critic is None else list(critic.modules())
        self._parametrized = [(part, name) for part in parts if parametrize.is_parametrized(part)
                              for name in part.parametrizations]  # fmt: skip
        learned = [p for net in (generator, critic) if net is not None for p in net.parameters()]
        # a NaN anywhere in a backward pass reaches the biases before it: 8 small tensors, not a million weights
        self._watched = [p for p in learned if p.ndim == 1 and p.is_floating_point()]

    # --- noise and samples -----------------------------------------------------------------------------------------

    def noise(self, count: int) -> torch.Tensor:
        return noise_of(self.config, count, self.random)

    def fakes(self, batches: int) -> Iterator[torch.Tensor]:
        """This process's part of so many batches, without a graph."""
        while batches:
            now = min(batches, self._ahead)
            noise = torch.cat([self.noise(self.config.batch_size)[self.part] for _ in range(now)])
            with torch.no_grad(), self._forward():
                fake = self._call_g(noise).float()
            yield from fake.split(len(fake) // now)
            batches -= now

    # --- steps -----------------------------------------------------------------------------------------------------

    def critic(self, real: torch.Tensor, fake: torch.Tensor) -> None:
        """One step up the dual: real is the whole batch, fake this process's part."""
        config, real = self.config, real[self.part]
        _forget_gradients(self.opt_c)
        with self._weights():
            real_scores, fake_scores, consistency = self._scores(real, fake)
            loss = self.objective.critic(real=real_scores, fake=fake_scores)
            self._collect("critic_loss", loss)
            if self.objective.of_loss is None:
                seen = self.objective.estimate(real=real_scores.detach(), fake=fake_scores.detach())
                self._collect("critic_estimate", seen)
            total = loss
            if "gradient" in config.lipschitz:
                penalty = self._gradient_penalty(real, fake, fake_scores)
                self._collect("penalty", penalty)
                total = total + config.penalty_weight * penalty
            if consistency is not None:
                self._collect("consistency", consistency)
                total = total + config.consistency_weight * consistency
            total.backward()
        self.ranks.average_gradients(self.net_c.parameters())
        self.opt_c.step()
        if self._clipped:
            clamp_(self._clipped, config.clip)
        elif "clip" in config.lipschitz:
            self._clipped = [p for p in clip_weights_(self.net_c, config.clip).parameters() if p.is_floating_point()]

    def generator(self, real: torch.Tensor | None) -> None:
        """One step of the generator against the critic, or against the primal loss where there is no critic."""
        noise = self.noise(self.config.batch_size)[self.part]
        real = None if real is None else real[self.part]
        _forget_gradients(self.opt_g)
        if self.net_c is None:
            with self._forward():
                fake = self._call_g(noise)
            loss = primal_cost(self.primal, fake.float(), real)
            loss.backward()
        else:
            with frozen(self.net_c), self._weights():
                with self._forward():
                    fake = self._call_g(noise)
                    scores = self.net_c(fake)
                    paired = None if real is None else self.net_c(real).float()
                loss = self.objective.generator(real=paired, fake=scores.float())
                loss.backward()
        self._collect("generator_loss", loss)
        self.ranks.average_gradients(self.net_g.parameters())
        self.opt_g.step()
        if self.average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.net_g.parameters()), 1.0 - self.config.ema)

    def decay(self, step: int) -> None:
        """Learning rates of the step after `step`."""
        if self.config.lr_decay == "linear":
            left = 1.0 - step / self.config.steps
            for optimizer, rate in ((self.opt_g, self.config.lr_generator), (self.opt_c, self.config.lr_critic)):
                for group in optimizer.param_groups if optimizer is not None else ():
                    group["lr"] = rate * left

    # --- parts -----------------------------------------------------------------------------------------------------

    def _scores(self, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Scores of real and of fake samples in one pass, and the consistency term where it is wanted."""
        count, margin = len(real), self.config.consistency_margin
        consistent, single = "consistency" in self.config.lipschitz, self.config.precision == "float32"
        with self._forward():
            if self._apart:  # statistics of one batch must not see the other
                return self.net_c(real).float(), self.net_c(fake).float(), None
            if consistent and single:  # real twice, under two masks: one of them for the loss, as the authors have it
                with full_precision(real.device):
                    scores, features = scores_and_features(self.net_c, torch.cat([real, real, fake]))
                twice, of_fake = scores.split([2 * count, len(fake)])
                term = consistency_of(twice, features[: 2 * count], margin=margin)
                return twice[:count], of_fake, term
            # split, not slices: their gradients are put together by one copy, those of slices by sums with zeros
            of_real, of_fake = self.net_c(torch.cat([real, fake])).float().split([count, len(fake)])
        return of_real, of_fake, consistency_penalty(self.net_c, real, margin=margin) if consistent else None

    def _gradient_penalty(self, real: torch.Tensor, fake: torch.Tensor, of_fake: torch.Tensor) -> torch.Tensor:
        config = self.config
        shared = {} if self.ranks.world == 1 else {"whole": (config.batch_size, *real.shape[1:]), "part": self.part}
        points = interpolates(real, fake, points=config.points, generator=self.random, **shared)
        if self.objective.critic_features == 1 or config.precision != "float32":
            critic = self.objective.surrogate(self.net_c, real, fake)
        else:  # the embeddings of fake are there already
            anchors = of_fake.roll(-1, 0)
            critic = lambda z: self.objective.scores(features=self.net_c(z), anchors=anchors)  # noqa: E731
        norms = gradient_norms(critic, points, checked=self._checked)
        self._checked = True
        return penalty_of(norms, sided=config.sided, center=config.center)

    @contextmanager
    def _weights(self) -> Iterator[None]:
        """Weights that are computed from others are computed once a step, not once a pass, and in float32."""
        if not self._parametrized:
            yield
            return
        with parametrize.cached():
            for layer, name in self._parametrized:
                getattr(layer, name)
            yield

    @contextmanager
    def _forward(self) -> Iterator[None]:
        """Around a pass that is differentiated once, in the precision asked for."""
        with differentiated_once():
            if self.config.precision == "float32":
                yield
                return
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                yield

    def _collect(self, name: str, value: torch.Tensor) -> None:
        value = value.detach()
        if name in self.sums:
            total, count = self.sums[name]
            self.sums[name] = (total.add_(value), count + 1)
        else:
            self.sums[name] = (value.clone(), 1)

    def means(self) -> dict[str, float]:
        """Means over the steps since the last call."""
        means = {name: float(self.ranks.mean(total)) / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        of_loss = self.objective and self.objective.of_loss
        if of_loss and "critic_loss" in means:
            constant, factor = of_loss
            means["critic_estimate"] = constant + factor * means["critic_loss"]
        return means

    def bad_tensor(self, *, thorough: bool = False) -> str | None:
        """The first value that is NaN or infinite, by name; None while all is well.

        Looks at losses and biases, and, if thorough, at all that a checkpoint would hold. One synchronisation.
        """
        values = [total for total, _ in self.sums.values()]
        tensors = list(self._kept().values()) if thorough else self._watched
        values += [value.to(self.device, torch.float32) for value in torch._foreach_norm(tensors, float("inf"))]
        if not values or all(map(math.isfinite, torch.stack(values).tolist())):
            return None
        loss = [name for name, (total, _) in self.sums.items() if not bool(total.isfinite())][:1]
        named = [name for name, tensor in self._named() if not bool(tensor.isfinite().all())][:1]
        return "; ".join([name.replace("_", " ") for name in loss] + named)

    def _kept(self) -> dict[str, torch.Tensor]:
        """The floating tensors of both networks and of the average, by name."""
        owners = (("generator", self.net_g), ("critic", self.net_c))
        states = {f"{owner}.{key}": tensor for owner, net in owners if net is not None
                  for key, tensor in net.state_dict().items()}  # fmt: skip
        averages = {f"average {k} of the generator": tensor for k, tensor in enumerate(self.average or ())}
        return {name: tensor for name, tensor in (states | averages).items()
                if tensor.is_floating_point() and tensor.numel()}  # fmt: skip

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Gradients first: one that is infinite is the reason of a weight that is."""
        for owner, net in (("critic", self.net_c), ("generator", self.net_g)):
            for key, parameter in net.named_parameters() if net is not None else ():
                if parameter.grad is not None:
                    yield f"gradient of {owner}.{key}", parameter.grad
        yield from self._kept().items()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for its parameters inside: the generator's step needs those of its input alone."""
    held = [p for p in module.parameters() if p.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)


def _optimizer(net: nn.Module, config: TrainConfig, rate: float) -> torch.optim.Optimizer:
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise Unsupported(f"{type(net).__name__} has no parameter that requires a gradient: there is nothing to train.")
    if config.optimizer == "rmsprop":
        # on a CPU the fused lists take 0.9 ms for 3 layers of 512, a loop over the parameters 0.3 ms
        foreach = parameters[0].device.type != "cpu"
        return torch.optim.RMSprop(parameters, lr=rate, alpha=0.99, foreach=foreach)
    fused = parameters[0].device.type in ("cpu", "cuda")
    return torch.optim.Adam(parameters, lr=rate, betas=config.betas, fused=fused)


def _forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """`optimizer.zero_grad()`, which in the middle of a step takes 15 us for 8 tensors."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def _compiled(generator: nn.Module, config: TrainConfig, device: torch.device) -> Any:
    """The generator through torch.compile, tried with the batch it will get."""
    compiled = torch.compile(generator)
    try:
        with torch.no_grad(), evaluating(generator):
            compiled(torch.zeros(config.batch_size, config.noise_dim, device=device))
    except Exception as error:
        raise Unsupported(
            f"compile is True, but torch.compile cannot do it here ({type(error).__name__}: {first_line(error)}). "
            "Leave compile out, or install what it asks for."
        ) from error
    return compiled


def _holds(net: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(part, kind) for part in net.modules())


def _refuse_coupled(config: TrainConfig, generator: nn.Module, critic: nn.Module | None) -> None:
    """What several processes, each with a part of the batch, would train otherwise than one."""
    if config.objective in COUPLED:
        raise Unsupported(
            f"objective {config.objective} is no mean over the batch: several processes would train on another loss. "
            "Run it in one process."
        )
    if "gradient" in config.lipschitz and config.points == "around":
        raise Unsupported(
            "points is 'around', whose noise is as large as the deviation of the whole batch, and each process sees a "
            "part. Use points='line', or one process."
        )
    for name, net in (("generator", generator), ("critic", critic)):
        if net is not None and _holds(net, _BatchNorm):
            raise Unsupported(
                f"{name} has BatchNorm, whose statistics would be those of a part of the batch in each process. "
                "Use another normalisation, or one process."
            )
        if net is not None and any(isinstance(part, _DropoutNd) and part.p > 0 for part in net.modules()):
            raise Unsupported(
                f"{name} has Dropout, whose masks would be drawn for a part of the batch in each process: the same "
                "masks in all. Set dropout to 0, or use one process."
            )
