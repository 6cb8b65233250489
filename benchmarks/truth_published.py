"""Mean cosines that others published for funnels of the same law (their own draws of the centres), beside ours.

Korotin, Kolesov, Burnaev 2022; in 64 and 128 dimensions from the `metrics` folder of the authors' repository
justkolesov/Wasserstein1Benchmark, as all of "exact" with 16 funnels. "exact" is the direction of the plan at the very
points it was computed for, n = 4096: what we call the plan's cosine. The trained critics made 60,000 iterations (WGAN
with clipping 5000, SN 10,000, sorted 25,000). Rows end where nothing was published.
"""

DIMS = (2, 4, 8, 16, 32, 64, 128)
PUBLISHED = {
    4: {
        "exact plan": (0.86, 0.84, 0.56, 0.18, -0.09, -0.28, -0.35),
        "WGAN-GP": (0.84, 0.95, 0.96, 0.96, 0.95, 0.92, 0.92),
        "WGAN-LP": (0.82, 0.95, 0.96, 0.96, 0.95, 0.92, 0.93),
        "WGAN": (0.07, 0.27, 0.34, 0.33, 0.40),
        "SN": (0.21, 0.36, 0.35, 0.35, 0.42),
        "sorted": (0.77, 0.91, 0.89, 0.97, 0.98),
    },
    16: {
        "exact plan": (0.84, 0.77, 0.47, 0.12, -0.13, -0.26, -0.36),
        "WGAN-GP": (0.68, 0.86, 0.92, 0.91, 0.90, 0.75, 0.80),
        "WGAN-LP": (0.81, 0.90, 0.92, 0.92, 0.90, 0.76, 0.75),
        "SN": (0.16, 0.24, 0.26, 0.25, 0.22),
        "sorted": (0.69, 0.73, 0.75, 0.85, 0.94),
    },
}


def published(n_funnels: int, d: int) -> dict[str, float]:
    """Name and cosine, nothing where nothing was published."""
    rows = PUBLISHED.get(n_funnels, {})
    at = DIMS.index(d) if d in DIMS else len(DIMS)
    return {name: cosines[at] for name, cosines in rows.items() if at < len(cosines)}


def best(n_funnels: int, d: int) -> float | None:
    """The highest that was published."""
    return max(published(n_funnels, d).values(), default=None)
