"""The numpy backend: device ``cpu``. The only file of the compute path that imports numpy."""

import warnings

import numpy as np

from . import numpy_steps, numpy_threads
from .common import Backend
from .numpy_activations import NumpyActivations
from .numpy_attention import NumpyAttention
from .numpy_conv import NumpyConvolution
from .numpy_lapack import NumpyLapack
from .numpy_linalg import NumpyLinalg
from .numpy_losses import NumpyLosses
from .numpy_memory import keep_freed_memory
from .numpy_neural import NumpyNeural
from .numpy_norm import NumpyNorm
from .numpy_order import NumpyOrder
from .numpy_packing import NumpyPacking
from .numpy_pool import NumpyPooling
from .numpy_recurrent import NumpyRecurrent
from .numpy_resampling import NumpyResampling
from .numpy_scatter import NumpyScatter
from .numpy_special import NumpySpecial
from .numpy_striding import NumpyStriding
from .numpy_sums import NumpySums
from .spec import BackendSpec, hookimpl


class NumpyBackend(
    NumpyActivations,
    NumpyAttention,
    NumpyConvolution,
    NumpyLapack,
    NumpyLinalg,
    NumpyLosses,
    NumpyNeural,
    NumpyNorm,
    NumpyOrder,
    NumpyPacking,
    NumpyPooling,
    NumpyScatter,
    NumpyResampling,
    NumpyRecurrent,
    NumpySpecial,
    NumpyStriding,
    NumpySums,
    Backend,
):
    """numpy's functions by their array-API names; temporaries are avoided where it pays."""

    array_type = np.ndarray
    values_at_hand = True
    checks_indices = True
    sgd_step = numpy_steps.sgd_step
    adam_step = numpy_steps.adam_step
    run_step = numpy_steps.run_step

    bool = np.dtype("bool")
    uint8 = np.dtype("uint8")
    int8 = np.dtype("int8")
    int16 = np.dtype("int16")
    int32 = np.dtype("int32")
    int64 = np.dtype("int64")
    float16 = np.dtype("float16")
    float32 = np.dtype("float32")
    float64 = np.dtype("float64")
    complex64 = np.dtype("complex64")
    complex128 = np.dtype("complex128")

    # --- creation and conversion ---
    empty = staticmethod(np.empty)
    full = staticmethod(np.full)
    arange = staticmethod(np.arange)
    copy = staticmethod(np.copy)
    packed = staticmethod(np.ndarray.copy)  # row-major unless told otherwise
    wrap = staticmethod(np.asarray)

    @staticmethod
    def from_host(array):
        return array

    @staticmethod
    def to_host(a):
        return a

    @staticmethod
    def astype(a, dtype):
        return a.astype(dtype)

    @staticmethod
    def zeros(shape, dtype):
        return np.zeros(shape, dtype)

    @staticmethod
    def owns(a):
        return a.base is None and a.flags.owndata

    @staticmethod
    def reshape_view(a, shape):
        if a.flags.c_contiguous:  # then a reshape is never a copy
            return a.reshape(shape)
        try:
            return np.reshape(a, shape, copy=False)
        except ValueError as error:
            if "copy" in str(error):
                return None
            raise

    def strides(self, a):
        if not a.size:
            return super().strides(a)  # numpy's are 0 then
        return tuple(s // a.itemsize for s in a.strides)

    @staticmethod
    def is_contiguous(a):
        return a.flags.c_contiguous

    @staticmethod
    def contiguous(a):
        return a if a.flags.c_contiguous else a.copy(order="C")

    @staticmethod
    def data_ptr(a):
        return a.ctypes.data

    may_share = staticmethod(np.may_share_memory)

    # --- elementwise ---
    negative = np.negative
    abs = np.absolute
    sign = np.sign
    exp = np.exp
    expm1 = np.expm1
    exp2 = np.exp2
    log = np.log
    log1p = np.log1p
    log2 = np.log2
    log10 = np.log10
    sqrt = np.sqrt
    square = np.square
    sin = np.sin
    cos = np.cos
    tan = np.tan
    asin = np.arcsin
    acos = np.arccos
    atan = np.arctan
    sinh = np.sinh
    cosh = np.cosh
    tanh = np.tanh
    asinh = np.arcsinh
    acosh = np.arccosh
    atanh = np.arctanh
    floor = np.floor
    ceil = np.ceil
    trunc = np.trunc
    round = np.rint
    isfinite = np.isfinite
    isinf = np.isinf
    isnan = np.isnan
    signbit = np.signbit
    logical_not = np.logical_not
    bitwise_invert = np.invert
    conj = np.conjugate
    add = np.add
    subtract = np.subtract
    multiply = np.multiply
    divide = np.true_divide
    pow = np.power
    maximum = np.maximum
    minimum = np.minimum
    atan2 = np.arctan2
    equal = np.equal
    not_equal = np.not_equal
    less = np.less
    less_equal = np.less_equal
    greater = np.greater
    greater_equal = np.greater_equal
    logical_and = np.logical_and
    logical_or = np.logical_or
    logical_xor = np.logical_xor
    bitwise_and = np.bitwise_and
    bitwise_or = np.bitwise_or
    bitwise_xor = np.bitwise_xor
    bitwise_left_shift = np.left_shift
    bitwise_right_shift = np.right_shift
    where = staticmethod(np.where)
    select = staticmethod(np.where)
    real = staticmethod(np.real)
    imag = staticmethod(np.imag)

    @staticmethod
    def floor_divide(x, y):
        return np.floor_divide(x, _divisor(x, y))

    @staticmethod
    def remainder(x, y):
        return np.remainder(x, _divisor(x, y))

    @staticmethod
    def fmod(x, y):
        return np.fmod(x, _divisor(x, y))

    @staticmethod
    def reciprocal(x):
        return np.true_divide(1, x)  # np.reciprocal rounds whole numbers to 0

    @staticmethod
    def pow_scalar(x, exponent):
        if exponent == 2:
            return x * x
        if exponent == 3:
            return x * x * x
        return np.power(x, exponent)

    @staticmethod
    def choose(x, y, condition):
        return np.where(condition, x, y)

    @staticmethod
    def cast(a, dtype):
        return a.astype(dtype)

    # --- reductions ---
    @staticmethod
    def max(a, axis, keepdims):
        return np.maximum.reduce(a, axis, None, None, keepdims)

    @staticmethod
    def min(a, axis, keepdims):
        return np.minimum.reduce(a, axis, None, None, keepdims)

    @staticmethod
    def any(a, axis, keepdims):
        return np.any(a, axis, keepdims=keepdims)

    @staticmethod
    def all(a, axis, keepdims):
        return np.all(a, axis, keepdims=keepdims)

    @staticmethod
    def argmax(a, axis, keepdims):
        return np.argmax(a, axis, keepdims=keepdims)

    @staticmethod
    def argmin(a, axis, keepdims):
        return np.argmin(a, axis, keepdims=keepdims)

    @staticmethod
    def square_abs(x):
        return np.square(x) if x.dtype.kind != "c" else np.square(x.real) + np.square(x.imag)

    has_diagonals = True

    @staticmethod
    def diagonal(a, offset):
        if not a.ndim:
            return a
        found = np.diagonal(a, offset, -2, -1)
        if a.flags.writeable:
            found.flags.writeable = True  # numpy's diagonal is read-only, torch's is not
        return found

    has_windows = True

    @staticmethod
    def unfold(a, axis, size, step):
        if not size:
            return np.empty((*a.shape[:axis], a.shape[axis] // step + 1, *a.shape[axis + 1 :], 0), a.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(a, size, axis, writeable=a.flags.writeable)
        return windows[(slice(None),) * axis + (slice(None, None, step), ...)]

    @staticmethod
    def tril(a, k):
        return np.tril(a, k)

    @staticmethod
    def triu(a, k):
        return np.triu(a, k)

    # --- products and shape ---
    matmul = np.matmul
    broadcast_to = staticmethod(np.broadcast_to)
    concat = staticmethod(np.concatenate)
    stack = staticmethod(np.stack)

    @staticmethod
    def flip(a, axes):
        return np.flip(a, axes).copy()  # a view would share what is written

    # Methods, since numpy's functions of these names go through a Python wrapper: 150 ns instead of 600.
    @staticmethod
    def reshape(a, shape):
        return a.reshape(shape)

    @staticmethod
    def permute_dims(a, axes):
        return a.transpose(axes)

    @staticmethod
    def swap_axes(a, i, j):
        return a.swapaxes(i, j)

    @staticmethod
    def expand_dims(a, axis):
        return a.reshape((*a.shape[:axis], 1, *a.shape[axis:])) if a.flags.c_contiguous else np.expand_dims(a, axis)

    # --- indexing ---
    @staticmethod
    def getitem(a, key):
        if key.__class__ is tuple and len(key) == 1 and a.ndim > 1 and a.flags.c_contiguous:
            index = key[0]
            if index.__class__ is np.ndarray and index.ndim and index.dtype.kind == "i":
                return a.take(index, 0)  # whole rows at once: a third of the time of a[index]
        return a[key]

    @staticmethod
    def setitem(a, key, value):
        a[key] = value

    @staticmethod
    def assign(target, value):
        target[...] = value

    @staticmethod
    def accumulate(target, value):
        np.add(target, value, target)

    @staticmethod
    def sort(a, axis):
        return np.sort(a, axis, kind="stable")

    @staticmethod
    def argsort(a, axis):
        return np.argsort(a, axis, kind="stable")

    @staticmethod
    def nonzero(a):
        return np.nonzero(a)

    # --- device ---
    use_one_core = staticmethod(numpy_threads.use_one_core)
    threads = staticmethod(numpy_threads.threads)
    set_threads = staticmethod(numpy_threads.set_threads)

    @staticmethod
    def cpu_capability():
        has = np._core._multiarray_umath.__cpu_features__.get
        if all(map(has, ("AVX512F", "AVX512CD", "AVX512_SKX", "FMA3"))):
            return "AVX512"
        return "AVX2" if has("AVX2") and has("FMA3") else "DEFAULT"

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def synchronize():
        """numpy computes at once: there is nothing to wait for."""


def _divisor(x, y):
    """``y``; a zero among whole numbers raises instead of giving 0."""
    if x.dtype.kind in "iu" and not np.all(y):
        raise ZeroDivisionError("ZeroDivisionError")
    return y


def _quiet():
    # Infinities and NaNs are values here, as in torch. A filter for our own modules, since numpy.seterr would also
    # silence the user's numpy, and an errstate around every call costs as much as the call.
    for event in ("divide by zero", "overflow", "underflow", "invalid value"):
        warnings.filterwarnings("ignore", f"{event} encountered", RuntimeWarning, r"plugrad\.")


def _load():
    _quiet()
    keep_freed_memory()
    try:
        import ml_dtypes

        NumpyBackend.bfloat16 = np.dtype(ml_dtypes.bfloat16)
    except ImportError:
        NumpyBackend.bfloat16 = None
    return NumpyBackend


@hookimpl
def plugrad_backends():
    """numpy serves the device type ``cpu``."""
    return [BackendSpec("numpy", ("cpu",), _load, version=lambda: np.__version__)]
