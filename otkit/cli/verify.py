"""`otkit verify X Y`: W_1 of two sample sets from above and below, and how much of it a critic sees."""

import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from otkit.cli import critics, options, picture
from otkit.cli.messages import exit_code, in_shell_words, print_failure, print_notes
from otkit.cli.output import check_writable
from otkit.cli.progress import shell_name, shown
from otkit.cli.record import print_record
from otkit.cli.solver import make_solver
from otkit.errors import BadCritic, NotConverged, Unsupported
from otkit.files import Inputs, read_pair, read_pairs, split_spec

UNIFORM = "uniform"  # in place of a file of weights


def verify(
    x: options.X,
    y: options.Y,
    critic: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="file.py:name, a function of (k, d) arrays (the file is executed; file.py means its function "
            "critic); values.npz, its values at X and Y as arrays x and y (values.npz:f,g: under these keys); "
            "a torch.export'ed .pt2 file, or the folder of a training run",
        ),
    ] = None,
    holdout: Annotated[
        tuple[str, str] | None, typer.Option(metavar="X2 Y2", help="unseen samples for the same critic")
    ] = None,
    metric: options.Metric = "euclidean",
    solver: options.Solver = "auto",
    eps: options.Eps = None,
    gap: options.Gap = None,
    weights_x: options.WeightsX = None,
    weights_y: options.WeightsY = None,
    weights_holdout: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="F G", help=f"weights of X2 and of Y2; {UNIFORM} in place of one of them"),
    ] = None,
    tol: options.Tol = None,
    time_limit: options.TimeLimit = None,
    max_iter: options.MaxIter = None,
    header: options.HeaderLine = options.Header.auto,
    n_bootstrap: Annotated[
        int, typer.Option(metavar="N", min=1, help="resamplings behind the interval of a critic's raw value")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="of the resamplings")] = 0,
    as_json: options.AsJson = False,
    plot: Annotated[
        str | None, typer.Option(metavar="OUT.png", help="draw the report: .png, .pdf or .svg")
    ] = None,
    quiet: options.Quiet = False,
) -> int:  # fmt: skip
    """W_1 of two sample sets, proved from above and below, and how much of it a critic sees."""
    weights = (weights_x, weights_y)
    unseen = tuple(None if given == UNIFORM else given for given in weights_holdout or (None, None))
    if plot is not None:
        sets = (split_spec(spec)[0] for spec in (x, y, *(holdout or ()), *weights, *unseen) if spec)
        check_writable("--plot", plot, picture.SUFFIXES, (*sets, critics.split_critic(critic or "")[0]))
        picture.check_matplotlib("--plot")
    if weights_holdout and not holdout:
        raise Unsupported("--weights-holdout weighs the samples of --holdout; give --holdout X2 Y2 too")
    chosen = make_solver(solver, eps=eps, gap=gap, tol=tol, time_limit=time_limit, max_iter=max_iter)
    first, second = _read((x, y), holdout, weights, unseen, header.value)
    print_notes(_notes(first, second), quiet)
    with redirect_stdout(sys.stderr):  # a critic that prints must not print into the answer
        function = None if critic is None else _critic(critic, holdout)
        with shown(quiet):
            found = _verify(first, second, (critic, function), metric, chosen, n_bootstrap, seed)
    paths = {"x": x, "y": y, "holdout": holdout, "critic": critic}
    if as_json:
        print_record(_record(found, first, second) | {"paths": paths})
    else:
        print(found)
    if isinstance(found, Unfinished):
        from otkit.result import Status

        return exit_code(Status.INTERRUPTED)
    if plot is not None:
        with suppress(OSError):  # a reader that has gone is no reason not to draw
            sys.stdout.flush()
        with redirect_stdout(sys.stderr):
            failed = picture.draw(found.plot, plot)
        if failed:
            return print_failure(f"--plot {plot}: the picture was not drawn ({failed})")
    held = 0 if found.holdout is None else exit_code(found.holdout.status, "holdout, ")
    return max(exit_code(found.status), held)


@dataclass(frozen=True)
class Unfinished:
    """What is known where Ctrl-C came after the primal and before the report."""

    result: Any
    metric: str

    def to_dict(self) -> dict[str, Any]:
        n, m = self.result.problem.cost.shape
        numbers = {"primal": self.result.cost, "dual": self.result.dual_cost, "gap": self.result.gap}
        unknown = {"lipschitz": None, "critic": None, "holdout": None}
        return numbers | unknown | {"status": "INTERRUPTED", "metric": self.metric, "n": n, "m": m}

    def __str__(self) -> str:
        n, m = self.result.problem.cost.shape
        return (
            f"W_1 of the samples, {n} against {m}, {self.metric} (INTERRUPTED before the report was made)\n"
            f"  primal     {self.result.cost:>16.10g}   cost of the plan reached\n"
            f"  dual       {self.result.dual_cost:>16.10g}   value of its potentials, gap {self.result.gap:.2g}"
        )


def _read(
    pair: tuple[str, str],
    holdout: tuple[str, str] | None,
    weights: tuple[str | None, str | None],
    unseen: tuple[str | None, str | None],
    header: str,
) -> tuple[Inputs, Inputs | None]:
    if holdout is None:
        return read_pair(*pair, weights_x=weights[0], weights_y=weights[1], header=header), None
    return read_pairs(pair, holdout, weights=weights, weights_holdout=unseen, header=header)


def _critic(spec: str, holdout: tuple[str, str] | None) -> Any:
    critic = critics.read_critic(spec)
    if holdout is not None and not callable(critic):
        raise Unsupported(
            f"--critic {spec}: values at X and Y say nothing of --holdout; name a function, or leave --holdout out"
        )
    return critic


def _verify(first: Inputs, second: Inputs | None, named: tuple, metric: str, solver: Any, n_bootstrap: int, seed: int):
    """The report, complete or with the bracket that was reached."""
    import otkit

    spec, critic = named
    try:
        return otkit.verify(
            first.x, first.y, a=first.a, b=first.b, critic=critic,
            holdout=None if second is None else (second.x, second.y, second.a, second.b),
            metric=metric, solver=solver, n_bootstrap=n_bootstrap, seed=seed, throw=False,
        )  # fmt: skip
    except BadCritic as error:
        raise critics.in_shell_words(spec, error) from None
    except Unsupported as error:
        raise Unsupported(in_shell_words(str(error))) from None
    except (NotConverged, KeyboardInterrupt) as error:  # Ctrl-C outside the solver, while a critic is measured
        result = getattr(error, "result", None)
        if result is None:
            raise
        return Unfinished(result, metric)


def _record(found, first: Inputs, second: Inputs | None) -> dict[str, Any]:
    record = found.to_dict() | {"d": first.x.shape[1]}
    result = found.result
    described = {"solver": shell_name(result.solver), "stats": result.stats.to_dict(), "columns": first.names}
    return record | described | {"notes": _notes(first, second)}


def _notes(first: Inputs, second: Inputs | None) -> list[str]:
    return list(dict.fromkeys(first.notes + (second.notes if second else ())))
