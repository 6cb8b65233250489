"""The calls compared, as code: the text in the tables is the text that was run."""

from __future__ import annotations

from typing import NamedTuple

ITERATIONS = "numItermax=10**8"  # POT stops at 1e5 otherwise, before the optimum


class Call(NamedTuple):
    """`matrix` is a statement that makes C, timed with `solve` and also apart; `solve` is an expression.

    `backend` and `dtype` say in what arrays the data are handed over, before the clock starts. With `steps` the call
    is run for both values of its name k, and its time is the difference divided by the difference of the two. With
    `limit` it runs in a process of its own, which is ended after so many seconds.
    """

    tool: str
    solve: str
    matrix: str | None = None
    memory: bool = False
    backend: str = "numpy"
    dtype: str = "float64"
    steps: tuple[int, int] | None = None
    limit: float | None = None

    @property
    def text(self) -> str:
        return f"{self.matrix}; {self.solve}" if self.matrix else self.solve


def _number(p: float) -> str:
    return f"{p:g}"


def wasserstein(
    p: float,
    weighted: bool,
    metric: str = "euclidean",
    memory: bool = False,
    more: str = "",
    limit: float | None = None,
) -> Call:
    """`more` are further options, as text."""
    options = [f"p={_number(p)}"] if p != 1 else []
    options += ["a=a", "b=b"] if weighted else []
    options += [f"metric='{metric}'"] if metric != "euclidean" else []
    options += [more] if more else []
    return Call("otkit", f"otkit.wasserstein({', '.join(['x', 'y', *options])})", memory=memory, limit=limit)


def transport(weighted: bool) -> Call:
    return Call("otkit", "otkit.transport(C, a=a, b=b)" if weighted else "otkit.transport(C)")


def distance_matrix(p: float, metric: str = "euclidean") -> str:
    """metric(x, y)**p by SciPy, the fastest way for each."""
    if metric == "euclidean" and p == 2:
        return "C = cdist(x, y, 'sqeuclidean')"
    return f"C = cdist(x, y, '{metric}')" + (f"**{_number(p)}" if p != 1 else "")


def emd2(p: float, weighted: bool, memory: bool = False, limit: float | None = None) -> Call:
    """POT as its documentation does it. numThreads is ignored by POT 0.9.7, so it is not given."""
    matrix = "C = ot.dist(x, y)" if p == 2 else "C = ot.dist(x, y, metric='euclidean')"
    return Call("POT", f"ot.emd2({_masses(weighted)}, C, {ITERATIONS}, log=True)", matrix, memory, limit=limit)


def emd2_given(weighted: bool, matrix: str | None = None) -> Call:
    return Call("POT", f"ot.emd2({_masses(weighted)}, C, {ITERATIONS}, log=True)", matrix)


def emd(weighted: bool) -> Call:
    return Call("POT", f"ot.emd({_masses(weighted)}, C, {ITERATIONS}, log=True)[1]")


def emd2_lazy(p: float, weighted: bool, memory: bool = False) -> Call:
    metric = "sqeuclidean" if p == 2 else "euclidean"
    masses = "a, b, " if weighted else ""
    solve = f"ot.emd2_lazy(x, y, {masses}metric='{metric}', {ITERATIONS}, return_matrix=False, log=True)"
    return Call("POT", solve, memory=memory)


def _masses(weighted: bool) -> str:
    return "a, b" if weighted else "[], []"


def highs(matrix: str) -> Call:
    return Call("HiGHS", "highs(C, a, b)", matrix)


def assignment(matrix: str | None) -> Call:
    return Call("SciPy", "C[linear_sum_assignment(C)].mean()", matrix)


def jonker_volgenant(matrix: str | None) -> list[Call]:
    """lapx as it comes, which rounds the costs to float32, and in float64."""
    return [
        Call("lapx", "lap.lapjvs(C)[0] / n", matrix),
        Call("lapx", "lap.lapjvs(C, prefer_float32=False)[0] / n", matrix),
    ]


def on_the_line(p: float, weighted: bool) -> list[Call]:
    """POT's two ways, and SciPy's, which knows p = 1 only."""
    masses = ", a, b" if weighted else ""
    metric = "sqeuclidean" if p == 2 else "euclidean"
    calls = [
        Call("POT", f"ot.wasserstein_1d(x, y{masses}, p={_number(p)})"),
        Call("POT", f"ot.emd2_1d(x, y{masses}, metric='{metric}')"),
    ]
    return ([Call("SciPy", f"wasserstein_distance(x, y{masses})")] if p == 1 else []) + calls


def sorting() -> Call:
    return Call("NumPy", "np.sort(x), np.sort(y)")
