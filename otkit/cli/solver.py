"""The solver that a person named, with the limits that were typed."""

import dataclasses
from typing import Any

from otkit.cli.messages import nearest, option
from otkit.errors import Unsupported

_SOLVERS = {
    "auto": "Auto",
    "line": "Line",
    "multiscale": "Multiscale",
    "network-simplex": "NetworkSimplex",
    "assignment": "Assignment",
    "linear-program": "LinearProgram",
    "sinkhorn": "Sinkhorn",
}
_ENTROPIC = {"eps", "gap"}


def make_solver(name: str, **limits: Any):
    """The solver of that name with those limits (None is not given); one that it does not take is an error."""
    import otkit.solvers

    limits = {key: value for key, value in limits.items() if value is not None}
    if name not in _SOLVERS:
        raise Unsupported(f"--solver {name}: no such solver; {nearest(name, _SOLVERS)}")
    kind = getattr(otkit.solvers, _SOLVERS[name])
    refused = set(limits) - {field.name for field in dataclasses.fields(kind)}
    if refused:
        options = ", ".join(option(key) for key in sorted(refused))
        others = "sinkhorn" if refused & _ENTROPIC else "network-simplex" if name == "auto" else ""
        advice = f"name one that does, such as --solver {others}" if others else "leave it out"
        raise Unsupported(f"--solver {name} does not take {options}; {advice}")
    if {"gap", "tol"} <= set(limits):
        raise Unsupported("--gap and --tol are both given: with --gap the marginal error follows from it; give one")
    return kind(**limits)
