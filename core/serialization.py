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
from .locations import restorer
from .storages import Storage, StorageTable, array_from_bytes, swapped_bytes, tensor_from_storage
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
TAR_MAGIC = b"ustar"  # at byte 257
HEAD = 512  # enough to tell foreign formats


# --- writing ---


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
        _use_new_zipfile_serialization: False for the format before torch 1.6, which has no checksums.

    Raises:
        RuntimeError: the folder does not exist, or tensors view the same memory as different dtypes.
        pickle.PicklingError: something in ``obj`` cannot be written.
        NotImplementedError: another pickle module, or protocol 0 or 1.

    Example:
        >>> import io, plugrad
        >>> file = io.BytesIO()
        >>> plugrad.save({"weight": plugrad.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> plugrad.load(file)
        {'weight': tensor([1., 1.])}
    """
    from .pickling import Pickler

    _check_save_arguments(f, pickle_module, pickle_protocol)
    table, pickled = StorageTable(() if _use_new_zipfile_serialization else (None,)), io.BytesIO()
    Pickler(pickled, pickle_protocol, table.place).dump(obj)
    if _use_new_zipfile_serialization:
        byteorder = None if _disable_byteorder_record else sys.byteorder
        memories = [memoryview(memory) for memory in table.memories]
        name = archive_name(f) if _is_path(f) else "archive"
        _write(f, lambda file: write_archive(file, name, pickled.getvalue(), memories, byteorder))
    else:
        from .legacy import write_legacy

        storages = _little_endian(table)
        _write(f, lambda file: write_legacy(file, pickled.getvalue(), storages, pickle_protocol))


def _write(f, write):
    if _is_path(f):
        with replacing(f) as file:
            write(file)
    else:
        write(f)
        f.flush()


def _little_endian(table):
    """(memory, number of elements) of each storage, in the one byte order that the old format has."""
    if sys.byteorder == "little":
        return [(memoryview(memory), numel) for memory, _, numel in table.described()]
    return [(memoryview(swapped_bytes(memory, dtype)), numel) for memory, dtype, numel in table.described()]


def _check_save_arguments(f, pickle_module, pickle_protocol):
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if pickle_module is not pickle:
        raise NotImplementedError(f"save(): pickle_module={pickle_module!r} is not supported, only pickle")
    if pickle_protocol in (0, 1):
        raise NotImplementedError(f"save(): pickle_protocol={pickle_protocol} is not supported, only 2 to 5")


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
    archives, are read as well, and so are the tar archives of torch 0.1.

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
        kind = _kind_of(file)
        if kind == "zip":
            return _load_archive(file, restore, encoding, _map_file(f, file) if mmap else None)
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        return _used(_loader_of(kind)(file.read(), allowed_globals(), _legacy_storages(restore), encoding))


def _loader_of(kind):
    if kind == "tar":
        from .legacy_tar import load_tar

        return load_tar
    from .legacy import load_legacy

    return load_legacy


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


def _kind_of(file):
    """What begins where the file stands: ``"zip"``, ``"tar"`` or ``"pickle"``; refuses what is known and foreign."""
    start = file.tell()
    head = file.read(HEAD)
    file.seek(start)
    if not isinstance(head, bytes):
        raise TypeError("load(): the file must be opened in binary mode")
    if head.startswith(ZIP_MAGIC):
        return "zip"
    if head[257:262] == TAR_MAGIC:
        return "tar"
    foreign = describe_foreign(head)
    if foreign is not None:
        raise CheckpointError(f"this file is no checkpoint: it is {foreign}.")
    return "pickle"


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
        if _kind_of(file) != "zip":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        survey = Survey(ArchiveReader(file).read("data.pkl"), allowed_globals())
    survey.load()
    return sorted(set(survey.names) - set(allowed_globals()) - set(user_globals()))
