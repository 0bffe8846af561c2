"""Pickles put together by hand, right and wrong ones: what no pickler would write."""

import io
import pickle
import struct
import tarfile

from plugrad.core.archive import write_archive

__all__ = [
    "Build",
    "Call",
    "Name",
    "New",
    "Persistent",
    "Raw",
    "archive_of",
    "assemble",
    "legacy_of",
    "storage",
    "tar_of",
    "tensor",
]


class Name:
    """A GLOBAL."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """REDUCE: ``function(*arguments)``."""

    opcode = pickle.REDUCE

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class New(Call):
    """NEWOBJ: ``cls.__new__(cls, *arguments)``."""

    opcode = pickle.NEWOBJ


class Build:
    """BUILD: ``instance.__setstate__(state)``."""

    def __init__(self, instance, state):
        self.instance, self.state = instance, state


class Persistent:
    """BINPERSID."""

    def __init__(self, identity):
        self.identity = identity


class Raw:
    """Opcodes as they are."""

    def __init__(self, opcodes):
        self.opcodes = opcodes


def _body(value):
    if isinstance(value, Raw):
        return value.opcodes
    if isinstance(value, Name):
        return pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        return _body(value.function) + _body(value.arguments) + value.opcode
    if isinstance(value, Build):
        return _body(value.instance) + _body(value.state) + pickle.BUILD
    if isinstance(value, Persistent):
        return _body(value.identity) + pickle.BINPERSID
    if isinstance(value, tuple):
        return pickle.MARK + b"".join(map(_body, value)) + pickle.TUPLE
    if isinstance(value, list):
        return pickle.EMPTY_LIST + pickle.MARK + b"".join(map(_body, value)) + pickle.APPENDS
    if isinstance(value, dict):
        pairs = b"".join(_body(key) + _body(item) for key, item in value.items())
        return pickle.EMPTY_DICT + pickle.MARK + pairs + pickle.SETITEMS
    if isinstance(value, str):
        text = value.encode()
        return pickle.BINUNICODE + struct.pack("<I", len(text)) + text
    return pickle.dumps(value, 2)[2:-1]  # without PROTO and STOP


def assemble(value):
    """The pickle of a value, protocol 2."""
    return pickle.PROTO + b"\2" + _body(value) + pickle.STOP


def storage(numel=12, key="0", kind="FloatStorage", location="cpu"):
    """A storage's persistent id."""
    return Persistent(("storage", Name("torch", kind), key, location, numel))


def tensor(memory=None, offset=0, size=(3, 4), stride=(4, 1), requires_grad=False, hooks=None, *more):
    """A tensor as torch writes it."""
    hooks = Call(Name("collections", "OrderedDict")) if hooks is None else hooks
    memory = storage() if memory is None else memory
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), memory, offset, size, stride, requires_grad, hooks, *more)


def archive_of(pickled, storages=(bytes(48),)):
    """A checkpoint with this data.pkl."""
    file = io.BytesIO()
    write_archive(file, "archive", pickled, storages, "little")
    return file.getvalue()


def legacy_of(pickled, keys=(), data=b""):
    """A checkpoint of the format before torch 1.6 with this pickle."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    prologue = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, system)]
    return b"".join(prologue) + pickled + pickle.dumps(list(keys), 2) + data


def tar_of(storages, views, tensors, pickled, members=("storages", "tensors", "pickle")):
    """A checkpoint of torch 0.1.

    Args:
        storages: (key, location, type's name, number of elements, bytes) of each.
        views: (key, key of the whole, offset, number of elements) of each.
        tensors: (key, storage's key, type's name, size, stride, offset) of each.
        pickled: the pickle, whose persistent ids are keys of tensors.
        members: which of the three are there.
    """
    content = {"storages": assemble(len(storages)), "tensors": assemble(len(tensors)), "pickle": pickled}
    for key, location, kind, numel, data in storages:
        content["storages"] += assemble((key, location, Name("torch", kind))) + struct.pack("<q", numel) + data
    content["storages"] += assemble(list(views))
    for key, storage_key, kind, size, stride, offset in tensors:
        numbers = struct.pack(f"<q{len(size)}q{len(stride)}qq", len(size), *size, *stride, offset)
        content["tensors"] += assemble((key, storage_key, Name("torch", kind))) + numbers
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name in members:
            info = tarfile.TarInfo(name)
            info.size = len(content[name])
            tar.addfile(info, io.BytesIO(content[name]))
    return file.getvalue()
