"""One JSON file for the rows of a suite, each in place of the one it repeats, so that parts can be run one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import facts


def keep(path: Path, suite: str, part: str, row: dict[str, Any], keys: Sequence[str], packages: Sequence[str], *,
         quick: bool) -> None:  # fmt: skip
    """Writes the file with this row in place of the one of equal `keys`; it is read again, for parts that run side by
    side."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"suite": suite}
    row = {**row, "measured": date.today().isoformat(), "machine": facts(packages)}
    same = [row[key] for key in keys]
    kept = [old for old in document.get(part, []) if [old[key] for key in keys] != same]
    document |= {"quick": quick, part: [*kept, row]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def shown(row: dict[str, Any]) -> str:
    """One line for a terminal."""
    return " ".join(f"{key}={_short(value)}" for key, value in row.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


def measured_on(rows: list[dict[str, Any]]) -> str:
    """Machine, packages and dates of rows, in words."""
    machine = rows[-1]["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    dates = sorted({row["measured"] for row in rows})
    return (
        f"{machine['cpu']}, {machine['cores']} cores; {packages}; {' to '.join(dict.fromkeys((dates[0], dates[-1])))}."
    )
