"""Entropic transport on a device: blocks of torch against the NumPy core, Triton's kernels against blocks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import otkit
from otkit.errors import Unsupported
from otkit.torch.primal import softmin_torch
from otkit.torch.primal.entropic import Options, device_divergence, solve
from otkit.torch.primal.envelope import differentiable
from otkit.torch.primal.pair import pair
from otkit.torch.primal.softmin_torch import costs_between, exactly, pulled, softmin

ROOT = Path(__file__).parents[2]
NAMES = ("x", "y", "a", "b")


def clouds(n=60, m=45, d=3, seed=0, batch=()):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(*batch, n, d)), rng.normal(size=(*batch, m, d)) + 0.5
    a, b = rng.random((*batch, n)), rng.random((*batch, m))
    return x, y, a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)


def tensors(*arrays, dtype=torch.float64):
    return tuple(None if t is None else torch.tensor(t, dtype=dtype) for t in arrays)


def off(found, true):
    """The largest error over the largest true value."""
    found, true = np.asarray(found, np.float64), np.asarray(true, np.float64)
    assert found.shape == true.shape
    return np.abs(found - true).max() / np.abs(true).max()


def check_against_core(arrays, *, dtype=torch.float64, tol=1e-9, value=1e-6, gradient=1e-6, debias=True, **options):
    """Values and all four gradients. The core sees the same numbers as the device."""
    given = tensors(*arrays, dtype=dtype)
    found = device_divergence(pair(*given), tol=tol, debias=debias, **options)
    x, y, a, b = (None if t is None else t.double().numpy() for t in given)
    true = otkit.sinkhorn_divergence(x, y, a=a, b=b, tol=1e-10, debias=debias, throw=False, max_iter=2000, **options)
    assert bool(found.converged.all()) and float(found.marginal_error.max()) < max(tol, 1e-4)
    shaped = (lambda t: t) if x.ndim == 3 else (lambda t: t[0])
    assert off(shaped(found.values), true.value) < value
    for name in NAMES:
        assert off(shaped(found.gradient(name)), getattr(true, f"grad_{name}")) < gradient, name
    return found


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_against_core(p, metric):
    check_against_core(clouds(), eps=0.3, p=p, metric=metric)


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("eps", [0.02, 10.0, 1000.0])
def test_small_and_large_eps(eps, p):
    check_against_core(clouds(), eps=eps, p=p)


def test_one_coordinate_and_many():
    check_against_core(clouds(d=1), eps=0.3, p=2)
    check_against_core(clouds(d=1), eps=0.3, p=1)
    check_against_core(clouds(d=20), eps=5.0, p=2)
    check_against_core(clouds(d=20), eps=1.0, p=1.5)


def test_without_debiasing():
    check_against_core(clouds(), eps=0.3, p=2, debias=False)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_batch_of_unequal_scales(p):
    x, y, a, b = clouds(30, 40, 2, batch=(3,))
    scale = np.array([1.0, 10.0, 0.1])[:, None, None]
    check_against_core((x * scale, y * scale, a, b), eps=0.2, p=p, gradient=1e-5)


def test_batch_is_its_problems():
    arrays = clouds(20, 30, 2, batch=(3,))
    together = device_divergence(pair(*tensors(*arrays)), eps=0.2, tol=1e-10)
    for k in range(3):
        alone = device_divergence(pair(*tensors(*(t[k] for t in arrays))), eps=0.2, tol=1e-10)
        assert off(together.values[k : k + 1], alone.values) < 1e-9
        assert off(together.gradient("x")[k : k + 1], alone.gradient("x")) < 1e-7


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_weights_of_zero(p):
    x, y, a, b = clouds()
    a[:3], b[5] = 0.0, 0.0
    y[5] = 40.0  # far from all that has mass
    found = check_against_core((x, y, a / a.sum(), b / b.sum()), eps=0.3, p=p)
    assert bool((found.gradient("x")[0, :3] == 0.0).all())


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_coinciding_points(p):
    x, y, a, b = clouds()
    y[:10] = x[:10]
    x[20:25] = x[0]
    check_against_core((x, y, a, b), eps=0.3, p=p)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_float32_far_from_the_origin(p):
    x, y, a, b = clouds()
    check_against_core((x + 1e4, y + 1e4, a, b), dtype=torch.float32, tol=1e-6, eps=0.3, p=p, value=1e-5, gradient=3e-4)


def test_float32_far_from_each_other():
    x, y, a, b = clouds()
    check_against_core((x, y + 1e3, a, b), dtype=torch.float32, tol=1e-6, eps=0.3, p=2, value=1e-6, gradient=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1e17])
def test_float32_of_any_scale(scale):
    given = [t.float() for t in tensors(*clouds())]
    plain = device_divergence(pair(*given), eps=0.3, p=1.0)
    scaled = device_divergence(pair(given[0] * scale, given[1] * scale, *given[2:]), eps=0.3 * scale, p=1.0)
    assert off(scaled.values / scale, plain.values) < 1e-4
    assert off(scaled.gradient("x"), plain.gradient("x")) < 1e-3


def test_equal_measures():
    x, _, a, _ = tensors(*clouds())
    for p in (1.0, 2.0):
        found = device_divergence(pair(x, x, a, a), eps=0.3, p=p, tol=1e-10)
        assert 0.0 <= float(found.values) < 1e-12
        assert float(found.gradient("x").abs().max()) < 1e-9
    same = device_divergence(pair(torch.ones(4, 2), torch.ones(5, 2)), eps=0.3)
    assert float(same.values) == 0.0 and bool(same.converged)


def test_potentials_make_the_plan():
    x, y, a, b = tensors(*clouds())
    both = pair(x, y, a, b)
    found = device_divergence(both, eps=0.3, p=2.0, tol=1e-10, debias=False)
    reduced = found.f[:, :, None] + found.g[:, None] - costs_between(both.x, both.y, 2.0, "euclidean")
    plan = both.a[:, :, None] * both.b[:, None] * (reduced / 0.3).exp()
    assert off(plan.sum(2), both.a) < 1e-12
    assert off(plan.sum(1), both.b) < 1e-8
    assert off((both.a * found.f).sum(1) + (both.b * found.g).sum(1), found.values) < 1e-12


@pytest.mark.parametrize("metric, p", [("euclidean", 2.0), ("euclidean", 1.0), ("chebyshev", 1.5)])
def test_blocks_of_any_size(monkeypatch, metric, p):
    both = pair(*tensors(*clouds(batch=(2,))))
    whole = device_divergence(both, eps=0.3, p=p, metric=metric)
    for size in (1, 5000):
        monkeypatch.setattr(softmin_torch, "CPU_BYTES", size)
        parts = device_divergence(both, eps=0.3, p=p, metric=metric)
        assert off(parts.values, whole.values) < 1e-12
        for name in NAMES:
            assert off(parts.gradient(name), whole.gradient(name)) < 1e-9


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_softmin_and_its_slope_are_what_they_say(metric, p):
    x, y, a, b = tensors(*clouds(9, 7, 2, batch=(2,)))
    h, k = b.log2(), torch.tensor([0.7, 2.0], dtype=torch.float64)
    exponents = h[:, None] - k[:, None, None] * costs_between(x, y, p, metric)
    assert off(softmin(x, y, h, k, p, metric), -exponents.exp2().sum(2).log2()) < 1e-12
    moved = x.clone().requires_grad_()
    plan = a[..., None] * torch.softmax(exponents * np.log(2.0), 2)
    (plan * costs_between(moved, y, p, metric)).sum().backward()
    assert off(pulled(x, y, h, k, a, p, metric), moved.grad) < 1e-10


def test_too_few_sweeps_are_reported():
    both = pair(*tensors(*clouds()))
    for most in (1, 2, 7):
        found = device_divergence(both, eps=0.02, tol=1e-9, max_iter=most)
        assert not bool(found.converged.any()) and found.iterations == most
        assert float(found.marginal_error) > 1e-9 and bool(found.values.isfinite().all())


def test_marginal_error_is_that_of_the_plan():
    both = pair(*tensors(*clouds()))
    found = solve(both, Options(0.05, max_iter=11))
    reduced = found.f[:, :, None] + found.g[:, None] - costs_between(both.x, both.y, 2.0, "euclidean")
    plan = both.a[:, :, None] * both.b[:, None] * (reduced / 0.05).exp()
    assert off((plan.sum(1) - both.b).abs().sum(1), found.marginal_error) < 1e-9
    assert off(plan.sum(2), both.a) < 1e-12


def test_fixed_number_of_symmetric_sweeps():
    both = pair(*tensors(*clouds()))
    found = device_divergence(both, eps=0.3, tol=0.0, max_iter=400, symmetric=True)
    assert found.iterations == 400
    true = device_divergence(both, eps=0.3, tol=1e-10)
    assert off(found.values, true.values) < 1e-9
    early = device_divergence(both, eps=0.3, tol=0.0, max_iter=3, symmetric=True)
    assert early.iterations == 3 and not bool(early.converged) and float(early.marginal_error) > 1e-3


def test_differentiable_through_weights_and_points():
    given = [t.requires_grad_() for t in tensors(*clouds(8, 6, 2))]

    def loss(*leaves):
        both = pair(*leaves)
        return differentiable(device_divergence(both, eps=0.3, p=2.0, tol=1e-13, max_iter=500), both).sum()

    assert torch.autograd.gradcheck(loss, given, eps=1e-5, atol=1e-7)


def test_settings_of_the_caller_do_not_matter():
    x, y, a, b = (t.float() for t in tensors(*clouds(d=20)))
    plain = device_divergence(pair(x, y, a, b), eps=5.0)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", torch.bfloat16):
            found = device_divergence(pair(x, y, a, b), eps=5.0)
            slope = found.gradient("x")
        with exactly(x.device):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert found.values.dtype == slope.dtype == torch.float32
    assert off(found.values, plain.values) < 1e-6 and off(slope, plain.gradient("x")) < 1e-6


@pytest.mark.parametrize(
    "options, said",
    [
        ({"eps": 0.0}, "eps is 0.0"),
        ({"eps": 0.1, "tol": -1.0}, "tol is -1.0"),
        ({"eps": 0.1, "max_iter": 0}, "max_iter is 0"),
        ({"eps": 0.1, "metric": "cosine"}, "metric is 'cosine'"),
        ({"eps": 0.1, "backend": "cuda"}, "backend is 'cuda'"),
        ({"eps": 0.1, "backend": "triton"}, "backend is 'triton'"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(Unsupported, match=said):
        device_divergence(pair(*tensors(*clouds())), **options)


INTERPRETED = """
import torch
from otkit.errors import Unsupported
from otkit.torch.primal.entropic import device_divergence
from otkit.torch.primal.pair import pair
from otkit.torch.primal.softmin_torch import Blocks
from otkit.torch.primal.softmin_triton import INTERPRETED, Tiles

assert INTERPRETED
torch.manual_seed(0)


def off(found, true):
    assert found.shape == true.shape and found.dtype == torch.float32
    return float((found.double() - true).abs().max() / true.abs().max())


for d in (1, 3, 9, 64, 100):
    for p in (1.0, 2.0):
        n, m = 37, (300 if d < 9 or p == 2.0 else 45)  # 300: columns in two parts, which are merged
        x, y = torch.randn(2, n, d), torch.randn(2, m, d)
        y[:, 0] = x[:, 0]
        h, g, a = torch.randn(2, m), torch.randn(2, n), torch.rand(2, n)
        h[:, 3], h[0, :33] = -torch.inf, -torch.inf  # a whole tile of columns without mass
        k = torch.tensor([0.5, 2.0]) / d
        tiles, blocks = Tiles.of(x, y, p), Blocks(x.double(), y.double(), p, "euclidean")
        assert (tiles._shares(2)[0] > 1) == (m > 256)
        case = d, p
        assert off(tiles.softmin(h, k), blocks.softmin(h.double(), k.double())) < 1e-5, case
        assert off(tiles.turned.softmin(g, k), blocks.turned.softmin(g.double(), k.double())) < 1e-5, case
        assert off(tiles.pulled(h, k, a), blocks.pulled(h.double(), k.double(), a.double())) < 1e-5, case
        mass = h.exp2()
        true = blocks.turned.pulled(g.double(), k.double(), mass.double())
        assert off(tiles.turned.pulled(g, k, mass), true) < 1e-5, case

for p, d in ((2.0, 3), (2.0, 12), (1.0, 3)):
    both = pair(torch.randn(2, 40, d), torch.randn(2, 33, d) + 0.5)
    fused = device_divergence(both, eps=0.5 * d, p=p, backend="triton")
    plain = device_divergence(both, eps=0.5 * d, p=p, backend="torch")
    assert bool(fused.converged.all())
    assert off(fused.values, plain.values.double()) < 1e-5
    for name in "xyab":
        assert off(fused.gradient(name), plain.gradient(name).double()) < 1e-4, (p, d, name)

for refused in ({"p": 1.5}, {"metric": "cityblock"}):
    try:
        device_divergence(both, eps=0.5, backend="triton", **refused)
    except Unsupported as error:
        assert "float32 on CUDA" in str(error)
    else:
        raise AssertionError(refused)
"""

COMPILED = """
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from otkit.torch.primal import softmin_kernels as kernels
from otkit.torch.primal.softmin_triton import CONFIGS

POINTERS = ("x", "y", "columns", "k", "a", "out", "parts")


def compiled(kernel, warps, **constants):
    names = [p.name for p in kernel.params]
    signature = {
        name: "constexpr" if name in constants else "*fp32" if name in POINTERS else "i32" for name in names
    }
    source = ASTSource(kernel, signature=signature, constexprs=constants)
    found = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps, "num_stages": 2})
    assert found.metadata.shared <= 227 * 1024, kernel
    return found.asm["ptx"]


for kernel, sizes in CONFIGS.items():
    products = "products" in kernel.__name__
    for D, P in ((128, 2), (16, 2)) if products else ((3, 2), (3, 1), (20, 1)):
        rows, columns, warps = sizes[1]
        cost = (D, min(D, 64), "tf32x3") if products else (D, P)
        if kernel is kernels.pull_by_sums:
            cost += (4 if D == 3 else 32, "tf32x3")
        text = compiled(kernel, warps, COST=cost, BM=rows, BN=columns)
        assert "ex2.approx" in text and (not products or "mma" in text), kernel
assert compiled(kernels.merge, 4, COUNT=8, BM=64)
"""


@pytest.mark.parametrize("script", [INTERPRETED, COMPILED], ids=["interpreted", "compiled"])
def test_kernels(script, tmp_path):
    """Triton's kernels as its interpreter runs them, and their compilation for a GPU that need not be here."""
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment["TRITON_INTERPRET"] = "1" if script is INTERPRETED else "0"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("d", [1, 3, 8, 9, 64, 100, 300])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_kernels_on_a_device(p, d):
    x, y, a, b = clouds(700, 1100, d, batch=(2,))
    true = device_divergence(pair(*tensors(x, y, a, b)), eps=0.3 * d ** (p / 2), p=p)
    given = [t.cuda() for t in tensors(x, y, a, b, dtype=torch.float32)]
    for backend in ("torch", "triton"):
        found = device_divergence(pair(*given), eps=0.3 * d ** (p / 2), p=p, backend=backend)
        assert bool(found.converged.all()), backend
        assert off(found.values.cpu(), true.values) < 1e-4, backend
        for name in NAMES:
            assert off(found.gradient(name).cpu(), true.gradient(name)) < 2e-3, (backend, name)
