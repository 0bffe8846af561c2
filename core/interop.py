"""Host side: Python values and numpy arrays in, DLPack."""

import warnings

import numpy as np

from .dtypes import DTYPES
from .modes import Defaults


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


def check_numpy(array):
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    if array.dtype.name not in DTYPES:
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. The only supported types "
            "are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
            "(You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if not array.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this "
            "tensor will result in undefined behavior. You may want to copy the array to protect its data or make it writable before "
            "converting it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=3,
        )


def host_array(data, dtype):
    """A new numpy array of ``data`` by torch's rules for the dtype."""
    if isinstance(data, np.ndarray | np.generic):
        target = numpy_dtype(dtype) if dtype is not None else data.dtype
        if np.dtype(target).name not in DTYPES:
            check_numpy(np.asarray(data))
        return np.array(data, dtype=target)
    shape = shape_of(data)
    flat = list(flatten(data, shape, 0))
    if dtype is None:
        dtype = dtype_of(flat)
    try:
        return np.array([number(v) for v in flat], dtype=numpy_dtype(dtype)).reshape(shape)
    except OverflowError as error:
        if dtype is DTYPES["int64"]:
            raise ValueError("Overflow when unpacking long long") from error
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow") from error


def number(value):
    return value.item() if hasattr(value, "item") else value


def is_sequence(value):
    return (
        hasattr(value, "__len__")
        and hasattr(value, "__getitem__")
        and not isinstance(value, str)
        and not (hasattr(value, "shape") and value.shape == ())
    )


def shape_of(data):
    shape = []
    while is_sequence(data):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return tuple(shape)


def flatten(data, shape, depth):
    """The numbers of nested sequences, checked against the shape that the first ones show."""
    if depth == len(shape):
        if is_sequence(data):
            raise ValueError(f"only one element tensors can be converted to Python scalars; too deep at dim {depth}")
        if not isinstance(number(data), (bool, int, float, complex)):
            if isinstance(data, str):
                raise ValueError("too many dimensions 'str'") if depth else TypeError("new(): invalid data type 'str'")
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        yield data
        return
    if not is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for part in data:
        yield from flatten(part, shape, depth + 1)


def dtype_of(flat):
    from .slow import number_dtype

    best = None
    for value in flat:
        d = value.dtype if hasattr(value, "_xp") else DTYPES.get(getattr(getattr(value, "dtype", None), "name", ""))
        d = d or number_dtype(value)
        if best is None or d.kind > best.kind or (d.kind == best.kind and d.itemsize > best.itemsize):
            best = d
    return best or Defaults.dtype


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
