"""What comes in: bad input is refused by name with advice, good input in odd clothes is the same as in plain ones."""

import math
import re
import warnings

import numpy as np
import pytest
from contract import check
from families import naive_cost
from scipy.sparse import coo_array, csr_array, csr_matrix, dok_array, lil_array

import otkit
from otkit.errors import BadCost, BadMeasure, Infeasible, OtkitError, Unsupported
from otkit.solvers import Assignment, Auto, Line, LinearProgram, NetworkSimplex

NAN, INF = float("nan"), float("inf")
X = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
Y = X + 0.5
C = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])


def with_entry(array, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array.flat[array.size - 1] = value
    return array


# what is passed, the class, and what the message must hold: the argument, what was found, what to do
SAMPLES = {
    "nan": (with_entry(X, NAN), ["1 entries", "NaN", "(2, 1)", "Drop or impute"]),
    "inf": (with_entry(X, INF), ["infinite", "(2, 1)", "Drop or impute"]),
    "minus inf": (with_entry(X, -INF), ["infinite", "Drop or impute"]),
    "both infs": (np.array([[INF, 1], [0, -INF]]), ["2 entries", "(0, 0)", "Drop or impute"]),
    "none": (None, ["NaN", "Drop or impute"]),
    "none inside": ([[0.0, None], [1.0, 2.0]], ["NaN", "(0, 1)", "Drop or impute"]),
    "empty list": ([], ["empty", "(0, 1)", "at least one point"]),
    "empty rows": (np.empty((0, 2)), ["empty", "(0, 2)", "at least one point"]),
    "no coordinates": (np.empty((3, 0)), ["no coordinates", "(3, 0)"]),
    "ragged": ([[0.0, 1.0], [2.0]], ["ragged", "same length"]),
    "words": (["a", "b"], ["Convert"]),
    "numbers as text": (["1.5", "2"], ["Convert"]),
    "numbers as text objects": (np.array([["1.5", "2"]], dtype=object), ["Convert"]),
    "bytes": (np.array([b"a"]), ["Convert"]),
    "complex": (X + 1j, ["complex", "real and imaginary"]),
    "complex objects": (np.array([1j, 2], dtype=object), ["Convert"]),
    "dates": (np.array(["2020-01-01"], dtype="datetime64[D]"), ["datetime64", "Convert"]),
    "records": (np.zeros(2, dtype=[("u", float)]), ["Convert"]),
    "a number": (3.0, ["shape ()", "(n, d)", "Reshape"]),
    "three axes": (np.zeros((2, 2, 2)), ["shape (2, 2, 2)", "(n, d)", "Reshape"]),
    "masked": (np.ma.array(X, mask=np.eye(3, 2)), ["masked", "Drop or fill"]),
    "sparse": (csr_array(X), ["sparse", "toarray"]),
    "a dict": ({"u": [1, 2]}, ["no numbers", "Convert"]),
    "a generator": ((k for k in range(3)), ["no numbers", "Convert"]),
    "beyond float64": ([10**400, 1], ["Convert"]),
}


def refuses(error, words, call):
    with pytest.raises(OtkitError) as caught:
        call()
    assert type(caught.value) is error
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"
    assert "\n" not in message and message.endswith((".", "distances."))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("argument", ["x", "y"])
def test_bad_samples(argument, name):
    value, words = SAMPLES[name]
    x, y = (value, Y) if argument == "x" else (X, value)
    refuses(BadMeasure, [f"{argument} ", *words], lambda: otkit.wasserstein(x, y))


WEIGHTS = {
    "negative": ([1.0, -0.25, 1.0], ["1 negative", "[1]", "-0.25"]),
    "zero": ([0, 0, 0], ["sums to zero", "positive"]),
    "nan": ([1, NAN, 1], ["NaN", "(1,)", "Drop or impute"]),
    "inf": ([1, INF, 1], ["infinite", "(1,)"]),
    "too short": ([1.0, 1.0], ["shape (2,)", "3 points", "one weight"]),
    "a number": (1.0, ["shape ()", "one weight"]),
    "a matrix": (np.ones((3, 2)), ["shape (3, 2)", "one weight"]),
    "empty": ([], ["shape (0,)", "one weight"]),
    "words": (["a", "b", "c"], ["Convert"]),
    "complex": ([1, 1j, 1], ["complex"]),
    "ragged": ([[1], [1, 2]], ["ragged"]),
    "masked": (np.ma.array([1.0, 1, 1], mask=[0, 1, 0]), ["masked"]),
    "sparse": (csr_array(np.ones((1, 3))), ["sparse", "toarray"]),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("argument", ["a", "b"])
def test_bad_weights(argument, name):
    value, words = WEIGHTS[name]
    refuses(BadMeasure, [f"{argument} ", *words], lambda: otkit.wasserstein(X, Y, **{argument: value}))
    refuses(BadMeasure, [f"{argument} ", *words], lambda: otkit.transport(C, **{argument: value}))


def test_totals_that_differ():
    words = ["a sums to 3.0", "b to 6.0", "Rescale", "otkit.wasserstein"]
    refuses(BadMeasure, words, lambda: otkit.transport(C, a=[1, 1, 1], b=[1, 2, 3]))
    refuses(BadMeasure, ["a sums to", "b to 1.0"], lambda: otkit.transport(C, a=[1, 1, 1]))
    nearly = otkit.transport(C, a=[1, 1, 1], b=[1, 1, 1 + 1e-12])
    assert nearly.cost == pytest.approx(15.0, rel=1e-11, abs=0)  # rounding only


def test_spaces_that_differ():
    refuses(BadMeasure, ["x has 2", "y has 3", "same space"], lambda: otkit.wasserstein(X, np.zeros((2, 3))))
    refuses(BadMeasure, ["x has 2", "y has 1"], lambda: otkit.wasserstein(X, [1.0, 2.0]))


@pytest.mark.parametrize("p", [0.5, 0, -1, NAN, INF, -INF, "two", "2", None, [2], 1 + 1j, np.array([1.0, 2.0])])
def test_bad_order(p):
    refuses(Unsupported, ["p is", "1 <= p < inf"], lambda: otkit.wasserstein(X, Y, p=p))


@pytest.mark.parametrize(
    "metric, words",
    [
        ("euclidian", ["'euclidian'", "Did you mean 'euclidean'?"]),
        ("Euclidean", ["Did you mean 'euclidean'?"]),
        ("manhattan", ["Did you mean 'cityblock'?"]),
        ("l1", ["Did you mean 'cityblock'?"]),
        ("chebychev", ["Did you mean 'chebyshev'?"]),
        ("sqeuclidean", ["metric='euclidean' with p=2"]),
        ("zzz", ["Known are euclidean, cityblock, chebyshev", "callable"]),
        (None, ["Known are", "callable"]),
        (2, ["Known are", "callable"]),
        (["euclidean"], ["Known are", "callable"]),
        (np.eye(2), ["Known are", "callable"]),
    ],
    ids=str,
)
def test_bad_metric(metric, words):
    refuses(BadCost, ["metric is", *words], lambda: otkit.wasserstein(X, Y, metric=metric))


@pytest.mark.parametrize(
    "returned, words",
    [
        (np.zeros((3, 2)), ["shape (3, 2)", "shape (3, 3)"]),
        (np.zeros(3), ["shape (3,)"]),
        (1.0, ["shape ()"]),
        (with_entry(C, -0.5), ["[2, 2]", "-0.5", "never negative"]),
        (with_entry(C, NAN), ["NaN"]),
        (with_entry(C, INF), ["infinite"]),
        (None, ["NaN"]),
        ("far", ["Convert"]),
        (C + 1j, ["complex"]),
        ([[1, 2], [3]], ["ragged"]),
        (csr_array(C), ["sparse"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_callable(returned, words):
    refuses(BadCost, ["metric(x, y)", *words], lambda: otkit.wasserstein(X, Y, metric=lambda x, y: returned))


def test_what_a_callable_raises_passes_through():
    def metric(x, y):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        otkit.wasserstein(X, Y, metric=metric)


@pytest.mark.parametrize(
    "cost, words",
    [
        (with_entry(C, NAN), ["NaN", "(2, 2)"]),
        (with_entry(C, INF), ["infinite", "(2, 2)"]),
        (np.empty((0, 3)), ["shape (0, 3)", "at least one row"]),
        (np.empty((3, 0)), ["shape (3, 0)"]),
        (np.ones(3), ["shape (3,)", "(n, m)"]),
        (np.ones((2, 2, 2)), ["shape (2, 2, 2)"]),
        (2.0, ["shape ()"]),
        (None, ["NaN"]),
        ([[1, 2], [3]], ["ragged"]),
        ([["a", "b"]], ["Convert"]),
        (C * 1j, ["complex"]),
        (np.ma.array(C, mask=np.eye(3)), ["masked"]),
        (coo_array(([1.0, NAN], ([0, 1], [0, 1]))), ["NaN"]),
        (coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)), ["twice", "sum_duplicates"]),
        (coo_array(([1.0 + 1j], ([0], [0]))), ["complex"]),
        (coo_array((0, 3)), ["shape (0, 3)"]),
        (coo_array(np.ones(3)), ["shape (3,)"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_cost(cost, words):
    refuses(BadCost, ["cost", *words], lambda: otkit.transport(cost))


@pytest.mark.parametrize("solver", [None, NetworkSimplex(), LinearProgram()])
def test_infeasible_says_what_is_stuck(solver):
    cost = coo_array(([1.0, 1.0, 1.0, 1.0], ([0, 1, 2, 2], [0, 0, 1, 2])), shape=(3, 3))
    with pytest.raises(Infeasible) as caught:
        otkit.transport(cost, a=[0.25, 0.5, 0.25], b=[0.5, 0.25, 0.25], solver=solver)
    message = str(caught.value)
    for word in ("cost", "rows [0, 1]", "mass 0.75", "columns [0]", "0.5", "0.25 is stuck", "allow more pairs"):
        assert word in message, message
    result = caught.value.result
    assert isinstance(caught.value, BadCost) and result.status.name == "INFEASIBLE"
    assert result.cost == result.distance == result.upper == result.lower == INF
    assert "INFEASIBLE" in repr(result)
    f, g = result.potentials  # Farkas: no plan can pay for this
    assert (f[cost.row] + g[cost.col] <= 0).all()
    assert result.problem.a @ f + result.problem.b @ g > 0
    mine, theirs = result.plan.marginals()
    assert (mine <= np.array([0.25, 0.5, 0.25]) + 1e-15).all() and (theirs <= np.array([0.5, 0.25, 0.25]) + 1e-15).all()
    quiet = otkit.transport(cost, a=[0.25, 0.5, 0.25], b=[0.5, 0.25, 0.25], solver=solver, throw=False)
    assert quiet.status.name == "INFEASIBLE"


def test_infeasible_columns_and_nothing_allowed():
    with pytest.raises(Infeasible, match=r"rows \[0, 1\] hold mass 1 but may only use columns \[0\].* 0.5 is stuck"):
        otkit.transport(coo_array(([1.0, 1.0], ([0, 1], [0, 0])), shape=(2, 2)))
    with pytest.raises(Infeasible, match="1 is stuck"):
        otkit.transport(coo_array((2, 3)))


def test_infeasible_by_less_than_a_promille():
    cost = coo_array(([1.0, 1.0, 1.0], ([0, 1, 1], [0, 0, 1])))
    with pytest.raises(Infeasible, match="stuck"):
        otkit.transport(cost, a=[0.5 + 1e-6, 0.5 - 1e-6], b=[0.5, 0.5])


@pytest.mark.parametrize("solver", [Auto, NetworkSimplex, Assignment, LinearProgram])
@pytest.mark.parametrize(
    "options, words",
    [
        ({"max_iter": -1}, ["max_iter is -1", "None"]),
        ({"time_limit": -0.5}, ["time_limit is -0.5"]),
        ({"time_limit": NAN}, ["time_limit is nan"]),
        ({"max_iter": "many"}, ["max_iter is 'many'"]),
        ({"max_iter": -1, "time_limit": -1.0}, ["max_iter is -1", "time_limit is -1.0"]),
    ],
    ids=str,
)
def test_bad_limits(solver, options, words):
    refuses(Unsupported, words, lambda: otkit.wasserstein(X, Y, solver=solver(**options)))


@pytest.mark.parametrize("tol", [-1e-3, 1.0, NAN, INF, "small", None])
def test_bad_tolerance(tol):
    for solver in (Auto(tol=tol), NetworkSimplex(tol=tol)):
        refuses(Unsupported, ["tol is", "0 <= tol < 1"], lambda solver=solver: otkit.wasserstein(X, Y, solver=solver))


@pytest.mark.parametrize("solver", ["auto", NetworkSimplex, 3])
def test_a_solver_that_is_none(solver):
    refuses(Unsupported, ["solver is", "otkit.solvers"], lambda: otkit.wasserstein(X, Y, solver=solver))


# --- good input in odd clothes -------------------------------------------------------------------------------------


def dressed():
    """The same three points and weights in every clothing a caller may hold."""
    pandas = pytest.importorskip("pandas")
    wide = np.zeros((6, 4))
    wide[::2, ::2] = X
    locked = X.copy()
    locked.flags.writeable = False
    return {
        "list": X.tolist(),
        "tuple": tuple(map(tuple, X)),
        "list of arrays": list(X),
        "int64": X.astype(np.int64),
        "int8": X.astype(np.int8),
        "uint8": X.astype(np.uint8),
        "float32": X.astype(np.float32),
        "float16": X.astype(np.float16),
        "longdouble": X.astype(np.longdouble),
        "big endian": X.astype(">f8"),
        "object": X.astype(object),
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::2],
        "reversed": X[::-1][::-1],
        "read-only": locked,
        "unmasked masked": np.ma.array(X),
        "matrix": np.matrix(X),
        "frame": pandas.DataFrame(X, columns=["u", "v"], index=[5, 3, 9]),
        "frame of ints": pandas.DataFrame(X.astype(int)),
        "nullable frame": pandas.DataFrame(X).convert_dtypes(),
    }


@pytest.mark.parametrize("name", dressed())
def test_clothes_of_samples(name):
    value = dressed()[name]
    before = np.array(value, dtype=float)
    plain = otkit.wasserstein(X, Y, p=2, a=[1, 2, 3])
    for result in (otkit.wasserstein(value, Y, p=2, a=[1, 2, 3]), otkit.wasserstein(Y, value, p=2, b=[1, 2, 3])):
        assert result.distance == pytest.approx(plain.distance, rel=1e-15, abs=0)  # other order of sums at most
        result.plan, result.potentials  # noqa: B018  made on demand, and must not write into the input either
    np.testing.assert_array_equal(np.array(value, dtype=float), before)


@pytest.mark.parametrize("name", dressed())
def test_clothes_of_costs(name):
    value = dressed()[name]
    a, b = [1, 2, 3], [4, 2]
    assert otkit.transport(value, a=a, b=b).cost == otkit.transport(X, a=a, b=b).cost


def test_clothes_of_weights():
    pandas = pytest.importorskip("pandas")
    plain = otkit.wasserstein(X, Y[:2], a=[1.0, 0.0, 3.0]).distance
    column = np.array([[1.0], [0.0], [3.0]])
    locked = np.array([1.0, 0.0, 3.0])
    locked.flags.writeable = False
    odd = [(1, 0, 3), [1, 0, 3], np.array([1, 0, 3], np.uint8), column, column.T, locked, pandas.Series([1, 0, 3])]
    for a in (*odd, np.array([1, 9, 0, 9, 3.0])[::2], np.float32([1, 0, 3]), [2.0, 0.0, 6.0], [1e-320, 0, 3e-320]):
        # 3e-320 has three digits
        rel = 1e-3 if np.max(a) < 1e-300 else 1e-15
        assert otkit.wasserstein(X, Y[:2], a=a).distance == pytest.approx(plain, rel=rel, abs=0)
    assert otkit.wasserstein(X, Y, a=[True, False, True]).cost == otkit.wasserstein(X[[0, 2]], Y).cost


def test_line_in_odd_clothes_is_not_modified():
    pandas = pytest.importorskip("pandas")
    x, y = np.array([3.0, 1.0, 2.0]), np.array([5.0, 9.0, 7.0, 7.0])
    x.flags.writeable = y.flags.writeable = False
    for odd in (
        x,
        list(x),
        tuple(x),
        pandas.Series(x),
        pandas.DataFrame({"u": x}),
        x[:, None],
        x.astype(np.int16),
        range(3, 0, -1),
    ):
        for a in (None, [1, 1, 1], [1, 2, 3]):
            result = otkit.wasserstein(odd, y, a=a)
            assert len(result.plan) <= 6 and result.potentials.f.shape == (3,)
    assert otkit.wasserstein([True, False], [False, False]).distance == 0.5
    np.testing.assert_array_equal(x, [3, 1, 2])
    np.testing.assert_array_equal(y, [5, 9, 7, 7])


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    assert otkit.wasserstein(x, Y).distance == otkit.wasserstein(X, Y).distance


@pytest.mark.parametrize("solver", [Auto(), NetworkSimplex(), Assignment(), LinearProgram()])
def test_no_solver_writes_into_its_input(solver):
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(70, 3)), rng.normal(size=(70, 3)), np.ones(70), np.ones(70), rng.random((70, 70))]
    kept = [part.copy() for part in given]
    for part in given:
        part.flags.writeable = False
    x, y, a, b, cost = given
    for result in (
        otkit.wasserstein(x, y, a=a, b=b, solver=solver),
        otkit.wasserstein(x, y, a=a, b=b, metric=lambda x, y: cost, solver=solver),
        otkit.transport(cost, a=a, b=b, solver=solver),
    ):
        result.plan, result.potentials  # noqa: B018
        assert result.status.ok
    for part, before in zip(given, kept):
        np.testing.assert_array_equal(part, before)


# --- weights at the edge -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [Line(), NetworkSimplex(), LinearProgram()])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_zero_weights_keep_feasible_potentials(p, solver):
    rng = np.random.default_rng(1)
    d = 1 if isinstance(solver, Line) else 2
    x, y, a, b = rng.normal(size=(60, d)), rng.normal(size=(50, d)) * 3, rng.random(60), rng.random(50)
    a[rng.random(60) < 0.5] = 0
    b[rng.random(50) < 0.5] = 0
    result = otkit.wasserstein(x, y, p=p, a=a, b=b, solver=solver)
    check(result, naive_cost(x, y, p=p), a / math.fsum(a), b / math.fsum(b), dimension=d)
    held = otkit.wasserstein(x[a > 0], y[b > 0], p=p, a=a[a > 0], b=b[b > 0], solver=solver)
    assert result.cost == pytest.approx(held.cost, rel=1e-13, abs=0)  # the same sums in another order
    assert not (a[result.plan.rows] == 0).any() and not (b[result.plan.cols] == 0).any()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("smallest", [1e-6, 1e-12, 1e-18, 1e-25, 1e-300])
def test_weights_of_wild_ratio(smallest, d):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, d)), rng.normal(size=(30, d))
    a, b = 10 ** rng.uniform(math.log10(smallest), 0, 40), 10 ** rng.uniform(math.log10(smallest), 0, 30)
    a[0] = b[0] = 1.0
    a, b = a / math.fsum(a), b / math.fsum(b)
    for p in (1, 2):
        check(otkit.wasserstein(x, y, p=p, a=a, b=b), naive_cost(x, y, p=p), a, b, dimension=d)


@pytest.mark.parametrize("d", [1, 2])
def test_a_little_mass_far_away_is_not_lost_from_the_bracket(d):
    """1e-20 of the mass at distance 1e21: W_1 = 10, whatever the unit in which masses are counted."""
    x, y = np.zeros((2, d)), np.zeros((2, d))
    x[1, 0], y[1, 0] = 1e21, 1.0
    result = otkit.wasserstein(x, y, a=[1, 1e-20], b=[1, 0])
    assert result.lower <= 10.0 * (1 + 1e-12)
    assert result.upper >= 10.0 * (1 - 1e-12)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2])
def test_shuffled_weights_cost_nothing(d, p):
    """One unit of mass (2^-60) put on another point of equal weight would make W_3 a millionth, with a gap of 1."""
    x = np.arange(3.0 * d).reshape(3, d)
    order = [2, 0, 1]
    for a in (np.array([1.0, 2.0, 2.0]), np.array([2.0, 2.0, 3.0])):
        result = otkit.wasserstein(x, x[order], a=a, b=a[order], p=p)
        assert result.distance == 0.0 and result.gap == 0.0


@pytest.mark.parametrize("total", [1e-300, 1e-310, 1e-30, 1e30, 1e300, 1e308])
def test_totals_of_any_size(total):
    a, b = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    cost = [[0.0, 2.0], [2.0, 0.0]]
    result = otkit.transport(cost, a=a * total, b=b * total)
    rel = 1e-12 if total > 1e-307 else 1e-3  # denormals have few digits
    assert result.cost == pytest.approx(0.5 * total, rel=rel, abs=0)
    assert result.plan.marginals()[0] == pytest.approx(a * total, rel=rel, abs=0)
    assert otkit.wasserstein([0.0, 1.0], [0.0, 1.0], a=a * total, b=b * total).cost == pytest.approx(
        0.25, rel=rel, abs=0
    )


def test_totals_whose_sum_overflows():
    a = np.full(4, 1e308)
    assert otkit.wasserstein(np.arange(4.0), np.arange(4.0) + 1, a=a, b=a).distance == 1.0
    refuses(BadMeasure, ["a sums to", "Rescale"], lambda: otkit.transport(np.ones((4, 4)), a=a, b=a))


def test_one_point_each():
    for solver in (None, Line(), NetworkSimplex(), Assignment(), LinearProgram()):
        result = otkit.wasserstein([2.0], [5.0], p=2, solver=solver)
        assert (result.distance, result.cost, len(result.plan)) == (3.0, 9.0, 1)
        assert result.lower == pytest.approx(3.0, rel=1e-15, abs=0)
    assert otkit.transport([[-2.5]]).cost == -2.5
    assert otkit.transport([[1.0, 3.0]]).cost == 2.0
    assert otkit.transport([[1.0], [3.0]], a=[1, 3], b=[4]).cost == 10.0


# --- scales and offsets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [Line(), NetworkSimplex(), Assignment()])
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
@pytest.mark.parametrize("exponent", [-1060, -1000, -498, -250, 250, 498, 1000])
def test_distance_scales_exactly(exponent, metric, p, solver):
    """A power of two changes no mantissa: 2^498 = 8e149 and back. Denormals (2^-1060) keep what digits they have."""
    rng = np.random.default_rng(5)
    d = 1 if isinstance(solver, Line) else 2
    x, y = rng.normal(size=(70, d)), rng.normal(size=(70, d)) + 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = otkit.wasserstein(x, y, p=p, metric=metric, solver=solver)
        scaled = otkit.wasserstein(np.ldexp(x, exponent), np.ldexp(y, exponent), p=p, metric=metric, solver=solver)
        assert "W_" in repr(scaled)
        scaled.cost, scaled.dual_cost, scaled.potentials, scaled.plan, scaled.gap  # noqa: B018
    digits = 1e-3 if exponent < -1040 else 1e-14  # 2^-1060 leaves 14 bits; a root and a power round otherwise
    assert math.ldexp(scaled.distance, -exponent) == pytest.approx(plain.distance, rel=digits, abs=0)
    assert math.ldexp(scaled.lower, -exponent) == pytest.approx(plain.lower, rel=digits, abs=0)
    assert scaled.lower <= scaled.upper


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_decimal_scales_with_weights(p, scale):
    rng = np.random.default_rng(6)
    for d in (1, 3, 10):
        x, y, a = rng.normal(size=(50, d)), rng.normal(size=(30, d)) + 1, rng.random(50)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            plain = otkit.wasserstein(x, y, p=p, a=a)
            scaled = otkit.wasserstein(x * scale, y * scale, p=p, a=a)
        assert scaled.distance == pytest.approx(plain.distance * scale, rel=1e-14, abs=0)
        assert scaled.lower == pytest.approx(plain.distance * scale, rel=1e-9, abs=0)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
def test_matrix_scales(scale):
    rng = np.random.default_rng(7)
    cost = rng.normal(size=(30, 30))
    rows, cols = np.indices(cost.shape).reshape(2, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = otkit.transport(cost).cost
        assert otkit.transport(cost * scale).cost == pytest.approx(plain * scale, rel=1e-13, abs=0)
        sparse = coo_array((cost.ravel() * scale, (rows, cols)))
        assert otkit.transport(sparse).cost == pytest.approx(plain * scale, rel=1e-13, abs=0)


def test_the_ends_of_float64():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        largest, tiny = np.finfo(float).max, 5e-324
        assert otkit.wasserstein([0.0, 1.0], [largest, largest]).distance == pytest.approx(largest, rel=1e-15, abs=0)
        assert otkit.wasserstein([0.0], [tiny]).distance == tiny
        assert otkit.wasserstein([[0.0, 0.0]], [[tiny, 0.0]], p=3).distance == tiny
        # further apart than float64 reaches: inf, and no NaN
        far = otkit.wasserstein([-largest], [largest])
        assert far.distance == INF and not math.isnan(far.lower)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 9])
def test_far_from_the_origin(p, d):
    """At 1e8 the points themselves are rounded to 1.5e-8; whole quarters are exact, so the distance must be too."""
    rng = np.random.default_rng(8)
    x, y = rng.integers(-20, 20, (60, d)) / 4, rng.integers(-20, 20, (60, d)) / 4 + 1
    plain = otkit.wasserstein(x, y, p=p)
    moved = otkit.wasserstein(x + 1e8, y + 1e8, p=p)
    assert moved.distance == pytest.approx(plain.distance, rel=1e-14, abs=0)
    assert moved.gap <= 1e-12


@pytest.mark.parametrize("p", [8, 40, 64])
def test_high_orders(p):
    """Far below the size of the data, and from afar: neither may underflow to a distance of 0."""
    x = np.linspace(0, 1, 9)
    for y, expected in ((x + 2.0**-10, 2.0**-10), (x[:1] + 2.0**-20, None)):
        for d in (1, 2):
            left, right = (np.stack([side] * d, axis=1) for side in (x, y))
            result = otkit.wasserstein(left, right, p=p, metric="chebyshev")
            assert result.lower <= result.upper and result.upper > 0
            if expected:
                assert result.distance == pytest.approx(expected, rel=1e-9, abs=0)
            moved = otkit.wasserstein(left + 2.0**20, right + 2.0**20, p=p, metric="chebyshev")
            assert moved.distance == pytest.approx(result.distance, rel=1e-9, abs=0)


def test_orders_that_float64_cannot_tell_from_zero():
    refuses(Unsupported, ["p is 200", "64", "smaller p"], lambda: otkit.wasserstein([0.0], [1.0], p=200))


# --- costs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [None, NetworkSimplex(), LinearProgram()])
@pytest.mark.parametrize("make", [coo_array, csr_array, csr_matrix, lil_array, dok_array])
def test_sparse_is_dense_with_inf(make, solver):
    rng = np.random.default_rng(9)
    n, m = 25, 20
    dense = rng.normal(size=(n, m)) + 0.2
    holes = rng.random((n, m)) < 0.6
    holes[np.arange(n), np.arange(n) % m] = False
    a = np.full(n, 4.0)
    b = np.bincount(np.arange(n) % m, a, m)
    result = otkit.transport(make(np.where(holes, 0.0, dense)), a=a, b=b, solver=solver)
    check(result, np.where(holes, np.inf, dense), a, b)
    big = otkit.transport(np.where(holes, 1e4, dense), a=a, b=b)  # dearer than any plan without holes
    assert result.cost == pytest.approx(big.cost, rel=1e-9, abs=0)


@pytest.mark.parametrize("size", [1e-6, 1.0, 100.0, 1e4, 1e9, 1e18])
def test_sparse_costs_of_any_size_are_feasible(size):
    cost = coo_array(([size, 3 * size, -size, 2 * size], ([0, 0, 1, 1], [0, 1, 0, 1])))
    for solver in (NetworkSimplex(), LinearProgram()):
        assert otkit.transport(cost, a=[1, 2], b=[2, 1], solver=solver).cost == pytest.approx(size, rel=1e-14, abs=0)


def test_a_stored_zero_is_an_allowed_pair():
    stored = coo_array(([0.0, 5.0, 5.0, 0.0], ([0, 0, 1, 1], [0, 1, 0, 1])))
    assert otkit.transport(stored).cost == 0.0
    assert otkit.transport(stored.tocsr()).cost == 0.0
    with pytest.raises(Infeasible):
        otkit.transport(csr_array(np.array([[0.0, 5.0], [0.0, 5.0]])))


def test_a_constant_added_to_the_cost():
    rng = np.random.default_rng(10)
    cost, a, b = rng.integers(0, 100, (30, 40)).astype(float), rng.integers(1, 9, 30), np.ones(40)
    b[0] += a.sum() - b.sum()
    plain = otkit.transport(cost, a=a, b=b).cost
    for constant in (-1e3, 1e6):
        moved = otkit.transport(cost + constant, a=a, b=b)
        assert moved.cost == pytest.approx(plain + constant * a.sum(), rel=1e-13, abs=0)
        assert moved.gap <= 1e-9


def test_an_optimum_of_zero_among_signed_costs():
    result = otkit.transport([[1.0, -2.0]], a=[3], b=[2, 1])
    assert result.cost == 0.0
    assert result.lower == pytest.approx(0.0, abs=1e-14)
    assert result.gap <= 1e-9


def test_messages_have_no_object_addresses():
    with pytest.raises(OtkitError) as caught:
        otkit.wasserstein(X, object())
    assert not re.search("0x[0-9a-f]{6}", str(caught.value))
