"""The simulated CUDA backend: plugrad's own cupy backend, built over :mod:`simcupy` in place of cupy."""

import numpy
import simcupy

from plugrad.backends import BackendSpec, hookimpl


def load():
    """The namespace class that a machine with cupy would have, on simulated arrays."""
    from plugrad.backends.cupy_backend import build

    return build(simcupy)


@hookimpl
def plugrad_backends():
    """The simulation serves the device type ``cuda``, with two devices."""
    return [BackendSpec("simcuda", ("cuda",), load, version=lambda: f"numpy {numpy.__version__}")]
