"""Tests import `families`, `contract` and the twins from this folder; pyproject.toml puts it on the path."""
