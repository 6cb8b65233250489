"""Small real sample sets that ship with otkit; README.md beside this file gives source and licence."""

from pathlib import Path

from otkit.errors import BadMeasure

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names that `path` knows, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.csv"))


def path(name: str) -> Path:
    """The path of the CSV file `name` (with or without ".csv"): a header line, then one sample per row.

    Raises `BadMeasure` for a name that does not ship.

    >>> path("iris_setosa").name
    'iris_setosa.csv'
    """
    stem = str(name).removesuffix(".csv")
    if stem not in names():
        raise BadMeasure(f"no data set named {name!r} ships with otkit; choose one of {', '.join(names())}")
    return _FOLDER / f"{stem}.csv"
