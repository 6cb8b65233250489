"""What a training run is, in one frozen value, and the presets named after papers."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from otkit.errors import Unsupported

LIPSCHITZ = ("clip", "gradient", "consistency", "spectral", "orthonormal")
OPTIMIZERS = ("adam", "rmsprop")
DECAYS = ("none", "linear")
PRECISIONS = ("float32", "bf16")
NOISES = ("normal", "uniform")
SIDES = ("both", "above")
OUTPUTS = ("auto", "none", "tanh", "sigmoid", "softmax")
PRIMAL = ("sinkhorn", "exact", "sliced", "energy")  # objectives without a critic: distances between the samples
NETWORKS = ("auto", "mlp", "dcgan", "resnet", "sequence")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run but the data; frozen, comparable, written to the run's folder.

    `TrainConfig.preset(name, **changes)` starts from a paper's settings. Wrong values are all named in one error.

    Attributes
    ----------
    method : name of the preset this came from.
    objective : loss of critic and generator, a key of `otkit.torch.losses.OBJECTIVES`, or, without a critic, a cost
        between the two batches: "sinkhorn", "exact" (W_p^p), "sliced", "energy".
    lipschitz : what holds the critic's slope: any of "clip", "gradient" (penalty), "consistency", "spectral",
        "orthonormal".
    penalty_weight, sided, center, points : of the gradient penalty: lambda, "both" or "above", the norm wanted, and
        where it is taken ("line" between real and fake, "perturbed" real samples, "real", "fake").
    clip : largest size of a critic's weight, of "clip". consistency_weight, consistency_margin : of "consistency".
    alpha, margin : of the objective "hinge-kr". eps : of the objective "sinkhorn", in units of cost (distance**p).
    p, n_projections : order of "sinkhorn", "exact" and "sliced", and the directions that "sliced" draws at every step.
    steps, batch_size : generator steps, samples of a (global) batch.
    n_critic : critic steps a generator step; n_critic_early of them during the first early_steps (0: as later).
    optimizer, lr_critic, lr_generator, betas : "adam" or "rmsprop", learning rates, Adam's decay rates.
    lr_decay : "none", or "linear" to 0 over all steps.
    network, hidden, width, noise_dim, noise, output, dropout : the networks made from the shape of the data
        (`otkit.torch.networks`), where none are given: kind, layers of an MLP, channels of a convolutional network,
        dimension and law of the noise, range of the generator ("auto": tanh where normalize is "range"), dropout of the
        critic. None: what suits the shape.
    ema : decay of the moving average of the generator's weights; 0 keeps none.
    shape : of one sample, into which rows of numbers are folded, such as (1, 8, 8); () leaves them as they are.
    normalize : "none"; "standard" trains on coordinates less their mean, over their deviation; "range" on values from
        -1 to 1 for the smallest and largest of all. Samples and exported networks are in the data's own units again.
    seed, device, precision, compile : of everything random; "auto" is cuda where there is one; "bf16" runs networks in
        bfloat16 (penalties stay in float32); compile passes the generator through torch.compile.
    monitor_every, monitor_size : generator steps between looks at held-out samples (0: never), and how many samples.
    holdout : share of the samples that training never sees, 2 monitor_size of them at most; of samples in memory and
        data sets. The monitor's distances are in the units of training.
    early_stop : monitor records without a better W_1 after which the run ends; 0 goes on.
    checkpoint_every : generator steps between checkpoints (0: at the end only).

    >>> TrainConfig.preset("wgan-gp", steps=2000).penalty_weight
    10.0
    """

    method: str = "custom"
    objective: str = "wasserstein"
    lipschitz: tuple[str, ...] = ()
    penalty_weight: float = 10.0
    sided: str = "both"
    center: float = 1.0
    points: str = "line"
    clip: float = 0.01
    consistency_weight: float = 2.0
    consistency_margin: float = 0.0
    alpha: float = 10.0
    margin: float = 1.0
    eps: float = 0.05
    p: float = 2.0
    n_projections: int = 128
    steps: int = 10_000
    batch_size: int = 256
    n_critic: int = 5
    n_critic_early: int = 0
    early_steps: int = 0
    optimizer: str = "adam"
    lr_critic: float = 1e-4
    lr_generator: float = 1e-4
    betas: tuple[float, float] = (0.0, 0.9)
    lr_decay: str = "none"
    network: str = "auto"
    hidden: tuple[int, ...] | None = None
    width: int | None = None
    noise_dim: int | None = None
    noise: str = "normal"
    output: str = "auto"
    dropout: float = 0.0
    ema: float = 0.0
    shape: tuple[int, ...] = ()
    normalize: str = "none"
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    monitor_every: int = 500
    monitor_size: int = 1000
    holdout: float = 0.2
    early_stop: int = 0
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
        complaints = []
        for name, check in _CHECKS.items():
            text = check(getattr(self, name))
            if text:
                complaints.append(f"{name} is {getattr(self, name)!r}: {text}")
        complaints = complaints or _together(self)
        if complaints:
            raise Unsupported("TrainConfig: " + "; ".join(complaints) + ".")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> TrainConfig:
        """The settings of a paper, with changes by keyword; `PRESETS` lists the names.

        Raises `Unsupported` for a name or a field that does not exist, with the nearest that does, and for a change
        that the rest of the configuration leaves without effect.
        """
        if name not in PRESETS:
            raise Unsupported(f"method {name!r} is no preset; {_nearest(name, PRESETS)}.")
        return _used(cls(**{"method": name, **PRESETS[name], **_known(changes)}), changes)

    def changed(self, **changes: Any) -> TrainConfig:
        """This configuration with some fields changed; raises as `preset`."""
        return _used(replace(self, **_known(changes)), changes)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; `TrainConfig(**that)` is this again."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def has_critic(self) -> bool:
        return self.objective not in PRIMAL


def _known(changes: dict[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields(TrainConfig)]
    unknown = [f"TrainConfig has no field {key!r}; {_nearest(key, names)}" for key in changes if key not in names]
    if unknown:
        raise Unsupported(". ".join(unknown) + ".")
    return changes


def _used(config: TrainConfig, changes: dict[str, Any]) -> TrainConfig:
    """The configuration, unless a field was set that nothing in it reads."""
    reads = {*config.lipschitz, config.objective, config.optimizer, "critic" if config.has_critic else ""}
    idle = []
    for field in fields(TrainConfig):
        needed = _READ_BY.get(field.name, "").split()
        idly = needed and field.name in changes and not reads.intersection(needed)
        if idly and getattr(config, field.name) != field.default:
            idle.append(f"{field.name} has no effect without {' or '.join(needed)}")
    if idle:
        raise Unsupported(
            "TrainConfig: " + "; ".join(idle) + f" (lipschitz is {config.lipschitz}, objective {config.objective}, "
            f"optimizer {config.optimizer})."
        )
    return config


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, lists as tuples: what JSON gives back is then equal to what was written."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _nearest(name: str, among: Any) -> str:
    close = difflib.get_close_matches(str(name), list(among), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(among)}"


def _whole(least: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        good = isinstance(value, Integral) and not isinstance(value, bool) and least <= value < 2**63
        return "" if good else f"a whole number from {least} on is needed"

    return check


def _number(low: float, high: float = float("inf"), *, open_low: bool = False) -> Callable[[object], str]:
    def check(value: object) -> str:
        good = isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high and value < float("inf")
        good = good and not (open_low and value == low)
        return (
            ""
            if good
            else f"a number {'above' if open_low else 'from'} {low:g}"
            + (f" to {high:g} is needed" if high < float("inf") else " is needed")
        )

    return check


def _one_of(*names: str) -> Callable[[object], str]:
    return lambda value: "" if value in names else f"one of {', '.join(names)} is needed"


def _several_of(*names: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        good = isinstance(value, tuple) and set(value) <= set(names) and len(set(value)) == len(value)
        return "" if good else f"a tuple of some of {', '.join(names)} is needed"

    return check


def _rates(value: object) -> str:
    good = isinstance(value, tuple) and len(value) == 2 and all(isinstance(b, Real) and 0 <= b < 1 for b in value)
    return "" if good else "two numbers from 0 to below 1 are needed"


def _layers(value: object) -> str:
    good = isinstance(value, tuple) and not any(_whole(1)(size) for size in value)
    return "" if good else "a tuple of whole numbers from 1 on is needed"


def _or_none(check: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: "" if value is None else check(value)


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "True or False is needed"


def _name(value: object) -> str:
    return "" if isinstance(value, str) else "a name is needed"


def _device(value: object) -> str:
    kind = value.partition(":")[0] if isinstance(value, str) else ""
    return "" if kind in ("auto", "cpu", "cuda", "mps", "xpu") else "auto, cpu, cuda, cuda:0, mps ... is needed"


_CHECKS: dict[str, Callable[[object], str]] = {
    "method": _name,
    "objective": _one_of(
        "wasserstein", "hinge", "hinge-kr", "standard", "non-saturating", "least-squares", "relativistic", "cramer",
        *PRIMAL,
    ),
    "lipschitz": _several_of(*LIPSCHITZ),
    "penalty_weight": _number(0), "sided": _one_of(*SIDES), "center": _number(0),
    "points": _one_of("line", "around", "real", "fake", "both"),
    "clip": _number(0, open_low=True), "consistency_weight": _number(0), "consistency_margin": _number(0),
    "alpha": _number(0), "margin": _number(0), "eps": _number(0, open_low=True),
    "p": _number(1, 64), "n_projections": _whole(1),
    "steps": _whole(1), "batch_size": _whole(1), "n_critic": _whole(0), "n_critic_early": _whole(0),
    "early_steps": _whole(0),
    "optimizer": _one_of(*OPTIMIZERS),
    "lr_critic": _number(0, open_low=True), "lr_generator": _number(0, open_low=True),
    "betas": _rates, "lr_decay": _one_of(*DECAYS),
    "network": _one_of(*NETWORKS), "hidden": _or_none(_layers), "width": _or_none(_whole(1)),
    "noise_dim": _or_none(_whole(1)),
    "noise": _one_of(*NOISES), "output": _one_of(*OUTPUTS), "dropout": _number(0, 0.999),
    "ema": _number(0, 0.999999), "shape": _layers, "normalize": _one_of("none", "standard", "range"),
    "seed": _whole(0), "device": _device, "precision": _one_of(*PRECISIONS),
    "compile": _flag,
    "monitor_every": _whole(0), "monitor_size": _whole(2), "holdout": _number(0, 0.9), "early_stop": _whole(0),
    "checkpoint_every": _whole(0),
}  # fmt: skip


_READ_BY = {
    "penalty_weight": "gradient", "sided": "gradient", "center": "gradient", "points": "gradient", "clip": "clip",
    "consistency_weight": "consistency", "consistency_margin": "consistency",
    "alpha": "hinge-kr", "margin": "hinge-kr", "eps": "sinkhorn",
    "p": "sinkhorn exact sliced", "n_projections": "sliced",
    "betas": "adam", "lr_critic": "critic", "dropout": "critic", "n_critic_early": "critic", "early_steps": "critic",
}  # fmt: skip


def _together(config: TrainConfig) -> list[str]:
    """What is wrong with fields that are each right."""
    found = []
    if config.has_critic and config.n_critic == 0:
        found.append(f"n_critic is 0: the objective {config.objective} needs critic steps")
    if not config.has_critic and (config.lipschitz or config.n_critic):
        found.append(f"objective {config.objective} has no critic: lipschitz must be () and n_critic 0")
    if "consistency" in config.lipschitz and config.dropout == 0.0:
        found.append("lipschitz has consistency, which compares two dropouts of one sample: dropout must be above 0")
    if {"spectral", "orthonormal"} <= set(config.lipschitz):
        found.append("lipschitz has spectral and orthonormal: both fix the same weights")
    if "orthonormal" in config.lipschitz and "clip" in config.lipschitz:
        found.append("lipschitz has orthonormal and clip: clipped weights are not orthonormal")
    if config.early_stop and not config.monitor_every:
        found.append("early_stop needs the monitor: monitor_every is 0")
    return found


# Settings of the papers, for images where they differ: the code published with WGAN-GP takes lambda 0.1 for 2-D toys.
_WGAN_GP = {"objective": "wasserstein", "lipschitz": ("gradient",), "penalty_weight": 10.0, "betas": (0.0, 0.9)}
PRESETS: dict[str, dict[str, Any]] = {
    "wgan": {  # Arjovsky, Chintala, Bottou 2017
        "objective": "wasserstein", "lipschitz": ("clip",), "clip": 0.01, "optimizer": "rmsprop", "lr_critic": 5e-5,
        "lr_generator": 5e-5, "n_critic": 5, "n_critic_early": 100, "early_steps": 25,
    },
    "wgan-gp": _WGAN_GP,  # Gulrajani et al. 2017
    "wgan-lp": {**_WGAN_GP, "sided": "above"},  # Petzka, Fischer, Lukovnikov 2018
    "sn-wgan": {  # Miyato et al. 2018, with the Wasserstein loss
        "objective": "wasserstein", "lipschitz": ("spectral",), "lr_critic": 2e-4, "lr_generator": 2e-4,
        "betas": (0.0, 0.9), "n_critic": 5,
    },
    "ct-gan": {  # Wei et al. 2018
        **_WGAN_GP, "lipschitz": ("gradient", "consistency"), "consistency_weight": 2.0, "dropout": 0.5,
    },
    "ortho-wgan": {  # Anil, Lucas, Grosse 2019
        "objective": "wasserstein", "lipschitz": ("orthonormal",), "lr_critic": 1e-3, "lr_generator": 1e-4,
        "betas": (0.0, 0.9), "n_critic": 5,
    },
    "cramer-gan": {**_WGAN_GP, "objective": "cramer"},  # Bellemare et al. 2017
    "sinkhorn-gan": {  # Genevay, Peyre, Cuturi 2018, on the data's own distance
        "objective": "sinkhorn", "n_critic": 0, "lr_generator": 1e-3, "betas": (0.5, 0.9),
    },
    "primal": {  # no game: the exact transport cost of the two batches itself
        "objective": "exact", "n_critic": 0, "lr_generator": 1e-3, "betas": (0.5, 0.9),
    },
    "hinge-gan": {  # Miyato et al. 2018
        "objective": "hinge", "lipschitz": ("spectral",), "lr_critic": 2e-4, "lr_generator": 2e-4, "betas": (0.0, 0.9),
        "n_critic": 5,
    },
    "gan": {  # Goodfellow et al. 2014, with Adam as in Radford, Metz, Chintala 2016
        "objective": "non-saturating", "lr_critic": 2e-4, "lr_generator": 2e-4, "betas": (0.5, 0.999), "n_critic": 1,
    },
}  # fmt: skip
