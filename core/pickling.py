"""The writing side of a checkpoint's pickle: tensors under torch's names, so that torch reads the file."""

import codecs
import importlib
import pickle
import warnings
from collections import OrderedDict

from .device import device
from .dtypes import DTYPES
from .dtypes import dtype as dtype_class
from .tensor import Size, Tensor

__all__ = ["STORAGE_NAMES", "Pickler", "StorageReference", "parameter_class"]

#: What torch calls the memory of each dtype: float32 → FloatStorage.
STORAGE_NAMES = {d: d.type_name.replace("Tensor", "Storage") for d in DTYPES.values()}


class GlobalName:
    """A global that is written by its name alone: pickle would import torch to see that it is there."""

    __slots__ = ("module", "name")

    def __init__(self, module, name):
        self.module = module
        self.name = name


TENSOR = GlobalName("torch._utils", "_rebuild_tensor_v2")
PARAMETER = GlobalName("torch._utils", "_rebuild_parameter")
PARAMETER_WITH_STATE = GlobalName("torch._utils", "_rebuild_parameter_with_state")
WITH_ATTRIBUTES = GlobalName("torch._tensor", "_rebuild_from_type_v2")
TENSOR_CLASS = GlobalName("torch", "Tensor")
SIZE = GlobalName("torch", "Size")
DEVICE = GlobalName("torch", "device")
STORAGES = {d: GlobalName("torch", name) for d, name in STORAGE_NAMES.items()}


class StorageReference:
    """Stands for a storage in the pickle; its bytes are an entry of their own."""

    __slots__ = ("identity",)

    def __init__(self, dtype, key, location, numel, end=()):
        self.identity = ("storage", STORAGES[dtype], key, location, numel, *end)


def parameter_class():
    """:class:`plugrad.nn.Parameter`; core does not depend on nn, only a file with a Parameter in it does."""
    return importlib.import_module("..nn.parameter", __package__).Parameter


class Pickler(pickle._Pickler):
    """pickle's own pickler, with torch's form for the types torch has.

    The one written in Python, because the other can only name globals that can be imported.

    Args:
        file: where the pickle goes.
        protocol: 2 to 5.
        place: function from a tensor to (its StorageReference, storage offset, stride).
    """

    def __init__(self, file, protocol, place):
        super().__init__(file, protocol)
        self.place = place
        self.dispatch = {
            **pickle._Pickler.dispatch,
            Tensor: Pickler.save_tensor,
            parameter_class(): Pickler.save_parameter,
            GlobalName: Pickler.save_global_name,
            dtype_class: Pickler.save_dtype,
            device: Pickler.save_device,
            Size: Pickler.save_size,
            bytes: Pickler.save_bytes_of_any_length,
        }

    def persistent_id(self, obj):
        if type(obj) is StorageReference:
            return obj.identity
        if isinstance(obj, Tensor) and type(obj) not in self.dispatch:
            raise pickle.PicklingError(
                f"save(): a {type(obj).__qualname__} cannot be written, of tensors only Tensor and Parameter can; "
                "write its .data"
            )
        return None

    def save_named_call(self, name, arguments, made):
        self.save(name)
        self.save(arguments)
        self.write(pickle.REDUCE)
        self.memoize(made)

    def save_tensor(self, t):
        warn_of_hooks(t)
        reference, offset, stride = self.place(t)
        arguments = (reference, offset, tuple(t.shape), stride, t.requires_grad, OrderedDict())
        if vars(t):
            self.save_named_call(WITH_ATTRIBUTES, (TENSOR, TENSOR_CLASS, arguments, vars(t)), t)
        else:
            self.save_named_call(TENSOR, arguments, t)

    def save_parameter(self, p):
        arguments = (p.data, p.requires_grad, OrderedDict())
        if vars(p):
            self.save_named_call(PARAMETER_WITH_STATE, (*arguments, vars(p)), p)
        else:
            self.save_named_call(PARAMETER, arguments, p)

    def save_global_name(self, obj):
        self.write_global(obj.module, obj.name, obj)

    def save_dtype(self, obj):
        self.write_global("torch", obj.name, obj)

    def write_global(self, module, name, obj):
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    def save_device(self, obj):
        arguments = (obj.type,) if obj.index is None else (obj.type, obj.index)
        self.save_named_call(DEVICE, arguments, obj)

    def save_size(self, obj):
        self.save_named_call(SIZE, (tuple(obj),), obj)

    def save_bytes_of_any_length(self, obj):
        if obj or self.proto > 2:
            self.save_bytes(obj)
        else:  # pickle would write a call of bytes(), which torch's weights_only refuses
            self.save_reduce(codecs.encode, ("", "latin1"), obj=obj)


def warn_of_hooks(t):
    hooks = t._x.hooks if t._x is not None else None
    for hook in (hooks or {}).values():
        warnings.warn(
            f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the "
            "function with @torch.utils.hooks.unserializable_hook to suppress this warning",
            stacklevel=2,
        )
