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
        "bound by costs, powers of two and the two sums: 12 ms for 25 million pairs on two cores. The pass alone takes "
        "8 to 9 ms; the rest is the acceleration, and blocks that matter again after its extrapolations. Leaving them "
        "out by remembered densities instead of boxes, and one pass for both half steps, are what brought it here; "
        "numba's parallel loops were no faster than threads. POT takes 1 to 2 s, by machine and by its state."
    ),
}
