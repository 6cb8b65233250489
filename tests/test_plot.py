"""Pictures say what the report says: what is drawn is counted and measured, not only that something is."""

import sys
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import otkit
from otkit.errors import BadCritic, BadMeasure, Unsupported

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

ON_THE_LINE = 1e-9  # relative to the longest distance


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """A picture on `ax=None` leaves its one figure; nothing else leaves any."""
    yield
    plt.close("all")


def clouds(n=40, m=30, d=2, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(m, d)) * 0.7 + 1.0


def flat_critic(z):
    return np.zeros(len(z))


def tilted(z):
    return -2.0 * z.reshape(len(z), -1)[:, 0]


def named(ax, start):
    """The one artist of the legend whose label begins so."""
    handles, labels = ax.get_legend_handles_labels()
    found = [handle for handle, label in zip(handles, labels) if label.startswith(start)]
    assert len(found) == 1, f"{start!r} in {labels}"
    return found[0]


def places(ax, start):
    return np.asarray(named(ax, start).get_offsets())


def shown(ax):
    """Drawn without a warning, with labels on both axes and in finite limits that hold all points and bars."""
    ax.figure.canvas.draw()
    assert ax.get_title() and ax.get_xlabel() and ax.get_ylabel() and ax.get_legend() is not None
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert np.isfinite([left, right, bottom, top]).all()
    drawn = [np.asarray(points.get_offsets()) for points in ax.collections if hasattr(points, "get_sizes")]
    scattered = np.concatenate([*drawn, *(bar.get_bbox().get_points() for bars in ax.containers for bar in bars)])
    assert len(scattered)
    assert ((scattered >= (left, bottom)) & (scattered <= (right, top))).all()
    inside = ax.figure.bbox
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        extent = text.get_window_extent()
        assert inside.x0 <= extent.x0 and extent.x1 <= inside.x1 and inside.y0 <= extent.y0 and extent.y1 <= inside.y1


# --- the report ----------------------------------------------------------------------------------------------------


def weights(n, random):
    weight = random.random(n)
    weight[: n // 3] = 0.0
    return weight


def weighted():
    x, y = clouds()
    random = np.random.default_rng(1)
    return otkit.verify(x, y, a=weights(40, random), b=weights(30, random))


def own_metric(x, y):
    return abs(x[:, None] - y).sum(axis=2)


def jump():
    return otkit.verify(np.zeros((40, 2)), np.zeros((30, 2)), critic=(np.ones(40), np.zeros(30)))


X, Y = clouds()
CASES = {
    "plane": lambda: otkit.verify(X, Y),
    "plane, critic": lambda: otkit.verify(X, Y, critic=tilted),
    "plane, captured 0": lambda: otkit.verify(X, Y, critic=flat_critic),
    "plane, weights": weighted,
    "plane, values": lambda: otkit.verify(X, Y, critic=(tilted(X), tilted(Y))),
    "plane, metric of one's own": lambda: otkit.verify(X, Y, metric=own_metric),
    "plane, cityblock": lambda: otkit.verify(X, Y, metric="cityblock", critic=tilted),
    "plane, entropic": lambda: otkit.verify(X, Y, critic=tilted, solver=otkit.solvers.Sinkhorn(eps=0.1)),
    "plane, far away": lambda: otkit.verify(1e150 * X, 1e150 * Y),
    "coincident": lambda: otkit.verify(np.zeros((5, 2)), np.zeros((3, 2))),
    "coincident, jump": jump,
    "one line": lambda: otkit.verify(X * [1.0, 0.0], Y * [1.0, 0.0]),
    "one point": lambda: otkit.verify(X[:1], Y[:1]),
    "line": lambda: otkit.verify(X[:, 0], Y[:, 0]),
    "line, critic": lambda: otkit.verify(X[:, 0], Y[:, 0], critic=tilted),
    "five": lambda: otkit.verify(*clouds(d=5), critic=tilted),
}


@cache
def report_of(case):
    return CASES[case]()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("picture", [otkit.plot.duality, otkit.plot.slopes])
def test_every_report_has_its_pictures(picture, case):
    ax = picture(report_of(case))
    assert plt.get_fignums() == [ax.figure.number]
    shown(ax)


@pytest.mark.parametrize("picture", [otkit.plot.duality, otkit.plot.slopes])
def test_an_axes_is_used_and_returned(picture):
    fig, (left, right) = plt.subplots(1, 2)
    assert picture(report_of("plane"), ax=right) is right
    assert not left.has_data() and plt.get_fignums() == [fig.number]
    assert report_of("plane").plot(left) is left and left.has_data()


@pytest.mark.parametrize("ax", ["left", np.array([1, 2])])
def test_something_else_is_no_axes(ax):
    with pytest.raises(Unsupported, match="one matplotlib Axes"):
        otkit.plot.slopes(report_of("plane"), ax=ax)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("case", CASES)
def test_the_plane_gets_a_heat_map_if_there_is_a_function(case):
    report = report_of(case)
    ax = otkit.plot.duality(report)
    heat = case.startswith(("plane", "coincident", "one")) and "values" not in case and "own" not in case
    heat = heat and case != "coincident, jump"
    assert len(ax.images) == (1 if heat else 0)
    if heat:
        n, m, _ = report.samples.sizes
        assert (len(places(ax, "x (")), len(places(ax, "y ("))) == (n, m)
        np.testing.assert_array_equal(places(ax, "x ("), report.samples.x)
        assert ax.get_aspect() == 1.0


def test_titles_tell_the_distance_and_the_share():
    plain = report_of("plane")
    assert otkit.plot.duality(plain).get_title() == f"$W_1$ = {plain.primal:.5g}"
    assert otkit.plot.duality(report_of("plane, captured 0")).get_title().endswith("captures 0 %")
    captured = report_of("five").critic.captured
    assert 0.1 < captured < 1.0
    assert f"captures {100 * captured:.4g} %" in otkit.plot.duality(report_of("five")).get_title()


def test_an_open_bracket_is_shown_as_one():
    title = otkit.plot.duality(report_of("plane, entropic")).get_title()
    result = report_of("plane, entropic").result
    assert result.lower < result.upper
    assert title.startswith(rf"{result.lower:.5g} $\leq W_1 \leq$ {result.upper:.5g}")


# --- slopes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["plane", "plane, weights", "plane, metric of one's own", "plane, far away", "line"])
def test_the_exact_critic_has_the_plan_on_the_line(case):
    report = report_of(case)
    ax = otkit.plot.slopes(report)
    matched, mean = places(ax, "pairs of the plan"), places(ax, "mean")
    reach = matched.max()
    assert len(matched) == np.count_nonzero(report.result.plan.mass)
    np.testing.assert_allclose(matched[:, 1], matched[:, 0], rtol=0, atol=ON_THE_LINE * reach)
    np.testing.assert_allclose(mean, [[report.primal, report.primal]], rtol=ON_THE_LINE)


@pytest.mark.parametrize("case", CASES)
def test_no_pair_is_above_the_line(case):
    report = report_of(case)
    ax = otkit.plot.slopes(report)
    ends = named(ax, "slope 1").get_xydata()
    np.testing.assert_array_equal(ends[:, 0], ends[:, 1])
    every = np.concatenate([places(ax, start) for start in ("pairs (", "all pairs") if start in str(labels(ax))])
    if report.critic is None or report.critic.slope < np.inf:
        assert (every[:, 1] <= every[:, 0] + ON_THE_LINE * ends.max()).all()
    assert ends.max() >= every[:, 0].max()


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_steepest_pair_is_on_the_line_and_the_rest_is_divided():
    report = report_of("five")
    ax = otkit.plot.slopes(report)
    i, j = report.critic.pair
    steepest = places(ax, f"steepest pair x[{i}], y[{j}]")
    distance = np.linalg.norm(report.samples.x[i] - report.samples.y[j])
    np.testing.assert_allclose(steepest, [[distance, distance]], rtol=1e-12)
    np.testing.assert_allclose(
        places(ax, "mean"), [[report.primal, report.critic.raw / report.critic.slope]], rtol=1e-12
    )
    assert f"slope $s$ = {report.critic.slope:.4g}" in ax.get_ylabel() and "euclidean" in ax.get_xlabel()


def test_slopes_that_cannot_divide_say_so():
    flat, jump = (otkit.plot.slopes(report_of(case)) for case in ("plane, captured 0", "coincident, jump"))
    assert "slope 0" in flat.get_ylabel() and "infinite" in jump.get_ylabel()
    assert not any("steepest" in label for label in labels(flat))
    assert (places(flat, "all pairs")[:, 1] == 0.0).all() and (places(jump, "all pairs") == [0.0, 1.0]).all()


def test_all_pairs_where_they_are_few_and_a_seeded_choice_elsewhere():
    few = otkit.plot.slopes(report_of("five"))
    assert len(places(few, "all pairs")) == 40 * 30
    x, y = clouds(300, 200, d=5)
    report = otkit.verify(x, y)
    many, again = otkit.plot.slopes(report), otkit.plot.slopes(report)
    assert len(places(many, "pairs (4000 of 60000)")) == 4000
    np.testing.assert_array_equal(places(many, "pairs (4000"), places(again, "pairs (4000"))


# --- the plan ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", [None, otkit.solvers.Sinkhorn(eps=0.3)])
def test_segments_of_a_plan(solver):
    x, y = clouds()
    result = otkit.wasserstein(x, y, p=2, solver=solver)
    ax = otkit.plot.plan(result, x, y)
    shown(ax)
    rays = named(ax, "plan")
    ends, plan = np.array(rays.get_segments()), result.plan
    assert len(ends) == np.count_nonzero(plan.mass > 0) == len(rays.get_linewidths())
    pairs = {(*x[i], *y[j]) for i, j, mass in zip(plan.rows, plan.cols, plan.mass) if mass > 0}
    assert pairs == {tuple(end.reshape(-1)) for end in ends}
    assert otkit.plot.plan(plan, x, y).get_title() == "the plan"


def test_wider_where_more_mass_goes():
    x, y = np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    rays = named(otkit.plot.plan(otkit.wasserstein(x, y, a=[0.9, 0.1], b=[0.9, 0.1]), x, y), "plan (2)")
    widths = {float(end[0, 1]): width for end, width in zip(rays.get_segments(), rays.get_linewidths())}
    assert widths[0.0] > 3 * widths[1.0]


def test_large_plans_are_thinned_to_the_largest_share():
    random = np.random.default_rng(0)
    n = 2500
    x, y, mass = random.random((n, 2)), random.random((n, 2)), random.random(n)
    plan = otkit.Plan(np.arange(n), np.arange(n), mass / mass.sum(), (n, n))
    ax = otkit.plot.plan(plan, x, y)
    rays = named(ax, "plan (2000 of 2500, ")
    assert len(rays.get_segments()) == 2000
    drawn = {tuple(end[0]) for end in rays.get_segments()}
    assert drawn == {tuple(point) for point in x[np.argsort(mass)[-2000:]]}
    share = np.sort(mass)[-2000:].sum() / mass.sum()
    assert f"{100 * share:.0f} % of the mass" in rays.get_label()


def test_equal_masses_are_thinned_everywhere():
    n = 4000
    x = np.stack([np.linspace(0, 1, n), np.zeros(n)], axis=1)
    plan = otkit.Plan(np.arange(n), np.arange(n), np.full(n, 1 / n), (n, n))
    starts = np.array(named(otkit.plot.plan(plan, x, x + [0, 1]), "plan (2000").get_segments())[:, 0, 0]
    assert abs((starts < 0.5).mean() - 0.5) < 0.05


def test_plan_refuses_other_samples_and_other_dimensions():
    x, y = clouds()
    plan = otkit.wasserstein(x, y).plan
    with pytest.raises(BadMeasure, match="40 x 30 but x has 30 points and y has 40"):
        otkit.plot.plan(plan, y, x)
    with pytest.raises(Unsupported, match="x has 5 coordinates"):
        otkit.plot.plan(plan, *clouds(d=5))
    assert plt.get_fignums() == []


# --- the critic ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_critic_by_itself():
    x, y = clouds()
    sizes = []

    def counted(z):
        sizes.append(len(z))
        return tilted(z)[:, None]

    ax = otkit.plot.critic(counted, x, y)
    shown(ax)
    values = ax.images[0].get_array()
    assert max(values.shape) == 200 and max(sizes) <= 2**13
    across = ax.images[0].get_extent()
    cell = (across[1] - across[0]) / values.shape[1]
    np.testing.assert_allclose(values[0], -2.0 * (across[0] + cell * (np.arange(values.shape[1]) + 0.5)), rtol=1e-12)
    low, high = ax.images[0].get_clim()
    assert (low, high) == (values.min(), values.max())
    assert f"= {-2.0 * (x[:, 0].mean() - y[:, 0].mean()):.5g}" in ax.get_title()


@pytest.mark.filterwarnings("error")
def test_critic_that_is_not_finite_everywhere_is_masked_and_said_to_be():
    x, y = clouds()
    ax = otkit.plot.critic(lambda z: np.where(z[:, 0] > x.max() + 0.01, np.nan, z[:, 1]), x, y)
    shown(ax)
    values = ax.images[0].get_array()
    assert 0 < np.ma.count_masked(values) < values.size
    assert any("not finite" in label for label in labels(ax))


def at_the_samples_only(then):
    """A critic that is defined where `verify` asks, and not on a grid."""
    return lambda z: tilted(z) if len(z) <= 40 else then(z)


def broken(z):
    raise KeyError("no such point")


@pytest.mark.parametrize(
    "then, message",
    [
        (lambda z: np.full(len(z), np.nan), "NaN or infinite at all"),
        (lambda z: np.zeros((len(z), 2)), "one number to each"),
        (lambda z: 0.0, "one number to each"),
        (lambda z: ["a"] * len(z), "raised ValueError"),
        (broken, "raised KeyError between the samples.*no such point.*otkit.plot.slopes"),
    ],
)
def test_critic_that_fails_between_the_samples(then, message):
    report = otkit.verify(*clouds(), critic=at_the_samples_only(then))
    with pytest.raises(BadCritic, match=message):
        otkit.plot.duality(report)
    assert plt.get_fignums() == []
    assert otkit.plot.slopes(report).has_data()


def test_pictures_go_on_top_of_each_other():
    x, y = clouds()
    result = otkit.wasserstein(x, y)
    ax = otkit.plot.plan(result, x, y, ax=otkit.plot.critic(result.critic(), x, y))
    assert labels(ax) == ["x (40)", "y (30)", f"plan ({len(result.plan)})"]


def test_many_points_are_a_choice():
    x, y = clouds(4000, 10)
    ax = otkit.plot.critic(tilted, x, y)
    assert len(places(ax, "x (3000 of 4000)")) == 3000 and len(places(ax, "y (10)")) == 10


def test_without_matplotlib(monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (
        lambda: otkit.plot.duality(report_of("plane")),
        lambda: otkit.plot.slopes(report_of("plane")),
        lambda: otkit.plot.critic(tilted, *clouds()),
        lambda: otkit.plot.plan(report_of("plane").result, *clouds()),
        lambda: otkit.plot.samples(clouds()[0]),
        lambda: otkit.plot.training(trained()),
    ):
        with pytest.raises(ImportError, match=r"pip install 'otkit\[plot\]'"):
            draw()


# --- training and samples ------------------------------------------------------------------------------------------


def trained(w1=(0.9, 0.5, 0.2, 0.3), estimate=(2.0, 0.9, 0.4, 0.5), **fields):
    """A run with those records, as far as a picture looks at it."""
    history = pytest.importorskip("otkit.torch.training.history").History()
    for k, (one, other) in enumerate(zip(w1, estimate)):
        record = {
            "step": 100 * (k + 1),
            "w1": one,
            "critic_estimate": other,
            "rescaled": None if one is None else one / 2,
        }
        history.append(record | {"floor": 0.15})
    config = {"method": "wgan-gp", "objective": "wasserstein", "lipschitz": ("gradient",), "normalize": "none"}
    return SimpleNamespace(history=history, config=SimpleNamespace(**config | fields))


def curve(ax, start):
    return named(ax, start).get_xydata()


@pytest.mark.filterwarnings("error")
def test_the_curve_has_every_number_of_the_records():
    ax = otkit.plot.training(trained())
    shown(ax)
    steps = [100, 200, 300, 400]
    np.testing.assert_array_equal(curve(ax, "exact $W_1$"), np.stack([steps, [0.9, 0.5, 0.2, 0.3]], axis=1))
    np.testing.assert_array_equal(curve(ax, "critic estimate"), np.stack([steps, [2.0, 0.9, 0.4, 0.5]], axis=1))
    np.testing.assert_array_equal(curve(ax, "proved")[:, 1], [0.45, 0.25, 0.1, 0.15])
    np.testing.assert_array_equal(places(ax, "best, 0.2 at step 300"), [[300, 0.2]])
    assert list(named(ax, "floor, 0.15").get_ydata()) == [0.15, 0.15]
    assert ax.get_title() == "wgan-gp: rank correlation of estimate and $W_1$ 1.00, 4 records"
    assert ax.get_ylabel() == "$W_1$, in the units of the data"


@pytest.mark.parametrize("fields", [{"objective": "non-saturating"}, {"lipschitz": ("clip",)}])
def test_another_quantity_than_w1_is_drawn_times_a_factor_that_is_told(fields):
    ax = otkit.plot.training(trained(estimate=(0.02, 0.009, 0.004, 0.005), **fields))
    np.testing.assert_allclose(curve(ax, "critic estimate times 45,")[:, 1], [0.9, 0.405, 0.18, 0.225], rtol=1e-12)
    history = otkit.plot.training(trained(estimate=(0.02, 0.009, 0.004, 0.005)).history)
    assert named(history, "critic estimate times 45,") and history.get_title().startswith("rank correlation")


def test_a_wild_estimate_does_not_flatten_the_rest():
    ax = otkit.plot.training(trained(estimate=(500.0, 0.9, -90.0, 0.5)))
    low, high = ax.get_ylim()
    assert -3 < low < 0 and 0.9 < high < 3 and named(ax, "critic estimate, up to 500")


def test_what_is_missing_is_left_out():
    ax = otkit.plot.training(trained(w1=(None, None), estimate=(1.0, -1.0), normalize="standard"))
    assert labels(ax) == ["critic estimate"] and "unknown, 2 records" in ax.get_title()
    assert "in the units of training" in ax.get_ylabel()
    ax = otkit.plot.training(trained(estimate=(None, None, None, None)))
    assert not any("estimate" in label for label in labels(ax)) and "unknown" in ax.get_title()
    sliced = trained()
    for record in sliced.history.records:
        record |= {"sliced_w1": record.pop("w1"), "sliced_floor": record.pop("floor"), "rescaled": None}
    ax = otkit.plot.training(sliced)
    assert named(ax, "sliced $W_1$") and named(ax, "best, 0.2 at step 300") and named(ax, "floor, 0.15")


def test_no_run_has_no_curve():
    with pytest.raises(Unsupported, match="run is a dict: pass what Trainer.fit returned"):
        otkit.plot.training({})
    with pytest.raises(Unsupported, match="no records.*monitor_every"):
        otkit.plot.training(trained(w1=()))
    assert plt.get_fignums() == []


# --- powers --------------------------------------------------------------------------------------------------------

SIZES = np.array([100, 1000, 10_000])


@pytest.mark.filterwarnings("error")
def test_powers_are_straight_lines_and_the_legend_has_them():
    noise = np.array([1.1, 0.8, 1.1])
    ax = otkit.plot.loglog({"one": (SIZES, 3e-6 * SIZES**1.5), "two": (SIZES, noise / SIZES), "once": ([500], [2.0])})
    assert plt.get_fignums() == [ax.figure.number]
    ax.figure.canvas.draw()
    slope = np.polyfit(np.log(SIZES), np.log(noise / SIZES), 1)[0]
    assert labels(ax) == ["one: $n^{1.50}$", f"two: $n^{{{slope:.2f}}}$", "once"]
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "log", "$n$", "seconds")
    np.testing.assert_array_equal(named(ax, "two").get_xydata(), np.stack([SIZES, noise / SIZES], axis=1))
    fitted = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "-"]
    assert len(fitted) == 2
    np.testing.assert_allclose(fitted[0], [[100, 3e-3], [10_000, 3.0]], rtol=1e-12)
    middle = np.exp(np.log(noise / SIZES).mean())  # of logarithms, through which every least-squares line goes
    np.testing.assert_allclose(np.sqrt(fitted[1][:, 1].prod()), middle, rtol=1e-12)


def test_series_differ_in_colour_and_marker_and_the_first_is_on_top():
    ax = otkit.plot.loglog({f"series {k}": (SIZES, (k + 1.0) * SIZES) for k in range(12)})
    points = [line for line in ax.lines if line.get_marker() != "None"]
    assert len({(line.get_color(), line.get_marker()) for line in points}) == 12
    assert len({line.get_color() for line in points[:7]}) == 7
    assert all(first.zorder > second.zorder for first, second in zip(points, points[1:]))


@pytest.mark.parametrize("power, free", [(1.0, {"upper left", "lower right"}), (-1.0, {"upper right", "lower left"})])
def test_the_legend_keeps_off_points_on_logarithmic_axes(power, free):
    sizes = np.logspace(0, 6, 40)  # in the plane itself nearly all of them are in one corner
    figure, ax = plt.subplots()
    assert otkit.plot.loglog({"series": (sizes, sizes**power)}, ax=ax) is ax
    figure.canvas.draw()
    box = ax.get_legend().get_window_extent().transformed(ax.transAxes.inverted())
    across, upward = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    assert f"{'upper' if upward > 0.5 else 'lower'} {'right' if across > 0.5 else 'left'}" in free


@pytest.mark.parametrize(
    "series, message",
    [
        ({}, "series is empty"),
        ({"one": ([], [])}, "one has sizes"),
        ({"one": ([1, 2], [1.0])}, r"one has sizes \(2,\) and values \(1,\)"),
        ({"one": ([[1, 2]], [[1.0, 2.0]])}, "one has sizes"),
        ({"one": ([1, 2], [1.0, 0.0])}, "values of one go down to 0"),
        ({"fine": ([1], [1]), "one": ([-1, 2], [1.0, 1.0])}, "sizes of one go down to -1"),
        ({"one": ([1, 2], [1.0, np.nan])}, "values of one.*NaN"),
    ],
)
def test_what_has_no_logarithm(series, message):
    with pytest.raises(BadMeasure, match=message):
        otkit.plot.loglog(series)
    assert plt.get_fignums() == []


@pytest.mark.filterwarnings("error")
def test_generated_points_and_the_modes_they_miss():
    toy = otkit.datasets.eight_gaussians(4000)
    right = toy.samples[toy.samples[:, 0] > 0.5]
    ax = otkit.plot.samples(right, toy=toy)
    shown(ax)
    found = otkit.datasets.mode_coverage(right, *toy[1:])
    assert found.modes == 3 and f"{len(right)} samples, 3 of 8 modes" in ax.get_title()
    np.testing.assert_array_equal(places(ax, "centres"), toy.centers)
    np.testing.assert_array_equal(places(ax, "samples"), right)
    many = otkit.plot.samples(toy.samples)
    assert len(places(many, "samples (3000 of 4000)")) == 3000 and many.get_title() == "4000 samples"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("toy", [otkit.datasets.eight_gaussians(4000), otkit.datasets.twentyfive_gaussians(4000)])
def test_bars_of_the_modes(toy):
    right = toy.samples[toy.samples[:, 0] > 0.5]
    ax = otkit.plot.coverage(right, toy=toy)
    shown(ax)
    found = otkit.datasets.mode_coverage(right, *toy[1:])
    nearest, counted = ([bar.get_height() for bar in bars] for bars in ax.containers)
    np.testing.assert_allclose(nearest, found.nearest / len(right), rtol=1e-12)
    np.testing.assert_allclose(counted, found.counts / len(right), rtol=1e-12)
    assert 0 in nearest and f"{found.modes} of {len(toy.centers)} modes" in ax.get_title()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 1 / len(toy.centers), rtol=1e-12)


def test_modes_that_have_no_picture():
    with pytest.raises(Unsupported, match="no modes"):
        otkit.plot.coverage(np.zeros((9, 2)), toy=otkit.datasets.swiss_roll(9))
    with pytest.raises(BadMeasure, match="NaN"):
        otkit.plot.coverage(np.full((9, 2), np.nan), toy=otkit.datasets.eight_gaussians(1))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("shape", [(3, 5), (1, 3, 5), (3, 3, 5)])
def test_generated_images_are_where_the_grid_has_them(shape):
    images = np.random.default_rng(0).random((7, *shape))
    sheet = otkit.plot.samples(images).images[0].get_array()
    assert sheet.shape == (3 * 4 - 1, 3 * 6 - 1, 3)
    scaled = (images[4].reshape(-1, 3, 5) - images.min()) / (images.max() - images.min())
    expected = np.broadcast_to(scaled, (3, 3, 5)).transpose(1, 2, 0)
    np.testing.assert_allclose(sheet[4:7, 6:11], expected, rtol=1e-12)  # the fifth of three in a row
    assert (sheet[3] == 1.0).all() and (sheet[8:, 6:] == 1.0).all()


def test_a_hundred_images_at_most_and_flat_ones_too():
    ax = otkit.plot.samples(np.full((101, 1, 2, 2), 5.0))
    assert ax.get_title() == "100 of 101 samples" and (np.asarray(ax.images[0].get_array())[:2, :2] == 0.0).all()


@pytest.mark.parametrize(
    "samples, toy, error, message",
    [
        (np.zeros((9, 5)), None, Unsupported, r"samples has shape \(9, 5\).*fold each row"),
        (np.zeros((9, 2, 4, 4)), None, Unsupported, "samples has shape"),
        (np.zeros((0, 1, 4, 4)), None, Unsupported, "samples has shape"),
        (np.full((9, 4, 4), np.nan), None, BadMeasure, "NaN"),
        (np.full((9, 2), np.nan), None, BadMeasure, "NaN"),
        (np.zeros((9, 4, 4)), otkit.datasets.eight_gaussians(1), Unsupported, "leave it out"),
    ],
)
def test_samples_that_have_no_picture(samples, toy, error, message):
    with pytest.raises(error, match=message):
        otkit.plot.samples(samples, toy=toy)
    assert plt.get_fignums() == []
