"""How the figures of a suite came about, in words. Numbers in the text are those the harness uses."""

from __future__ import annotations

from benchmarks.cases import SEED
from benchmarks.entropic_calls import FAR, LIMIT
from benchmarks.images import BUMPS, GROUND
from benchmarks.measure import ENOUGH
from benchmarks.multiscale_cases import LONG, MOST_MATRIX, MOST_POT, TIME
from benchmarks.reference import BY_CHANCE, FEW, MANY
from benchmarks.tables import NOTHING
from benchmarks.thresholds import EVERY
from benchmarks.timing import FULL, SHORT


def how(document: dict) -> str:
    """Machine, versions and method."""
    return f"### How it was measured\n\n{_where(document)}\n\n{METHODS[document['suite']]}"


def _where(document: dict) -> str:
    machine = document["machine"]
    on = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; {machine['system']}"
    versions = ", ".join(f"{name} {number or 'absent'}" for name, number in machine["packages"].items())
    total = sum(work["seconds"] for work in document["works"].values())
    days = ", ".join(sorted({work["measured"] for work in document["works"].values()}))
    return f"""{on}, Python {machine["python"]};
otkit {machine["otkit"]}; {versions}. Measured on {days}, {total / 60:.0f} minutes in all."""


CORE = f"""- x ~ N(0, I), y ~ N(0.5, I), seed {SEED}; random weights are uniform on (0, 1), normalised. The call in a
  table is the code that was run.
- One process, tools in turn (otkit, peer, otkit, peer ...) after a warm-up outside the clock: peers on a quarter of the
  points, otkit on all, so that nothing compiles inside it. A call is given about {FULL.seconds:g} seconds, at least
  one run and at most {FULL.most} (for accuracy one); ratios are of medians. Time includes the cost matrix a tool
  needs; *matrix* is that part alone.
- *error* is |cost - reference| / reference. The reference is the cost of otkit's plan with every cost recomputed by
  SciPy, once its marginals have been checked; *reference gap* is its relative distance from the value of otkit's
  potentials, less their largest excess over any cost. On long lines the reference is the quantile formula in extended
  precision. The accuracy targets compare with POT and HiGHS directly.
- *status* and *gap* are what the tool itself says; {NOTHING} where it says nothing.
- *peak* is the peak resident memory of a fresh process less what it held after all imports: warm caches, samples in
  memory."""

SINKHORN = f"""- x ~ N(0, I), y ~ N(0.5, I), seed {SEED}, uniform weights, cost |x - y|^2; eps is a share of the mean
  cost. The call in a table is the code that was run: eps, tol and thr are numbers made before the clock starts, k is a
  number of iterations.
- Units: otkit and OTT solve min <C, P> + eps KL(P | a x b). POT has the entropy of P in the place of KL, which gives
  the same plan for reg = eps. GeomLoss halves the cost, so its blur^2 is eps / 2.
- *arrays* says in what the data were handed over, outside the clock. Peers are compiled and warmed up outside it too:
  OTT's calls by jit at their size, KeOps' formulas and the threads of the others by a run on few points. Time includes
  the cost matrix that POT needs; *matrix* is that part alone.
- Tools take turns. A call is given about {SHORT.seconds:g} seconds, at least one run and at most {SHORT.most}; ratios
  are of medians. Peers that may take long run in a process of their own, which is ended after {LIMIT:g} s of the call,
  or {FAR:g} s where the time of an iteration tells that it needs many minutes: "longer than {LIMIT:g} s".
- One iteration is an update of both potentials. A call is made with each of the two numbers of iterations in *steps*;
  its figure is the difference of the two times, divided by the difference of the numbers. So setup, cost matrix,
  otkit's larger values of eps and its bracket drop out. POT looks at its error every {EVERY} iterations, and that stays
  in.
- *marginal error* is |P 1 - a|_1 + |P^T 1 - b|_1, recomputed here in float64 from the potentials or the plan that a
  tool returned; of many problems it is the largest. A run that did not reach the tolerance is not compared with: its
  status says "did not reach". GeomLoss has no stopping rule: it makes the iterations that its scaling asks for.
- POT stops on the L2 norm of one marginal's error. Its thr is the L2 error at the first of its looks where the L1 error
  is at most tol, found outside the clock by the same iteration (of many problems, one for each): it stops as soon as
  it may.
- *error*, to a certified gap, is |cost - reference| / reference. The reference is the exact cost, recomputed by SciPy
  from otkit's plan; *reference gap* is its own relative width.
- *iterations*, *status* and *gap* are what the tool itself says, apart from "did not reach" and "not finite";
  where it says nothing, {NOTHING}.
- *peak* is the peak resident memory of a fresh process less what it held after all imports: warm caches, samples in
  memory. Of a run that was ended it is the peak until then."""

MULTISCALE = f"""- x ~ N(0, I), y ~ N(0.5, I), seed {SEED}; random weights are uniform on (0, 1), normalised. Images are
  {BUMPS} Gaussian bumps each on a ground of {GROUND:g} of their maximum, seed {SEED}; x and y are the centres of their
  pixels in the unit square. The call in a table is the code that was run; without a solver
  it takes what `otkit.solvers.Auto` chooses.
- POT beside otkit at n = 10000, and the works of n = 100000 and a million, run once, in fresh processes, which have
  their memory for themselves and give time and peak in one. They are ended after {LONG:g} s of the call ({2 * TIME} s
  for the optimum of a million points, where the solver itself stops after {TIME} s). Loading compiled code counts
  there. All else runs in one process, tools in turn, after a warm-up outside the clock: peers on a quarter of the
  points, otkit on all, or on {ENOUGH} where there are more. A call is given about {FULL.seconds:g} seconds, at least
  one run and at most {FULL.most}; ratios are of medians. Time includes the cost matrix a tool needs; *matrix* is that
  part alone.
- In time against n peers go as far as they get in about a minute: POT to n = {MOST_POT}, assignment solvers to
  n = {MOST_MATRIX}. None is measured at n = 100000: a cost matrix alone is 80 GB there, and what POT's `emd2_lazy`,
  which has none, would need is said below the picture. Exponents are least squares of the logarithm of the median on
  that of n.
- *error* is |cost - reference| / reference. The reference is the cost of otkit's plan (in each work by itself),
  recomputed by SciPy or NumPy once its marginals have been checked; *reference gap* is its relative distance from the
  value of otkit's potentials, less their largest excess over any cost. Above {FEW:.0e} pairs at p = 2 that excess is
  found by SciPy's k-d tree, in one coordinate more, where it belongs to nearest neighbours. Above {MANY:.0e} pairs it
  is the largest of {BY_CHANCE} whole rows, chosen by chance.
- *status* and *gap* are what the tool itself says; {NOTHING} where it says nothing.
- *peak* is the peak resident memory of a fresh process less what it held after all imports: warm caches, samples in
  memory."""

METHODS = {"core": CORE, "sinkhorn": SINKHORN, "multiscale": MULTISCALE}
