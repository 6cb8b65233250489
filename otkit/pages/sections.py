"""Sections of a page: a comparison of two samples, a critic against the exact W_1, a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otkit import plot

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from otkit.datasets import Toy
    from otkit.duality import DualityReport
    from otkit.pages.page import Page
    from otkit.result import Result
    from otkit.torch.training.run import Run

DRAWN = 1000  # generated samples in a picture


def add_result(page: Page, result: Result) -> None:
    """The distance with its bracket, and what proves it."""
    page.numbers(
        [
            (f"W_{result.p:g}", f"{result.distance:.10g}", "the cost of the optimal plan, the root taken"),
            (
                "certified",
                f"{result.lower:.10g} to {result.upper:.10g}",
                "feasible potentials below, a feasible plan above",
            ),
            ("relative gap", f"{result.gap:.1e}", "of the cost, between the two proofs"),
            (
                "plan",
                f"{len(result.plan)} entries",
                f"of {result.plan.shape[0]} x {result.plan.shape[1]} possible ones",
            ),
            ("solver", f"{result.solver}, {result.status.name}", f"{result.stats.seconds:.2g} s"),
        ]
    )


def add_plan(page: Page, result: Result, x: ArrayLike, y: ArrayLike) -> None:
    """The plan between samples in the plane."""
    page.picture(
        lambda ax: plot.plan(result, x, y, ax),
        "The optimal plan: each segment carries mass from a sample of the first set to one of the second.",
    )


def share(bound: float, report: DualityReport) -> str:
    """A lower bound as a part of W_1, in words."""
    if bound <= 0.0 or report.primal == 0.0:
        return "nothing of it"
    return f"{bound / report.primal:.1%} of it"


def add_critic(page: Page, report: DualityReport, whose: str) -> None:
    """What a critic proves of W_1, beside the exact critic where samples are in the plane."""
    found = report.critic
    page.numbers(
        [
            ("exact W_1", f"{report.primal:.6g}", "by the plan, between the samples that the critic is judged on"),
            (
                "raw dual",
                f"{found.raw:.6g}",
                "mean of the critic on the one set less that on the other: proves nothing by itself",
            ),
            ("slope", f"{found.slope:.6g}", "the steepest pair of samples; 1 or less would make the raw dual a bound"),
            (
                "rescaled",
                f"{found.rescaled:.6g}",
                f"raw / slope, a certified lower bound of W_1: {share(found.rescaled, report)}",
            ),
            (
                "tightened",
                f"{found.tightened:.6g}",
                f"after c-transforms, the most that these values prove: {share(found.tightened, report)}",
            ),
        ]
    )
    if report.samples.sizes[2] != 2 or report.function is None:
        page.picture(lambda ax: plot.slopes(report, ax), f"Slopes of {whose} between samples.")
        return
    page.picture(lambda ax: plot.duality(report, ax), f"{whose[0].upper()}{whose[1:]}, with the optimal plan on it.")
    x, y = report.samples.x, report.samples.y
    page.picture(
        lambda ax: plot.critic(report.result.critic(), x, y, ax),
        "The exact critic: 1-Lipschitz everywhere, and its means differ by W_1.",
    )


def add_run(page: Page, run: Run, toy: Toy | None = None) -> None:
    """The curve of a training run, its samples, and its critic."""
    history = run.history
    best, last, name = history.best(), history.records[-1] if history.records else {}, history.distance
    word = "W_1" if name == "w1" else "sliced W_1"
    rows = [("trained", f"{run.config.method}", f"{run.steps} of {run.config.steps} steps, {run.stopped}")]
    if best is not None:
        rows.append((f"best {word}", f"{best[name]:.4g}", f"at step {best['step']}, to data held out of training"))
        rows.append((f"last {word}", f"{last[name]:.4g}", "at the last record"))
        floor = best.get("floor" if name == "w1" else "sliced_floor")
        if floor is not None:
            rows.append(("floor", f"{floor:.4g}", f"{word} of data against data: samples as good as data reach this"))
    if last.get("modes") is not None:
        rows.append(
            ("modes", f"{last['modes']}", f"reached; {last['high_quality']:.1%} of samples within 3 sigma of one")
        )
    rank = history.rank_correlation()
    if rank is not None:
        rows.append(
            (
                "rank correlation",
                f"{rank:.2f}",
                f"of the critic's estimate and {word} over {len(history.records)} records",
            )
        )
    page.numbers(rows)
    if history.records:
        page.picture(
            lambda ax: plot.training(run, ax), f"The critic's estimate and the exact {word} while training.", (7.2, 4.6)
        )
    samples = run.sample(DRAWN, seed=run.config.seed)
    if samples.shape[1:] == (2,) or samples.ndim in (3, 4):
        page.picture(lambda ax: plot.samples(samples, ax, toy=toy), "Samples that the generator makes now.")
    if run.report is not None and run.report.critic is not None:
        page.heading("Its critic")
        add_critic(page, run.report, "the trained critic")
