"""How the tests run the cupy backend's own kernels on the CPU, and what they compare with."""

import numpy as np
import pytest

from plugrad.backends import cupy_kernels
from plugrad.backends.cupy_backend import build
from plugrad_testing import import_plugin

plugin = import_plugin("plugrad_simcuda")
simcupy, simkernel = plugin.simcupy, plugin.simkernel

#: The namespace with own kernels, their CUDA source compiled as C++, and the one where everything is composed.
fused = build(simcupy, cupy_kernels.CupyKernels)("fused", "cuda", 0)
composed = build(simcupy, plugin.NoKernels)("composed", "cuda", 0)

runs_kernels = pytest.mark.skipif(
    simkernel.why_not() is not None, reason=f"kernels cannot be run: {simkernel.why_not()}"
)
#: Error of one rounding, and some.
TOLERANCE = {"float64": 1e-13, "float32": 3e-6, "float16": 2e-3}
DTYPES = list(TOLERANCE)


def on_device(xp, value, dtype=None):
    if not isinstance(value, np.ndarray):
        return value
    return xp.from_host(value.astype(dtype) if dtype and value.dtype.kind in "fc" else value.copy())


def to_host(xp, made):
    if isinstance(made, tuple):
        return [None if a is None else xp.to_host(a) for a in made]
    return [xp.to_host(made)]


def called(xp, name, args, dtype):
    """(results as numpy arrays, launches)."""
    given = [on_device(xp, a, dtype) for a in args]
    with simcupy.counting() as seen:
        made = getattr(xp, name)(*given)
    return to_host(xp, made), seen.launches


def rounded(args, dtype):
    """What the kernel is given, in float64."""
    return [
        a.astype(dtype).astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args
    ]


def assert_same(found, expected, dtype, factor=1.0):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.shape == b.shape
            tolerance = factor * TOLERANCE[dtype]
            np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=tolerance, atol=tolerance)
