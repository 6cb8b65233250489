"""The benchmark harness: runs on tiny sizes, its JSON has every figure, the page renders. Time is never asserted."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import alone, cases, images, measure, multiscale_targets, picture, reference, targets
from benchmarks.alone import Alone, Place, peak
from benchmarks.calls import Call
from benchmarks.contestant import Contestant
from benchmarks.marginals import Outcome
from benchmarks.method import how
from benchmarks.multiscale_cases import LOOSE, MULTISCALE
from benchmarks.reference import Reference, line_cost, proof
from benchmarks.report import main as report
from benchmarks.report import page
from benchmarks.row import Row
from benchmarks.run import main as run
from benchmarks.tables import figure, filled, table
from benchmarks.timing import Effort, Lap, TooLong, interleaved
from benchmarks.tools import TOOLS, read
from benchmarks.works import SUITES, WORKS, of_work

ROOT = Path(__file__).parents[1]
QUICK_WORKS = "line,high,transport,accuracy"  # each memory reading of the others is a process of a second
MODULES = {"otkit": "otkit", "POT": "ot", "SciPy": "scipy", "HiGHS": "scipy", "lapx": "lap", "NumPy": "numpy"}
ROUNDING = 1e-10  # lapx in float32 is left out: it may take another, worse permutation


def row(work="exact", tool="otkit", seconds=(1.0,), case="one", **more) -> Row:
    return Row(work, case, tool, "f()", list(seconds), [], **more)


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """Made by the command that the README names."""
    out = tmp_path_factory.mktemp("benchmarks") / "quick.json"
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--only", QUICK_WORKS, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def test_document_says_what_and_where(document):
    assert document["quick"] is True
    assert {"cpu", "cores", "python", "otkit", "packages"} <= set(document["machine"])
    assert document["suite"] == "core" and list(document["works"]) == QUICK_WORKS.split(",")
    assert all(work["seconds"] > 0 and work["measured"] for work in document["works"].values())


def test_every_call_ran(document):
    ran = {(values["work"], values["case"], values["call"]) for values in document["rows"]}
    assert ran == wanted(QUICK_WORKS.split(",")) and len(document["rows"]) == len(ran)


def wanted(works):
    return {
        (case.work, case.name, call.text)
        for work in works
        for case in of_work(work, quick=True)
        for call in case.calls
        if find_spec(MODULES[call.tool])
    }


def test_rows_have_their_figures(document):
    for values in document["rows"]:
        found = Row.from_dict(values)
        assert found.to_dict() == values
        assert found.seconds and all(second > 0 for second in found.seconds), values
        if found.tool != "NumPy":
            assert found.cost > 0 and found.reference, values
        if found.tool == "otkit":
            assert found.status == "optimal" and 0 <= found.gap <= ROUNDING, values
        if "C = " in found.call:
            assert len(found.matrix_seconds) == len(found.seconds), values


def test_errors_are_small(document):
    checked = 0
    for values in document["rows"]:
        if values["tool"] != "NumPy" and "lapjvs(C)" not in values["call"]:
            assert values["error"] <= ROUNDING, values
            assert values["reference_gap"] is None or values["reference_gap"] <= ROUNDING, values
            checked += 1
    assert checked > 20


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_memory_is_measured(document):
    own = [values for values in document["rows"] if values["work"] == "high" and values["tool"] == "otkit"]
    assert own
    for values in own:
        assert values["peak_failure"] is None, values["peak_failure"]
        assert 0 < values["peak_mb"] < 2000


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_a_failed_memory_reading_says_why():
    found = peak(Place("high", 10**6, 0, True, {}))
    assert found.mb is None and "exit 1: IndexError" in found.failure


def test_no_memory_reading_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(alone, "PROC", tmp_path)
    assert peak(Place("high", 0, 0, True, {})) == (None, "failed: no /proc on this system")


def test_page_renders(document):
    text = page([document])
    assert "Quick run" in text and "### Targets" in text and "### On the line" in text
    assert all(f"`{values['call']}`" in text for values in document["rows"] if values["work"] != "accuracy")
    assert "not measured" in text and "](pictures" not in text  # startup, exact, large and the curve were not run
    tables = [[cells(line) for line in block.splitlines()] for block in text.split("\n\n") if block.startswith("|")]
    heads = [lines[0] for lines in tables]
    for lines in tables:
        assert {len(line) for line in lines} == {len(lines[0])}
        assert all(any(line[k] != "-" for line in lines[2:]) for k in range(len(lines[0]))), lines[0]
    assert len(heads) == 5 and len(heads[0]) == 5 and heads[-1][0] == "metric"
    for head in heads[1:-1]:
        assert {"case", "tool", "call", "median s", "best s", "runs", "error", "status", "gap"} <= set(head)
    assert sum("matrix s" in head for head in heads) == 1 and sum("peak MB" in head for head in heads) == 1  # of high


def cells(line):
    """The cells of a line of a table; an escaped bar is no border."""
    return [text.strip() for text in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_part_of_a_run_refuses_a_file_of_other_code(document, tmp_path, capsys):
    out = tmp_path / "core.json"
    out.write_text(json.dumps({**document, "machine": {"cpu": "another"}}), encoding="utf-8")
    assert run(["--quick", "--only", "line", "--out", str(out)]) == 2
    assert "another machine" in capsys.readouterr().err
    assert json.loads(out.read_text(encoding="utf-8"))["machine"] == {"cpu": "another"}


def test_every_work_has_a_place():
    assert set(SUITES["core"].works) == {*cases.CORE, "startup"}
    listed = [work for suite in SUITES.values() for work in suite.works]
    assert set(listed) == {*WORKS, "startup"} and len(set(listed)) == len(listed)


@pytest.mark.parametrize("name", SUITES)
def test_every_target_is_of_a_work_of_its_suite(name):
    suite = SUITES[name]
    keys = [target.key for target in suite.targets]
    assert {target.work for target in suite.targets} <= set(suite.works)
    assert keys and len(set(keys)) == len(keys)
    assert len(set(suite.works.values())) == len(suite.works) and "numpy" in suite.packages


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("work", WORKS)
def test_case_names_are_unique(work, quick):
    names = [case.name for case in of_work(work, quick)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("work", WORKS)
def test_calls_are_told_apart_by_what_is_shown(work):
    for case in of_work(work, quick=False):
        shown = [(call.tool, call.text, call.backend, call.dtype) for call in case.calls]
        assert len(set(shown)) == len(shown) and {call.tool for call in case.calls} <= set(TOOLS)
        for call in case.calls:
            compile(call.solve, call.text, "eval")


def test_a_work_of_the_other_suite_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        run(["--only", "line,sinkhorn_gap", "--out", str(tmp_path / "core.json")])
    assert "no such work: sinkhorn_gap; core has startup, line" in capsys.readouterr().err
    assert not (tmp_path / "core.json").exists()


def test_part_of_a_run_refuses_a_file_of_the_other_suite(document, tmp_path, capsys):
    out = tmp_path / "core.json"
    out.write_text(json.dumps(document), encoding="utf-8")
    assert run(["--suite", "sinkhorn", "--quick", "--only", "sinkhorn_gap", "--out", str(out)]) == 2
    assert "give another --out" in capsys.readouterr().err
    assert json.loads(out.read_text(encoding="utf-8")) == document


@pytest.mark.parametrize("name", SUITES)
def test_the_page_says_on_what_and_how(name, document):
    text = how({**document, "suite": name, "machine": {**document["machine"], "packages": {"a": "1.2", "b": None}}})
    assert "a 1.2, b absent" in text and document["machine"]["otkit"] in text
    effort = SUITES[name].effort
    assert f"{effort.seconds:g} seconds" in text and re.search(rf"at\s+most {effort.most}\b", text)


# --- coarse to fine ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    """The suite `multiscale` on tiny sizes, where nothing runs in a process of its own but for its memory."""
    out = tmp_path_factory.mktemp("benchmarks") / "quick.json"
    assert run(["--suite", "multiscale", "--quick", "--out", str(out)]) == 0
    return out, json.loads(out.read_text(encoding="utf-8"))


def test_every_work_of_the_fine_suite_ran(fine):
    rows = fine[1]["rows"]
    assert {(values["work"], values["case"], values["call"]) for values in rows} == wanted(MULTISCALE)
    for values in rows:
        reached = LOOSE if values["work"] == "multiscale_million" else ROUNDING
        assert values["error"] <= 1e-6 and values["seconds"] and values["reference_gap"] <= reached, values
        if values["tool"] == "otkit":
            assert values["status"] in ("optimal", "converged") and 0 <= values["gap"] <= 1e-3, values


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_memory_is_read_where_it_has_a_target(fine):
    read = {values["work"] for values in fine[1]["rows"] if values["tool"] == "otkit" and values["peak_mb"]}
    assert read == {"multiscale_peers", "multiscale_large", "multiscale_million", "multiscale_million_exact"}
    assert all(values["peak_failure"] is None for values in fine[1]["rows"])
    rows = [Row.from_dict(values) for values in fine[1]["rows"]]
    for target in multiscale_targets.MULTISCALE_TARGETS:
        assert target.measure(rows) > 0, target.key


def test_page_and_picture_of_the_fine_suite(fine, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "page.md"
    assert report([str(fine[0]), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "### Time against n" in text and "80 GB" in text and "not measured, and whether" in text
    (link,) = re.findall(r"!\[[^]]+\]\((\S+)\)", text)
    assert (tmp_path / link).read_bytes().startswith(b"\x89PNG")
    before, after = text.split("![")
    assert before.count("### ") == 6 and "| multiscale" not in text and "### A million points, to the optimum" in after


def test_an_exact_run_in_a_process_of_its_own_brings_its_proof():
    contestant = Alone(Place("multiscale_large", 1, 0, True, {}), 120.0)
    found = contestant().value
    assert found.status == "optimal" and isinstance(found.reference, Reference) and found.reference.gap <= ROUNDING
    assert found.cost == pytest.approx(found.reference.cost, rel=ROUNDING, abs=0) and found.error is None


def test_the_reference_is_the_first_answer_of_otkit_that_there_is():
    case, arrays, result = solved()
    calls = [Call("POT", "1"), Call("otkit", "2"), Call("otkit", "3")]
    brought = Reference(1.5, 0.0, "elsewhere")
    elsewhere = Outcome(1.5, "optimal", 0.0, None, None, brought)
    assert measure._truth(case, arrays, calls, [2.0, None, elsewhere]) is brought
    assert measure._truth(case, arrays, calls, [2.0, result, elsewhere]) == proof(case, arrays, result)
    assert measure._truth(case, arrays, calls, [2.0, None, None]) is None


def test_otkit_warms_up_on_enough_points_wherever_it_runs(monkeypatch):
    runs = []
    monkeypatch.setattr(measure, "ENOUGH", 50)
    monkeypatch.setattr(measure, "interleaved", lambda contestants, effort: runs.extend(contestants))
    own, peer, ended = Call("otkit", "1"), Call("POT", "1"), Call("POT", "1", limit=9.0)
    calls = (own, peer, ended, own._replace(limit=9.0))
    case = cases.Case("multiscale_large", 200, 160, 2, 2, "uniform", calls)
    places = [Place(case.work, 0, k, False, {}) for k in range(4)]
    measure._warm_up(case, calls, [measure._contestant(call, {}, place) for call, place in zip(calls, places)])
    assert [(run.call.tool, run.arrays["n"], run.arrays["m"]) for run in runs] == [
        ("otkit", 50, 40),
        ("POT", 50, 40),
        ("otkit", 50, 40),
    ]
    runs.clear()
    small = replace(case, n=40, m=40)
    whole = [measure._contestant(call, small.arrays(), place) for call, place in zip(calls, places)]
    measure._warm_up(small, calls, whole)
    assert runs[0] is whole[0] and [run.arrays["n"] for run in runs] == [40, 20]


def test_two_images_are_the_same_pictures_at_any_resolution():
    coarse, fine = (cases.Case("t", n, n, 2, 2, "images", ()).arrays() for n in (32**2, 64**2))
    assert coarse["x"].shape == (1024, 2) and coarse["x"].min() == 1 / 64 and coarse["x"].max() == 63 / 64
    for side in "ab":
        blocks = fine[side].reshape(32, 2, 32, 2).sum(axis=(1, 3)).reshape(-1)
        assert coarse[side].sum() == pytest.approx(1, abs=1e-12) and np.abs(blocks - coarse[side]).sum() < 0.02
        assert 0.9 * images.GROUND < coarse[side].min() / coarse[side].max() < 0.1
    assert np.abs(coarse["a"] - coarse["b"]).sum() > 0.5


def test_fewer_pixels_are_a_square_too():
    case = cases.Case("t", 128**2, 128**2, 2, 2, "images", ())
    assert case.quick().n == case.quick().m == 26**2 and case.shrunk(1e-9).n == 25
    assert replace(case, n=10**6, m=10**6, weights="uniform").quick().n == cases.MOST_QUICK


@pytest.mark.parametrize("d, weights", [(2, "uniform"), (2, "random"), (3, "uniform")])
def test_neighbours_have_the_excess_of_all_pairs(d, weights, monkeypatch):
    import otkit

    case = cases.Case("t", 120, 90, d, 2, weights, ())
    arrays = case.arrays()
    result = otkit.wasserstein(arrays["x"], arrays["y"], p=2, a=arrays["a"], b=arrays["b"])
    lifted = result.potentials.f + np.where(np.arange(120) == 3, 0.3, 0.0)
    for claim in (result, Claim(result, f=lifted), Claim(result, f=result.potentials.f - 0.5)):
        monkeypatch.setattr(reference, "FEW", 10**9)
        everywhere = proof(case, arrays, claim)
        monkeypatch.setattr(reference, "FEW", 0)
        near = proof(case, arrays, claim)
        assert near.cost == pytest.approx(everywhere.cost, rel=1e-13, abs=0) and "k-d tree" in near.how
        assert near.gap == pytest.approx(everywhere.gap, rel=1e-9, abs=1e-14) and "k-d tree" not in everywhere.how
        monkeypatch.setattr(reference, "MANY", 0)
        some = proof(case, arrays, claim)  # of 120 rows all are chosen
        assert some.gap == pytest.approx(everywhere.gap, rel=1e-9, abs=1e-14) and "random rows" in some.how
        monkeypatch.setattr(reference, "MANY", 10**11)
    assert near.gap > 0.01
    assert "k-d tree" not in proof(replace(case, p=1), arrays, result).how  # the lift is for squares


def fine_row(work, tool="otkit", seconds=(1.0,), **more):
    shape = {"n": 10_000, "m": 10_000, "d": 2, "p": 2, "weights": "uniform"} | more
    return Row(f"multiscale_{work}", f"{shape}", tool, shape.pop("call", "f()"), list(seconds), [], **shape)


FINE = {target.key: target for target in multiscale_targets.MULTISCALE_TARGETS}


def test_pot_is_compared_in_the_same_case():
    shapes = ((2, 2, "uniform"), (2, 2, "random"), (2, 1, "uniform"), (3, 2, "uniform"), (64, 2, "random"))
    rows = []
    for k, (d, p, weights) in enumerate(shapes):
        shape = {"d": d, "p": p, "weights": weights}
        rows += [fine_row("peers", seconds=(1, 2, 7), **shape), fine_row("peers", "POT", (2.0 * 10**k,), **shape)]
    for k, (d, p, weights) in enumerate(shapes):
        target = FINE[f"multiscale_peers.{d}.{p}.{weights}"]
        assert target.measure(rows) == 10**k and target.met(target.limit) and not target.met(0.99 * target.limit)
        assert target.measure([row for row in rows if row.tool == "otkit"]) is None


def test_the_worst_row_counts_and_a_missing_figure_is_none():
    good = {"gap": 1e-15, "peak_mb": 900.0}
    rows = [fine_row("large", seconds=(20, 30, 50), **good), fine_row("large", seconds=(70,), weights="random", **good)]
    rows.append(fine_row("large", seconds=(500,), p=1, gap=1e-7))
    assert FINE["multiscale_large.time.2"].measure(rows) == 70 and not FINE["multiscale_large.time.2"].met(70)
    assert FINE["multiscale_large.time.1"].measure(rows) == 500 and FINE["multiscale_large.time.1"].met(500)
    assert (
        FINE["multiscale_large.gap.2"].measure(rows) == 1e-15 and FINE["multiscale_large.memory"].measure(rows) == 900
    )
    assert not FINE["multiscale_large.gap.1"].met(FINE["multiscale_large.gap.1"].measure(rows))
    ended = fine_row("large", seconds=(), weights="random", status="longer than 1800 s")
    assert FINE["multiscale_large.time.2"].measure([*rows, ended]) is None
    assert FINE["multiscale_million.gap"].measure([fine_row("million", gap=2e-3)]) == 2e-3
    assert FINE["multiscale_million.gap"].met(1e-3) and not FINE["multiscale_million_exact.gap"].met(1e-3)
    high = [fine_row("peers", peak_mb=None), fine_row("peers", d=64, peak_mb=600.0)]
    assert FINE["multiscale_peers.memory"].measure(high) == 600 and not FINE["multiscale_peers.memory"].met(600)
    assert FINE["multiscale_images.time"].measure([fine_row("finer_images", seconds=(9,))]) is None


def curve(power, sizes=(1000, 10_000, 100_000), **more):
    return [fine_row("curve", seconds=(1e-5 * n**power,), n=n, m=n, error=0.0, **more) for n in sizes]


def test_the_exponent_of_the_curve():
    target, peer = FINE["multiscale_curve.power"], curve(3.0, tool="POT")
    assert target.measure([*curve(1.25), *peer]) == pytest.approx(1.25, rel=1e-12, abs=0)
    assert not target.met(target.measure(curve(1.5)))
    assert target.measure(peer) is None and target.measure(curve(1.2)[:1]) is None
    assert target.measure([*curve(1.2), fine_row("curve", seconds=(), n=31_623)]) is None


def test_the_picture_has_the_fastest_right_answer_of_every_function():
    slow = curve(2.0, (1000, 10_000), tool="lapx", call="lap.lapjvs(C, prefer_float32=False)[0] / n")
    wrong = [replace(row, call="lap.lapjvs(C)[0] / n", seconds=[1e-9], error=1e-5) for row in slow]
    fast = replace(slow[1], call="lap.lapjvs(C)[0] / n", seconds=[0.5])
    lazy = curve(2.5, (1000,), tool="POT", call="ot.emd2_lazy(x, y)")
    matrix = curve(2.0, (10_000, 1000), tool="POT", call="C = ot.dist(x, y); ot.emd2([], [], C)")
    rows = [*wrong, *slow, fast, *curve(1.0), *lazy, *matrix]
    found = picture.series(rows)
    assert list(found) == ["lapx lapjvs", "otkit", "POT emd2_lazy", "POT emd2"]
    assert found["lapx lapjvs"] == ([1000, 10_000], [slow[0].median, 0.5]) and found["POT emd2"][0] == [1000, 10_000]
    text = picture.embedded(rows)
    hours = 1e-5 * 1e10 / 3600
    assert f"at n = 100000 lapx lapjvs {0.5 * 0.5 / slow[0].median:.2g} s, POT emd2 {hours:.2g} h." in text
    assert picture.embedded(curve(1.0)).count("\n") == 0


def test_no_curve_no_picture(tmp_path):
    assert picture.embedded([row()]) == "" and not picture.draw([row()], tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


# --- the parts -----------------------------------------------------------------------------------------------------


def test_contestants_take_turns_and_the_fast_run_more():
    order = []

    def contestant(name, seconds):
        return lambda: order.append(name) or Lap(seconds, None, name)

    timed = interleaved([contestant("fast", 1.0), contestant("slow", 100.0)], Effort(3.0, 9))
    assert order == ["fast", "slow", "fast", "fast"]
    assert [len(one.laps) for one in timed] == [3, 1]


def test_a_failure_is_a_result():
    def broken():
        raise MemoryError("too large")

    timed = interleaved([broken, lambda: Lap(1.0, None, 2.0)], Effort(2.0, 9))
    assert timed[0].failure == "failed: MemoryError: too large" and not timed[0].laps
    assert timed[1].failure is None and len(timed[1].laps) == 2


def test_a_run_that_was_ended_says_only_how_long():
    def ended():
        raise TooLong("longer than 60 s")

    assert interleaved([ended], Effort(2.0, 9)) == [([], "longer than 60 s")]


def test_what_a_run_took_counts_and_not_its_figure():
    timed = interleaved([lambda: Lap(0.01, None, 1.0, spent=4.0)], Effort(8.0, 9))
    assert len(timed[0].laps) == 2


def test_matrix_time_is_part_of_the_time():
    lap = Contestant(Call("NumPy", "C.sum()", "C = np.ones((300, 300))"), {})()
    assert lap.value == 90000.0 and 0 < lap.matrix_seconds <= lap.seconds


def test_read():
    assert read(2.5).cost == 2.5
    for answer in ([2.5, {"warning": None}], (2.5, {"warning": None}), {"cost": 2.5, "warning": None}):
        assert read(answer)[:2] == (2.5, "optimal")
    assert read([2.5, {"warning": "numItermax reached"}]).status == "numItermax reached"
    assert read((np.ones(2), np.ones(2))).cost is None
    for unknown in ([1.0, 2.0], np.ones(3), {"value": 1.0}, "text"):
        with pytest.raises((TypeError, ValueError)):
            read(unknown)


def solved(weights="random"):
    import otkit

    case = cases.Case("exact", 12, 9, 2, 2, weights, ())
    arrays = case.arrays()
    return case, arrays, otkit.wasserstein(arrays["x"], arrays["y"], p=2, a=arrays["a"], b=arrays["b"])


class Claim:
    """A result that claims something else."""

    def __init__(self, result, mass=None, f=None):
        rows, cols, plan_mass = result.plan.rows, result.plan.cols, result.plan.mass
        self.plan = type("P", (), {"rows": rows, "cols": cols, "mass": plan_mass if mass is None else mass})
        self.potentials = (result.potentials.f if f is None else f, result.potentials.g)


def test_proof_confirms_a_right_answer():
    case, arrays, result = solved()
    found = proof(case, arrays, result)
    assert found.cost == pytest.approx(result.cost, rel=1e-13, abs=0) and found.gap < 1e-13


def test_proof_catches_wrong_ones():
    case, arrays, result = solved()
    assert proof(case, arrays, Claim(result, mass=result.plan.mass * 0.99)) is None
    too_high = result.potentials.f + np.where(np.arange(12) == 3, 1.0, 0.0)
    assert proof(case, arrays, Claim(result, f=too_high)).gap > 0.01
    assert proof(case, arrays, Claim(result, f=result.potentials.f - 0.5)).gap > 0.01


@pytest.mark.parametrize("m, weights, p", [(40, "uniform", 1), (30, "uniform", 3), (30, "random", 2)])
def test_line_reference_agrees_with_the_linear_programme(m, weights, p):
    from scipy.spatial.distance import cdist

    from benchmarks.highs import highs

    case = cases.Case("line", 40, m, 1, p, weights, ())
    arrays = case.arrays()
    cost = cdist(arrays["x"][:, None], arrays["y"][:, None]) ** p
    assert line_cost(arrays, case) == pytest.approx(highs(cost, arrays["a"], arrays["b"]), rel=1e-9, abs=0)


def test_targets_compare_with_the_fastest_peer_by_median():
    size = {"n": 10, "m": 10, "p": 1, "weights": "uniform"}
    peers = [row(tool="POT", seconds=(5, 6, 7), **size), row(tool="POT", seconds=(4,), **size)]
    rows = [row(seconds=(1, 2, 9), **size), *peers]
    (target,) = [one for one in targets.CORE_TARGETS if one.key == "exact.p1.uniform"]
    assert target.measure(rows) == 2.0 and target.met(2.0) and not target.met(1.99)
    assert target.measure(rows[1:]) is None and target.measure(rows[:1]) is None
    smaller = row(seconds=(0.1,), **{**size, "n": 5, "m": 5})
    assert target.measure([*rows, smaller]) == 2.0
    assert target.measure([*rows, row(tool="POT", seconds=(-1,), **size)]) == 2.0


def test_a_missing_figure_is_not_a_good_one():
    by_key = {target.key: target for target in targets.CORE_TARGETS}
    rows = [row("accuracy", cost=1.0, gap=0.0), row("accuracy", "POT"), row("accuracy", "HiGHS", cost=1.5)]
    assert by_key["accuracy.POT"].measure(rows) is None
    assert by_key["accuracy.HiGHS"].measure(rows) == pytest.approx(1 / 3)
    assert by_key["accuracy.gap"].measure([*rows, row("accuracy", case="two", cost=1.0)]) is None


def test_figure():
    assert [figure(v) for v in (None, 0.0, 1e-16, 0.123456, 4.0, 123.4)] == ["-", "0", "1.0e-16", "0.123", "4", "123"]


def test_a_table_survives_any_text():
    text = table(["what", "say"], [["`a | b`", "failed: ValueError:\n  two lines | three"]])
    assert text.splitlines()[2] == r"| `a \| b` | failed: ValueError: two lines \| three |"
    assert len(text.splitlines()) == 3


def test_columns_with_nothing_in_them_are_left_out():
    head, lines = filled(["one", "two", "three"], [["1", "-", "-"], ["2", "-", "x"]])
    assert head == ["one", "three"] and lines == [["1", "-"], ["2", "x"]]
