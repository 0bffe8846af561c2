"""Whether deterministic algorithms come with filled memory: ``fill_uninitialized_memory``, True unless set otherwise."""

import sys as _sys
from types import ModuleType as _ModuleType

from plugrad.core.determinism import get_fill as _get_fill
from plugrad.core.determinism import set_fill as _set_fill

fill_uninitialized_memory: bool


class _Deterministic(_ModuleType):
    @property
    def fill_uninitialized_memory(self):
        return _get_fill()

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, value):
        _set_fill(value)


_sys.modules[__name__].__class__ = _Deterministic
__all__ = ["fill_uninitialized_memory"]
