r"""
Laws of returns: Bellman's operator contracts W_p
=================================================

In reinforcement learning the return is the discounted sum of all rewards to come. Bellemare, Dabney, Munos (2017, "A
distributional perspective on reinforcement learning") evaluate a policy by the law of the return in each state. Their
operator brings any two guesses nearer by gamma in the largest W_p over the states. Total variation need not fall.
"""

from itertools import accumulate

import matplotlib.pyplot as plt
import numpy as np

import otkit

# %%
# A ridge of ten states in the wind. The walker moves on with probability 0.7. A gust throws her back by one state, on
# the windy part (4, 5, 6) by four, and costs as much. From the last state she moves on to the hut, which is worth 10,
# and begins again in the first.
GAMMA, STATES, SWEEPS, ORDERS = 0.8, 10, 15, (1, 2, 4)
moves = []  # of every state: (probability, reward, next state)
for state in range(STATES):
    back, prize = 4 if state in (4, 5, 6) else 1, 10 if state == STATES - 1 else 0
    moves.append([(0.7, prize, (state + 1) % STATES), (0.3, -back, max(state - back, 0))])


def bellman(laws):
    """The law of reward + gamma * return from the next state, exactly: atoms double, and none is moved to a grid."""
    return [
        (
            np.concatenate([reward + GAMMA * laws[new][0] for _, reward, new in options]),
            np.concatenate([chance * laws[new][1] for chance, _, new in options]),
        )
        for options in moves
    ]


def largest(one, other, p):
    """The largest W_p over the states."""
    return max(otkit.wasserstein(x, y, a=a, b=b, p=p).distance for (x, a), (y, b) in zip(one, other))


def total_variation(one, other):
    """The largest total variation over the states: the mass that is not where it was."""
    found = []
    for (x, a), (y, b) in zip(one, other):
        atoms, where = np.unique(np.concatenate([x, y]), return_inverse=True)
        found.append(np.abs(np.bincount(where, np.concatenate([a, -b]), len(atoms))).sum() / 2)
    return max(found)


# %%
# Two guesses of all laws, to begin with: half of the mass at 0, which they share, and half at a random place. For each
# p the distance falls by gamma at least, and by more where next states differ by less than the largest distance.
random = np.random.default_rng(0)
guesses = [[(np.array([0.0, at]), np.array([0.5, 0.5])) for at in random.normal(0, 8, STATES)] for _ in range(2)]
runs = list(accumulate(range(SWEEPS), lambda run, _: [bellman(laws) for laws in run], initial=guesses))
distances = np.array([[largest(*run, p) for run in runs] for p in ORDERS])
variation = np.array([total_variation(*run) for run in runs])
rates = distances[:, 1:] / distances[:, :-1]
for p, fell, rate in zip(ORDERS, distances, rates):
    print(f"sup W_{p} {fell[0]:.3f}, after {SWEEPS} sweeps {fell[-1]:.4f}; ", end="")
    print(f"rates {rate.min():.4f} to {rate.max():.4f}, gamma {GAMMA}")
print(f"sup TV  {variation[0]:.3f}, after {SWEEPS} sweeps {variation[-1]:.4f}")
assert (rates < GAMMA + 1e-12).all() and np.allclose(variation, 0.5)

# %%
# So there is one fixed point, the true laws, and the last sweep says how near they are (Banach). Their means are the
# value function, which a linear system gives. W_1 bounds the difference of means.
last = runs[-1][0]
left_over = GAMMA / (1 - GAMMA) * largest(last, runs[-2][0], 1)
step = np.array([sum(chance * np.eye(STATES)[new] for chance, _, new in options) for options in moves])
reward = [sum(chance * gain for chance, gain, _ in options) for options in moves]
wrong = np.abs(np.linalg.solve(np.eye(STATES) - GAMMA * step, reward) - [x @ a for x, a in last]).max()
print(f"{len(last[0][0])} atoms in a state, W_1 to the true laws at most {left_over:.3f}, means wrong by {wrong:.3f}")
assert wrong <= left_over

# %%
fig, (left, centre, right) = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
for k, state in enumerate((0, 5, 9)):
    (x, a), bins = last[state], np.arange(-9, 12, 0.25)
    left.hist(x, bins, weights=a, color=f"C{k}", alpha=0.6, label=f"state {state}")
left.set(xlabel="return", ylabel="mass", title=f"Laws of the return after {SWEEPS} sweeps")
for k, sweep in enumerate((0, 3, 12)):
    for (x, a), style, guess in zip((laws[5] for laws in runs[sweep]), ("-", "--"), ("one", "other")):
        centre.ecdf(x, a, linestyle=style, color=f"C{k}", label=f"{sweep} sweeps, {guess} guess")
centre.set(xlim=(-12.5, 6), xlabel="return", ylabel="share of the mass", title="State 5 from two guesses")
for k, (name, fell) in enumerate(zip(("$W_1$", "$W_2$", "$W_4$", "total variation"), (*distances, variation))):
    right.semilogy(fell, "o-", ms=4, color=f"C{k}", label=name)
right.semilogy(distances[-1, 0] * GAMMA ** np.arange(SWEEPS + 1), "k:", label=r"$\gamma^k$ times the first $W_4$")
right.set(xlabel="sweeps $k$", ylabel="largest over the states", title="Two guesses come nearer in $W_p$")
for ax in (left, centre, right):
    ax.legend(fontsize="small")
fig.savefig("return_distributions.png", dpi=120)
if plt.get_backend().lower() != "agg":
    plt.show()
