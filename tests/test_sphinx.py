"""The built documentation: every public name has its place, docstrings are read as they are meant, no warning."""

import importlib
import importlib.util
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = ROOT / "docs" / "api"
PLAIN = ("otkit.data", "otkit.errors", "otkit.progress")  # rooms without `__all__`: public is what they define


def rooms():
    """Every module that declares public names, found in the sources."""
    declaring = [
        path for path in sorted((ROOT / "otkit").rglob("*.py")) if "\n__all__ =" in path.read_text(encoding="utf-8")
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in declaring]
    return [*names, *PLAIN]


def described():
    """room -> the page that describes it."""
    pages = {}
    for page in sorted(API.glob("*.md")):
        for room in re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8")):
            pages[room] = page.name
    return pages


def public(room):
    module = importlib.import_module(room)
    defined = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == room]
    return getattr(module, "__all__", [name for name in defined if not name.startswith("_")])


def test_every_room_has_a_page_and_every_page_a_place():
    pages = described()
    assert set(pages) == set(rooms())
    contents = (API / "index.md").read_text(encoding="utf-8")
    for room, page in pages.items():
        assert page == f"{room}.md" and f"]({page})" in contents and f"\n{room}\n" in contents, room


def reader():
    spec = importlib.util.spec_from_file_location("docstrings", ROOT / "docs" / "docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Costs |x - y| ** p of x_", r"Costs \|x - y\| \*\* p of x\_"),
        ("`f(x)` of `Result`s", r"``f(x)`` of :py:obj:`Result <otkit.Result>`\ s"),
        ("`a\nb` c", "``a b`` c"),
        (".. math:: |x|_2\n          * y_", ".. math:: |x|_2\n          * y_"),
        (">>> x | y\n'`'", ">>> x | y\n'`'"),
        ("As in:\n- one |a|\n- two", "As in:\n\n- one \\|a\\|\n\n- two"),
        (
            "Parameters\n----------\nx, y : points |z|\n    of one size. a : mass.",
            ".. rubric:: Parameters\n\n- ``x``, ``y``:\n  points \\|z\\|\n  of one size.\n- ``a``:\n  mass.",
        ),
        (
            "Returns\n-------\nResult\n    The `plan`.",
            ".. rubric:: Returns\n\n- :py:obj:`Result <otkit.Result>`:\n  The ``plan``.",
        ),
        (
            "Source: Villani 2009 (chapter\n5); Brenier 1991.",
            "Source: :ref:`Villani 2009 <bibliography:Villani 2009>` (chapter 5); "
            ":ref:`Brenier 1991 <bibliography:Brenier 1991>`.",
        ),
    ],
)
def test_docstrings_are_read_as_they_are_meant(text, shown):
    made = reader().rst(text.split("\n"), {"Result": "otkit.Result"}.get)
    assert "\n".join(made).strip() == shown


def inventory(path):
    """The names that a page has an anchor for, from Sphinx's objects.inv: four lines of head, then zlib."""
    lines = zlib.decompress(path.read_bytes().split(b"\n", 4)[4]).decode().splitlines()
    return {line.split(" ")[0] for line in lines if " py:" in line}


def test_builds_without_a_warning_and_names_everything(tmp_path):
    """The examples are not run here: test_examples does that."""
    for needed in ("sphinx", "myst_parser", "sphinx_gallery", "furo", "torch"):
        pytest.importorskip(needed)
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "doctrees"]
        + [ROOT / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr
    names = inventory(tmp_path / "html" / "objects.inv")
    for room in rooms():
        for name in public(room):
            homes = [home for home in [room, *rooms()] if f"{home}.{name}" in names]
            assert homes, f"{room}.{name} is on no page"
            page = (tmp_path / "html" / "api" / f"{room}.html").read_text(encoding="utf-8")
            marks = [f'id="{room}.{name}"', *(f'title="{home}.{name}"' for home in homes)]
            assert any(mark in page for mark in marks), f"{room}.{name} is not linked"
