"""Half precision, float16 and bfloat16: what takes several steps is computed in float32 and rounded once."""

import functools

__all__ = ["HALF", "in_float32"]

HALF = ("float16", "bfloat16")


def in_float32(arrays_in):
    """Let a backend's function see its first arguments, arrays of half precision, as float32, and round its result."""

    def decorate(function):
        @functools.wraps(function)
        def wide(self, *arguments):
            dtype = arguments[0].dtype
            if self.dtype_names[dtype] not in HALF:
                return function(self, *arguments)
            arrays = (self.astype(a, self.float32) for a in arguments[:arrays_in])
            return self.astype(function(self, *arrays, *arguments[arrays_in:]), dtype)

        return wide

    return decorate
