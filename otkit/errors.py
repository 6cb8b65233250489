"""What can go wrong, by name. A message says which argument, what was found, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otkit.result import Result


class OtkitError(ValueError):
    """Input that otkit cannot answer for; the parent of all errors about input."""


class BadMeasure(OtkitError):
    """Samples or weights that are no measure: NaN, negative weights, no points, shapes that do not fit."""


class BadCritic(BadMeasure):
    """A critic that raises, returns NaN or does not give one number to each point."""


class BadCost(OtkitError):
    """A ground cost that is none: wrong shape, NaN, a metric that is negative or unknown."""


class Infeasible(BadCost):
    """No plan has the marginals asked for on the allowed pairs. `result` holds what was found (status INFEASIBLE)."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.result)


class Unsupported(OtkitError):
    """A valid question that this solver, or this size, does not answer. The message names one that does."""


class NotConverged(RuntimeError):
    """The solver stopped before its goal. `result` is what it reached: a feasible plan and a valid bracket."""

    def __init__(self, result: Result) -> None:
        remedy = result.status.remedy
        if not hasattr(result, "lower"):  # a divergence has no bracket
            remedy = remedy.replace("the bracket in .lower and .upper", "what was reached, in error.result")
        super().__init__(f"{result!r} {remedy}")
        self.result = result

    def __reduce__(self) -> tuple:
        return type(self), (self.result,)


class Interrupted(NotConverged, KeyboardInterrupt):
    """Ctrl-C during a solve: still a KeyboardInterrupt, but nothing is lost, `result` holds the bracket reached."""


class Diverged(RuntimeError):
    """Training met a value that is NaN or infinite. `step` is the generator step; the last checkpoint is kept."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.step)


class TrainingInterrupted(RuntimeError, KeyboardInterrupt):
    """Ctrl-C during training: still a KeyboardInterrupt; a checkpoint was written and `run` is what there is so far."""

    def __init__(self, message: str, run: object) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.run)
