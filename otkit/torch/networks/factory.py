"""Networks chosen by the shape of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otkit.errors import Unsupported
from otkit.torch.networks.dcgan import DCGANCritic, DCGANGenerator
from otkit.torch.networks.layers import NORMS, Activation, critic_norm
from otkit.torch.networks.mlp import MLPCritic, MLPGenerator
from otkit.torch.networks.pixels import halvings
from otkit.torch.networks.resnet import ResNetCritic, ResNetGenerator
from otkit.torch.networks.sequence import SequenceCritic, SequenceGenerator
from otkit.torch.networks.stack import Critic, Generator, checked_shape, positive


class Kind(NamedTuple):
    """A pair of networks, the sizes they take, and the generator's norm and the critic's activation in their paper.

    >>> KINDS["mlp"].sizes
    ('hidden',)
    """

    generator: type[Generator]
    critic: type[Critic]
    sizes: tuple[str, ...]
    norm: str
    critic_activation: str


KINDS = {
    "mlp": Kind(MLPGenerator, MLPCritic, ("hidden",), "none", "relu"),
    "dcgan": Kind(DCGANGenerator, DCGANCritic, ("width", "depth"), "batch", "leaky_relu"),
    "resnet": Kind(ResNetGenerator, ResNetCritic, ("width", "depth"), "batch", "relu"),
    "sequence": Kind(SequenceGenerator, SequenceCritic, ("width", "depth"), "none", "relu"),
}


def networks_for(
    shape: tuple[int, ...],
    *,
    kind: str = "auto",
    noise_dim: int | None = None,
    hidden: Sequence[int] | None = None,
    width: int | None = None,
    depth: int | None = None,
    critic_features: int = 1,
    critic_activation: Activation | None = None,
    critic_norm: str = "none",
    dropout: float = 0.0,
    generator_norm: str | None = None,
    output: str = "none",
) -> tuple[Generator, Critic]:
    """A generator (B, noise_dim) -> (B, *shape) and a critic (B, *shape) -> (B, critic_features) for data of a shape.

    Parameters
    ----------
    shape : of one sample: (d,) points, (C, L) sequences, (C, H, W) images.
    kind : "mlp" (any shape), "dcgan" or "resnet" (images), "sequence". "auto": mlp for (d,), sequence for (C, L), dcgan
        for images whose sides halve down to 4 to 7 pixels (8, 16, 28, 32, 48, 64, ...), mlp for other shapes.
    noise_dim : None: d for (d,), between 2 and 128; else 128.
    hidden : widths of the layers of an mlp; None: (512, 512, 512).
    width, depth : channels and blocks of the other kinds; None: those that their classes say.
    critic_features : 1, or the k of an embedding, as the cramer losses take it.
    critic_activation : a name or a function that makes a module, as in `MLP`. None: "leaky_relu" for dcgan, else
        "relu".
    critic_norm : "none" or "layer". generator_norm : "none", "layer" or "batch"; None: batch for dcgan and resnet.
    dropout : of the critic, 0 <= dropout < 1.
    output : the generator's range: "none", "tanh" (-1, 1), "sigmoid" (0, 1), "softmax" (one-hot sequences).

    Returns
    -------
    Two `torch.nn.Sequential`, float32 on the CPU unless torch's defaults say otherwise; weights from torch's generator:
    the same `torch.manual_seed` gives the same networks. The generator has .noise_dim and .shape, the critic .shape
    and .features. A critic's layers are Linear and convolutions, activations, `Residual`, mean pools and Flatten.

    Raises
    ------
    Unsupported : a kind that the shape does not fit, a size that the kind does not have, unknown names; all at once
        where they are several.

    Source: Gulrajani et al. 2017; Radford, Metz, Chintala 2016; Miyato et al. 2018.

    >>> generator, critic = networks_for((1, 8, 8), noise_dim=16, width=8)
    >>> type(generator).__name__, critic.shape, generator.noise_dim
    ('DCGANGenerator', (1, 8, 8), 16)
    """
    shape = checked_shape(shape)
    kind = kind_for(shape, kind)
    room = KINDS[kind]
    sizes = {"hidden": hidden, "width": width, "depth": depth}
    sizes = {name: value for name, value in sizes.items() if value is not None}
    _refuse(kind, sizes, generator_norm, critic_norm)
    if noise_dim is None:
        noise_dim = min(max(shape[0], 2), 128) if len(shape) == 1 else 128
    positive(noise_dim=noise_dim, critic_features=critic_features)
    norm = room.norm if generator_norm is None else generator_norm
    generator = room.generator(shape, noise_dim=noise_dim, norm=norm, output=output, **sizes)
    if critic_activation is None:
        critic_activation = room.critic_activation
    critic = room.critic(
        shape, features=critic_features, activation=critic_activation, norm=critic_norm, dropout=dropout, **sizes
    )
    return generator, critic


def kind_for(shape: tuple[int, ...], kind: str = "auto") -> str:
    """The kind of networks that `networks_for` takes: `kind` itself, or for "auto" the one that the shape asks for.

    Raises `Unsupported` for a kind that does not exist.

    >>> kind_for((2,)), kind_for((4, 30)), kind_for((1, 28, 28)), kind_for((1, 25, 25))
    ('mlp', 'sequence', 'dcgan', 'mlp')
    """
    if kind != "auto":
        if kind not in KINDS:
            raise Unsupported(f"kind is {kind!r}: choose one of auto, {', '.join(KINDS)}.")
        return kind
    if len(shape) == 2:
        return "sequence"
    if len(shape) != 3:
        return "mlp"
    try:
        halvings(shape)
    except Unsupported:
        return "mlp"
    return "dcgan"


def _refuse(kind: str, sizes: dict, generator_norm: str | None, norm_of_critic: str) -> None:
    """All that does not fit, in one message."""
    taken = KINDS[kind].sizes
    wrong = [
        f"{name} is no size of kind {kind!r}, which has {' and '.join(taken)}" for name in sizes if name not in taken
    ]
    if generator_norm not in (None, *NORMS):
        wrong.append(f"generator_norm is {generator_norm!r}, not one of {', '.join(NORMS)}")
    try:
        critic_norm(norm_of_critic)
    except Unsupported as error:
        wrong.append(str(error).rstrip("."))
    if wrong:
        raise Unsupported(f"{'; '.join(wrong)}.")
