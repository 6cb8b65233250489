"""Tables of docs/benchmarks.md from the JSON of `bench_gan`. No figure of them is typed by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.tables import NOTHING, table
from benchmarks.truth_published import best

TARGET, SAME = 1.15, 1.0  # of speed: WGAN-GP, and every preset
NEAR = 0.05  # of a published cosine


def page(document: dict[str, Any]) -> str:
    """The part about the GAN layer."""
    parts = ["## Suite: gan"]
    if document.get("quick"):
        parts.append("**Quick run on tiny sizes: these figures only show that the harness works.**")
    for name, part in (("speed", _speed), ("toys", _toys), ("truth", _truth)):
        if document.get(name):
            parts.append(part(document[name]))
    return "\n\n".join(parts)


def _machine(rows: list[dict[str, Any]]) -> str:
    machine = rows[-1]["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    dates = sorted({row["measured"] for row in rows})
    return (
        f"{machine['cpu']}, {machine['cores']} cores; {packages}; {' to '.join(dict.fromkeys((dates[0], dates[-1])))}."
    )


def _speed(rows: list[dict[str, Any]]) -> str:
    head = ["preset", "layers", "device", "plain loop, ms", "otkit, ms", "ratio of medians", "of best"]
    lines = [
        [row["preset"], " x ".join(map(str, row["hidden"])), row["device"], f"{row['plain']:.1f}",
         f"{row['otkit']:.1f}", f"{row['ratio']:.2f}", f"{row['ratio_best']:.2f}"]
        for row in rows
    ]  # fmt: skip
    text = (
        "One generator step with its critic steps, batch 256, monitor off, in turns with a loop written by hand "
        f"(`benchmarks/gan_loops.py`). Wanted: {TARGET:g} for wgan-gp with layers of 512, {SAME:g} for every preset. "
        + _machine(rows)
    )
    return f"### Steps of the trainer against a plain loop\n\n{text}\n\n{table(head, lines)}"


def _toys(rows: list[dict[str, Any]]) -> str:
    head = [
        "data",
        "preset",
        "steps",
        "minutes",
        "modes",
        "within 3 sigma",
        "W_1 to fresh data",
        "floor",
        "rank correlation",
    ]
    lines = [
        [row["toy"], row["preset"], str(row["steps"]), f"{row['seconds'] / 60:.1f}", f"{row['modes']} of {row['of']}",
         f"{row['high_quality']:.1%}", f"{row['w1']:.4f}", f"{row['floor']:.4f}", _number(row["rank_correlation"])]
        for row in rows
    ]  # fmt: skip
    changes = {row["preset"]: row["changes"] for row in rows}
    notes = "\n".join(f"- {preset}: " + ", ".join(f"{key} {value}" for key, value in changed.items())
                      for preset, changed in changes.items())  # fmt: skip
    text = (
        "The papers' data (radius 2, sigma 0.02, over 1.414; grid, sigma 0.05, over 2.828), 20,000 samples, judged by "
        "10,000 samples of the generator; W_1 between 4000 of them and 4000 fresh ones, the floor between fresh ones; "
        "rank correlation of the critic's estimate and W_1 on held-out samples over 20 records. One thread. Wanted: "
        "8 of 8 modes and 90 %, 25 of 25 and 85 %, in 15 minutes. Runs of 5000 steps had other work beside them: their "
        "minutes are too long. " + _machine(rows)
    )
    return f"### Toy data\n\n{text}\n\n{table(head, lines)}\n\nChanged of the presets:\n\n{notes}"


def _truth(rows: list[dict[str, Any]]) -> str:
    dims = sorted({row["d"] for row in rows})
    parts = []
    for n_funnels in sorted({row["n_funnels"] for row in rows}):
        found = {(row["preset"], row["d"]): row for row in rows if row["n_funnels"] == n_funnels}
        lines = []
        for preset in dict.fromkeys(name for name, _ in found):
            of_preset = [found.get((preset, d)) for d in dims]
            steps = next(row for row in of_preset if row)
            cells = [NOTHING if row is None else _cosine(row, best(n_funnels, row["d"])) for row in of_preset]
            lines.append([preset, f"{steps['steps']} of {steps['published_steps']}", *cells])
        head = ["constraint", "iterations", *(f"D = {d}" for d in dims)]
        parts.append(f"{n_funnels} funnels:\n\n{table(head, lines)}")
    missed = [row for row in rows if row["published"] is not None and row["cosine_x"] < row["published"] - NEAR]
    compared = sum(row["published"] is not None for row in rows)
    text = (
        "Mean cosine between the critic's gradient and the true one at 4096 fresh points of x's law, ours / published, "
        "with the published settings (layers [D, max(2D, 128) x 2, 1], batch 1024, Adam 2e-4 (0, 0.9)), fewer "
        f"iterations where said. More than {NEAR} below the published figure: {len(missed)} of {compared}. ortho is "
        "our preset, which sorts pairs of channels; sort sorts all of them, as published. The row cones is a "
        "`McShaneCritic` of 256 cones that begin at samples, Adam 5e-3 (0.5, 0.99) falling to 0, beside the best "
        "published figure of its column. The problem's own potential is a largest of cones too, which is why it does "
        "so well; perceptrons round the tips off. " + _machine(rows)
    )
    return "### The W_1 benchmark\n\n" + "\n\n".join([text, *parts])


def _cosine(row: dict[str, Any], best: float | None) -> str:
    published = best if row["preset"] == "cones" else row["published"]
    other = NOTHING if published is None else f"{published:.2f}"
    return f"{row['cosine_x']:.2f} / {other}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
