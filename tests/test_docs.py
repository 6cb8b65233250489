"""What the documentation says is true: docstring examples, the README's code and output, links, bibliography keys."""

import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import otkit

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
SESSIONS = [page for page in PAGES if page.parent != ROOT and "```python" in page.read_text(encoding="utf-8")]
MODULES = [
    module.name for module in pkgutil.walk_packages(otkit.__path__, "otkit.") if not module.name.endswith("__main__")
]
OPTIONAL = ("torch", "typer", "rich", "pyarrow", "matplotlib", "joblib")

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
SOURCE = re.compile(r"Source: (.*?)\.\n", re.DOTALL)
ROUNDING = 1e-9


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name.partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{name} needs {missing.name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_docstring_examples_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert any(test.examples for test in finder.find(importlib.import_module("otkit.front")))


def fences(page):
    """(language, text) of every fenced block."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def same_output(got, shown, rounding=ROUNDING):
    """Equal but for the last digits: words exactly, numbers to `rounding` (relative, or absolute below 1)."""
    words = [NUMBER.sub("#", re.sub(r"\s+", " ", text.strip())) for text in (got, shown)]
    if words[0] != words[1]:
        return False
    numbers = zip(*([float(number) for number in NUMBER.findall(text)] for text in (got, shown)))
    return all(abs(one - other) <= rounding * max(1.0, abs(other)) for one, other in numbers)


@pytest.mark.parametrize(
    ("got", "shown", "same"),
    [
        ("W_1 = 5.00000000001\n", "W_1 = 5", True),
        ("W_1 = 5.001", "W_1 = 5", False),
        ("gap 1.5e-16, OPTIMAL", "gap 0, OPTIMAL", True),
        ("OPTIMAL", "CONVERGED", False),
        ("[6.5 3.2]", "[6.5 3.2 1.0]", False),
    ],
)
def test_same_output_tells_truth_from_error(got, shown, same):
    assert same_output(got, shown) is same


def test_readme_python_prints_what_it_shows():
    """A python block followed by a plain block: the second is what the first prints."""
    blocks = fences(ROOT / "README.md")
    python = [k for k, (language, _) in enumerate(blocks) if language == "python"]
    assert python
    names = {}
    for k in python:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(blocks[k][1], f"README.md, block {k + 1}", "exec"), names)
        if printed.getvalue():
            language, shown = blocks[k + 1]
            assert language == ""
            assert same_output(printed.getvalue(), shown), f"it prints\n{printed.getvalue()}\nand shows\n{shown}"


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_shell_prints_what_is_shown(page):
    """Lines after `$ otkit ...`; time and the number of iterations depend on the machine and the solver's version."""
    pytest.importorskip("typer")
    sessions = [text for _, text in fences(page) if text.startswith("$ otkit ")]
    assert sessions
    for text in sessions:
        command, _, shown = text.partition("\n")
        run = subprocess.run(
            [sys.executable, "-m", "otkit", *command.split()[2:]],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        refused = shown.startswith("otkit: ")
        assert run.returncode == (2 if refused else 0), run.stderr
        printed = run.stderr if refused else run.stdout
        got, shown = (re.sub(r"\d+ iterations?, \S+ s\b", "", text) for text in (printed, shown))
        assert same_output(got, shown), f"it prints\n{got}\nand shows\n{shown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = []
    for target in LINK.findall(re.sub(FENCE, "", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            broken.append(target)
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            broken.append(target)
    assert broken == []


def anchors(page):
    """What GitHub and MyST make of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_docs_python_blocks_run(page):
    """Examples in the pages: each page is one session; blocks written as `>>>` are checked as doctests."""
    names = {}
    for k, (language, text) in enumerate(fences(page)):
        if language != "python":
            continue
        where = f"{page.name}, block {k + 1}"
        if text.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(text, names, where, str(page), 0)
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.DocTestRunner(optionflags=flags).run(test, clear_globs=False).failed == 0, where
            names = test.globs
        else:
            exec(compile(text, where, "exec"), names)


def test_every_source_is_in_the_bibliography():
    """Docstrings cite "Source: Key 1976 (place); Other 1987."; each key is a heading of the bibliography."""
    keys = set(re.findall(r"^## (.+)$", (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8"), re.MULTILINE))
    cited = set()
    for source in (ROOT / "otkit").rglob("*.py"):
        for sentence in SOURCE.findall(source.read_text(encoding="utf-8")):
            cited |= {re.sub(r"\s*\(.*?\)", "", " ".join(key.split())) for key in sentence.split(";")}
    assert cited, "no docstring cites a source any more: has the style changed?"
    assert cited <= keys
