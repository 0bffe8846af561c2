"""torch's module paths, for programs that import from them."""

from . import lazy, module

__all__ = ["lazy", "module"]
