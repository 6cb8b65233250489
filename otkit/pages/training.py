"""report.html of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otkit.pages.page import Page
from otkit.pages.sections import add_run

if TYPE_CHECKING:
    from otkit.datasets import Toy
    from otkit.torch.training.run import Run


def page_of(run: Run, data: str, toy: Toy | None = None) -> Page:
    """What a run came to; `data` is how the samples were named."""
    page = Page(f"{run.config.method} on {data}")
    page.text(
        "A generator was trained against a critic. Beside the critic's own estimate stands the exact Wasserstein "
        "distance of generated samples to data that training never saw, with the floor that data themselves reach."
        + ("" if run.units.trivial else " Distances are in the units of training (normalised data).")
    )
    add_run(page, run, toy)
    page.heading("Settings")
    page.numbers([(key, str(value), "") for key, value in run.config.to_dict().items()])
    return page
