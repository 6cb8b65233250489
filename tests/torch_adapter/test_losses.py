"""The losses against formulas in NumPy, at known optima, and for what they refuse."""

import inspect
import math
import pickle

import numpy as np
import pytest
import torch

import otkit.torch.losses as losses
from otkit.errors import BadCritic, Unsupported
from otkit.torch.losses import OBJECTIVES, CramerCritic, CriticLoss, GeneratorLoss, objective
from otkit.torch.losses.cramer import norm

REAL = np.array([1.5, -0.3, 2.0, 0.4])
FAKE = np.array([-1.2, 0.7, 0.2])


def sigmoid(f):
    return 1 / (1 + np.exp(-f))


def hinges(real, fake):
    return np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()


def entropy(real, fake):
    return -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()


def squares(real, fake):
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def relativistic(real, fake):
    return -np.mean(np.log(sigmoid(real - fake.mean()))) - np.mean(np.log(1 - sigmoid(fake - real.mean())))


# the formula as the papers write it; a function of fake alone is a loss that takes fake alone
FORMULAS = {
    "dual_estimate": lambda real, fake: real.mean() - fake.mean(),
    "critic_loss": lambda real, fake: fake.mean() - real.mean(),
    "generator_loss": lambda fake: -fake.mean(),
    "hinge_critic_loss": hinges,
    "hinge_estimate": lambda real, fake: 1 - hinges(real, fake) / 2,
    "hinge_generator_loss": lambda fake: -fake.mean(),
    "hinge_kr_critic_loss": lambda real, fake: fake.mean() - real.mean() + 10 * hinges(real, fake) / 2,
    "standard_critic_loss": entropy,
    "standard_estimate": lambda real, fake: np.log(2) - entropy(real, fake) / 2,
    "saturating_generator_loss": lambda fake: np.log(1 - sigmoid(fake)).mean(),
    "non_saturating_generator_loss": lambda fake: -np.log(sigmoid(fake)).mean(),
    "least_squares_critic_loss": squares,
    "least_squares_estimate": lambda real, fake: 2 - 8 * squares(real, fake),
    "least_squares_generator_loss": lambda fake: ((fake - 1) ** 2).mean() / 2,
    "relativistic_critic_loss": relativistic,
    "relativistic_estimate": lambda real, fake: 2 * np.log(2) - relativistic(real, fake),
    "relativistic_generator_loss": lambda real, fake: relativistic(fake, real),
}
TAKES = {name: list(inspect.signature(formula).parameters) for name, formula in FORMULAS.items()}
CRITICS = [name for name in FORMULAS if name.endswith("critic_loss")]
GENERATORS = [name for name in FORMULAS if name.endswith("generator_loss")]
CRAMER = ["cramer_critic_loss", "cramer_generator_loss", "cramer_estimate"]


def tensors(*arrays, grad=False, dtype=torch.float64):
    return [torch.tensor(array, dtype=dtype, requires_grad=grad) for array in arrays]


def call(name, real, fake, **more):
    given = {"real": real, "fake": fake}
    return getattr(losses, name)(**{key: given[key] for key in TAKES[name]}, **more)


def test_every_function_is_under_test():
    functions = {name for name in losses.__all__ if inspect.isfunction(getattr(losses, name))}
    assert functions - {"objective", "cramer_scores", *CRAMER} == set(FORMULAS)


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)], ids=["flat", "column"])
@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name, shape):
    value = call(name, *(part.reshape(shape) for part in tensors(REAL, FAKE)))
    given = {"real": REAL, "fake": FAKE}
    assert value.shape == () and value.dtype == torch.float64
    expected = FORMULAS[name](**{key: given[key] for key in TAKES[name]})
    assert value.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name == "dual_estimate" or "estimate" not in name])
def test_weights_are_repetitions(name):
    times = {"real": np.array([1, 3, 2, 1]), "fake": np.array([2, 1, 4])}
    weights = {f"{key}_weights": torch.tensor(times[key] / 5.0) for key in TAKES[name]}
    value = call(name, *tensors(REAL, FAKE), **weights)
    repeated = call(name, *tensors(REAL.repeat(times["real"]), FAKE.repeat(times["fake"])))
    assert value.item() == pytest.approx(repeated.item(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "alpha, margin, expected",
    [(0.0, 1.0, -4.0), (2.0, 1.0, -4.0), (2.0, 3.0, -4.0 + 2.0), (1.0, 4.0, -4.0 + 2.0)],
)
def test_hinge_kr_options(alpha, margin, expected):
    real, fake = tensors([2.0], [-2.0])
    value = losses.hinge_kr_critic_loss(real=real, fake=fake, alpha=alpha, margin=margin)
    assert value.item() == pytest.approx(expected, rel=1e-15, abs=1e-15)


@pytest.mark.parametrize("option", [{"alpha": -1.0}, {"alpha": math.inf}, {"margin": 0.0}, {"margin": math.nan}])
def test_hinge_kr_refuses_options(option):
    with pytest.raises(Unsupported, match=next(iter(option))):
        losses.hinge_kr_critic_loss(real=torch.zeros(1), fake=torch.zeros(1), **option)


P, Q = np.array([5, 3, 2]), np.array([1, 3, 6])  # two laws on three points, in tenths: a critic is three numbers
BEST = {"standard": np.log(P / Q), "hinge": np.sign(P - Q).astype(float), "least_squares": P / (P + Q)}
DISTANCES = {
    "standard": (P * np.log(2 * P / (P + Q)) + Q * np.log(2 * Q / (P + Q))).sum() / 20,
    "hinge": np.abs(P - Q).sum() / 20,
    "least_squares": ((P - Q) ** 2 / (P + Q)).sum() / 10,
}


@pytest.mark.parametrize("family", BEST)
def test_known_optimum(family):
    def of(name, f):
        return getattr(losses, f"{family}_{name}")(real=f.repeat_interleave(p), fake=f.repeat_interleave(q))

    p, q = torch.from_numpy(P), torch.from_numpy(Q)
    (best,) = tensors(BEST[family], grad=True)
    assert of("estimate", best).item() == pytest.approx(DISTANCES[family], rel=1e-12, abs=1e-12)
    if family != "hinge":  # whose best critic stands on a kink
        (slope,) = torch.autograd.grad(of("critic_loss", best), best)
        assert slope.abs().max().item() < 1e-15
    rng = np.random.default_rng(0)
    for _ in range(20):
        (other,) = tensors(BEST[family] + 0.3 * rng.normal(size=3))
        assert of("critic_loss", other) >= of("critic_loss", best)


@pytest.mark.parametrize("game", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_critic_that_cannot_tell_estimates_nothing(game):
    constant = torch.full((6, 4 if game.critic_features > 1 else 1), 0.5 if game.name == "least-squares" else 0.0)
    assert game.estimate(real=constant, fake=constant).item() == pytest.approx(0.0, abs=1e-6)


# --- signs ---------------------------------------------------------------------------------------------------------


def test_a_critic_that_rates_real_higher():
    above, below = torch.tensor([2.0, 3.0]), torch.tensor([-2.0, -1.0])
    assert losses.dual_estimate(real=above, fake=below) > 0 > losses.dual_estimate(real=below, fake=above)
    for name in CRITICS:
        assert call(name, above, below) < call(name, below, above), name


@pytest.mark.parametrize("name", CRITICS)
def test_a_step_of_the_critic_parts_the_scores(name):
    real, fake = tensors([0.1, -0.2, 0.3], [0.2, 0.1], grad=True)
    slope_real, slope_fake = torch.autograd.grad(call(name, real, fake), (real, fake))
    assert (slope_real < 0).all() and (slope_fake > 0).all()


@pytest.mark.parametrize("name", GENERATORS)
def test_a_step_of_the_generator_raises_fake_scores(name):
    real, fake = tensors([0.1, -0.2, 0.3], [0.2, 0.1], grad=True)
    (slope,) = torch.autograd.grad(call(name, real, fake), fake)
    assert (slope < 0).all()


# --- floats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMULAS)
def test_huge_logits(name):
    real, fake = tensors([1e4, -1e4, 3.0], [-1e4, 1e4], grad=True, dtype=torch.float32)
    value = call(name, real, fake)
    value.backward()
    assert value.isfinite() and fake.grad.isfinite().all()
    assert real.grad is None or real.grad.isfinite().all()


@pytest.mark.parametrize("name, slope", [("saturating_generator_loss", 0.0), ("non_saturating_generator_loss", -1.0)])
def test_a_sure_critic_saturates_one_loss_only(name, slope):
    fake = torch.tensor([-1e4], requires_grad=True)
    call(name, None, fake).backward()
    assert fake.grad.item() == slope


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients(name):
    given = dict(zip(("real", "fake"), tensors(REAL, FAKE, grad=True)))
    inputs = [given[key] for key in TAKES[name]]
    assert torch.autograd.gradcheck(lambda *parts: getattr(losses, name)(**dict(zip(TAKES[name], parts))), inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    real = torch.arange(1, 258).to(dtype)  # bfloat16 has 8 bits: 257 is 256 there
    value = losses.dual_estimate(real=real, fake=real[:1])
    assert value.dtype == torch.float32 and value.item() == pytest.approx(
        real.double().mean().item() - 1, rel=1e-6, abs=0
    )


def test_nan_passes_through():
    assert losses.critic_loss(real=torch.tensor([math.nan]), fake=torch.zeros(2)).isnan()


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FORMULAS, *CRAMER, "cramer_scores"])
def test_positional_tensors(name):
    with pytest.raises(TypeError, match=rf"^{name} takes its tensors by name.*{name}\(\w+=\.\.\.") as caught:
        getattr(losses, name)(torch.zeros(2), torch.zeros(2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", [CriticLoss(), GeneratorLoss()], ids=["critic", "generator"])
def test_positional_tensors_of_modules(module):
    with pytest.raises(TypeError, match=rf"{type(module).__name__}\(\.\.\.\)\(.*fake=\.\.\.\)"):
        module(torch.zeros(2), torch.zeros(2))


BAD_SCORES = {
    "two numbers": (torch.zeros(8, 2), r"\(8, 2\).*one number a sample"),
    "image": (torch.zeros(8, 1, 1, 1), "one number a sample"),
    "scalar": (torch.tensor(1.0), "one number a sample"),
    "integers": (torch.zeros(3, dtype=torch.int64), "torch.int64.*floating-point"),
    "empty": (torch.zeros(0), "one sample at least"),
    "array": (np.zeros(3), "ndarray.*tensor"),
    "list": ([1.0], "list.*tensor"),
}


@pytest.mark.parametrize("bad", BAD_SCORES)
@pytest.mark.parametrize("name", FORMULAS)
def test_bad_scores(name, bad):
    value, message = BAD_SCORES[bad]
    for key in TAKES[name]:
        with pytest.raises(BadCritic, match=f"{key}.*{message}"):
            call(name, **{"real": torch.zeros(3), "fake": torch.zeros(3), key: value})


def test_bad_devices():
    with pytest.raises(BadCritic, match="real on cpu, fake on meta"):
        losses.critic_loss(real=torch.zeros(3), fake=torch.zeros(3, device="meta"))


@pytest.mark.parametrize(
    "weights",
    [torch.ones(2), torch.ones(3, 1), torch.ones(3, dtype=torch.int64), np.ones(3)],
    ids=["short", "column", "integers", "array"],
)
@pytest.mark.parametrize("name", [name for name in FORMULAS if name == "dual_estimate" or "estimate" not in name])
def test_bad_weights(name, weights):
    for key in TAKES[name]:
        with pytest.raises(BadCritic, match=f"{key}_weights"):
            call(name, torch.zeros(3), torch.zeros(3), **{f"{key}_weights": weights})


def test_a_missing_tensor():
    with pytest.raises(TypeError, match="'fake'"):
        losses.critic_loss(real=torch.zeros(3))


# --- cramer --------------------------------------------------------------------------------------------------------


def embedded(count=5, k=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, k)), rng.normal(1, 1, (count, k)), rng.normal(1, 1, (count, k))


def length(vectors):
    return np.linalg.norm(vectors, axis=1)


@pytest.mark.parametrize("paired", [True, False], ids=["fake2", "next row"])
def test_cramer_formulas(paired):
    real, fake, other = embedded()
    if not paired:
        other = np.roll(fake, -1, axis=0)
    given = dict(zip(("real", "fake", "fake2") if paired else ("real", "fake"), tensors(real, fake, other)))
    energy = length(real - fake) + length(real - other) - length(fake - other)
    f_real, f_fake = length(real - other) - length(real), length(fake - other) - length(fake)
    generator, critic = losses.cramer_generator_loss(**given), losses.cramer_critic_loss(**given)
    assert generator.item() == pytest.approx(energy.mean(), rel=1e-12, abs=1e-12)
    assert critic.item() == pytest.approx(f_fake.mean() - f_real.mean(), rel=1e-12, abs=1e-12)
    assert losses.cramer_estimate(**given).item() == -critic.item()


def test_cramer_is_the_energy_distance():
    # N(0, 1) against N(2, 1) on the line: 2 E|x - y| - E|y - y'| with E|N(m, 2)| in closed form
    def mean_abs(m):
        return 2 / math.sqrt(math.pi) * math.exp(-m * m / 4) + m * math.erf(m / 2)

    rng = np.random.default_rng(0)
    real, fake = tensors(rng.normal(size=(200_000, 1)), rng.normal(2, 1, (200_000, 1)))
    loss = losses.cramer_generator_loss(real=real, fake=fake).item()
    assert loss == pytest.approx(2 * mean_abs(2) - mean_abs(0), abs=0.025)  # 5 standard errors


@pytest.mark.parametrize("name", CRAMER)
def test_cramer_gradients(name):
    inputs = tensors(*embedded(count=3), grad=True)
    keys = ("real", "fake", "fake2")
    assert torch.autograd.gradcheck(lambda *parts: getattr(losses, name)(**dict(zip(keys, parts))), inputs)


def test_cramer_scores_differentiate_twice():
    features, anchors, _ = tensors(*embedded(count=3), grad=True)
    assert torch.autograd.gradgradcheck(lambda h, a: losses.cramer_scores(features=h, anchors=a), (features, anchors))


def test_a_norm_at_zero():
    zero = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(norm(zero).sum(), zero, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), zero)
    assert not first.any() and not second.any()


def test_cramer_steps():
    real, fake = tensors([[0.0], [0.1]], [[2.0], [3.0]], grad=True)
    (slope,) = torch.autograd.grad(losses.cramer_generator_loss(real=real, fake=fake), fake)
    assert slope.sum() > 0  # a step against it goes towards the real ones
    far, near = torch.tensor([[-2.0], [-2.5]]), torch.tensor([[1.0], [1.5]])
    assert losses.cramer_estimate(real=far, fake=near) > losses.cramer_estimate(real=near, fake=near)


def test_cramer_critic_is_one_function():
    samples, points, _ = tensors(*embedded(count=6))
    critic = CramerCritic(torch.nn.Linear(3, 4).double(), samples)
    with torch.no_grad():
        h, anchors = critic.net(points), critic.net(samples)
        one_by_one = [losses.cramer_scores(features=h, anchors=a.expand(6, -1)) for a in anchors]
        assert torch.allclose(critic(points), torch.stack(one_by_one).mean(0), rtol=1e-12, atol=1e-12)


def test_cramer_critic_can_be_verified_and_saved(tmp_path):
    from otkit.torch import load_critic, save_critic, verify_critic

    samples, points, _ = tensors(*embedded(count=20))
    critic = CramerCritic(torch.nn.Linear(3, 4).double(), samples)
    report = verify_critic(critic, samples, points)
    assert report.critic.rescaled <= report.primal * (1 + 1e-9)
    save_critic(critic, tmp_path, points)
    assert np.allclose(load_critic(tmp_path)(points), critic(points).detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "real, fake, message",
    [
        (torch.zeros(3), torch.zeros(3), r"real has shape \(3,\).*\(B, k\)"),
        (torch.zeros(3, 4), torch.zeros(2, 4), r"fake has shape \(2, 4\) and real \(3, 4\)"),
        (torch.zeros(3, 4), torch.zeros(3, 5), r"fake has shape \(3, 5\) and real \(3, 4\)"),
        (torch.zeros(1, 4), torch.zeros(1, 4), "fake2 of other noise"),
        (torch.zeros(3, 0), torch.zeros(3, 0), r"\(B, k\)"),
        (torch.zeros(3, 4, dtype=torch.int32), torch.zeros(3, 4), "floating-point"),
        (torch.zeros(3, 4), torch.zeros(3, 4, device="meta"), "one device"),
    ],
)
@pytest.mark.parametrize("name", CRAMER)
def test_cramer_refuses(name, real, fake, message):
    with pytest.raises(BadCritic, match=message):
        getattr(losses, name)(real=real, fake=fake)


# --- the registry and the modules ----------------------------------------------------------------------------------

GAMES = ["wasserstein", "hinge", "hinge-kr", "standard", "non-saturating", "least-squares", "relativistic", "cramer"]


def outputs(game):
    generator = torch.Generator().manual_seed(0)
    shape = (6, 4) if game.critic_features > 1 else (6, 1)
    return {part: torch.randn(shape, generator=generator, requires_grad=True) for part in ("real", "fake")}


def test_registry_is_complete():
    assert list(OBJECTIVES) == [game.name for game in OBJECTIVES.values()] == GAMES
    used = {part for game in OBJECTIVES.values() for part in (game.critic_loss, game.generator_loss, game.estimate)}
    assert used == {getattr(losses, name) for name in (*FORMULAS, *CRAMER)}


@pytest.mark.parametrize("game", OBJECTIVES.values(), ids=GAMES)
def test_objectives_are_called_alike(game):
    given = outputs(game)
    for loss in (game.critic(**given), game.generator(**given), game.estimate(**given)):
        assert loss.shape == () and loss.isfinite()
    slope_real, _ = torch.autograd.grad(game.generator(**given), tuple(given.values()), allow_unused=True)
    assert (slope_real is not None) == game.needs_real_in_generator
    if game.needs_real_in_generator:
        with pytest.raises(TypeError, match=f"{game.name!r} needs the critic's output for real"):
            game.generator(fake=given["fake"])
    else:
        assert torch.equal(game.generator(**given), game.generator(fake=given["fake"]))
    with pytest.raises(TypeError, match=r"by name.*Objective\.critic\(real=\.\.\., fake=\.\.\.\)"):
        game.critic(*given.values())


@pytest.mark.parametrize("game", OBJECTIVES.values(), ids=GAMES)
def test_scores_are_one_number_a_sample(game):
    given = outputs(game)
    assert game.scores(features=given["real"], anchors=given["fake"]).shape == (6,)
    if game.critic_features > 1:
        with pytest.raises(TypeError, match="anchors"):
            game.scores(features=given["real"])
    else:
        assert torch.equal(game.scores(features=given["real"]), given["real"].reshape(-1))


@pytest.mark.parametrize("game", OBJECTIVES.values(), ids=GAMES)
def test_the_estimate_is_that_of_the_surrogate(game):
    """Where a game is an integral probability metric, its estimate is the dual of the function that penalties bound."""
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 4 if game.critic_features > 1 else 1).double()
    real, fake, points = tensors(*embedded())
    f = game.surrogate(net, real, fake)
    assert f(points).shape == (5,)
    if game.measures == "W_1":
        expected = losses.dual_estimate(real=f(real), fake=f(fake)).item()
        assert game.estimate(real=net(real), fake=net(fake)).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", GAMES)
def test_modules_are_the_functions(name):
    game, given = OBJECTIVES[name], outputs(OBJECTIVES[name])
    critic, generator = (pickle.loads(pickle.dumps(module)) for module in (CriticLoss(name), GeneratorLoss(name)))
    assert torch.equal(critic(**given), game.critic(**given))
    assert torch.equal(generator(**given), game.generator(**given))
    assert name in repr(critic) and name in repr(generator)


def test_options_of_an_objective():
    given = dict(zip(("real", "fake"), tensors(REAL, FAKE)))
    expected = losses.hinge_kr_critic_loss(**given, alpha=3.0, margin=2.0)
    assert torch.equal(objective("hinge-kr", alpha=3.0, margin=2.0).critic(**given), expected)
    assert torch.equal(CriticLoss("hinge-kr", alpha=3.0, margin=2.0)(**given), expected)
    assert objective("hinge") is OBJECTIVES["hinge"]
    with pytest.raises(Unsupported, match="'w-gan'.*wasserstein, hinge"):
        objective("w-gan")
    with pytest.raises(Unsupported, match="no option beta: it has alpha, margin"):
        objective("hinge-kr", beta=1.0)
    with pytest.raises(Unsupported, match="no option alpha: it has none"):
        CriticLoss("hinge", alpha=1.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("game", OBJECTIVES.values(), ids=GAMES)
def test_the_same_on_a_gpu(game):
    given = outputs(game)
    there = {part: output.detach().cuda() for part, output in given.items()}
    for name in ("critic", "generator", "estimate"):
        value = getattr(game, name)(**there)
        assert value.is_cuda and value.item() == pytest.approx(getattr(game, name)(**given).item(), rel=1e-5, abs=1e-6)


def test_lazy_names():
    import otkit.torch

    for name in losses.__all__:
        assert getattr(otkit.torch, name) is getattr(losses, name) and name in dir(otkit.torch)
