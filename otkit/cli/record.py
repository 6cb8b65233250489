"""An answer as one JSON object."""

import json
from enum import Enum
from typing import Any


def print_record(record: dict[str, Any]) -> None:
    """One line on stdout, with the version of otkit at its end."""
    import otkit

    print(json.dumps(plain(record | {"otkit": otkit.__version__}), allow_nan=False))


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy scalars unpacked, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float) and value - value != 0.0:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
