"""Attributes of modules that hold what was set: the names of ``torch.backends`` that steer libraries plugrad does not use.

A module gets such attributes by its class: ``hold(__name__, Flags)``. Any other attribute may be set on it, as on every module.
"""

import sys
from contextlib import contextmanager
from types import ModuleType

from .registry import spec_for, status

__all__ = ["Flag", "Held", "Precision", "hold", "is_installed", "is_usable", "set_some", "switched"]

PRECISIONS = ("none", "ieee", "tf32", "bf16")


class Flag:
    """An attribute that holds a bool; anything else is refused by the name of torch's setter."""

    def __init__(self, setter, value):
        self.setter, self.value = setter, value

    def __get__(self, owner, kind=None):
        return self.value

    def __set__(self, owner, value):
        if not isinstance(value, bool):
            raise RuntimeError(f"{self.setter} expects a bool, but got {type(value).__name__}")
        self.value = value


class Held:
    """An attribute that holds whatever is set."""

    def __init__(self, value):
        self.value = value

    def __get__(self, owner, kind=None):
        return self.value

    def __set__(self, owner, value):
        self.value = value


class Precision:
    """An attribute that holds the name of a precision for products of float32."""

    def __init__(self, value="none"):
        self.value = value

    def __get__(self, owner, kind=None):
        return self.value

    def __set__(self, owner, value):
        if value not in PRECISIONS:
            raise RuntimeError(f"Unknown precision: {value}")
        self.value = value


def hold(module, flags):
    """Give a module the attributes of a class; dir() lists them with the others."""
    kind = type(flags.__name__, (flags, ModuleType), {"__dir__": lambda self: [*vars(self), *_names(flags)]})
    sys.modules[module].__class__ = kind


def _names(flags):
    return [name for name in vars(flags) if not name.startswith("_")]


def set_some(module, names, values):
    """Set the attributes whose value is not None; returns all of them as they were."""
    module = sys.modules[module]
    before = tuple(getattr(module, name) for name in names)
    for name, value in zip(names, values, strict=True):
        if value is not None:
            setattr(module, name, value)
    return before


@contextmanager
def switched(module, names, values):
    """Attributes for a with-block."""
    before = set_some(module, names, values)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(sys.modules[module], name, value)


def is_usable(device_type):
    """Whether some backend serves a device type here."""
    try:
        spec_for(device_type)
    except RuntimeError:
        return False
    return True


def is_installed(device_type):
    """Whether a library for a device type is installed, whether or not there is such a device."""
    return any(
        device_type in found["device_types"] and found["version"] != "not installed" for found in status().values()
    )
