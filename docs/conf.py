"""Sphinx: `sphinx-build -W --keep-going -b html docs docs/_build/html` from the root; CONTRIBUTING says more."""

import importlib
import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import docstrings  # noqa: E402

import otkit  # noqa: E402

project = "otkit"
author = "otkit developers"
release = version = otkit.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosectionlabel", "myst_parser", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"otkit {version}"
highlight_language = "none"
default_role = "code"  # single backticks in the text of examples
smartquotes = False  # "x" in a docstring is a string

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
autosectionlabel_prefix_document = True  # `bibliography:Villani 2009` is what docstrings cite
autosectionlabel_maxdepth = 2

autodoc_default_options = {"members": True, "undoc-members": True, "no-value": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
add_module_names = False
python_maximum_signature_line_length = 100

plot_gallery = "False"  # `-D plot_gallery=1` runs the examples
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)\w+\.py$",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "abort_on_example_error": True,
}

# The rooms that have a page in docs/api; an object is described on the page of the innermost room that names it.
ROOMS = [
    found.group(1)
    for page in sorted((HERE / "api").glob("*.md"))
    for found in re.finditer(r"automodule:: (\S+)", page.read_text(encoding="utf-8"))
]
# Pages of the repository that stand outside docs: their text takes the place of a page of this name.
OUTSIDE = {"readme": "README.md", "contributing": "CONTRIBUTING.md", "sample_data": "otkit/data/README.md"}


def public(room: str) -> list[str]:
    """The public names of a module: `__all__`, or what is defined in it."""
    module = importlib.import_module(room)
    here = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == room]
    return list(getattr(module, "__all__", [name for name in here if not name.startswith("_")]))


def homes() -> dict[tuple[str, str], str]:
    """(room, name) -> the full name under which the object is described: that of the innermost room."""
    found: dict[tuple[str, str], str] = {}
    by_identity: dict[int, str] = {}
    for room in sorted(ROOMS, key=lambda room: -room.count(".")):
        for name in public(room):
            value = getattr(importlib.import_module(room), name)
            full = value.__name__ if inspect.ismodule(value) else f"{room}.{name}"
            found[room, name] = by_identity.setdefault(id(value), full)
    return found


HOMES = homes()


def room_of(full: str) -> str:
    """The innermost room of a dotted name."""
    return max((room for room in ROOMS if f"{full}.".startswith(f"{room}.")), key=len, default="otkit")


def target(code: str, room: str) -> str | None:
    """What a piece of code in a docstring of `room` means, if it is a public name."""
    if (room, code) in HOMES:
        return HOMES[room, code]
    holder, _, name = code.rpartition(".")
    if holder:
        return HOMES.get((holder, name)) or HOMES.get((f"otkit.{holder}", name))
    found = {home for (_, name), home in HOMES.items() if name == code}
    return HOMES.get(("otkit", code)) or (found.pop() if len(found) == 1 else None)


def read_docstring(app, what, name, obj, options, lines):
    room = room_of(name)
    lines[:] = docstrings.rst(lines, lambda code: target(code, room))
    if what == "module" and name in ROOMS:
        lines += contents(name)
        lines += [line for member in public(name) for line in constant(name, member)]


def contents(room: str) -> list[str]:
    """A table of a room's public names with the first line of each."""
    rows = []
    for name in public(room):
        value = getattr(importlib.import_module(room), name)
        documented = inspect.ismodule(value) or callable(value)
        first = (inspect.getdoc(value) or "").partition("\n")[0] if documented else ""
        text = docstrings.prose(first, lambda code: target(code, room))
        rows += [f"   * - :py:obj:`{name} <{HOMES[room, name]}>`", f"     - {text}"]
    return ["", ".. list-table::", "   :widths: 30 70", "", *rows, ""] if rows else []


def constant(room: str, name: str) -> list[str]:
    """What autodoc does not describe: a public dictionary, by its keys."""
    value = getattr(importlib.import_module(room), name)
    if HOMES[room, name] != f"{room}.{name}" or not isinstance(value, dict):
        return []
    keys = ", ".join(f'``"{key}"``' for key in value)
    return ["", f".. py:data:: {name}", "   :type: dict", "", f"   Keys: {keys}.", ""]


def leave_out(app, what, name, obj, skip, options):
    """Fields have their text in the class's docstring; a name of an inner room is described there."""
    documenting = app.env.temp_data.get("autodoc:module")
    if what == "module" and documenting in ROOMS:
        home = HOMES.get((documenting, name))
        return True if home and home != f"{documenting}.{name}" else None
    if what == "class":
        plain = not (inspect.isroutine(obj) or isinstance(obj, (property, classmethod, staticmethod)))
        return True if plain or name in ("count", "index") else None
    return None


def move_links(app, docname, source):
    """Links out of docs go to the page that stands for the file."""
    text = source[0]
    if docname in OUTSIDE:
        path = HERE.parent / OUTSIDE[docname]
        app.env.note_dependency(str(path))
        text = re.sub(r"\]\((?![a-z]+:|#)", "](../", path.read_text(encoding="utf-8"))
        text = text.replace("](../docs/", "](")
    up = "../" * docname.count("/")
    for page, file in OUTSIDE.items():
        text = text.replace(f"]({up}../{file})", f"]({up}{page}.md)")
    source[0] = re.sub(rf"\]\({re.escape(up)}\.\./examples/(plot_\w+)\.py\)", rf"]({up}gallery/\1.rst)", text)


def setup(app):
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("source-read", move_links)
