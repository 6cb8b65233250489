"""Imports all of otkit that a solve imports lazily, so that "over import" means over the import of everything."""

from importlib import import_module
from pkgutil import iter_modules

import otkit.front
import otkit.kernels

for _module in iter_modules(otkit.kernels.__path__):
    import_module(f"otkit.kernels.{_module.name}")
