"""A numba cache of the tests' own, named after the kernel sources; CONTRIBUTING says why."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for source in sorted((ROOT / "otkit").rglob("*.py")):
        if "njit" in (text := source.read_text(encoding="utf-8")):
            digest.update(text.encode())
    return digest.hexdigest()[:16]


# Before numba is imported by any test; processes that tests start inherit it.
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".numba-cache" / _sources_digest())
