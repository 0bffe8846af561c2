"""The checkpoint format before torch 1.6: five pickles in a row, then the storages."""

import struct

from .constructors import check_identity
from .unpickling import CheckpointError, Survey, Unpickler

__all__ = ["load_legacy"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


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
    keys = Unpickler(data, {}, _no_storage, encoding, survey.position)
    order = keys.load()
    wanted = {}
    for identity in survey.identities:
        dtype, key, location, numel, view = check_identity(identity, 6)
        if view is not None:
            raise CheckpointError(
                "the file has views of storages, as torch before 0.4 wrote them; rewrite it with torch."
            )
        if wanted.setdefault(key, (dtype, location, numel)) != (dtype, location, numel):
            raise CheckpointError(f"storage {key} is described in two ways.")
    storages = _read_storages(data, keys.position, order, wanted, make_storage)

    def find(identity):
        return storages[check_identity(identity, 6)[1]]

    return Unpickler(data, allowed, find, encoding, position).load(), storages.values()


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
        storages[key] = make_storage(data[begin:end], dtype, location)
        position = end
    return storages
