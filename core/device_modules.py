"""The module of a device type, and what objects are called."""

import importlib

from .device import device as device_class
from .device import get_default_device
from .tensor import Tensor

__all__ = ["get_device_module", "typename"]

MODULES = ("cpu", "cuda", "mps", "xpu")
#: Classes whose names print as torch's wherever they are defined.
PRINTED = ("Size", "Tensor", "device", "dtype", "layout", "memory_format", "Generator")


def get_device_module(device=None):
    """The module of a device's type, ``plugrad.cuda`` for "cuda"; without an argument, of the accelerator or else the cpu.

    Args:
        device: a device or its name.

    Raises:
        RuntimeError: no device, or one whose type has no module.

    Example:
        >>> import plugrad
        >>> plugrad.get_device_module("cpu").device_count()
        1
    """
    if device is None:
        from .accelerator import current_accelerator

        device = current_accelerator() or get_default_device()
    if isinstance(device, str):
        kind = device if device in MODULES else device_class(device).type
    elif isinstance(device, device_class):
        kind = device.type
    else:
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    if kind not in MODULES:
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return importlib.import_module(f"..{kind}", __package__)


def typename(obj):
    """The name of an object's type: of a tensor as ``type()`` gives it, of a function or class its own, with its module.

    Example:
        >>> import plugrad
        >>> plugrad.typename(plugrad.ones(1)), plugrad.typename([1])
        ('torch.FloatTensor', 'list')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    named = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if named is None:
        obj = type(obj)
        named = obj.__qualname__
    module = getattr(obj, "__module__", None) or ""
    if module.startswith("plugrad.core.") and named in PRINTED:
        module = "torch"
    return named if module in ("", "builtins") else f"{module}.{named}"
