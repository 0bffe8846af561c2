"""Views of any strides and dtypes on numpy's memory."""

import numpy as np

from .striding import same_layout, span


class Memory:
    """What numpy asks of an object on whose memory it is to make an array; ``base`` keeps that alive."""

    def __init__(self, base, address, shape, strides, dtype):
        self.base = base
        self.__array_interface__ = {
            "version": 3,
            "data": (address, not base.flags.writeable),
            "shape": tuple(shape),
            "strides": tuple(strides),
            "typestr": dtype.str,
        }


def root(a):
    """The array that owns the memory of ``a``, through views of strides too."""
    while True:
        below = a.base
        if not isinstance(below, np.ndarray):
            below = getattr(below, "base", None)
        if not isinstance(below, np.ndarray):
            return a
        a = below


def on_memory(a, shift, shape, strides):
    """An array of other sizes and strides, in elements; it starts ``shift`` elements after ``a``."""
    unit = a.itemsize
    strides = tuple(step * unit for step in strides)
    made = np.asarray(Memory(a, a.ctypes.data + shift * unit, shape, strides, a.dtype))
    return made if made.dtype == a.dtype else made.view(a.dtype)


class NumpyStriding:
    """Mixed into the numpy backend."""

    has_strides = True

    @staticmethod
    def offset(a):
        return (a.ctypes.data - root(a).ctypes.data) // a.itemsize

    def geometry(self, a):
        return tuple(a.shape), self.strides(a), self.offset(a)

    @staticmethod
    def storage_size(a):
        low, high = np.lib.array_utils.byte_bounds(root(a))
        return (high - low if a.size else root(a).nbytes) // a.itemsize

    def as_strided(self, a, source, target):
        if not a.size or not same_layout(source, (tuple(a.shape), self.strides(a), 0)):
            return super().as_strided(a, source, target)
        return on_memory(a, target[2] - source[2], *target[:2])

    def laid_out(self, a, source):
        """A copy of ``a`` with the strides of ``source``."""
        memory = np.zeros(max(span((*source[:2], 0)), 1), a.dtype)
        out = on_memory(memory, 0, *source[:2])
        out[...] = a
        return out

    @staticmethod
    def view_as_real(a):
        return a[..., None].view(a.real.dtype)

    @staticmethod
    def view_as_complex(a):
        if a.strides[-1] != a.itemsize:  # a gradient may lie in any way
            a = a.copy()
        return a.view(np.result_type(a.dtype, np.complex64))[..., 0]

    @staticmethod
    def view_dtype(a, dtype):
        return a.view(dtype)
