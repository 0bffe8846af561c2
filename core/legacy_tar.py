"""The checkpoint format of torch 0.1: a tar archive of storages, tensors and a pickle that refers to the tensors."""

import io
import struct

from .constructors import StorageType
from .dtypes import DTYPES
from .storages import tensor_from_storage
from .unpickling import CheckpointError, Unpickler

__all__ = ["load_tar"]

MEMBERS = ("storages", "tensors", "pickle")


def load_tar(data, allowed, make_storage, encoding):
    """Return (the object, its storages).

    Args:
        data: bytes of the file.
        allowed: the allow table.
        make_storage: function of (bytes, dtype, location) that returns a storage.
        encoding: of Python 2's strings.
    """
    members = _members(data)
    allowed = allowed | _tensor_types()
    storages = _read_storages(Reader(members["storages"], allowed, encoding), make_storage)
    tensors = _read_tensors(Reader(members["tensors"], allowed, encoding), storages)

    def find(identity):
        if type(identity) is tuple:
            raise CheckpointError("the file holds a whole module; save its state_dict() with torch.")
        return _find(tensors, _number(identity), "tensor")

    return Unpickler(members["pickle"], allowed, find, encoding).load(), storages.values()


class Reader:
    """Pickles and packed numbers in a row."""

    def __init__(self, data, allowed, encoding):
        self.data = data
        self.allowed = allowed
        self.encoding = encoding
        self.position = 0

    def unpickled(self):
        unpickler = Unpickler(self.data, self.allowed, _nothing_persistent, self.encoding, self.position)
        value = unpickler.load()
        self.position = unpickler.position
        return value

    def record(self, length):
        """A pickled tuple of ``length`` items, the first two of which name something."""
        value = self.unpickled()
        if type(value) is not tuple or len(value) != length:
            raise CheckpointError(f"a record of {length} items was expected at byte {self.position}.")
        return value

    def count(self):
        value = self.unpickled()
        if type(value) is not int or value < 0:
            raise CheckpointError("the number of records is no number.")
        return value

    def read(self, size):
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise CheckpointError(f"the file is cut off: {size} bytes wanted at {self.position} of {len(self.data)}.")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def numbers(self, count):
        return struct.unpack(f"<{count}q", self.read(8 * count))


def _members(data):
    import tarfile

    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            infos = tar.getmembers()
    except (tarfile.TarError, ValueError, OverflowError, EOFError, IndexError, OSError) as error:
        raise CheckpointError(f"the tar archive cannot be read: {error}") from error
    for info in infos:
        name = info.name.removeprefix("./")
        if name not in MEMBERS:
            continue
        if name in found:
            raise CheckpointError(f"the tar archive has two members {name!r}.")
        if not info.isreg() or info.issparse() or info.offset_data + info.size > len(data):
            raise CheckpointError(f"the member {name!r} of the tar archive is no whole file.")
        found[name] = data[info.offset_data : info.offset_data + info.size]
    if len(found) < len(MEMBERS):
        names = ", ".join(sorted(info.name for info in infos)[:5])
        raise CheckpointError(
            f"this tar archive is no checkpoint of torch 0.1: it holds {names or 'nothing'}; if a checkpoint is among "
            "them, unpack it first."
        )
    return found


def _tensor_types():
    """``torch.FloatTensor`` and the like, by which the format names a tensor's class."""
    return {
        f"torch.{place}{dtype.type_name}": (StorageType(dtype), None)
        for dtype in DTYPES.values()
        for place in ("", "cuda.")
    }


def _read_storages(reader, make_storage):
    storages = {}
    for _ in range(reader.count()):
        key, location, kind = reader.record(3)
        if type(kind) is not StorageType or type(location) is not str or _number(key) in storages:
            raise CheckpointError("a storage is described by something else than its key, location and type.")
        (numel,) = reader.numbers(1)
        raw = reader.read(numel * kind.dtype.itemsize)
        storages[_number(key)] = make_storage(raw, kind.dtype, location)
    views = reader.unpickled()
    if type(views) is not list or any(type(view) is not tuple or len(view) != 4 for view in views):
        raise CheckpointError("the list of views of storages is none.")
    for target, root, offset, numel in views:
        storage = _find(storages, _number(root), "storage")
        storage.used = True
        storages[_number(target)] = storage.part(offset, numel)
    return storages


def _read_tensors(reader, storages):
    tensors = {}
    for _ in range(reader.count()):
        key, storage_key, _ = reader.record(3)
        dimensions = struct.unpack("<i4x", reader.read(8))[0]
        size, stride, (offset,) = reader.numbers(dimensions), reader.numbers(dimensions), reader.numbers(1)
        storage = _find(storages, _number(storage_key), "storage")
        tensors[_number(key)] = tensor_from_storage(storage, offset, size, stride, False)
    return tensors


def _find(table, key, what):
    if key not in table:
        raise CheckpointError(f"the file speaks of {what} {key}, which it does not have.")
    return table[key]


def _number(key):
    """The address by which a storage or tensor is named: a number, or its digits."""
    text = key.decode("ascii", "replace") if type(key) is bytes else key
    if type(text) is str and text.isdecimal() and len(text) < 30:
        return int(text)
    if type(text) is not int:
        raise CheckpointError(f"a storage or tensor is named by a {type(key).__name__}, not by a number.")
    return text


def _nothing_persistent(identity):
    raise CheckpointError("a persistent id where none belongs.")
