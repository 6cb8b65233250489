"""Gives OTT-JAX 0.6.0 back its online mode under JAX 0.9 and later, which took away a name that it uses.

OTT repaired this after the release (its pull request 701) by taking the same function from where it now is. Without
it `PointCloud(..., batch_size=...)`, its way without n x m arrays, raises AttributeError.
"""

import jax._src.interpreters.batching as inner
from jax.interpreters import batching

if not hasattr(batching, "is_vmappable"):
    batching.is_vmappable = inner.is_vmappable
