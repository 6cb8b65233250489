"""Files written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """The path of a file beside `path` to write to, which takes its place at the end, after what it holds is on disk.

    A failure, a full disk for one, leaves the old file; it is an OSError that names the file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder) / "a.txt") as unfinished:
    ...         length = unfinished.write_text("all of it")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with saying_what_stays(path):
            yield unfinished
            with open(unfinished, "rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


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
