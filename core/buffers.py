"""Tensors on the memory of others: ``asarray`` and ``frombuffer``."""

import warnings

import numpy as np

from .create import check_dtype, from_host, tensor
from .device import device as device_class
from .dtypes import FLOAT
from .errors import requires_grad_of_dtype
from .interop import check_numpy, from_dlpack, numpy_dtype
from .modes import Defaults
from .tensor import Tensor

__all__ = ["asarray", "frombuffer"]

READ_ONLY = (
    "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write to the "
    "underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to protect its data or make "
    "it writable before converting it to a tensor. This type of warning will be suppressed for the rest of this program."
)
INHERITED = (
    "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass requires_grad=False "
    "explicitly to get the old behavior and silence this warning."
)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A tensor (count,) on the memory of an object with Python's buffer protocol.

    Args:
        buffer: bytes, a bytearray, a memoryview, an array; the memory must be contiguous.
        dtype: what the bytes are.
        count: how many elements; negative: all that are there.
        offset: how many bytes to leave out at the beginning.
        requires_grad: record operations on it.

    Raises:
        ValueError: no buffer, nothing in it, or not that many elements.
        RuntimeError: memory with gaps; whole numbers that require grad.

    Warns:
        UserWarning: the memory is read-only; writing to the tensor raises.

    Example:
        >>> import plugrad
        >>> memory = bytearray([1, 2, 3])
        >>> x = plugrad.frombuffer(memory, dtype=plugrad.uint8, offset=1)
        >>> memory[2] = 7
        >>> x
        tensor([2, 7], dtype=torch.uint8)
    """
    check_dtype("frombuffer", dtype)
    for name, value in (("count", count), ("offset", offset)):
        if not isinstance(value, int):
            raise TypeError(f"frombuffer(): argument '{name}' must be int, not {type(value).__name__}")
    return from_host(_array_on(buffer, dtype, count, offset), "cpu", requires_grad)


def _array_on(buffer, dtype, count=-1, offset=0, level=3):
    """The numpy array on a buffer, checked in torch's order."""
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    if not view.c_contiguous:
        raise RuntimeError("could not retrieve buffer from object")
    if view.readonly:
        warnings.warn(READ_ONLY, UserWarning, stacklevel=level)
    length, size = view.nbytes, dtype.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
            )
        count = (length - offset) // size
    if offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual "
            f"buffer length ({length} bytes)"
        )
    return np.frombuffer(view, numpy_dtype(dtype), count, offset)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """``obj`` as a tensor, on its own memory where it has some that fits.

    Args:
        obj: a tensor, a numpy array or scalar, an object with DLPack or Python's buffer protocol, numbers in nested sequences.
        dtype: what the result must be; of a buffer, what its bytes are: the default dtype unless given.
        device: where it must be.
        copy: True: new memory always; False: never; None: where the dtype or the device asks for it.
        requires_grad: whether the result does; default: as a tensor that is given. A leaf that is given and shared is changed itself.

    Raises:
        ValueError: the memory cannot be shared, but ``copy`` is False.
        TypeError: no data of a known kind.
        RuntimeError: whole numbers are to require grad.

    Example:
        >>> import numpy as np, plugrad
        >>> a = np.zeros(2)
        >>> x = plugrad.asarray(a)
        >>> a[0] = 5
        >>> x
        tensor([5., 0.], dtype=torch.float64)
    """
    check_dtype("asarray", dtype)
    for name, value in (("copy", copy), ("requires_grad", requires_grad)):
        if not isinstance(value, bool | None):
            raise TypeError(f"asarray(): argument '{name}' must be bool, not {type(value).__name__}")
    where = None if device is None else device_class(device)
    if isinstance(obj, Tensor):
        return _of_tensor(obj, dtype, where, copy, requires_grad)
    if isinstance(obj, np.generic) and copy is False:
        raise RuntimeError("can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. ")
    shared = None if isinstance(obj, np.generic) else _sharing(obj, dtype, copy)
    if shared is not None:
        found = _converted(shared, dtype, where, copy)
        return _requiring(found) if requires_grad else found
    if copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    return tensor(obj, dtype=dtype, device=where, requires_grad=bool(requires_grad))


def _sharing(obj, dtype, copy):
    """A tensor on the object's memory; None where it has none to share."""
    if isinstance(obj, np.ndarray):
        check_numpy(obj, 4, may_be_read_only=copy is True)
        return from_host(obj, "cpu")
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    try:
        memoryview(obj)
    except TypeError:
        return None
    return from_host(_array_on(obj, dtype or Defaults.dtype, level=4), "cpu")


def _converted(found, dtype, where, copy):
    """The tensor where and in the dtype that is asked for; a copy if it must or may not be avoided."""
    moves = where is not None and not _same_place(found.device, where)
    casts = dtype is not None and found.dtype is not dtype
    if copy is False:
        if moves:
            raise ValueError(f"can't alias tensor from device '{found.device}' to '{where}'.")
        if casts:
            raise ValueError(f"can't alias tensor with dtype '{_short(found.dtype)}' into dtype '{_short(dtype)}'.")
        return found
    if moves or casts:
        return found.to(device=where if moves else found.device, dtype=dtype or found.dtype, copy=bool(copy))
    return found.clone() if copy else found


def _same_place(here, there):
    return here.type == there.type and (there.index is None or here.index == there.index)


def _short(dtype):
    return dtype.type_name.removesuffix("Tensor")


def _of_tensor(obj, dtype, where, copy, requires_grad):
    if requires_grad is None:
        requires_grad = obj.requires_grad
        if requires_grad:
            warnings.warn(INHERITED, UserWarning, stacklevel=3)
    found = _converted(obj, dtype, where, copy)
    if found.requires_grad and not requires_grad:
        return found.requires_grad_(False) if found.is_leaf else found.detach()
    return _requiring(found) if requires_grad and not found.requires_grad else found


def _requiring(found):
    if found.dtype.kind < FLOAT:
        raise requires_grad_of_dtype("Only Tensors of floating point and complex dtype can require gradients", found)
    return found.requires_grad_()
