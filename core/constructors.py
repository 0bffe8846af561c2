"""The allow table: every name that a checkpoint may use, and the function that is called for it."""

from codecs import encode
from collections import Counter, OrderedDict, defaultdict

from .device import device
from .dtypes import DTYPES
from .pickling import STORAGE_NAMES, parameter_class
from .tensor import Size, Tensor
from .unpickling import CheckpointError, check_attribute, check_key, make_frozenset, make_set

__all__ = ["StorageType", "allow_table", "check_identity"]

#: What a defaultdict may make its missing values with: classes whose call without arguments does nothing else.
FACTORIES = (bool, complex, dict, float, frozenset, int, list, set, str, tuple)


class StorageType:
    """What ``torch.FloatStorage`` stands for in a file: memory of one dtype."""

    __slots__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = dtype


def allow_table(storage_class, tensor_from_storage):
    """Return path → (the object the name stands for, the function that REDUCE calls for it or None).

    Args:
        storage_class: what a persistent id becomes.
        tensor_from_storage: function of (storage, offset, size, stride, requires_grad).
    """

    def rebuild_tensor(storage, offset, size, stride, requires_grad=False, backward_hooks=None, metadata=None):
        if type(storage) is not storage_class:
            raise CheckpointError(f"a tensor is laid over a {type(storage).__name__}, which is no storage.")
        if metadata:
            storage = storage.with_bits(_checked_bits(metadata))
        _check_flags(requires_grad, backward_hooks)
        return tensor_from_storage(storage, offset, tuple(size), tuple(stride), requires_grad)

    table = {path: (value, value_maker) for path, value, value_maker in _plain_values()}
    table |= {f"torch.{name}": (dtype, None) for name, dtype in DTYPES.items()}
    for dtype, name in STORAGE_NAMES.items():
        table[f"torch.{name}"] = table[f"torch.cuda.{name}"] = (StorageType(dtype), None)
    table["torch.storage.UntypedStorage"] = StorageType(DTYPES["uint8"]), None
    table["torch._utils._rebuild_tensor_v3"] = _rebuild_tensor_v3, _rebuild_tensor_v3
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        table[f"torch._utils.{name}"] = (rebuild_tensor, rebuild_tensor)
    for function in (_rebuild_parameter, _rebuild_parameter_with_state):
        table[f"torch._utils.{function.__name__}"] = (function, function)

    def rebuild_from_type(function, kind, arguments, state):
        if function is not rebuild_tensor or kind not in (Tensor, parameter_class()):
            raise CheckpointError("a tensor subclass of torch cannot be rebuilt, only Tensor and Parameter.")
        return _with_state(rebuild_tensor(*arguments), state)

    table["torch._tensor._rebuild_from_type_v2"] = (rebuild_from_type, rebuild_from_type)
    return table


def _plain_values():
    yield "collections.OrderedDict", OrderedDict, _ordered_dict
    yield "collections.Counter", Counter, _counter
    yield "collections.defaultdict", defaultdict, _defaultdict
    for factory in FACTORIES:
        yield f"builtins.{factory.__name__}", factory, None
    yield "builtins.set", set, make_set
    yield "builtins.frozenset", frozenset, make_frozenset
    yield "builtins.bytes", bytes, _bytes
    yield "builtins.bytearray", bytearray, _bytearray
    yield "builtins.complex", complex, _complex
    yield "_codecs.encode", encode, _encode
    yield "torch.Size", Size, _size
    yield "torch.device", device, _device
    yield "torch.Tensor", Tensor, None
    yield "torch.nn.parameter.Parameter", parameter_class(), _parameter


# --- tensors ---


def _checked_bits(metadata):
    if type(metadata) is not dict or set(metadata) - {"conj", "neg"}:
        raise CheckpointError("a tensor has metadata other than conj and neg, which plugrad does not know.")
    return metadata


def _check_flags(requires_grad, backward_hooks):
    if type(requires_grad) is not bool:
        raise CheckpointError(f"requires_grad must be a bool, but is {type(requires_grad).__name__}.")
    if backward_hooks:
        raise CheckpointError("a tensor comes with backward hooks; no version of torch writes them.")


def _rebuild_tensor_v3(*arguments):
    # The dtypes that torch writes so are refused by their names; this is what a hand-made file comes to.
    raise CheckpointError("a tensor is written in the form of the dtypes that plugrad lacks, but names another one.")


def _parameter(data, requires_grad=True):
    if type(data) is not Tensor:
        raise CheckpointError(f"a Parameter is made of a {type(data).__name__}, which is no tensor.")
    _check_flags(requires_grad, None)
    return parameter_class()(data, requires_grad)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    _check_flags(requires_grad, backward_hooks)
    return _parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    return _with_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _with_state(tensor, state):
    """Give a tensor the attributes that its owner once set on it."""
    if type(state) is tuple and len(state) == 2 and not state[1]:
        state = state[0]
    if type(state) is not dict:
        raise CheckpointError(f"a tensor's attributes must be a dict, but are {type(state).__name__}.")
    for name, value in state.items():
        check_attribute(type(tensor), name)
        vars(tensor)[name] = value
    return tensor


# --- plain values ---


def _ordered_dict(pairs=()):
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise CheckpointError("an OrderedDict is made of something else than pairs.")
        check_key(pair[0])
    return OrderedDict(pairs)


def _counter(counts=()):
    for key in counts:
        check_key(key)
    return Counter(counts)


def _defaultdict(factory=None):
    if factory is not None and not any(factory is known for known in (*FACTORIES, OrderedDict, Counter)):
        raise CheckpointError(f"a defaultdict makes its values with {factory!r}, not with a class of plain data.")
    return defaultdict(factory)


def _bytes():
    return b""


def _bytearray(content=b""):
    if type(content) is not bytes:  # a number would ask for that much memory
        raise CheckpointError(f"a bytearray is made of {type(content).__name__}, not of bytes.")
    return bytearray(content)


def _complex(real, imaginary):
    if type(real) is not float or type(imaginary) is not float:
        raise CheckpointError("a complex number is made of something else than two floats.")
    return complex(real, imaginary)


def _encode(text, encoding):
    if type(text) is not str or encoding != "latin1":
        raise CheckpointError("bytes are written as text in latin1, and in no other way.")
    return text.encode("latin1")


def _size(sizes):
    if any(type(size) is not int for size in sizes):
        raise CheckpointError("a torch.Size is made of something else than integers.")
    return Size(sizes)


def _device(kind, index=None):
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise CheckpointError("a torch.device is made of something else than a name and a number.")
    try:
        return device(kind, index)
    except RuntimeError as error:
        raise CheckpointError(f"the file holds the device {kind!r}, which no backend here serves: {error}") from error


# --- persistent ids ---


def check_identity(identity, length):
    """Return (dtype, key, location, numel, ...) of a storage's persistent id."""
    if type(identity) is not tuple or len(identity) != length or _text(identity[0]) != "storage":
        raise CheckpointError("Only persistent_load of storage is allowed, but the file has another persistent id.")
    _, kind, key, location, numel, *rest = identity
    if kind.__class__ is not StorageType or type(numel) is not int or numel < 0:
        raise CheckpointError("a storage's persistent id must name its type, key, location and number of elements.")
    return kind.dtype, _text(key), _text(location), numel, *rest


def _text(value):
    if type(value) is bytes:  # Python 2 wrote its strings so
        value = value.decode("ascii", "replace")
    if type(value) is not str:
        raise CheckpointError(f"a storage's persistent id has {type(value).__name__} where text should be.")
    return value
