"""torch's module paths, for programs that import from them."""

from . import module

__all__ = ["module"]
