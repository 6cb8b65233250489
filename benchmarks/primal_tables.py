"""Tables of docs/benchmarks.md from the JSON of `bench_primal`. No figure of them is typed by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.keep import measured_on
from benchmarks.tables import NOTHING, figure, table

EXACT_REACH, DIVERGENCE_REACH = 2.0, 3.0


def page(document: dict[str, Any]) -> str:
    """The part about the primal losses."""
    parts = ["## Suite: primal"]
    if document.get("quick"):
        parts.append("**Quick run on tiny sizes: these figures only show that the harness works.**")
    for name, part in (("exact", _exact), ("divergence", _divergence), ("cuda", _cuda)):
        if document.get(name):
            parts.append(part(document[name]))
    if not document.get("cuda"):
        parts.append("### On a CUDA device\n\nnot measured: `python -m benchmarks.bench_gpu` fills this table.")
    return "\n\n".join(parts)


def _exact(rows: list[dict[str, Any]]) -> str:
    head = ["n", "d", "weights", "tool", "call", "median s", "best s", "runs", "gradient off by", "POT over otkit"]
    peers = {_case(row): row["median"] for row in rows if row["tool"] == "POT"}
    lines = [
        [str(row["n"]), str(row["d"]), row["weights"], row["tool"], f"`{row['call']}`", figure(row["median"]),
         figure(row["best"]), str(row["runs"]), figure(row["gradient_error"]),
         f"{peers[_case(row)] / row['median']:.1f}" if row["tool"] == "otkit" else NOTHING]
        for row in rows
    ]  # fmt: skip
    text = (
        "Forward and backward in turns, float64, uniform weights or random ones; POT with its torch backend, its cost "
        "matrix included, and as many pivots as it wants. The gradient is compared with POT's, as a share of its "
        f"largest entry. Wanted: {EXACT_REACH:g} at n = 1000, d = 2, and gradients equal to 1e-8. {measured_on(rows)}"
    )
    return f"### Exact cost\n\n{text}\n\n{table(head, lines)}"


def _case(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["n"], row["d"], row["weights"]


def _divergence(rows: list[dict[str, Any]]) -> str:
    head = ["tool", "call", "dtype", "median s", "best s", "runs", "value off by", "gradient off by",
            "over otkit as accurate"]  # fmt: skip
    lines = [
        [row["tool"], f"`{row['call']}`", row["dtype"], figure(row["median"]), figure(row["best"]), str(row["runs"]),
         figure(row["value_error"]), figure(row["gradient_error"]), _over(row, rows)]
        for row in rows
    ]  # fmt: skip
    text = (
        f"n = m = {rows[0]['n']} points in a cube of {rows[0]['d']} dimensions, eps {rows[0]['eps']:g} in units of "
        "|x - y|^2 (blur 0.05), forward and backward in turns. Errors are relative to a solution to 1e-10, of the "
        "gradient to its largest entry. The last column sets a peer's median against the fastest call of otkit whose "
        f"value and gradient are both at least as accurate. Wanted: {DIVERGENCE_REACH:g}. {measured_on(rows)}"
    )
    return f"### Sinkhorn divergence on the CPU\n\n{text}\n\n{table(head, lines)}"


def _over(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    if row["tool"] == "otkit":
        return NOTHING
    errors = ("value_error", "gradient_error")
    good = [one["median"] for one in rows if one["tool"] == "otkit" and all(one[e] <= row[e] for e in errors)]
    return f"{row['median'] / min(good):.1f}" if good else NOTHING


def _cuda(rows: list[dict[str, Any]]) -> str:
    head = ["tool", "call", "n", "d", "median s", "best s", "peak MB over the input", "device"]
    lines = [
        [row["tool"], f"`{row['call']}`", str(row["n"]), str(row["d"]), figure(row["median"]), figure(row["best"]),
         figure(row["peak_mb"]), row["device"]]
        for row in rows
    ]  # fmt: skip
    return f"### On a CUDA device\n\n{measured_on(rows)}\n\n{table(head, lines)}"
