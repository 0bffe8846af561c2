"""array-api-strict, made quick enough for the whole suite: it looks dtypes up one by one, in Python, for every array it makes,
and asks every slice for the protocol of whole numbers. What it accepts is the same."""

import importlib

__all__ = ["hasten"]


def hasten():
    """Have the library look dtypes up by their hash, compare them first with each other, and take a Python int for what an
    index is first."""
    dtype = importlib.import_module("array_api_strict._dtypes").DType
    arrays = importlib.import_module("array_api_strict._array_object")
    for module in (arrays, importlib.import_module("array_api_strict._creation_functions")):
        for name, value in list(vars(module).items()):
            if isinstance(value, tuple) and value and all(isinstance(v, dtype) for v in value):
                setattr(module, name, frozenset(value))
    arrays.SupportsIndex = int
    compared = dtype.__eq__

    def equal(self, other):
        return self._np_dtype == other._np_dtype if other.__class__ is dtype else compared(self, other)

    dtype.__eq__ = equal
