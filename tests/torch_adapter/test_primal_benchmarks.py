"""The benchmark of primal losses: its rows compare equals, its page says what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ot")

from benchmarks import primal_tables  # noqa: E402
from benchmarks.bench_primal import main  # noqa: E402
from benchmarks.primal_contest import Answer, Contestant, contest  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_exact_rows(tmp_path):
    """In a process of its own: in this one POT was loaded without its torch backend."""
    out = tmp_path / "primal.json"
    command = [sys.executable, "-m", "benchmarks.bench_primal", "exact", "--quick", "--rounds", "1", "-o", str(out)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POT_BACKEND")}
    for _ in range(2):  # the second run's rows take the place of the first's
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
    document = json.loads(out.read_text())
    own, peer = document["exact"]
    assert (own["tool"], peer["tool"]) == ("otkit", "POT") and own["median"] > 0.0
    assert own["gradient_error"] < 1e-8 and own["value_error"] < 1e-12
    page = primal_tables.page(document)
    assert f"{peer['median'] / own['median']:.1f}" in page and "not measured" in page


def test_errors_are_seen():
    x, y = torch.ones(3, 1), torch.zeros(3, 1)
    half = Contestant("half", "x.sum() / 2", lambda x, y: x.sum() / 2, torch.float32)
    (row,) = contest([half], x, y, Answer(3.0, torch.ones(3, 1, dtype=torch.float64)), 2)
    assert row["value_error"] == 0.5 and row["gradient_error"] == 0.5 and row["runs"] == 2


def test_a_peer_is_set_against_equals():
    def row(tool, median, error):
        return {"tool": tool, "median": median, "value_error": error, "gradient_error": error}

    peer = row("GeomLoss", 6.0, 1e-3)
    rows = [row("otkit", 1.0, 1e-2), row("otkit", 2.0, 1e-4), row("otkit", 3.0, 1e-5), peer]
    assert primal_tables._over(peer, rows) == "3.0"
    assert primal_tables._over(row("GeomLoss", 1.0, 1e-9), rows) == "-"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_no_device_is_said(capsys):
    assert main(["cuda"]) == 2 and "CUDA" in capsys.readouterr().err
