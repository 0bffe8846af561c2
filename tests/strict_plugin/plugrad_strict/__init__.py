"""A complete plugrad backend: the Python array API standard and nothing more, by ``array-api-strict``.

It shows what a backend of one's own takes. :func:`plugrad_backends` announces it without importing the library;
:func:`load` returns a subclass of :class:`plugrad.backends.Backend`. What the library spells as plugrad does is taken by
``adopt``, and the methods below are the rest. The standard cannot write through integer indices, so indexing has a file
of its own; most libraries need two lines for it. The arrays lie on a device that numpy cannot read, so nothing of
plugrad can use numpy by accident.
"""

import importlib.metadata
import importlib.util

from plugrad.backends import Backend, BackendSpec, hookimpl

from .indexing import Indexing
from .quick import hasten


def load():
    """Import the library and return the namespace class."""
    import array_api_strict as xp

    hasten()
    device, host = xp.Device("device1"), xp.Device("CPU_DEVICE")

    class StrictBackend(Indexing, Backend):
        """The standard's functions on arrays of array-api-strict."""

        array_type = type(xp.empty(0))
        values_at_hand = True  # it computes at once, so that a bad index is found where it is used
        complex64, complex128 = xp.complex64, xp.complex128  # a dtype that is not named here does not exist
        conj, real, imag = staticmethod(xp.conj), staticmethod(xp.real), staticmethod(xp.imag)
        linalg = xp.linalg
        take, searchsorted, squeeze, nonzero = map(staticmethod, (xp.take, xp.searchsorted, xp.squeeze, xp.nonzero))

        # --- creation and conversion ---
        def from_host(self, array):
            return xp.asarray(array, device=device, copy=True)

        def to_host(self, a):
            import numpy

            return numpy.asarray(xp.asarray(a, device=host, copy=True))

        def empty(self, shape, dtype):
            return xp.empty(shape, dtype=dtype, device=device)

        def full(self, shape, value, dtype):
            return xp.full(shape, value, dtype=dtype, device=device)

        def arange(self, start, stop, step, dtype):
            return xp.arange(start, stop, step, dtype=dtype, device=device)

        def copy(self, a):
            return xp.asarray(a, copy=True)

        def reshape_view(self, a, shape):
            if 0 in a.shape:
                return xp.reshape(a, shape)  # nothing to share
            try:
                return xp.reshape(a, shape, copy=False)
            except (ValueError, AttributeError):  # the first is the standard's, the second array-api-strict's
                return None  # the elements lie so that a copy is needed

        # --- functions whose arguments the standard takes by keyword only ---
        def sum(self, a, axis, keepdims):
            return xp.sum(a, axis=axis, dtype=a.dtype, keepdims=keepdims)

        def prod(self, a, axis, keepdims):
            return xp.prod(a, axis=axis, dtype=a.dtype, keepdims=keepdims)

        def max(self, a, axis, keepdims):
            return xp.max(a, axis=axis, keepdims=keepdims)

        def min(self, a, axis, keepdims):
            return xp.min(a, axis=axis, keepdims=keepdims)

        def any(self, a, axis, keepdims):
            return xp.any(a, axis=axis, keepdims=keepdims)

        def all(self, a, axis, keepdims):
            return xp.all(a, axis=axis, keepdims=keepdims)

        def argmax(self, a, axis, keepdims):
            return xp.argmax(a, axis=axis, keepdims=keepdims)

        def argmin(self, a, axis, keepdims):
            return xp.argmin(a, axis=axis, keepdims=keepdims)

        def cumulative_sum(self, a, axis):
            return xp.cumulative_sum(a, axis=axis, dtype=a.dtype)

        def concat(self, arrays, axis):
            return xp.concat(arrays, axis=axis)

        def flip(self, a, axes):
            return xp.flip(a, axis=axes)

        def sort(self, a, axis):
            return xp.sort(a, axis=axis)

        def argsort(self, a, axis):
            return xp.argsort(a, axis=axis)

        # --- whole numbers divided by zero: an error in plugrad, where that is seen without waiting ---
        def floor_divide(self, x, y):
            return xp.floor_divide(x, self.divisor(x, y))

        def remainder(self, x, y):
            return xp.remainder(x, self.divisor(x, y))

        # --- bools only in the standard; in plugrad a number is true when it is not zero ---
        def logical_and(self, x, y):
            return xp.logical_and(self.as_bools(x), self.as_bools(y))

        def logical_or(self, x, y):
            return xp.logical_or(self.as_bools(x), self.as_bools(y))

        def logical_xor(self, x, y):
            return xp.logical_xor(self.as_bools(x), self.as_bools(y))

        def logical_not(self, x):
            return xp.logical_not(self.as_bools(x))

        def as_bools(self, x):
            return x if x.dtype == self.bool else x != 0

        # --- what the base class has for real numbers only ---
        def square_abs(self, x):
            return self.real(x * self.conj(x)) if x.dtype in (self.complex64, self.complex128) else x * x

        # --- device ---
        @staticmethod
        def device_count():
            return 1

        @staticmethod
        def synchronize():
            """It computes at once: there is nothing to wait for."""

    return StrictBackend.adopt(xp)


def probe():
    """Why the backend cannot be used here; None: it can."""
    found = importlib.util.find_spec("array_api_strict")
    return None if found else "array-api-strict is not installed: pip install array-api-strict"


def version():
    """The version of array-api-strict."""
    return importlib.metadata.version("array-api-strict")


@hookimpl
def plugrad_backends():
    """array-api-strict serves the device type ``strict``."""
    return [BackendSpec("strict", ("strict",), load, probe=probe, version=version)]
