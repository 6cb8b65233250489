"""The losses as modules."""

from __future__ import annotations

import torch
from torch import nn

from otkit.torch.losses.objectives import objective
from otkit.torch.losses.scores import by_name


class CriticLoss(nn.Module):
    """The critic's loss of an objective, to be minimised: (real=, fake=) -> number.

    Parameters
    ----------
    name : of `OBJECTIVES`: "wasserstein", "hinge", "hinge-kr", "standard", "non-saturating", "least-squares",
        "relativistic", "cramer".
    options : of that loss: alpha and margin of "hinge-kr".

    Tensors, shapes and Raises: as the function of that loss; `dual_estimate` has most of them.

    >>> CriticLoss()(real=torch.tensor([2.0, 4.0]), fake=torch.tensor([1.0]))
    tensor(-2.)
    >>> CriticLoss("hinge-kr", alpha=4.0)
    CriticLoss('hinge-kr', alpha=4.0)
    """

    def __init__(self, name: str = "wasserstein", **options: float) -> None:
        super().__init__()
        self.objective, self.options = objective(name, **options), options

    @by_name
    def forward(self, *, real: torch.Tensor, fake: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        return self.objective.critic(real=real, fake=fake, **more)

    def extra_repr(self) -> str:
        return ", ".join([repr(self.objective.name), *(f"{key}={value}" for key, value in self.options.items())])


class GeneratorLoss(nn.Module):
    """The generator's loss of an objective, to be minimised: (fake=) or (real=, fake=) -> number.

    Parameters
    ----------
    name : as in `CriticLoss`.

    `real`, the critic's output for real samples, is needed by "relativistic" and "cramer" and left aside by the others.
    Tensors, shapes and Raises: as the function of that loss.

    >>> GeneratorLoss()(fake=torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """

    def __init__(self, name: str = "wasserstein") -> None:
        super().__init__()
        self.objective = objective(name)

    @by_name
    def forward(self, *, fake: torch.Tensor, real: torch.Tensor | None = None, **more: torch.Tensor) -> torch.Tensor:
        return self.objective.generator(real=real, fake=fake, **more)

    def extra_repr(self) -> str:
        return repr(self.objective.name)
