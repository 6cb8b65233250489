"""`otkit distance X Y`: the Wasserstein distance of two sample sets, exact or entropic, with its certified bracket."""

from typing import Annotated, Any

import typer

from otkit.cli import options
from otkit.cli.messages import exit_code, in_shell_words, print_failure, print_notes
from otkit.cli.output import check_writable
from otkit.cli.progress import shell_name, shown
from otkit.cli.record import print_record
from otkit.cli.solver import make_solver
from otkit.errors import NotConverged, Unsupported
from otkit.files import Inputs, read_pair, split_spec


def distance(
    x: options.X,
    y: options.Y,
    p: Annotated[float, typer.Option("--p", help="order, at least 1")] = 1.0,
    metric: options.Metric = "euclidean",
    solver: options.Solver = "auto",
    eps: options.Eps = None,
    gap: options.Gap = None,
    weights_x: options.WeightsX = None,
    weights_y: options.WeightsY = None,
    tol: options.Tol = None,
    time_limit: options.TimeLimit = None,
    max_iter: options.MaxIter = None,
    header: options.HeaderLine = options.Header.auto,
    as_json: options.AsJson = False,
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="OUT.npz",
            help="write the plan: rows, cols, mass, shape; sinkhorn's without the smallest entries, 1e-9 of all mass",
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> int:
    """Wasserstein distance W_p of two sample sets with a certified bracket: exact, but for --solver sinkhorn."""
    if plan is not None:
        read = (split_spec(spec)[0] for spec in (x, y, weights_x, weights_y) if spec)
        check_writable("--plan", plan, (".npz",), read)
    inputs = read_pair(x, y, weights_x=weights_x, weights_y=weights_y, header=header.value)
    print_notes(inputs.notes, quiet)
    chosen = make_solver(solver, eps=eps, gap=gap, tol=tol, time_limit=time_limit, max_iter=max_iter)
    result = _solve(inputs, p, metric, chosen, quiet)
    entries, unwritten = (None, None) if plan is None else _write_plan(plan, result.plan)
    if unwritten:
        plan = None
    if as_json:
        _print_json(result, inputs, metric, x, y, plan)
    else:
        _print_lines(result, inputs, metric, plan, entries)
    if unwritten:  # a disk that filled up meanwhile: the answer is printed all the same
        return print_failure(unwritten)
    return exit_code(result.status)


_LEFT_OUT = 1e-9  # of all mass: what the file of an entropic plan lacks at most
_MOST_ENTRIES = 2**26  # of a plan in a file: 1.6 GB


def _solve(inputs: Inputs, p: float, metric: str, solver: Any, quiet: bool):
    """The `Result`, complete or with the bracket that was reached."""
    import otkit

    try:
        with shown(quiet):
            return otkit.wasserstein(
                inputs.x, inputs.y, p=p, a=inputs.a, b=inputs.b, metric=metric, solver=solver, throw=False
            )
    except (NotConverged, KeyboardInterrupt) as error:  # Ctrl-C outside the solver, while compiling or proving
        result = getattr(error, "result", None)
        if result is None:
            raise
        return result
    except Unsupported as error:
        raise Unsupported(in_shell_words(str(error))) from None


def _write_plan(path: str, plan) -> tuple[int | None, str | None]:
    """Write it: how many entries, and what went wrong, if anything did."""
    import numpy as np

    failed = f"--plan {path}: the plan was not written"
    try:
        if hasattr(plan, "blocks"):  # entropic: every pair has mass, nearly all of them too little to matter
            threshold = _LEFT_OUT * plan.total / (plan.shape[0] * plan.shape[1])
            if not _few(plan, threshold):
                return None, f"{failed}: it has more than {_MOST_ENTRIES} entries; a smaller --eps has fewer"
            plan = plan.tosparse(threshold)
            rows, cols, mass = plan.row, plan.col, plan.data
        else:
            rows, cols, mass = plan.rows, plan.cols, plan.mass
        with open(path, "wb") as handle:
            np.savez(handle, rows=rows, cols=cols, mass=mass, shape=np.array(plan.shape))
    except OSError as error:
        return None, f"{failed} ({error.strerror or error})"
    except KeyboardInterrupt:  # a second Ctrl-C must not cost the answer
        return None, f"{failed} (interrupted)"
    return len(mass), None


def _few(plan, threshold: float) -> bool:
    """Whether the entries above the threshold can be held at once. They are counted where they might not be."""
    if plan.shape[0] * plan.shape[1] <= _MOST_ENTRIES:
        return True
    count = 0
    for _, _, mass in plan.blocks():
        count += int((mass > threshold).sum())
        if count > _MOST_ENTRIES:
            return False
    return True


def _print_lines(result, inputs: Inputs, metric: str, plan: str | None, entries: int | None) -> None:
    (n, d), m = inputs.x.shape, len(inputs.y)
    where = "on the line" if d == 1 else f"in {d} dimensions"
    weights = "".join(f", weights on {name}" for name, w in (("X", inputs.a), ("Y", inputs.b)) if w is not None)
    entropic = result.entropic
    at_most = "" if result.status.ok and entropic is None else "at most "
    print(f"W_{result.p:<8g}{at_most}{result.distance:.12g}")
    print(f"bracket   [{result.lower:.12g}, {result.upper:.12g}]  relative gap of the cost {result.gap:.2g}")
    print(f"samples   {n} against {m} {where}, {metric}{weights}")
    print(f"solver    {shell_name(result.solver)}: {result.status.name.lower()}, {_effort(result)}")
    if entropic is not None:
        objective = f"regularised objective {entropic.objective:.12g}"
        print(f"entropic  eps {entropic.eps:.6g}, {objective}, marginal error {entropic.marginal_error:.2g}")
    if plan is not None:
        left_out = "" if entropic is None else f", all but {_LEFT_OUT:.0e} of the mass"
        print(f"plan      {plan}: {entries} entries{left_out}")


def _effort(result) -> str:
    stats = result.stats
    word = "sweep" if result.solver == "Sinkhorn" else "iteration"
    many = "" if stats.iterations == 1 else "s"
    return (f"{stats.iterations} {word}{many}, " if stats.iterations else "") + f"{stats.seconds:.3g} s"


def _print_json(result, inputs: Inputs, metric: str, x: str, y: str, plan: str | None) -> None:
    record = {
        "distance": result.distance, "lower": result.lower, "upper": result.upper, "gap": result.gap,
        "cost": result.cost, "dual_cost": result.dual_cost,
        "entropic": _entropic(result.entropic),
        "p": result.p, "metric": metric, "status": result.status.name, "solver": shell_name(result.solver),
        "x": x, "y": y, "n": len(inputs.x), "m": len(inputs.y), "d": inputs.x.shape[1],
        "columns": inputs.names, "plan": plan, "notes": inputs.notes,
        "stats": result.stats.to_dict(),
    }  # fmt: skip
    print_record(record)


def _entropic(found) -> dict[str, float] | None:
    """What regularisation found, without the potentials; None of a solver that does not regularise."""
    if found is None:
        return None
    return {"eps": found.eps, "objective": found.objective, "marginal_error": found.marginal_error}
