"""Pictures of plans, critics, reports and training runs: each function draws on one matplotlib Axes and returns it.

`ax=None` makes a pyplot figure; otherwise the picture goes where `ax` is. matplotlib is loaded by the first picture.
"""

from otkit.plot.curve import training
from otkit.plot.generated import samples
from otkit.plot.heat import critic
from otkit.plot.rays import plan
from otkit.plot.report import duality
from otkit.plot.slopes import slopes

__all__ = ["critic", "duality", "plan", "samples", "slopes", "training"]
