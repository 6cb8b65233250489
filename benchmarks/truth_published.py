"""Mean cosines that others published for funnels of the same law (their own draws of the centres), beside ours.

Korotin, Kolesov, Burnaev 2022; in 64 and 128 dimensions from the `metrics` folder of the authors' repository
justkolesov/Wasserstein1Benchmark, as all of "exact" with 16 funnels. "exact" is the direction of the plan at the very
points it was computed for, n = 4096: what we call the plan's cosine. The trained critics made 60,000 iterations.
"""

DIMS = (2, 4, 8, 16, 32, 64, 128)
PUBLISHED = {
    4: {
        "exact plan": (0.86, 0.84, 0.56, 0.18, -0.09, -0.28, -0.35),
        "WGAN-GP": (0.84, 0.95, 0.96, 0.96, 0.95, 0.92, 0.92),
        "WGAN-LP": (0.82, 0.95, 0.96, 0.96, 0.95, 0.92, 0.93),
    },
    16: {
        "exact plan": (0.84, 0.77, 0.47, 0.12, -0.13, -0.26, -0.36),
        "WGAN-GP": (0.68, 0.86, 0.92, 0.91, 0.90, 0.75, 0.80),
        "WGAN-LP": (0.81, 0.90, 0.92, 0.92, 0.90, 0.76, 0.75),
    },
}


def published(n_funnels: int, d: int) -> dict[str, float]:
    """Name and cosine, nothing where nothing was published."""
    rows = PUBLISHED.get(n_funnels, {})
    return {name: cosines[DIMS.index(d)] for name, cosines in rows.items() if d in DIMS}
