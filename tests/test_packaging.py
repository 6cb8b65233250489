"""What a person gets who installs otkit: a light import, one version, the data, the console script."""

import subprocess
import sys
from importlib.metadata import entry_points, version

import numpy as np
import pytest

import otkit
from otkit.data import names, path
from otkit.errors import BadMeasure
from otkit.files import read_table


def test_import_is_light():
    heavy = ["numba", "torch", "matplotlib", "pandas", "pyarrow", "rich", "typer", "ot", "sklearn", "scipy.optimize"]
    code = f"import sys, otkit; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_reading_text_loads_no_data_frames():
    code = (
        "import sys, otkit.cli.app, otkit.files; otkit.files.read_table(sys.argv[1]);"
        "print([name for name in ('numba', 'torch', 'pandas', 'pyarrow', 'rich', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path("iris_setosa"))], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_one_version():
    assert version("otkit") == otkit.__version__


def test_console_script():
    (script,) = entry_points(group="console_scripts", name="otkit")
    assert script.value == "otkit.cli:main"


SHIPPED = {
    "breast_benign": (357, 30),
    "breast_malignant": (212, 30),
    "digits_3": (183, 64),
    "digits_8": (174, 64),
    "iris_setosa": (50, 4),
    "iris_versicolor": (50, 4),
    "iris_virginica": (50, 4),
    "wine_cultivar_1": (59, 13),
    "wine_cultivar_2": (71, 13),
    "wine_cultivar_3": (48, 13),
}


def test_shipped_data_is_complete_and_small():
    assert names() == sorted(SHIPPED)
    assert sum(path(name).stat().st_size for name in names()) < 300_000
    assert (path("iris_setosa").parent / "README.md").is_file()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_data_reads(name):
    table = read_table(str(path(name)))
    assert table.values.shape == SHIPPED[name] and len(set(table.names)) == SHIPPED[name][1]
    assert table.notes == () and np.ptp(table.values) > 0


def test_an_unknown_data_set():
    with pytest.raises(BadMeasure, match="choose one of"):
        path("../errors")
    assert path("iris_setosa.csv") == path("iris_setosa")
