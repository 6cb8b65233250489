"""The calls of the entropic works. eps, tol and thr stand for numbers made before the clock; k for iterations.

Units: otkit's and OTT's eps is that of min <C, P> + eps KL(P | a x b) with C = |x - y|^2, and POT's reg gives the same
plan; GeomLoss halves the cost, so its blur^2 is eps / 2.
"""

from __future__ import annotations

from benchmarks.calls import Call

LIMIT = 45.0  # seconds for a run of a peer, said as "longer than 45 s"; the fastest took 38 on a busy machine
FAR = 20.0  # for one that needs many minutes, by the time of an iteration and their number
UNTIL = "stopThr=thr, numItermax=10**6, log=True"
BLUR = "'sinkhorn', p=2, blur=(eps / 2)**0.5"
FLAT = "debias=False, potentials=True"  # one problem instead of three, and its potentials instead of a number
CLOUD = "PointCloud(x, y, epsilon=eps)"
ONLINE = "PointCloud(x, y, epsilon=eps, batch_size=256)"  # 64 took the same time, 1024 half as long again
OTT_UNTIL = "threshold=tol, max_iterations=20_000"
ANDERSON = "anderson=AndersonAcceleration(memory=10, ridge_identity=1e-6)"


def otkit(options: str, memory: bool = False) -> Call:
    return Call("otkit", f"otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Sinkhorn({options}))", memory=memory)


def otkit_unfinished(options: str, steps: tuple[int, int]) -> Call:
    """So many iterations are made, whatever they reach: not an error here."""
    solver = f"otkit.solvers.Sinkhorn({options})"
    return Call("otkit", f"otkit.wasserstein(x, y, p=2, solver={solver}, throw=False)", steps=steps)


def ott(solve: str, dtype: str, **more) -> Call:
    return Call("OTT", solve, backend="jax", dtype=dtype, **more)


def geomloss(options: str, backend: str, dtype: str, **more) -> Call:
    tool = "GeomLoss" if backend == "tensorized" else "KeOps"
    solve = f"SamplesLoss({BLUR}, {options}, {FLAT}, backend='{backend}')(x, y)"
    return Call(tool, solve, backend="torch", dtype=dtype, **more)


def pot(solve: str, backend: str = "numpy", dtype: str = "float64", **more) -> Call:
    return Call("POT", solve, matrix="C = ot.dist(x, y)", backend=backend, dtype=dtype, **more)


def iteration(everything: bool) -> tuple[Call, ...]:
    """Single precision throughout. Torch in double too: its float32 exp takes 16 times as long where it underflows.

    POT looks at its error every ten iterations and cannot be told not to, so its difference has one look in ten. The
    first 40 of otkit's hold its larger values of eps, which are in both runs. Without `everything` the tools
    that hold a cost matrix in NumPy or torch are left out: once it is made, d does not change their time.
    """
    fixed = "threshold=0.0, min_iterations=k, max_iterations=k"
    calls = [otkit_unfinished("eps=eps, tol=0.0, max_iter=k, dtype='float32'", (40, 90))]
    calls += [ott(f"linear.solve({geometry}, {fixed})", "float32", steps=(10, 30)) for geometry in OTT_GEOMETRIES]
    by_kernel = f"linear.solve({CLOUD}, lse_mode=False, {fixed})"
    calls.append(ott(by_kernel, "float32", steps=(10, 30)))
    exactly = "diameter=2 * (eps / 2)**0.5, scaling=2**(-1 / (k - 2.5))"  # k values of eps, from 4 times it down
    calls.append(geomloss(exactly, "online", "float32", steps=(5, 15)))
    if everything:
        calls += [geomloss(exactly, "tensorized", dtype, steps=(5, 15)) for dtype in ("float32", "float64")]
        calls += _pot_iteration()
    return tuple(calls)


def _pot_iteration() -> list[Call]:
    solve = "ot.sinkhorn(a, b, C, eps, method='{}', stopThr=0, numItermax=k, warn=False, log=True)"
    kernel, logs = solve.format("sinkhorn"), solve.format("sinkhorn_log")
    return [
        *(pot(kernel, backend, "float32", steps=(11, 51)) for backend in ("numpy", "torch")),
        pot(logs, "numpy", "float32", steps=(1, 11)),
        pot(logs, "torch", "float64", steps=(1, 11)),
    ]


OTT_GEOMETRIES = (CLOUD, ONLINE, f"Geometry({CLOUD}.cost_matrix, epsilon=eps)")


def converge() -> tuple[Call, ...]:
    """To an L1 error of tol, each tool with what its documentation has against slow convergence, in float64.

    OTT in float32 stays at 4e-6, with a memory of 5 and of 10.
    """
    return (otkit("eps=eps, tol=tol"), *_ott_converge(), *_geomloss_converge(), *_pot_converge())


def _ott_converge() -> list[Call]:
    """Momentum leaves an error in the other marginal that OTT does not look at, up to the same size again."""
    annealed = "PointCloud(x, y, epsilon=Epsilon(eps, init=100.0, decay=0.95))"
    solves = [
        f"linear.solve({CLOUD}, {OTT_UNTIL}, {ANDERSON}, initializer=GaussianInitializer())",
        f"linear.solve({CLOUD}, {OTT_UNTIL}, {ANDERSON})",
        f"linear.solve({ONLINE}, {OTT_UNTIL}, {ANDERSON})",
        f"linear.solve({CLOUD}, threshold=0.5 * tol, max_iterations=20_000, momentum=Momentum(start=50))",
        f"linear.solve({annealed}, {OTT_UNTIL})",
        f"linear.solve({CLOUD}, {OTT_UNTIL})",
    ]
    return [ott(solve, "float64", limit=LIMIT) for solve in solves]


def _geomloss_converge() -> list[Call]:
    """It has no stopping rule: a finer scaling means more iterations, on the way down in eps, and one at the end.

    Its error falls like the reciprocal of their number, so it is a figure of what some 40 iterations reach: 1e-6 would
    take thousands. Its newer `geomloss.ot` runs the same loop.
    """
    calls = [geomloss("scaling=0.9", backend, "float64", limit=LIMIT) for backend in ("tensorized", "online")]
    return [*calls, geomloss("scaling=0.9, truncate=None", "multiscale", "float64", limit=LIMIT)]


def _pot_converge() -> list[Call]:
    """thr is the L2 error at which the L1 error is tol. Annealing goes another way, on which half of it is right.

    ot.solve and sinkhorn_log run the same loop.
    """
    kernel = f"ot.sinkhorn(a, b, C, eps, method='sinkhorn', {UNTIL})"
    near = [
        kernel,
        f"ot.sinkhorn(a, b, C, eps, method='sinkhorn_stabilized', tau=1e100, print_period=10, {UNTIL})",
        "ot.sinkhorn(a, b, C, eps, method='sinkhorn_epsilon_scaling', tau=1e100, epsilon0=C.max(), "
        "stopThr=0.5 * thr, numInnerItermax=10**6, log=True)",
    ]
    far = [
        f"ot.sinkhorn(a, b, C, eps, method='sinkhorn_log', {UNTIL})",
        "ot.sinkhorn(a, b, C, eps, method='greenkhorn', stopThr=tol / 2 / n, numItermax=10**8, log=True)",
        "ot.solve(C, a, b, reg=eps, tol=thr, max_iter=10**6)",
    ]
    calls = [pot(solve, limit=LIMIT) for solve in near] + [pot(solve, limit=FAR) for solve in far]
    return [*calls, pot(kernel, "torch", limit=LIMIT)]


def memory() -> tuple[Call, ...]:
    """Peers without n x n arrays only. They are ended long before tol: what they hold by then is all they hold."""
    return (
        otkit("eps=eps, tol=tol", memory=True),
        ott(f"linear.solve({ONLINE}, {OTT_UNTIL})", "float32", memory=True, limit=FAR),
        geomloss("scaling=0.5", "online", "float32", memory=True, limit=FAR),
    )


def batch() -> tuple[Call, ...]:
    """Many small problems: a loop over POT, its own batches, and OTT's vmap. thr has a number for each problem.

    Plain Sinkhorn needs 140 iterations for most problems and 3e4 for the worst of a hundred, so what waits for the
    worst is ended. The loop over POT's fastest is not, because it is what to compare with.
    """
    one = "ot.sinkhorn(a, b, ot.dist(x[i], y[i]), eps, method='{}', stopThr=thr[i], numItermax=10**6, log=True)"
    loops = [f"[{one.format(method)} for i in range(len(x))]" for method in ("sinkhorn", "sinkhorn_log")]
    batched = "ot.solve_batch(ot.dist_batch(x, y), eps, max_iter=10**6, tol=min(thr), method='sinkhorn')"
    vmapped = "jax.vmap(lambda x, y: linear.solve(PointCloud(x, y, epsilon=eps), {}))(x, y)"
    solves = [vmapped.format(f"{OTT_UNTIL}, {ANDERSON}{more}") for more in ("", ", initializer=GaussianInitializer()")]
    return (
        Call("otkit", "otkit.solvers.Sinkhorn(eps=eps, tol=tol).batch(x, y, p=2)"),
        Call("POT", loops[0]),
        Call("POT", loops[1], limit=FAR),
        Call("POT", batched, backend="torch", limit=FAR),
        *(ott(solve, "float64", limit=LIMIT) for solve in solves),
    )
