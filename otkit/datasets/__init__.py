"""Seeded problems with known answers, and the toys and mode metrics of the papers on generative models.

`funnels`, `translation` and `cone` know their W_1 and its potential; `convex_map` and `gaussians` know their W_2 and
its map. `eight_gaussians`, `twentyfive_gaussians`, `swiss_roll`, `half_moons` and `s_curve` are data in the plane, and
`mode_coverage` says which modes generated samples reach. Real data is in `otkit.data`.
"""

from otkit.datasets.brenier import convex_map, gaussians
from otkit.datasets.landscape import funnels
from otkit.datasets.modes import ModeCoverage, mode_coverage
from otkit.datasets.problem import W1Problem, W2Problem
from otkit.datasets.straight import cone, translation
from otkit.datasets.toys import Toy, eight_gaussians, half_moons, s_curve, swiss_roll, twentyfive_gaussians

__all__ = [
    "ModeCoverage",
    "Toy",
    "W1Problem",
    "W2Problem",
    "cone",
    "convex_map",
    "eight_gaussians",
    "funnels",
    "gaussians",
    "half_moons",
    "mode_coverage",
    "s_curve",
    "swiss_roll",
    "translation",
    "twentyfive_gaussians",
]
