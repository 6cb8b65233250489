"""Which columns of a table a person means: names, numbers counted from 1, ranges of numbers."""

import csv
import re

from otkit.errors import BadMeasure

_NUMBER = re.compile(r"\d+")
_RANGE = re.compile(r"(\d+)-(\d+)")


def pick(selection: str, names: tuple[str, ...] | None, count: int, source: str) -> list[int]:
    """The column indices (from 0) that `selection` means in a table of `count` columns.

    A token that is a column's name means that column, else a number counts from 1 and `3-5` is a range.
    A name that holds a comma is put in double quotes. Each column may be taken once.
    """
    picked: list[int] = []
    for token in next(csv.reader([selection], skipinitialspace=True), []):
        picked += _token(token.strip(), names, count, source)
    if not picked:
        raise BadMeasure(f"{source}: no column after the colon; write {source}:a,b or {source}:1,2")
    for index in picked:
        if picked.count(index) > 1:
            raise BadMeasure(f"{source}: {label(index, names)} is chosen twice in {selection!r}; name each column once")
    return picked


def _token(token: str, names: tuple[str, ...] | None, count: int, source: str) -> list[int]:
    if names is not None and names.count(token) == 1:
        return [names.index(token)]
    if names is not None and names.count(token) > 1:
        raise BadMeasure(f"{source}: {names.count(token)} columns are called {token!r}; choose by number instead")
    if _NUMBER.fullmatch(token):
        first = last = int(token)
    elif match := _RANGE.fullmatch(token):
        first, last = int(match[1]), int(match[2])
    else:
        raise BadMeasure(f"{source}: no column {token!r}; {_offer(token, names, count)}")
    if not 1 <= first <= last <= count:
        raise BadMeasure(f"{source}: no column {token!r}; columns are numbered 1 to {count}")
    return list(range(first - 1, last))


def _offer(token: str, names: tuple[str, ...] | None, count: int) -> str:
    if names is None:
        return f"the file has no header, so choose by number, 1 to {count}"
    from difflib import get_close_matches

    close = get_close_matches(token.lower(), [name.lower() for name in names], n=1)
    if close:
        return "did you mean " + repr(next(name for name in names if name.lower() == close[0])) + "?"
    return "it has " + listing(names)


def label(index: int, names: tuple[str, ...] | None) -> str:
    """How a message calls column `index`: column 'age' or, without a name, column 3."""
    return f"column {names[index]!r}" if names and names[index] else f"column {index + 1}"


def listing(names: tuple[str, ...] | list[str], limit: int = 8) -> str:
    """The names, quoted and joined; all but the first `limit` counted."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def selection_of(indices: list[int], names: tuple[str, ...] | None) -> str:
    """The shortest selection that means `indices`: up to five names, else numbers and ranges."""
    if names and len(indices) <= 5 and all(names[i] and names.count(names[i]) == 1 for i in indices):
        return ",".join(f'"{names[i]}"' if "," in names[i] else names[i] for i in indices)
    parts: list[str] = []
    start = 0
    for stop in range(1, len(indices) + 1):
        if stop == len(indices) or indices[stop] != indices[stop - 1] + 1:
            low, high = indices[start] + 1, indices[stop - 1] + 1
            parts.append(str(low) if low == high else f"{low}-{high}")
            start = stop
    return ",".join(parts)
