"""Every example runs to its end as a new user would run it, and leaves a picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
MOST_LINES = 100
PNG = b"\x89PNG"


def test_there_are_examples():
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_reads_as_a_gallery_page(example):
    """A title for the gallery, a length a person reads, and a first line that says what it is."""
    lines = example.read_text(encoding="utf-8").splitlines()
    assert len(lines) < MOST_LINES
    assert lines[0] in ('"""', 'r"""')
    assert lines[1] and set(lines[2]) == {"="} and len(lines[2]) >= len(lines[1])


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_leaves_a_picture(example, tmp_path):
    pytest.importorskip("matplotlib")
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(example)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip(), "an example says what it found"
    picture = tmp_path / f"{example.stem.removeprefix('plot_')}.png"
    assert picture.read_bytes()[:4] == PNG
