"""The two networks of a run: the caller's or those of the data's shape, constrained, and tried once before the loop."""

from __future__ import annotations

import copy
import os
import tempfile

import torch
from torch import nn
from torch.nn.utils import parametrize

from otkit.errors import BadCritic, Unsupported
from otkit.torch.constraints import orthonormalize, spectral_normalize
from otkit.torch.losses import OBJECTIVES
from otkit.torch.networks import kind_for, networks_for
from otkit.torch.programs import evaluating, save_program
from otkit.torch.training.config import TrainConfig

TRIED = 2  # samples of the trial: one could hide an output without its batch dimension


def networks_of(config: TrainConfig, shape: tuple[int, ...], generator: nn.Module | None, critic: nn.Module | None,
                device: torch.device) -> tuple[nn.Module, nn.Module | None, int]:  # fmt: skip
    """Generator, critic or None, and the length of the noise; copies of the caller's, in training mode on `device`.

    Raises `Unsupported` and `BadCritic` for networks that do not fit the data or the configuration.
    """
    _refuse_unread(config, generator, critic)
    noise_dim = config.noise_dim
    if generator is not None and noise_dim is None:
        noise_dim = getattr(generator, "noise_dim", None)
        if not isinstance(noise_dim, int):
            raise Unsupported("noise_dim is None: the generator is yours, so say how long its noise is.")
    made: tuple = (None, None)
    if generator is None or (critic is None and config.has_critic):
        made = _made(config, shape)
    generator = made[0] if generator is None else _copied(generator, "generator")
    noise_dim = made[0].noise_dim if noise_dim is None else noise_dim
    if not config.has_critic:
        critic = None
    else:
        critic = made[1] if critic is None else _copied(critic, "critic")
        critic = spectral_normalize(critic) if "spectral" in config.lipschitz else critic
        critic = orthonormalize(critic) if "orthonormal" in config.lipschitz else critic
    for net in (generator, critic):
        if net is not None:
            net.to(device).train()
    _try(config, shape, generator, critic, noise_dim, device)
    return generator, critic, noise_dim


def refuse_unexportable(net: nn.Module, example: torch.Tensor, name: str) -> None:
    """Tries at the beginning what the end of a run will need: a program of the caller's network."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            save_program(net, os.path.join(folder, "trial.pt2"), example)
        except BadCritic as error:
            told = str(error).removeprefix("net ")
            raise Unsupported(f"{name} {told} Without out, a run writes no programs.") from error


def with_plain_weights(net: nn.Module) -> nn.Module:
    """A copy whose parametrized weights are parameters, what they are computed from left out: the same function."""
    net = copy.deepcopy(net).eval()  # in eval mode reading a weight moves no power iteration
    for layer in list(net.modules()):
        if parametrize.is_parametrized(layer):
            # not by remove_parametrizations, which changes the class of the layer: net's own layer is of it too
            weights = {name: getattr(layer, name).detach().clone() for name in layer.parametrizations}
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            for name, weight in weights.items():
                layer.register_parameter(name, nn.Parameter(weight))
    return net


def _made(config: TrainConfig, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    output = "tanh" if config.normalize == "range" else "none"
    sizes = {"hidden": config.hidden, "width": config.width}
    return networks_for(
        shape,
        kind=kind_for(shape, config.network),
        noise_dim=config.noise_dim,
        **{name: size for name, size in sizes.items() if size is not None},
        critic_features=OBJECTIVES[config.objective].critic_features if config.has_critic else 1,
        critic_activation="maxmin" if "orthonormal" in config.lipschitz else None,
        dropout=config.dropout if config.has_critic else 0.0,
        output=output if config.output == "auto" else config.output,
    )


def _refuse_unread(config: TrainConfig, generator: nn.Module | None, critic: nn.Module | None) -> None:
    for name, net in (("generator", generator), ("critic", critic)):
        if net is not None and not isinstance(net, nn.Module):
            raise Unsupported(f"{name} is a {type(net).__name__}: pass a torch.nn.Module.")
    if critic is not None and not config.has_critic:
        raise Unsupported(f"critic is given, and objective {config.objective} has none.")
    if generator is None or (critic is None and config.has_critic):
        return
    unset = {"hidden": None, "width": None, "network": "auto", "output": "auto"}
    unread = [f"{name} is {getattr(config, name)!r}" for name, value in unset.items() if getattr(config, name) != value]
    if unread:
        raise Unsupported(f"{', '.join(unread)}: the networks are yours, so this would be ignored. Leave it out.")


def _copied(net: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(net)
    except Exception as error:
        raise Unsupported(
            f"{name} ({type(net).__name__}) cannot be copied ({type(error).__name__}: {error}): its weights must be "
            "parameters; the hooks of torch.nn.utils.weight_norm are not, those of parametrizations are."
        ) from error


def _try(config: TrainConfig, shape: tuple[int, ...], generator: nn.Module, critic: nn.Module | None, noise_dim: int,
         device: torch.device) -> None:  # fmt: skip
    """One call of each, in eval mode."""
    points = torch.zeros(TRIED, *shape, device=device)
    fake = _called(generator, torch.zeros(TRIED, noise_dim, device=device), "generator", "noise")
    if fake.shape != points.shape:
        raise Unsupported(
            f"generator returned samples of shape {tuple(fake.shape[1:])} and those of the data are {shape}: they must "
            "be of one shape; torch would broadcast them silently."
        )
    if critic is None:
        return
    out = _called(critic, points, "critic", "samples")
    if OBJECTIVES[config.objective].critic_features > 1:
        if out.ndim != 2 or len(out) != TRIED:
            raise BadCritic(
                f"critic returned shape {tuple(out.shape)} for {TRIED} samples: objective {config.objective} needs an "
                f"embedding, ({TRIED}, k)."
            )
    elif out.ndim not in (1, 2) or out.shape[0] != TRIED or out.numel() != TRIED:
        raise BadCritic(
            f"critic returned shape {tuple(out.shape)} for {TRIED} samples: a critic gives one number a sample, "
            f"({TRIED},) or ({TRIED}, 1)."
        )


def _called(net: nn.Module, given: torch.Tensor, name: str, what: str) -> torch.Tensor:
    kind = BadCritic if name == "critic" else Unsupported
    try:
        with evaluating(net), torch.no_grad():
            out = net(given)
    except Exception as error:
        raise kind(
            f"{name} ({type(net).__name__}), given {what} of shape {tuple(given.shape)}, raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(out, torch.Tensor) or not out.is_floating_point() or not out.ndim:
        found = type(out).__name__ if not isinstance(out, torch.Tensor) else f"{out.dtype} of shape {tuple(out.shape)}"
        raise kind(f"{name} ({type(net).__name__}) returned {found}: a batch of real numbers is needed.")
    return out
