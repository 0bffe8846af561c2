"""Devices: a type and an index, and the namespace that serves them."""

from typing import Any

from ..backends import registry
from .dtypes import DTYPES
from .modes import DEFAULT_DEVICE, Defaults

_spaces: dict[object, Any] = {}


class device:
    """A device: ``device("cuda:1")``, ``device("cuda", 1)``; also a context manager that makes it the default.

    Raises:
        RuntimeError: no backend announces the type, or the text is not ``type`` or ``type:number``.

    Example:
        >>> import plugrad
        >>> plugrad.device("cuda:0") == plugrad.device("cuda", 0), plugrad.device("cpu")
        (True, device(type='cpu'))
    """

    __slots__ = ("_outer", "index", "type")

    def __init__(self, type, index=None):  # torch's name
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and index is None:
            type, index = "cuda", type
        elif isinstance(type, str):
            type, index = _parse(type, index)
        else:
            raise TypeError(f"Device(): argument 'type' (position 1) must be str, not {type.__class__.__name__}")
        self.type = type
        self.index = index
        self._outer = []

    def __repr__(self):
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type, self.index)

    def __enter__(self):
        self._outer.append(DEFAULT_DEVICE.get())
        DEFAULT_DEVICE.set(self)
        return self

    def __exit__(self, *exception):
        DEFAULT_DEVICE.set(self._outer.pop())


def _parse(text, index):
    if not text:
        raise RuntimeError("Device string must not be empty")
    kind, colon, number = text.partition(":")
    if colon and (index is not None or not number.isdigit()):
        if index is not None:
            raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {text}")
        raise RuntimeError(f"Invalid device string: '{text}'")
    known = registry.device_types()
    if kind not in known:
        from .errors import unknown_device

        raise unknown_device(text, kind, known)
    return kind, int(number) if colon else index


def space(where=None):
    """The namespace of a device (text, device object, or None for the default one), ready for tensors."""
    if where is None:
        where = DEFAULT_DEVICE.get() or Defaults.device or "cpu"
    try:
        return _spaces[where]
    except (KeyError, TypeError):
        found = where if isinstance(where, device) else device(where)
    xp = registry.namespace(found.type, found.index or 0)
    current = found.index is None and xp.device_count() > 1
    if current:  # "cuda" is whichever device is current
        xp = registry.namespace(found.type, type(xp).current_index())
    if not hasattr(xp, "tensors"):
        _prepare(xp)
    _spaces[xp.device if current else where] = xp
    return xp


def _prepare(xp):
    from .tensor_space import TensorSpace

    xp.device = device(xp.device_type, None if xp.device_type == "cpu" else xp.index)
    xp.to_dtype = {native: DTYPES[name] for native, name in xp.dtype_names.items()}
    xp.tensors = TensorSpace(xp)
    if xp.scope is not None:
        from .walk import Walk

        Walk.scoped = True


def get_default_device():
    """Return the device of new tensors: ``cpu`` unless set otherwise."""
    where = DEFAULT_DEVICE.get() or Defaults.device
    return device("cpu") if where is None else where


def set_default_device(where):
    """Set the device of new tensors for the process; None means ``cpu`` again."""
    Defaults.device = None if where is None else device(where) if isinstance(where, str) else where
