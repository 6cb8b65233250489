"""What the shell says on stderr beside progress: notes on the input, and why an answer is not final."""

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches


def option(key: str) -> str:
    """How a keyword of Python is typed in the shell.

    >>> option("max_iter")
    '--max-iter'
    """
    return "--" + key.replace("_", "-")


def nearest(name: str, among: Iterable[str]) -> str:
    """What may have been meant by a name that is none of these, or all of them.

    >>> nearest("sinkhron", ["auto", "sinkhorn"])
    'did you mean sinkhorn?'
    """
    close = get_close_matches(name.lower(), list(among), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(among)}"


def in_shell_words(message: str) -> str:
    """Options as they are typed: max_iter is --max-iter, eps=0.1 is --eps 0.1."""
    return re.sub(
        r"(?<!relative )\b(max_iter|time_limit|tol|eps|gap)\b(=(?=\d))?",
        lambda found: option(found[1]) + (" " if found[2] else ""),
        message,
    )


def print_notes(notes: Iterable[str], quiet: bool) -> None:
    """What was made of the input where it could have been meant otherwise."""
    if not quiet:
        for note in notes:
            print(f"otkit: note: {note}", file=sys.stderr)


def print_failure(message: str) -> int:
    """Something beside the answer, which is printed all the same, went wrong; the exit code."""
    print(f"otkit: {' '.join(message.split())}", file=sys.stderr)
    return 2


def exit_code(status, of: str = "") -> int:
    """0 where the goal was reached; else 3, after a line that says why and what to do."""
    if status.ok:
        return 0
    remedy = in_shell_words(status.remedy).replace(" in .lower and .upper", "")
    print(f"otkit: not converged ({of}{status.name}): {remedy}", file=sys.stderr)
    return 3
