"""Tables of docs/benchmarks.md from the JSON of `bench_gan`. No figure of them is typed by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.keep import measured_on
from benchmarks.tables import NOTHING, table
from benchmarks.truth_published import best

TARGET, SAME = 1.15, 1.0  # of speed: WGAN-GP, and every preset
NEAR = 0.05  # of a published cosine


def page(document: dict[str, Any]) -> str:
    """The part about the GAN layer."""
    parts = ["## Suite: gan"]
    if document.get("quick"):
        parts.append("**Quick run on tiny sizes: these figures only show that the harness works.**")
    for name, part in (("speed", _speed), ("toys", _toys), ("digits", _digits), ("truth", _truth)):
        if document.get(name):
            parts.append(part(document[name]))
    return "\n\n".join(parts)


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
        + measured_on(rows)
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
        "minutes are too long. " + measured_on(rows)
    )
    return f"### Toy data\n\n{text}\n\n{table(head, lines)}\n\nChanged of the presets:\n\n{notes}"


def _digits(rows: list[dict[str, Any]]) -> str:
    head = ["preset", "runs", "steps", "minutes", "W_2 to held-out digits", "floor", "digits reached", "rarest digit",
            "classifier's confidence", "distance to the nearest learned"]  # fmt: skip
    presets = {
        name: [row for row in rows if row["preset"] == name] for name in dict.fromkeys(r["preset"] for r in rows)
    }
    lines = [
        [name, str(len(runs)), str(runs[-1]["steps"]), _range(runs, "seconds", 60.0, 1), _range(runs, "w2"),
         _range(runs, "floor"), f"{min(row['reached'] for row in runs)} of {runs[-1]['of']}",
         f"{min(row['smallest'] for row in runs):.1%}",
         f"{_mean(runs, 'confidence'):.3f} / {_mean(runs, 'held_confidence'):.3f}",
         f"{_mean(runs, 'nearest'):.1f} / {_mean(runs, 'held_nearest'):.1f}"]
        for name, runs in presets.items()
    ]  # fmt: skip
    changes = "\n".join(f"- {name}: " + ", ".join(f"{key} {value}" for key, value in runs[-1]["changes"].items())
                        for name, runs in presets.items())  # fmt: skip
    text = (
        "The 1797 digits of scikit-learn, 64 pixels from 0 to 16: 1400 to learn from, 397 held out, another division "
        "for each seed. W_2 between the digits held out and as many samples, the mean of 5 draws; the floor has digits "
        "learned from in place of the samples. Means over seeds, their smallest and largest in brackets. What is seen "
        "by 10 nearest neighbours among the digits learned from, "
        f"right for {_mean(rows, 'accuracy'):.1%} of those held out: which digits 2000 samples are (of all seeds the "
        "worst), and how sure it is, of samples / of digits held out. The last column is their mean distance to the "
        f"nearest digit learned from: far below the second number, samples would be copies. One thread. {_won(rows)}"
        "Wanted: W_2 of wgan-gp below that of gan, in 10 minutes. Both have the same networks, each its own "
        "rates and steps (docs/training.md). " + measured_on(rows)
    )
    return f"### 8x8 digits\n\n{text}\n\n{table(head, lines)}\n\nChanged of the presets:\n\n{changes}"


def _won(rows: list[dict[str, Any]]) -> str:
    """In how many seeds W_2 of wgan-gp is the lower one."""
    w2 = {(row["preset"], row["seed"]): row["w2"] for row in rows}
    both = [seed for preset, seed in w2 if preset == "wgan-gp" and ("gan", seed) in w2]
    lower = sum(w2["wgan-gp", seed] < w2["gan", seed] for seed in both)
    return f"W_2 of wgan-gp is below that of gan for {lower} of {len(both)} seeds. " if both else ""


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def _range(rows: list[dict[str, Any]], key: str, unit: float = 1.0, digits: int = 2) -> str:
    found = [row[key] / unit for row in rows]
    return f"{_mean(rows, key) / unit:.{digits}f} ({min(found):.{digits}f} to {max(found):.{digits}f})"


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
        "our preset, which sorts pairs of channels; sort sorts all of them, as published; groups sorts groups of 8, "
        "whose maxima bend at more places than those of pairs. The row cones is a "
        "`McShaneCritic` of 256 cones that begin at samples, Adam 5e-3 (0.5, 0.99) falling to 0, beside the best "
        "published figure of its column. The problem's own potential is a largest of cones too, which is why it does "
        "so well; perceptrons round the tips off. " + measured_on(rows)
    )
    return "### The W_1 benchmark\n\n" + "\n\n".join([text, *parts])


def _cosine(row: dict[str, Any], best: float | None) -> str:
    published = best if row["preset"] == "cones" else row["published"]
    other = NOTHING if published is None else f"{published:.2f}"
    return f"{row['cosine_x']:.2f} / {other}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
