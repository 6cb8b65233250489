"""`otkit quickstart`: the main job, end to end, on data that ships with it."""

import os
from pathlib import Path

import numpy as np

from otkit.cli.progress import shell_name, shown
from otkit.data import path
from otkit.files import read_pair


def quickstart() -> int:
    """Compare two real sample sets exactly and explain the answer."""
    import otkit

    first, second = (_short(path(f"wine_cultivar_{k}")) for k in (1, 2))
    inputs = read_pair(first, second)
    scale = np.concatenate([inputs.x, inputs.y]).std(axis=0)
    with shown():
        otkit.wasserstein(inputs.x[:8], inputs.y[:9])  # so that the seconds below are those of the solver
    with shown():
        raw = otkit.wasserstein(inputs.x, inputs.y)
        scaled = otkit.wasserstein(inputs.x / scale, inputs.y / scale)
    names = inputs.names or ()
    squares, _, _ = _movement(raw.plan, inputs.x, inputs.y)
    top = int(squares.argmax())
    _, sizes, shifts = _movement(scaled.plan, inputs.x / scale, inputs.y / scale)

    print(f"Two cultivars of wine: {len(inputs.x)} and {len(inputs.y)} analyses of {len(names)} quantities.")
    print()
    print("W_1, columns as they are in the files")
    _print_answer(raw)
    print(f"  but {squares[top] / squares.sum():.2%} of the squared movement is {names[top]}, the largest numbers")
    print()
    print("W_1, every column divided by its standard deviation")
    _print_answer(scaled)
    print("  what moves most under the optimal plan, in standard deviations (mean size, mean signed shift):")
    for k in np.argsort(-sizes)[:5]:
        print(f"    {names[k]:<28} {sizes[k]:5.2f}  {shifts[k]:+5.2f}")
    print()
    print(
        "Each bracket is a proof: the upper end is the cost of a feasible plan, the lower end that of a feasible dual."
    )
    print()
    print("Next:")
    print(f"  otkit distance {first} {second} --p 2")
    print(f"  otkit distance {first}:alcohol,hue {second}:alcohol,hue --json")
    print("  otkit distance your_x.csv your_y.csv --plan plan.npz")
    return 0


def _short(file: Path) -> str:
    """The path from here or the absolute one, whichever is shorter."""
    try:
        return min(os.path.relpath(file), str(file), key=len)
    except ValueError:  # another drive
        return str(file)


def _movement(plan, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per column, the plan's mean squared movement, mean size of the movement, and mean signed movement."""
    moves = y[plan.cols] - x[plan.rows]
    return plan.mass @ moves**2, plan.mass @ np.abs(moves), plan.mass @ moves


def _print_answer(result) -> None:
    print(f"  {result.distance:.10g}, certified between {result.lower:.10g} and {result.upper:.10g}")
    print(f"  solved by {shell_name(result.solver)} in {result.stats.seconds:.2g} s")
