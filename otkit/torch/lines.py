"""Of an error of torch, which may fill a page, what fits into a sentence."""


def first_line(error: Exception) -> str:
    """The first line of its text, without a full stop.

    >>> first_line(RuntimeError("out of memory.\\nTried to allocate ..."))
    'out of memory'
    """
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
