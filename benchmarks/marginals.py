"""What a run came to. Of an entropic answer: how far its marginals are from a and b, in float64 and without any tool's
own figures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.backends import plain
from benchmarks.calls import Call
from benchmarks.cases import Case
from benchmarks.reference import Reference, reference
from benchmarks.row import SLACK
from benchmarks.tools import read

ENTRIES = 5_000_000  # of the density at a time


class Outcome(NamedTuple):
    """What a run came to: the tool's own words, and the error recomputed from what it returned (None: not finite).

    `reference` is what an exact answer of otkit proves: plan and potentials do not leave the process that has them.
    """

    cost: float | None
    status: str | None
    gap: float | None
    iterations: int | None
    error: float | None
    reference: Reference | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Outcome:
        """Of `_asdict()` after JSON, which makes a list of the reference."""
        proved = values.get("reference")
        return cls(**{**values, "reference": None if proved is None else Reference(*proved)})


class Scaled(NamedTuple):
    """Potentials in the one convention used here, P_ij = a_i b_j exp((f_i + g_j - c_ij) / eps), or the plan itself."""

    f: np.ndarray | None = None
    g: np.ndarray | None = None
    plan: np.ndarray | None = None


def outcome(case: Case, arrays: dict[str, Any], call: Call, value: Any) -> Outcome:
    """Reads any tool's answer. Of many problems, the worst. Raises TypeError on what cannot be read."""
    if case.entropic is None:
        proved = reference(case, arrays, value) if call.tool == "otkit" else None
        return Outcome(*read(value), None, None, proved)  # cost, status, gap
    many = case.entropic.problems > 1
    answers = value if isinstance(value, list) else [value]
    if many and not isinstance(value, list):
        answers = _apart(value, case.entropic.problems)
    x, y = (arrays["x"], arrays["y"]) if many else (arrays["x"][None], arrays["y"][None])
    errors = [_error(arrays, x[k], y[k], scaled(arrays, call, answer)) for k, answer in enumerate(answers)]
    error = float(np.max(errors))
    iterations = [_iterations(answer) for answer in answers]
    known = max((one for one in iterations if one is not None), default=None)
    own = call.tool == "otkit"
    cost = float(value.cost) if own and not many else None
    gap = float(np.max(value.gap)) if own else None
    return Outcome(cost, _status(case, call, value, error), gap, known, error if np.isfinite(error) else None)


def scaled(arrays: dict[str, Any], call: Call, answer: Any) -> Scaled:
    """The potentials or the plan that a tool returned for one problem."""
    a, b, eps = arrays["a"], arrays["b"], arrays["eps"]
    if call.tool == "otkit":
        own = getattr(answer, "entropic", answer)  # one of many has them itself
        return Scaled(own.f, own.g)
    if call.tool == "OTT":  # P = exp((f + g - c) / eps)
        return Scaled(plain(answer.f) - eps * np.log(a), plain(answer.g) - eps * np.log(b))
    if call.tool in ("GeomLoss", "KeOps"):  # its cost is |x - y|^2 / 2
        return Scaled(2.0 * plain(answer[0]).ravel(), 2.0 * plain(answer[1]).ravel())
    if call.tool == "POT":
        return Scaled(plan=plain(answer[0] if isinstance(answer, tuple) else answer.plan))
    raise TypeError(f"cannot read potentials or a plan from {type(answer).__name__} of {call.tool}")


@dataclass(frozen=True)
class _One:
    """One problem of an answer to many."""

    f: np.ndarray | None
    g: np.ndarray | None
    plan: np.ndarray | None
    iterations: float | None
    errors: np.ndarray | None
    inner_iterations: int | None


def _apart(value: Any, problems: int) -> list[_One]:
    """The problems of an answer whose arrays have them in front."""
    found = {field.name: getattr(value, field.name, None) for field in fields(_One)}
    if found["plan"] is None and found["f"] is None:
        raise TypeError(f"cannot read potentials or plans from {type(value).__name__}")
    arrays = {name: plain(array) for name, array in found.items() if array is not None}
    return [_One(**{name: arrays[name][k] if name in arrays else None for name in found}) for k in range(problems)]


def _error(arrays: dict[str, Any], x: np.ndarray, y: np.ndarray, answer: Scaled) -> float:
    """|P 1 - a|_1 + |P^T 1 - b|_1 of one problem."""
    a, b = arrays["a"], arrays["b"]
    with np.errstate(over="ignore", invalid="ignore"):
        if answer.plan is not None:
            rows, columns = answer.plan.sum(1), answer.plan.sum(0)
        else:
            rows, columns = _marginals(x, y, a, b, answer, arrays["eps"])
        return float(np.abs(rows - a).sum() + np.abs(columns - b).sum())


def _marginals(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, answer: Scaled, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.empty(a.size), np.zeros(b.size)
    height = max(1, ENTRIES // b.size)
    for begin in range(0, a.size, height):
        part = slice(begin, begin + height)
        density = cdist(x[part], y, "sqeuclidean")
        np.subtract(answer.g, density, out=density)
        density += answer.f[part, None]
        density /= eps
        np.exp(density, out=density)
        rows[part] = a[part] * (density @ b)
        columns += a[part] @ density
    return rows, b * columns


def _iterations(answer: Any) -> int | None:
    """As the tool counts them; POT's logs have the number of the last one, from 0."""
    own = getattr(answer, "stats", answer)
    if getattr(own, "iterations", None) is not None:
        return int(own.iterations)
    if getattr(answer, "inner_iterations", None) is not None:
        return int((plain(answer.errors) != -1).sum() * np.max(answer.inner_iterations))
    log = answer[-1] if isinstance(answer, tuple) and isinstance(answer[-1], dict) else {}
    last = log.get("niter", log.get("n_iter"))
    return None if last is None else int(last) + 1


def _status(case: Case, call: Call, value: Any, error: float) -> str | None:
    """What the tool says, and what it does not say: that it is not where it was to be."""
    said = []
    if call.tool == "otkit":
        said.append(value.status.name.lower())
    elif getattr(value, "converged", None) is not None and case.entropic.tol is not None:
        said.append("converged" if np.all(value.converged) else "not converged")
    if not np.isfinite(error):
        said.append("not finite")
    elif case.entropic.tol is not None and error > case.entropic.tol * SLACK:
        said.append(f"did not reach {case.entropic.tol:g}")
    return ", ".join(said) or None
