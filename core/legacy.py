"""The checkpoint format before torch 1.6: five pickles in a row, then the storages."""

import pickle
import struct
import sys

from .constructors import check_identity
from .unpickling import CheckpointError, Survey, Unpickler

__all__ = ["load_legacy", "write_legacy"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
SYSTEM = {
    "protocol_version": PROTOCOL,
    "little_endian": sys.byteorder == "little",
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def write_legacy(file, pickled, storages, protocol):
    """Write a checkpoint to ``file``, which needs no more than ``write``.

    Args:
        file: binary file.
        pickled: the pickle of the object, its storages' keys being "0", "1" ...
        storages: (memory, number of elements) of each, in little-endian order.
        protocol: of the other pickles.
    """
    for part in (MAGIC, PROTOCOL, SYSTEM):
        file.write(pickle.dumps(part, protocol))
    file.write(pickled)
    file.write(pickle.dumps([str(key) for key in range(len(storages))], protocol))
    for memory, numel in storages:
        file.write(struct.pack("<q", numel))
        file.write(memory)


def load_legacy(data, allowed, make_storage, encoding):
    """Return (the object, its storages).

    The pickle of the object comes before the storages, so it is walked through twice: once for what storages there
    are, and once, when they are read, to build it.

    Args:
        data: bytes of the file.
        allowed: the allow table.
        make_storage: function of (bytes, dtype, location) that returns a storage.
        encoding: of Python 2's strings.
    """
    position = _check_prologue(data, allowed)
    survey = Survey(data, allowed, encoding, position)
    survey.load()
    builder = Unpickler(data, allowed, None, encoding, position)
    for module, name in survey.names.values():
        builder.find_global(module, name)  # refuses by name what it would not build, before anything is read
    keys = Unpickler(data, {}, _no_storage, encoding, survey.position)
    order = keys.load()
    wanted = {}
    for identity in survey.identities:
        dtype, key, location, numel, _ = check_identity(identity, 6)
        if wanted.setdefault(key, (dtype, location, numel)) != (dtype, location, numel):
            raise CheckpointError(f"storage {key} is described in two ways.")
    builder.persistent_load = LegacyStorages(_read_storages(data, keys.position, order, wanted, make_storage))
    return builder.load(), builder.persistent_load.storages.values()


class LegacyStorages:
    """The storages by persistent id; torch before 0.4 wrote ids of views of them too."""

    def __init__(self, storages):
        self.storages = storages
        self.views = {}

    def __call__(self, identity):
        _, key, _, _, view = check_identity(identity, 6)
        storage = self.storages[key]
        if view is None:
            return storage
        if type(view) is not tuple or len(view) != 3 or not all(type(part) in (str, bytes, int) for part in view):
            raise CheckpointError("a view of a storage must be described by its key, offset and size.")
        storage.used = True
        place = key, view
        if place not in self.views:
            self.views[place] = storage.part(*view[1:])
        return self.views[place]


def _check_prologue(data, allowed):
    position, values = 0, []
    for _ in range(3):
        unpickler = Unpickler(data, allowed, _no_storage, position=position)
        values.append(unpickler.load())
        position = unpickler.position
        if values[0] != MAGIC:
            raise CheckpointError("Invalid magic number; corrupt file? It is a pickle, but none of torch.save.")
    if values[1] != PROTOCOL:
        version = values[1] if type(values[1]) is int else type(values[1]).__name__
        raise CheckpointError(f"Invalid protocol version: {version}")
    return position


def _no_storage(identity):
    raise CheckpointError("a persistent id where none belongs.")


def _read_storages(data, position, order, wanted, make_storage):
    if type(order) is not list or any(type(key) is not str for key in order) or sorted(order) != sorted(wanted):
        raise CheckpointError("the list of storages does not fit the tensors.")
    storages = {}
    for key in order:
        dtype, location, numel = wanted[key]
        begin = position + 8
        end = begin + numel * dtype.itemsize
        if end > len(data):
            raise CheckpointError(f"the file is cut off: storage {key} ends at byte {end} of {len(data)}.")
        if struct.unpack("<q", data[position:begin])[0] != numel:
            raise CheckpointError(f"storage {key} has not the {numel} elements that the tensors say.")
        storages[key] = make_storage(memoryview(data)[begin:end], dtype, location)
        position = end
    return storages
