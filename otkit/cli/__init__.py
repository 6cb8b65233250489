"""The shell: `otkit COMMAND`, one file per command. Exit codes: 0 answered, 2 bad input or usage, 3 not converged."""

import os
import sys
from collections.abc import Sequence

_BEFORE = {"train": "the first step", "sample": "the samples were drawn"}  # that: Ctrl-C came; else the bracket


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors are one line on stderr, never a traceback.

    Codes beside 0, 2 and 3: 130 where Ctrl-C came before any bracket was known, 1 for a fault of otkit itself
    (set OTKIT_DEBUG=1 to see its traceback).
    """
    try:
        import typer  # noqa: F401
    except ImportError:
        return _fail("the shell needs typer and rich; install them with: pip install 'otkit[cli]'", 2)
    if sys.stderr is None:  # print(file=None) would go to stdout
        sys.stderr = open(os.devnull, "w")
    if sys.stdout is None:
        return _fail("standard output is closed, so there is nowhere to put an answer", 2)
    if hasattr(sys.stdout, "reconfigure"):  # a file name that the terminal cannot show must not cost the answer
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit finds a reader
        if isinstance(error, BrokenPipeError):  # whoever read our output has gone; nobody is left to be told
            return 0
        return _fail(f"the answer could not be written ({error.strerror or error})", 2)


def _run(argv: Sequence[str] | None) -> int:
    from otkit.cli.app import app
    from otkit.errors import OtkitError

    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        code = app(args=arguments, prog_name="otkit", standalone_mode=False) or 0
        return _fail(_interrupted(arguments), code) if code == 130 else code  # typer turns a KeyboardInterrupt into 130
    except SystemExit:  # typer's answer to a closed pipe where stdout is unbuffered
        return 0
    except OtkitError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail(_interrupted(arguments), 130)
    except MemoryError:
        return _fail("not enough memory for this problem; try fewer samples", 2)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 2)
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's usage errors, whichever class this version gives them
            return _fail(f"{error.format_message()} (see otkit --help)", 2)
        if os.environ.get("OTKIT_DEBUG"):
            raise
        return _fail(f"internal error, {type(error).__name__}: {error}; OTKIT_DEBUG=1 shows where, please report it", 1)


def _interrupted(arguments: Sequence[str]) -> str:
    return f"interrupted before {_BEFORE.get(arguments[0], 'a bracket was known')}"


def _fail(message: str, code: int) -> int:
    print("otkit: " + " ".join(message.split()), file=sys.stderr)
    return code
