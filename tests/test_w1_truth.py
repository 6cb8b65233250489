"""The W_1 benchmark: its figures agree with what is known of them, and its tables are those of the page."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_w1_truth import main
from benchmarks.report import INSERTED
from benchmarks.report import main as report
from benchmarks.truth_critics import Linear, Mean, Softmin, differences, given
from benchmarks.truth_measure import cosine
from benchmarks.truth_published import DIMS, PUBLISHED, best, published
from benchmarks.truth_tables import BEGIN, END, inserted, tables

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "w1_truth.json"
OWN = """
import numpy as np

def flat(problem):
    return lambda points: np.full(len(points), 3.0)

class Rises:
    def __call__(self, points):
        return points[:, 0]
    def gradient(self, points):
        return np.eye(1, points.shape[1]).repeat(len(points), axis=0)

def rising(problem):
    return Rises()
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    out = folder / "truth.json"
    assert main(["--quick", "--critic", f"{folder / 'own.py'}:flat", "-o", str(out)]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def problem(document):
    return document["problems"][0]


@pytest.fixture(scope="module")
def critics(problem):
    return {found["critic"].split("/")[-1]: found for found in problem["critics"]}


def test_document_says_what_and_where(document):
    assert document["suite"] == "w1_truth" and document["quick"] is True and document["measured"]
    assert {"cpu", "python", "otkit", "packages"} <= set(document["machine"])
    assert document["settings"]["n"] == 200 and document["settings"]["iterations"] is None


def test_distances_are_those_of_their_samples(problem):
    import otkit

    known = otkit.datasets.funnels(200, 2)
    assert (problem["n"], problem["d"], problem["n_funnels"]) == (200, 2, 4)
    assert (problem["population"], problem["standard_error"]) == (known.distance, known.standard_error)
    assert problem["sample"] == pytest.approx(otkit.wasserstein(known.x, known.y).distance, rel=1e-12, abs=0)
    assert problem["gap"] < 1e-9 and 0 < problem["within_x"] and 0 < problem["within_y"] < problem["sample"]
    assert problem["debiased"] < problem["sample"] == problem["ratio"] * problem["population"]
    assert 0.5 < problem["plan_cosine"] <= 1
    # potentials from inside the optimal face: one partner each, and so no kinks at the samples
    assert problem["undefined_own_x"] == problem["undefined_own_y"] == 0


def test_every_critic_has_its_figures(critics, problem):
    assert len(critics) == 7
    for found in critics.values():
        fresh = found["fresh"]
        assert fresh["rescaled"] <= fresh["tightened"] <= fresh["primal"] * (1 + 1e-12), found["critic"]
        assert found["share"] == fresh["raw"] / problem["population"]
        for side in "xy":
            assert -1 <= found[f"cosine_{side}"] <= 1 + 1e-12 and 0 <= found[f"undefined_{side}"] <= 1


def test_the_true_potential_is_right_everywhere(critics):
    found = critics["true potential"]
    assert found["cosine_x"] == pytest.approx(1, rel=1e-12, abs=0) == found["cosine_y"]
    assert found["undefined_x"] == found["undefined_y"] == 0 and found["fresh"]["slope"] <= 1 + 1e-9
    assert found["share"] == pytest.approx(1, abs=0.2)  # the noise of 200 points


def test_exact_critics_reach_w1_of_their_samples_and_not_of_others(critics, problem):
    for name in ("exact, anchored at x", "exact, anchored at y", "exact, mean of both"):
        found = critics[name]
        assert found["raw_samples"] == pytest.approx(problem["sample"], rel=1e-9, abs=0)
        assert found["fresh"]["raw"] < found["fresh"]["primal"] and found["fresh"]["slope"] <= 1 + 1e-9
        assert found["cosine_x"] > critics["linear"]["cosine_x"]


def test_a_critic_of_the_user_is_measured_too(critics):
    flat = critics["own.py:flat"]
    assert flat["fresh"]["raw"] == pytest.approx(0, abs=1e-12) and flat["fresh"]["slope"] == 0
    assert flat["cosine_x"] == 0 and flat["undefined_x"] == 1  # differences of a constant are exactly 0


def test_a_users_own_gradient_is_used(tmp_path):
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    made = given(f"{tmp_path / 'own.py'}:rising")(None)
    assert made.gradient(np.zeros((2, 3))).tolist() == [[1.0, 0.0, 0.0]] * 2
    with pytest.raises(FileNotFoundError, match="give file.py:function"):
        given("absent.py:f")


def test_a_missing_direction_counts_as_zero():
    truth = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [math.nan, math.nan]])
    gradient = np.array([[3.0, 0.0], [math.nan, math.nan], [0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    assert cosine(gradient, truth) == (pytest.approx((1 + math.sqrt(0.5)) / 4), 0.5)


def test_gradients_are_those_of_the_values():
    rng = np.random.default_rng(0)
    points, anchors = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    for critic in (
        Linear(np.array([1.0, 2.0, -2.0])),
        Softmin(anchors, rng.normal(size=30), 0.3, -1.0),
        Mean((Softmin(anchors, rng.normal(size=30), 2.0, 1.0), Linear(np.ones(3)))),
    ):
        np.testing.assert_allclose(critic.gradient(points), differences(critic, points), rtol=0, atol=1e-8)
        assert np.linalg.norm(critic.gradient(points), axis=1).max() <= 1 + 1e-12


def test_softmin_is_the_entropic_potential_at_the_samples():
    import otkit

    x, y = np.random.default_rng(1).normal(size=(2, 40, 2))
    found = otkit.wasserstein(x, y, solver=otkit.solvers.Sinkhorn(eps=0.2, tol=1e-10)).entropic
    at_x, at_y = Softmin(y, found.g, 0.2, 1.0)(x), Softmin(x, found.f, 0.2, 1.0)(y)
    np.testing.assert_allclose(at_x - at_x.mean(), found.f - found.f.mean(), rtol=0, atol=1e-7)
    np.testing.assert_allclose(at_y - at_y.mean(), found.g - found.g.mean(), rtol=0, atol=1e-7)


def test_a_trained_critic_goes_the_right_way():
    torch = pytest.importorskip("torch")
    import otkit
    from benchmarks.truth_trained import Network, trained

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # beside other tests two threads wait for each other far longer than they work
    try:
        problem = otkit.datasets.translation(50, 2)
        cosines = []
        for iterations in (0, 10):
            critic = trained(problem, "WGAN-LP", iterations, seed=0)
            cosines.append(cosine(critic.gradient(problem.y), problem.gradient(problem.y))[0])
        assert cosines[1] > max(0.0, cosines[0])
        line = torch.nn.Linear(2, 1)
        weight, bias = line.weight.detach().double().numpy()[0], line.bias.item()
        assert Network(line).gradient(problem.x) == pytest.approx(np.tile(weight, (50, 1)), rel=1e-6, abs=0)
        assert Network(line)(problem.x) == pytest.approx(problem.x @ weight + bias, rel=1e-5, abs=1e-5)
    finally:
        torch.set_num_threads(threads)


# --- the page ------------------------------------------------------------------------------------------------------


def test_tables_render(document):
    text = tables(document)
    assert "Quick run" in text and "published: exact plan, at x | 0.86 |" in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    for lines in blocks:
        assert len({line.count("|") for line in lines}) == 1
    assert "true potential | 1.00 / 1.00" in text


def test_a_page_keeps_what_is_around_the_tables(document):
    page = inserted(f"before\n{BEGIN}\nold\n{END}\nafter\n", document)
    assert page == f"before\n{BEGIN}\n\n{tables(document)}\n\n{END}\nafter\n" == inserted(page, document)
    with pytest.raises(ValueError, match="lacks its marks"):
        inserted("no marks", document)


def test_report_writes_the_tables_and_no_other_page(document, tmp_path, monkeypatch):
    page, out, source = tmp_path / "duality.md", tmp_path / "benchmarks.md", tmp_path / "truth.json"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    source.write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setitem(INSERTED, "w1_truth", (page, inserted))
    assert report([str(source), "--out", str(out)]) == 0
    assert tables(document) in page.read_text(encoding="utf-8") and not out.exists()


def test_the_page_shows_the_results_that_are_kept():
    page = INSERTED["w1_truth"][0].read_text(encoding="utf-8")
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert not kept["quick"] and inserted(page, kept) == page


def test_published_rows_are_no_longer_than_their_dimensions():
    assert all(0 < len(row) <= len(DIMS) for rows in PUBLISHED.values() for row in rows.values())
    assert published(4, 32)["exact plan"] == -0.09 and published(4, 3) == {} == published(5, 2)
    assert published(4, 32)["sorted"] == 0.98 == best(4, 32) and "sorted" not in published(4, 64)
    assert best(16, 2) == 0.84 and best(16, 3) is None
