"""The entropic half of the benchmark harness: errors are recomputed, limits kept, what fell short is not compared with.

The suite is run here as it runs where only otkit, POT and NumPy are installed; with all peers under `-m slow`.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from entropic import naive_plan, naive_sinkhorn
from scipy.spatial.distance import cdist

from benchmarks import backends, contestant, entropic_targets, marginals, thresholds, tools
from benchmarks.alone import Alone, Place
from benchmarks.calls import Call
from benchmarks.cases import Case, Entropic, mean_cost
from benchmarks.contestant import Contestant
from benchmarks.entropic_calls import LIMIT
from benchmarks.entropic_cases import SINKHORN
from benchmarks.marginals import outcome
from benchmarks.measure import rows as measured
from benchmarks.report import page
from benchmarks.row import Row
from benchmarks.run import main as run
from benchmarks.tables import entropic
from benchmarks.timing import ONCE, TooLong, interleaved
from benchmarks.works import of_work

PEERS = ("torch", "jax", "ott", "geomloss", "pykeops")
TOL = 1e-6
CASE = Case("t", 12, 9, 2, 2, "random", (), entropic=Entropic(0.3, TOL))
MANY = replace(CASE, entropic=Entropic(0.3, TOL, problems=3))


# --- a run of the suite --------------------------------------------------------------------------------------------


def run_quick(out):
    assert run(["--suite", "sinkhorn", "--quick", "--out", str(out)]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """Of a quick run that finds none of the optional peers, installed or not."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (backends, tools):
            found = module.find_spec
            patch.setattr(module, "find_spec", lambda name, found=found: None if name in PEERS else found(name))
        return run_quick(tmp_path_factory.mktemp("benchmarks") / "quick.json")


def test_absent_peers_are_left_out_and_the_rest_is_run(document):
    ran = [(values["work"], values["case"], values["call"]) for values in document["rows"]]
    wanted = [
        (work, case.name, call.text)
        for work in SINKHORN
        for case in of_work(work, quick=True)
        for call in case.calls
        if call.tool in ("otkit", "POT") and call.backend == "numpy"
    ]
    assert ran == wanted and list(document["works"]) == list(SINKHORN)
    assert {values["tool"] for values in document["rows"]} == {"otkit", "POT"}


def test_rows_have_their_figures(document):
    for values in document["rows"]:
        found = Row.from_dict(values)
        assert found.to_dict() == values and len(found.seconds) == 1, values
        assert found.error is not None and not (found.status or "").startswith("failed"), values
        if found.work == "sinkhorn_gap":
            assert found.share is None and found.error <= 1e-2 and found.reference_gap < 1e-12, values
        else:
            assert found.arrays.split()[0] == "numpy" and found.share > 0, values
        if found.work == "sinkhorn_iteration":
            assert found.iterations == found.steps[1] and found.tol is None, values
        elif found.work in ("sinkhorn_converge", "sinkhorn_batch", "sinkhorn_memory"):
            assert found.tol == 1e-3 and found.reached and found.seconds[0] > 0, values


def test_memory_is_read_or_says_why(document):
    read = [values for values in document["rows"] if values["work"] == "sinkhorn_memory"]
    assert read and all((values["peak_mb"] is None) != (values["peak_failure"] is None) for values in read)


def test_page_of_the_suite(document):
    text = page([document])
    assert "## Suite: sinkhorn" in text and "blur^2 is eps / 2" in text and f"after {LIMIT:g} s" in text
    assert all(f"`{values['call']}`" in text for values in document["rows"])
    heads = [block.splitlines()[0] for block in text.split("\n\n") if block.startswith("| case")]
    iteration, converge, memory, gap, batch = heads
    assert "| median s per iteration | best s per iteration |" in iteration and "| steps |" in iteration
    for head in (converge, memory, batch):
        assert "| arrays | median s | best s | runs |" in head and "| steps |" not in head
        assert "| iterations | marginal error | status | gap |" in head
    assert "| matrix s |" in converge and "| matrix s |" not in batch and "| peak MB |" in memory
    assert "| error | reference gap |" in gap and "marginal error" not in gap


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_installed_peer_answers(tmp_path):
    """KeOps compiles half a dozen formulas at its first use."""
    document = run_quick(tmp_path / "quick.json")
    wanted = sum(
        backends.installed(call) for work in SINKHORN for case in of_work(work, quick=True) for call in case.calls
    )
    assert len(document["rows"]) == wanted > 0
    for values in document["rows"]:
        assert values["error"] is not None and not (values["status"] or "").startswith("failed"), values
        unstoppable = values["tool"] in ("GeomLoss", "KeOps")
        assert unstoppable or Row.from_dict(values).reached, values


# --- cases ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", SINKHORN)
def test_quick_cases_are_small_and_of_the_same_kind(work):
    for whole, small in zip(of_work(work, quick=False), of_work(work, quick=True)):
        assert 20 <= small.n <= max(20, whole.n / 20) and small.d == whole.d and small.calls == whole.calls
        if whole.entropic is None:
            assert small.entropic is None
            continue
        assert small.entropic.share == whole.entropic.share and 1 <= small.entropic.problems <= 10
        assert small.entropic.tol == (None if whole.entropic.tol is None else 1e-3)
        assert (small.entropic.problems == 1) == (whole.entropic.problems == 1)


def test_arrays_of_one_and_of_many_problems():
    for case, lead in ((CASE, ()), (MANY, (3,))):
        arrays = case.arrays()
        assert arrays["x"].shape == (*lead, 12, 2) and arrays["y"].shape == (*lead, 9, 2)
        problems = zip(arrays["x"].reshape(-1, 12, 2), arrays["y"].reshape(-1, 9, 2))
        mean = np.mean([cdist(x, y, "sqeuclidean") for x, y in problems])
        assert mean_cost(arrays["x"], arrays["y"]) == pytest.approx(mean, rel=1e-12, abs=0)
        assert arrays["eps"] == pytest.approx(0.3 * mean, rel=1e-12, abs=0) and arrays["tol"] == TOL


# --- arrays and code -----------------------------------------------------------------------------------------------


def test_numpy_gets_the_precision_and_nothing_else_changes():
    names = {**CASE.arrays(), "thr": 1e-3}
    given = backends.cast(Call("POT", "x", dtype="float32"), names)
    assert set(given) == {"x", "y", "a", "b"} and {array.dtype for array in given.values()} == {np.dtype("float32")}
    assert backends.cast(Call("POT", "x"), names)["x"] is names["x"]


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_kinds_of_arrays(backend, dtype):
    pytest.importorskip(backend)
    call = Call("POT", "x.sum() + k", backend=backend, dtype=dtype)
    names = {"x": np.arange(3.0), "k": 2}
    given = backends.cast(call, names)
    assert type(given["x"]).__module__.split(".")[0] in (backend, "jaxlib") and str(given["x"].dtype).endswith(dtype)
    value = backends.solver(call, names | given)(names | given)
    assert backends.plain(value).dtype == np.float64 and float(value) == 5.0


def test_numpy_code_sees_the_names_of_the_run():
    solve = backends.solver(Call("NumPy", "C + k"), {"C": 1, "k": 1})
    assert solve({"C": 10, "k": 4}) == 14


def test_a_call_needs_its_tool_and_its_arrays(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "torch" else name)
    monkeypatch.setattr(tools, "find_spec", lambda name: None if name == "ott" else name)
    calls = [Call("POT", "1"), Call("POT", "1", backend="torch"), Call("OTT", "1", backend="jax")]
    assert [backends.installed(call) for call in calls] == [True, False, False]


class Clock:
    """Time that passes where a call says so."""

    now = 0.0

    def pass_by(self, seconds):
        self.now += seconds
        return seconds


def test_time_per_iteration_has_iterations_only(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(contestant, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    call = Call("NumPy", "clock.pass_by(5 + 2 * k)", "C = clock.pass_by(100)", steps=(10, 30))
    lap = Contestant(call, {"clock": clock})()
    assert lap.seconds == 2.0 and lap.matrix_seconds is None
    assert lap.spent == 100 + 25 + 100 + 65 and lap.value == 65


# --- limits --------------------------------------------------------------------------------------------------------

QUICK = Place("sinkhorn_memory", 0, 0, True, {})  # otkit's


def test_a_call_is_ended_at_its_limit():
    contestant = Alone(QUICK, 1e-3)
    with pytest.raises(TooLong, match=r"^longer than 0\.001 s$"):
        contestant()
    assert interleaved([contestant], ONCE)[0] == ([], "longer than 0.001 s")
    assert contestant.peak_mb is None or contestant.peak_mb >= 0


def test_a_call_within_its_limit_brings_its_outcome():
    contestant = Alone(QUICK, 120.0)
    lap = contestant()
    assert 0 < lap.seconds < lap.spent and lap.matrix_seconds is None
    assert lap.value.status == "converged" and 0 < lap.value.error <= 1e-3 and lap.value.iterations > 1
    assert contestant.peak_mb is None or 0 < contestant.peak_mb < 2000


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="exit 1: IndexError"):
        Alone(QUICK._replace(case=10**6), 60.0)()


# --- errors of answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solved():
    """Potentials and eps of the case, from the textbook's iteration."""
    arrays = CASE.arrays()
    cost = cdist(arrays["x"], arrays["y"], "sqeuclidean")
    return arrays, cost, *naive_sinkhorn(cost, arrays["a"], arrays["b"], arrays["eps"])


class Tensor:
    """What torch returns: an array behind `detach`."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self.array


def as_pot(arrays, cost, f, g):
    return naive_plan(cost, arrays["a"], arrays["b"], f, g, arrays["eps"]), {"niter": 6}


def as_pot_result(arrays, cost, f, g):
    return SimpleNamespace(plan=Tensor(as_pot(arrays, cost, f, g)[0]))


def as_ott(arrays, cost, f, g):
    eps = arrays["eps"]
    errors = np.array([0.1, 1e-7, -1.0, -1.0])
    f, g = f + eps * np.log(arrays["a"]), g + eps * np.log(arrays["b"])
    return SimpleNamespace(f=f, g=g, converged=True, errors=errors, inner_iterations=10)


def as_geomloss(arrays, cost, f, g):
    return Tensor(f[None] / 2), Tensor(g[None] / 2)


def as_otkit(arrays, cost, f, g):
    entropic, status = SimpleNamespace(f=f, g=g), SimpleNamespace(name="CONVERGED")
    return SimpleNamespace(entropic=entropic, cost=1.5, gap=0.25, status=status, stats=SimpleNamespace(iterations=8))


TOLD = {"POT": (as_pot, None, 7), "OTT": (as_ott, "converged", 20), "GeomLoss": (as_geomloss, None, None)}
TOLD |= {"KeOps": (as_geomloss, None, None), "otkit": (as_otkit, "converged", 8)}


@pytest.mark.parametrize("tool", TOLD)
def test_the_error_of_an_answer(tool, solved):
    arrays, cost, f, g = solved
    told, status, iterations = TOLD[tool]
    found = outcome(CASE, arrays, Call(tool, "1"), told(arrays, cost, f, g))
    assert found.error < 1e-12 and (found.status, found.iterations) == (status, iterations)
    assert (found.cost, found.gap) == ((1.5, 0.25) if tool == "otkit" else (None, None))


@pytest.mark.parametrize("tool", TOLD)
@pytest.mark.parametrize("size", [1e-5, 1e-1])
def test_a_wrong_answer_has_its_error_whatever_it_says(tool, size, solved):
    arrays, cost, f, g = solved
    wrong = f + size * arrays["eps"] * np.sin(np.arange(f.size))
    plan = naive_plan(cost, arrays["a"], arrays["b"], wrong, g, arrays["eps"])
    off = np.abs(plan.sum(1) - arrays["a"]).sum() + np.abs(plan.sum(0) - arrays["b"]).sum()
    found = outcome(CASE, arrays, Call(tool, "1"), TOLD[tool][0](arrays, cost, wrong, g))
    assert off > size / 10 and found.error == pytest.approx(off, rel=1e-8, abs=0)
    assert found.status.endswith("did not reach 1e-06")


@pytest.mark.parametrize("tool", TOLD)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_answer_that_is_no_number(tool, bad, solved):
    arrays, cost, f, g = solved
    broken = np.where(np.arange(f.size) == 3, bad, f)
    found = outcome(CASE, arrays, Call(tool, "1"), TOLD[tool][0](arrays, cost, broken, g))
    assert found.error is None and found.status.split(", ")[-1] == "not finite"


def test_the_plan_of_a_result(solved):
    found = outcome(CASE, solved[0], Call("POT", "1"), as_pot_result(*solved))
    assert found.error < 1e-12 and found.iterations is None


def test_sums_do_not_depend_on_the_height_of_blocks(solved, monkeypatch):
    monkeypatch.setattr(marginals, "ENTRIES", 20)  # two rows at a time
    assert outcome(CASE, solved[0], Call("otkit", "1"), as_otkit(*solved)).error < 1e-12


def test_nothing_is_wanted_of_a_fixed_number_of_iterations(solved):
    free = replace(CASE, entropic=Entropic(0.3))
    found = outcome(free, solved[0], Call("OTT", "1"), as_ott(*solved[:2], solved[2] + 1.0, solved[3]))
    assert found.error > 1e-3 and found.status is None


@pytest.fixture(scope="module")
def solved_many():
    arrays = MANY.arrays()
    problems = []
    for x, y in zip(arrays["x"], arrays["y"]):
        cost = cdist(x, y, "sqeuclidean")
        problems.append((arrays, cost, *naive_sinkhorn(cost, arrays["a"], arrays["b"], arrays["eps"])))
    return arrays, problems


def stacked(told, problems):
    """One answer, its arrays with the problems in front."""
    answers = [vars(told(*one)) for one in problems]
    every = {key: [one[key] for one in answers] for key in answers[0]}
    return SimpleNamespace(**{key: np.stack([backends.plain(one) for one in values]) for key, values in every.items()})


@pytest.mark.parametrize("worse", [False, True])
def test_of_many_problems_the_worst_counts(worse, solved_many):
    arrays, problems = solved_many
    problems = list(problems)
    if worse:
        _, cost, f, g = problems[1]
        problems[1] = arrays, cost, f + 0.1 * arrays["eps"], g
    batch = SimpleNamespace(
        f=np.stack([f for *_, f, _ in problems]),
        g=np.stack([g for *_, g in problems]),
        gap=np.array([0.1, 0.3, 0.2]),
        iterations=np.array([4, 9, 5]),
        status=SimpleNamespace(name="CONVERGED"),
    )
    answers = {"OTT": stacked(as_ott, problems), "otkit": batch, "POT": stacked(as_pot_result, problems)}
    found = {tool: outcome(MANY, arrays, Call(tool, "1"), answer) for tool, answer in answers.items()}
    found["loop"] = outcome(MANY, arrays, Call("POT", "1"), [as_pot(*one) for one in problems])
    for one in found.values():
        assert one.error == pytest.approx(2 * np.expm1(0.1), rel=1e-8, abs=0) if worse else one.error < 1e-12
        assert ("did not reach" in (one.status or "")) is worse
    assert [found[tool].iterations for tool in ("OTT", "otkit", "POT", "loop")] == [20, 9, None, 7]
    assert found["otkit"].gap == 0.3 and found["otkit"].cost is None


@pytest.mark.parametrize("tool, value", [("SciPy", (np.ones(12), np.ones(9))), ("POT", 1.0), ("OTT", 1.0)])
def test_an_answer_that_cannot_be_read(tool, value, solved):
    with pytest.raises((TypeError, AttributeError)):
        outcome(CASE, solved[0], Call(tool, "1"), value)
    with pytest.raises(TypeError, match="cannot read potentials or plans"):
        outcome(MANY, MANY.arrays(), Call(tool, "1"), value)


def test_otkits_own_answers():
    import otkit

    x, y, a, b, eps = (CASE.arrays()[name] for name in ("x", "y", "a", "b", "eps"))
    one = otkit.wasserstein(x, y, p=2, a=a, b=b, solver=otkit.solvers.Sinkhorn(eps=eps, tol=TOL))
    found = outcome(CASE, CASE.arrays(), Call("otkit", "1"), one)
    assert found.error == pytest.approx(one.entropic.marginal_error, rel=1e-6, abs=1e-14) and found.error <= TOL
    assert (found.cost, found.gap, found.iterations) == (one.cost, one.gap, one.stats.iterations)
    x, y, a, b, eps = (MANY.arrays()[name] for name in ("x", "y", "a", "b", "eps"))
    many = otkit.solvers.Sinkhorn(eps=eps, tol=TOL).batch(x, y, p=2, a=a, b=b)
    found = outcome(MANY, MANY.arrays(), Call("otkit", "1"), many)
    assert found.error == pytest.approx(many.marginal_error.max(), rel=1e-6, abs=1e-14)
    assert found.iterations == many.iterations.max() and found.status == "converged"


# --- where POT stops -----------------------------------------------------------------------------------------------


def test_pot_stops_at_its_first_look_where_the_error_is_reached():
    ot = pytest.importorskip("ot")
    arrays = CASE.arrays()
    thr = thresholds.threshold(arrays)
    cost = cdist(arrays["x"], arrays["y"], "sqeuclidean")

    def error(**until):
        plan, log = ot.sinkhorn(arrays["a"], arrays["b"], cost, arrays["eps"], log=True, warn=False, **until)
        return outcome(CASE, arrays, Call("POT", "1"), (plan, log))

    there = error(stopThr=thr, numItermax=10**5)
    assert there.error <= TOL and there.status is None and there.iterations > thresholds.EVERY
    assert error(stopThr=0, numItermax=there.iterations - thresholds.EVERY).error > TOL


def test_every_problem_has_a_threshold():
    arrays = MANY.arrays()
    found = thresholds.threshold(arrays)
    assert len(set(found)) == 3
    assert found[1] == thresholds.threshold({**arrays, "x": arrays["x"][1], "y": arrays["y"][1]})


def test_where_scalings_leave_float64_the_safe_threshold_stands():
    arrays = CASE.arrays()
    found = thresholds.threshold({**arrays, "eps": 1e-4 * arrays["eps"]})
    assert found == pytest.approx(TOL / 3, rel=1e-5, abs=0)  # of 9 columns


def test_a_threshold_is_looked_for_where_a_call_names_it():
    named = replace(CASE, calls=(Call("POT", "f(stopThr=thr)"),))
    assert thresholds.given(replace(CASE, calls=(Call("POT", "f(threshold=tol)"),)), CASE.arrays()) == {}
    assert thresholds.given(named, CASE.arrays()) == {"thr": thresholds.threshold(CASE.arrays())}
    assert {"x", "eps", "thr"} <= set(thresholds.loose(named))


# --- rows and targets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "share, tol, error, reached",
    [
        (None, None, None, True),  # not regularised: nothing was asked
        (0.1, None, 0.3, True),
        (0.1, None, None, False),  # no finite answer
        (0.1, 1e-6, 1e-6 * (1 + 1e-9), True),  # sums round
        (0.1, 1e-6, 1.1e-6, False),
        (0.1, 1e-6, None, False),
    ],
)
def test_reached(share, tol, error, reached):
    assert Row("w", "c", "POT", "f()", [1.0], [], share=share, tol=tol, error=error).reached is reached


BY_KEY = {target.key: target for target in entropic_targets.SINKHORN_TARGETS}


def row(work, tool, seconds, error=1e-7, call="f()", tol=1e-6, share=0.05, **more):
    return Row(work, "one", tool, call, [seconds], [], share=share, tol=tol, error=error, **more)


def test_a_peer_that_fell_short_is_not_compared_with():
    target = BY_KEY["sinkhorn_converge.peers"]
    own, short = row("sinkhorn_converge", "otkit", 2.0), row("sinkhorn_converge", "OTT", 1.0, error=1e-3)
    slow, fast = (row("sinkhorn_converge", tool, s) for tool, s in (("GeomLoss", 40.0), ("POT", 12.0)))
    assert target.measure([own, short, slow]) == 20.0
    assert target.measure([own, short, slow, fast]) == 6.0
    assert target.measure([own, short]) is None
    assert target.measure([replace(own, error=None), fast]) is None and target.measure([fast]) is None
    assert target.measure([replace(own, error=2e-6), fast]) is None


def test_iterations_are_compared_in_the_same_case():
    work = "sinkhorn_iteration"
    rows = [
        row(work, tool, seconds, tol=None, d=d, share=share, arrays=f"{kind} float32", call=call)
        for tool, seconds, d, share, kind, call in [
            ("otkit", 1.0, 2, 0.01, "numpy", "f()"),
            ("otkit", 9.0, 64, 0.01, "numpy", "f()"),
            ("otkit", 0.1, 2, 1.0, "numpy", "f()"),
            ("OTT", 6.0, 2, 0.01, "jax", "f()"),
            ("OTT", 7.0, 2, 0.01, "jax", "g()"),
            ("OTT", 27.0, 64, 0.01, "jax", "f()"),
            ("POT", 3.0, 2, 0.01, "numpy", "f(method='sinkhorn')"),
            ("POT", 50.0, 2, 0.01, "torch", "f(method='sinkhorn_log')"),
            ("POT", 200.0, 2, 0.01, "numpy", "f(method='sinkhorn_log')"),
        ]
    ]
    found = [BY_KEY[f"{work}.{key}"].measure(rows) for key in ("OTT.2", "OTT.64", "POT.2")]
    assert found == [6.0, 3.0, 200.0]
    assert [BY_KEY[f"{work}.{key}"].measure(rows[:3]) for key in ("OTT.2", "OTT.64", "POT.2")] == [None] * 3


def test_the_exact_solver_does_not_stand_for_sinkhorn_to_a_gap():
    target, work = BY_KEY["sinkhorn_gap.POT"], "sinkhorn_gap"
    exact, own = (Row(work, "one", "otkit", call, [s], []) for call, s in (("f()", 0.1), ("Sinkhorn(gap=1e-2)", 2.0)))
    peer = Row(work, "one", "POT", "emd2()", [8.0], [])
    assert target.measure([exact, own, peer]) == 4.0 and target.measure([exact, peer]) is None


def test_a_batch_is_compared_with_a_loop():
    target, work = BY_KEY["sinkhorn_batch.POT"], "sinkhorn_batch"
    own, loop = row(work, "otkit", 1.0), row(work, "POT", 30.0, call="[f(i) for i in range(len(x))]")
    assert target.measure([own, loop, row(work, "POT", 3.0, call="ot.solve_batch()")]) == 30.0
    assert target.measure([own, row(work, "POT", 3.0, call="ot.solve_batch()")]) is None


def test_the_peak_is_otkits():
    target, work = BY_KEY["sinkhorn_memory.peak"], "sinkhorn_memory"
    own = row(work, "otkit", 1.0, peak_mb=150.0)
    assert target.measure([own, row(work, "OTT", 1.0, peak_mb=900.0)]) == 150.0
    assert target.measure([replace(own, peak_mb=None)]) is None


def test_a_table_of_what_was_ended_and_what_failed():
    ended = row("w", "OTT", 1.0, error=None, arrays="jax float64", call="f(a | b)")
    ended.seconds, ended.status, ended.peak_mb = [], "longer than 45 s", 12.0
    failed = replace(ended, status="failed: ValueError: two\nlines", peak_mb=None, peak_failure="failed: exit 1")
    head, _, *lines = entropic([ended, failed]).splitlines()
    assert head == "| case | tool | call | arrays | runs | status | peak MB |"
    assert lines[0] == r"| one | OTT | `f(a \| b)` | jax float64 | 0 | longer than 45 s | 12 |"
    assert lines[1].endswith("| failed: ValueError: two lines | failed: exit 1 |")


def test_a_case_whose_calls_fail_still_has_its_rows():
    calls = (Call("otkit", "otkit.nothing_of_the_kind(x)"), Call("NumPy", "x.sum()"))
    (failed,) = measured(replace(CASE, calls=calls[:1]), 0, True, ONCE)
    assert failed.status.startswith("failed: AttributeError") and not failed.reached and failed.median is None
    with pytest.raises(TypeError, match="cannot read potentials"):
        measured(replace(CASE, calls=calls[1:]), 0, True, ONCE)
