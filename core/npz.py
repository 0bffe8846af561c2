"""Tensors in and out of numpy's ``.npz`` files: arrays by name, nothing that could run."""

import io
import os
import struct

import numpy as np

from .archive import ArrayArchive, replacing
from .device import device as device_class
from .dtypes import DTYPES
from .tensor import Tensor
from .unpickling import CheckpointError

__all__ = ["load_npz", "save_npz"]

SUFFIX = ".npy"
HEADER_LIMIT = 10_000  # characters; numpy's own limit for files that are not trusted
MAX_DIMENSIONS = 64


def save_npz(tensors, f, *, compressed=False):
    """Write tensors by name to a ``.npz`` file, which ``numpy.load`` reads too.

    bfloat16, which numpy lacks, is written as numpy writes ``ml_dtypes.bfloat16``: two bytes an element, without a
    name; :func:`load_npz` knows it again. An old file is replaced as a whole or not at all.

    Args:
        tensors: dict from names to tensors, as a ``state_dict()``.
        f: path, taken as it is, or a binary file object with ``write`` and ``flush``.
        compressed: whether to deflate the arrays: smaller, slower.

    Raises:
        ValueError: not a dict of tensors.

    Example:
        >>> import os, plugrad, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
        >>> plugrad.serialization.save_npz({"weight": plugrad.ones(2)}, path)
        >>> plugrad.serialization.load_npz(path)
        {'weight': tensor([1., 1.])}
    """
    arrays = _host_arrays(tensors)
    if isinstance(f, str | os.PathLike):
        with replacing(f) as file:
            _write(file, arrays, compressed)
        return
    content = io.BytesIO()  # a stream that cannot go back takes it whole
    _write(content, arrays, compressed)
    f.write(content.getbuffer())
    f.flush()


def _host_arrays(tensors):
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ValueError(f"Key `{name}` is invalid, expected str but received {type(name)}")
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
    return {name: tensor._host() for name, tensor in tensors.items()}


def _write(file, arrays, compressed):
    import zipfile

    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(name + SUFFIX)  # dated 1980: equal data give equal files
            entry.compress_type = kind
            with archive.open(entry, "w", force_zip64=array.nbytes >= 1 << 31) as member:
                np.lib.format.write_array(member, _writable(array), allow_pickle=False)


def _writable(array):
    return array.view("V2") if array.dtype.name == "bfloat16" else array


def load_npz(f, device="cpu"):
    """Read a ``.npz`` file of :func:`save_npz`, ``numpy.savez`` or ``numpy.savez_compressed``.

    Arrays of Python objects, which numpy would unpickle, are refused, and so is a file that would take far more memory
    than its own size: more than 64 MiB and 100 bytes for each of the file's.

    Args:
        f: path, or a binary file object with ``read``, ``seek`` and ``tell``.
        device: where the tensors go: a device or its name.

    Returns:
        dict from names to tensors, in the file's order.

    Raises:
        CheckpointError: the file is damaged, is something else, or has a dtype that plugrad lacks.

    Example: see :func:`save_npz`.
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _load(file, device_class(device))
    return _load(f, device_class(device))


def _load(file, device):
    from .create import from_host

    archive = ArrayArchive(file)
    tensors = {}
    for entry in archive.entries:
        if not entry.endswith(SUFFIX):
            raise CheckpointError(f"the entry {entry!r} of the .npz file is no array.")
        tensors[entry.removesuffix(SUFFIX)] = from_host(_array(entry, archive.read(entry)), device)
    return tensors


def _array(entry, content):
    """The array of one ``.npy`` entry, on the memory of ``content``."""
    shape, in_columns, described, begin = _header(entry, content)
    dtype, swapped = _dtype(entry, described)
    count = 1
    for size in shape:
        count *= size
    if count * dtype.itemsize != len(content) - begin:
        raise CheckpointError(
            f"the array {entry!r} of shape {list(shape)} needs {count * dtype.itemsize} bytes, but has {len(content) - begin}."
        )
    from .storages import array_from_bytes

    array = array_from_bytes(memoryview(content)[begin:], dtype, swapped)
    return array.reshape(shape[::-1]).T if in_columns else array.reshape(shape)


def _header(entry, content):
    """(shape, whether columns lie together, numpy's dtype, where the numbers begin)."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        _check_header_size(version, content)
        if version == (1, 0):
            shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file, HEADER_LIMIT)
        else:
            shape, in_columns, dtype = np.lib.format.read_array_header_2_0(file, HEADER_LIMIT)
    except CheckpointError:
        raise
    except Exception as error:  # numpy parses the header as Python: damage shows itself in any way
        raise CheckpointError(f"the header of the array {entry!r} is damaged: {error}") from error
    if len(shape) > MAX_DIMENSIONS or any(type(size) is not int or size < 0 for size in shape):
        raise CheckpointError(f"the array {entry!r} has an impossible shape.")
    return shape, in_columns, dtype, file.tell()


def _check_header_size(version, content):
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise CheckpointError(f"an array in version {version} of the .npy format, which is not known.")
    (size,) = struct.unpack_from("<H" if version == (1, 0) else "<I", content, 8)
    if size > HEADER_LIMIT:
        raise CheckpointError(f"the header of an array has {size} bytes, more than {HEADER_LIMIT}.")


def _dtype(entry, found):
    """(plugrad's dtype, whether the bytes are in the other order)."""
    if found.hasobject:
        raise CheckpointError(
            f"the array {entry!r} holds Python objects: Object arrays cannot be loaded when allow_pickle=False, and "
            "plugrad never unpickles one."
        )
    if found.kind == "V" and found.itemsize == 2 and found.names is None and found.subdtype is None:
        return DTYPES["bfloat16"], False
    native = found.newbyteorder("=")
    if native.name not in DTYPES:
        raise CheckpointError(f"the array {entry!r} has the dtype {found}, which plugrad does not have.")
    return DTYPES[native.name], not found.isnative
