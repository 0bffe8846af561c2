"""Running array formulas block by block, so that their temporaries stay in the cache."""

from functools import lru_cache

import numpy as np

__all__ = ["BLOCK", "at_least", "at_most", "blockwise", "constants", "ones", "rows_of"]

#: Elements of a block: a handful of float32 arrays of this size fit the second-level cache of common machines.
BLOCK = 65536


@lru_cache(maxsize=1024)
def constants(dtype, *values):
    """Numbers as 0-d arrays: a ufunc takes 0.3 µs with one and 0.6 µs with a Python float."""
    return tuple(np.array(v, dtype) for v in values)


@lru_cache(maxsize=64)
def full_block(dtype, value):
    return np.full(BLOCK, value, dtype)


def ones(width, dtype):
    """A row of ones, for reading only."""
    return full_block(dtype, 1.0)[:width] if width <= BLOCK else np.ones(width, dtype)


def at_most(x, bound, out):
    """min(x, bound) of a block: an array of the bound is three times as fast as the number."""
    np.minimum(x, full_block(x.dtype, bound)[: x.size], out=out)


def at_least(x, bound, out):
    """max(x, bound) of a block."""
    np.maximum(x, full_block(x.dtype, bound)[: x.size], out=out)


def blockwise(arrays_in):
    """Make a backend's function of a kernel ``kernel(out, *arrays, *parameters)`` that fills a block ``out`` elementwise.

    Half precision is computed in float32; other dtypes than floats are refused.
    """

    def decorate(kernel):
        def function(*arguments):
            arrays, parameters = arguments[:arrays_in], arguments[arrays_in:]
            first = arrays[0]
            dtype = first.dtype
            if dtype.kind != "f" or dtype.itemsize == 2:
                if dtype.itemsize != 2 or dtype.kind in "iu":
                    raise TypeError(f"{kernel.__name__} of {dtype}")
                return function(*(a.astype(np.float32) for a in arrays), *parameters).astype(dtype)
            out = np.empty(first.shape, dtype)
            flat, *parts = (a.reshape(-1) for a in (out, *arrays))
            if flat.size <= BLOCK:
                kernel(flat, *parts, *parameters)
                return out
            for start in range(0, flat.size, BLOCK):
                block = slice(start, start + BLOCK)
                kernel(flat[block], *(p[block] for p in parts), *parameters)
            return out

        function.__doc__ = kernel.__doc__
        return staticmethod(function)  # callable as it is, and in a class without self

    return decorate


def rows_of(rows, width):
    """Slices of rows so that a block has about BLOCK elements."""
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
