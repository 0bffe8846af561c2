"""The cupy backend: device ``cuda``. cupy is imported only when a cuda device is first used."""

import functools
import importlib.metadata
import importlib.util

from .common import Backend
from .cupy_device import CupyDevice, MemoryWatch
from .cupy_fft import CupyFourier
from .cupy_linalg import CupyLinalg
from .determinism import Determinism, add_in_order, alert, set_in_order, written_twice
from .half import in_float32
from .spec import BackendSpec, hookimpl
from .special_library import offering
from .striding import same_layout, span

_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "cupy-cuda11x", "cupy")

#: What the backend takes from cupy as it is: our name → cupy's. The tests check each against the installed cupy.
ADOPTED = {
    "empty": "empty", "full": "full", "arange": "arange", "copy": "copy", "zeros": "zeros", "negative": "negative",
    "abs": "absolute", "sign": "sign", "exp": "exp", "expm1": "expm1", "exp2": "exp2", "log": "log", "log1p": "log1p",
    "log2": "log2", "log10": "log10", "sqrt": "sqrt", "square": "square", "sin": "sin",
    "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "floor": "floor", "ceil": "ceil",
    "trunc": "trunc", "round": "rint", "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan",
    "logical_not": "logical_not", "bitwise_invert": "invert", "conj": "conjugate", "add": "add", "subtract": "subtract",
    "multiply": "multiply", "divide": "true_divide", "pow": "power", "maximum": "maximum", "minimum": "minimum",
    "fmod": "fmod", "remainder": "remainder", "floor_divide": "floor_divide", "atan2": "arctan2", "equal": "equal",
    "not_equal": "not_equal", "less": "less", "less_equal": "less_equal", "greater": "greater",
    "greater_equal": "greater_equal", "logical_and": "logical_and", "logical_or": "logical_or",
    "logical_xor": "logical_xor", "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor",
    "where": "where", "real": "real", "imag": "imag", "matmul": "matmul", "permute_dims": "transpose",
    "broadcast_to": "broadcast_to", "concat": "concatenate", "stack": "stack", "swap_axes": "swapaxes",
    "tril": "tril", "triu": "triu", "copysign": "copysign", "deg2rad": "deg2rad", "rad2deg": "rad2deg", "fmax": "fmax",
    "fmin": "fmin", "nextafter": "nextafter", "signbit": "signbit", "hypot": "hypot", "gcd": "gcd", "lcm": "lcm",
}  # fmt: skip

#: Our name → ``cupyx.scipy.special``'s: what CUDA's mathematical library computes itself. Composed, each is a dozen kernels.
FROM_CUPYX = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "erfc": "erfc", "erfcx": "erfcx",
    "erfinv": "erfinv", "i0": "i0", "i1": "i1", "lgamma": "gammaln", "ndtr": "ndtr", "ndtri": "ndtri",
}  # fmt: skip

#: (function, keywords) that the methods below call; checked against the installed cupy as well.
CALLED = {
    "sum": ("axis", "dtype", "keepdims"), "prod": ("axis", "dtype", "keepdims"), "amax": ("axis", "keepdims"),
    "amin": ("axis", "keepdims"),
    "any": ("axis", "keepdims"), "all": ("axis", "keepdims"), "argmax": ("axis", "keepdims"),
    "argmin": ("axis", "keepdims"), "cumsum": ("axis", "dtype"), "cumprod": ("axis", "dtype"), "sort": ("axis", "kind"),
    "argsort": ("axis", "kind"), "asarray": ("dtype",), "asnumpy": (), "reshape": (), "diagonal": (), "nonzero": (),
}  # fmt: skip

# The dtypes that cupy's atomic scatter-add knows; others are cast there and back.
_SCATTER = {"int32", "int64", "uint32", "uint64", "float16", "float32", "float64"}


def _probe():
    if importlib.util.find_spec("cupy") is None:
        return 'cupy is not installed: pip install "plugrad[cupy]"'
    import cupy

    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"cupy {cupy.__version__} is installed, but no CUDA device works: {error}"
    return None if count else "cupy is installed, but there is no CUDA device"


def _version():
    for package in _PACKAGES:
        try:
            return f"{importlib.metadata.version(package)} ({package})"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def build(cupy, kernels):
    """The namespace class over a cupy module and a class with own kernels (parameters, for tests without a device)."""

    # Beside cupy lies cupyx; a simulated module has none, and its special functions are composed.
    @offering(f"{cupy.__name__}x.scipy.special", FROM_CUPYX)
    class CupyBackend(kernels, CupyFourier, CupyLinalg, CupyDevice, Backend):
        """cupy's functions by their array-API names."""

        array_type = cupy.ndarray
        fft = cupy.fft
        linalg = cupy.linalg
        _kernels = {}  # noqa: RUF012

        def __init__(self, name, device_type, index):
            super().__init__(name, device_type, index)
            self.cuda_device = cupy.cuda.Device(index)
            self.watch = MemoryWatch.installed(cupy)
            if self.device_count() > 1:
                self._bind_device()
                self.scope = self.cuda_device  # operators in gradient rules allocate on the current device

        def _bind_device(self):
            """Run every function with this device current: cupy allocates on the current one, not on its arguments'."""
            for attribute in dir(type(self)):
                function = getattr(self, attribute)
                if attribute.startswith("_") or not callable(function) or isinstance(function, type):
                    continue
                setattr(self, attribute, self._on_device(function))

        def _on_device(self, function):
            @functools.wraps(function, updated=())
            def on_device(*args, **kwargs):
                with self.cuda_device:
                    return function(*args, **kwargs)

            return on_device

        @staticmethod
        def from_host(array):
            return cupy.asarray(array)

        @staticmethod
        def to_host(a):
            return cupy.asnumpy(a)

        @staticmethod
        def astype(a, dtype):
            return a.astype(dtype)

        @staticmethod
        def wrap(value):
            return value if isinstance(value, cupy.ndarray) else cupy.asarray(value)

        @staticmethod
        def owns(a):
            return a.base is None

        @staticmethod
        def reshape(a, shape):
            return a.reshape(shape)

        @staticmethod
        def reshape_view(a, shape):
            made = a.reshape(shape)
            shares = made is a or made.base is not None or made.data.ptr == a.data.ptr
            return made if shares else None

        @staticmethod
        def strides(a):
            return tuple(s // a.itemsize for s in a.strides)

        @staticmethod
        def offset(a):
            base = a if a.base is None else a.base
            return (a.data.ptr - base.data.ptr) // a.itemsize

        has_strides = True

        def geometry(self, a):
            return tuple(a.shape), self.strides(a), self.offset(a)

        @staticmethod
        def storage_size(a):
            return (a.nbytes if a.base is None else a.base.nbytes) // a.itemsize

        def as_strided(self, a, source, target):
            if not a.size or not same_layout(source, (tuple(a.shape), self.strides(a), 0)):
                return super().as_strided(a, source, target)
            root = a if a.base is None else a.base
            memory = cupy.lib.stride_tricks.as_strided(root, (root.size,), (root.itemsize,)).view(a.dtype)
            start = self.offset(a) + target[2] - source[2]
            return self.on_memory(memory[start:], target)

        @staticmethod
        def on_memory(memory, geometry):
            steps = tuple(step * memory.itemsize for step in geometry[1])
            return cupy.lib.stride_tricks.as_strided(memory, geometry[0], steps)

        def laid_out(self, a, source):
            out = self.on_memory(cupy.zeros(max(span((*source[:2], 0)), 1), a.dtype), source)
            out[...] = a
            return out

        @staticmethod
        def view_as_real(a):
            return a[..., None].view(a.real.dtype)

        @staticmethod
        def view_as_complex(a):
            if a.strides[-1] != a.itemsize:  # a gradient may lie in any way
                a = a.copy()
            return a.view(cupy.result_type(a.dtype, cupy.complex64))[..., 0]

        @staticmethod
        def view_dtype(a, dtype):
            return a.view(dtype)

        @staticmethod
        def flip(a, axes):
            return cupy.flip(a, axes).copy()  # a view would share what is written

        @staticmethod
        def is_contiguous(a):
            return a.flags.c_contiguous

        @staticmethod
        def contiguous(a):
            return a if a.flags.c_contiguous else cupy.ascontiguousarray(a)

        @staticmethod
        def data_ptr(a):
            return a.data.ptr

        @staticmethod
        def may_share(a, b):
            return cupy.may_share_memory(a, b)

        # One launch each, where a Python number needs no array of its own.
        def relu(self, x):
            if x.dtype == self.bool:
                return super().relu(x)  # raises
            return cupy.maximum(x, 0)

        @staticmethod
        def reciprocal(x):
            return 1.0 / x

        @staticmethod
        def sum(a, axis, keepdims):
            return cupy.sum(a, axis=axis, dtype=a.dtype, keepdims=keepdims)

        @staticmethod
        def prod(a, axis, keepdims):
            return cupy.prod(a, axis=axis, dtype=a.dtype, keepdims=keepdims)

        @staticmethod
        def max(a, axis, keepdims):
            return cupy.amax(a, axis=axis, keepdims=keepdims)

        @staticmethod
        def min(a, axis, keepdims):
            return cupy.amin(a, axis=axis, keepdims=keepdims)

        @staticmethod
        def any(a, axis, keepdims):
            return cupy.any(a, axis=axis, keepdims=keepdims)

        @staticmethod
        def all(a, axis, keepdims):
            return cupy.all(a, axis=axis, keepdims=keepdims)

        @staticmethod
        def argmax(a, axis, keepdims):
            return cupy.argmax(a, axis=axis, keepdims=keepdims)

        @staticmethod
        def argmin(a, axis, keepdims):
            return cupy.argmin(a, axis=axis, keepdims=keepdims)

        # cupy's sums and products add half precision up in float32, its running ones do not.
        @in_float32(1)
        def cumulative_sum(self, a, axis):
            if Determinism.mode and a.dtype.kind in "fc":  # CUB combines blocks in the order in which they end
                alert("cumsum_cuda_kernel")
            return cupy.cumsum(a, axis=axis, dtype=a.dtype)

        @in_float32(1)
        def cumulative_prod(self, a, axis):
            if Determinism.mode and a.dtype.kind in "fc":  # CUB combines blocks in the order in which they end
                alert("cumprod_cuda_kernel")
            return cupy.cumprod(a, axis=axis, dtype=a.dtype)

        @staticmethod
        def getitem(a, key):
            return a[key]

        def setitem(self, a, key, value):
            if Determinism.mode and written_twice(key, value):
                set_in_order(self, a, key, value)
            else:
                a[key] = value

        @staticmethod
        def assign(target, value):
            target[...] = value

        @staticmethod
        def accumulate(target, value):
            cupy.add(target, value, target)

        def add_at(self, a, key, value):
            if a.dtype.kind == "c":
                self.add_at(a.real, key, value.real)
                self.add_at(a.imag, key, value.imag)
                return
            if Determinism.mode and a.dtype.kind == "f":  # whole numbers have one sum in every order
                add_in_order(self, a, key, value)
                return
            if a.dtype.name in _SCATTER:
                cupy.add.at(a, key, value)
                return
            wide = cupy.float32 if a.dtype.kind in "fb" else cupy.int64
            sums = a.astype(wide)
            cupy.add.at(sums, key, value.astype(wide))
            a[...] = sums.astype(a.dtype)

        @staticmethod
        def sort(a, axis):
            return cupy.sort(a, axis=axis, kind="stable")

        @staticmethod
        def argsort(a, axis):
            return cupy.argsort(a, axis=axis, kind="stable")

        @staticmethod
        def nonzero(a):
            return cupy.nonzero(a)

        has_diagonals = True

        @staticmethod
        def diagonal(a, offset):
            return cupy.diagonal(a, offset, -2, -1)

        @staticmethod
        def device_count():
            return cupy.cuda.runtime.getDeviceCount()

        @staticmethod
        def synchronize():
            cupy.cuda.Device().synchronize()

    CupyBackend.cupy = cupy
    for ours, theirs in ADOPTED.items():
        function = getattr(cupy, theirs)
        setattr(CupyBackend, ours, function if isinstance(function, cupy.ufunc) else staticmethod(function))
    for name in "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split():
        setattr(CupyBackend, name, cupy.dtype(name))
    return CupyBackend


def _load():
    import cupy

    from .cupy_kernels import CupyKernels

    return build(cupy, CupyKernels)


@hookimpl
def plugrad_backends():
    """cupy serves the device type ``cuda``."""
    return [BackendSpec("cupy", ("cuda",), _load, probe=_probe, version=_version)]
