"""The namespace of recorded ops: what ``xp`` is in a gradient rule under create_graph."""

from ..backends.common import Backend
from .compile import on_new_row
from .dtypes import DTYPES
from .rows import ROWS


def raw(index):
    """Index arrays are constants of an op: raw, also where a rule got them as tensors."""
    return getattr(index, "_a", index)


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
            self.take(row)
        on_new_row.append(self.take)
        self.matmul = matmul  # several rows are products, each for other ranks

    def take(self, row):
        """Use a row under its array-API name, unless this class has its own form of it."""
        if row.xp_name not in type(self).__dict__:
            setattr(self, row.xp_name, row.function)

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

    def stack(self, tensors, axis):
        from .ops.join import stack

        return stack(tensors, axis)

    def getitem(self, x, key):
        return ROWS["index_"].function(x, tuple(raw(k) for k in key) if isinstance(key, tuple) else raw(key))

    def take_along_axis(self, x, index, axis):
        if not x.shape:
            return x.reshape(index.shape)
        return ROWS["gather_"].function(x, raw(index), axis)

    def gather_backward(self, g, index, axis, shape):
        return ROWS["gather_backward"].function(g, raw(index), axis, shape)

    def clip(self, x, low, high):
        return ROWS["clamp"].function(x, low, high)

    def real(self, x):
        return x.real

    def count(self, shape, axis):
        return self.raw.count(tuple(shape), axis)

    def held(self, x):
        return x.detach()

    def recalled_exps(self, exps, shares, q, k, mask, scale, causal):
        """Of an attention: computed again, recorded."""
        return self.exps_and_shares(self.attention_scores(q, k, mask, scale, causal))

    def recalled(self, x, mean, var, axes):
        """What a normalization kept of its forward depends on x: here it is computed again, recorded."""
        return self.mean_and_var(x, axes)

    def recalled_square(self, x, square, axes):
        return self.mean(x * x, axes, True)

    def recalled_lstm(self, kept, before, *arguments):
        return self.lstm_steps(*arguments)[3:]

    def recalled_gru(self, kept, before, *arguments):
        return self.gru_steps(*arguments)[2:]

    def recalled_rnn(self, kept, before, *arguments):
        return self.rnn_steps(*arguments)[2:]
