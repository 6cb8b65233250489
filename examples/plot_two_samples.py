"""
Two samples of wine
===================

Two cultivars of wine, 59 and 71 bottles, 13 chemical measurements each (real data that ships with otkit): how far apart
are they, how sure is that number, and what would have to change to turn one into the other?
"""

import matplotlib.pyplot as plt
import numpy as np

import otkit

x, y = (np.loadtxt(otkit.data.path(f"wine_cultivar_{k}"), delimiter=",", skiprows=1) for k in (1, 2))
with otkit.data.path("wine_cultivar_1").open() as file:
    names = file.readline().strip().split(",")

# %%
# The columns have different units, so each is divided by its standard deviation over both samples together. Distances
# are then in standard deviations.
scale = np.concatenate([x, y]).std(axis=0)
x, y = x / scale, y / scale

result = otkit.wasserstein(x, y, p=2)
print(result)
print(f"W_2 is between {result.lower:.12g} and {result.upper:.12g}: the plan proves one end, the potentials the other")
print(result.plan)

# %%
# The plan says which bottle goes where. With 59 against 71 bottles, each of the 59 is shared out; the barycentric map
# gives the mean of the places it goes to. The mean movement tells the measurements apart.
image = result.plan.barycentric_map(y)
shift = result.plan.mass @ (y[result.plan.cols] - x[result.plan.rows])
for k in np.argsort(-np.abs(shift))[:3]:
    print(f"{names[k]:<20} moves by {shift[k]:+.2f} standard deviations")

# %%
# Thirteen dimensions do not fit on paper: the left picture is a projection onto the two directions in which the bottles
# differ most, so the arrows are shadows of the true ones.
both = np.concatenate([x, y])
centre = both.mean(axis=0)
directions = np.linalg.svd(both - centre, full_matrices=False)[2][:2].T
u, v, w = ((points - centre) @ directions for points in (x, y, image))

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
left.quiver(*u.T, *(w - u).T, angles="xy", scale_units="xy", scale=1, width=0.002, color="0.6")
left.plot(*u.T, "o", ms=5, color="tab:blue", label=f"cultivar 1 ({len(x)} bottles)")
left.plot(*v.T, "o", ms=5, color="tab:orange", label=f"cultivar 2 ({len(y)} bottles)")
left.set(xlabel="first principal direction", ylabel="second principal direction")
left.set_title(f"Barycentric map of the optimal plan, $W_2$ = {result.distance:.4f}")
left.legend(loc="lower left")

order = np.argsort(shift)
right.barh([names[k] for k in order], shift[order], color="0.5")
right.axvline(0, color="black", lw=0.8)
right.set_xlabel("mean movement, standard deviations")
right.set_title("What moves from cultivar 1 to 2")

fig.savefig("two_samples.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
