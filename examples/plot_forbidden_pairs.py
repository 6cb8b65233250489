"""
Forbidden pairs: a sparse cost
==============================

People in a town go to schools that have room, but not further than they can walk. Pairs beyond that reach are simply
absent from a sparse cost: they cost neither memory nor time, and no plan may use them. The town is made up.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

import otkit

random = np.random.default_rng(3)
homes = np.concatenate([random.normal(c, 0.6, (80, 2)) for c in ([0, 0], [3, 1], [1, 3])])
schools = random.uniform([-1, -1], [4, 4], (12, 2))
rooms = np.full(12, 20)  # 12 schools of 20 places for 240 people


def within(reach):
    """Walking distances of all pairs within reach, as a sparse array; the other pairs are forbidden."""
    pairs = cKDTree(homes).query_ball_point(schools, reach)
    cols = np.repeat(np.arange(len(schools)), [len(near) for near in pairs])
    rows = np.concatenate(pairs).astype(int)
    return coo_array((np.linalg.norm(homes[rows] - schools[cols], axis=1), (rows, cols)), shape=(240, 12))


# %%
# Every home is a mass of 1, every school takes 20. From a wide reach down, the cost can only rise, until a plan no
# longer exists. Then `Infeasible` says which people are stuck, and its result holds the proof.
people = np.ones(240)
found = {}
for reach in (6.0, 2.5, 2.0, 1.6, 1.2):
    try:
        found[reach] = otkit.transport(within(reach), a=people, b=rooms)
        print(f"reach {reach}: {within(reach).nnz} pairs, mean walk {found[reach].cost / 240:.4f}")
    except otkit.errors.Infeasible as error:
        found[reach] = error.result
        print(f"reach {reach}: {error}")

# %%
# The part of the plan that does fit is there too. The people whom it leaves at home are drawn as crosses; the group
# that is too large for its schools is where the potentials are positive.
feasible = min(reach for reach, result in found.items() if result.status.ok)
stuck = max(reach for reach, result in found.items() if not result.status.ok)
fig, axes = plt.subplots(1, 3, figsize=(14, 4.8), layout="constrained", sharex=True, sharey=True)
for ax, reach in zip(axes, (6.0, feasible, stuck)):
    result = found[reach]
    plan = result.plan
    ends = np.stack([homes[plan.rows], schools[plan.cols], np.full((len(plan), 2), np.nan)], axis=1).reshape(-1, 2)
    ax.plot(*ends.T, color="0.75", lw=0.8)
    at_home = 1 - plan.marginals()[0] > 1e-9
    crowded = result.potentials.f > 0 if not result.status.ok else np.zeros(240, bool)
    ax.plot(*homes[~crowded].T, "o", ms=4, color="tab:blue", label="home")
    if not result.status.ok:
        ax.plot(*homes[crowded].T, "o", ms=4, color="tab:red", label="too many for the schools in reach")
        ax.plot(*homes[at_home].T, "kx", ms=8, label=f"no place ({at_home.sum()})")
    ax.plot(*schools.T, "s", ms=10, color="tab:orange", mec="black", label="school of 20")
    what = f"mean walk {result.cost / 240:.3f}" if result.status.ok else "no plan exists"
    ax.set_title(f"reach {reach:g}: {what}")
    ax.set_aspect("equal")
    ax.legend(loc="upper right", fontsize=8)
axes[0].set_ylim(top=6.5)

fig.savefig("forbidden_pairs.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
