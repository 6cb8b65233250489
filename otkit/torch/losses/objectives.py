"""The games a trainer can play, by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from otkit.errors import Unsupported
from otkit.torch.losses.cramer import cramer_critic_loss, cramer_estimate, cramer_generator_loss, cramer_scores
from otkit.torch.losses.hinge import hinge_critic_loss, hinge_estimate, hinge_generator_loss, hinge_kr_critic_loss
from otkit.torch.losses.least_squares import (
    least_squares_critic_loss,
    least_squares_estimate,
    least_squares_generator_loss,
)
from otkit.torch.losses.relativistic import (
    relativistic_critic_loss,
    relativistic_estimate,
    relativistic_generator_loss,
)
from otkit.torch.losses.scores import by_name, scores
from otkit.torch.losses.standard import (
    non_saturating_generator_loss,
    saturating_generator_loss,
    standard_critic_loss,
    standard_estimate,
)
from otkit.torch.losses.wasserstein import critic_loss, dual_estimate, generator_loss


@dataclass(frozen=True)
class Objective:
    """One game between critic and generator: its two losses, both minimised, and what its critic estimates.

    Attributes
    ----------
    name : its key in `OBJECTIVES`.
    critic_loss, generator_loss : functions of this package; call them as `.critic` and `.generator`.
    estimate : (real=, fake=) -> number, what the critic's value says about the two laws.
    measures : what `estimate` is a lower bound of: "W_1" (for a 1-Lipschitz critic), "total variation", ...
    critic_features : numbers the critic gives to a sample: 1, or the k of an embedding.
    needs_real_in_generator : whether `.generator` wants the critic's output for real samples.
    of_loss : (a, b) where the estimate is a + b times the critic's loss, so that one of them is enough; else None.

    >>> game = OBJECTIVES["wasserstein"]
    >>> real, fake = torch.tensor([3.0]), torch.tensor([1.0])
    >>> game.critic(real=real, fake=fake), game.generator(real=real, fake=fake), game.measures
    (tensor(-2.), tensor(-1.), 'W_1')
    """

    name: str
    critic_loss: Callable[..., torch.Tensor]
    generator_loss: Callable[..., torch.Tensor]
    estimate: Callable[..., torch.Tensor]
    measures: str
    critic_features: int = 1
    needs_real_in_generator: bool = False
    of_loss: tuple[float, float] | None = None

    @by_name
    def critic(self, *, real: torch.Tensor, fake: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        """The critic's loss; `more` is what its function takes beside the two: weights, or fake2."""
        return self.critic_loss(real=real, fake=fake, **more)

    @by_name
    def generator(self, *, fake: torch.Tensor, real: torch.Tensor | None = None, **more: torch.Tensor) -> torch.Tensor:
        """The generator's loss; `real` is left aside where the game does not need it."""
        if self.needs_real_in_generator:
            if real is None:
                raise TypeError(f"the generator's loss of {self.name!r} needs the critic's output for real samples too")
            more["real"] = real
        return self.generator_loss(fake=fake, **more)

    @by_name
    def scores(self, *, features: torch.Tensor, anchors: torch.Tensor | None = None) -> torch.Tensor:
        """The critic as one number a sample, (B,), which penalties are about.

        features : the critic's output. anchors : its output for as many independent fake samples, where it is an
        embedding (critic_features > 1).
        """
        if self.critic_features == 1:
            return scores(features=features)[0]
        if anchors is None:
            raise TypeError(f"scores of {self.name!r} needs anchors, the critic's output for other fake samples")
        return cramer_scores(features=features, anchors=anchors)

    def surrogate(
        self, critic: Callable[[torch.Tensor], torch.Tensor], real: torch.Tensor, fake: torch.Tensor
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """The function of points whose slope the theory bounds: (B, ...) -> (B,), for real and fake samples (B, ...).

        It is the critic itself but for embeddings, where it is f(z_i) = |h(z_i) - h(y_i')| - |h(z_i)| with the y_i' of
        `cramer_critic_loss`, the fake sample of the next row; so points stand row by row beside fake. `real` is what
        a game of two samples may need; none of these does.

        >>> OBJECTIVES["cramer"].surrogate(torch.nn.Identity(), None, torch.tensor([[1.0], [3.0]]))(torch.zeros(2, 1))
        tensor([3., 1.])
        """
        if self.critic_features == 1:
            return lambda points: self.scores(features=critic(points))
        anchors = critic(fake.roll(-1, 0))
        return lambda points: self.scores(features=critic(points), anchors=anchors)


_TRIANGLE = "triangular discrimination"
_NEGATED, _OF_HINGE, _OF_ENTROPY, _OF_SQUARES = (0.0, -1.0), (1.0, -0.5), (math.log(2.0), -0.5), (2.0, -8.0)

OBJECTIVES: dict[str, Objective] = {
    game.name: game
    for game in (
        Objective("wasserstein", critic_loss, generator_loss, dual_estimate, "W_1", of_loss=_NEGATED),
        Objective(
            "hinge", hinge_critic_loss, hinge_generator_loss, hinge_estimate, "total variation", of_loss=_OF_HINGE
        ),
        Objective("hinge-kr", hinge_kr_critic_loss, generator_loss, dual_estimate, "W_1"),
        Objective(
            "standard", standard_critic_loss, saturating_generator_loss, standard_estimate, "JS", of_loss=_OF_ENTROPY
        ),
        Objective(
            "non-saturating",
            standard_critic_loss,
            non_saturating_generator_loss,
            standard_estimate,
            "JS",
            of_loss=_OF_ENTROPY,
        ),
        Objective(
            "least-squares",
            least_squares_critic_loss,
            least_squares_generator_loss,
            least_squares_estimate,
            _TRIANGLE,
            of_loss=_OF_SQUARES,
        ),
        Objective(
            "relativistic",
            relativistic_critic_loss,
            relativistic_generator_loss,
            relativistic_estimate,
            "relativistic JS",
            needs_real_in_generator=True,
        ),
        Objective(
            "cramer",
            cramer_critic_loss,
            cramer_generator_loss,
            cramer_estimate,
            "W_1",
            critic_features=256,
            needs_real_in_generator=True,
            of_loss=_NEGATED,
        ),
    )
}


def objective(name: str, **options: float) -> Objective:
    """The objective of a name, with options of its critic's loss: alpha and margin of "hinge-kr"; the others have none.

    Raises
    ------
    Unsupported : a name that is not in `OBJECTIVES`, an option that the loss has not.

    >>> game = objective("hinge-kr", alpha=4.0)
    >>> game.critic(real=torch.tensor([2.0, 0.0]), fake=torch.tensor([-1.0]))
    tensor(-1.)
    """
    if name not in OBJECTIVES:
        raise Unsupported(f"objective is {name!r}: choose one of {', '.join(OBJECTIVES)}.")
    game = OBJECTIVES[name]
    parameters = inspect.signature(game.critic_loss).parameters.values()
    known = [p.name for p in parameters if isinstance(p.default, float)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise Unsupported(
            f"objective {name!r} has no option {', '.join(unknown)}: it has {', '.join(known) if known else 'none'}."
        )
    return replace(game, critic_loss=partial(game.critic_loss, **options)) if options else game
