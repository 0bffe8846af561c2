"""LazyModuleMixin where torch has it."""

from ..lazy import LazyModuleMixin

__all__ = ["LazyModuleMixin"]
