"""Every test of the adapter runs with one thread."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def alone(one_thread):
    return
