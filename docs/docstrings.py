"""How Sphinx reads the docstrings of otkit: plain text with Markdown's backticks and NumPy's underlined sections.

`rst` turns one docstring into reStructuredText. Formulas (`.. math::`), examples (`>>>`) and indented blocks stay as
they are; in prose code is marked and everything that reStructuredText would take for markup is not.
"""

import re
from collections.abc import Callable

CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
BULLET = re.compile(r"([-*]|\d+\.) ")
SOURCE = re.compile(r"Source: (.*?)\.$", re.DOTALL)
KEY = re.compile(r"\s*\(.*?\)", re.DOTALL)
UNDERLINE = re.compile(r"-{3,}")
NEXT = re.compile(r"(?<=[.)])\s+(?=[A-Za-z_]\w*(?:, \w+)* : )")  # `a : one. b : two` on one line are two items

Link = Callable[[str], str | None]


def rst(lines: list[str], link: Link) -> list[str]:
    """The lines of one docstring as reStructuredText; `link` gives the target of a piece of code, or None."""
    made, k = [], 0
    while k < len(lines):
        block = _block(lines, k)
        k += len(block)
        made += [*_converted(block, link), ""]
        while k < len(lines) and not lines[k].strip():
            k += 1
    return made


def _block(lines: list[str], start: int) -> list[str]:
    """The lines from `start` to the next empty one."""
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    return lines[start:end] or [""]


def _converted(block: list[str], link: Link) -> list[str]:
    if block[0].startswith((".. ", ">>> ", " ")):
        return block
    if len(block) > 1 and UNDERLINE.fullmatch(block[1].strip()):
        return [f".. rubric:: {block[0].strip()}", "", *_items(block[2:], link)]
    text = "\n".join(block)
    if SOURCE.match(text):
        return _sources(text).split("\n")
    made: list[str] = []
    for part in _parts(block):
        is_item = BULLET.match(part)
        if made and is_item:
            made.append("")
        head = is_item.group() if is_item else ""
        made += (head + prose(part.removeprefix(head), link)).split("\n")
    return made


def _parts(block: list[str]) -> list[str]:
    """A paragraph, cut before every line that begins an item of a list."""
    parts: list[list[str]] = []
    for line in block:
        if parts and not BULLET.match(line):
            parts[-1].append(line)
        else:
            parts.append([line])
    return ["\n".join(part) for part in parts]


def _items(lines: list[str], link: Link) -> list[str]:
    """`name : text` with indented lines that go on, as a list of definitions; a line without a colon is a name."""
    items: list[str] = []
    for line in lines:
        if items and line.startswith(" "):
            items[-1] += "\n" + line.strip()
        else:
            items.append(line.strip())
    made = []
    for item in (part for several in items for part in NEXT.split(several)):
        name, _, body = item.partition(" : ") if " : " in item.partition("\n")[0] else item.partition("\n")
        terms = ", ".join(_code(word.strip(), link) for word in name.split(","))
        made.append(f"- {terms}" + (":" if body else ""))
        made += [f"  {line}" for line in prose(body, link).split("\n") if body]
    return made


def prose(text: str, link: Link) -> str:
    """Running text: code in backticks becomes code, and no other character is markup."""
    made, end = [], 0
    for found in CODE.finditer(text):
        made += [_escaped(text[end : found.start()]), _code(found.group(2), link)]
        end = found.end()
        before, after = text[found.start() - 1 : found.start()], text[end : end + 1]
        made[-1] = ("\\ " if before.isalnum() else "") + made[-1] + ("\\ " if after.isalnum() else "")
    return "".join([*made, _escaped(text[end:])])


def _code(text: str, link: Link) -> str:
    text = " ".join(text.split())
    target = link(text)
    return f":py:obj:`{text} <{target}>`" if target else f"``{text}``"


def _escaped(text: str) -> str:
    return re.sub(r"([\\*|`]|_(?![^\W_]))", r"\\\1", text)


def _sources(text: str) -> str:
    """`Source: Key 1976 (place); Other 1987.` with a link from each key to its entry of the bibliography."""
    keys = SOURCE.match(text).group(1).split(";")
    cited = []
    for key in keys:
        name = " ".join(KEY.sub("", key).split())
        place = " ".join(" ".join(KEY.findall(key)).split())
        cited.append(f":ref:`{name} <bibliography:{name}>`" + (f" {_escaped(place)}" if place else ""))
    return f"Source: {'; '.join(cited)}."
