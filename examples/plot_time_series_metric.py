r"""
Time series: a metric of your own
=================================

`metric=` takes any callable `(x, y) -> (n, m)` distances. Here a series that starts earlier is no different series:

.. math:: d(x, y) = \min_s |x - \mathrm{shift}_s(y)|,

the least Euclidean distance over all cyclic shifts. Shifts keep distances, so d obeys the triangle inequality (dynamic
time warping does not) and W_p on top of it is a distance between sets of series up to shifts. The series are synthetic.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit


def shift_distance(x, y):
    """min over shifts s of |x_i - shift_s(y_j)|, all shifts at once by FFT: O(n m T log T) time, O(n m T) memory."""
    spectrum = np.fft.rfft(x)[:, None] * np.fft.rfft(y)[None].conj()
    best = np.fft.irfft(spectrum, n=x.shape[1]).max(axis=2)
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None] - 2 * best
    return np.sqrt(np.maximum(squares, 0))


# %%
# Pulses with noise, of two kinds: broad ones, and double ones of the same energy. There are two samples of the broad
# kind, and one of them was recorded with a clock that is half a period off.
random = np.random.default_rng(0)
grid = np.arange(128)


def pulses(count, centres, width, start):
    """Series (count, 128): peaks at the given places, each series shifted by a random time in start .. start + 40."""
    shape = sum(np.exp(-0.5 * ((grid - c) / width) ** 2) for c in centres)
    shifts = random.integers(start, start + 40, size=count)
    return np.stack([np.roll(shape, s) for s in shifts]) + 0.1 * random.standard_normal((count, 128))


broad, late, double = pulses(120, [20], 6, 0), pulses(100, [20], 6, 64), pulses(100, [11, 29], 3, 0)

# %%
# To the Euclidean metric the late sample is the different one. Up to shifts it is what it should be: the same kind, at
# a distance that the noise explains.
metrics = {"euclidean": "euclidean", "up to shifts": shift_distance}
rows = {}
for name, metric in metrics.items():
    rows[name] = [otkit.wasserstein(broad, other, metric=metric) for other in (late, double)]
    late_by, double_by = (result.distance for result in rows[name])
    print(f"{name:<13} broad to late broad {late_by:.3f}, broad to double {double_by:.3f}")
print(rows["up to shifts"][1])

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
samples = [(broad, "broad", "tab:blue"), (late, "broad, late clock", "tab:green"), (double, "double", "tab:orange")]
for row, (sample, label, colour) in enumerate(samples):
    for k in range(2):
        left.plot(grid, sample[k] - 1.5 * (2 * row + k), color=colour, label=label if k == 0 else None)
left.set(xlabel="time", yticks=[], title="Two series of each sample", ylim=(-8, 3.2))
left.legend(ncols=3, loc="upper center")

place = np.arange(2)
for k, (_, label, colour) in enumerate(samples[1:]):
    bars = right.bar(place + 0.4 * k - 0.2, [rows[name][k].distance for name in rows], 0.36, color=colour, label=label)
    right.bar_label(bars, fmt="%.2f")
right.set_xticks(place, rows)
right.set(ylabel="$W_1$ from the broad sample", title="The metric says what counts")
right.margins(y=0.25)
right.legend()

fig.savefig("time_series_metric.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
