"""The PyTorch adapter: torch critics against the exact distance. Imports torch on first use of a name."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otkit.torch.critics import TorchCritic, load_critic, save_critic
    from otkit.torch.verify import verify_critic

_HOME = {
    "TorchCritic": "otkit.torch.critics",
    "load_critic": "otkit.torch.critics",
    "save_critic": "otkit.torch.critics",
    "verify_critic": "otkit.torch.verify",
}

__all__ = ["TorchCritic", "load_critic", "save_critic", "verify_critic"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'otkit.torch' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name != "torch":
            raise
        raise ImportError(
            "otkit.torch needs torch, which is not installed; install it with: pip install 'otkit[torch]'", name="torch"
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
