"""The benchmark harness: runs on tiny sizes, its JSON has every figure, the page renders. Time is never asserted."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import alone, cases, targets
from benchmarks.alone import Place, peak
from benchmarks.calls import Call
from benchmarks.contestant import Contestant
from benchmarks.method import how
from benchmarks.reference import line_cost, proof
from benchmarks.report import page
from benchmarks.row import Row
from benchmarks.run import main as run
from benchmarks.tables import figure, filled, table
from benchmarks.timing import Effort, Lap, TooLong, interleaved
from benchmarks.tools import TOOLS, read
from benchmarks.works import SUITES, WORKS, of_work

ROOT = Path(__file__).parents[1]
QUICK_WORKS = "line,high,transport,accuracy"  # each memory reading of the others is a process of a second
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
    modules = {"otkit": "otkit", "POT": "ot", "SciPy": "scipy", "HiGHS": "scipy", "lapx": "lap", "NumPy": "numpy"}
    wanted = {
        (case.work, case.name, call.text)
        for work in QUICK_WORKS.split(",")
        for case in of_work(work, quick=True)
        for call in case.calls
        if find_spec(modules[call.tool])
    }
    assert ran == wanted and len(document["rows"]) == len(ran)


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
    assert "not measured" in text  # startup, exact and large were not run
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
