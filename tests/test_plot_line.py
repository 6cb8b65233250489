"""Pictures of brackets against eps, and of samples on the line."""

import numpy as np
import pytest

import otkit
from otkit.errors import Unsupported

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    plt.close("all")


def clouds():
    random = np.random.default_rng(0)
    return random.normal(size=(40, 2)), random.normal(size=(30, 2)) * 0.7 + 1.0


def named(ax, start):
    """The one line whose label begins so."""
    (found,) = (line for line in ax.lines if line.get_label().startswith(start))
    return found


def test_bracket_against_eps():
    x, y = clouds()
    exact = otkit.wasserstein(x, y, p=2)
    found = [otkit.wasserstein(x, y, p=2, solver=otkit.solvers.Sinkhorn(eps=eps)) for eps in (0.1, 1.0, 0.3)]
    ax = otkit.plot.bracket(found, exact=exact)
    ax.figure.canvas.draw()
    for start, end in (("the plan", "upper"), ("the potentials", "lower")):
        eps, values = named(ax, start).get_data()
        assert eps.tolist() == [0.1, 0.3, 1.0]
        assert values.tolist() == [getattr(found[k], end) for k in (0, 2, 1)]
    assert ax.get_xscale() == "log" and "eps = 0.1" in ax.get_title()
    assert named(ax, "exact").get_ydata()[0] == exact.distance


@pytest.mark.parametrize("results", ["none", "exact", "orders"])
def test_bracket_refuses(results):
    x, y = clouds()
    some = [otkit.wasserstein(x, y, p=p, solver=otkit.solvers.Sinkhorn(eps=1.0)) for p in (1, 2)]
    given = {"none": [], "exact": [otkit.wasserstein(x, y)], "orders": some}[results]
    with pytest.raises(Unsupported, match="results"):
        otkit.plot.bracket(given)


@pytest.mark.parametrize("draw", [otkit.plot.piles, otkit.plot.quantiles], ids=["piles", "quantiles"])
def test_on_the_line(draw):
    random = np.random.default_rng(0)
    x, y, a, b = random.normal(size=50), random.normal(size=30) + 2.0, random.random(50), random.random(30)
    ax = draw(x, y, a=a, b=b)
    ax.figure.canvas.draw()
    assert f"{otkit.wasserstein(x, y, a=a, b=b).distance:.5g}" in ax.get_title()
    assert ax.get_xlabel() and ax.get_ylabel() and ax.get_legend() is not None
    with pytest.raises(Unsupported, match="x has 2 coordinates"):
        draw(*clouds())


def test_piles_hold_all_the_mass_and_join_quantiles():
    x = np.arange(20.0)
    ax = otkit.plot.piles(x, x + 3)
    heights = np.array([bar.get_height() for bar in ax.patches])
    assert heights[heights > 0].sum() == pytest.approx(1, rel=1e-12, abs=0)
    assert heights[heights < 0].sum() == pytest.approx(-1, rel=1e-12, abs=0)
    joined = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert len(joined) == 10 and all(end - start == 3.0 for start, end in joined)


def test_the_area_between_quantiles_is_w1():
    random = np.random.default_rng(1)
    x, y, a, b = random.normal(size=40), random.normal(size=25) * 2, random.random(40), random.random(25)
    ax = otkit.plot.quantiles(x, y, a=a, b=b)
    (of_x, levels, _), (of_y, _, _) = (stairs.get_data() for stairs in ax.patches)
    area = np.diff(levels) @ np.abs(of_x - of_y)
    assert area == pytest.approx(otkit.wasserstein(x, y, a=a, b=b).distance, rel=1e-12, abs=0)
