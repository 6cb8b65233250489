"""What bounds a figure that misses its target, by the target's key. Edit here, then run `python -m benchmarks.report`.

A note is printed only while its target is missed, so nothing here can contradict a figure that is met.
"""

UNEXPLAINED = "Not explained yet."
NOTES: dict[str, str] = {
    "line.sort": (
        "np.sort uses AVX-512 here, 5.5 ns a key, and otkit calls it too, once on each of two cores: that alone is "
        "half of two sorts. The rest is memory touched for the first time: checked copies of x and y, weights, the "
        "sorted values. Without AVX-512 np.sort took 54 ns a key, otkit's own sort 10.5, and the ratio was 0.29."
    ),
    "sinkhorn_iteration.POT.2": (
        "bound by costs, powers of two and the two sums of 25 million pairs: 12 ms on two cores, 4.5 ms with AVX-512. "
        "The pass alone took 8 to 9 of the 12; the rest is the acceleration, and blocks that matter again after its "
        "extrapolations. Leaving them out by remembered densities instead of boxes, and one pass for both half steps, "
        "are what brought it here; numba's parallel loops were no faster than threads. NumPy, whose logarithms and "
        "powers of float32 use AVX-512 too, goes from 1.06 s to 0.18 s with it, so the ratio falls from 89 to 40."
    ),
    "sinkhorn_iteration.OTT.64": (
        "25 million products of 64 coordinates, 3.2 billion operations. From the processor measured before, where "
        "NumPy did not use AVX-512, to this one otkit's time falls 2.0 times (27 to 14 ms) and that of OTT, which "
        "calls a matrix product of XLA, 2.9 times, so the ratio falls from 2.4 to 1.6. The kernel's tiles have not "
        "been tuned on this processor."
    ),
}
