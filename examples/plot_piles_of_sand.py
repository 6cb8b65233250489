r"""
Piles of sand: a plan one can see
=================================

A pile of 1600 grains of sand is to fill two holes, one on each side. The work is the sum of the ways that all the
grains are carried. The least work over all plans, divided by the number of grains, is W_1.
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit


def heap(centre, height):
    """Columns an eighth of a centimetre apart with 1, 2, ..., height, ..., 2, 1 grains: height squared of them."""
    place = np.arange(1 - height, height)
    return centre + place / 8, height - np.abs(place)


# %%
# A column is one point, and its weight the number of its grains. The pile has 40^2 grains, the holes room for 24^2
# and 32^2. `wasserstein` makes totals 1, so the work is 1600 times the cost.
x, grains = heap(18.875, 40)
y, room = (np.concatenate(part) for part in zip(heap(2.875, 24), heap(36.125, 32)))
total = grains.sum()
assert total == room.sum() == 1600
result = otkit.wasserstein(x, y, a=grains, b=room)
print(result)
print(f"work {total * result.cost:.6f}, bracket [{total * result.lower:.6f}, {total * result.upper:.6f}] grains x cm")

# %%
# The plan keeps the order: the leftmost grain goes to the leftmost place, and so on. That is optimal for every p >= 1,
# and for p > 1 it is the only optimal plan.
squares = otkit.wasserstein(x, y, a=grains, b=room, p=2)
order = result.plan.toarray()
assert np.allclose(order, squares.plan.toarray(), atol=1e-12)
to_the_left = y[result.plan.cols] < x[result.plan.rows]
print(f"{total * result.plan.mass[to_the_left].sum():.0f} grains go left, ", end="")
print(f"{total * result.plan.mass[~to_the_left].sum():.0f} right; W_2 = {squares.distance:.4f} has the same plan")

# %%
# For p = 1 there are others. Every grain that goes left lies right of all places in the left hole. So the ways of that
# side add up to a difference of two sums, whichever grain goes to whichever place, and the other side is the same.
# One of these plans is optimal for another cost, the root of the way, which likes one long and one short way better
# than two middling ones: the grains nearest to a hole take its nearest places. Its order is reversed on either side.
way = np.abs(x[:, None] - y)
roots = otkit.transport(np.sqrt(way), a=grains, b=room).plan.toarray() / total
costs = {"way": way, "way squared": way**2, "root of the way": np.sqrt(way)}
print(f"{'grains x':<18}{'in order':>12}{'reversed':>12}")
work = {}
for name, cost in costs.items():
    work[name] = total * (order * cost).sum(), total * (roots * cost).sum()
    print(f"{name:<18}{work[name][0]:>12.2f}{work[name][1]:>12.2f}")
assert abs(work["way"][0] - work["way"][1]) < 1e-9  # the same W_1
for left in (True, False):
    row, col = np.nonzero((roots > 1e-12) & ((y < 20) == left))
    assert (np.diff(col[np.lexsort((-col, row))]) <= 0).all()  # reversed
assert work["way squared"][0] < work["way squared"][1] and work["root of the way"][0] > work["root of the way"][1]

# %%
# Above, the pile upward and the holes downward; segments join equal quantiles, a tenth of the sand each. Below, on the
# left, W_1 as an area; on the right, both plans: on either side one rises and the other falls. The numbers in the
# legends count columns.
fig, axes = plt.subplot_mosaic([["piles", "piles"], ["area", "plans"]], figsize=(11, 8.5), layout="constrained")
otkit.plot.piles(x, y, axes["piles"], a=grains, b=room)
otkit.plot.quantiles(x, y, axes["area"], a=grains, b=room)
axes["piles"].set(xlabel="place, cm", title=f"The pile x and the holes y: work {total * result.cost:.0f} grains x cm")
axes["area"].set(xlabel="share of the sand", ylabel="place, cm")
axes["area"].set_title(f"$W_1$ = {result.distance:.2f} cm is the area between the quantile functions")
for plan, colour, name in (
    (order, "C0", "in order: optimal for every $p \\geq 1$"),
    (roots, "C1", "reversed: optimal for $p = 1$, and for roots"),
):
    row, col = np.nonzero(plan > 1e-12)
    axes["plans"].scatter(x[row], y[col], s=2500 * plan[row, col], color=colour, lw=0, label=name)
axes["plans"].set(xlabel="from, cm", ylabel="to, cm", title="Two plans of the same work; areas are mass")
axes["plans"].legend(loc="center right")

fig.savefig("piles_of_sand.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
