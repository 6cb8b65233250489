"""`otkit distance X Y`: the exact Wasserstein distance of two sample sets, with its certified bracket."""

import dataclasses
import os
import sys
from enum import Enum, StrEnum
from typing import Annotated, Any

import typer

from otkit.cli.progress import shell_name, shown
from otkit.errors import NotConverged, Unsupported
from otkit.files import Inputs, read_pair, split_spec


class Header(StrEnum):
    """Whether the first line of a text file names its columns."""

    auto = "auto"
    yes = "yes"
    no = "no"


def distance(
    x: Annotated[
        str, typer.Argument(metavar="X", help="samples: .npy, .npz[:key], .csv, .tsv, .txt, .parquet; - is stdin")
    ],
    y: Annotated[
        str, typer.Argument(metavar="Y", help="samples to compare with; file.csv:a,b or file.csv:1,3-5 choose columns")
    ],
    p: Annotated[float, typer.Option("--p", help="order, at least 1")] = 1.0,
    metric: Annotated[str, typer.Option(help="euclidean, cityblock or chebyshev")] = "euclidean",
    solver: Annotated[str, typer.Option(help="auto, line, network-simplex, assignment or linear-program")] = "auto",
    weights_x: Annotated[
        str | None, typer.Option(metavar="F", help="weights of X: a file, or a column as in X.csv:w")
    ] = None,
    weights_y: Annotated[str | None, typer.Option(metavar="F", help="weights of Y")] = None,
    tol: Annotated[float | None, typer.Option(help="stop at this certified relative gap")] = None,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="stop after so many seconds")] = None,
    max_iter: Annotated[int | None, typer.Option(metavar="N", help="stop after so many iterations")] = None,
    header: Annotated[
        Header, typer.Option(help="whether the first line of text files names the columns")
    ] = Header.auto,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout and nothing else")] = False,
    plan: Annotated[str | None, typer.Option(metavar="OUT.npz", help="write the plan: rows, cols, mass, shape")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no notes and no progress on stderr")] = False,
) -> int:
    """Exact Wasserstein distance W_p of two sample sets, with a certified bracket."""
    if plan is not None:
        _check_writable(plan, (x, y, weights_x, weights_y))
    inputs = read_pair(x, y, weights_x=weights_x, weights_y=weights_y, header=header.value)
    if not quiet:
        for note in inputs.notes:
            print(f"otkit: note: {note}", file=sys.stderr)
    limits = {"tol": tol, "time_limit": time_limit, "max_iter": max_iter}
    result = _solve(
        inputs, p, metric, solver, {key: value for key, value in limits.items() if value is not None}, quiet
    )
    unwritten = None if plan is None else _write_plan(plan, result.plan)
    if unwritten:
        plan = None
    if as_json:
        _print_json(result, inputs, metric, x, y, plan)
    else:
        _print_lines(result, inputs, metric, plan)
    if unwritten:  # a disk that filled up meanwhile: the answer is printed all the same
        print(f"otkit: {unwritten}", file=sys.stderr)
        return 2
    if result.status.ok:
        return 0
    remedy = result.status.remedy.replace("max_iter", "--max-iter").replace("time_limit", "--time-limit")
    remedy = remedy.replace(" in .lower and .upper", "")
    print(f"otkit: not converged ({result.status.name}): {remedy}", file=sys.stderr)
    return 3


_SOLVERS = {
    "auto": "Auto",
    "line": "Line",
    "network-simplex": "NetworkSimplex",
    "assignment": "Assignment",
    "linear-program": "LinearProgram",
}


def _solve(inputs: Inputs, p: float, metric: str, solver: str, limits: dict[str, Any], quiet: bool):
    """The `Result`, complete or with the bracket that was reached."""
    import otkit

    chosen = make_solver(solver, limits)
    try:
        with shown(quiet):
            return otkit.wasserstein(
                inputs.x, inputs.y, p=p, a=inputs.a, b=inputs.b, metric=metric, solver=chosen, throw=False
            )
    except (NotConverged, KeyboardInterrupt) as error:  # Ctrl-C outside the solver, while compiling or proving
        result = getattr(error, "result", None)
        if result is None:
            raise
        return result


def make_solver(name: str, limits: dict[str, Any]):
    """The solver of that name with those limits; one that does not take a limit is an error, not a guess."""
    import otkit.solvers

    if name not in _SOLVERS:
        from difflib import get_close_matches

        close = get_close_matches(name.lower(), _SOLVERS, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(_SOLVERS)}"
        raise Unsupported(f"--solver {name}: no such solver; {hint}")
    kind = getattr(otkit.solvers, _SOLVERS[name])
    refused = set(limits) - {field.name for field in dataclasses.fields(kind)}
    if refused:
        options = ", ".join("--" + key.replace("_", "-") for key in sorted(refused))
        advice = "name one that does, such as --solver network-simplex" if name == "auto" else "leave it out"
        raise Unsupported(f"--solver {name} does not take {options}; {advice}")
    return kind(**limits)


def _check_writable(plan: str, inputs: tuple[str | None, ...]) -> None:
    """Find out before the computation, not after it, that the plan cannot be written."""
    if not plan.lower().endswith(".npz"):
        raise Unsupported(f"--plan {plan}: a plan is written as .npz; name it {os.path.splitext(plan)[0]}.npz")
    existed = os.path.exists(plan)
    for spec in inputs:
        path = split_spec(spec)[0] if spec else ""
        if existed and path and os.path.exists(path) and os.path.samefile(plan, path):
            raise Unsupported(f"--plan {plan}: this is an input file; give the plan another name")
    try:
        with open(plan, "ab"):
            pass
    except OSError as error:
        raise Unsupported(f"--plan {plan}: it cannot be written ({error.strerror or error})") from None
    if not existed:
        os.unlink(plan)


def _write_plan(path: str, plan) -> str | None:
    """Write it; what went wrong, if anything did."""
    import numpy as np

    try:
        with open(path, "wb") as handle:
            np.savez(handle, rows=plan.rows, cols=plan.cols, mass=plan.mass, shape=np.array(plan.shape))
    except OSError as error:
        return f"--plan {path}: the plan was not written ({error.strerror or error})"
    return None


def _print_lines(result, inputs: Inputs, metric: str, plan: str | None) -> None:
    (n, d), m = inputs.x.shape, len(inputs.y)
    where = "on the line" if d == 1 else f"in {d} dimensions"
    weights = "".join(f", weights on {name}" for name, w in (("X", inputs.a), ("Y", inputs.b)) if w is not None)
    at_most = "" if result.status.ok else "at most "
    print(f"W_{result.p:<8g}{at_most}{result.distance:.12g}")
    print(f"bracket   [{result.lower:.12g}, {result.upper:.12g}]  relative gap of the cost {result.gap:.2g}")
    print(f"samples   {n} against {m} {where}, {metric}{weights}")
    print(f"solver    {shell_name(result.solver)}: {result.status.name.lower()}, {_effort(result.stats)}")
    if plan is not None:
        print(f"plan      {plan}: {len(result.plan.mass)} entries")


def _effort(stats) -> str:
    iterations = f"{stats.iterations} iterations, " if stats.iterations else ""
    return f"{iterations}{stats.seconds:.3g} s"


def _print_json(result, inputs: Inputs, metric: str, x: str, y: str, plan: str | None) -> None:
    import json

    import otkit

    record = {
        "distance": result.distance, "lower": result.lower, "upper": result.upper, "gap": result.gap,
        "cost": result.cost, "dual_cost": result.dual_cost,
        "p": result.p, "metric": metric, "status": result.status.name, "solver": shell_name(result.solver),
        "x": x, "y": y, "n": len(inputs.x), "m": len(inputs.y), "d": inputs.x.shape[1],
        "columns": inputs.names, "plan": plan, "notes": inputs.notes,
        "stats": result.stats.to_dict(), "otkit": otkit.__version__,
    }  # fmt: skip
    print(json.dumps(plain(record), allow_nan=False))


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy scalars unpacked, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float) and value - value != 0.0:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
