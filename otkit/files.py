"""Sample sets and weights from files: .npy, .npz, .csv, .tsv, .txt, .parquet, and delimited text on a pipe.

A *spec* is what a person types: `data.csv`, `data.csv:height,weight`, `data.csv:2,5-7` (columns count from 1),
`data.npz:key`, `data.npz:key:1,2`, or `-` for delimited text on standard input. Every error names the file, says
what was found in it and what to do.
"""

import os
import re
import sys
from collections.abc import Iterable
from typing import IO, NamedTuple

import numpy as np

from otkit.columns import label, listing, pick, selection_of
from otkit.delimited import read_delimited
from otkit.errors import BadMeasure, OtkitError, Unsupported

_SPEC = re.compile(r"(?P<path>.*?\.(?:npy|npz|csv|tsv|txt|dat|parquet|pq)):(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_KNOWN = ".npy, .npz, .csv, .tsv, .txt or .parquet"
_ADVICE = {
    ".xlsx": "save the sheet as .csv",
    ".xls": "save the sheet as .csv",
    ".ods": "save the sheet as .csv",
    ".gz": "unpack it first",
    ".zip": "unpack it first",
    ".json": "convert it to .csv",
    ".pkl": "save the array with numpy.save",
    ".pickle": "save the array with numpy.save",
    ".pt": "save tensor.numpy() with numpy.save",
    ".feather": "save it as .parquet",
}


class Table(NamedTuple):
    """One table of finite numbers."""

    values: np.ndarray  # (n, d) float64
    names: tuple[str, ...] | None
    source: str
    selected: bool  # the spec chose its columns
    notes: tuple[str, ...]


class Inputs(NamedTuple):
    """What `otkit.wasserstein` is given: x (n, d), y (m, d), weights or None; names of the d columns where known."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray | None
    b: np.ndarray | None
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


class _Side(NamedTuple):
    """One of the sample sets to compare, as it was typed."""

    name: str
    spec: str
    option: str
    weights: str | None


def read_pair(
    x: str,
    y: str,
    *,
    weights_x: str | None = None,
    weights_y: str | None = None,
    header: str = "auto",
    stdin: IO[bytes] | None = None,
) -> Inputs:
    """Two sample sets to compare, with weights.

    A weight column of the sample file itself (`weights_x="x.csv:w"` beside `x="x.csv"`) is left out of the samples.
    Where both files name their columns, they are matched by name; different sets of names are refused unless
    columns are chosen for both. Raises `BadMeasure` or `Unsupported`.
    """
    sides = _Side("X", x, "--weights-x", weights_x), _Side("Y", y, "--weights-y", weights_y)
    return _read_pairs(sides, header, stdin)[0]


def read_pairs(
    pair: tuple[str, str],
    holdout: tuple[str, str],
    *,
    weights: tuple[str | None, str | None] = (None, None),
    weights_holdout: tuple[str | None, str | None] = (None, None),
    header: str = "auto",
    stdin: IO[bytes] | None = None,
) -> tuple[Inputs, Inputs]:
    """Two sample sets and two more of the same kind, all with the same columns. As `read_pair` otherwise."""
    options = ("--weights-x", "--weights-y", "--weights-holdout", "--weights-holdout")
    sides = map(_Side, ("X", "Y", "X2", "Y2"), (*pair, *holdout), options, (*weights, *weights_holdout))
    first, second = _read_pairs(tuple(sides), header, stdin)
    return first, second


def _read_pairs(sides: tuple[_Side, ...], header: str, stdin: IO[bytes] | None) -> list[Inputs]:
    piped = [side.name for side in sides if side.spec.split(":")[0] == "-"]
    if len(piped) > 1:
        every = "both" if len(piped) == 2 else "all"
        raise BadMeasure(
            f"{', '.join(piped[:-1])} and {piped[-1]} are {every} '-', but standard input holds one sample set; "
            f"give {'a file for one' if len(piped) == 2 else 'files for all but one'} of them"
        )
    store = _Store(stdin)
    tables, weights = [], []
    for side in sides:
        table, weight = _samples_and_weights(side.spec, side.weights, store, header, side.option)
        tables.append(table)
        weights.append(weight)
    named = next((k for k, table in enumerate(tables) if table.names is not None), 0)
    for k in range(named + 1, len(sides)):
        tables[k] = _match(tables[named], tables[k], f"{sides[named].name} and {sides[k].name}")
    for side, table in zip(sides, tables):
        if table.values.shape[1] != tables[0].values.shape[1]:
            raise BadMeasure(
                f"X and {side.name} differ in dimension: {sides[0].spec} has {_columns(tables[0])}, {side.spec} has "
                f"{_columns(table)}; choose as many columns from each, as in file.csv:a,b"
            )
    return [
        Inputs(
            tables[k].values, tables[k + 1].values, weights[k], weights[k + 1], tables[named].names,
            tables[k].notes + tables[k + 1].notes,
        )
        for k in range(0, len(sides), 2)
    ]  # fmt: skip


def read_table(spec: str, *, header: str = "auto", without: str | None = None, stdin: IO[bytes] | None = None) -> Table:
    """The table that `spec` means, columns chosen, every value finite. Raises `BadMeasure` or `Unsupported`."""
    return _read(spec, _Store(stdin), header, without)


def read_arrays(path: str, keys: Iterable[str]) -> tuple[np.ndarray, ...]:
    """Arrays of an .npz file as they are, by their keys. Raises `BadMeasure`."""
    try:
        return tuple(_read_numpy(path, ".npz", key)[0] for key in keys)
    except OSError as error:
        raise BadMeasure(f"{path}: it could not be read ({error.strerror or error})") from None


def _columns(table: Table) -> str:
    d = table.values.shape[1]
    return "1 column" if d == 1 else f"{d} columns"


class _Store:
    """Reads each stream at most once: a pipe cannot be read again for its weights."""

    def __init__(self, stdin: IO[bytes] | None) -> None:
        self._stdin = stdin
        self._seen: dict[str, bytes] = {}

    def raw(self, path: str) -> bytes:
        if path not in self._seen:
            if path != "-":
                with open(path, "rb") as handle:
                    self._seen[path] = self._read(handle)
            elif self._stdin is None and sys.stdin is None:
                raise BadMeasure("-: standard input is closed; give a file")
            else:
                self._seen[path] = self._read(self._stdin or sys.stdin.buffer)
        return self._seen[path]

    @staticmethod
    def _read(handle: IO[bytes]) -> bytes:
        head = handle.read(2**16)
        if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return head  # binary, to be refused; /dev/zero has no end
        return head + handle.read()


def split_spec(spec: str) -> tuple[str, str | None]:
    """The path and, after the colon, the columns or key of a spec. A file of exactly that name wins.

    >>> split_spec("data/x.csv:height,weight")
    ('data/x.csv', 'height,weight')
    """
    if spec == "-" or os.path.exists(spec):
        return spec, None
    if spec.startswith("-:"):
        return "-", spec[2:]
    if match := _SPEC.fullmatch(spec):
        return match["path"], match["rest"]
    left, colon, right = spec.rpartition(":")
    if colon and os.path.exists(left):
        return left, right
    return spec, None


def _samples_and_weights(
    spec: str, weights: str | None, store: _Store, header: str, option: str
) -> tuple[Table, np.ndarray | None]:
    if weights is None:
        return _read(spec, store, header), None
    path, selection = split_spec(spec)
    weight_path, weight_selection = split_spec(weights)
    if _same(path, weight_path) and weight_selection is None:
        raise BadMeasure(f"{option} {weights}: that is the sample file; name its weight column, as in {weights}:weight")
    own_column = _same(path, weight_path) and selection is None and not path.lower().endswith(".npz")
    samples = _read(spec, store, header, without=weight_selection if own_column else None)
    if not os.path.exists(weight_path) and weight_path == weights != "-" and os.path.splitext(weights)[1] == "":
        raise BadMeasure(f"{option} {weights}: no such file; for a column of the samples write {path}:{weights}")
    table = _read(weights, store, header)
    if table.values.shape[1] != 1:
        found = f"{table.values.shape[1]} columns"
        raise BadMeasure(
            f"{option} {weights}: weights are one column, found {found}; choose one, as in {weights}:weight"
        )
    if len(table.values) != len(samples.values):
        raise BadMeasure(
            f"{option} {weights}: {len(table.values)} weights for the {len(samples.values)} samples of {spec}"
        )
    found = table.values[:, 0]
    if found.min() < 0:
        raise BadMeasure(
            f"{option} {weights}: weight {int(found.argmin()) + 1} is {found.min():g}; weights are at least 0"
        )
    if not found.any():
        raise BadMeasure(f"{option} {weights}: all {len(found)} weights are 0; at least one must be positive")
    if own_column:
        samples = samples._replace(
            notes=(*samples.notes, f"{path}: {weight_selection!r} is the weight, not a coordinate")
        )
    return samples._replace(notes=samples.notes + table.notes if not own_column else samples.notes), found


def _same(path: str, other: str) -> bool:
    if "-" in (path, other):
        return path == other
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _match(left: Table, right: Table, names: str) -> Table:
    """The second table with its columns in the order of the first, by name, where both have names."""
    if left.names is None or right.names is None or left.names == right.names or (left.selected and right.selected):
        return right
    if len(set(left.names)) < len(left.names) or sorted(left.names) != sorted(right.names):
        only_left = [name for name in left.names if name not in right.names]
        only_right = [name for name in right.names if name not in left.names]
        common = [name for name in left.names if name in right.names]
        found = [
            f"{listing(only, 4)} only in {table.source}"
            for only, table in ((only_left, left), (only_right, right))
            if only
        ]
        if common and len(set(left.names)) == len(left.names):
            chosen = selection_of([left.names.index(name) for name in common], left.names)
            advice = f"choose the same columns of both, as in {split_spec(left.source)[0]}:{chosen}"
        else:
            advice = "choose columns of both, as in file.csv:a,b or file.csv:1,2"
        raise BadMeasure(f"{names} have different columns: {'; '.join(found) or 'a name occurs twice'}; {advice}")
    order = [right.names.index(name) for name in left.names]
    note = f"{right.source}: its columns are in another order; they were matched by name"
    values = np.ascontiguousarray(right.values[:, order])
    return right._replace(values=values, names=left.names, notes=(*right.notes, note))


def _read(spec: str, store: _Store, header: str, without: str | None = None) -> Table:
    path, selection = split_spec(spec)
    try:
        table = _read_as(path, selection, spec, store, header, without)
    except OtkitError:
        raise
    except FileNotFoundError:
        raise BadMeasure(f"{path}: no such file") from None
    except PermissionError:
        raise BadMeasure(f"{path}: it may not be read (permission denied)") from None
    except OSError as error:
        raise BadMeasure(f"{path}: it could not be read ({error.strerror or error})") from None
    return _drop_row_index(table) if selection is None else table


def _read_as(path: str, selection: str | None, spec: str, store: _Store, header: str, without: str | None) -> Table:
    if "\0" in path or not path:
        raise BadMeasure(f"{spec!r} is not the name of a file")
    suffix = os.path.splitext(path)[1].lower()
    if path != "-":
        os.stat(path)
    if os.path.isdir(path):
        raise BadMeasure(f"{path}: this is a directory; give one file of samples")
    stream = path == "-" or not os.path.isfile(path)  # <(...) in a shell gives a pipe without a suffix
    if stream or suffix in (".csv", ".tsv", ".txt", ".dat"):
        found = read_delimited(
            store.raw(path),
            path,
            delimiter="\t" if suffix == ".tsv" else None,
            header=header,
            selection=selection,
            without=without,
        )
        return Table(found.values, found.names, spec, selection is not None, found.notes)
    if suffix in (".npy", ".npz"):
        values, names, columns = _read_numpy(path, suffix, selection)
        return _from_array(values, names, columns, spec, path, without)
    if suffix in (".parquet", ".pq"):
        return _read_parquet(path, selection, spec, without)
    advice = _ADVICE.get(suffix, "save it in one of these or rename it")
    raise BadMeasure(f"{path}: files are {_KNOWN}, not {suffix or 'without a suffix'}; {advice}")


def _read_numpy(path: str, suffix: str, rest: str | None) -> tuple[np.ndarray, tuple[str, ...] | None, str | None]:
    with open(path, "rb") as handle:
        magic = handle.read(6)
    if not magic:
        raise BadMeasure(f"{path}: the file is empty (0 bytes)")
    if suffix == ".npy" and magic != b"\x93NUMPY" or suffix == ".npz" and not magic.startswith(b"PK"):
        raise BadMeasure(
            f"{path}: this is not a NumPy {suffix} file; write it with numpy.{'save' if suffix == '.npy' else 'savez'}"
        )
    import zipfile
    import zlib

    try:
        loaded = np.load(path, allow_pickle=False)
        if suffix == ".npy":
            values, columns = loaded, rest
        else:
            with loaded:
                key, columns = _key(path, rest, loaded.files)
                values = loaded[key]
    except OtkitError:  # a ValueError too
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError) as error:
        if "Object arrays" in str(error):
            raise BadMeasure(
                f"{path}: it holds Python objects; save numbers, as in numpy.save(path, x.astype(float))"
            ) from None
        raise BadMeasure(f"{path}: the file is damaged ({str(error).splitlines()[0]}); write it again") from None
    if isinstance(values, np.ndarray) and values.dtype.names:
        return _from_records(values, path), values.dtype.names, columns
    return values, None, columns


def _key(path: str, rest: str | None, keys: list[str]) -> tuple[str, str | None]:
    if not keys:
        raise BadMeasure(f"{path}: the archive holds no array")
    if rest is None:
        if len(keys) > 1:
            raise BadMeasure(f"{path}: it holds {len(keys)} arrays; choose one: {path}:{keys[0]} ({listing(keys)})")
        return keys[0], None
    if rest in keys:
        return rest, None
    key, _, columns = rest.partition(":")
    if key not in keys:
        raise BadMeasure(f"{path}: no array {key!r}; it holds {listing(keys)}")
    return key, columns


def _from_records(values: np.ndarray, path: str) -> np.ndarray:
    for name in values.dtype.names or ():
        if values.dtype[name].kind not in "biuf":
            raise BadMeasure(f"{path}: column {name!r} is {values.dtype[name]}, not numbers; choose others: {path}:a,b")
    return np.stack([values[name].astype(np.float64) for name in values.dtype.names or ()], axis=-1)


def _from_array(
    values: np.ndarray, names: tuple[str, ...] | None, selection: str | None, spec: str, path: str, without: str | None
) -> Table:
    _check_array(values, path)
    values = values.reshape(len(values), -1)
    wanted = list(range(values.shape[1]))
    if selection is not None:
        wanted = pick(selection, names, values.shape[1], path)
    if without is not None:
        dropped = pick(without, names, values.shape[1], path)
        wanted = [index for index in wanted if index not in dropped]
        if not wanted:
            raise BadMeasure(f"{path}: no column of samples is left beside the weights {without!r}")
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf, which is refused below
        values = np.ascontiguousarray(values[:, wanted], dtype=np.float64)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        total = int((~np.isfinite(values)).sum())
        where = f"row {row + 1}, {label(wanted[column], names)}"
        raise BadMeasure(
            f"{path}: {where} is {values[row, column]} ({total} such {'value' if total == 1 else 'values'} in all); "
            "fill in or drop such rows"
        )
    return Table(values, None if names is None else tuple(names[i] for i in wanted), spec, selection is not None, ())


def _check_array(values: np.ndarray, path: str) -> None:
    kinds = {"c": "complex numbers", "U": "text", "S": "text", "O": "Python objects", "M": "dates", "m": "time spans"}
    if values.dtype.kind not in "biuf":
        raise BadMeasure(
            f"{path}: the array holds {kinds.get(values.dtype.kind, values.dtype)}; samples are real numbers"
        )
    if values.ndim == 0:
        raise BadMeasure(f"{path}: the array is a single number; samples are an (n, d) array, or (n,) on the line")
    if values.ndim > 2:
        raise BadMeasure(
            f"{path}: the array has shape {values.shape}; flatten each sample first: x.reshape(len(x), -1)"
        )
    if values.size == 0:
        raise BadMeasure(f"{path}: the array is empty, shape {values.shape}; it needs at least one sample")


def _read_parquet(path: str, selection: str | None, spec: str, without: str | None) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Unsupported(
            f"{path}: reading .parquet needs pyarrow; install it with: pip install 'otkit[parquet]'"
        ) from None
    if os.path.getsize(path) == 0:
        raise BadMeasure(f"{path}: the file is empty (0 bytes)")
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = tuple(schema.names)
            wanted = pick(selection, names, len(names), path) if selection is not None else list(range(len(names)))
            if without is not None:
                dropped = pick(without, names, len(names), path)
                wanted = [index for index in wanted if index not in dropped]
            _check_types([schema.field(i).type for i in range(len(names))], wanted, names, path, selection is not None)
            table = file.read(columns=[names[index] for index in wanted])
    except pa.ArrowException as error:
        raise BadMeasure(f"{path}: this is not a readable parquet file ({str(error).splitlines()[0]})") from None
    if not table.num_rows or not wanted:
        raise BadMeasure(
            f"{path}: it has {table.num_rows} rows and {len(wanted)} columns of samples; it needs one at least"
        )
    columns = []
    for index in wanted:
        column = table.column(names[index])
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise BadMeasure(
                f"{path}: row {row + 1}, column {names[index]!r} is empty ({column.null_count} missing in all); "
                "fill in or drop such rows"
            )
        columns.append(np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64))
    found = _from_array(np.stack(columns, axis=1), tuple(names[i] for i in wanted), None, spec, path, None)
    return found._replace(selected=selection is not None)


def _check_types(types: list, wanted: list[int], names: tuple[str, ...], path: str, explicit: bool) -> None:
    import pyarrow.types as kind

    def numeric(index: int) -> bool:
        tests = (kind.is_integer, kind.is_floating, kind.is_boolean, kind.is_decimal)
        return any(test(types[index]) for test in tests)

    bad = [index for index in wanted if not numeric(index)]
    if not bad:
        return
    good = [index for index in range(len(names)) if numeric(index)]
    advice = (
        f"choose the numeric ones: {path}:{selection_of(good, names)}" if good and not explicit else "choose others"
    )
    found = ", ".join(f"{names[index]!r} ({types[index]})" for index in bad[:5])
    raise BadMeasure(f"{path}: {'columns' if len(bad) > 1 else 'column'} {found} not numeric; {advice}")


def _drop_row_index(table: Table) -> Table:
    """Without the row numbers that frames write in front: a nameless column 0, 1, 2, ... is no coordinate."""
    if table.names is None or table.values.shape[1] < 2:
        return table
    for k, name in enumerate(table.names):
        index = name in ("", "Unnamed: 0", "__index_level_0__")
        if index and np.array_equal(table.values[:, k], np.arange(len(table.values))):
            values = np.ascontiguousarray(np.delete(table.values, k, axis=1))
            names = table.names[:k] + table.names[k + 1 :]
            note = f"{table.source}: column {k + 1} only numbers the rows and is left out (choose columns to keep it)"
            return table._replace(values=values, names=names, notes=(*table.notes, note))
    return table
