"""The namespace of recorded ops: what ``xp`` is in a gradient rule under create_graph."""

from ..backends.common import Backend
from .compile import ROWS
from .dtypes import DTYPES


class TensorSpace(Backend):
    """Array-API names on tensors. Functions that are rows are recorded ops; the rest are the same compositions that a
    backend inherits, so a fused backend function has derivatives of every order through its composition."""

    mutable = False

    def __init__(self, raw):
        from .ops.product import matmul

        self.raw = raw
        self.name = raw.name
        self.device_type, self.index = raw.device_type, raw.index
        self.dtype_names = {d: n for n, d in DTYPES.items()}
        for name, d in DTYPES.items():
            setattr(self, name, d)
        for row in ROWS.values():
            setattr(self, row.xp_name, row.function)
        self.matmul = matmul  # several rows are products, each for other ranks

    def _native(self, d):
        return getattr(self.raw, d.name)

    def _wrap(self, a):
        from .tensor import Tensor, wrap

        return wrap(Tensor, self.raw, a, None)

    def full(self, shape, value, dtype):
        return self._wrap(self.raw.full(tuple(shape), value, self._native(dtype)))

    def zeros(self, shape, dtype):
        return self._wrap(self.raw.zeros(tuple(shape), self._native(dtype)))

    def ones(self, shape, dtype):
        return self._wrap(self.raw.ones(tuple(shape), self._native(dtype)))

    def arange(self, start, stop, step, dtype):
        return self._wrap(self.raw.arange(start, stop, step, self._native(dtype)))

    def astype(self, x, dtype):
        return x.to(dtype)

    def copy(self, x):
        return x.clone()

    def where(self, condition, x, y):
        return ROWS["where_"].function(x, y, getattr(condition, "_a", condition))

    select = where

    def concat(self, tensors, axis):
        from .ops.join import cat

        return cat(tensors, axis)

    def getitem(self, x, key):
        return ROWS["index_"].function(x, key)

    def clip(self, x, low, high):
        return ROWS["clamp"].function(x, low, high)

    def real(self, x):
        return x.real

    def count(self, shape, axis):
        return self.raw.count(tuple(shape), axis)

    def recalled(self, x, mean, var, axes):
        """What a normalization kept of its forward depends on x: here it is computed again, recorded."""
        return self.mean_and_var(x, axes)

    def recalled_square(self, x, square, axes):
        return self.mean(x * x, axes, True)
