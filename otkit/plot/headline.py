"""What a title says: the distance, as exactly as it is known, and how much of it a critic sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otkit.duality import DualityReport
    from otkit.result import Result

KNOWN = 1e-6  # relative width of a bracket that five digits do not show


def distance(result: Result) -> str:
    """W_p, or the bracket where the solver stopped with an open one."""
    order = f"{result.p:g}"
    name = f"W_{order}" if len(order) == 1 else f"W_{{{order}}}"
    if result.upper - result.lower <= KNOWN * result.upper:
        return f"${name}$ = {result.distance:.5g}"
    return rf"{result.lower:.5g} $\leq {name} \leq$ {result.upper:.5g}"


def headline(report: DualityReport) -> str:
    """W_1 of the samples and, of a given critic, the share of it that is proved after c-transforms."""
    if report.critic is None:
        return distance(report.result)
    return f"{distance(report.result)}, the critic captures {100.0 * report.critic.captured:.4g} %"
