"""Pictures of plans, critics, brackets, training runs and timings: each draws on one matplotlib Axes and returns it.

`ax=None` makes a pyplot figure; otherwise the picture goes where `ax` is. matplotlib is loaded by the first picture.
"""

from otkit.plot.bracket import bracket
from otkit.plot.coverage import coverage
from otkit.plot.curve import training
from otkit.plot.generated import samples
from otkit.plot.heat import critic
from otkit.plot.line import piles, quantiles
from otkit.plot.powers import loglog
from otkit.plot.rays import plan
from otkit.plot.report import duality
from otkit.plot.slopes import slopes

__all__ = [
    "bracket",
    "coverage",
    "critic",
    "duality",
    "loglog",
    "piles",
    "plan",
    "quantiles",
    "samples",
    "slopes",
    "training",
]
