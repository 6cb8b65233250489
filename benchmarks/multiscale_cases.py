"""The cases of the suite `multiscale`: points, as many of them as there is time for."""

from __future__ import annotations

from benchmarks import calls
from benchmarks.calls import Call
from benchmarks.cases import Case

LONG = 1800.0  # seconds until a run is ended; POT takes one or two minutes at n = 10000
LOOSE = 1e-3  # the certified gap that a million points are solved to first
TIME = 5400  # seconds that the optimum of a million points is given; then its gap is shown
SIZES = (1000, 3162, 10_000, 31_623, 100_000)
MOST_MATRIX = 3162  # points for assignment solvers: 42 s at 4000
MOST_POT = 10_000


def peers() -> list[Case]:
    """One run of POT each, in a process of its own: a minute, and 4.5 GB that the others must not share."""
    cases = []
    shapes = ((2, 2, "uniform"), (2, 2, "random"), (2, 1, "uniform"), (3, 2, "uniform"), (64, 2, "random"))
    for d, p, weights in shapes:
        weighted, first = weights == "random", not cases  # POT's memory is that of its matrix, whatever d
        own = calls.wasserstein(p, weighted, memory=d == 64)
        pair = (own, calls.emd2(p, weighted, memory=first, limit=LONG))
        cases.append(Case("multiscale_peers", 10_000, 10_000, d, p, weights, pair))
    return cases


def large() -> list[Case]:
    """Alone, so that one run has time and memory."""
    cases, n = [], 10**5
    for p, weights in ((2, "uniform"), (2, "random"), (1, "uniform")):
        call = calls.wasserstein(p, weights == "random", memory=True, limit=LONG)
        cases.append(Case("multiscale_large", n, n, 2, p, weights, (call,)))
    return cases


def million() -> list[Case]:
    solver = f"solver=otkit.solvers.Multiscale(tol={LOOSE:g})"
    call = calls.wasserstein(2, False, memory=True, more=solver, limit=LONG)
    return [Case("multiscale_million", 10**6, 10**6, 2, 2, "uniform", (call,))]


def million_exact() -> list[Case]:
    """The solver keeps the time itself and returns what it has; the process is ended only if it does not."""
    solver = f"solver=otkit.solvers.Multiscale(time_limit={TIME}), throw=False"
    call = calls.wasserstein(2, False, memory=True, more=solver, limit=2.0 * TIME)
    return [Case("multiscale_million_exact", 10**6, 10**6, 2, 2, "uniform", (call,))]


def _images(work: str, side: int) -> list[Case]:
    return [Case(work, side**2, side**2, 2, 2, "images", (calls.wasserstein(2, True),))]


def images() -> list[Case]:
    return _images("multiscale_images", 128)


def finer_images() -> list[Case]:
    return _images("multiscale_finer_images", 256)


def curve() -> list[Case]:
    """Every peer as far as it gets."""
    cases, matrix = [], calls.distance_matrix(2)
    for n in SIZES:
        compared: list[Call] = [calls.wasserstein(2, False)]
        if n <= MOST_POT:
            compared += [calls.emd2(2, False), calls.emd2_lazy(2, False)]
        if n <= MOST_MATRIX:
            compared += [calls.assignment(matrix), *calls.jonker_volgenant(matrix)]
        cases.append(Case("multiscale_curve", n, n, 2, 2, "uniform", tuple(compared)))
    return cases


MULTISCALE = {
    "multiscale_peers": peers,
    "multiscale_images": images,
    "multiscale_finer_images": finer_images,
    "multiscale_curve": curve,
    "multiscale_large": large,
    "multiscale_million": million,
    "multiscale_million_exact": million_exact,
}
