"""Tensors in and out of ``.safetensors`` files: names, dtypes, shapes and bytes, nothing that could run.

The functions have the names and arguments of ``safetensors.torch``. The format has no checksums: changed numbers are not
noticed.
"""

from itertools import pairwise

from .archive import replacing
from .device import device as device_class
from .dtypes import DTYPES
from .tensor import Tensor
from .unpickling import CheckpointError

__all__ = ["load", "load_file", "save", "save_file"]


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            'reading and writing .safetensors needs the package safetensors: pip install "plugrad[safetensors]"'
        ) from error
    return safetensors


def save(tensors, metadata=None):
    """Return the bytes of a safetensors file.

    Args:
        tensors: dict from names to contiguous tensors, no two of which overlap in memory.
        metadata: dict from text to text, kept in the file's header.

    Raises:
        ImportError: safetensors is not installed.
        ValueError: not a dict of tensors, a tensor that is not contiguous, or a dtype that the format lacks.
        RuntimeError: tensors share memory.

    Example:
        >>> import plugrad
        >>> from plugrad.core import safetensors_io
        >>> safetensors_io.load(safetensors_io.save({"weight": plugrad.ones(2)}))
        {'weight': tensor([1., 1.])}
    """
    library = _safetensors()
    arrays = _host_arrays(tensors)
    _check_shared(arrays)
    try:
        return library.numpy.save(arrays, metadata)
    except library.SafetensorError as error:  # complex64 before version 0.7
        raise ValueError(f"safetensors {library.__version__} cannot write these tensors: {error}") from error


def save_file(tensors, filename, metadata=None):
    """Write a safetensors file; an old one is replaced as a whole or not at all.

    Args:
        tensors: as for :func:`save`.
        filename: path.
        metadata: as for :func:`save`.

    Raises:
        ImportError, ValueError, RuntimeError: as :func:`save`.

    Example:
        >>> import os, plugrad, tempfile
        >>> from plugrad.core import safetensors_io
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     safetensors_io.save_file({"weight": plugrad.ones(2)}, path)
        ...     safetensors_io.load_file(path)
        {'weight': tensor([1., 1.])}
    """
    content = save(tensors, metadata)
    with replacing(filename) as file:
        file.write(content)


def load_file(filename, device="cpu"):
    """Read a safetensors file.

    Args:
        filename: path.
        device: where the tensors go: a device, its name, or the number of a CUDA device.

    Returns:
        dict from names to tensors.

    Raises:
        ImportError: safetensors is not installed.
        CheckpointError: the file is damaged, or has a dtype that plugrad lacks.

    Example: see :func:`save_file`.
    """
    library = _safetensors()
    try:
        with library.safe_open(filename, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except (library.SafetensorError, AttributeError, TypeError) as error:
        raise CheckpointError(f"the safetensors file cannot be read: {error}") from error
    return _tensors(arrays, device)


def load(data):
    """Read the bytes of a safetensors file.

    Args:
        data: bytes.

    Returns:
        dict from names to tensors on the cpu.

    Raises:
        ImportError: safetensors is not installed.
        CheckpointError: the bytes are damaged, or have a dtype that plugrad lacks.

    Example: see :func:`save`.
    """
    from .storages import array_from_bytes

    library = _safetensors()
    try:
        found = library.deserialize(data)
    except library.SafetensorError as error:
        raise CheckpointError(f"the safetensors data cannot be read: {error}") from error
    arrays = {}
    for name, entry in found:
        if entry["dtype"] not in CODES:
            raise _unknown_dtype(name, entry["dtype"])
        arrays[name] = array_from_bytes(entry["data"], CODES[entry["dtype"]]).reshape(entry["shape"])
    return _tensors(arrays, "cpu")


#: The format's names of the dtypes it shares with plugrad.
CODES = {
    "BOOL": DTYPES["bool"],
    "U8": DTYPES["uint8"],
    "I8": DTYPES["int8"],
    "I16": DTYPES["int16"],
    "I32": DTYPES["int32"],
    "I64": DTYPES["int64"],
    "F16": DTYPES["float16"],
    "BF16": DTYPES["bfloat16"],
    "F32": DTYPES["float32"],
    "F64": DTYPES["float64"],
    "C64": DTYPES["complex64"],
}


def _unknown_dtype(name, dtype):
    return CheckpointError(f"tensor {name!r} has the dtype {dtype}, which plugrad does not have")


def _tensors(arrays, device):
    from .create import from_host

    device = device_class(device)
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise _unknown_dtype(name, array.dtype.name)
    return {name: from_host(array, device) for name, array in arrays.items()}


def _host_arrays(tensors):
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
        if tensor.dtype not in CODES.values():
            raise ValueError(f"Key `{name}` has the dtype {tensor.dtype}, which the safetensors format does not have")
        arrays[name] = tensor._host()
    return arrays


def _check_shared(arrays):
    """Refuse what the format cannot keep: overlapping memory, and any layout but the row-major one."""
    areas = sorted((*_extent(array), name) for name, array in arrays.items() if array.size)
    for (_, end, name), (begin, _, other) in pairwise(areas):
        if begin < end:
            raise RuntimeError(
                "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
                f"loading them again: {[{name, other}]}. Save one of them only, or a clone() of each."
            )
    for name, array in arrays.items():
        if not array.flags.c_contiguous:
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you are "
                "trying to save tensors which are reference of each other in which case it's recommended to save only "
                "the full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to pack it "
                "before saving."
            )


def _extent(array):
    begin = array.ctypes.data
    steps = sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
    return begin, begin + steps + array.itemsize
