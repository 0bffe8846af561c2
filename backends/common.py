"""The base of every backend's namespace: functions derived from the required ones; a backend overrides what it does better."""

import math
from typing import Any

from .activations import Activations
from .attention import Attention
from .bags import Bags
from .convolution import Convolution
from .ctc import Ctc
from .derived import Derived
from .distances import Distances
from .fft import Fourier
from .fractional_pooling import FractionalPooling
from .grid_sampling import GridSampling
from .half import HALF, in_float32
from .host import lacking
from .linalg import Linalg
from .losses import Losses
from .neural import Neural
from .normalization import Normalization
from .packing import Packing
from .padding import Padding
from .pooling import Pooling
from .recurrent import Recurrent
from .resampling import Resampling
from .scans import Scans
from .scattering import Scattering
from .shuffling import Shuffling
from .special import Special
from .stepping import Steps
from .striding import Striding

DTYPE_NAMES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
)  # fmt: skip


class Backend(
    Activations,
    Attention,
    Bags,
    Convolution,
    Ctc,
    Distances,
    Fourier,
    FractionalPooling,
    GridSampling,
    Linalg,
    Losses,
    Neural,
    Normalization,
    Packing,
    Padding,
    Pooling,
    Resampling,
    Recurrent,
    Scans,
    Scattering,
    Shuffling,
    Special,
    Steps,
    Striding,
    Derived,
):
    """The namespace of one device: array functions by their array-API names, on raw arrays of one library.

    A subclass gives the names in ``plugrad.backends.REQUIRED``; everything below is derived from those and may be
    overridden for speed. See docs/backends.md for a complete backend.
    """

    has_windows = False  # unfold() gives a view
    has_diagonals = False  # diagonal() gives a view of any array
    scope = None  # a context manager that makes this device current, where the library needs one
    mutable = True  # arrays can be written in place
    checks_indices = False  # getitem() raises IndexError for whole numbers out of range
    values_at_hand = False  # the host sees values without waiting: then indices and the like are looked at
    transform = None  # the function transform whose tensors live here, see core/slow.py
    float16: Any = None  # a dtype the library lacks stays None
    bfloat16: Any = None
    complex64: Any = None
    complex128: Any = None

    def __init__(self, name, device_type, index):
        self.name = name
        self.device_type = device_type
        self.index = index
        natives = {n: getattr(self, n, None) for n in DTYPE_NAMES}
        self.dtype_names = {native: n for n, native in natives.items() if native is not None}
        self._table = {}

    @classmethod
    def adopt(cls, module, **renamed):
        """Take from an array-API module every required name this class does not define itself."""
        from .spec import missing_names

        for name in missing_names(cls):
            found = getattr(module, renamed.get(name, name), None)
            if found is not None:
                setattr(cls, name, staticmethod(found) if callable(found) and not isinstance(found, type) else found)
        return cls

    def __repr__(self):
        return f"<{self.name} namespace of {self.device_type}:{self.index}>"

    def __reduce__(self):
        from .registry import namespace

        return namespace, (self.device_type, self.index)

    def use_one_core(self):
        """Compute with one core from now on, in a process that is one of several; a library without threads does anyway."""

    def threads(self):
        """How many threads a function of the library uses; 1 where that is unknown."""
        return 1

    def set_threads(self, n):
        """Let a function of the library use n threads from now on; False where it cannot be told."""
        return False

    def cpu_capability(self):
        """The widest vector instructions in use, by torch's names: "DEFAULT" where that is unknown."""
        return "DEFAULT"

    # --- arrays ---
    def wrap(self, value):
        """Make an array of what a function returned: some libraries return scalars for 0-d results."""
        return value

    def owns(self, a):
        """Whether ``a`` is known to share memory with no other array (False when the library cannot tell)."""
        return False

    def truth(self, a):
        """The value of an array of one element as a bool."""
        return bool(self.to_host(a).item())

    def zeros(self, shape, dtype):
        return self.full(shape, 0, dtype)

    def ones(self, shape, dtype):
        return self.full(shape, 1, dtype)

    def full_like(self, a, value):
        return self.full(a.shape, value, a.dtype)

    def zeros_like(self, a):
        return self.zeros(a.shape, a.dtype)

    def second(self, x, y):
        """y: what was drawn with the parameter x."""
        return y

    def ones_like(self, a):
        return self.ones(a.shape, a.dtype)

    def assign(self, target, value):
        """Write ``value`` (broadcast) into the memory of ``target``."""
        self.setitem(target, ..., value)

    def accumulate(self, target, value):
        """Add ``value`` (broadcast) to the memory of ``target``."""
        self.assign(target, target + value)

    def reshape_view(self, a, shape):
        """Return ``a`` in another shape on the same memory, or None when that needs a copy."""
        return self.reshape(a, shape)

    def strides(self, a):
        """Element strides of ``a``; a library without strides is taken as row-major."""
        steps, step = [], 1
        for n in reversed(a.shape):
            steps.append(step)
            step *= max(n, 1)
        return tuple(reversed(steps))

    def offset(self, a):
        return 0

    def is_contiguous(self, a):
        return True

    def contiguous(self, a):
        return a if self.is_contiguous(a) else self.copy(a)

    def packed(self, a):
        """A copy in row-major order."""
        return self.copy(a) if self.is_contiguous(a) else self.contiguous(a)

    def arranged(self, a, order):
        """A copy whose axes lie in memory in an order, the one of the longest steps first."""
        back = sorted(range(len(order)), key=order.__getitem__)
        return self.permute_dims(self.packed(self.permute_dims(a, order)), tuple(back))

    def converted(self, a, dtype, order):
        """A copy of another dtype whose axes lie in memory in an order."""
        return self.arranged(self.cast(a, dtype), order)

    def data_ptr(self, a):
        return id(a)

    def may_share(self, a, b):
        """Whether two arrays may have memory in common; where addresses are not known, whether they are one."""
        return a is b

    @classmethod
    def current_index(cls):
        """The index of the device that a type without an index means."""
        return 0

    def memory_allocated(self):
        return 0

    def empty_cache(self):
        """Nothing: the library keeps no memory that it does not use."""

    # --- elementwise ---
    def square(self, x):
        return x * x

    def reciprocal(self, x):
        return self.divide(self.ones_like(x), x)

    def rsqrt(self, x):
        return self.reciprocal(self.sqrt(x))

    def exp2(self, x):
        return self.exp(x * math.log(2.0))

    def sigmoid(self, x):
        if self.dtype_names[x.dtype].startswith("complex"):
            return self.tanh(x * 0.5) * 0.5 + 0.5
        # exp(-|x|) never overflows; a way by tanh would be wrong in the left tail.
        e = self.exp(-self.abs(x))
        return self.where(x >= 0, self.ones_like(e), e) / (e + 1.0)

    def relu(self, x):
        if x.dtype == self.bool:
            raise TypeError("relu of bools")
        return self.maximum(x, self.zeros_like(x))

    def step(self, x):
        """1 where x > 0, else 0, in the dtype of x."""
        return self.astype(x > 0, x.dtype)

    def silu(self, x):
        return x * self.sigmoid(x)

    def softplus(self, x, beta, threshold):
        scaled = x * beta
        soft = self.log1p(self.exp(self.minimum(scaled, self.full((), threshold, x.dtype)))) * (1.0 / beta)
        return self.where(scaled > threshold, x, soft)

    def log_sigmoid(self, x):
        return self.minimum(x, self.zeros_like(x)) - self.log1p(self.exp(-self.abs(x)))

    def erf(self, x):
        """erf(x), by W. J. Cody's rational approximations (Math. Comp. 23, 1969); error below 4 ulp in float64."""
        from .erf import erf

        if self.dtype_names[x.dtype] in HALF:  # the coefficients are beyond float16
            return self.astype(erf(self, self.astype(x, self.float32)), x.dtype)
        return erf(self, x)

    def fmod(self, x, y):
        # Not x - y·trunc(x/y): that loses digits where x/y is large, and integers may have no division.
        return self.sign(x) * self.remainder(self.abs(x), self.abs(y))

    def rsub(self, x, y):
        return y - x

    def clip(self, x, low, high):
        if low is not None:
            x = self.maximum(x, self._like(low, x))
        if high is not None:
            x = self.minimum(x, self._like(high, x))
        return x

    def divisor(self, x, y):
        """y itself; a zero that whole numbers are to be divided by raises, where values are at hand."""
        if self.values_at_hand and "int" in self.dtype_names[x.dtype]:
            zero = self.any(y == 0, None, False) if isinstance(y, self.array_type) else y == 0
            if bool(zero):
                raise ZeroDivisionError("ZeroDivisionError")
        return y

    def _like(self, value, x):
        return self.full((), value, x.dtype) if isinstance(value, (int, float)) else value

    def leaky_relu(self, x, slope):
        return self.where(x > 0, x, x * slope)

    def gelu(self, x):
        return x * 0.5 * (self.erf(x * math.sqrt(0.5)) + 1.0)

    def gelu_grad(self, g, x):
        density = self.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
        return g * (0.5 * (self.erf(x * math.sqrt(0.5)) + 1.0) + x * density)

    def gelu_tanh(self, x):
        return x * 0.5 * (self.tanh((x + x * x * x * 0.044715) * math.sqrt(2.0 / math.pi)) + 1.0)

    def conj(self, x):
        return x

    def square_abs(self, x):
        if not self.dtype_names[x.dtype].startswith("complex"):
            return x * x
        re, im = self.real(x), self.imag(x)
        return re * re + im * im

    # --- reductions ---
    @in_float32(1)
    def mean(self, x, axis, keepdims):
        return self.sum(x, axis, keepdims) / self.count(x.shape, axis)

    @staticmethod
    def count(shape, axis):
        if axis is None:
            return math.prod(shape)
        if isinstance(axis, int):
            return shape[axis]
        return math.prod(shape[i] for i in axis)

    @in_float32(1)
    def var(self, x, axis, correction, keepdims):
        centred = x - self.mean(x, axis, True)
        free = max(self.count(x.shape, axis) - correction, 0)
        total = self.sum(self.square_abs(centred), axis, keepdims)
        return self.divide(total, self.full((), free, total.dtype))

    @in_float32(1)
    def logsumexp(self, x, axis, keepdims):
        is_complex = self.dtype_names[x.dtype].startswith("complex")
        top = self.max(self.real(x) if is_complex else x, axis, True)
        top = self.where(self.isfinite(top), top, self.zeros_like(top))
        top = self.astype(top, x.dtype) if is_complex else top
        total = self.log(self.sum(self.exp(x - top), axis, keepdims))
        return total + (top if keepdims else self.reshape(top, total.shape))

    @in_float32(1)
    def softmax(self, x, axis):
        if 0 in x.shape:
            return self.copy(x)
        e = self.exp(x - self.max(x, axis, True))
        return e / self.sum(e, axis, True)

    @in_float32(1)
    def log_softmax(self, x, axis):
        if 0 in x.shape:
            return self.copy(x)
        shifted = x - self.max(x, axis, True)
        return shifted - self.log(self.sum(self.exp(shifted), axis, True))

    @in_float32(2)
    def softmax_grad(self, g, out, axis):
        weighted = g * out
        return weighted - out * self.sum(weighted, axis, True)

    @in_float32(2)
    def log_softmax_grad(self, g, out, axis):
        return g - self.exp(out) * self.sum(g, axis, True)

    @in_float32(1)
    def cumulative_prod(self, x, axis):
        parts, total = [], None
        for i in range(x.shape[axis]):
            part = self.getitem(x, (slice(None),) * axis + (slice(i, i + 1),))
            total = part if total is None else total * part
            parts.append(total)
        return self.concat(parts, axis) if parts else self.copy(x)

    # --- shape ---
    def stack(self, arrays, axis):
        return self.concat([self.getitem(a, (slice(None),) * axis + (None,)) for a in arrays], axis)

    def expand_dims(self, a, axis):
        return self.getitem(a, (slice(None),) * axis + (None,))

    def swap_axes(self, a, i, j):
        order = list(range(len(a.shape)))
        order[i], order[j] = order[j], order[i]
        return self.permute_dims(a, tuple(order))

    def take_along_axis(self, x, index, axis):
        if not x.shape:
            return self.reshape(x, index.shape)
        return self.getitem(x, self.along(x.shape, index, axis))

    def outside(self, index, n):
        """Whether an index array has an entry outside 0 ... n - 1; looked for only where values are at hand."""
        if not self.values_at_hand or 0 in index.shape:
            return False
        return int(self.min(index, None, False)) < 0 or int(self.max(index, None, False)) >= n

    def along(self, shape, index, axis):
        """The advanced index that picks ``index`` along ``axis`` and its own position along the others."""
        key = []
        for i, n in enumerate(index.shape):
            if i == axis:
                key.append(index)
            else:
                ruler = self.arange(0, n, 1, self.int64)
                key.append(self.reshape(ruler, (1,) * i + (n,) + (1,) * (len(index.shape) - i - 1)))
        return tuple(key)

    def pad(self, x, widths, value):
        """Surround ``x`` by ``value``; widths: (before, after) per axis, negative ones cut."""
        cut = tuple(slice(max(0, -b), n - max(0, -a)) for n, (b, a) in zip(x.shape, widths, strict=True))
        x = self.getitem(x, cut)
        widths = [(max(0, b), max(0, a)) for b, a in widths]
        out = self.full(tuple(b + n + a for n, (b, a) in zip(x.shape, widths, strict=True)), value, x.dtype)
        self.setitem(out, tuple(slice(b, b + n) for n, (b, a) in zip(x.shape, widths, strict=True)), x)
        return out

    # --- what only a library can bring ---
    nonzero = lacking("nonzero", "use where() or masks of fixed shape, or move the tensor to the cpu")
    real = lacking("real", "use real dtypes, or move the tensor to the cpu")
    imag = lacking("imag", "use real dtypes, or move the tensor to the cpu")
