"""Reading .csv, .tsv and other delimited text into numbers: one strict fast route, one slow route that explains.

NumPy's C reader takes clean files: 1e6 rows of 2 columns in 1.8 s (pyarrow 0.8 s, the csv module with float()
6.3 s), and it is always there. Whatever it refuses is read again with the csv module, which either copes
(blank rows at the end, true/false) or says which line and which column is wrong.
"""

import csv
import io
import re
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from otkit.columns import label, pick, selection_of
from otkit.errors import BadMeasure

_MISSING = {"", "na", "n/a", "nan", "null", "none", "nat", "-", "?", ".", "#n/a", "<na>"}
_TRUTH = {"true": 1.0, "false": 0.0}
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_MAGIC = (
    (b"\x93NUMPY", "a NumPy file; name it .npy"),
    (b"PAR1", "a parquet file; name it .parquet"),
    (b"PK\x03\x04", "a zip archive (an .xlsx sheet or an .npz file?); save it as .csv, or name it .npz"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"%PDF", "a PDF"),
)


class Delimited(NamedTuple):
    """Columns of numbers as read, their names (None without a header), and what the reader had to decide."""

    values: np.ndarray  # (n, d) float64
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


class _Layout(NamedTuple):
    delimiter: str | None  # None: runs of white space
    names: tuple[str, ...] | None
    count: int  # fields in the first row
    notes: tuple[str, ...]


def read_delimited(
    raw: bytes,
    source: str,
    *,
    delimiter: str | None = None,
    header: str = "auto",
    selection: str | None = None,
    without: str | None = None,
) -> Delimited:
    """Numbers from delimited text. O(file) memory and time.

    `delimiter=None` looks for one of tab, `;`, `|`, `,` and, failing these, white space. `header` is "auto",
    "yes" or "no". `selection` picks columns, `without` leaves some out (the weights of a table, say).
    Raises `BadMeasure` that names the file, the line and the column.
    """
    text = _decode(raw, source)
    layout = _look(text, source, delimiter, header)
    if selection is not None:
        wanted = pick(selection, layout.names, layout.count, source)
    else:
        wanted = list(range(layout.count))
    if without is not None:
        dropped = set(pick(without, layout.names, layout.count, source))
        wanted = [index for index in wanted if index not in dropped]
        if not wanted:
            raise BadMeasure(f"{source}: no column of samples is left beside the weights {without!r}")
    values = _fast(text, layout, wanted)
    if values is None:
        wanted, values = _slow(text, layout, wanted, source, explicit=selection is not None)
    if not len(values):
        raise BadMeasure(f"{source}: {_only_header(layout)}; it needs at least one row of numbers")
    names = None if layout.names is None else tuple(layout.names[index] for index in wanted)
    return Delimited(values, names, layout.notes)


def _only_header(layout: _Layout) -> str:
    return "has no rows" if layout.names is None else f"has only a header line ({', '.join(layout.names[:6])})"


def _decode(raw: bytes, source: str) -> str:
    if not raw:
        raise BadMeasure(f"{source}: the file is empty (0 bytes)")
    for magic, what in _MAGIC:
        if raw.startswith(magic):
            raise BadMeasure(f"{source}: this is not text but {what}")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # what spreadsheets call "Unicode text"
        encoding = "utf-16"
    elif b"\0" in raw:
        raise BadMeasure(f"{source}: the file is binary, not text; save it as comma-separated text")
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        pass
    control = any(code in raw for code in range(32) if code not in (9, 10, 11, 12, 13))
    if control or encoding == "utf-16":
        raise BadMeasure(f"{source}: the file is binary, not text; save it as comma-separated text")
    return raw.decode("latin-1")  # one byte, one character: numbers read right; odd letters in names may not


class _Lines:
    """The lines that hold data (no comments, no blank ones), remembering where in the file they stood."""

    def __init__(self, text: str) -> None:
        self._handle = io.StringIO(text, newline=None)
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._handle:
            self.number += 1
            start = line.lstrip()
            if start and start[0] != "#":
                yield line


def _rows(lines: Iterator[str], delimiter: str | None) -> Iterator[list[str]]:
    if delimiter is None:
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")


def _look(text: str, source: str, delimiter: str | None, header: str) -> _Layout:
    head = []
    for line in _Lines(text):
        head.append(line)
        if len(head) == 2:
            break
    if not head:
        raise BadMeasure(f"{source}: the file holds no data, only blank or comment lines")
    if delimiter is None:
        delimiter = _find_delimiter(head)
    try:
        rows = _rows(iter(_Lines(text)), delimiter)
        first = [field.strip() for field in next(rows)]
        second = [field.strip() for field in next(rows, [])]
    except csv.Error as error:
        raise BadMeasure(f"{source}: the first lines are not comma-separated text ({error})") from None
    titled, notes = _is_header(first, second, header, source)
    return _Layout(delimiter, tuple(first) if titled else None, len(first), notes)


def _find_delimiter(head: list[str]) -> str | None:
    bare = [re.sub(r'"[^"]*"', "", line) for line in head]
    for candidate in "\t;|":
        if bare[0].count(candidate) and len({line.count(candidate) for line in bare}) == 1:
            return candidate
    tokens = head[0].split()
    if "," not in bare[0] and len(tokens) > 1 and all(_kind(token) == "number" for token in tokens):
        return None
    return ","


def _kind(field: str) -> str:
    if field.lower() in _MISSING:
        return "missing"
    return "text" if _number(field) is None else "number"


def _number(field: str) -> float | None:
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return _TRUTH.get(field.lower())


def _is_header(first: list[str], second: list[str], header: str, source: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the first line names the columns, and what to tell the person where that is a guess."""
    if header != "auto":
        return header == "yes", ()
    kinds = [_kind(field) for field in first]
    if "text" not in kinds:
        return _is_pandas_header(first, second, source)
    if "number" not in kinds:
        return True, ()
    for kind, field in zip(kinds, second):
        if kind == "text" and _kind(field) != "text":
            return True, ()
    return False, (_read_as_data(first, source),)


def _is_pandas_header(first: list[str], second: list[str], source: str) -> tuple[bool, tuple[str, ...]]:
    """Frames made from bare arrays are written with the column names 0, 1, 2, ..., which look like data."""
    counted = [str(k) for k in range(len(first))]
    unnamed_index = first[0] == "" and first[1:] == counted[:-1]
    if not second or len(first) < 2 or not (first == counted or unnamed_index):
        return False, ()
    if unnamed_index or len(first) >= 4 or any(not _INTEGER.fullmatch(field) for field in second):
        return True, (f"{source}: the first line (0, 1, ...) is read as column names; with --header no it is data",)
    return False, (_read_as_data(first, source),)


def _read_as_data(first: list[str], source: str) -> str:
    return f"{source}: the first line ({','.join(first)[:60]}) is read as data; with --header yes it names the columns"


def _fast(text: str, layout: _Layout, wanted: list[int]) -> np.ndarray | None:
    """NumPy's reader; None where it refuses or where a value is not finite, so that the slow route explains."""
    everything = len(wanted) == layout.count
    if not everything:  # usecols accepts rows that are too long: a stray comma would shift the columns in silence
        try:
            if any(len(row) != layout.count for row in _rows(iter(_Lines(text)), layout.delimiter)):
                return None
        except csv.Error:
            return None
    lines = iter(_Lines(text))
    if layout.names is not None:
        next(_rows(lines, layout.delimiter))
    first = next(lines, None)
    if first is None:
        return np.empty((0, len(wanted)))
    try:
        values = np.loadtxt(
            _chain(first, lines),
            delimiter=layout.delimiter,
            quotechar=None if layout.delimiter is None else '"',
            comments=None,
            usecols=None if everything else wanted,
            ndmin=2,
        )
    except ValueError:
        return None
    return values if values.shape[1] == len(wanted) and np.isfinite(values).all() else None


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


class _Complaints:
    """Per column: the first line and text that is wrong, and how many are."""

    def __init__(self) -> None:
        self.first: dict[int, tuple[int, str]] = {}
        self.count: dict[int, int] = {}

    def add(self, column: int, line: int, field: str) -> None:
        self.first.setdefault(column, (line, field))
        self.count[column] = self.count.get(column, 0) + 1


def _slow(
    text: str, layout: _Layout, wanted: list[int], source: str, *, explicit: bool
) -> tuple[list[int], np.ndarray]:
    """The csv module's reading; returns the columns kept and their values, or raises with the line at fault."""
    columns = {index: array("d") for index in wanted}
    texts, missing, infinite = _Complaints(), _Complaints(), _Complaints()
    rows = 0
    for line, fields in _full_rows(text, layout, source):
        rows += 1
        for index, column in columns.items():
            field = fields[index].strip()
            value = _number(field)
            if field.lower() in _MISSING:
                missing.add(index, line, field)
            elif value is None:
                texts.add(index, line, field)
            elif value in (float("inf"), float("-inf")):
                infinite.add(index, line, field)
            column.append(0.0 if value is None else value)
    nameless = [i for i in wanted if missing.count.get(i) == rows and not (layout.names and layout.names[i])]
    if not explicit and rows and len(nameless) < len(wanted):  # `1,2,`: a comma at the end of every line
        wanted = [index for index in wanted if index not in nameless]
        for index in nameless:
            del missing.first[index], missing.count[index]
    _complain(texts, missing, infinite, layout.names, wanted, rows, source, explicit=explicit)
    values = np.empty((rows, len(wanted)))
    for k, index in enumerate(wanted):
        values[:, k] = columns[index]
    return wanted, values


def _full_rows(text: str, layout: _Layout, source: str) -> Iterator[tuple[int, list[str]]]:
    """The data rows with their line numbers, each as wide as the first; rows of nothing at the end are left out."""
    lines = _Lines(text)
    reader = _rows(iter(lines), layout.delimiter)
    if layout.names is not None:
        next(reader)
    empty: list[tuple[int, list[str]]] = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                empty.append((lines.number, fields + [""] * (layout.count - len(fields))))
                continue
            if len(fields) != layout.count:
                raise BadMeasure(
                    f"{source}: line {lines.number} has {len(fields)} fields, the first line has {layout.count}; "
                    "give every row the same number of fields (quote text that holds the separator)"
                )
            yield from empty
            empty = []
            yield lines.number, fields
    except csv.Error as error:
        raise BadMeasure(f"{source}: line {lines.number} is not comma-separated text ({error})") from None


def _complain(
    texts: _Complaints,
    missing: _Complaints,
    infinite: _Complaints,
    names: tuple[str, ...] | None,
    wanted: list[int],
    rows: int,
    source: str,
    *,
    explicit: bool,
) -> None:
    """Raise for the first thing that is wrong, text before gaps before infinities; return where nothing is."""
    if texts.first:
        index, (line, field) = min(texts.first.items(), key=lambda item: item[1][0])
        holds = f"{source}: line {line}, {label(index, names)} holds {field!r}"
        if _DECIMAL_COMMA.fullmatch(field):
            raise BadMeasure(f"{holds}; write decimals with a point")
        whole = [i for i in wanted if 2 * texts.count.get(i, 0) + missing.count.get(i, 0) > rows]
        if index not in whole:
            raise BadMeasure(f"{holds}, which is not a number")
        _complain_of_text(
            whole, [i for i in wanted if i not in whole], f"line {line}: {field!r}", names, source, explicit
        )
    if missing.first:
        index, (line, field) = min(missing.first.items(), key=lambda item: item[1][0])
        total = sum(missing.count.values())
        shown = f"holds {field!r}" if field else "is empty"
        many = "it is the only missing value" if total == 1 else f"{total} values are missing in all"
        raise BadMeasure(f"{source}: line {line}, {label(index, names)} {shown}; {many}; fill in or drop such rows")
    if infinite.first:
        index, (line, field) = min(infinite.first.items(), key=lambda item: item[1][0])
        raise BadMeasure(
            f"{source}: line {line}, {label(index, names)} is infinite ({field!r}); samples must be finite"
        )


def _complain_of_text(
    whole: list[int], numeric: list[int], where: str, names: tuple[str, ...] | None, source: str, explicit: bool
) -> None:
    shown = ", ".join(label(index, names).removeprefix("column ") for index in whole[:5])
    if len(whole) > 5:
        shown += f" and {len(whole) - 5} more"
    if explicit:
        advice = "choose columns of numbers"
    elif numeric:
        advice = f"choose the numeric ones: {source}:{selection_of(numeric, names)}"
    else:
        advice = "it has no column of numbers"
    subject = f"column {shown} is" if len(whole) == 1 else f"columns {shown} are"
    raise BadMeasure(f"{source}: {subject} not numeric ({where}); {advice}")
