"""Host side: Python values and numpy arrays in, DLPack."""

import functools
import warnings

import numpy as np

from .dtypes import DTYPES, FLOAT, INT, promote_types
from .modes import Defaults
from .slow import number_dtype


def numpy_dtype(d):
    """The numpy dtype of a plugrad dtype (bfloat16 by ml_dtypes)."""
    if d.name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise ImportError('bfloat16 on the host needs ml_dtypes: pip install "plugrad[bfloat16]"') from error
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(d.name)


def is_numpy_array(value):
    return isinstance(value, np.ndarray)


def check_numpy(array, level=3, may_be_read_only=False):
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    if array.dtype.name not in DTYPES:
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. The only supported types "
            "are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
            + ("\n(plugrad does not have uint64, uint32 and uint16)" if array.dtype.kind == "u" else "")
        )
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
            "(You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently "
            "not supported."
        )
    if not array.flags.writeable and not may_be_read_only:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this "
            "tensor will result in undefined behavior. You may want to copy the array to protect its data or make it writable before "
            "converting it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=level,
        )


def host_array(data, dtype):
    """A new numpy array of ``data`` by torch's rules for the dtype."""
    if isinstance(data, np.ndarray | np.generic):
        target = numpy_dtype(dtype) if dtype is not None else data.dtype
        if np.dtype(target).name not in DTYPES:
            check_numpy(np.asarray(data))
        return np.array(data, dtype=target)
    if isinstance(data, str | bytes):
        raise no_number(data)
    shape = shape_of(data)
    try:
        flat = list(flatten(data, shape, 0))
    except (TypeError, ValueError):
        if dtype is None:
            dtype_of([data])  # what has no dtype is said first
        raise
    if dtype is None:
        dtype = dtype_of(flat)
    return stored([number(v) for v in flat], dtype).reshape(shape)


def number(value):
    """The Python number of a tensor or numpy scalar; anything else as it is."""
    if not hasattr(value, "item"):
        return value
    if hasattr(value, "_xp") and value.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return value.item()


def is_sequence(value):
    if isinstance(value, dict | bytes) or hasattr(value, "_xp") or getattr(value, "shape", None) == ():
        return False
    return hasattr(value, "__len__") and hasattr(value, "__getitem__")


def shape_of(data):
    shape = []
    while is_sequence(data):
        if isinstance(data, str):
            raise ValueError("too many dimensions 'str'")
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return tuple(shape)


def flatten(data, shape, depth):
    """The numbers of nested sequences, checked against the shape that the first ones show."""
    if depth == len(shape):
        yield data
        return
    if not is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth + 1 == len(shape):
        yield from data
        return
    for part in data:
        yield from flatten(part, shape, depth + 1)


# --- which dtype ---
PLAIN = {bool, int, float, complex}


def dtype_of(flat):
    """The dtype that numbers show, of all of them together."""
    kinds = set(map(type, flat))
    if kinds <= PLAIN:
        found = {number_dtype(kind(0)) for kind in kinds}
    else:
        found = {dtype_of_one(value) for value in flat}
    return functools.reduce(promote_types, found) if found else Defaults.dtype


def dtype_of_one(value):
    if type(value) in PLAIN:
        return number_dtype(value)
    if hasattr(value, "_xp"):
        return value.dtype
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.name not in DTYPES:
            check_numpy(np.asarray(value))
        return DTYPES[value.dtype.name]
    if isinstance(value, str | bytes):
        raise no_number(value)
    if is_sequence(value):
        return dtype_of(list(value))
    if isinstance(value, bool | int | float | complex):
        return number_dtype(value)
    raise RuntimeError(f"Could not infer dtype of {type_name(value)}")


def no_number(value):
    return TypeError(f"new(): invalid data type '{type(value).__name__}'")


def type_name(value):
    """The name of a value's type as C has it: types written in C carry their module."""
    kind, immutable = type(value), 1 << 8  # a class made in Python can be changed
    is_plain = kind.__module__ == "builtins" or not kind.__flags__ & immutable
    return kind.__name__ if is_plain else f"{kind.__module__}.{kind.__name__}"


# --- what is stored ---
def stored(values, dtype):
    """Python numbers as an array of a dtype."""
    kinds = set(map(type, values))
    if kinds <= ({bool, int} if dtype.kind < FLOAT else PLAIN):
        try:
            return np.array(values, dtype=numpy_dtype(dtype))
        except (OverflowError, TypeError):
            return one_by_one(values, dtype)
    return one_by_one(values, dtype)


def one_by_one(values, dtype):
    convert = as_whole if dtype.kind == INT else as_bool if dtype.kind < INT else as_real
    return np.array([convert(v, dtype) for v in values], dtype=numpy_dtype(dtype))


def as_whole(value, dtype):
    if not isinstance(value, bool | int | float):
        raise no_integer(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    low, high = np.iinfo(dtype.name).min, np.iinfo(dtype.name).max
    if dtype.name == "uint8" and isinstance(value, int):
        low = -high  # counted from the end
    if not low <= value < high + 1:  # NaN too
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return int(value) % 256 if dtype.name == "uint8" else int(value)


def as_bool(value, dtype):
    if not isinstance(value, bool | int | float | complex):
        raise no_integer(value)
    return bool(value)


def as_real(value, dtype):
    kinds = (bool, int, float, complex) if dtype.is_complex else (bool, int, float)
    if not isinstance(value, kinds):
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return value


def no_integer(value):
    return TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer")


class Capsule:
    """A bare DLPack capsule of host memory, in the form that numpy reads."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return 1, 0  # the cpu


class Writable:
    """The memory of an array, to be seen as writable."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def from_dlpack(external):
    from .create import from_host
    from .tensor import Tensor

    if isinstance(external, Tensor):
        return external.detach()
    if type(external).__name__ == "PyCapsule":
        # numpy takes what comes without flags as read-only; a bare capsule has none.
        array = np.asarray(Writable(np.from_dlpack(Capsule(external))))
    else:
        array = np.from_dlpack(external)
    if not array.flags.writeable:
        array = array.copy()
    return from_host(array, "cpu")
