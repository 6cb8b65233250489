"""`otkit distance X Y`: the Wasserstein distance of two sample sets, exact or entropic, with its certified bracket."""

import dataclasses
import os
import re
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
    solver: Annotated[
        str, typer.Option(help="auto, line, network-simplex, assignment, linear-program or sinkhorn")
    ] = "auto",
    eps: Annotated[
        float | None, typer.Option("--eps", metavar="E", help="sinkhorn: regularisation, in units of metric**p")
    ] = None,
    gap: Annotated[
        float | None, typer.Option("--gap", metavar="G", help="sinkhorn: certified relative gap wanted, instead of eps")
    ] = None,
    weights_x: Annotated[
        str | None, typer.Option(metavar="F", help="weights of X: a file, or a column as in X.csv:w")
    ] = None,
    weights_y: Annotated[str | None, typer.Option(metavar="F", help="weights of Y")] = None,
    tol: Annotated[
        float | None, typer.Option(help="stop at this certified relative gap (sinkhorn: this marginal error)")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="stop after so many seconds")] = None,
    max_iter: Annotated[int | None, typer.Option(metavar="N", help="stop after so many iterations")] = None,
    header: Annotated[
        Header, typer.Option(help="whether the first line of text files names the columns")
    ] = Header.auto,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout and nothing else")] = False,
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="OUT.npz",
            help="write the plan: rows, cols, mass, shape; sinkhorn's without the smallest entries, 1e-9 of all mass",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no notes and no progress on stderr")] = False,
) -> int:
    """Wasserstein distance W_p of two sample sets with a certified bracket: exact, but for --solver sinkhorn."""
    if plan is not None:
        _check_writable(plan, (x, y, weights_x, weights_y))
    inputs = read_pair(x, y, weights_x=weights_x, weights_y=weights_y, header=header.value)
    if not quiet:
        for note in inputs.notes:
            print(f"otkit: note: {note}", file=sys.stderr)
    options = {"eps": eps, "gap": gap, "tol": tol, "time_limit": time_limit, "max_iter": max_iter}
    chosen = make_solver(solver, {key: value for key, value in options.items() if value is not None})
    result = _solve(inputs, p, metric, chosen, quiet)
    entries, unwritten = (None, None) if plan is None else _write_plan(plan, result.plan)
    if unwritten:
        plan = None
    if as_json:
        _print_json(result, inputs, metric, x, y, plan)
    else:
        _print_lines(result, inputs, metric, plan, entries)
    if unwritten:  # a disk that filled up meanwhile: the answer is printed all the same
        print(f"otkit: {unwritten}", file=sys.stderr)
        return 2
    if result.status.ok:
        return 0
    remedy = _in_shell_words(result.status.remedy).replace(" in .lower and .upper", "")
    print(f"otkit: not converged ({result.status.name}): {remedy}", file=sys.stderr)
    return 3


_SOLVERS = {
    "auto": "Auto",
    "line": "Line",
    "network-simplex": "NetworkSimplex",
    "assignment": "Assignment",
    "linear-program": "LinearProgram",
    "sinkhorn": "Sinkhorn",
}
_ENTROPIC = {"eps", "gap"}
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
        raise Unsupported(_in_shell_words(str(error))) from None


def _in_shell_words(message: str) -> str:
    """Options as they are typed: max_iter is --max-iter, eps=0.1 is --eps 0.1."""
    return re.sub(
        r"(?<!relative )\b(max_iter|time_limit|tol|eps|gap)\b(=(?=\d))?",
        lambda found: _option(found[1]) + (" " if found[2] else ""),
        message,
    )


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


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
        options = ", ".join(_option(key) for key in sorted(refused))
        others = "sinkhorn" if refused & _ENTROPIC else "network-simplex" if name == "auto" else ""
        advice = f"name one that does, such as --solver {others}" if others else "leave it out"
        raise Unsupported(f"--solver {name} does not take {options}; {advice}")
    if {"gap", "tol"} <= set(limits):
        raise Unsupported("--gap and --tol are both given: with --gap the marginal error follows from it; give one")
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
    word = "sweeps" if result.solver == "Sinkhorn" else "iterations"
    return (f"{stats.iterations} {word}, " if stats.iterations else "") + f"{stats.seconds:.3g} s"


def _print_json(result, inputs: Inputs, metric: str, x: str, y: str, plan: str | None) -> None:
    import json

    import otkit

    record = {
        "distance": result.distance, "lower": result.lower, "upper": result.upper, "gap": result.gap,
        "cost": result.cost, "dual_cost": result.dual_cost,
        "entropic": _entropic(result.entropic),
        "p": result.p, "metric": metric, "status": result.status.name, "solver": shell_name(result.solver),
        "x": x, "y": y, "n": len(inputs.x), "m": len(inputs.y), "d": inputs.x.shape[1],
        "columns": inputs.names, "plan": plan, "notes": inputs.notes,
        "stats": result.stats.to_dict(), "otkit": otkit.__version__,
    }  # fmt: skip
    print(json.dumps(plain(record), allow_nan=False))


def _entropic(found) -> dict[str, float] | None:
    """What regularisation found, without the potentials; None of a solver that does not regularise."""
    if found is None:
        return None
    return {"eps": found.eps, "objective": found.objective, "marginal_error": found.marginal_error}


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
