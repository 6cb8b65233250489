"""Tests import `families`, `contract` and the twins from this folder; pyproject.toml puts it on the path."""

import os

import pytest


def pytest_configure(config):
    """POT is an oracle for NumPy arrays; `import ot` would load torch and jax too, which only slow benchmarks need."""
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")  # a process that a test starts says where it died
    if "not slow" in config.option.markexpr:
        os.environ.update({f"POT_BACKEND_DISABLE_{name}": "1" for name in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")})


@pytest.fixture(scope="module")
def one_thread():
    """One thread for torch: the networks of tests are so small that a second one makes them slower."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
