"""How slices are drawn and used: groups, generators, chunks, derivatives; the largest where it is smooth."""

import numpy as np
import pytest

import otkit
from otkit.errors import Unsupported

torch = pytest.importorskip("torch")

from otkit.torch import MaxSlicedWasserstein, SlicedWasserstein, max_sliced_cost, sliced_cost  # noqa: E402
from otkit.torch.primal import sliced  # noqa: E402

F64 = torch.float64


def clouds(n=40, m=30, d=3, dtype=F64, batch=()):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(*batch, n, d)), random.normal(size=(*batch, m, d)) * [1.0, 2.0, 0.5][:d] + 0.3
    return torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_a_full_basis_finds_a_translation_exactly():
    x, _ = clouds()
    t = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    basis = torch.linalg.qr(torch.randn(3, 3, generator=seeded(0), dtype=F64))[0]
    assert sliced_cost(x, x + t, directions=basis).item() == pytest.approx(
        t.square().sum().item() / 3, rel=1e-12, abs=0
    )


@pytest.mark.parametrize("sampling", ["quasi", "random"])
@pytest.mark.parametrize("count", [1, 7, 11, 64])
def test_the_estimate_is_the_mean_over_what_it_returns(sampling, count):
    x, y = clouds()
    found = SlicedWasserstein(1, count, sampling=sampling, generator=seeded(0)).estimate(x, y)
    assert found.directions.shape == (count, 3)
    torch.testing.assert_close(found.directions.norm(dim=1), torch.ones(count, dtype=F64))
    again = sliced_cost(x, y, p=1, directions=found.directions)
    assert again.item() == pytest.approx(found.cost.item(), rel=1e-12, abs=0)
    assert found.standard_error.isnan().item() is (count == 1)


@pytest.mark.parametrize("d", [2, 3])
def test_standard_error_covers_the_truth(d):
    x, y = clouds(d=d)
    truth = sliced_cost(x, y, n_projections=20_000, generator=seeded(99)).item()
    off = {}
    for sampling in ("random", "quasi"):
        runs = [SlicedWasserstein(2, 60, sampling=sampling, generator=seeded(s)).estimate(x, y) for s in range(30)]
        assert sum(abs(run.cost.item() - truth) <= 4.0 * run.standard_error.item() for run in runs) >= 28
        off[sampling] = np.sqrt(np.mean([(run.cost.item() - truth) ** 2 for run in runs]))
    assert off["quasi"] < 0.8 * off["random"]


def test_the_line_is_exact():
    x, y = clouds(d=1)
    found = SlicedWasserstein(2, 16).estimate(x, y)
    assert found.standard_error.item() == 0.0 and found.directions.tolist() == [[1.0]]
    truth = sliced.line_costs(x[:, 0], y[:, 0], None, None, 2.0).item()
    assert found.cost.item() == pytest.approx(truth, rel=1e-12, abs=0)
    assert max_sliced_cost(x, y).item() == pytest.approx(truth, rel=1e-12, abs=0)


@pytest.mark.parametrize("p", [1, 1.5, 2])
def test_both_derivatives_in_points_and_weights(p):
    x, y = clouds(5, 4)
    a, b = (torch.rand(size, generator=seeded(size), dtype=F64) + 0.2 for size in (5, 4))  # no two sums agree
    directions = torch.randn(3, 3, generator=seeded(2), dtype=F64)
    given = [t.requires_grad_() for t in (x, y, a, b)]

    def cost(*all_):
        return sliced_cost(*all_, p=p, directions=directions)

    assert torch.autograd.gradcheck(cost, given)
    assert torch.autograd.gradgradcheck(cost, given)


def test_derivatives_where_one_side_is_made_of_the_other():
    x, _ = clouds(6, 6)
    directions = torch.randn(4, 3, generator=seeded(2), dtype=F64)

    def cost(x):
        return sliced_cost(x, torch.sin(2.0 * x), p=3, directions=directions)

    assert torch.autograd.gradcheck(cost, x.requires_grad_())
    assert torch.autograd.gradgradcheck(cost, x)


def test_a_penalty_on_the_gradient_can_be_trained():
    x, y = clouds()
    slope = torch.autograd.grad(sliced_cost(x.requires_grad_(), y, directions=torch.eye(3)), x, create_graph=True)[0]
    (bend,) = torch.autograd.grad(slope.square().sum(), x)
    assert bend.abs().max() > 0.0


@pytest.mark.parametrize("size", [1, 10_000])
def test_any_chunk_gives_the_same(monkeypatch, size):
    x, y = clouds(batch=(2,))
    a = torch.linspace(1.0, 2.0, 40, dtype=F64).requires_grad_()
    x.requires_grad_()

    def run():
        costs = sliced_cost(x, y, a, generator=seeded(0)), max_sliced_cost(x, y, a, n_steps=5, generator=seeded(0))
        return [*costs, *torch.autograd.grad(costs[0].sum() + costs[1].sum(), (x, a))]

    whole = run()
    monkeypatch.setattr(sliced, "CHUNK_BYTES", size)
    for one, other in zip(whole, run()):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-12)


def test_float32_keeps_to_float64_far_from_the_origin():
    x, y = clouds(dtype=torch.float32)
    true = sliced_cost(x.double(), y.double(), directions=torch.eye(3)).item()
    moved = [(side + 4096.0) for side in (x, y)]
    far = sliced_cost(moved[0].double(), moved[1].double(), directions=torch.eye(3)).item()
    assert sliced_cost(x, y, directions=torch.eye(3)).item() == pytest.approx(true, rel=1e-5, abs=0)
    assert sliced_cost(*moved, directions=torch.eye(3)).item() == pytest.approx(far, rel=1e-5, abs=0)


def test_settings_of_the_caller_do_not_matter():
    x, y = clouds(dtype=torch.float32)
    plain = sliced_cost(x, y, directions=torch.eye(3))
    with torch.autocast("cpu", torch.bfloat16):
        found = sliced_cost(x, y, directions=torch.eye(3))
    assert found.dtype == torch.float32 and found.item() == plain.item()


def test_a_change_in_place_is_noticed():
    x, y = clouds()
    cost = sliced_cost(x.requires_grad_(), y)
    with torch.no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        cost.backward()


@pytest.mark.parametrize("p", [1, 2, 3])
def test_the_gradient_of_the_largest_where_it_is_smooth(p):
    """A long translation: the orders of the projections do not change near the best direction."""
    x, _ = clouds(6)
    y = x + torch.tensor([9.0, 3.0, -4.0], dtype=F64) + 0.01 * torch.randn(6, 3, generator=seeded(3), dtype=F64)
    order = torch.argsort(x @ torch.tensor([9.0, 3.0, -4.0], dtype=F64))
    given = x[order].requires_grad_(), y[order].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, y: max_sliced_cost(x, y, p=p, n_steps=100, generator=seeded(0)), given, eps=1e-5, atol=1e-5
    )


def test_longer_ascents_gain_and_stay_below_the_transport_cost():
    x, y = clouds(60, 60)
    values = [max_sliced_cost(x, y, n_steps=steps, generator=seeded(0)).item() for steps in (0, 3, 60)]
    mean = sliced_cost(x, y, generator=seeded(0)).item()
    best = torch.randn(20_000, 3, generator=seeded(1), dtype=F64)
    brute = sliced.costs_along(sliced.pair(x, y), best / best.norm(dim=1, keepdim=True), 2.0).max().item()
    assert mean < values[0] <= values[1] < values[2] and values[2] >= 0.999 * brute
    assert values[2] <= otkit.wasserstein(x.numpy(), y.numpy(), p=2).cost
    loss = MaxSlicedWasserstein(n_steps=60, generator=seeded(0))
    along = sliced_cost(x, y, directions=loss.direction(x, y)[None])
    assert along.item() == pytest.approx(values[2], rel=1e-12, abs=0)


def test_the_largest_is_differentiable_once():
    x, y = clouds()
    slope = torch.autograd.grad(max_sliced_cost(x.requires_grad_(), y), x, create_graph=True)[0]
    with pytest.raises(Unsupported, match="differentiable once"):
        slope.square().sum().backward()


@pytest.mark.parametrize(
    "options, said",
    [
        ({"generator": 3}, "generator is of type int"),
        ({"directions": torch.eye(3), "generator": seeded(0)}, "nothing is drawn"),
        ({"directions": torch.eye(3), "n_projections": 9}, "nothing is drawn"),
        ({"directions": torch.eye(3).int()}, "directions is torch.int32"),
        ({"directions": torch.eye(3, requires_grad=True)}, "directions requires a gradient"),
        ({"p": float("inf")}, "p is inf"),
        ({"p": float("nan")}, "p is nan"),
        ({"n_projections": True}, "n_projections is True"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(Unsupported, match=said):
        SlicedWasserstein(**options)
    with pytest.raises(Unsupported, match=said):
        sliced_cost(*clouds(), **options)


@pytest.mark.parametrize(
    "options, said",
    [({"n_starts": 0}, "n_starts is 0"), ({"n_steps": 1.5}, "n_steps is 1.5"), ({"p": 0.9}, "p is 0.9")],
)
def test_refusals_of_the_largest(options, said):
    with pytest.raises(Unsupported, match=said):
        MaxSlicedWasserstein(**options)
