"""save and load: checkpoints in the format of torch.save, written and read without torch.

Reading builds plain data and tensors and nothing else; no file can make it run code.
"""

import contextlib
import functools
import io
import mmap as mmap_module
import os
import pickle
import sys
import warnings

import numpy as np

from .allowlist import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .archive import ArchiveReader, archive_name, describe_foreign, replacing, write_archive
from .constructors import allow_table, check_identity
from .device import device as device_class
from .interop import numpy_dtype
from .locations import restorer
from .modes import no_grad
from .unpickling import CheckpointError, Survey, Unpickler

__all__ = [
    "CheckpointError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]

ZIP_MAGIC = b"PK\3\4"
HEAD = 512  # enough to tell foreign formats


# --- storages: the memory that tensors are laid over ---


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
    if swapped and dtype.itemsize > 1:
        component = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
        array = array.view(f"u{component}").byteswap().view(array.dtype)
    return array


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


# --- writing ---


class _StorageTable:
    """The storages of one checkpoint in the order they are met; arrays on the same memory get the same one."""

    def __init__(self):
        self.memories = []  # uint8 arrays; they also keep addresses from being used twice
        self.references = {}
        self.host = {}

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
            reference = StorageReference(dtype, str(len(self.memories)), location, owner.nbytes // dtype.itemsize)
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


def save(
    obj,
    f,
    pickle_module=pickle,
    pickle_protocol=2,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):
    """Write an object with tensors in it to a file that :func:`load` and ``torch.load`` read.

    A file on disk is replaced as a whole or not at all. As in torch the memory behind a tensor is written, so tensors
    that share memory still do after a load, and a small view of a large tensor takes the room of the large one
    (``clone()`` it first). On another device than the cpu two tensors share only if their arrays are the same object.

    Args:
        obj: tensors, parameters, state_dicts, containers, numbers, strings; other objects as pickle writes them, for
            whose classes loading needs :func:`~plugrad.serialization.add_safe_globals`.
        f: a path, or a binary file object with ``write`` and ``flush``.
        pickle_module: nothing but ``pickle``.
        pickle_protocol: 2 to 5; torch's ``weights_only`` reads 2 and 3.

    Raises:
        RuntimeError: the folder does not exist, or tensors view the same memory as different dtypes.
        pickle.PicklingError: something in ``obj`` cannot be written.
        NotImplementedError: another pickle module, protocol 0 or 1, or the format before torch 1.6 is asked for.

    Example:
        >>> import io, plugrad
        >>> file = io.BytesIO()
        >>> plugrad.save({"weight": plugrad.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> plugrad.load(file)
        {'weight': tensor([1., 1.])}
    """
    from .pickling import Pickler

    _check_save_arguments(f, pickle_module, pickle_protocol, _use_new_zipfile_serialization)
    table, pickled = _StorageTable(), io.BytesIO()
    Pickler(pickled, pickle_protocol, table.place).dump(obj)
    byteorder = None if _disable_byteorder_record else sys.byteorder
    memories = [memoryview(memory) for memory in table.memories]
    if not _is_path(f):
        write_archive(f, "archive", pickled.getvalue(), memories, byteorder)
        f.flush()
        return
    with replacing(f) as file:
        write_archive(file, archive_name(f), pickled.getvalue(), memories, byteorder)


def _check_save_arguments(f, pickle_module, pickle_protocol, zip_format):
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if pickle_module is not pickle:
        raise NotImplementedError(f"save(): pickle_module={pickle_module!r} is not supported, only pickle")
    if pickle_protocol in (0, 1):
        raise NotImplementedError(f"save(): pickle_protocol={pickle_protocol} is not supported, only 2 to 5")
    if not zip_format:
        raise NotImplementedError("save(): _use_new_zipfile_serialization=False is not supported, only True")


def _is_path(f):
    return isinstance(f, str | os.PathLike)


# --- reading ---


class _ArchiveStorages:
    """The storages of an archive, read when first asked for."""

    def __init__(self, reader, restore, mapped):
        self.reader = reader
        self.restore = restore
        self.mapped = mapped
        self.swapped = reader.byteorder() != sys.byteorder
        self.found = {}

    def __call__(self, identity):
        """The storage of a persistent id ``("storage", type, key, location, number of elements)``."""
        dtype, key, location, numel = check_identity(identity, 5)
        if key not in self.found:
            self.found[key] = self._read(dtype, key, location, numel)
        storage = self.found[key]
        if (storage.dtype, len(storage)) != (dtype, numel):
            raise CheckpointError(f"storage {key} is once {len(storage)} {storage.dtype}, once {numel} {dtype}")
        return storage

    def _read(self, dtype, key, location, numel):
        name = f"data/{key}"
        size = self.reader.size(name)
        if size != numel * dtype.itemsize:
            raise CheckpointError(f"entry {name} has {size} bytes, but should hold {numel} elements of {dtype}")
        if self.mapped is not None and size:
            raw = np.frombuffer(self.mapped, np.uint8, size, self.reader.position(name))
        else:
            raw = np.empty(size, np.uint8)
            self.reader.read_into(name, raw)
        return self.restore(Storage(array_from_bytes(raw, dtype, self.swapped), dtype), location)


@functools.cache
def allowed_globals():
    """What a file may name: path → (object, constructor)."""
    return allow_table(Storage, tensor_from_storage)


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Read a file of :func:`save` or of ``torch.save``, running nothing that the file says.

    It builds tensors, parameters, plain containers and numbers, and objects of the classes in
    :func:`~plugrad.serialization.add_safe_globals`. The checksum of every entry is tested. Files of torch before 1.6, which are no zip
    archives, are read as well.

    Args:
        f: a path, or a binary file object with ``read``, ``seek`` and ``tell``; a path that ends in ``.safetensors`` is
            read as such.
        map_location: where tensors go: a device or its name; a dict from saved to wanted names; or a function of (storage,
            saved name) that returns the storage, ``storage.cpu()``, ``storage.cuda(i)`` or None for the default. Default:
            the device they were saved from.
        pickle_module: must be None.
        weights_only: None or True; False, which lets the file run code, is not supported.
        mmap: map the file instead of reading it: parts are read when used, and their checksums are not tested. Needs a
            path.
        pickle_load_args: ``encoding`` of strings from Python 2, as in torch with its warning.

    Raises:
        CheckpointError: a ``RuntimeError`` and ``pickle.UnpicklingError``: the file is damaged, is something else, or
            names something that is not allowed.
        NotImplementedError: ``weights_only=False``.

    Example:
        >>> import io, plugrad
        >>> file = io.BytesIO()
        >>> plugrad.save([plugrad.zeros(2), "text", 3], file)
        >>> _ = file.seek(0)
        >>> plugrad.load(file, map_location="cpu")
        [tensor([0., 0.]), 'text', 3]
    """
    encoding = _check_load_arguments(pickle_module, weights_only, pickle_load_args)
    if _is_path(f) and os.fspath(f).endswith(".safetensors"):
        return _load_safetensors(f, map_location)
    restore = restorer(map_location)
    with _opened(f) as file:
        if _begins_with_zip(file):
            return _load_archive(file, restore, encoding, _map_file(f, file) if mmap else None)
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        from .legacy import load_legacy

        return _used(load_legacy(file.read(), allowed_globals(), _legacy_storages(restore), encoding))


def _check_load_arguments(pickle_module, weights_only, pickle_load_args):
    if weights_only is not None and not weights_only:
        raise NotImplementedError(
            "load(): weights_only=False is not supported: it would let the file run code. Leave it out; a class that the "
            "file needs is allowed by plugrad.serialization.add_safe_globals([TheClass]). For a whole pickled module of "
            "torch, save its state_dict() with torch first."
        )
    if pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if pickle_load_args:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", UserWarning, stacklevel=3)
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if pickle_load_args:
        raise TypeError(f"load() got an unexpected keyword argument {next(iter(pickle_load_args))!r}")
    return encoding


def _load_safetensors(f, map_location):
    from .safetensors_io import load_file

    if map_location is not None and not isinstance(map_location, str | device_class):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. Use a device string or torch.device "
            "instead."
        )
    return load_file(f, "cpu" if map_location is None else map_location)


def _opened(f):
    if _is_path(f):
        return open(f, "rb")
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like "
            "io.BytesIO and try to load from it instead."
        ) from None
    return contextlib.nullcontext(f)


def _begins_with_zip(file):
    """Whether a zip archive begins where the file stands; refuses formats that are known and foreign."""
    start = file.tell()
    head = file.read(HEAD)
    file.seek(start)
    if not isinstance(head, bytes):
        raise TypeError("load(): the file must be opened in binary mode")
    if head.startswith(ZIP_MAGIC):
        return True
    foreign = describe_foreign(head)
    if foreign is not None:
        raise CheckpointError(f"this file is no checkpoint: it is {foreign}.")
    return False


def _map_file(f, file):
    if not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    return mmap_module.mmap(file.fileno(), 0, access=mmap_module.ACCESS_COPY)


def _load_archive(file, restore, encoding, mapped):
    reader = ArchiveReader(file)
    storages = _ArchiveStorages(reader, restore, mapped)
    found = Unpickler(reader.read("data.pkl"), allowed_globals(), storages, encoding).load()
    return _used((found, storages.found.values()))


def _legacy_storages(restore):
    def make(raw, dtype, location):
        array = array_from_bytes(bytearray(raw), dtype, sys.byteorder != "little")
        return restore(Storage(array, dtype), location)

    return make


def _used(result):
    """The object, unless a storage was loaded for no tensor: it would be left in the object as such."""
    found, storages = result
    if any(len(storage) and not storage.used for storage in storages):
        raise CheckpointError("the file holds a bare storage; save tensors instead, torch's .storage() is no tensor.")
    return found


def get_unsafe_globals_in_checkpoint(f):
    """Return the names in a checkpoint that neither plugrad nor :func:`add_safe_globals` allows, building nothing.

    Args:
        f: as for :func:`load`.

    Example:
        >>> import fractions, io, plugrad
        >>> file = io.BytesIO()
        >>> plugrad.save(fractions.Fraction(1, 3), file)
        >>> _ = file.seek(0)
        >>> plugrad.serialization.get_unsafe_globals_in_checkpoint(file)
        ['fractions.Fraction']
    """
    from .allowlist import user_globals

    with _opened(f) as file:
        if not _begins_with_zip(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        survey = Survey(ArchiveReader(file).read("data.pkl"), allowed_globals())
    survey.load()
    return sorted(survey.names - set(allowed_globals()) - set(user_globals()))
