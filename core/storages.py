"""Storages: the memory that a checkpoint's tensors are laid over, when it is read and when it is written."""

import numpy as np

from .device import device as device_class
from .interop import numpy_dtype
from .modes import no_grad
from .unpickling import CheckpointError

__all__ = ["Storage", "StorageTable", "array_from_bytes", "swapped_bytes", "tensor_from_storage"]


# --- reading: a tensor is laid over a storage ---


class Storage:
    """The memory of one or more tensors, as ``map_location`` functions meet it.

    Attributes:
        array: its elements, a one-dimensional numpy array.
        device: where tensors made from it shall be.
    """

    def __init__(self, array, dtype, device="cpu"):
        self.array = array
        self.dtype = dtype
        self.device = device_class(device)
        self.used = False
        self.changed = {}
        self.on_device = None  # the same elements on the device, once a tensor there was laid over them

    def __len__(self):
        return len(self.array)

    size = __len__

    def nbytes(self):
        """Bytes of all elements."""
        return self.array.nbytes

    def to(self, device):
        """The same elements, for tensors on ``device``."""
        return Storage(self.array, self.dtype, device)

    def cpu(self):
        """The same elements, for tensors on the cpu."""
        return self.to("cpu")

    def cuda(self, device=None):
        """The same elements, for tensors on a CUDA device: the current one, or a number."""
        return self.to("cuda" if device is None else device)

    def part(self, offset, size):
        """The storage of ``size`` elements from ``offset`` on, in the same memory."""
        if type(offset) is not int or type(size) is not int or not 0 <= offset <= offset + size <= len(self):
            raise CheckpointError(f"a view of {size!r} elements from {offset!r} on of a storage of {len(self)}.")
        return Storage(self.array[offset : offset + size], self.dtype, self.device)

    def with_bits(self, metadata):
        """The storage with torch's lazy ``conj`` and ``neg`` carried out; once, so that views of it still share."""
        self.used = True
        bits = tuple(name for name in ("conj", "neg") if metadata.get(name))
        if bits not in self.changed:
            array = np.conj(self.array) if "conj" in bits else self.array
            self.changed[bits] = Storage(-array if "neg" in bits else array, self.dtype, self.device)
        return self.changed[bits] if bits else self


def array_from_bytes(raw, dtype, swapped=False):
    """A storage's bytes as a one-dimensional array of ``dtype``, on the same memory where that can be.

    Args:
        raw: a buffer of bytes.
        dtype: a plugrad dtype.
        swapped: whether the bytes of each number are in the other order.
    """
    raw = np.frombuffer(raw, np.uint8)
    if dtype.name == "bool" and raw.size and raw.max() > 1:
        raw = (raw != 0).view(np.uint8)  # numpy takes for granted that a bool is 0 or 1
    array = raw.view(numpy_dtype(dtype))
    if not array.flags.aligned:
        array = array.copy()
    return swapped_bytes(array, dtype) if swapped else array


def swapped_bytes(array, dtype):
    """The same array with the bytes of each number in the other order."""
    component = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    return array if component == 1 else array.view(f"u{component}").byteswap().view(array.dtype)


def tensor_from_storage(storage, offset, size, stride, requires_grad):
    """A tensor laid over a storage; tensors from one storage share its memory.

    Raises:
        CheckpointError: an element would lie outside of the storage.
    """
    from .create import from_host

    _check_layout(storage, offset, size, stride)
    storage.used = True
    on_host = storage.device.type == "cpu"
    tensor = None if on_host else _lay_out_on_device(storage, offset, size, stride)
    if tensor is None:
        tensor = from_host(_lay_out(storage.array, offset, size, stride), storage.device)
    return tensor.requires_grad_(requires_grad)


def _check_layout(storage, offset, size, stride):
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(number) is not int or number < 0 for number in numbers):
        raise CheckpointError(f"setStorage: impossible size {size}, stride {stride} or storage offset {offset}")
    empty = 0 in size
    needed = offset + (0 if empty else 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True)))
    if needed > len(storage):
        itemsize = storage.array.itemsize
        raise CheckpointError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {itemsize} "
            f"requiring a storage size of {needed * itemsize} are out of bounds for storage of size {storage.nbytes()}"
        )


def _lay_out(array, offset, size, stride):
    if 0 in size:
        return array[:0].reshape(size)
    itemsize = array.itemsize
    return np.ndarray(size, array.dtype, array, offset * itemsize, [step * itemsize for step in stride])


def _lay_out_on_device(storage, offset, size, stride):
    """The same as views of one array on the device; None for a layout with gaps or overlaps, which needs a copy."""
    from .create import from_host

    order = sorted(range(len(size)), key=lambda axis: (stride[axis], size[axis]), reverse=True)
    count = 1
    for axis in reversed(order):
        if size[axis] != 1 and stride[axis] != count:
            return None
        count *= size[axis]
    if storage.on_device is None:
        storage.on_device = from_host(storage.array, storage.device)
    with no_grad():
        packed = storage.on_device[offset : offset + count].reshape([size[axis] for axis in order])
        return packed.permute([order.index(axis) for axis in range(len(order))]).data


# --- writing: which storages the tensors of a checkpoint have ---


class StorageTable:
    """The storages of one checkpoint in the order they are met; arrays on the same memory get the same one.

    Args:
        identity_end: what a storage's persistent id has behind its number of elements.
    """

    def __init__(self, identity_end=()):
        self.identity_end = identity_end
        self.memories = []  # uint8 arrays; they also keep addresses from being used twice
        self.references = {}
        self.host = {}

    def described(self):
        """(memory, dtype, number of elements) of each storage."""
        dtypes = [dtype for dtype, _ in self.references.values()]
        return [(m, d, m.nbytes // d.itemsize) for m, d in zip(self.memories, dtypes, strict=True)]

    def place(self, t):
        """Return where the tensor's elements are: (StorageReference, offset, stride)."""
        if id(t._a) not in self.host:
            self.host[id(t._a)] = t._a, t._host()  # the raw array is kept so that its id stays its own
        array = self.host[id(t._a)][1]
        layout = _layout_in_owner(array) if array.size else None
        if layout is None:
            array = np.ascontiguousarray(array).reshape(array.shape)
            layout = array.reshape(-1), 0, array.strides
        owner, offset, strides = layout
        return self._reference(t, owner), offset // array.itemsize, tuple(s // array.itemsize for s in strides)

    def _reference(self, t, owner):
        from .pickling import StorageReference

        address = owner.ctypes.data if owner.size else -len(self.memories) - 1
        dtype, reference = self.references.get(address, (t.dtype, None))
        if dtype is not t.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        if reference is None:
            location = "cpu" if t.device.type == "cpu" else f"{t.device.type}:{t.device.index or 0}"
            reference = StorageReference(
                dtype, str(len(self.memories)), location, owner.nbytes // dtype.itemsize, self.identity_end
            )
            self.references[address] = dtype, reference
            self.memories.append(owner.view(np.uint8))
        return reference


def _layout_in_owner(array):
    """(the flat array that owns the memory, byte offset in it, byte strides), or None where torch has no such layout."""
    owner, base = array, array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            owner = base
        base = getattr(base, "base", None)
    if not (owner.flags.c_contiguous or owner.flags.f_contiguous):
        return None
    offset, itemsize = array.ctypes.data - owner.ctypes.data, array.itemsize
    if min(array.strides, default=0) < 0 or any(step % itemsize for step in (offset, owner.nbytes, *array.strides)):
        return None
    return owner.reshape(-1, order="A"), offset, array.strides
