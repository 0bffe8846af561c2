"""Special functions are computed in float64 and rounded once to the dtype of their arguments."""

import functools

__all__ = ["in_double"]


def in_double(arrays_in):
    """Let a backend's elementwise function see its first arguments, arrays of floats, as float64, and round its result.

    A namespace over another one, as that of vmap, hands the function down: it is one of each element.

    Raises:
        TypeError: the arrays are no floats; the op then promotes or refuses them.
    """

    def decorate(function):
        name = function.__name__

        @functools.wraps(function)
        def wide(self, *arguments):
            if self.transform is not None:
                return self.made(getattr(self.base, name)(*self.aligned(arguments)))
            arrays = arguments[:arrays_in]
            dtype = next(a.dtype for a in arrays if hasattr(a, "dtype"))
            if "float" not in self.dtype_names[dtype]:
                raise TypeError(f"{name} of {self.dtype_names[dtype]}")
            given = (wide_array(self, a) for a in arrays)
            made = function(self, *given, *arguments[arrays_in:])
            return made if dtype == self.float64 else self.astype(self.wrap(made), dtype)

        return wide

    return decorate


def wide_array(xp, value):
    """A float64 array of an array or a number."""
    if not hasattr(value, "dtype"):
        return xp.full((), value, xp.float64)
    return value if value.dtype == xp.float64 else xp.astype(value, xp.float64)
