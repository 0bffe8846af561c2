"""What the tests compare with, and how they put values on the device under test.

Every comparison goes through :func:`assert_close`: it looks at backend, device, shape and dtype before it looks at a
number, so that a result which silently came from numpy, or in another precision, is a failure.
"""

import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

from plugrad.backends import registry
from plugrad.core import device as devices
from plugrad.core import engine
from plugrad.core.create import from_host
from plugrad.core.dtypes import dtype
from plugrad.core.interop import numpy_dtype
from plugrad.core.tensor import Tensor

PLUGINS = Path(__file__).parents[1]


# --- comparison ---
def assert_close(actual, expected, rtol=1e-7, atol=0.0, device=None):
    """Assert that a tensor is what it should be: where it lies, its shape, its dtype, and its values.

    Args:
        actual: a tensor.
        expected: a tensor, which also says where ``actual`` must lie; or a numpy array, then ``device`` says it.
        rtol, atol: |actual - expected| ≤ atol + rtol·|expected|; NaN equals NaN.
        device: default: the default device.
    """
    assert isinstance(actual, Tensor), f"a tensor was expected, this is a {type(actual).__name__}"
    space = expected._xp if isinstance(expected, Tensor) else devices.space(device)
    host = expected._host() if isinstance(expected, Tensor) else np.asarray(expected)
    assert actual._xp.name == space.name, f"computed by backend {actual._xp.name!r}, not by {space.name!r}"
    assert actual._xp is space, f"on device {actual.device}, not on {space.device}"
    assert isinstance(actual._a, space.array_type), f"holds a {type(actual._a)}, no array of {space.name!r}"
    assert tuple(actual.shape) == host.shape, f"shape {tuple(actual.shape)}, not {host.shape}"
    assert numpy_dtype(actual.dtype) == host.dtype, f"dtype {actual.dtype}, not {host.dtype}"
    assert_values(actual._host(), host, rtol, atol)


def assert_like(gradient, tensor):
    """Assert that a gradient lies where its tensor lies, in its shape and dtype."""
    assert gradient._xp is tensor._xp, f"gradient on {gradient.device}, tensor on {tensor.device}"
    assert gradient.shape == tensor.shape, f"gradient of shape {gradient.shape}, tensor of shape {tensor.shape}"
    assert gradient.dtype is tensor.dtype, f"gradient of {gradient.dtype}, tensor of {tensor.dtype}"


def assert_values(actual, expected, rtol=1e-7, atol=0.0):
    """Assert that two numpy arrays or numbers are close; for what left the device."""
    np.testing.assert_allclose(widened(actual), widened(expected), rtol=rtol, atol=atol)


def widened(array):
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


# --- values on a device ---
def on(array, device=None, requires_grad=False):
    """A tensor with a copy of a numpy array; a Python number or None stays as it is."""
    if array is None or type(array) in (bool, int, float, complex):
        return array
    return from_host(np.array(array), device, requires_grad)


def raw(xp, value):
    """Static arguments for a backend: numpy arrays inside become its arrays, dtypes its dtypes."""
    if isinstance(value, np.ndarray):
        return xp.from_host(value.copy())
    if isinstance(value, dtype):
        return getattr(xp, value.name)
    if isinstance(value, (tuple, list)):
        return type(value)(raw(xp, v) for v in value)
    return value


def scattered(xp, array):
    """A backend's array with the values of a numpy array, which do not lie side by side in memory."""
    if not array.ndim:
        return xp.from_host(array.copy())
    spread = np.repeat(array, 2, axis=-1)
    spread[..., 1::2] = 77
    if array.ndim > 1:
        turned = xp.from_host(np.ascontiguousarray(spread.swapaxes(-1, -2)))
        spread = xp.swap_axes(turned, array.ndim - 2, array.ndim - 1)
    else:
        spread = xp.from_host(spread)
    return xp.getitem(spread, (..., slice(None, None, 2)))


# --- derivatives by differences ---
def inner(a, b):
    """The real inner product of two lists of arrays: Re Σ conj(a)·b."""
    return sum(float(np.real(np.sum(np.conj(x) * y))) for x, y in zip(a, b, strict=True))


def random_direction(rng, arrays):
    """Random arrays of the shapes and kinds of the given ones; None for those that cannot move."""
    return [random_like(rng, a) if moves(a) else None for a in arrays]


def moves(a):
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def random_like(rng, a):
    drawn = rng.uniform(-1, 1, a.shape)
    return np.asarray(drawn + 1j * rng.uniform(-1, 1, a.shape) if a.dtype.kind == "c" else drawn)


def moved(arrays, direction, step):
    return [a if v is None else np.asarray(a + step * v) for a, v in zip(arrays, direction, strict=True)]


def central_difference(function, arrays, direction, step=1e-5):
    """d function(arrays + t·direction)/dt at 0 for a function to one number; the error is of the order step²."""
    ahead = function(moved(arrays, direction, step))
    behind = function(moved(arrays, direction, -step))
    return (ahead - behind) / (2 * step)


def central_difference_vjp(function, arrays, cotangents, direction, step=1e-5):
    """The derivative along ``direction`` of Re Σ conj(cotangent)·output, for a function to a list of numpy arrays."""
    return central_difference(lambda moved_arrays: inner(cotangents, function(moved_arrays)), arrays, direction, step)


def check_gradient(function, arrays, rng, device=None, rtol=1e-6, atol=1e-7, directions=2):
    """Compare the gradient of a function of tensors with differences, along random directions.

    Args:
        function: takes tensors, returns a tensor or a tuple of tensors.
        arrays: float64 or complex128 numpy arrays; anything else is handed over as it is.
    """

    def outputs_of(values):
        made = function(*(on(v, device) for v in values))
        made = made if isinstance(made, tuple) else (made,)
        return [t._host() for t in made if t.dtype.kind >= 2]

    inputs = [on(a, device, requires_grad=moves(a)) for a in arrays]
    made = function(*inputs)
    made = [t for t in (made if isinstance(made, tuple) else (made,)) if t.requires_grad]
    cotangents = [random_like(rng, t._host()) for t in made]
    wanted = [t for t, a in zip(inputs, arrays, strict=True) if moves(a)]
    gradients = engine.grad(
        made, wanted, [on(u, device) for u in cotangents], allow_unused=True, materialize_grads=True
    )
    for g, t in zip(gradients, wanted, strict=True):
        assert_like(g, t)
    for _ in range(directions):
        direction = random_direction(rng, arrays)
        along = inner([g._host() for g in gradients], [v for v in direction if v is not None])
        assert_values(along, central_difference_vjp(outputs_of, arrays, cotangents, direction), rtol, atol)


# --- backends by hand ---
def import_plugin(name):
    """The module of a plugin in tests/, ``plugrad_strict`` or ``plugrad_simcuda``, installed or not."""
    folder = str(PLUGINS / f"{name.removeprefix('plugrad_')}_plugin")
    if importlib.util.find_spec(name) is None:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def forget_spaces(names):
    """Have the devices of these backends looked up anew: their namespaces are made again."""
    for where in [where for where, xp in devices._spaces.items() if xp.name in names]:
        del devices._spaces[where]


@contextlib.contextmanager
def registered(*specs):
    """Have backends registered inside the block, and the registry as it was after it."""
    names = {spec.name for spec in specs}
    before = [spec for spec in registry._extra if spec.name in names]  # the backend under test may be one of them
    try:
        forget_spaces(names)
        for spec in specs:
            registry.register(spec)
        yield
    finally:
        for spec in specs:
            registry.unregister(spec.name)
        forget_spaces(names)
        for spec in before:
            registry.register(spec)
