"""The simulated CUDA backend: plugrad's own cupy backend, built over :mod:`simcupy` in place of cupy."""

import numpy
import simcupy
import simkernel

from plugrad.backends import BackendSpec, hookimpl


class NoKernels:
    """In place of the own kernels where there is no compiler to run them: everything is composed."""


def load():
    """The namespace class that a machine with cupy would have, on simulated arrays."""
    from plugrad.backends.cupy_backend import build
    from plugrad.backends.cupy_kernels import CupyKernels

    return build(simcupy, CupyKernels if simkernel.why_not() is None else NoKernels)


@hookimpl
def plugrad_backends():
    """The simulation serves the device type ``cuda``, with two devices."""
    return [BackendSpec("simcuda", ("cuda",), load, version=lambda: f"numpy {numpy.__version__}")]
