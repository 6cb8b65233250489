"""Tests import `families`, `contract` and the twins from this folder; pyproject.toml puts it on the path."""

import os


def pytest_configure(config):
    """POT is an oracle for NumPy arrays; `import ot` would load torch and jax too, which only slow benchmarks need."""
    if "not slow" in config.option.markexpr:
        os.environ.update({f"POT_BACKEND_DISABLE_{name}": "1" for name in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")})
