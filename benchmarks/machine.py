"""What was measured, and on what."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]


def facts(packages: Iterable[str]) -> dict[str, object]:
    """CPU, cores, memory and the versions of everything that is timed; two runs with equal facts can be compared."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": platform.system(),
        "python": platform.python_version(),
        "otkit": f"{_own_version()}, sources {_digest()}",
        "packages": {name: installed_version(name) for name in packages},
    }


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _own_version() -> str:
    import otkit

    return otkit.__version__


def _digest() -> str:
    digest = hashlib.sha256()
    for source in sorted((ROOT / "otkit").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return round(int(line.split()[1]) / 2**20, 1)
    return None


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []
