"""A module that behaves as cupy does where cupy and numpy differ, over numpy arrays that stand for device memory.

What it simulates, each as cupy 14 has it:

* no implicit conversion to numpy, no numpy array as an operand; a 0-d array, not a scalar, from a reduction;
* integer-array indices out of range wrap round, silently; where one place is written twice, the order is undefined
  (here: random, by :func:`seed`); ``add.at`` takes few dtypes; new memory holds garbage (here: NaN);
* two devices: a kernel refuses arrays that are not on the current device, and its result lies on that device;
* warnings of floating point arithmetic do not exist.

And it counts: a launch for every function that computes, a sync wherever the host must wait for the device.
What this file does not define is numpy's function of that name with arrays unwrapped and wrapped, so a name that cupy
lacks is not noticed here; ``tests/backends/test_cupy_names.py`` compares the names with cupy itself.
"""

import itertools
import threading
import time
import types

import numpy
import simkernel

DEVICES = 2
SCATTER_DTYPES = {"int32", "int64", "uint32", "uint64", "float16", "float32", "float64"}

_order = numpy.random.default_rng(0)
_current = threading.local()


class Counting:
    """Launches and syncs since it was made or reset: ``with simcupy.counting() as seen: ...; seen.syncs``."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Count from now."""
        self._launches, self._syncs, self._end = COUNTERS.launches, COUNTERS.syncs, None

    @property
    def launches(self):
        return (self._end or COUNTERS).launches - self._launches

    @property
    def syncs(self):
        return (self._end or COUNTERS).syncs - self._syncs

    def __enter__(self):
        self.reset()
        return self

    def __exit__(self, *exception):
        self._end = types.SimpleNamespace(launches=COUNTERS.launches, syncs=COUNTERS.syncs)


COUNTERS = types.SimpleNamespace(launches=0, syncs=0)
counting = Counting


def seed(n):
    """Start the random order of undefined writes anew."""
    global _order
    _order = numpy.random.default_rng(n)


# --- devices ---
class Device:
    """``cupy.cuda.Device``: the current device inside a with block."""

    def __init__(self, device=None):
        self.id = current_device() if device is None else int(device)
        if not 0 <= self.id < DEVICES:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self):
        self._outer = [*getattr(self, "_outer", ()), current_device()]
        _current.device = self.id
        return self

    def __exit__(self, *exception):
        _current.device = self._outer.pop()

    def use(self):
        """Make it the current device for good."""
        _current.device = self.id

    def synchronize(self):
        """Wait for the device."""
        COUNTERS.syncs += 1

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


class CUDARuntimeError(RuntimeError):
    """``cupy.cuda.runtime.CUDARuntimeError``."""


def current_device():
    """The number of the current device."""
    return getattr(_current, "device", 0)


class Stream:
    """``cupy.cuda.Stream``: everything is done as soon as it is given to one."""

    _ptrs = itertools.count(1)
    done = True

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self.device_id = (0, -1) if null else (next(self._ptrs), current_device())
        self.priority = priority or 0

    def use(self):
        """Make it the device's current stream for good."""
        if self.device_id not in (-1, current_device()):
            raise RuntimeError("This stream was not created on the current device")
        _streams()[current_device()] = self

    def synchronize(self):
        """Wait for the stream."""
        COUNTERS.syncs += 1

    def wait_event(self, event):
        """Let what comes next wait for the event."""

    def record(self, event=None):
        """Record an event, a new one if none is given."""
        event = event or Event()
        event.record(self)
        return event


class Event:
    """``cupy.cuda.Event``: the time at which it was recorded."""

    done = True

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.at, self.disable_timing, self.device_id = None, disable_timing, current_device()
        self.ptr = id(self)

    def record(self, stream=None):
        """Note the time; the stream must be the event's device's."""
        if stream is not None and stream.device_id not in (-1, self.device_id):
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
        self.at = time.perf_counter()

    def synchronize(self):
        """Wait for the event."""
        COUNTERS.syncs += 1


def get_elapsed_time(start, end):
    """Milliseconds between two events."""
    if start.disable_timing or end.disable_timing or None in (start.at, end.at):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return 1000 * (end.at - start.at)


Stream.null = Stream(null=True)


def _streams():
    if not hasattr(_current, "streams"):
        _current.streams = {}
    return _current.streams


def get_current_stream(device_id=-1):
    """The current stream of a device."""
    return _streams().get(current_device() if device_id < 0 else device_id, Stream.null)


def properties(index):
    """What ``cudaGetDeviceProperties`` tells of every one of the two devices."""
    numbers = {"major": 9, "minor": 0, "totalGlobalMem": TOTAL, "multiProcessorCount": 4, "warpSize": 32}
    limits = {"maxThreadsPerMultiProcessor": 2048, "regsPerMultiprocessor": 65536, "sharedMemPerBlock": 49152}
    return {"name": f"Simulated {index}".encode(), "integrated": 0, "isMultiGpuBoard": 0, **numbers, **limits}


# --- memory ---
class OutOfMemoryError(MemoryError):
    """``cupy.cuda.memory.OutOfMemoryError``."""

    def __init__(self, size, total, limit=0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


class MemoryPool:
    """``cupy.cuda.MemoryPool``: it keeps what is freed until it is told to give it back."""

    def __init__(self):
        self._used, self._kept, self._limit = [0] * DEVICES, [0] * DEVICES, [TOTAL] * DEVICES

    def malloc(self, size):
        """Memory on the current device."""
        device = current_device()
        if self._used[device] + size > self._limit[device]:
            raise OutOfMemoryError(size, self._kept[device], self._limit[device])
        self._used[device] += size
        self._kept[device] = max(self._kept[device], self._used[device])
        return MemoryPointer(self, size, device)

    def used_bytes(self):
        """Bytes in use on the current device."""
        return self._used[current_device()]

    def total_bytes(self):
        """Bytes that the pool holds on the current device."""
        return self._kept[current_device()]

    def free_all_blocks(self):
        """Give back what is not in use."""
        self._kept[current_device()] = self._used[current_device()]

    def set_limit(self, size=None, fraction=None):
        """How much the pool may hold on the current device; 0 takes the limit away."""
        self._limit[current_device()] = int(TOTAL * fraction) if size is None else size or TOTAL

    def get_limit(self):
        """The limit on the current device."""
        return self._limit[current_device()]


class MemoryPointer:
    """``cupy.cuda.MemoryPointer``, without an address."""

    def __init__(self, pool, size, device_id):
        self._pool, self._size, self.device_id = pool, size, device_id

    def __del__(self):
        self._pool._used[self.device_id] -= self._size


TOTAL = 2**36
_pool = MemoryPool()
_allocators = [_pool.malloc]


def get_default_memory_pool():
    """``cupy.get_default_memory_pool()``."""
    return _pool


def set_allocator(allocator=None):
    """``cupy.cuda.set_allocator``."""
    _allocators[0] = allocator or _pool.malloc


MARKS = []  # what the profiler was told, in order

cuda = types.SimpleNamespace(
    Device=Device,
    Stream=Stream,
    Event=Event,
    MemoryPool=MemoryPool,
    get_current_stream=get_current_stream,
    get_elapsed_time=get_elapsed_time,
    is_available=lambda: True,
    memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    get_allocator=lambda: _allocators[0],
    set_allocator=set_allocator,
    nvtx=types.SimpleNamespace(
        RangePush=lambda message, id_color=-1: MARKS.append(("push", message)),
        RangePop=lambda: MARKS.append(("pop",)),
        Mark=lambda message, id_color=-1: MARKS.append(("mark", message)),
    ),
    runtime=types.SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDevice=current_device,
        getDeviceCount=lambda: DEVICES,
        getDeviceProperties=properties,
        deviceCanAccessPeer=lambda device, peer: int(device != peer),
        memGetInfo=lambda: (TOTAL - _pool.total_bytes(), TOTAL),
    ),
)


# --- arrays ---
class ndarray:
    """An array in simulated device memory. ``_h`` is the numpy array that stands for it: nobody else may look there."""

    __slots__ = ("__weakref__", "_device", "_h", "_memory", "base")
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, host, device, base=None):
        self._h = host
        self._device = device
        self.base = base
        if base is None:
            self._memory = _allocators[0](host.nbytes)

    shape = property(lambda self: self._h.shape)
    dtype = property(lambda self: self._h.dtype)
    ndim = property(lambda self: self._h.ndim)
    size = property(lambda self: self._h.size)
    itemsize = property(lambda self: self._h.itemsize)
    nbytes = property(lambda self: self._h.nbytes)
    strides = property(lambda self: self._h.strides)
    flags = property(lambda self: self._h.flags)
    device = property(lambda self: Device(self._device))
    data = property(lambda self: types.SimpleNamespace(ptr=self._h.ctypes.data, device_id=self._device))
    T = property(lambda self: module("transpose")(self))

    # --- the host waits ---
    def get(self):
        """A numpy array with a copy of the elements."""
        COUNTERS.syncs += 1
        return self._h.copy()

    def item(self, *place):
        """One element as a Python number."""
        return self.get().item(*place)

    def tolist(self):
        """The elements as nested lists."""
        return self.get().tolist()

    def __bool__(self):
        return bool(self.get())

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __complex__(self):
        return complex(self.get())

    def __index__(self):
        return self.get().__index__()

    def __repr__(self):
        return repr(self.get())

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, function, method, *inputs, **options):
        return getattr(module(function.__name__), method)(*inputs, **options)

    def __array_function__(self, function, classes, args, options):
        return module(function.__name__)(*args, **options)

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    # --- indexing ---
    def __getitem__(self, key):
        key = host_key(self, key)
        return compute(lambda h: h[key if is_advanced(key) else open_key(key)], (self,))

    def __setitem__(self, key, value):
        key = host_key(self, key)
        if not isinstance(value, ndarray) and numpy.ndim(value):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        compute(lambda h, v: write(h, key, v), (self, value), writes=True)

    # --- the methods that cupy's users write ---
    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        """A copy in another dtype."""
        if not copy and self.dtype == dtype:
            return self
        return compute(lambda h: h.astype(dtype), (self,))

    def copy(self, order="C"):
        """A copy on the current device."""
        return compute(lambda: self._h.copy(order), ())

    def view(self, dtype=None):
        """The same memory, read as another dtype."""
        return compute(lambda h: h.view(dtype or h.dtype), (self,))

    def reshape(self, *shape, order="C"):
        """Another shape: a view where that is possible."""
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return compute(lambda h: h.reshape(shape), (self,))

    def transpose(self, *axes):
        """The axes in another order."""
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return module("transpose")(self, axes)

    def fill(self, value):
        """Write one value everywhere."""
        self[...] = value

    def nonzero(self):
        """The indices of the elements that are not zero; the host waits for their number."""
        COUNTERS.syncs += 1
        return compute(lambda h: h.nonzero(), (self,))

    real = property(lambda self: compute(lambda h: h.real, (self,)))
    imag = property(lambda self: compute(lambda h: h.imag if h.dtype.kind == "c" else numpy.zeros_like(h), (self,)))


def forward_methods():
    """Methods that are the module's function of the same name."""
    names = "sum prod max min any all argmax argmin mean var std cumsum cumprod ravel squeeze swapaxes clip conj dot round take"
    for name in names.split():
        setattr(ndarray, name, lambda self, *args, _name=name, **options: module(_name)(self, *args, **options))


def forward_operators():
    """The operators, as the ufuncs of their names."""
    binary = {
        "add": "add", "sub": "subtract", "mul": "multiply", "matmul": "matmul", "truediv": "true_divide",
        "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or",
        "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift",
    }  # fmt: skip
    compared = {
        "eq": "equal",
        "ne": "not_equal",
        "lt": "less",
        "le": "less_equal",
        "gt": "greater",
        "ge": "greater_equal",
    }
    for short, name in (*binary.items(), *compared.items()):
        setattr(ndarray, f"__{short}__", operator(name, reflected=False))
    for short, name in binary.items():
        setattr(ndarray, f"__r{short}__", operator(name, reflected=True))
        setattr(ndarray, f"__i{short}__", lambda x, y, _name=name: module(_name)(x, y, out=x))
    for short, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
        setattr(ndarray, f"__{short}__", lambda x, _name=name: module(_name)(x))


def operator(name, reflected):
    def binary(x, y):
        # cupy leaves the operation to an operand that outranks it, as a Tensor does.
        if not hasattr(y, "__array_ufunc__") and getattr(y, "__array_priority__", 0) > ndarray.__array_priority__:
            return NotImplemented
        return module(name)(y, x) if reflected else module(name)(x, y)

    return binary


# --- computing ---
def compute(function, args, options=None, writes=False):
    """Run a numpy function on the memory behind the arrays, as one kernel; a result that shares memory is a view."""
    here = current_device()
    given = []
    hosts = [unwrapped(a, here, given) for a in args]
    with numpy.errstate(all="ignore"):
        result = function(*hosts, **{k: unwrapped(v, here, given) for k, v in (options or {}).items()})
    made, views = wrapped(result, here, given)
    if writes or not views:
        COUNTERS.launches += 1
    return made


def unwrapped(value, here, given):
    if isinstance(value, ndarray):
        if value._device != here:
            raise ValueError(
                f"The device where the array resides ({value._device}) is different from the current device ({here}). "
                "Peer access is unavailable between these devices."
            )
        given.append(value)
        return value._h
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)) and any(isinstance(v, (ndarray, numpy.ndarray)) for v in value):
        return [unwrapped(v, here, given) for v in value]
    return value


def wrapped(result, here, given):
    """(the result in simulated memory, whether it is nothing but views of what was given)."""
    if isinstance(result, (tuple, list)):
        parts = [wrapped(r, here, given) for r in result]
        return tuple(made for made, _ in parts), all(view for _, view in parts)
    if not isinstance(result, (numpy.ndarray, numpy.generic)):
        return result, True
    result = numpy.asarray(result)
    for source in given:
        if result is source._h:
            return source, True
        if result.size and numpy.may_share_memory(result, source._h):
            return ndarray(result, here, source if source.base is None else source.base), True
    return ndarray(result, here), False


class ufunc:
    """``cupy.ufunc``: an elementwise function."""

    def __init__(self, host):
        self._host = host
        self.__name__ = self.name = host.__name__

    def __call__(self, *args, **options):
        return compute(self._host, args, options, writes=options.get("out") is not None)

    def at(self, a, indices, b=None):
        """Apply in place at indices, each as often as it occurs; for few functions and dtypes."""
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        b = b.astype(a.dtype, copy=False) if isinstance(b, ndarray) else b
        if is_advanced(key := host_key(a, indices)) and a.dtype.name not in SCATTER_DTYPES:
            raise TypeError(
                "cupy.add.at only supports int32, int64, float16, float32, float64, uint32, uint64 as data type"
            )
        compute(lambda h, v: write(h, key, v, self._host.at), (a, b), writes=True)

    def __repr__(self):
        return f"<simcupy.ufunc '{self.__name__}'>"


def open_key(key):
    """A basic key with an ellipsis, so that numpy gives a 0-d array where it would give a scalar."""
    return key if any(k is Ellipsis for k in key) else (*key, ...)


def is_advanced(key):
    return any(isinstance(k, numpy.ndarray) for k in key)


def host_key(a, key):
    """The key on the host: integer arrays wrapped into range, as the kernels do; the host waits for a bool array."""
    here, found, axis = current_device(), [], 0
    key = key if isinstance(key, tuple) else (key,)
    axes = [axes_of(k) for k in key]
    for k, count in zip(key, axes, strict=True):
        if k is Ellipsis:
            axis += a.ndim - sum(axes)
        elif isinstance(k, (ndarray, numpy.ndarray, list)):
            host = unwrapped(k, here, []) if isinstance(k, ndarray) else numpy.asarray(k)
            if host.dtype.kind not in "biu":
                raise IndexError(
                    f"arrays used as indices must be of integer or boolean type. (actual: {host.dtype.type})"
                )
            if host.dtype.kind == "b":
                COUNTERS.syncs += 1
            elif axis < a.ndim and a.shape[axis]:
                host = host % a.shape[axis]
            k = host
        found.append(k)
        axis += count
    return tuple(found)


def axes_of(k):
    """How many axes one part of a key takes."""
    if k is None or k is Ellipsis:
        return 0
    return k.ndim if isinstance(k, (ndarray, numpy.ndarray)) and k.dtype.kind == "b" else 1


def write(host, key, value, at=None):
    """``host[key] = value``, or a ufunc's ``at``; the values for one place come in a random order."""
    if not is_advanced(key):
        if at is None:
            host[open_key(key)] = value
        else:
            at(host, key, value)
        return
    places = numpy.arange(host.size).reshape(host.shape)[key].ravel()
    values = numpy.broadcast_to(numpy.asarray(value, host.dtype), numpy.empty(host.shape, bool)[key].shape).ravel()
    order = _order.permutation(places.size)
    target = numpy.unravel_index(places[order], host.shape)
    if at is None:
        host[target] = values[order]
    else:
        at(host, target, values[order])


# --- functions that are not simply numpy's ---
def asarray(a, dtype=None, order=None):
    """To the current device; an array that lies there already is given back."""
    if isinstance(a, ndarray):
        if a._device == current_device() and dtype in (None, a.dtype):
            return a
        return compute(lambda: numpy.array(a._h, dtype), ())
    return ndarray(numpy.array(a, dtype), current_device())


def array(a, dtype=None, copy=True, order=None):
    """A new array on the current device."""
    made = asarray(a, dtype)
    return made.copy() if made is a and copy else made


def asnumpy(a):
    """To the host; it waits."""
    return a.get() if isinstance(a, ndarray) else numpy.asarray(a)


def empty(shape, dtype=float, order="C"):
    """Memory that holds garbage; nothing is launched."""
    host = numpy.empty(shape, dtype)
    host[...] = numpy.nan if host.dtype.kind in "fcV" else 1 if host.dtype.kind == "b" else 77
    return ndarray(host, current_device())


def copy(a, order="C"):
    """A copy on the current device."""
    return a.copy(order)


def reshape(a, newshape, order="C"):
    """Another shape: a view where that is possible."""
    return a.reshape(newshape)


def sort(a, axis=-1, kind=None):
    """A sorted copy; stable, and for at least one axis."""
    check_sort(a, kind)
    return compute(lambda h: numpy.sort(h, axis, kind="stable"), (a,))


def argsort(a, axis=-1, kind=None):
    """The indices that sort; stable."""
    check_sort(a, kind)
    return compute(lambda h: numpy.argsort(h, axis, kind="stable"), (a,))


def check_sort(a, kind):
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    if not a.ndim:
        raise numpy.exceptions.AxisError("Sorting arrays with the rank of zero is not supported")


def take(a, indices, axis=None, out=None):
    """Elements at indices, which wrap round."""
    return compute(lambda h, i: numpy.take(h, i, axis, mode="wrap"), (a, indices))


def where(condition, x=None, y=None):
    """A choice by elements; with a condition alone its places, for which the host waits."""
    if x is None and y is None:
        return condition.nonzero()
    return compute(numpy.where, (condition, x, y))


def nonzero(a):
    """The indices of the elements that are not zero; the host waits for their number."""
    return a.nonzero()


RawKernel = simkernel.RawKernel


def diagonal(a, offset=0, axis1=0, axis2=1):
    """A view that can be written to, as every array of cupy; numpy's is read-only."""

    def writable(h):
        found = numpy.diagonal(h, offset, axis1, axis2)
        found.flags.writeable = h.flags.writeable
        return found

    return compute(writable, (a,))


def as_strided(x, shape=None, strides=None):
    """A view of any strides, in bytes."""
    return compute(lambda h: numpy.lib.stride_tricks.as_strided(h, shape, strides), (x,))


lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))


def real(a):
    """The real part, a view."""
    return a.real


def imag(a):
    """The imaginary part, a view of a complex array."""
    return a.imag


_DEFINED = globals()
_FOUND = {}  # not in the module's own names, where ``any`` and ``max`` would hide Python's


def accumulating(function):
    """A sum or a product, which cupy computes in float32 where half precision is given."""

    def call(a, axis=None, dtype=None, out=None, keepdims=False):
        def reduced(h):
            half = numpy.dtype(dtype or h.dtype) == numpy.float16
            made = function(h, axis, numpy.float32 if half else dtype, keepdims=keepdims)
            return made.astype(numpy.float16) if half else made

        return compute(reduced, (a,))

    call.__name__ = call.__qualname__ = function.__name__
    return call


_FOUND |= {"sum": accumulating(numpy.sum), "prod": accumulating(numpy.prod)}


def module(name):
    """The module's attribute of a name."""
    return _DEFINED[name] if name in _DEFINED else __getattr__(name)


def __getattr__(name):
    """What is not defined above: numpy's, on unwrapped arrays."""
    if name.startswith("_"):
        raise AttributeError(name)
    if name not in _FOUND:
        found = getattr(numpy, name)
        if isinstance(found, numpy.ufunc):
            found = ufunc(found)
        elif callable(found) and not isinstance(found, type):
            found = wrapper(name, found)
        _FOUND[name] = found
    return _FOUND[name]


def wrapper(name, function):
    def call(*args, **options):
        return compute(function, args, options)

    call.__name__ = call.__qualname__ = name
    return call


def forgiving(function):
    """cupy does not raise for a matrix that cannot be factorized; its result holds no numbers."""

    def call(*arrays):
        try:
            return function(*arrays)
        except numpy.linalg.LinAlgError:
            if arrays[0].ndim == 2:
                return numpy.full(arrays[-1].shape, numpy.nan, arrays[-1].dtype)
        return numpy.stack([call(*(a[i] for a in arrays)) for i in range(len(arrays[0]))])

    return call


fft = types.SimpleNamespace(**{n: wrapper(n, getattr(numpy.fft, n)) for n in "fftn ifftn irfftn rfftn".split()})
linalg = types.SimpleNamespace(
    **{n: wrapper(n, getattr(numpy.linalg, n)) for n in "det eig eigh eigvals eigvalsh qr slogdet svd".split()},
    **{n: wrapper(n, forgiving(getattr(numpy.linalg, n))) for n in "cholesky inv solve".split()},
)
forward_methods()
forward_operators()
