"""Files of a run, written whole or not at all, and what is said where they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otkit.whole import whole


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """`whole`, whose failure, a full disk for one, is an OSError that names the file and says what is there now."""
    with saying_what_stays(path), whole(path) as unfinished:
        yield unfinished


@contextmanager
def saying_what_stays(path: Path) -> Iterator[None]:
    """An OSError inside comes out with the file's name, and with what a reader of it finds now."""
    try:
        yield
    except OSError as error:
        there = "the one before is still there" if path.exists() else "there was none before"
        reason = error.strerror or str(error)
        raise OSError(
            error.errno or 0, f"not written, {reason}; {there}. Make room, then go on with resume", str(path)
        ) from error


def sweep(folder: Path) -> None:
    """Removes what processes that were killed left half written."""
    for unfinished in folder.glob("*.part"):
        unfinished.unlink(missing_ok=True)
